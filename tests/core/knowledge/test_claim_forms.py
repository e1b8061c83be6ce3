"""Claims in the forms that replies take: structured, in clauses, of classes, with amounts and schedules, with citations."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.knowledge import Knowledge
from core.knowledge import knowledge as builtin
from core.knowledge.claims import check_claims
from core.knowledge.graph import Kind
from core.types import Claim, Relation, Verdict

KNOWN = builtin()
CLASSES = tuple(c for c in KNOWN.graph.of_kind(Kind.CLASS) if len(KNOWN.graph.members(c.id)) > 1 and len(KNOWN.linker.mentions(f"{c.label}s")) == 1)
WARNINGS = tuple(f for f in KNOWN.graph.facts if f.relation in (Relation.CONTRAINDICATED_IN, Relation.INTERACTS_WITH))


def read(text: str, **options: object) -> list[tuple[str, str, str, str]]:
    label = KNOWN.graph.label
    claims: tuple[Claim, ...] = check_claims(text, KNOWN, **options)  # type: ignore[arg-type]  # options of several types
    return [(label(c.subject), c.relation, c.object if c.relation is Relation.DOSE else label(c.object), c.verdict) for c in claims]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"diagnosis": "gout", "drug": "colchicine", "safety_net": "Seek advice."}),
        json.dumps({"drug": ["colchicine"], "condition": "gout"}),
        'The answer:\n```json\n{"condition": "gout", "plan": {"drug": "colchicine"}}\n```',
        "Diagnosis: gout\nDrug: colchicine\nSafety net: come back if it gets worse.",
        "**Diagnosis:** gout.\n**Treatment:** Colchicine.",
        "The most likely diagnosis is gout. Give colchicine.",
        "This is most likely gout. I would prescribe colchicine and rest.",
    ],
)
def test_a_diagnosis_and_a_drug_in_any_form_claim_that_the_one_treats_the_other(text: str) -> None:
    assert ("gout", "treated_by", "colchicine", "supported") in read(text)


def test_a_diagnosis_claims_to_explain_the_symptoms_of_the_patient_in_question() -> None:
    symptoms = [m.concepts[0] for m in KNOWN.linker.mentions("wheezing, tremor")]
    assert read("The most likely diagnosis is asthma.") == []
    claimed = {(c[2], c[3]) for c in read("The most likely diagnosis is asthma.", presenting=symptoms)}
    assert claimed == {("wheezing", "supported"), ("tremor", "unknown")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Colchicine is an alternative for gout but interacts with clarithromycin.", [("gout", "colchicine"), ("colchicine", "clarithromycin")]),
        ("Propranolol is contraindicated in asthma, so give amlodipine for hypertension.", [("propranolol", "asthma"), ("hypertension", "amlodipine")]),
        ("Propranolol and bisoprolol are contraindicated in asthma.", [("propranolol", "asthma"), ("bisoprolol", "asthma")]),
        ("In a patient with asthma, give amlodipine for hypertension.", [("hypertension", "amlodipine")]),
        ("Patients with asthma should not receive propranolol.", [("propranolol", "asthma")]),
        ("Patient on warfarin with gout: give colchicine.", [("gout", "colchicine")]),
        ("Warfarin [1] interacts with fluconazole [2]. [3] Give colchicine for gout [4].", [("warfarin", "fluconazole"), ("gout", "colchicine")]),
    ],
)
def test_each_clause_claims_of_its_own_concepts(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(c[0], c[2]) for c in read(text)] == expected
    assert {c[3] for c in read(text)} == {"supported"}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Metformin 500 mg twice daily.", "supported"),
        ("Metformin five hundred milligrams every 12 hours.", "supported"),
        ("Metformin: two 500 mg tablets twice a day.", "supported"),
        ("Metformin: ten 500 mg tablets twice a day.", "contradicted"),
        ("Metformin 500 mg six times daily.", "contradicted"),
        ("Metformin 1 g twice daily, at most 2.5 g per day.", "supported"),
        ("Metformin up to 8 g per day.", "contradicted"),
        ("Methotrexate 10 mg once weekly.", "supported"),
        ("Methotrexate 10 mg once daily.", "contradicted"),
        ("Timolol one drop twice daily.", "supported"),
        ("Timolol ten drops twice daily.", "contradicted"),
        ("Benzathine benzylpenicillin 2.4 million units as a single dose.", "supported"),
        ("Benzathine benzylpenicillin 24 million IU.", "contradicted"),
        ("Amoxicillin 500 ml.", "unknown"),
        ("Paracetamol 15 mg/kg.", "unknown"),
    ],
)
def test_an_amount_is_read_in_words_units_and_schedules(text: str, verdict: str) -> None:
    assert {c[3] for c in read(text) if c[1] == "dose"} == {verdict}


@given(st.sampled_from([f for f in KNOWN.graph.facts if f.dose]), st.integers(2, 40))
def test_the_row_of_a_dose_supports_itself_and_more_of_it_is_contradicted(fact, times) -> None:
    name = KNOWN.graph.label(fact.subject)
    own = [c for c in read(f"The usual adult dose of {name} is {fact.object}.") if c[1] == "dose"]
    assert [c[3] for c in own] == ["supported"]
    most = times * max(fact.dose.high, fact.dose.max_per_day or 0)
    assert [c[3] for c in read(f"Give {name} {most:f} {fact.dose.unit}.") if c[1] == "dose"] == ["contradicted"]


@given(st.sampled_from(CLASSES), st.sampled_from(WARNINGS))
def test_a_warning_about_a_class_is_supported_exactly_when_every_member_has_it(drug_class, fact) -> None:
    graph = KNOWN.graph
    find = graph.contraindication if fact.relation is Relation.CONTRAINDICATED_IN else graph.interaction
    rows = [find(m, fact.object) for m in graph.members(drug_class.id) if m != fact.object]
    verb = {Relation.CONTRAINDICATED_IN: ("is contraindicated in", "is safe in"), Relation.INTERACTS_WITH: ("interacts with", "does not interact with")}
    said, denied = (
        [c for c in check_claims(f"The {drug_class.label} {v} {graph.label(fact.object)}.", KNOWN) if c.subject == drug_class.id and c.object == fact.object]
        for v in verb[fact.relation]
    )
    if not said or not denied:  # the label of the class, or of the other end, is also something else
        return
    if not any(rows) and any(graph.fact(fact.object, Relation.TREATED_BY, m) for m in graph.members(drug_class.id)):
        assert (said[0].verdict, denied[0].verdict) == (Verdict.CONTRADICTED, Verdict.SUPPORTED)  # what is given for a condition is not forbidden in it
        return
    expected = Verdict.SUPPORTED if all(rows) else Verdict.UNKNOWN
    assert said[0].verdict is expected
    assert denied[0].verdict is (Verdict.CONTRADICTED if any(rows) else Verdict.UNKNOWN)
    if any(rows):
        assert said[0].evidence == graph.evidence(next(r for r in rows if r))


@given(st.sampled_from(CLASSES), st.sampled_from(KNOWN.graph.of_kind(Kind.CONDITION)))
def test_a_use_of_a_class_is_supported_exactly_when_some_member_has_it(drug_class, condition) -> None:
    graph = KNOWN.graph
    rows = [graph.fact(condition.id, Relation.TREATED_BY, m) for m in graph.members(drug_class.id)]
    said = [c for c in check_claims(f"{drug_class.label}s treat {condition.label}.", KNOWN) if (c.subject, c.object) == (condition.id, drug_class.id)]
    denied = [c for c in check_claims(f"{drug_class.label}s do not treat {condition.label}.", KNOWN) if (c.subject, c.object) == (condition.id, drug_class.id)]
    if not said or not denied:
        return
    rules_out = all(graph.contraindication(m, condition.id) for m in graph.members(drug_class.id))
    assert said[0].verdict is (Verdict.SUPPORTED if any(rows) else Verdict.CONTRADICTED if rules_out else Verdict.UNKNOWN)
    assert denied[0].verdict is (Verdict.CONTRADICTED if any(rows) else Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Bisoprolol is a beta blocker.", "supported"),
        ("Bisoprolol is not a beta blocker.", "contradicted"),
        ("Amoxicillin, a penicillin, is given for pneumonia.", "supported"),
        ("Amoxicillin is a beta blocker.", "unknown"),  # a drug may have several classes
    ],
)
def test_membership_of_a_class_is_a_claim(text: str, verdict: str) -> None:
    assert [c[3] for c in read(text) if c[1] == "is_a"] == [verdict]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("First, gout is treated with prednisolone.", "contradicted"),
        ("Guidelines start with prednisolone in gout.", "contradicted"),
        ("Warfarin interacts with fluconazole: bleeding (minor).", "contradicted"),
        ("Fever and cough argue against pneumonia.", "unknown"),
        ("Fever is never seen in pneumonia.", "contradicted"),
        ("The treatment of gout is anything but colchicine.", "contradicted"),
        ("Asthma is excluded from diagnosis by spirometry.", "unknown"),
        ("Propranolol is no longer contraindicated in asthma.", "contradicted"),
        ("Cyanosis in asthma is hardly a red flag: call emergency services.", "unknown"),
        ("Colchicine should not be used for gout.", "contradicted"),
        ("Atypical antipsychotics are given for bipolar disorder.", "supported"),
        ("Fever is an atypical symptom of pneumonia.", "unknown"),
    ],
)
def test_line_severity_and_denial_are_read_in_other_words(text: str, verdict: str) -> None:
    assert {c[3] for c in read(text)} == {verdict}


def test_a_list_of_everything_costs_no_more_than_its_length(knowledge: Knowledge) -> None:
    drugs = ", ".join(d.label for d in knowledge.graph.of_kind(Kind.DRUG))
    assert len(check_claims(f"{drugs} interact.", knowledge)) <= 64
