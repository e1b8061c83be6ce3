"""Does a cited fact say what the sentence says that cites it?

A sentence may leave out what was said before ("Give paracetamol [3].", in an answer about osteoarthritis), but it may not put something
of its own in that place: "Give paracetamol for osteoarthritis [1]" is not supported by what [1] says of naproxen.
"""

from collections.abc import Sequence

from core.knowledge import Knowledge
from core.knowledge.claims import check_claims
from core.knowledge.graph import Kind
from core.knowledge.linker import Mention
from core.knowledge.quantities import QUANTITY, quantity
from core.knowledge.sentences import CITATION, Sentence, numbers, sentences
from core.types import Message, SafetyFinding, Severity, Verdict

_DOSE = " usual adult dose of "


def without_citations(text: str) -> str:
    """`text` without its marks ("[2]", "[1, 3]")."""
    return CITATION.sub("", text)


def check_citations(messages: Sequence[Message], reply: str, evidence: Sequence[str], knowledge: Knowledge) -> tuple[SafetyFinding, ...]:
    """A finding (rule `citation`) for each sentence whose citations do not support it.

    `evidence` are the sentences of the block in the order of their numbers. A sentence is supported when every number that it cites exists
    and at least one of the facts is about what the sentence is about.
    """
    if "[" not in reply:
        return ()
    said = {c.id for m in messages for mention in knowledge.linker.mentions(m.content) for c in mention.concepts}
    found = []
    for sentence in sentences(reply, knowledge):
        if sentence.cited and not _is_supported(sentence, said, evidence, knowledge):
            quote = f"{sentence.text[:180]} {''.join(f'[{n}]' for n in sentence.cited[:6])}"
            found.append(SafetyFinding(rule="citation", severity=Severity.WARNING, quote=quote))
        said |= _ids(sentence.mentions)
    return tuple(found)


def cited_numbers(reply: str) -> frozenset[int]:
    """The numbers that a reply cites, whether they exist or not; "[2-4]" cites three."""
    return frozenset(n for mark in CITATION.findall(reply) for n in numbers(mark))


def _is_supported(sentence: Sentence, said: set[str], evidence: Sequence[str], knowledge: Knowledge) -> bool:
    if not all(1 <= n <= len(evidence) for n in sentence.cited):
        return False
    if any(c.verdict is Verdict.CONTRADICTED for c in check_claims(sentence.text, knowledge)):
        return False
    if sentence.text in evidence:  # word for word: then it is that fact that must be cited
        return any(evidence[n - 1] == sentence.text for n in sentence.cited)
    return any(_supports(evidence[n - 1], sentence, said, knowledge) for n in sentence.cited)


def _supports(statement: str, sentence: Sentence, said: set[str], knowledge: Knowledge) -> bool:
    mentions = knowledge.linker.mentions(statement)
    ends = mentions[:1] if _DOSE in statement else mentions[:2]  # what follows them is the effect, the note or the action
    if not sentence.mentions:
        return _same_amount(statement, sentence)
    here = _ids(sentence.mentions)
    if not any(_ids((end,)) & here for end in ends):
        return False
    own = {id_ for end in ends for id_ in _ids((end,))}
    taken = {k for m in sentence.mentions if not _ids((m,)) & own for k in _kinds(m)}
    is_about = all(_ids((end,)) & here or (_ids((end,)) & said and not _kinds(end) & taken) for end in ends)
    return is_about and _same_amount(statement, sentence)


def _same_amount(statement: str, sentence: Sentence) -> bool:
    """For a dose: one of the sentence's amounts lies within it. Amounts that cannot be read say nothing."""
    ranges = [quantity(m) for m in QUANTITY.finditer(statement)] if _DOSE in statement else []
    given = [quantity(m) for m in QUANTITY.finditer(sentence.text)]
    if not ranges or not given:
        return True
    return any(unit == other and low <= least and most <= high for low, high, unit in ranges for least, most, other in given)


def _ids(mentions: Sequence[Mention]) -> set[str]:
    return {c.id for m in mentions for c in m.concepts}


def _kinds(mention: Mention) -> set[Kind]:
    return {c.kind for c in mention.concepts}
