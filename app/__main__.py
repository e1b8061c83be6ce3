"""`python -m app`: serves the app on the address in the settings."""

import uvicorn

from core.settings import settings


def main() -> None:
    # Our own request log replaces uvicorn's access log, which would write query strings.
    uvicorn.run(
        "app.server:create_app",
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
