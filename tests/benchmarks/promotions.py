"""`make bench-promotions`: checkpoints are promoted back and forth while 16 clients stream, and every reply is accounted for.

The whole product runs (`balancedbio up`, the starter model in float32, adapters with random weights): each promotion goes through API, queue,
worker, load, fingerprint, flip. Beforehand every checkpoint is asked every question alone. Then each greedy reply under load must be, to the
letter, what the checkpoint that it names says alone; and no request may fail. More adapters than are kept, so that promotions also load and unload.
"""

import argparse
import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

import openai

from core.settings import ROOT
from tests.stack import Stack, started

CLIENTS, REPLY_TOKENS = 16, 24
ADAPTERS = ("promoted-1", "promoted-2", "promoted-3", "promoted-4", "promoted-5")
QUESTIONS = (
    "What is the first-line treatment of gout?",
    "Which investigation confirms asthma?",
    "Name a drug for hypertension.",
    "What are the symptoms of migraine?",
    "Is ibuprofen safe with warfarin?",
    "How is type 2 diabetes treated first?",
    "What should a patient with heart failure avoid?",
    "Which drug treats epilepsy?",
)
_PATIENCE_SECONDS = 300.0

REGISTER = """
import sys
from pathlib import Path
from core import store
from core.artifacts import new_artifact, verify_artifact
from core.db import unit_of_work
from core.settings import settings
from core.states import CheckpointStatus
from core.tables import Checkpoint, utc_now
from tests.workers.serving.random_model import save_random_adapter
for seed, name in enumerate(sys.argv[1:]):
    folder = settings().data_dir.resolve() / "checkpoints" / name
    with new_artifact(folder) as draft:
        save_random_adapter(Path(settings().base_model_path), draft, seed)
    with unit_of_work() as session:
        base = store.base_of(session, store.production(session))
        store.add_candidate(session, Checkpoint(id=name, parent_id=base.id, base_model=base.base_model, uri=str(folder), sha256=verify_artifact(folder),
                                                status=CheckpointStatus.RETIRED, promoted_at=utc_now()))
"""


class Reply(NamedTuple):
    question: str
    checkpoint_id: str
    text: str
    seconds: float
    across: bool
    """A flip lay between its first and its last moment."""


class Result(NamedTuple):
    replies: tuple[Reply, ...]
    failures: tuple[str, ...]
    flips: tuple[float, ...]
    """Seconds from the wish to the flip, of each promotion."""
    alone: Mapping[tuple[str, str], str]
    """What a checkpoint says to a question when nobody else asks."""
    seconds: float

    @property
    def differing(self) -> tuple[Reply, ...]:
        """Replies that are not what their checkpoint says alone."""
        return tuple(r for r in self.replies if r.text != self.alone[r.checkpoint_id, r.question])

    @property
    def telling(self) -> float:
        """Share of the replies whose text no other checkpoint says to that question: these would show a wrong attribution."""
        told = Counter((question, text) for (_, question), text in self.alone.items())
        return fmean(told[r.question, r.text] == 1 for r in self.replies)

    @property
    def summary(self) -> str:
        seconds = sorted(r.seconds for r in self.replies)
        named = len({r.checkpoint_id for r in self.replies})
        return "\n".join(
            (
                f"{len(self.replies):,} replies from {named} checkpoints to {CLIENTS} clients in {self.seconds:.0f} s, {len(self.flips)} promotions",
                f"failed: {len(self.failures)}; not what the named checkpoint says alone: {len(self.differing)}",
                f"replies that no other checkpoint could have given: {self.telling:.0%}",
                f"replies that ran across a flip: {sum(r.across for r in self.replies)}",
                f"seconds to a reply: median {median(seconds):.2f}, 95 % {seconds[int(0.95 * len(seconds))]:.2f}, longest {seconds[-1]:.2f}",
                f"seconds from the wish to the flip: median {median(self.flips):.2f}, longest {max(self.flips):.2f}",
            )
        )


