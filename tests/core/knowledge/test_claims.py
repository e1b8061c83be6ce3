"""Claims on the built-in base. Each case is a sentence that a reply may hold and the verdict a clinician would give it from the graph."""

import pytest

from core.knowledge import Knowledge
from core.knowledge.claims import check_claims
from core.knowledge.graph import Fact, Kind
from core.types import Relation, Verdict


def facts(knowledge: Knowledge, relation: Relation) -> list[Fact]:
    return [f for f in knowledge.graph.facts if f.relation is relation]


def one(knowledge: Knowledge, text: str, relation: Relation) -> Verdict:
    verdicts = {c.verdict for c in check_claims(text, knowledge) if c.relation is relation}
    assert len(verdicts) == 1, f"{text!r} gave {check_claims(text, knowledge)}"
    return verdicts.pop()


def share(knowledge: Knowledge, relation: Relation, text: str, verdict: Verdict, **where: str) -> float:
    """Share of the graph's facts whose sentence, written by `text`, gets the verdict."""
    chosen = [f for f in facts(knowledge, relation) if all(getattr(f, k) == v for k, v in where.items())]
    hits = 0
    for fact in chosen:
        other = fact.object if relation is Relation.DOSE else knowledge.graph.label(fact.object)
        claims = check_claims(text.format(knowledge.graph.label(fact.subject), other), knowledge)
        hits += any(c.relation is relation and c.subject in (fact.subject, fact.object) and c.verdict is verdict for c in claims)
    return hits / len(chosen)


@pytest.mark.parametrize(
    ("relation", "text", "verdict", "where"),
    [
        (Relation.TREATED_BY, "The first-line treatment of {} is {}.", Verdict.SUPPORTED, {"line": "first"}),
        (Relation.TREATED_BY, "The first-line treatment of {} is {}.", Verdict.CONTRADICTED, {"line": "alternative"}),
        (Relation.INVESTIGATED_BY, "{} is confirmed by {}.", Verdict.SUPPORTED, {}),
        (Relation.HAS_SYMPTOM, "A symptom of {} is {}.", Verdict.SUPPORTED, {}),
        (Relation.CONTRAINDICATED_IN, "{} is contraindicated in {}.", Verdict.SUPPORTED, {}),
        (Relation.CONTRAINDICATED_IN, "{} is safe in {}.", Verdict.CONTRADICTED, {}),
        (Relation.INTERACTS_WITH, "{} interacts with {}.", Verdict.SUPPORTED, {}),
        (Relation.INTERACTS_WITH, "{} and {}: no known interaction.", Verdict.CONTRADICTED, {}),
        (Relation.DOSE, "The adult dose of {} is {}.", Verdict.SUPPORTED, {}),
    ],
)
def test_nearly_every_fact_of_the_base_is_read_back_from_a_plain_sentence(
    knowledge: Knowledge, relation: Relation, text: str, verdict: Verdict, where: dict[str, str]
) -> None:
    assert share(knowledge, relation, text, verdict, **where) >= 0.97


def test_every_fact_of_the_base_is_read_back_from_its_own_sentence(knowledge: Knowledge) -> None:
    for fact in knowledge.graph.facts:
        text = knowledge.graph.sentence(fact)
        assert one(knowledge, text, fact.relation) is Verdict.SUPPORTED, text


def test_a_dose_ten_times_too_high_is_contradicted(knowledge: Knowledge) -> None:
    for fact in facts(knowledge, Relation.DOSE):
        assert fact.dose is not None
        if fact.dose.unit == "mg":
            text = f"The adult dose of {knowledge.graph.label(fact.subject)} is {fact.dose.high * 10:f} mg."
            assert one(knowledge, text, Relation.DOSE) is Verdict.CONTRADICTED


def test_what_the_base_does_not_hold_is_unknown_not_false(knowledge: Knowledge) -> None:
    graph = knowledge.graph
    condition = graph.of_kind(Kind.CONDITION)[0]
    drug = next(
        d for d in graph.of_kind(Kind.DRUG) if not graph.fact(condition.id, Relation.TREATED_BY, d.id) and not graph.contraindication(d.id, condition.id)
    )
    assert one(knowledge, f"The first-line treatment of {condition.label} is {drug.label}.", Relation.TREATED_BY) is Verdict.UNKNOWN


def test_a_claim_carries_the_row_and_source_that_decide_it(knowledge: Knowledge) -> None:
    fact = facts(knowledge, Relation.INVESTIGATED_BY)[0]
    claim = next(c for c in check_claims(knowledge.graph.sentence(fact), knowledge) if c.object == fact.object)
    assert claim.evidence is not None
    assert (claim.evidence.source, claim.evidence.row) == (fact.source, fact.row)


@pytest.mark.parametrize("text", ["", "Hello.", "\x00\ufffd", "é" * 5000, "İ" * 50 + " asthma"])
def test_text_without_claims_gives_none(knowledge: Knowledge, text: str) -> None:
    assert check_claims(text, knowledge) == ()


def verdicts(knowledge: Knowledge, text: str) -> list[str]:
    return [c.verdict.value for c in check_claims(text, knowledge)]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Colchicine treats gout.", "supported"),
        ("Colchicine does not treat gout.", "contradicted"),
        ("Colchicine is not usually used for gout.", "contradicted"),
        ("Gout is not treated with colchicine.", "contradicted"),
        ("Wheeze is not a symptom of asthma.", "contradicted"),
        ("Asthma is not confirmed by spirometry.", "contradicted"),
        ("Warfarin isn't contraindicated in pregnancy.", "contradicted"),
        ("Warfarin does not interact with fluconazole.", "contradicted"),
        ("Warfarin and fluconazole can safely be combined.", "contradicted"),
        # What is denied is not clear, or the graph holds nothing: unknown.
        ("There is no evidence that colchicine treats gout.", "unknown"),
        ("Asthma is not treated with propranolol.", "unknown"),
        ("Amoxicillin does not treat gout.", "unknown"),
    ],
)
def test_a_denied_fact_is_contradicted_where_the_scope_of_the_denial_is_clear(knowledge: Knowledge, text: str, verdict: str) -> None:
    assert verdicts(knowledge, text) == [verdict]


def test_what_is_called_not_safe_is_not_called_safe(knowledge: Knowledge) -> None:
    (claim,) = check_claims("Warfarin is not safe in pregnancy.", knowledge)
    assert claim.verdict is Verdict.SUPPORTED
    (claim,) = check_claims("Warfarin is safe in pregnancy.", knowledge)
    assert claim.verdict is Verdict.CONTRADICTED
