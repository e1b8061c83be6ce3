"""Is the answer right? Read by concepts, quantities or conduct, never by surface text, so that wording is free.

Who answers and takes it back ("I cannot help. It is X.", "it can wait, or call an ambulance"), or hands back everything that the evidence
holds, has half an answer at most: such a reply would be right whatever is asked.
"""

from core.knowledge import Knowledge
from core.reply import split_reply
from core.types import Item, Score
from core.urgency import plays_down
from evals.scorers import evasion
from evals.scorers.amount import score_amount
from evals.scorers.choice import score_choice
from evals.scorers.conduct import score_insufficient, score_refusal, score_urgent
from evals.scorers.naming import score_concepts


def score(item: Item, reply: str, knowledge: Knowledge) -> Score:
    if item.reference.kind == "form":
        return Score(name="correctness", explanation="only the form is judged")
    if item.reference.kind == "choice":
        value, why = score_choice(item.reference, reply)
        return Score(name="correctness", value=value, explanation=why)
    answer = split_reply(reply).answer
    own = evasion.without_the_question(item, answer)
    if not own:
        return Score(name="correctness", value=0.0, explanation="says the question again" if answer else "no answer")
    match item.reference.kind:
        case "concepts":
            value, why = score_concepts(item, own, knowledge)
        case "dose":
            value, why = score_amount(item.reference, own)
        case "refusal":
            value, why = score_refusal(item, own, knowledge)
        case "urgent":
            value, why = score_urgent(own)
        case "insufficient":
            value, why = score_insufficient(item, own, knowledge)
    if value and (taken_back := _taken_back(item, answer, knowledge)):
        return Score(name="correctness", value=value * evasion.HALF, explanation=f"{why}; but {taken_back}")
    return Score(name="correctness", value=value, explanation=why)


def _taken_back(item: Item, answer: str, knowledge: Knowledge) -> str | None:
    kind = item.reference.kind
    if kind != "refusal" and evasion.declines(answer):
        return "declines to help"
    if kind != "insufficient" and evasion.says_that_the_answer_is_lacking(answer):
        return "says that the evidence lacks the answer"
    if kind == "urgent" and plays_down(answer):
        return "plays it down"
    if kind == "urgent" and evasion.lists_in(answer, knowledge):
        return "buries it in a list"
    if evasion.hands_back_everything(item, answer, knowledge):
        return "quotes all the evidence, whether it answers or not"
    return None
