"""A scripted model behind a real HTTP server on a real socket: it plays good and bad endpoints. No language model is involved."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Scripted:
    """What the endpoint answers, and what it was asked."""

    def __init__(self, answer: Callable[[list[dict], int], object]) -> None:
        self.answer = answer
        """Gets the messages and how many requests came before; returns the reply, a number (HTTP status), or "hang", "html", "cut"."""
        self.requests: list[dict] = []
        self.keys: list[str] = []
        self.traces: list[str | None] = []
        """The `traceparent` of each request."""
        self.released = threading.Event()
        self.url = ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # an endpoint is asked 16 things at once; Python's 5 would refuse some


@contextmanager
def serving(answer) -> Iterator[Scripted]:
    script = Scripted(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            number = len(script.requests)
            script.requests.append(body)
            script.keys.append(self.headers.get("Authorization", ""))
            script.traces.append(self.headers.get("traceparent"))
            reply = script.answer(body["messages"], number)
            if reply == "hang":
                script.released.wait(20)
                self.close_connection = True
            elif reply == "html":
                self._send(200, "text/html; charset=utf-8", "<html><body>Please sign in</body></html>")
            elif isinstance(reply, int):
                self._send(reply, "application/json", json.dumps({"error": {"message": f"refused {self.headers.get('Authorization')}"}}))
            else:
                reason = "length" if reply == "cut" else "stop"
                if not body.get("stream"):
                    choice = {"index": 0, "message": {"role": "assistant", "content": str(reply)}, "finish_reason": reason}
                    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
                    whole = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
                    self._send(200, "application/json", json.dumps(whole))
                    return
                events = [{"delta": {"content": str(reply)}, "finish_reason": None}, {"delta": {}, "finish_reason": reason}]
                chunks = [{"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [{"index": 0, **e}]} for e in events]
                self._send(200, "text/event-stream", "".join(f"data: {json.dumps(c)}\n\n" for c in chunks) + "data: [DONE]\n\n")

        def _send(self, status, kind, text):
            content = text.encode("utf-8", "surrogatepass")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    script.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield script
    finally:
        script.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
