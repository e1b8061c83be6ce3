"""The open-book form of an item: its question with an evidence block, its reply with citations.

The block is what the retrieval finds, so that training reads what serving shows: facts that are needed, among others that are not. In a
share of the items everything that answers the question is taken out; then the right reply says so.
"""

import random
import re
from collections.abc import Sequence

from alignment.mkgsg.generate import Written
from alignment.mkgsg.source import Case
from core.knowledge import Knowledge
from core.knowledge.evidence import INSUFFICIENT, retrieve
from core.knowledge.graph import Fact
from core.reply import END_THINK
from core.types import Reference, Relation, TrainingSample
from evals.scorers.format import passes

BUDGETS = (60, 90, 120, 160, 220, 300)
"""Tokens of evidence; a short block leaves room for nothing but the best."""
LACKING = frozenset(
    ("first_line", "alternative", "symptom", "investigation", "dose", "contraindication", "interaction", "contraindicated_choice", "interaction_choice")
)
"""Families that have a form whose evidence lacks the answer. Refusals and red flags have not: there silence would be wrong."""
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?!\s|$)[^.!?\n]*)*[.!?]?\s*|\n")
_END = re.compile(r"[.!?]?\s*$")


def open_book(written: Written, case: Case, knowledge: Knowledge, rng: random.Random, *, lacking: bool = False) -> Written | None:
    """The item with evidence. None when nothing is found to lay before the model, or no form that lacks the answer exists."""
    found = list(retrieve(written.sample.messages, knowledge, rng.choice(BUDGETS)))
    if lacking:
        if case.family not in LACKING:
            return None
        found = [f for f in found if not _answers(f, case)]
    else:
        found += [f for f in _needed(case, knowledge) if f not in found]
    if not found:
        return None
    if rng.random() < 0.5:
        rng.shuffle(found)
    evidence = tuple(knowledge.graph.sentence(f) for f in found)
    if lacking:
        sample = written.sample.model_copy(
            update={"evidence": evidence, "reference": Reference(kind="insufficient"), "checks": (), "steps": (), "family": written.sample.family}
        )
        return Written(sample=sample, completion=INSUFFICIENT, unaligned=written.unaligned)
    sample = written.sample.model_copy(update={"evidence": evidence})
    return Written(sample=sample, completion=_cite_reply(written.completion, found, sample, knowledge), unaligned=cite(written.unaligned, found, knowledge))


def _needed(case: Case, knowledge: Knowledge) -> tuple[Fact, ...]:
    """The path of the case, and for a vignette the red flag of its safety-net."""
    return (*case.facts, *(knowledge.graph.facts_from(case.condition, Relation.RED_FLAG)[:1] if case.family == "vignette" else ()))


def _cite_reply(reply: str, facts: Sequence[Fact], sample: TrainingSample, knowledge: Knowledge) -> str:
    """Thoughts are always cited, the answer where the form that was asked for allows it."""
    thought, tag, answer = reply.partition(END_THINK)
    if not tag:
        thought, answer = "", reply
    cited = cite(answer, facts, knowledge)
    return f"{cite(thought, facts, knowledge)}{tag}{cited if all(passes(c, cited.strip()) for c in sample.checks) else answer}"


def cite(text: str, facts: Sequence[Fact], knowledge: Knowledge) -> str:
    """The text with the numbers of the facts behind each sentence that they support, before its full stop."""
    return "".join(_cited(m.group(0), facts, knowledge) for m in _SENTENCE.finditer(text)) if not text.lstrip().startswith("{") else text


def _cited(sentence: str, facts: Sequence[Fact], knowledge: Knowledge) -> str:
    named = {c.id for m in knowledge.linker.mentions(sentence) for c in m.concepts}
    numbers = [n for n, f in enumerate(facts, start=1) if _supports(f, named, sentence)]
    if not numbers:
        return sentence
    end = _END.search(sentence)
    assert end is not None
    return f"{sentence[: end.start()]} {''.join(f'[{n}]' for n in numbers[:4])}{end.group(0)}"


def _supports(fact: Fact, named: set[str], sentence: str) -> bool:
    return fact.subject in named and (fact.object in sentence if fact.relation is Relation.DOSE else fact.object in named)


def _answers(fact: Fact, case: Case) -> bool:
    """Whether the fact says something of what is asked for."""
    if fact in case.facts:
        return True
    asked = case.condition if case.condition else case.drug
    relation = Relation.TREATED_BY if case.is_ruled_out else case.facts[0].relation
    return fact.relation is relation and asked in (fact.subject, fact.object)
