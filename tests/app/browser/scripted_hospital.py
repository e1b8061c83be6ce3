"""The real app on real ports for browser tests; only the model behind it is scripted (`ScriptedChat`), and says so by its name.

Run by hand to look at the pages: `python -m tests.app.browser.scripted_hospital`.
"""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import uvicorn

from app.server import create_app
from core.errors import Unavailable
from core.llm import Chunk
from core.settings import settings
from core.types import Message

REPLIES = {
    "gout": "<think> gout is treated by an anti-inflammatory drug. </think> The first-line treatment of gout is naproxen. "
    "Gout is treated by insulin. Gout is treated by <b>colchicine</b><script>document.title='owned'</script>.",
    "pneumonia": "Community-acquired pneumonia is treated by amoxicillin.\n\n- **Confirm** with a chest X-ray\n- Review after 48 hours",
    "chest pain": "This can be a heart attack. Call emergency services at once.",
    "slow": " ".join(f"Sentence number {n} of a slow reply." for n in range(200)),
    "osteoarthritis": "<think> Naproxen is first line. </think> Naproxen is contraindicated in congestive heart failure [5]. "
    "An alternative treatment of osteoarthritis is paracetamol [3]. Drink water for osteoarthritis of the knee with colchicine [1].",
    "penicillin": "Give amoxicillin 500 mg three times a day.",
}


class SlowScriptedChat:
    """Answers by the first key of `replies` that the question holds, word by word."""

    def __init__(self, replies: Mapping[str, str] = REPLIES, seconds_per_word: float = 0.02) -> None:
        self._replies, self._seconds = replies, seconds_per_word
        self.aborted = 0
        """Replies that the caller did not read to their end."""

    async def stream(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncIterator[Chunk]:
        question = messages[-1].content.rpartition("\nQuestion: ")[2].lower()  # what stands before it are facts
        if "unavailable" in question:
            raise Unavailable("The model endpoint does not answer; try again shortly")
        words = next((reply for key, reply in self._replies.items() if key in question), "I do not know.").split(" ")
        is_whole = False
        try:
            for position, word in enumerate(words):
                await asyncio.sleep(self._seconds)
                yield Chunk(text=word if position == 0 else f" {word}")
            is_whole = True
            yield Chunk(finish_reason="stop", prompt_tokens=1, completion_tokens=len(words))
        finally:
            self.aborted += not is_whole


class Served:
    """The app behind uvicorn in a thread of this process."""

    def __init__(self, chat: SlowScriptedChat) -> None:
        self.chat = chat
        self._server = uvicorn.Server(uvicorn.Config(create_app(chat), host="127.0.0.1", port=settings().port, log_level="error"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> "Served":
        self._thread.start()
        deadline = time.monotonic() + 30
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the app did not start")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=20)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{settings().port}"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
