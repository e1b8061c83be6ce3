"""Forms of clinical notes: headings in order with text of their own, numbered problems, JSON to a schema."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.types import Check
from evals.scorers.format import passes
from evals.scorers.format.clinical import CLINICAL

SOAP = "Subjective: pain\nObjective: swelling\nAssessment: gout\nPlan: rest"
HEADINGS = {"headings": ["Diagnosis", "Treatment:", "Follow-up"]}
SUMMARY = "Diagnosis: gout\nTreatment: rest\nFollow-up: in a week"
SCHEMA = {
    "schema": json.dumps(
        {
            "type": "object",
            "properties": {"drug": {"type": "string", "minLength": 1}, "mg": {"type": "number"}},
            "required": ["drug"],
            "additionalProperties": False,
        }
    )
}
CASES: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    (
        "soap_note",
        {},
        [
            SOAP,
            "S: pain\nO: swelling\nA: gout\nP: rest",
            "**Subjective:** pain\n**Objective:** a\n**Assessment:** b\n**Plan:** c",
            "# Subjective\npain\n# Objective\na\n# Assessment\nb\n# Plan\nc\nd",
            "subjective:\npain\nSince: Monday\nobjective:\na\nassessment:\nb\nplan:\nc\n",
        ],
        [
            "",
            "Subjective: a\nObjective: b\nAssessment: c",
            SOAP.replace("gout", ""),
            SOAP.replace("gout", "-"),
            f"Note:\n{SOAP}",
            f"{SOAP}\nPlan: more",
            SOAP.replace("\n", " "),
            "Subjective: a\nAssessment: b\nObjective: c\nPlan: d",
            "Plan: a",
            "Subjective Objective Assessment Plan",
        ],
    ),
    (
        "discharge_summary",
        HEADINGS,
        [SUMMARY, "Diagnosis\ngout\nTreatment\nrest\nFollow-up\nin a week", "## diagnosis:\ngout\n## treatment:\nrest\n## follow-up:\nin a week"],
        [
            "",
            SUMMARY.replace("gout", ""),
            SUMMARY.replace("\nFollow-up: in a week", ""),
            f"Dear colleague,\n{SUMMARY}",
            f"{SUMMARY}\nDiagnosis: asthma",
            SUMMARY.replace("Treatment", "Therapy"),
            "Treatment: rest\nDiagnosis: gout\nFollow-up: in a week",
        ],
    ),
    (
        "problem_list",
        {"n": 2},
        ["1. Gout\n2. Asthma", "1) Gout\n\n2) Asthma\n", "  1. Gout: rest\n  2. Asthma"],
        [
            "",
            "1. Gout",
            "1. Gout\n2. Asthma\n3. Pain",
            "1. Gout\n1. Asthma",
            "2. Gout\n1. Asthma",
            "1. Gout\n2. gout.",
            "Problems:\n1. Gout\n2. Asthma",
            "1. \n2. Asthma",
            "- Gout\n- Asthma",
            "1.Gout\n2.Asthma",
        ],
    ),
    (
        "json_schema",
        SCHEMA,
        ['{"drug": "naproxen"}', ' {"mg": 2.5, "drug": "a"}\n'],
        [
            "",
            '{"drug": ""}',
            '{"drug": 3}',
            "{}",
            '{"drug": "a", "why": "b"}',
            '["drug"]',
            'Here: {"drug": "a"}',
            '```json\n{"drug": "a"}\n```',
            "[" * 50_000,
            "1" * 10_000,
        ],
    ),
]


def test_every_clinical_form_is_under_test() -> None:
    assert {kind for kind, *_ in CASES} == set(CLINICAL)


@pytest.mark.parametrize(("kind", "args", "yes", "no"), CASES, ids=[c[0] for c in CASES])
def test_what_follows_passes_and_the_smallest_departure_fails(kind: str, args: dict[str, Any], yes: list[str], no: list[str]) -> None:
    check = Check(kind=kind, args=args)
    assert [reply for reply in yes if not passes(check, reply)] == []
    assert [reply for reply in no if passes(check, reply)] == []


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("soap_note", {"headings": ["S"]}), ("discharge_summary", {}), ("discharge_summary", {"headings": []}), ("discharge_summary", {"headings": "Plan"}),
        ("problem_list", {"n": 0}), ("problem_list", {}), ("json_schema", {"schema": ""}), ("json_schema", {"schema": "{"}), ("json_schema", {"schema": "{}"}),
        ("json_schema", {"schema": "true"}), ("json_schema", {"schema": '{"type": "objekt"}'}), ("json_schema", {"schema": "[" * 50_000}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("reply", ["", "{}", SOAP])
def test_arguments_that_cannot_be_judged_by_are_the_askers_error(kind: str, args: dict[str, Any], reply: str) -> None:
    with pytest.raises(BadInput, match=kind):
        passes(Check(kind=kind, args=args), reply)


def test_a_schema_fetches_nothing() -> None:
    check = Check(kind="json_schema", args={"schema": '{"$ref": "http://127.0.0.1:1/schema.json"}'})
    with pytest.raises(BadInput, match="which it does not hold"):
        passes(check, "{}")


@given(st.sampled_from(CASES), st.text(st.sampled_from("SOAP:subjectivplan12.) *#\n-{}\"'"), max_size=60))
def test_any_text_gets_a_verdict(case: tuple[str, dict[str, Any], list[str], list[str]], reply: str) -> None:
    assert passes(Check(kind=case[0], args=case[1]), reply) in (True, False)


@pytest.mark.parametrize("mark", ["\n", "*", "# ", "**", "S:\n", "1. a\n", " ", "a ", "{"])
def test_a_hostile_reply_is_judged_in_time(mark: str) -> None:
    for kind, args, *_ in CASES:
        passes(Check(kind=kind, args=args), mark * (20_000 // len(mark)))
