"""How much of what the answer claims does the graph support? Each claim counts once, so repeating a true one gains nothing.

A true claim about something else supports nothing here, and what the question says already is no claim of the answer. Open book, the reply
must also say where it has it from, in the answer or in the thinking that leads to it: a citation that does not support its sentence counts as a
claim without support, and so do citing nothing at all and citing everything.
"""

from collections.abc import Sequence

from core.knowledge import Knowledge
from core.knowledge.citations import check_citations, cited_numbers
from core.knowledge.claims import check_claims
from core.knowledge.graph import Kind
from core.knowledge.presented import presenting
from core.knowledge.sentences import sentences
from core.reply import split_reply
from core.types import Claim, Item, Message, Score, Verdict
from evals.scorers.evasion import HALF, hands_back_everything, ids_of, lists_in, repeats_the_question

_ALL_FROM = 3
"""Facts in a block, from which on a sentence that cites every one of them is read number by number."""


def score(item: Item, reply: str, knowledge: Knowledge) -> Score:
    """Supported claims over all claims and wrong citations; unscored when the answer claims nothing that can be read and cites nothing."""
    thinking, answer = split_reply(reply)
    symptoms = [c for m in presenting(item.messages[-1].content, knowledge) if (c := m.of_kind(Kind.SYMPTOM))]
    claims = [c for c in check_claims(answer, knowledge, symptoms) if not repeats_the_question(item, c.quote)]
    wrong = len(check_citations(item.messages, answer, item.evidence, knowledge)) or _random_citations(item, answer, knowledge)
    if not claims and not wrong:
        return Score(name="grounding", explanation="no claim found")
    uncited = bool(item.evidence and claims) and not _is_sourced(item, thinking, answer, knowledge)
    lists = " ".join(lists_in(answer, knowledge))  # which state nothing, whatever a heading makes of them
    supported = [c for c in claims if c.verdict is Verdict.SUPPORTED and c.quote not in lists]
    case = _case(item, claims, knowledge)
    about = [c for c in supported if case & {c.subject, c.object}]
    elsewhere = len(supported) - len(about)
    value = len(about) / (len(claims) + wrong + uncited)
    said = [f"{len(about)} of {len(claims)} claims supported"]
    said += [f"{elsewhere} of something else"] if elsewhere else []
    said += [f"{wrong} citations do not support their sentence"] if wrong else []
    said += ["cites nothing"] if uncited else []
    if hands_back_everything(item, answer, knowledge):
        value, said = value * HALF, [*said, "quotes all the evidence"]
    return Score(name="grounding", value=value, explanation=", ".join(said))


def _case(item: Item, claims: Sequence[Claim], knowledge: Knowledge) -> set[str]:
    """What a claim may be about: question, patient, right answers, steps, evidence, and what is said of these, such as another diagnosis."""
    texts = (*(m.content for m in item.messages), *item.evidence, item.reference.text or "")
    ours = {*item.patient, *item.reference.forbidden, *(i for group in item.reference.concepts for i in group)}
    ours |= {end for step in item.steps for end in (step.subject, step.object)}.union(*(ids_of(text, knowledge) for text in texts))
    return ours.union(*({c.subject, c.object} for c in claims if ours & {c.subject, c.object}))


def _is_sourced(item: Item, thinking: str, answer: str, knowledge: Knowledge) -> bool:
    """Whether the answer cites, or the thinking cites rightly something that the answer is about."""
    if cited_numbers(answer):
        return True
    if hands_back_everything(item, thinking, knowledge):
        return False
    said = ids_of(answer, knowledge)
    cites = any(s.cited and said & {c.id for m in s.mentions for c in m.concepts} for s in sentences(thinking, knowledge))
    return cites and not check_citations(item.messages, thinking, item.evidence, knowledge)


def _random_citations(item: Item, answer: str, knowledge: Knowledge) -> int:
    """Sentences that cite every fact there is, though one of them does not support them: one right number among all is no source."""
    everything = set(range(1, len(item.evidence) + 1))
    if len(everything) < _ALL_FROM or not cited_numbers(answer) >= everything:
        return 0
    context = (*item.messages, Message(role="assistant", content=answer))
    whole = (s for s in sentences(answer, knowledge) if everything <= set(s.cited))
    return sum(any(check_citations(context, f"{s.text} [{n}]", item.evidence, knowledge) for n in s.cited) for s in whole)
