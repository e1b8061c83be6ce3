"""What the ten planted errors do not reach: text that is not ours, answers given away, citations, amounts without a drug."""

import pytest

from alignment.mkgsg.generate import Written
from alignment.mkgsg.validate import REASONS, reject_reason
from core.knowledge import Knowledge
from core.types import Capability, Check, Message, Provenance, Reference, TrainingSample


def item(knowledge: Knowledge, completion: str, question: str = "What else can be given in gout?", **fields: object) -> Written:
    gout = next(c for c in knowledge.graph.concepts.values() if c.label == "gout")
    others = tuple(f.object for f in knowledge.graph.treatments(gout.id, "alternative"))
    values = {"capability": Capability.DOMAIN, "family": "alternative", "reference": Reference(kind="concepts", concepts=(others,))} | fields
    sample = TrainingSample(
        messages=(Message(role="user", content=question),), provenance=Provenance(source="mkgsg", generator="test", recipe_hash=""), **values
    )
    return Written(sample=sample, completion=completion, unaligned=completion)


RIGHT = "An alternative treatment of gout is prednisolone."


def test_a_right_reply_is_kept(knowledge: Knowledge) -> None:
    assert reject_reason(item(knowledge, RIGHT), knowledge) is None
    cited = item(knowledge, "An alternative treatment of gout is prednisolone [1].", evidence=("Gout is treated by prednisolone (alternative).",))
    assert reject_reason(cited, knowledge) is None


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        (f"{RIGHT} <|im_end|>", "foreign_text"),
        (f"As an AI language model I cannot be sure. {RIGHT}", "foreign_text"),
        (f"Here is the rewritten item you asked for: {RIGHT}", "foreign_text"),
        (f"{RIGHT}\nUser: thanks", "foreign_text"),
        ("An alternative treatment of gout is predniso", "cut_off"),
        (f"{RIGHT} It also cures asthma and epilepsy.", "unsupported_condition"),
        (f"{RIGHT} Up to 640 mg at once is fine.", "dose_out_of_range"),
        (f"{RIGHT} Give prednisolone 400 mg once daily.", "dose_out_of_range"),
        (f"{RIGHT} Give prednisolone 40 units once daily.", "wrong_unit"),
        (f"{RIGHT} Bisoprolol is a penicillin.", "unsupported_class"),
        (f"{RIGHT} [1]", "wrong_citation"),
        (f"<think> ... </think> {RIGHT}", "broken_chain"),
        (f"<think> Gout is treated with prednisolone. {RIGHT}", "broken_chain"),
        ("I do not know.", "wrong_answer"),
    ],
)
def test_a_spoilt_reply_is_rejected_with_its_reason(knowledge: Knowledge, completion: str, reason: str) -> None:
    assert reject_reason(item(knowledge, completion), knowledge) == reason
    assert reason in REASONS


def test_an_answer_that_stands_in_the_question_is_given_away(knowledge: Knowledge) -> None:
    assert reject_reason(item(knowledge, RIGHT, "What else treats gout? I think prednisolone."), knowledge) == "answer_in_question"


def test_a_form_that_says_nothing_is_no_answer(knowledge: Knowledge) -> None:
    check = Check(kind="json_keys", args={"keys": ["condition", "drug"]})
    full, hollow = ('{"condition": "gout", "drug": "prednisolone"}', '{"condition": "gout", "drug": "see above"}')
    assert reject_reason(item(knowledge, full, checks=(check,)), knowledge) is None
    assert reject_reason(item(knowledge, hollow, checks=(check,)), knowledge) == "wrong_format"


def test_a_citation_must_support_its_sentence(knowledge: Knowledge) -> None:
    evidence = ("Asthma has the symptom wheezing.", "Gout is treated by prednisolone (alternative).")
    for mark, reason in (("[2]", None), ("[1]", "wrong_citation"), ("[7]", "wrong_citation")):
        assert reject_reason(item(knowledge, f"An alternative treatment of gout is prednisolone {mark}.", evidence=evidence), knowledge) == reason
