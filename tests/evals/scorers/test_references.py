"""The reference replies of generated items, every family and both books: each component that applies is 1."""

import pytest

from core.knowledge import Knowledge
from core.knowledge.citations import cited_numbers
from core.types import Score
from evals.scorers import score_reply
from evals.scorers.evasion import ids_of
from tests.evals.scorers.honest import Answered, answered


def short(component: str, knowledge: Knowledge) -> list[tuple[Answered, Score]]:
    scored = ((bed, s) for bed in answered(knowledge, 3) for s in score_reply(bed.item, bed.reply, knowledge).scores if s.name == component)
    return [(bed, s) for bed, s in scored if s.value is not None and s.value < 1.0]


@pytest.mark.parametrize("component", ["correctness", "format", "workflow", "safety"])
def test_a_reference_reply_scores_full(component: str, knowledge: Knowledge) -> None:
    assert [(bed.item.family, bed.item.book, bed.reply, s) for bed, s in short(component, knowledge)] == []


def test_a_reference_reply_reasons_from_step_to_step(knowledge: Knowledge) -> None:
    """Open book it quotes the steps that the evidence holds; retrieval misses a finding now and then."""
    assert [(bed.item.family, bed.reply, s) for bed, s in short("reasoning", knowledge) if _holds_every_step(bed)] == []


def test_a_reference_reply_is_grounded(knowledge: Knowledge) -> None:
    """Open book, a form that leaves no room for numbers, and no thinking to cite in, is the one thing that falls short."""
    left = [(b, s) for b, s in short("grounding", knowledge) if not (b.item.evidence and b.item.checks and not cited_numbers(b.reply))]
    assert [(bed.item.family, bed.reply, s) for bed, s in left] == []


def _holds_every_step(bed: Answered) -> bool:
    facts = [ids_of(fact, bed.knowledge) for fact in bed.item.evidence]
    return not facts or all(any({step.subject, step.object} <= ids for ids in facts) for step in bed.item.steps)
