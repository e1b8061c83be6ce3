"""The app: one process that serves the API, the sign-in pages and, mounted on the same origin, the two Gradio pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from fastapi import FastAPI
from starlette.responses import RedirectResponse

from app.gateway import audit_trail, chat, checkpoints, feedback, health, login, metrics, oidc, openapi, people, rounds
from app.gateway.door import PAGES, Door, visitor
from app.gateway.errors import handle_errors
from app.gateway.house import House
from app.gateway.request_log import RequestLog
from app.gateway.throttle import Throttle
from app.gateway.windows import Windows
from core.knowledge import Knowledge
from core.llm import ChatModel, OpenAIChat
from core.logging import configure_logging
from core.settings import settings
from core.tracing import start_tracing

_LOGINS_AT_ONCE = 2


def create_app(chat_model: ChatModel | None = None, known: Knowledge | None = None, *, pages: bool = True) -> FastAPI:
    """The wired application. Without arguments it talks to vLLM and knows what is imported, else the built-in base; `pages=False` leaves Gradio out."""
    configure_logging(settings().log_level)
    start_tracing("balancedbio-app")
    windows = Windows(settings().redis_url)
    upstream = chat_model or OpenAIChat(settings().vllm_url, timeout_seconds=settings().request_timeout_seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        windows.close()
        if isinstance(upstream, OpenAIChat):
            await upstream.close()

    app = FastAPI(title="BalancedBio", version="1", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.house = House(upstream, known)
    app.state.windows = windows
    app.state.provider = oidc.Provider() if settings().oidc_issuer else None
    app.state.login_throttle = Throttle(windows)
    app.state.login_limiter = CapacityLimiter(_LOGINS_AT_ONCE)
    handle_errors(app)
    for room in (chat, feedback, rounds, checkpoints, people, audit_trail, login, oidc, health, metrics, openapi):
        app.include_router(room.router)

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/chat", status_code=303)

    if pages:
        _mount_pages(app)
    app.add_middleware(Door)
    app.add_middleware(RequestLog)
    return app


def _mount_pages(app: FastAPI) -> None:
    # Importing Gradio takes seconds; commands and tests that need no page do not pay for it.
    import gradio

    from app.admin import page as admin_page
    from app.chat import page as chat_page
    from app.look import mount_options

    for path, page in zip(PAGES, (chat_page, admin_page), strict=True):
        gradio.mount_gradio_app(app, page.build(), path=path, auth_dependency=visitor, max_file_size=settings().max_request_bytes, **mount_options())
