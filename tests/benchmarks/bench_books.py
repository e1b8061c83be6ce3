"""Open book against closed: combinations that were never shown, concepts imported after the starter model was trained, evidence without the answer.

The model in `alignment/starter/model` answers greedily, in phrasings that no training text has; the exam's scorers mark. Evidence is what
the retrieval finds, as in the chat: nothing is put into the block that a clinician's question would not bring there.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch

from alignment.mkgsg.case import Case
from alignment.mkgsg.source import enumerate_cases
from alignment.starter.build import load
from alignment.starter.corpus import Mix, never_shown
from alignment.starter.measure import ALL_LACKING, by_family, questions, replies
from core.knowledge import Knowledge, builtin
from core.knowledge.evidence import retrieve
from core.knowledge.graph import Graph
from core.knowledge.loaders import read
from core.knowledge.merge import merge
from core.settings import STARTER_MODEL_DIR
from tests.benchmarks.rows import Row
from tests.conftest import SHARED

PER_FAMILY = 120
COMBINATIONS = ("contraindicated_choice", "interaction_choice", "trap", "vignette")
IMPORTED = ("symptom", "interaction")
"""What the public files say of concepts that the base has not: symptoms of diseases, interactions of drugs."""


def rows() -> Iterator[Row]:
    base = builtin()
    cases = enumerate_cases(base.graph)
    hidden = never_shown(cases, Mix())
    yield from _both_books(base, {f: hidden[f] for f in COMBINATIONS}, "combination never shown")
    lacking = questions(base, {f: cases[f] for f in ("first_line", "dose", "interaction")}, PER_FAMILY, seed=1, held_out=True, books=ALL_LACKING)
    for family, share in by_family(lacking, _answers(lacking), base).items():
        yield Row("books", f"{family}: says that the evidence lacks the answer", share, "share")
    if not SHARED.is_dir():
        yield Row("books", "imported concepts", 0, "share", note="the public data sets are not beside the checkout")
        return
    imported = Knowledge.of(merge(read([SHARED / "disease_ontology", SHARED / "symptom_ontology", SHARED / "ndfrt_ddi"]).sources, base.graph, base).graph)
    found = list(_both_books(imported, _new(imported.graph, base.graph), "concept imported after training"))
    yield from found
    opened = [r.value for r in found if r.measure.endswith("open book")]
    share = sum(opened) / len(opened)  # as many of each family
    yield Row("books", "concept imported after training, open book", share, "share", ">= 0.8", share >= 0.8, "all of them")


def _new(graph: Graph, known: Graph) -> Mapping[str, Sequence[Case]]:
    """Cases that ask about a concept that is not in `known`."""
    cases = enumerate_cases(graph, IMPORTED)
    return {f: tuple(c for c in cases[f] if (c.condition or c.drug) not in known.concepts) for f in IMPORTED}


def _both_books(knowledge: Knowledge, cases: Mapping[str, Sequence[Case]], what: str) -> Iterator[Row]:
    items = questions(knowledge, cases, PER_FAMILY, seed=1, held_out=True)
    with_evidence = [i.model_copy(update={"evidence": tuple(map(knowledge.graph.sentence, retrieve(i.messages, knowledge)))}) for i in items]
    closed, opened = by_family(items, _answers(items), knowledge), by_family(with_evidence, _answers(with_evidence), knowledge)
    for family in closed:
        own = [i for i in items if i.family == family]
        about = len({i.provenance.ids for i in own})
        yield Row("books", f"{what}: {family}, closed book", closed[family], "share", note=f"{len(own)} items, {about} paths")
        yield Row("books", f"{what}: {family}, open book", opened[family], "share", ">= 0.8", opened[family] >= 0.8, f"{len(own)} items, {about} paths")


def _answers(items: Sequence) -> list[str]:
    torch.set_num_threads(2)
    return replies(*load(STARTER_MODEL_DIR), items, temperature=0.0)
