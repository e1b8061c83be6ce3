"""Retrieval: does it find what an exam item needs, in how many tokens and how fast, on the built-in base and on a merged one?

What an item needs: the edges of its steps, and of each group of right answers one fact that links it to what is asked about. Tokens are
those of the starter's own tokenizer, block and numbers included. Milliseconds are of CPU time, so that a busy machine does not count.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tokenizers import Tokenizer

from core.errors import AppError
from core.knowledge import Knowledge, builtin
from core.knowledge.evidence import retrieve, with_evidence
from core.knowledge.graph import Concept, Fact, Graph, Kind
from core.knowledge.loaders import read
from core.knowledge.merge import merge
from core.settings import STARTER_MODEL_DIR
from core.types import ExamItem, Relation
from evals.suites import starter
from tests.benchmarks.rows import Row
from tests.conftest import SHARED

BUDGET, LEAST_FOUND, MOST_MS = 300, 0.95, 5.0
MERGED_CONCEPTS = 25_000
_WORDS = ("north", "quiet", "amber", "stone", "river", "cedar", "ninth", "hollow", "silver", "outer", "spring", "copper", "lower", "winter", "marsh", "field")


def rows() -> Iterator[Row]:
    items = starter.items(builtin().graph, starter.FULL)
    for name, known in _bases():
        yield from _measured(name, known, items)


def _bases() -> Iterator[tuple[str, Knowledge]]:
    yield "built-in", builtin()
    graph = builtin().graph
    try:
        graph = merge(read([SHARED]).sources, graph, builtin()).graph
    except AppError as error:
        yield f"padded (no public files: {error})"[:60], Knowledge.of(_padded(graph))
        return
    yield f"merged, {len(_padded(graph).concepts):,} concepts", Knowledge.of(_padded(graph))


def _padded(graph: Graph) -> Graph:
    """With made-up conditions and symptoms up to the asked number of concepts: more to look through, nothing to find."""
    concepts = dict(graph.concepts)
    facts = list(graph.facts)
    symptoms = [c.id for c in graph.of_kind(Kind.SYMPTOM)]
    for number in range(MERGED_CONCEPTS - len(concepts)):
        label = f"{_WORDS[number % 16]} {_WORDS[number // 16 % 16]} {_WORDS[number // 256 % 16]} disorder {number}"
        concepts[f"MADE:{number}"] = Concept(f"MADE:{number}", label, Kind.CONDITION, (), "made up")
        facts += [Fact(f"MADE:{number}", Relation.HAS_SYMPTOM, symptoms[(number * k) % len(symptoms)], "made up", f"made:{number}") for k in (7, 11)]
    return Graph(concepts.values(), facts)


def _measured(name: str, known: Knowledge, items: Sequence[ExamItem]) -> Iterator[Row]:
    tokenizer = Tokenizer.from_file(str(STARTER_MODEL_DIR / "tokenizer.json"))
    found: dict[str, list[bool]] = defaultdict(list)
    sizes, tokens, ms = [], [], []
    for item in items:
        began = time.thread_time()
        facts = retrieve(item.messages, known, BUDGET)
        ms.append(1000 * (time.thread_time() - began))
        sizes.append(len(facts))
        sentences = [known.graph.sentence(f) for f in facts]
        prompts = (with_evidence(item.messages, sentences), item.messages)
        tokens.append(len(tokenizer.encode(prompts[0][-1].content).ids) - len(tokenizer.encode(prompts[1][-1].content).ids))
        if groups := needed(item, known.graph):
            found[item.family].append(all(group & set(facts) for group in groups))
    every = [ok for values in found.values() for ok in values]
    share = sum(every) / len(every)
    yield Row(
        "evidence", f"{name}: items with all needed facts", 100 * share, "%", f">= {100 * LEAST_FOUND:g}", share >= LEAST_FOUND, f"{len(every)} exam items"
    )
    for family, values in found.items():
        yield Row("evidence", f"{name}: {family}", 100 * sum(values) / len(values), "%", note=f"{len(values)} items")
    ms.sort()
    p99 = ms[int(0.99 * len(ms))]
    yield Row("evidence", f"{name}: time, p50", ms[len(ms) // 2], "ms")
    yield Row("evidence", f"{name}: time, p99", p99, "ms", f"< {MOST_MS:g}", p99 < MOST_MS)
    yield Row("evidence", f"{name}: tokens, mean", sum(tokens) / len(tokens), "tokens", note=f"{sum(sizes) / len(sizes):.1f} facts")
    yield Row("evidence", f"{name}: tokens, most", max(tokens), "tokens", f"<= {BUDGET}", max(tokens) <= BUDGET, f"{max(sizes)} facts")


def needed(item: ExamItem, graph: Graph) -> list[set[Fact]]:
    """Groups of facts: one of each is needed."""
    groups = [{_either_way(graph, s.subject, s.relation, s.object)} - {None} for s in item.steps]
    for group in item.reference.concepts:
        groups.append({_either_way(graph, item.cluster, r, o) for o in group for r in Relation} - {None})
    if item.reference.kind == "dose":
        groups.append({graph.dose(item.cluster)} - {None})
    if item.reference.kind == "urgent":
        text = item.messages[-1].content
        groups.append({f for f in graph.facts_from(item.cluster, Relation.RED_FLAG) if graph.label(f.object) in text})
    return [group for group in groups if group]  # type: ignore[misc]  # None is taken out


def _either_way(graph: Graph, subject: str, relation: Relation, object_: str) -> Fact | None:
    return graph.fact(subject, relation, object_) or graph.fact(object_, relation, subject)
