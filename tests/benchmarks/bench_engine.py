"""What sitting an exam costs beside the model: our loop, its marks and its transcript, against a bare loop and against Inspect's own runner.

All ask the same 2,000 questions of the same scripted endpoint on a real socket, in a process of its own, that answers after 5 ms; 32 at a time.
The bare loop has the same client (the openai package, streaming); once it only asks, once it marks the replies too.
The endpoint is one of its own: the threads of `tests.scripted_endpoint` would be what is measured.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from core.knowledge import builtin
from core.knowledge.evidence import with_evidence
from core.llm import OpenAIChat, complete
from core.types import EvalReport, ExamItem
from evals.run import SEED, TEMPERATURE, run_suite
from evals.scorers import score_reply
from evals.suites import Suite, load_suite
from evals.transcript import write_transcript
from tests.benchmarks.rows import Row

ITEMS, AT_ONCE, SECONDS, MOST = 2_000, 32, 0.005, 1.3
ITEMS_OF_INSPECT = 300
"""Its runner takes so long for 2,000 that fewer must do; what starts it is not counted."""
REPEATS = 3

ENDPOINT = """
import asyncio, json, sys
WORDS = ["The ", "usual ", "first-line ", "treatment ", "is ", "amoxicillin."]
event = lambda **more: b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **more}).encode() + b"\\n\\n"
choice = lambda delta, reason: [{"index": 0, "delta": delta, "finish_reason": reason}]
USAGE = {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15}
STREAM = b"".join(event(choices=choice({"content": w}, None)) for w in WORDS) + event(choices=choice({}, "stop"))
STREAM += event(choices=[], usage=USAGE) + b"data: [DONE]\\n\\n"
MESSAGE = {"role": "assistant", "content": "".join(WORDS)}
WHOLE = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}]}
WHOLE = json.dumps(WHOLE | {"usage": USAGE}).encode()
async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\\r\\n\\r\\n")).decode().lower()
            length = int(head.split("content-length:")[1].split("\\r\\n")[0])
            asked = json.loads(await reader.readexactly(length))
            await asyncio.sleep(float(sys.argv[1]))
            kind, body = ("text/event-stream", STREAM) if asked.get("stream") else ("application/json", WHOLE)
            writer.write(f"HTTP/1.1 200 OK\\r\\ncontent-type: {kind}\\r\\ncontent-length: {len(body)}\\r\\n\\r\\n".encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""

INSPECT = """
import sys, time
from inspect_ai import eval
from inspect_ai.model import get_model
from tests.benchmarks.bench_engine import suite
import evals.tasks
evals.tasks.load_suite = lambda _: suite(int(sys.argv[4]))
task = evals.tasks.exam("starter")
began, cpu = time.perf_counter(), time.process_time()
[log] = eval(task, model=get_model("openai-api/local/m", base_url=sys.argv[1], api_key="none"), log_dir=sys.argv[2], log_samples=sys.argv[3] == "yes",
    max_connections=32, max_samples=32, log_realtime=False, score_display=False, log_images=False, log_model_api=False, display="none")
assert log.status == "success", log.error
print(time.perf_counter() - began)
"""


def suite(count: int = ITEMS) -> Suite:
    """The starter exam, some of its questions twice: the second time under another id."""
    asked = islice(enumerate(cycle(load_suite("starter").items)), count)
    return Suite("starter", tuple(i.model_copy(update={"depth": 1 + n // len(load_suite("starter").items)}) for n, i in asked))


def rows() -> Iterator[Row]:
    items, knowledge = suite(), builtin()
    with _endpoint() as url, tempfile.TemporaryDirectory() as folder:
        asking, marking, ours = list[float](), list[float](), list[float]()
        for _ in range(REPEATS):  # in turn: a neighbour of this machine that comes or goes meets all of them
            asking.append(_seconds(lambda: asyncio.run(_bare(items, url, lambda *_: None))))
            marking.append(_seconds(lambda: asyncio.run(_bare(items, url, lambda item, reply: score_reply(item, reply, knowledge)))))
            ours.append(_seconds(lambda: _exam(items, url, Path(folder))))
        for name, seconds in (("bare loop, asking", asking), ("bare loop, asking and marking", marking), ("exam with its transcript", ours)):
            yield Row("engine", name, median(seconds), "s", note=f"{ITEMS:,} items; {', '.join(f'{s:.2f}' for s in seconds)}")
        for name, bare, bar in (("asking and marking", marking, True), ("asking only", asking, False)):
            ratio = median(o / b for o, b in zip(ours, bare, strict=True))
            yield Row("engine", f"exam against the bare loop, {name}", ratio, "times", f"<= {MOST}" if bar else "", ratio <= MOST if bar else None)
        for name, samples in (("with its log", "yes"), ("without a log of samples", "no")):
            theirs = _inspect(url, folder, samples) / ITEMS_OF_INSPECT
            times = theirs / (median(marking) / ITEMS)
            note = f"{ITEMS_OF_INSPECT} items, once; {times:.1f} times the bare loop that marks"
            yield Row("engine", f"Inspect's own runner {name}", 1000 * theirs, "ms an item", note=note)


async def _bare(items: Suite, url: str, mark: Callable[[ExamItem, str], object]) -> None:
    chat, gate = OpenAIChat(url), asyncio.Semaphore(AT_ONCE)

    async def one(item: ExamItem) -> None:
        async with gate:
            options = {"temperature": TEMPERATURE, "seed": SEED, "max_tokens": item.reply_tokens}
            reply, _ = await complete(chat, "m", with_evidence(item.messages, item.evidence), options)
        mark(item, reply)

    await asyncio.gather(*(one(item) for item in items.items))
    await chat.close()


def _exam(items: Suite, url: str, folder: Path) -> None:
    async def sit() -> EvalReport:
        chat = OpenAIChat(url)
        try:
            return await run_suite(items, chat, "m", builtin())
        finally:
            await chat.close()

    write_transcript(asyncio.run(sit()), items, folder)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _inspect(url: str, folder: str, samples: str) -> float:
    command = [sys.executable, "-c", INSPECT, url, folder, samples, str(ITEMS_OF_INSPECT)]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


@contextmanager
def _endpoint() -> Iterator[str]:
    server = subprocess.Popen([sys.executable, "-c", ENDPOINT, str(SECONDS)], stdout=subprocess.PIPE, text=True)
    assert server.stdout
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
    finally:
        server.terminate()
        server.wait()
