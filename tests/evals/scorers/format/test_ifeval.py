"""Each of IFEval's 25 instructions: what follows it passes, and each smallest departure fails."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.types import Check
from evals.scorers.format import IFEVAL, loose, passes, strict
from evals.scorers.format.ifeval import checks
from evals.scorers.format.language import _detected

ENGLISH = "The patient was seen today and the plan was discussed with the family."
NTH = {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Plan"}
# (kind, arguments, replies that follow, replies that do not)
CASES: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    ("keywords:existence", {"keywords": ["gout", "uric acid"]}, ["Uric acid in GOUT", "uric acids, gouty"], ["gout", "uric-acid gout", ""]),
    ("keywords:existence", {"keywords": ["C++ (x)"]}, ["the c++ (X) form"], ["C+ (x)", "Cxx x"]),
    ("keywords:frequency", {"keyword": " gout ", "frequency": 2, "relation": "at least"}, ["gout Gout", "goutgout", "gout, gout, gout"], ["gout", ""]),
    ("keywords:frequency", {"keyword": "gout", "frequency": 2, "relation": "less than"}, ["gout", ""], ["gout gout"]),
    ("keywords:forbidden_words", {"forbidden_words": ["gout", "C++"]}, ["gouty ragout", "C+"], ["Gout.", "no GOUT", "use c++ here"]),
    ("keywords:letter_frequency", {"letter": "G", "let_frequency": 2, "let_relation": "at least"}, ["gG", "egg"], ["g", ""]),
    ("keywords:letter_frequency", {"letter": "g", "let_frequency": 1, "let_relation": "less than"}, ["no such letter?"], ["egg", "G"]),
    ("language:response_language", {"language": "en"}, [ENGLISH, "123 456"], ["Der Patient wurde heute gesehen und der Plan mit der Familie besprochen."]),
    ("language:response_language", {"language": "de"}, ["Der Patient wurde heute gesehen und der Plan mit der Familie besprochen."], [ENGLISH]),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "at least"},
        ["One. Two.", "One! Two? Three."],
        ["One.", "Give 2.5 mg b.i.d. with food.", ""],
    ),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "less than"}, ["Dr. Smith saw her.", ""], ["One. Two."]),
    ("length_constraints:number_words", {"num_words": 3, "relation": "at least"}, ["one two three", "x-y z", "one,two,three"], ["one two", "... ..."]),
    ("length_constraints:number_words", {"num_words": 3, "relation": "less than"}, ["one two", "", "मराठी आहे"], ["one two three"]),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["a\n***\nb", "a *** b", "***\na\n***\nb\n***"],
        ["a", "a\n\nb", "a***b***c", "a\n***\n***\nb", ""],
    ),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 3}, ["a***b***c"], ["a\n***\n\n***\nb"]),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 1}, ["a", "a\n***"], ["", " ", "a***b"]),
    (
        "length_constraints:nth_paragraph_first_word",
        NTH,
        ["First.\n\n'plan, as said", 'a\n\n"PLAN" b'],
        ["First.\n\nThe plan", "Plan\n\nFirst", "Plan", "a\n\nPlan\n\nb", "a\nPlan"],
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, ["[a] [b]", "[a][[b]]", "[] []"], ["[a]", "[a\n] [b", "(a) (b)"]),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, ["Text.\nP.S. more", "p. s. more"], ["Text. PS more", "P.S"]),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, ["Text.\nP.P.S more", "p. p. s."], ["P.S. more"]),
    ("detectable_content:postscript", {"postscript_marker": "PPS"}, ["pps: more"], ["P.P.S"]),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["* a\n* b", "- a\n  - b", "Two:\n* a\n- b\nEnd", "*\n* a\n* b", "*\na\n* b"],
        ["* a", "* a\n* b\n* c", "** a\n* b", "1. a\n2. b", "*\n* a"],
    ),
    ("detectable_format:constrained_response", {}, ["My answer is yes.", "Well: My answer is maybe. So."], ["My answer is yes", "my answer is no.", "Yes."]),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["*a* and *b*", "**a** and **b**", "*a b*\n*c*"],
        ["*a*", "**a** and b", "* a\n* b", "** **"],
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        ["Section 1\na\nSection 2\nb", "Section1 Section2", "Section 1 Section 1"],
        ["Section 1", "SECTION 1 SECTION 2", "Section A Section B"],
    ),
    ("detectable_format:json_format", {}, ['{"a": 1}', '```json\n{"a": 1}\n```', "```\n[]```", '"text"'], ["{'a': 1}", 'Here: {"a": 1}', "", "[" * 50_000]),
    ("detectable_format:title", {}, ["<<A title>>\ntext", "so << a>>", "<<<a>>>"], ["<A title>", "<<>>", "<< >>", "<<a\n>>", "<<a>"]),
    ("combination:two_responses", {}, ["a\n******\nb", "******a******b******"], ["a", "a******a", "a******b******c", "a************b", "a***b"]),
    (
        "combination:repeat_prompt",
        {"prompt_to_repeat": "What helps?"},
        ["What helps? Rest.", "\nWHAT HELPS?"],
        ["Rest. What helps?", "What help? Rest", "'What helps?'"],
    ),
    ("startend:end_checker", {"end_phrase": "Any questions?"}, ["Rest. Any questions?", '"Rest. ANY QUESTIONS?" '], ["Any questions? Rest.", "Any questions"]),
    ("startend:quotation", {}, ['"a"', ' "a" and "b"\n', '""'], ['"', '"a', "'a'", "“a”", 'He said "a".']),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "at least"}, ["GIVE IT now", "I AM"], ["GIVE it", "Give It", "A-b"]),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "less than"}, ["GIVE it", ""], ["GIVE IT"]),
    ("change_case:english_capital", {}, [ENGLISH.upper()], [ENGLISH, ENGLISH.lower(), "ДЕНЯТ Е ХУБАВ И ВРЕМЕТО СЪЩО Е ХУБАВО", "123"]),
    (
        "change_case:english_lowercase",
        {},
        [ENGLISH.lower()],
        [ENGLISH, ENGLISH.upper(), "der patient wurde heute gesehen und der plan mit der familie besprochen", "123"],
    ),
    ("punctuation:no_comma", {}, ["a; b"], ["a, b", ","]),
]


def test_every_instruction_of_ifeval_is_under_test() -> None:
    assert {kind for kind, *_ in CASES} == set(IFEVAL)
    assert len(IFEVAL) == 25


@pytest.mark.parametrize(("kind", "args", "yes", "no"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)])
def test_what_follows_passes_and_the_smallest_departure_fails(kind: str, args: dict[str, Any], yes: list[str], no: list[str]) -> None:
    check = Check(kind=kind, args=args)
    assert [reply for reply in yes if not passes(check, reply)] == []
    assert [reply for reply in no if passes(check, reply)] == []


NOT_JUDGED = [
    ("keywords:existence", {"keywords": []}),
    ("keywords:existence", {"keywords": "gout"}),
    ("keywords:existence", {"keywords": [" "]}),
    ("keywords:existence", {}),
    ("keywords:frequency", {"keyword": "a", "frequency": 0, "relation": "at least"}),
    ("keywords:frequency", {"keyword": "a", "frequency": 1, "relation": "more than"}),
    ("keywords:frequency", {"keyword": "a", "frequency": "1", "relation": "at least"}),
    ("keywords:forbidden_words", {"forbidden_words": [""]}),
    ("keywords:letter_frequency", {"letter": "ab", "let_frequency": 1, "let_relation": "at least"}),
    ("keywords:letter_frequency", {"letter": " ", "let_frequency": 1, "let_relation": "at least"}),
    ("language:response_language", {"language": "zz"}),
    ("language:response_language", {"language": "../en"}),
    ("language:response_language", {"language": ""}),
    ("length_constraints:number_sentences", {"num_sentences": 1.5, "relation": "at least"}),
    ("length_constraints:number_words", {"num_words": 5}),
    ("length_constraints:number_words", {"num_words": True, "relation": "at least"}),
    ("length_constraints:number_paragraphs", {"num_paragraphs": -1}),
    ("length_constraints:nth_paragraph_first_word", {**NTH, "nth_paragraph": 3}),
    ("length_constraints:nth_paragraph_first_word", {**NTH, "first_word": " "}),
    ("detectable_content:number_placeholders", {"num_placeholders": 0}),
    ("detectable_content:postscript", {"postscript_marker": ""}),
    ("detectable_format:number_bullet_lists", {"n": 2}),
    ("detectable_format:constrained_response", {"options": ["a"]}),
    ("detectable_format:number_highlighted_sections", {"num_highlights": None}),
    ("detectable_format:multiple_sections", {"section_spliter": "", "num_sections": 1}),
    ("detectable_format:json_format", {"keys": ["a"]}),
    ("detectable_format:title", {"title": "a"}),
    ("combination:two_responses", {"n": 2}),
    ("combination:repeat_prompt", {"prompt_to_repeat": "\n"}),
    ("startend:end_checker", {}),
    ("startend:quotation", {"mark": "'"}),
    ("change_case:capital_word_frequency", {"capital_frequency": 1, "capital_relation": "at most"}),
    ("change_case:english_capital", {"n": 1}),
    ("change_case:english_lowercase", {"n": 1}),
    ("punctuation:no_comma", {"n": 1}),
]


@pytest.mark.parametrize(("kind", "args"), NOT_JUDGED)
@pytest.mark.parametrize("reply", ["", ENGLISH])
def test_arguments_that_cannot_be_judged_by_are_the_askers_error_whatever_the_reply(kind: str, args: dict[str, Any], reply: str) -> None:
    for verdict in (passes, strict, loose):
        with pytest.raises(BadInput, match=kind):
            verdict(Check.model_construct(kind=kind, args=args), reply)


def test_every_instruction_refuses_wrong_arguments() -> None:
    assert {kind for kind, _ in NOT_JUDGED} == set(IFEVAL)


FAST = [(kind, args) for kind, args, *_ in CASES if "language" not in kind]


@given(st.sampled_from(FAST), st.text(st.sampled_from("aB. ,*-#<>[]\"'\n\t\u2028çم1P.S"), max_size=60))
def test_any_text_gets_a_verdict_that_never_changes_and_loose_is_no_stricter(case: tuple[str, dict[str, Any]], reply: str) -> None:
    check = Check(kind=case[0], args=case[1])
    verdict = strict(check, reply)
    assert verdict is strict(check, reply)
    assert loose(check, reply) or not verdict


def test_the_language_of_an_unclear_text_is_the_same_each_time() -> None:
    verdicts = set()
    for _ in range(10):
        _detected.cache_clear()
        verdicts.add(passes(Check(kind="language:response_language", args={"language": "en"}), "naproxen colchicine ok"))
    assert len(verdicts) == 1


def test_an_empty_reply_follows_nothing() -> None:
    check = Check(kind="punctuation:no_comma")
    assert passes(check, "")
    assert not strict(check, "")
    assert not strict(check, " \n")
    assert not loose(check, "\n\n")


@pytest.mark.parametrize(
    ("reply", "is_followed"),
    [
        ('{"a": 1}', True),
        ('Here it is:\n{"a": 1}', True),
        ('{"a": 1}\nI hope that helps.', True),
        ('Here it is:\n{"a": 1}\nI hope that helps.', True),
        ('*{"a": 1}*', True),
        ('**Here:**\n*{"a": 1}*', True),
        ('Here\nit is:\n{"a": 1}', False),
        ("Here it is:", False),
    ],
)
def test_the_loose_verdict_forgives_a_first_line_a_last_line_and_asterisks(reply: str, is_followed: bool) -> None:
    assert loose(Check(kind="detectable_format:json_format"), reply) is is_followed


@pytest.mark.parametrize("mark", ["\n", "[", "<", "<<", "*", "* ", "-", "\n\n", "p.", '"', "{", "Section ", " ", "1 ", "A.", "***", "******", "```json"])
def test_a_hostile_reply_is_judged_in_time(mark: str) -> None:
    """Quadratic patterns would take minutes here, and the test would hang."""
    for kind, args, *_ in CASES:
        passes(Check(kind=kind, args=args), mark * (20_000 // len(mark)))


def test_published_prompts_become_checks() -> None:
    ids, kwargs = ["punctuation:no_comma", "length_constraints:number_words"], [{"num_words": None}, {"relation": "at least", "num_words": 9, "keyword": None}]
    assert checks(ids, kwargs) == (Check(kind=ids[0]), Check(kind=ids[1], args={"relation": "at least", "num_words": 9}))


def test_every_public_prompt_can_be_judged(shared_data: Any) -> None:
    path = shared_data / "ifeval" / "input_data.jsonl"
    if not path.is_file():
        pytest.skip("the IFEval prompts are not there")
    for line in path.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        for check in checks(item["instruction_id_list"], item["kwargs"]):
            assert not strict(check, "")
