"""The data card of a corpus: `README.md` and its plots. Every number in it is one of the manifest."""

import re
from collections import Counter
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from alignment.mkgsg.manifest import SUMMARY, DatasetManifest
from alignment.mkgsg.plan import PLAN, Plan
from alignment.mkgsg.tally import STAGES, WORDS_PER_BIN
from core.artifacts import MANIFEST, write_text_atomically
from core.knowledge import Knowledge

CARD = "README.md"
_NAMED_SOURCES = 25
_SOURCE_NAME = re.compile(r"[^:,]*?(?=:|,| [A-Z]{2,3}\d| \d|$)")
# Vocabularies whose identifiers and labels stand in the items. Everything else is cited, not copied.
_VOCABULARIES = {
    "Disease Ontology": "CC0 1.0",
    "Symptom Ontology": "CC0 1.0",
    "Human Phenotype Ontology": "its own licence: free, cite it and show the version",
    "WHO ATC index": "WHO Collaborating Centre for Drug Statistics Methodology; codes and names",
}
_COLUMNS = {
    "id": "hash of what is asked and expected; the id by which exams exclude items",
    "capability, family, depth": "what is asked for; how many edges of the graph the answer needs",
    "book": "`closed`: no evidence; `open`: with it; `lacking`: the evidence does not hold the answer, and the right reply says so",
    "messages, evidence": "the question, and the sentences of its evidence block (`core.knowledge.evidence.with_evidence` joins them)",
    "reply": "what a well-aligned model would write",
    "unaligned": "the same knowledge without the check, the form or the refusal. **It may be unsafe**: never train on it as a target",
    "reference, checks, steps": "the right answer as concept ids or a dose range, verifiable instructions, edges of a right chain of reasoning (JSON)",
    "patient": "concept ids of what the question says of the patient",
    "source, source_ids, generator, recipe_hash": "where the item is from: rows of the knowledge base as `file:line`",
}


def write_card(folder: Path, manifest: DatasetManifest, plan: Plan, knowledge: Knowledge) -> None:
    """Raises OSError."""
    plots = {
        "families.png": ("Items by family", _bars(manifest.by_family, "items")),
        "stages.png": ("What each stage let through", _bars({s: manifest.stages.get(s, 0) for s in STAGES}, "items", in_order=True)),
        "depth.png": ("Edges that an answer needs", _columns(manifest.by_depth, "edges")),
        "length.png": ("Length of the questions", _columns(manifest.by_words, f"words (bins of {WORDS_PER_BIN})")),
        "near_duplicates.png": ("Dropped as near-duplicates", _near_duplicates(manifest)),
        "drops.png": ("Why items were dropped", _bars(manifest.dropped, "items")),
    }
    for name, (title, figure) in plots.items():
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
        figure.savefig(folder / name, dpi=110, metadata={"Software": None})
    pictures = [f"![{title}]({name})" for name, (title, _) in plots.items()]
    write_text_atomically(folder / CARD, "\n".join([*_text(manifest, plan, knowledge), "", "## Plots", "", *pictures, ""]))


def _text(m: DatasetManifest, plan: Plan, knowledge: Knowledge) -> list[str]:
    drawn = m.stages.get("source", 0)
    words = f"worded by the teacher model `{plan.teacher}`" if plan.teacher else "worded by a grammar"
    tried = f"`{plan.policy}` tried each {plan.tries} times: what it never or always solved was dropped." if plan.tries else "No model tried the items."
    return [
        "# Synthetic clinical items (MKGSG)",
        "",
        f"{m.samples:,} questions with their answers, made from a knowledge graph: each answer is read off the graph, each text is {words}, every claim in it "
        f"was checked against the graph. Made for training and exams of a clinical assistant. Synthetic: no patient stands behind any item.",
        "",
        "| | |",
        "|---|---|",
        f"| items | {m.samples:,} of {m.wanted:,} asked for |",
        f"| seed | {m.seed} |",
        f"| graph | `{m.graph_version}` |",
        f"| generator | `{m.generator}` |",
        f"| recipe (hash of the options) | `{m.recipe_hash}` |",
        f"| shards | {len(m.shards)} |",
        f"| excluded | {'what an exam asks, by hash and by runs of 13 words' if plan.excluded else 'nothing: no exam was named'} |",
        "",
        f"{_repeats(plan)} `{PLAN}` holds the options, `{SUMMARY}` every count below, `{MANIFEST}` the SHA-256 of each file.",
        "",
        "## How the items came about",
        "",
        "| stage | what it does | items that left it | of those drawn |",
        "|---|---|---|---|",
        *(f"| {s} | {_STAGE[s]} | {m.stages.get(s, 0):,} | {_percent(m.stages.get(s, 0), drawn)} |" for s in STAGES),
        "",
        tried + (f" Ended early, as most of what was drawn for them was there already: {', '.join(m.dry)}." if m.dry else ""),
        "",
        *_counts("Dropped", "reason", m.dropped, drawn),
        *_counts("Capabilities", "capability", m.by_capability, m.samples),
        *_counts("Families", "family", m.by_family, m.samples),
        *_counts("Depth", "edges", m.by_depth, m.samples),
        *_counts("Books", "book", m.by_book, m.samples),
        *_counts("Length of the questions", "words from", dict(sorted(m.by_words.items(), key=lambda kv: int(kv[0]))), m.samples, in_order=True),
        "## Columns",
        "",
        "| column | what it holds |",
        "|---|---|",
        *(f"| {name} | {meaning} |" for name, meaning in _COLUMNS.items()),
        "",
        "## Limits",
        "",
        "Items are as right as the graph, and as complete: what it does not hold is not asked, and a drug is called suitable when no row speaks against it. "
        "Doses are usual adult doses. Wording is narrower than clinicians' own. Not for the care of patients.",
        "",
        *_sources(knowledge),
    ]


