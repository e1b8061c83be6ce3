"""A gateway of a few fixed answers on a real port, for commands that speak to the running stack."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]
Routes = dict[str, Answer | Callable[[dict[str, Any]], Answer]]


@contextmanager
def serving(routes: Routes, host: str = "127.0.0.1") -> Iterator[int]:
    """Serves `routes` ("GET /v1/rounds" -> (status, JSON or list of events)) and gives the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
            found = routes.get(f"{self.command} {self.path}", (404, {"error": {"message": f"no {self.command} {self.path}"}}))
            status, content = found(body) if callable(found) else found
            self.send_response(status)
            self.end_headers()
            if isinstance(content, list):
                for event in content:
                    self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
                self.wfile.write(b"data: [DONE]\n\n")
            else:
                self.wfile.write(content if isinstance(content, bytes) else json.dumps(content).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
