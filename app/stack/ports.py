"""Who listens where."""

import socket

import psutil

from app.stack.processes import Endpoint
from core.errors import Conflict


def is_free(endpoint: Endpoint) -> bool:
    """Whether we could listen there now."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((endpoint.host, endpoint.port))
            probe.listen(1)
        except OSError:
            return False
    return True


def require_free(endpoint: Endpoint, purpose: str) -> None:
    """Raises Conflict: which port, held by whom, and the setting to change."""
    if not is_free(endpoint):
        raise Conflict(
            f"Port {endpoint.port} (for {purpose}) is taken{holder(endpoint.port)}: stop that, "
            f"or choose another with {endpoint.setting} in .env or the environment"
        )


def holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.AccessDenied, psutil.NoSuchProcess, OSError):
        return ""
    return " by another user's process"
