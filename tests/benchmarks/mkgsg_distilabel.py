"""The job of `bench_mkgsg` written on distilabel: the same cases, the same words, the same validator, as three steps of a pipeline.

Run by the benchmark with the interpreter of an environment that has distilabel (it pins other versions of what we use):
`python mkgsg_distilabel.py ITEMS BATCH REPO SITE_PACKAGES`. Prints one line of JSON. Nothing is asked of a language model.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

ITEMS, BATCH, REPO, PACKAGES = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
sys.path[:0] = [REPO]
sys.path.append(PACKAGES)  # behind distilabel's own, for what it has not

from distilabel.pipeline import Pipeline  # noqa: E402  # after the paths above
from distilabel.steps import GeneratorStep, Step, StepInput  # noqa: E402  # after the paths above

CLOCK = Path(os.environ["MKGSG_CLOCK"])


def note(step: str, valid: int = 0) -> None:
    """What this step's process has used so far, and what its batch gave."""
    with CLOCK.open("a") as clock:
        clock.write(f"{step} {time.process_time()} {valid}\n")


class Draw(GeneratorStep):
    """Which case comes next, by its place in the list: what a step hands on must be data."""

    items: int

    def load(self) -> None:
        super().load()
        from tests.benchmarks.bench_mkgsg import Cases

        self._cases = Cases()

    @property
    def outputs(self) -> list[str]:
        return ["family", "number"]

    def process(self, offset: int = 0) -> Any:
        rows = []
        for done, (family, number) in enumerate(self._cases.draw(self.items), start=1):
            rows.append({"family": family, "number": number})
            if len(rows) == self.batch_size or done == self.items:
                note("draw")
                yield rows, done == self.items
                rows = []


class Word(Step):
    def load(self) -> None:
        super().load()
        from tests.benchmarks.bench_mkgsg import Cases

        self._cases = Cases()

    @property
    def inputs(self) -> list[str]:
        return ["family", "number"]

    @property
    def outputs(self) -> list[str]:
        return ["item", "question", "reply"]

    def process(self, inputs: StepInput) -> Any:
        for row in inputs:
            written = self._cases.word(row["family"], row["number"])
            row |= {"item": written.model_dump_json(), "question": written.sample.messages[0].content, "reply": written.completion}
        note("word")
        yield inputs


class Check(Step):
    def load(self) -> None:
        super().load()
        from tests.benchmarks.bench_mkgsg import Cases

        self._cases = Cases()

    @property
    def inputs(self) -> list[str]:
        return ["item"]

    @property
    def outputs(self) -> list[str]:
        return ["reason"]

    def process(self, inputs: StepInput) -> Any:
        from alignment.mkgsg.generate import Written

        reasons = self._cases.reasons([Written.model_validate_json(row["item"]) for row in inputs])
        for row, reason in zip(inputs, reasons, strict=True):
            row["reason"] = reason or ""
        note("check", sum(not row["reason"] for row in inputs))
        yield inputs


def main() -> None:
    with Pipeline(name="mkgsg") as pipeline:
        Draw(items=ITEMS, batch_size=BATCH) >> Word(input_batch_size=BATCH) >> Check(input_batch_size=BATCH)
    loaded: list[float] = []
    threading.Thread(target=_when_loaded, args=(loaded,), daemon=True).start()
    pipeline.run(use_cache=False)
    by_step: dict[str, list[tuple[float, int]]] = {}
    for line in CLOCK.read_text().splitlines():
        step, cpu, valid = line.split()
        by_step.setdefault(step, []).append((float(cpu), int(valid)))
    # Steady state: every process from the end of its first batch to the end of its last, and what hands the batches around.
    seconds = sum(notes[-1][0] - notes[0][0] for notes in by_step.values()) + time.process_time() - loaded[0]
    print(json.dumps({"valid": sum(valid for _, valid in by_step["check"][1:]), "seconds": seconds}))


def _when_loaded(loaded: list[float]) -> None:
    while not CLOCK.exists() or "check" not in CLOCK.read_text():
        time.sleep(0.02)
    loaded.append(time.process_time())


if __name__ == "__main__":
    main()