def _repeats(plan: Plan) -> str:
    if plan.teacher or plan.tries:
        return "The same options with the same graph draw the same items; what a model said of them need not come again."
    return "The same options with the same graph give the same bytes."


_STAGE = {
    "source": "a path in the graph is drawn",
    "generate": "it is put into words",
    "validate": "every claim is checked against the graph, and that the question can be answered",
    "curate": "no duplicate, no near-duplicate, nothing that an exam asks, nothing too hard or too easy for the model that tried it",
}


def _counts(title: str, head: str, counts: Mapping[str, int], whole: int, *, in_order: bool = False) -> list[str]:
    ordered = counts.items() if in_order else sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))
    rows = [f"| {name} | {count:,} | {_percent(count, whole)} |" for name, count in ordered]
    return [f"## {title}", "", f"| {head} | items | share |", "|---|---|---|", *(rows or ["| none | 0 | |"]), ""]


def _sources(knowledge: Knowledge) -> list[str]:
    graph = knowledge.graph
    concepts = Counter(name for c in graph.concepts.values() for name in _VOCABULARIES if c.source.startswith(name))
    facts = Counter(_source_name(f.source) for f in graph.facts)
    others = sum(count for _, count in facts.most_common()[_NAMED_SOURCES:])
    rest = f" and {len(facts) - _NAMED_SOURCES} others ({others:,})" if others else ""
    return [
        "## Sources and licences",
        "",
        "The items are under the licence of the product that made them (Apache-2.0). Identifiers and labels of concepts come from:",
        "",
        "| vocabulary | concepts in the graph | terms |",
        "|---|---|---|",
        *(f"| {name} | {concepts[name]:,} | {terms} |" for name, terms in _VOCABULARIES.items() if concepts[name]),
        "",
        "Facts are restated in our own words; no text of their sources is in the items. Sources by facts in the graph: "
        + ", ".join(f"{name} ({count:,})" for name, count in facts.most_common(_NAMED_SOURCES))
        + rest
        + ". An imported vocabulary keeps its own licence: see `balancedbio knowledge stats`.",
    ]


def _source_name(source: str) -> str:
    """ "NICE NG79" -> NICE, "FDA label: gentamicin" -> FDA label."""
    match = _SOURCE_NAME.match(source)
    return match.group(0).strip() if match and match.group(0).strip() else source


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


# --- plots ---------------------------------------------------------------------------------------------------------


def _bars(counts: Mapping[str, int], unit: str, *, in_order: bool = False) -> Figure:
    """Horizontal, the largest on top, or in the order given."""
    rows = list(counts.items()) if in_order else sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))
    figure = Figure(figsize=(7.5, 0.9 + 0.24 * max(3, len(rows))), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh([name for name, _ in rows], [count for _, count in rows], color="#3b6ea5")
    axes.bar_label(bars, labels=[f"{count:,}" for _, count in rows], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    _plain(axes, unit)
    return figure


def _columns(counts: Mapping[str, int], unit: str) -> Figure:
    rows = sorted(counts.items(), key=lambda kv: int(kv[0]))
    figure = Figure(figsize=(7.5, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.bar([name for name, _ in rows], [count for _, count in rows], color="#3b6ea5")
    axes.set_ylabel("items")
    _plain(axes, unit)
    return figure


def _near_duplicates(m: DatasetManifest) -> Figure:
    """Share of the cases drawn for each shard, over the items made so far: flat as long as there is enough to say."""
    figure = Figure(figsize=(7.5, 2.6), layout="constrained")
    axes = figure.subplots()
    shares = [100 * s.near_duplicates / s.drawn if s.drawn else 0.0 for s in m.shards]
    axes.plot(list(accumulate(s.samples for s in m.shards)), shares, marker="." if len(shares) < 60 else "", color="#3b6ea5")
    axes.set_ylabel("% of those drawn")
    axes.set_ylim(bottom=0)
    _plain(axes, "items made")
    return figure


def _plain(axes: Any, unit: str) -> None:
    axes.set_xlabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
