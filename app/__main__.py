"""`python -m app`: serves the app on the address in the settings."""

import gc

import uvicorn
from fastapi import FastAPI

from core.settings import settings


def serve() -> FastAPI:
    """The app, whose objects no later garbage collection walks through: with Gradio's 370,000 a full one takes half a second, and every stream waits."""
    from app.server import create_app

    app = create_app()
    gc.collect()
    gc.freeze()
    return app


def main() -> None:
    # Our own request log replaces uvicorn's access log, which would write query strings.
    uvicorn.run(
        serve,
        factory=True,
        host=settings().host,
        port=settings().port,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    main()
