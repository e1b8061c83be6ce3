"""Open book against closed: combinations that were never shown, concepts imported after the starter model was trained, evidence without the answer.

The model in `alignment/starter/model` answers greedily, in phrasings that no training text has; the exam's scorers mark. Evidence is what
the retrieval finds, as in the chat: nothing is put into the block that a clinician's question would not bring there.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

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
from core.types import TrainingSample
from evals.scorers import score_reply
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
    yield from _both_books(imported, _new(imported.graph, base.graph), "concept imported after training")


def _new(graph: Graph, known: Graph) -> Mapping[str, Sequence[Case]]:
    """Cases that ask about a concept that is not in `known`."""
    cases = enumerate_cases(graph, IMPORTED)
    return {f: tuple(c for c in cases[f] if (c.condition or c.drug) not in known.concepts) for f in IMPORTED}


def _both_books(knowledge: Knowledge, cases: Mapping[str, Sequence[Case]], what: str) -> Iterator[Row]:
    items = questions(knowledge, cases, PER_FAMILY, seed=1, held_out=True)
    with_evidence = [i.model_copy(update={"evidence": tuple(map(knowledge.graph.sentence, retrieve(i.messages, knowledge)))}) for i in items]
    closed, opened = _scores(items, _answers(items), knowledge), _scores(with_evidence, _answers(with_evidence), knowledge)
    for family in dict.fromkeys(i.family for i in items):
        own = [n for n, i in enumerate(items) if i.family == family]
        note = f"{len(own)} items, {len({items[n].provenance.ids for n in own})} paths"
        yield Row("books", f"{what}: {family}, closed book", fmean(closed[n] for n in own), "share", note=note)
        yield Row("books", f"{what}: {family}, open book", fmean(opened[n] for n in own), "share", note=note)
    unknown = [n for n, score in enumerate(closed) if not score]  # several alternatives may be right, so some are guessed without evidence
    for which, share in (("all, open book", fmean(opened)), ("what is wrong closed book, open book", fmean(opened[n] for n in unknown))):
        yield Row("books", f"{what}: {which}", share, "share", ">= 0.8", share >= 0.8, f"{len(items) if which.startswith('all') else len(unknown)} items")


def _scores(items: Sequence[TrainingSample], said: Sequence[str], knowledge: Knowledge) -> list[float]:
    return [score_reply(item, reply, knowledge).correct or 0.0 for item, reply in zip(items, said, strict=True)]


def _answers(items: Sequence) -> list[str]:
    torch.set_num_threads(2)
    return replies(*load(STARTER_MODEL_DIR), items, temperature=0.0)
