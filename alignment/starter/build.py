"""`balancedbio starter build`: the starter model from nothing but the built-in knowledge base, the same one for the same seed."""

import argparse
import json
import os
import resource
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import torch
from pydantic import Field
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast, Qwen2ForCausalLM
from transformers.utils import logging as transformers_logging

from alignment.starter.card import Build, card
from alignment.starter.corpus import Mix, corpus
from alignment.starter.measure import Row, measure
from alignment.starter.model import Shape, new_model
from alignment.starter.packing import encode
from alignment.starter.pretrain import Report, Schedule, pretrain
from alignment.starter.tokenizer import train_tokenizer
from core.artifacts import new_artifact, write_text_atomically
from core.knowledge import Knowledge, knowledge
from core.settings import STARTER_MODEL_DIR
from core.types import Value, content_hash

TOKENIZER_TEXTS = 20_000


class Plan(Value):
    """Everything that decides the weights, apart from the knowledge base and the machine's arithmetic."""

    seed: int = Field(default=0, ge=0)
    mix: Mix = Field(default_factory=Mix)
    shape: Shape = Field(default_factory=Shape)
    schedule: Schedule = Field(default_factory=Schedule)


class Made(NamedTuple):
    model: Qwen2ForCausalLM
    tokenizer: PreTrainedTokenizerFast
    tokens: int
    loss: float


def build(out: Path, plan: Plan, threads: int, *, per_family: int = 40, console: Console | None = None) -> tuple[Row, ...]:
    """Makes the model in `out` (replaced as a whole) and returns its measured scores. Resumes a build of the same plan that was stopped.

    Raises ArtifactError when `out` cannot be written.
    """
    console = console or Console()
    torch.set_num_threads(threads)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    known = knowledge()
    started = time.monotonic()
    state = _state_path(out, plan, known)
    made = _train(plan, known, state, console)
    with console.status("Measuring"), _replaced(out) as draft:
        _save(made, draft)
        model, tokenizer = load(draft)
        rows = tuple(measure(model, tokenizer, known, per_family=per_family))
        facts = Build(
            parameters=sum(p.numel() for p in model.parameters()),
            texts=plan.mix.texts,
            tokens=made.tokens,
            loss=made.loss,
            seconds=time.monotonic() - started,
            peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            threads=threads,
            graph_version=known.graph.version,
            plan_hash=content_hash(plan.model_dump(mode="json"))[:16],
        )
        write_text_atomically(draft / "README.md", card(facts, plan.mix, rows))
        write_text_atomically(draft / "scores.json", json.dumps([r._asdict() for r in rows], indent=1))
    state.unlink(missing_ok=True)
    return rows


def load(folder: Path) -> tuple[Qwen2ForCausalLM, PreTrainedTokenizerFast]:
    """The model in float32 for measuring, and its tokenizer, through the same classes that everyone loads it with."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    return model, AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _train(plan: Plan, known: Knowledge, state: Path, console: Console) -> Made:
    with console.status("Learning the tokenizer"):
        sample = islice(corpus(known, plan.mix), TOKENIZER_TEXTS)
        tokenizer = train_tokenizer((m.content for text in sample for m in text.messages), plan.shape.vocabulary)
    with console.status("Writing the texts"):
        encoded = list(encode(corpus(known, plan.mix), tokenizer))
    model = new_model(plan.shape, tokenizer, plan.seed)
    with _progress(console) as report:
        loss = pretrain(model, encoded, plan.schedule, tokenizer.pad_token_id, state, report)
    return Made(model, tokenizer, sum(len(e.tokens) for e in encoded), loss)


@contextmanager
def _progress(console: Console) -> Iterator[Report]:
    """A bar with the time left; in a log file, where a bar cannot move, a line for every twentieth part."""
    columns = (
        TextColumn("Training"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} steps, loss {task.fields[loss]:.3f}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("training", total=None, loss=float("nan"))
        started = time.monotonic()

        def report(done: int, steps: int, loss: float) -> None:
            progress.update(task, completed=done, total=steps, loss=loss)
            if not console.is_terminal and done % max(1, steps // 20) == 0:
                console.print(f"step {done} of {steps}, loss {loss:.3f}, {time.monotonic() - started:.0f} s")

        yield report


def _state_path(out: Path, plan: Plan, known: Knowledge) -> Path:
    """Beside the target, named by all that decides the weights: another plan or graph never resumes it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    return out.parent / f".{out.name}-{content_hash([plan.model_dump(mode='json'), known.graph.version])[:12]}.state"


def _save(made: Made, folder: Path) -> None:
    half = made.model.to(torch.bfloat16)
    half.config.dtype = "bfloat16"
    half.save_pretrained(str(folder))
    made.tokenizer.save_pretrained(str(folder))
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors writes for the owner alone; the model is served by other users too


@contextmanager
def _replaced(out: Path) -> Iterator[Path]:
    """A folder that takes the place of `out` as a whole artifact on a clean exit."""
    fresh = out.with_name(f".{out.name}.{uuid4().hex[:8]}.new")
    with new_artifact(fresh) as draft:
        yield draft
    old = out.with_name(f".{out.name}.{uuid4().hex[:8]}.old")
    if out.exists():
        os.replace(out, old)
    os.replace(fresh, out)
    shutil.rmtree(old, ignore_errors=True)


def main(argv: Sequence[str]) -> int:
    """`starter build [--out DIR] [--texts N] [--threads N] [--seed N]`, `starter measure [--model DIR]`."""
    parser = argparse.ArgumentParser(prog="balancedbio starter", description="Make or measure the starter model.")
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("build", help="train it from scratch: about 20 minutes on 2 cores")
    making.add_argument("--out", type=Path, default=STARTER_MODEL_DIR)
    making.add_argument("--texts", type=int, default=Mix().texts, help="training texts; fewer is faster and worse")
    making.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    making.add_argument("--seed", type=int, default=0)
    measuring = commands.add_parser("measure", help="score a model by family of questions")
    measuring.add_argument("--model", type=Path, default=STARTER_MODEL_DIR)
    measuring.add_argument("--per-family", type=int, default=60)
    measuring.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args(list(argv))
    console = Console()
    if options.command == "build":
        plan = Plan(seed=options.seed, mix=Mix(texts=options.texts, seed=options.seed))
        rows = build(options.out, plan, options.threads, console=console)
    else:
        torch.set_num_threads(options.threads)
        rows = tuple(measure(*load(options.model), knowledge(), per_family=options.per_family))
    for row in rows:
        scores = zip(("greedy", "unseen", "sampled", "open book"), row[3:], strict=True)
        console.print(f"{row.capability.value:12} {row.family:48} n={row.items:4} " + "  ".join(f"{name} {v:.2f}" for name, v in scores if v is not None))
    return 0