def measure(stack: Stack, promotions: int, requests: int) -> Result:
    """Leaves in production what was there before."""
    before = _production(stack)
    subprocess.run([sys.executable, "-c", REGISTER, *ADAPTERS], env={**stack.env, "HF_HUB_OFFLINE": "1"}, cwd=ROOT, check=True)
    try:
        return asyncio.run(_Load(stack).run((before, *ADAPTERS), promotions, requests))
    finally:
        _promote(stack, before)


class _Load:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._client = openai.AsyncOpenAI(base_url=f"{stack.address}/v1", api_key=stack.key, max_retries=0, timeout=_PATIENCE_SECONDS)
        self._replies: list[Reply] = []
        self._failures: list[str] = []
        self._flips: list[float] = []
        self._is_over = False

    async def run(self, checkpoints: tuple[str, ...], promotions: int, requests: int) -> Result:
        async with self._client:
            return await self._run(checkpoints, promotions, requests)

    async def _run(self, checkpoints: tuple[str, ...], promotions: int, requests: int) -> Result:
        alone = {}
        for checkpoint_id in checkpoints:
            await self._promote(checkpoint_id)
            for question in QUESTIONS:
                reply = await self._ask(question)
                assert reply.checkpoint_id == checkpoint_id
                alone[checkpoint_id, question] = reply.text
        self._flips.clear()
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            clients = [group.create_task(self._keep_asking(n)) for n in range(CLIENTS)]
            for number in range(promotions):
                await self._promote(checkpoints[number % len(checkpoints)])
                while self._asked < requests * (number + 1) / promotions:
                    await asyncio.sleep(0.02)
            self._is_over = True
            await asyncio.wait(clients)
        return Result(tuple(self._replies), tuple(self._failures), tuple(self._flips), alone, time.monotonic() - began)

    @property
    def _asked(self) -> int:
        return len(self._replies) + len(self._failures)

    async def _promote(self, checkpoint_id: str) -> None:
        self._flips.append(await asyncio.to_thread(_promote, self._stack, checkpoint_id))

    async def _keep_asking(self, client: int) -> None:
        for number in itertools.count(client):
            if self._is_over:
                return
            try:
                self._replies.append(await self._ask(QUESTIONS[number % len(QUESTIONS)]))
            except openai.OpenAIError as error:
                self._failures.append(repr(error))

    async def _ask(self, question: str) -> Reply:
        began, flips = time.monotonic(), len(self._flips)
        messages = [{"role": "user", "content": question}]
        asked = {"model": "balancedbio", "messages": messages, "temperature": 0, "max_tokens": REPLY_TOKENS}
        stream = await self._client.chat.completions.create(**asked, stream=True)
        text, named = "", set()
        async for chunk in stream:
            text += chunk.choices[0].delta.content or ""
            named.add(chunk.model)
        [checkpoint_id] = named
        return Reply(question, checkpoint_id, text, time.monotonic() - began, across=len(self._flips) > flips)


def _promote(stack: Stack, checkpoint_id: str) -> float:
    """Returns when it is in production, after so many seconds."""
    began = time.monotonic()
    if _production(stack) != checkpoint_id:
        stack.api("POST", f"checkpoints/{checkpoint_id}/promote")
    while _production(stack) != checkpoint_id:
        assert time.monotonic() < began + _PATIENCE_SECONDS, f"{checkpoint_id} does not come into production"
        time.sleep(0.05)
    return time.monotonic() - began


def _production(stack: Stack) -> str:
    return next(str(c["id"]) for c in stack.api("GET", "checkpoints")["data"] if c["status"] == "production")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-promotions", description=__doc__)
    parser.add_argument("--promotions", type=int, default=50)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--replicas", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, started(Path(folder), asked.replicas) as stack:
        result = measure(stack, asked.promotions, asked.requests)
    print(f"{asked.replicas} vLLM on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end")
    print(result.summary)
    for failure in result.failures[:5]:
        print(f"failed: {failure}")
    for reply in result.differing[:5]:
        print(f"{reply.checkpoint_id} to {reply.question!r}: {reply.text!r}, alone {result.alone[reply.checkpoint_id, reply.question]!r}")
    return 1 if result.failures or result.differing else 0


if __name__ == "__main__":
    sys.exit(main())
