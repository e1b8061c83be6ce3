"""mkgsg: synthetic items from the knowledge graph, as a corpus on disk or a few to look at."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.console import errors, out
from core.errors import BadInput
from core.knowledge import Knowledge, knowledge
from core.types import content_hash
from evals.wanted import wanted

# What makes and stores items is loaded when it is asked for: arrays, Parquet and plots take a second to import.
if TYPE_CHECKING:
    from alignment.mkgsg.generate import Written
    from alignment.mkgsg.manifest import DatasetManifest
    from alignment.mkgsg.run import Exam

app = typer.Typer(no_args_is_help=True, help="Make synthetic questions and answers from the knowledge graph, every claim checked.")

_LINE_SECONDS = 10.0
"""Where there is no terminal, a line is printed this often."""
_RATE_SECONDS = 60.0

_Families = Annotated[list[str] | None, typer.Option("--family", help="Only this kind of item; may be repeated. Default: all.")]
_Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed and graph give the same items.")]
_Topics = Annotated[list[str] | None, typer.Option("--topic", help="Id of a concept that items should rather be about; may be repeated.")]


@app.command("generate")
def generate(
    target: Annotated[Path, typer.Option("--out", help="Folder to make. Run the same command again to go on after a stop.")],
    items: Annotated[int, typer.Option("--n", min=1, max=10_000_000, help="How many items.")] = 10_000,
    seed: _Seed = 0,
    families: _Families = None,
    topics: _Topics = None,
    max_depth: Annotated[int, typer.Option(min=1, max=4, help="Most edges of the graph that an answer may need, of the 4 that there are.")] = 3,
    open_book: Annotated[float, typer.Option(min=0, max=1, help="Share of the items that come with evidence.")] = 0.3,
    lacking: Annotated[float, typer.Option(min=0, max=1, help="Share of those whose evidence does not hold the answer.")] = 0.12,
    exam: Annotated[str, typer.Option(help="Nothing that this exam asks gets in; `none` excludes nothing.")] = "starter",
    tries: Annotated[int, typer.Option(min=0, max=64, help="Let --policy try each item; drop what it never or always solves.")] = 0,
    policy: Annotated[str, typer.Option(help="Model that tries the items, as its endpoint names it.")] = "",
    policy_url: Annotated[str, typer.Option(help="Its OpenAI-compatible address.")] = "http://127.0.0.1:8200/v1",
    teacher: Annotated[str, typer.Option(help="Model that words the items, as its endpoint names it. Default: a grammar.")] = "",
    teacher_url: Annotated[str, typer.Option(help="Its OpenAI-compatible address; the key is read from TEACHER_API_KEY.")] = "",
) -> None:
    """Write a corpus: Parquet shards, a data card with plots, and a manifest last. A run that was stopped goes on where it was."""
    from alignment.mkgsg.attempts import Attempts
    from alignment.mkgsg.endpoint import Endpoint
    from alignment.mkgsg.plan import Plan
    from alignment.mkgsg.run import run
    from alignment.mkgsg.source import families_of
    from alignment.mkgsg.teacher import Teacher, teacher_endpoint

    if bool(tries) != bool(policy) or tries == 1:
        raise BadInput("--tries (at least 2) and --policy go together")
    if bool(teacher) != bool(teacher_url):
        raise BadInput("--teacher and --teacher-url go together")
    known, excluded = knowledge(), _exam(exam)
    plan = Plan(
        items=items,
        seed=seed,
        families=tuple(f for own in families_of(families or ("wide",)).values() for f in own),
        max_depth=max_depth,
        topics=_known_topics(topics or (), known),
        open_book=open_book,
        lacking=lacking,
        graph_version=known.graph.version,
        excluded=content_hash([sorted(excluded.hashes), sorted(excluded.grams)])[:16] if excluded.hashes else "",
        teacher=teacher,
        policy=policy,
        tries=tries,
    )
    with ExitStack() as opened:
        trying = Attempts(opened.enter_context(Endpoint.at(policy_url, policy)), known, tries) if tries else None
        wording = Teacher(opened.enter_context(teacher_endpoint(teacher_url, teacher)), known) if teacher else None
        try:
            with _progress(items) as report:
                manifest = run(target, plan, known, exam=excluded, teacher=wording, attempts=trying, on_progress=report)
        except KeyboardInterrupt:
            errors.print("Stopped. Finished shards are kept: the same command goes on from there.", highlight=False)
            raise typer.Exit(130) from None
    _summary(target, manifest)


@app.command("show")
def show(
    folder: Annotated[Path | None, typer.Argument(help="A corpus. Default: items are made for the occasion.")] = None,
    count: Annotated[int, typer.Option("--n", min=1, max=100_000, help="How many.")] = 3,
    families: _Families = None,
    topics: _Topics = None,
    seed: _Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, for other tools.")] = False,
) -> None:
    """Look at a few items: question, evidence, reply, and what counts as right."""
    from alignment.mkgsg.source import families_of

    wanted = tuple(f for own in families_of(families or ("wide",)).values() for f in own)
    known = knowledge()
    written = _stored(folder, wanted) if folder else _fresh(known, count, wanted, _known_topics(topics or (), known), seed)
    for item in islice(written, count):
        if as_json:
            print(item.model_dump_json())
        else:
            _print_item(item, known)


def _fresh(known: Knowledge, count: int, families: Sequence[str], topics: Sequence[str], seed: int) -> "Iterator[Written]":
    import random

    from alignment.mkgsg.pipeline import Books, generate
    from alignment.mkgsg.source import enumerate_cases, families_of

    cases = enumerate_cases(known.graph, families)
    by_capability = {c: own for c, own in families_of(families).items() if own}
    each = -(-count // len(by_capability))
    # One of every family at least, so that a few to look at are a few of all.
    counts = {c: max(each, len(own)) for c, own in by_capability.items()}
    made = list(generate(known, counts, seed=seed, topics=topics, cases=cases, books=Books(open=0.3)))
    random.Random(seed).shuffle(made)
    return iter(made)


def _stored(folder: Path, families: Sequence[str]) -> "Iterator[Written]":
    from alignment.mkgsg.generate import Written
    from alignment.mkgsg.shards import read_rows, sample_of, shard_paths

    paths = shard_paths(folder)
    if not paths:
        raise BadInput(f"{folder} holds no items; was it made by `mkgsg generate`, and is it finished?")
    for path in paths:
        for row in read_rows(path):
            if row["family"] in families:
                yield Written(sample=sample_of(row), completion=row["reply"] or "", unaligned=row["unaligned"] or "")


def _print_item(item: "Written", known: Knowledge) -> None:
    sample = item.sample
    say = partial(out.print, highlight=False, markup=False, soft_wrap=True)
    out.rule(f"{sample.family} · {sample.capability} · depth {sample.depth}", align="left")
    for message in sample.messages:
        say(message.content)
    for number, sentence in enumerate(sample.evidence, start=1):
        say(f"  [{number}] {sentence}", style="dim")
    say(f"→ {item.completion}", style="green")
    say(f"right: {wanted(sample, known)}\n", style="dim")


def _known_topics(topics: Sequence[str], known: Knowledge) -> tuple[str, ...]:
    """Raises NotFound naming the one that the graph does not hold."""
    return tuple(sorted({known.graph.concept(topic).id for topic in topics}))


def _exam(name: str) -> "Exam":
    from alignment.mkgsg.curate import word_grams
    from alignment.mkgsg.run import Exam
    from evals.suites import load_suite

    if name == "none":
        return Exam()
    suite = load_suite(name)
    grams = (word_grams(m.content) for i in suite.items for m in i.messages if m.role == "user")
    return Exam(suite.item_hashes, frozenset().union(*grams))


@contextmanager
def _progress(total: int) -> Iterator["_Report"]:
    columns = (TextColumn("items"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bar:
        yield _Report(bar, total)


class _Report:
    """A bar on a terminal, lines elsewhere. The rate is that of the last minute: a neighbour may have come or gone."""

    def __init__(self, bar: Progress, total: int) -> None:
        self._bar, self._total = bar, total
        self._task = bar.add_task("items", total=total, note="")
        self._printed = time.monotonic()
        self._seen: deque[tuple[float, int]] = deque()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if not self._seen and done:
            errors.print(f"Going on after {done:,} items.", highlight=False)
        while len(self._seen) > 1 and now - self._seen[0][0] > _RATE_SECONDS:
            self._seen.popleft()
        self._seen.append((now, done))
        since, before = self._seen[0]
        rate = (done - before) / (now - since) if now > since else 0.0
        left = (self._total - done) / rate if rate else 0.0
        note = f"{rate:,.0f} items/s, {left // 60:.0f}:{left % 60:02.0f} left" if rate else ""
        self._bar.update(self._task, completed=done, note=note)
        if not errors.is_terminal and now - self._printed > _LINE_SECONDS:
            self._printed = now
            errors.print(f"{done:,} of {self._total:,} items, {note}", highlight=False)


def _summary(target: Path, manifest: "DatasetManifest") -> None:
    out.print(f"{manifest.samples:,} items in {len(manifest.shards)} shards: {target}", highlight=False, soft_wrap=True)
    stages = ", ".join(f"{stage} {manifest.stages.get(stage, 0):,}" for stage in ("source", "generate", "validate", "curate"))
    out.print(f"Stages: {stages}", highlight=False)
    dropped = sorted(manifest.dropped.items(), key=lambda kv: -kv[1])
    out.print(f"Dropped: {', '.join(f'{reason} {count:,}' for reason, count in dropped) or 'nothing'}", highlight=False)
    if manifest.samples < manifest.wanted:
        out.print(f"Fewer than the {manifest.wanted:,} asked for: the graph holds no more that differ enough.", highlight=False)
    out.print(f"Data card: {target / 'README.md'}", highlight=False, soft_wrap=True)
