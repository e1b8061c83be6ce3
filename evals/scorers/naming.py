"""Which concepts does an answer put forward, and how right are they together?

Naming many things to be right by chance does not pay: the score is the share of asked-for groups that are hit, times the share of what was
named that is right. What the question itself names, and drugs that a sentence warns of, are not part of the answer.
"""

import re
from collections.abc import Sequence

from core.knowledge import Knowledge
from core.knowledge.claim_cues import ALLOWS, DENIES, NO_INTERACTION
from core.knowledge.claims import check_claims
from core.knowledge.graph import Kind
from core.knowledge.linker import Mention
from core.safety import recommended_drugs
from core.types import Item, Verdict
from evals.scorers.evasion import ids_of

_ARTICLES = r"(?:(?:be|to|an?|the|give|use|take|due|caused by|have|has|by|for)\s+)*"
_DENIED_BEFORE = re.compile(
    rf"(?:\b(?:not|neither|nor|never|no|cannot|except(?: for)?|(?:anything|everything|all) but|other than|rather than|instead of)|n['’]t)\s+{_ARTICLES}$", re.I
)
_NOT_IT = r"(?:(?:the|it|right|correct|true)\b|an? answer\b)"
_DENIED_AFTER = re.compile(
    rf"\W*(?:is|are|was|were|would be|seems?)\s+(?:clearly\s+)?(?:wrong|incorrect|false|untrue|a mistake|impossible|excluded|not\s+{_NOT_IT})"
    rf"|\W*(?:is|are|was|were)n['’]t\s+{_NOT_IT}",
    re.I,
)
_DENIALS = (DENIES, NO_INTERACTION, ALLOWS)
"""Without one of these words a claim that the graph contradicts is wrong in its line or severity, and names what it names."""
_OR = re.compile(r",?\s+n?or\s+(?:an?\s+|the\s+)?", re.I)
"""Between two names that share what denies the first."""
_REACH = 40
"""Characters around a name in which the words stand that deny it."""


def score_concepts(item: Item, answer: str, knowledge: Knowledge) -> tuple[float, str]:
    """Share of the groups hit, times the share of what is named that is right: of all, or of one group's kind where that is less.

    The latter because a right diagnosis does not make "A or B" a choice of a drug.
    """
    groups, graph = item.reference.concepts, knowledge.graph
    wanted = {i for group in groups for i in group}
    kinds = {graph.concept(i).kind for i in wanted | set(item.reference.forbidden)}
    named = named_concepts(item, answer, knowledge, kinds)
    if forbidden := named & set(item.reference.forbidden):
        return 0.0, f"names what is ruled out: {_labels(forbidden, knowledge)}"
    hit = [group for group in groups if named & set(group)]
    if not hit:
        return 0.0, f"names {_labels(named, knowledge) or 'nothing'}, wanted {_labels(wanted, knowledge)}"
    pools = [named] + [{i for i in named if graph.concept(i).kind in {graph.concept(g).kind for g in group}} for group in hit]
    precision = min(len(pool & wanted) / len(pool) for pool in pools)
    wrong = named - wanted
    return len(hit) / len(groups) * precision, f"{len(hit)} of {len(groups)} asked for" + (f", wrong: {_labels(wrong, knowledge)}" if wrong else "")


def named_concepts(item: Item, answer: str, knowledge: Knowledge, kinds: set[Kind]) -> set[str]:
    """Ids that the answer puts forward: of the given kinds, not warned of, and not merely repeated from the question. What is ruled out counts
    though the question names it, as a differential does. Neither that nor what is wanted counts where it is denied: "it is not gout" names no gout. Of a
    drug that is ruled out `recommended_drugs` alone decides, which in doubt says yes.
    """
    asked = asked_about(item, knowledge)
    wanted, forbidden = {i for group in item.reference.concepts for i in group}, set(item.reference.forbidden)
    if not forbidden and _asks_what_not_to_give(asked, wanted, knowledge):  # then to warn of a drug is to name it
        put_forward = ids_of(answer, knowledge)
    else:
        put_forward = frozenset(drug.id for drug, _ in recommended_drugs(answer, knowledge))
    mentions = knowledge.linker.mentions(answer)
    denied_ones = denials(answer, mentions)
    affirmed = wanted & _affirmed(answer, mentions, denied_ones, wanted, knowledge)
    named = set()
    for mention, denied in zip(mentions, denied_ones, strict=True):
        ids = {c.id for c in mention.concepts if c.kind in kinds and (c.kind is not Kind.DRUG or c.id in put_forward)}
        # A name that several concepts share counts as the right one when one of them is right.
        if ids & wanted:
            named |= ids & affirmed
        elif not ids & forbidden:
            named |= ids - asked
        else:
            named |= {i for i in ids & forbidden if not denied or knowledge.graph.concept(i).kind is Kind.DRUG}
    return named


def asked_about(item: Item, knowledge: Knowledge) -> set[str]:
    """What the question names, and what it describes: the other end of the step that leads to the answer ("the first-line drug for ...")."""
    wanted = {i for group in item.reference.concepts for i in group}
    described = {end for s in item.steps for end, other in ((s.subject, s.object), (s.object, s.subject)) if other in wanted}
    return described.union(*(ids_of(m.content, knowledge) for m in item.messages))


def _asks_what_not_to_give(asked: set[str], wanted: set[str], knowledge: Knowledge) -> bool:
    """Whether everything wanted is a drug that interacts with what is asked about. (A choice of drugs has forbidden ones.)"""
    graph = knowledge.graph
    return bool(wanted) and all(graph.concept(w).kind is Kind.DRUG and any(graph.interaction(w, a) for a in asked) for w in wanted)


def is_denied(text: str, start: int, end: int) -> bool:
    """Whether the words around `text[start:end]` deny it: "it is not gout", "anything but naproxen", "gout is wrong"."""
    return bool(_DENIED_BEFORE.search(text[max(0, start - _REACH) : start]) or _DENIED_AFTER.match(text[end : end + _REACH]))


def denials(text: str, mentions: Sequence[Mention]) -> list[bool]:
    """Of each mention whether it is denied, or joined by "or" to one that is: "not gout or cellulitis"."""
    found: list[bool] = []
    for position, here in enumerate(mentions):
        shares = position > 0 and found[-1] and _OR.fullmatch(text, mentions[position - 1].end, here.start) is not None
        found.append(shares or is_denied(text, here.start, here.end))
    return found


def _affirmed(answer: str, mentions: Sequence[Mention], denied_ones: Sequence[bool], wanted: set[str], knowledge: Knowledge) -> set[str]:
    """Of what is mentioned, that which is not denied wherever it stands, nor all that is said of it a denial of what the graph holds."""
    found = {c.id for m, denied in zip(mentions, denied_ones, strict=True) if not denied for c in m.concepts}
    low = answer.lower()
    if not found & wanted or not any(cue.search(low) for cue in _DENIALS):
        return found
    claims = [(c.verdict is Verdict.CONTRADICTED, {c.subject, c.object}) for c in check_claims(answer, knowledge)]
    denied, held = ({i for is_denial, ends in claims if is_denial is which for i in ends} for which in (True, False))
    return found - (denied - held)


def _labels(ids: set[str], knowledge: Knowledge) -> str:
    return ", ".join(sorted(knowledge.graph.label(i) for i in ids)[:5])
