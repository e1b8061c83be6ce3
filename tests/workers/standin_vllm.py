"""A stand-in for vLLM's HTTP endpoints: it knows names, not weights, and answers every question with one sentence.

`python standin_vllm.py PORT BASE_NAME SECONDS_PER_ANSWER [ADAPTER=FOLDER ...]`. Real vLLM is in `serving/test_real_vllm.py`.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOG_PROBABILITY = -1.0
"""Of every token, whatever the model."""


class Endpoint(BaseHTTPRequestHandler):
    names: dict[str, str]
    seconds: float

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        self._answer(200, {"data": [{"id": name} for name in self.names]} if self.path == "/v1/models" else {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/load_lora_adapter":
            if not Path(body["lora_path"]).exists():
                return self._answer(404, {"error": {"message": "No adapter found"}})
            self.names[body["lora_name"]] = body["lora_path"]
            return self._answer(200, {})
        if self.path == "/v1/unload_lora_adapter":
            self.names.pop(body["lora_name"], None)
            return self._answer(200, {})
        if body["model"] not in self.names:
            return self._answer(404, {"error": {"message": f"The model {body['model']} does not exist", "type": "NotFoundError", "code": 404}})
        time.sleep(self.seconds)
        if "prompt_logprobs" in body:
            told = [None, *({str(token): {"logprob": LOG_PROBABILITY}} for token in body["prompt"][1:])]
            return self._answer(200, {"choices": [{"prompt_logprobs": told}]})
        common = {"id": "1", "created": 0, "model": body["model"]}
        if not body.get("stream"):
            message = {"role": "assistant", "content": "Rest."}
            return self._answer(200, {**common, "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        chunks = [
            {**common, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Rest."}, "finish_reason": "stop"}]},
            {**common, "object": "chat.completion.chunk", "choices": [], "usage": usage},
        ]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write("".join(f"data: {json.dumps(c)}\n\n" for c in chunks).encode() + b"data: [DONE]\n\n")
        return None


def main() -> None:
    port, base, seconds, *adapters = sys.argv[1:]
    Endpoint.names = {base: "", **dict(a.split("=", 1) for a in adapters)}
    Endpoint.seconds = float(seconds)
    ThreadingHTTPServer.request_queue_size = 128  # an exam asks 16 questions at a time; the default refuses the sixth
    ThreadingHTTPServer(("127.0.0.1", int(port)), Endpoint).serve_forever()


if __name__ == "__main__":
    main()
