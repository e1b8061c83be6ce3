"""Free text against a clinician's own: do the two say the same? Read by what they claim, recommend and warn of, not by their words."""

from core.knowledge import Knowledge
from core.knowledge.claims import check_claims
from core.knowledge.graph import Kind
from core.safety import recommended_drugs
from core.types import Item
from evals.scorers.evasion import ids_of
from evals.scorers.naming import is_denied

Point = tuple[str, ...]
"""A claim with its verdict, or a concept with the stance toward it."""


def score_text(item: Item, answer: str, knowledge: Knowledge) -> tuple[float | None, str]:
    """F1 of the points made; unscored when the correction makes none that can be read.

    A claim is the same only with the same verdict: "is contraindicated" and "is not" name the same concepts. A drug that one recommends and the
    other warns of is two different points.
    """
    asked = set().union(*(ids_of(m.content, knowledge) for m in item.messages))
    theirs, ours = (points(text, asked, knowledge) for text in (item.reference.text or "", answer))
    if not theirs:
        return None, "the correction says nothing that can be compared"
    shared = len(ours & theirs)
    return 2 * shared / (len(ours) + len(theirs)), f"makes {shared} of the correction's {len(theirs)} points, and {len(ours - theirs)} others"


def points(text: str, asked: set[str], knowledge: Knowledge) -> set[Point]:
    """The claims of a text, and its stance toward every concept that the question does not name."""
    recommended = {drug.id for drug, _ in recommended_drugs(text, knowledge)}
    found: set[Point] = {(c.subject, c.relation, c.object, c.verdict) for c in check_claims(text, knowledge)}
    for mention in knowledge.linker.mentions(text):
        for concept in mention.concepts:
            if concept.id not in asked:
                is_for = concept.id in recommended if concept.kind is Kind.DRUG else not is_denied(text, mention.start, mention.end)
                found.add((concept.id, "for" if is_for else "against"))
    return found
