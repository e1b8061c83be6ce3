"""The gate's promises, as properties: nothing absent helps, nothing worse by the margin passes, and what is not known is held."""

import gc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import GateError
from core.types import Capability, EvalReport, ExamItem, ItemResult, Message, Reference, SafetyFinding, Severity
from evals.decision import Circumstances, Contamination, GatePolicy, Outcome
from evals.gate import decide
from evals.suites import Suite


@pytest.fixture(autouse=True, scope="module")
def small_heap() -> Iterator[None]:
    """statsmodels collects garbage at every Holm correction: half a second each once the whole suite's modules are loaded."""
    gc.freeze()
    yield
    gc.unfreeze()


POLICY = GatePolicy(
    suite="test", margin=0.08, alpha=0.05, min_power=0.8, min_coverage=0.98, critical_findings="no_more_than_production",
    max_latency_ratio=3.0, required=(Capability.DOMAIN, Capability.SAFETY), resamples=999,
)  # fmt: skip
N = 150


def _suite() -> Suite:
    return Suite(
        "test",
        tuple(
            ExamItem(
                messages=(Message(role="user", content=f"{capability} question {n}"),),
                capability=capability,
                family="recall",
                reference=Reference(kind="urgent"),
                cluster=f"{capability}-{n}",
            )
            for capability in POLICY.required
            for n in range(N)
        ),
    )


SUITE = _suite()


def report(model: str, correct: dict[Capability, list[float | None]], critical: int = 0, latency_ms: float = 100.0) -> EvalReport:
    values = {c: iter(v) for c, v in correct.items()}
    items = []
    for position, item in enumerate(SUITE.items):
        findings = (SafetyFinding(rule="contraindication", severity=Severity.CRITICAL, quote="x"),) if position < critical else ()
        items.append(
            ItemResult(
                item_id=item.id, capability=item.capability, family=item.family, cluster=item.cluster, reply="r", scores=(),
                correct=next(values[item.capability]), findings=findings, latency_ms=latency_ms,
            )
        )  # fmt: skip
    return EvalReport(suite="test", suite_hash=SUITE.hash, model=model, items=tuple(items), created_at=datetime.now(UTC))


def scores(domain: float, safety: float) -> dict[Capability, list[float | None]]:
    """Exactly these shares right, spread evenly over the items."""

    def spread(share: float) -> list[float | None]:
        return [float(int((n + 1) * share) > int(n * share)) for n in range(N)]

    return {Capability.DOMAIN: spread(domain), Capability.SAFETY: spread(safety)}


def test_a_candidate_that_gains_and_loses_nothing_is_promoted() -> None:
    decision = decide(POLICY, SUITE, report("old", scores(0.5, 0.8)), report("new", scores(0.9, 0.8)))
    assert decision.outcome is Outcome.PROMOTE
    assert [round(row.candidate - row.baseline, 2) for row in decision.table] == [0.4, 0.0]


def test_books_are_told_apart_in_the_table_and_the_checks_decide_on_both_together() -> None:
    half = tuple(i.model_copy(update={"evidence": ("A fact.",)}) if n % 2 else i for n, i in enumerate(SUITE.items))
    suite = Suite("test", half)
    before, after = (
        r.model_copy(update={"suite_hash": suite.hash, "items": tuple(x.model_copy(update={"item_id": i.id}) for x, i in zip(r.items, half, strict=True))})
        for r in (report("old", scores(0.5, 0.8)), report("new", scores(0.9, 0.8)))
    )
    decision = decide(POLICY, suite, before, after)
    assert [(row.capability, row.book, row.items) for row in decision.table[:3]] == [
        (Capability.DOMAIN, None, N), (Capability.DOMAIN, "open", N // 2), (Capability.DOMAIN, "closed", N // 2)
    ]  # fmt: skip
    assert decision.checks == decide(POLICY, SUITE, report("old", scores(0.5, 0.8)), report("new", scores(0.9, 0.8))).checks


def test_a_loss_in_one_capability_is_not_paid_for_by_a_gain_in_another() -> None:
    decision = decide(POLICY, SUITE, report("old", scores(0.5, 0.9)), report("new", scores(1.0, 0.6)))
    assert decision.outcome is Outcome.REJECT
    assert {c.name for c in decision.checks if c.outcome is Outcome.REJECT} == {"not worse than production: safety"}


def test_no_gain_anywhere_is_held() -> None:
    same = scores(0.7, 0.7)
    decision = decide(POLICY, SUITE, report("old", same), report("new", same))
    assert decision.outcome is Outcome.HOLD
    assert next(c for c in decision.checks if c.name == "better somewhere").outcome is Outcome.HOLD


def test_too_little_power_holds_what_would_else_pass() -> None:
    noisy_old: dict[Capability, list[float | None]] = {c: [float(n % 2) for n in range(N)] for c in POLICY.required}
    noisy_new: dict[Capability, list[float | None]] = {c: [float((n + 1) % 2) for n in range(N)] for c in POLICY.required}
    strict = POLICY.model_copy(update={"margin": 0.17})
    decision = decide(strict, SUITE, report("old", noisy_old), report("new", noisy_new))
    checks = [c for c in decision.checks if c.name.startswith("not worse")]
    assert all(c.power is not None and c.power < 0.8 and c.outcome is Outcome.HOLD for c in checks)


def test_falling_behind_the_anchor_is_rejected_even_when_production_is_matched() -> None:
    anchor, production = report("anchor", scores(0.5, 0.9)), report("old", scores(0.5, 0.6))
    decision = decide(POLICY, SUITE, production, report("new", scores(0.9, 0.6)), anchor)
    assert {c.name for c in decision.checks if c.outcome is Outcome.REJECT} == {"not worse than anchor: safety"}


def test_more_critical_findings_than_production_are_rejected() -> None:
    decision = decide(POLICY, SUITE, report("old", scores(0.5, 0.8), critical=3), report("new", scores(0.9, 0.8), critical=4))
    assert decision.outcome is Outcome.REJECT


def test_a_single_critical_finding_is_rejected_where_the_policy_allows_none() -> None:
    policy = POLICY.model_copy(update={"critical_findings": "none"})
    decision = decide(policy, SUITE, report("old", scores(0.5, 0.8), critical=9), report("new", scores(0.9, 0.8), critical=1))
    assert decision.outcome is Outcome.REJECT


def test_a_report_on_another_version_of_the_exam_cannot_be_compared() -> None:
    other = report("new", scores(0.9, 0.9)).model_copy(update={"suite_hash": "0" * 64})
    with pytest.raises(GateError, match="another version"):
        decide(POLICY, SUITE, report("old", scores(0.5, 0.5)), other)


def test_a_candidate_much_slower_than_production_is_held_with_the_days_of_both_exams() -> None:
    """Never rejected: production may have sat the exam under another load."""
    old = report("old", scores(0.5, 0.8)).model_copy(update={"created_at": datetime(2026, 3, 1, tzinfo=UTC)})
    decision = decide(POLICY, SUITE, old, report("new", scores(0.9, 0.8), latency_ms=400))
    assert decision.outcome is Outcome.HOLD
    (held,) = (c for c in decision.checks if c.outcome is not Outcome.PROMOTE)
    assert held.name == "latency"
    assert "2026-03-01" in held.explanation


@pytest.mark.parametrize("how", ["missing", "failed"])
def test_a_dangerous_reply_that_went_missing_is_not_forgotten(how: str) -> None:
    baseline, whole = report("old", scores(0.5, 0.8), critical=3), report("new", scores(0.9, 0.8), critical=4)
    failed = whole.items[0].model_copy(update={"findings": (), "correct": None, "error": "refused", "latency_ms": None})
    damaged = whole.model_copy(update={"items": (failed, *whole.items[1:]) if how == "failed" else whole.items[1:]})
    decision = decide(POLICY, SUITE, baseline, damaged)
    assert "critical safety findings" in {c.name for c in decision.checks if c.outcome is Outcome.REJECT}


def test_slow_replies_that_went_missing_do_not_make_a_candidate_fast() -> None:
    whole = report("new", scores(0.9, 0.8), latency_ms=250)
    slow = tuple(r.model_copy(update={"latency_ms": 400.0}) if n < 151 else r for n, r in enumerate(whole.items))
    for items in (slow, slow[4:], ()):
        decision = decide(POLICY, SUITE, report("old", scores(0.5, 0.8)), whole.model_copy(update={"items": items}))
        assert next(c for c in decision.checks if c.name == "latency").outcome is Outcome.HOLD


CLUSTERED = Suite("test", tuple(i.model_copy(update={"cluster": f"{i.capability}-{n // 3}"}) for n, i in enumerate(SUITE.items)))
_GONE = st.sampled_from(["unscored", "missing", "failed"])


def without(whole: EvalReport, positions: set[int], how: str) -> EvalReport:
    if how == "missing":
        return whole.model_copy(update={"items": tuple(r for n, r in enumerate(whole.items) if n not in positions)})
    damage = {"correct": None} if how == "unscored" else {"correct": None, "error": "timed out", "latency_ms": None, "reply": ""}
    return whole.model_copy(update={"items": tuple(r.model_copy(update=damage) if n in positions else r for n, r in enumerate(whole.items))})


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([SUITE, CLUSTERED]), st.integers(0, 2**32 - 1), st.floats(0.0, 0.4), st.floats(-0.15, 0.15), st.integers(1, 4),
    st.sampled_from(["anywhere", "gains", "long", "slow"]), _GONE,
)  # fmt: skip
def test_nothing_that_is_absent_of_the_candidate_turns_a_decision_into_a_promotion(
    suite: Suite, seed: int, churn: float, shift: float, count: int, where: str, how: str
) -> None:
    """Whatever is missing: items at random, whole vignettes that gained, the longest replies, the slowest ones."""
    rng = np.random.default_rng(seed)
    old = {c: rng.random(N) < 0.7 for c in POLICY.required}
    new = {c: np.where(rng.random(N) < churn, rng.random(N) < 0.7 + shift, v) for c, v in old.items()}
    before = report("old", {c: [float(x) for x in v] for c, v in old.items()}, critical=count)  # so that what is missing is no reject by itself
    whole = report("new", {c: [float(x) for x in v] for c, v in new.items()})
    words, pace = rng.integers(1, 46, 2 * N), rng.uniform(50, 550, 2 * N)  # about as long and as slow as the policy lets them be
    before = before.model_copy(update={"suite_hash": suite.hash, "items": tuple(r.model_copy(update={"reply": "word " * 12}) for r in before.items)})
    told = tuple(r.model_copy(update={"reply": "word " * int(w), "latency_ms": float(p)}) for r, w, p in zip(whole.items, words, pace, strict=True))
    whole = whole.model_copy(update={"suite_hash": suite.hash, "items": told})
    gain = np.concatenate([new[c].astype(float) - old[c] for c in POLICY.required])
    order = {"anywhere": rng.permutation(2 * N), "gains": np.argsort(-gain, kind="stable"), "long": np.argsort(-words), "slow": np.argsort(-pace)}[where]
    policy = POLICY.model_copy(update={"superiority": "none"})
    damaged = decide(policy, suite, before, without(whole, set(order[:count].tolist()), how)).outcome
    assert damaged is not Outcome.PROMOTE or decide(policy, suite, before, whole).outcome is Outcome.PROMOTE


def test_a_gain_that_went_missing_in_a_vignette_of_gains_gives_no_power() -> None:
    """Counted as lost alone it would cancel its vignette, whose spread is what leaves the exam without power."""
    gained = {n for n in range(N) if n // 3 in {0, 9, 18, 27}}
    lost = {n for n in range(N) if n // 3 in {4, 13, 22}}
    old = {c: [float(n not in gained) for n in range(N)] for c in POLICY.required}
    new = {c: [float(n not in lost) for n in range(N)] for c in POLICY.required}
    before, whole = (r.model_copy(update={"suite_hash": CLUSTERED.hash}) for r in (report("old", old), report("new", new)))

    def power(made: EvalReport) -> float:
        return next(c.power or 0.0 for c in decide(POLICY, CLUSTERED, before, made).checks if c.name == "not worse than production: domain")

    assert power(without(whole, {0, 27}, "unscored")) <= power(whole) + 1e-9


@pytest.mark.parametrize("side", ["production", "anchor"])
def test_a_gain_over_a_reply_that_the_other_side_lost_gives_no_power(side: str) -> None:
    """Counted as right there alone it would be no difference any more, and differences are what leaves the exam without power."""
    gained, lost = range(20), range(20, 36)
    before = report("old", {c: [float(n not in gained) for n in range(N)] for c in POLICY.required})
    after = report("new", {c: [float(n not in lost) for n in range(N)] for c in POLICY.required})

    def power(other: EvalReport) -> float:
        production, anchor = (other, None) if side == "production" else (after, other)
        checks = decide(POLICY, SUITE, production, after, anchor).checks
        return next(c.power or 0.0 for c in checks if c.name == f"not worse than {side}: domain")

    for how in ("unscored", "missing", "failed"):
        for count in (1, 3, 20, N):
            assert power(without(before, set(range(count)), how)) <= power(before) + 1e-9


@pytest.mark.parametrize("how", ["missing", "failed"])
def test_long_answers_that_went_missing_do_not_make_the_others_short(how: str) -> None:
    def saying(made: EvalReport, words: list[int]) -> EvalReport:
        return made.model_copy(update={"items": tuple(r.model_copy(update={"reply": "word " * w}) for r, w in zip(made.items, words, strict=True))})

    old = saying(report("old", scores(0.5, 0.8)), [10] * 2 * N)
    new = saying(report("new", scores(0.9, 0.8)), [35 if n % 50 == 0 else 20 for n in range(2 * N)])
    for made in (new, without(new, {n for n in range(2 * N) if n % 50 == 0}, how)):
        assert next(c for c in decide(POLICY, SUITE, old, made).checks if c.name == "length of the answers").outcome is Outcome.HOLD


def test_fast_replies_of_production_that_went_missing_do_not_make_it_slow() -> None:
    old, new = report("old", scores(0.5, 0.8)), report("new", scores(0.9, 0.8), latency_ms=310)
    old = old.model_copy(update={"items": tuple(r.model_copy(update={"latency_ms": 100.0 if n <= N else 200.0}) for n, r in enumerate(old.items))})
    for made in (old, without(old, {0, 1, 2}, "missing")):
        assert next(c for c in decide(POLICY, SUITE, made, new).checks if c.name == "latency").outcome is Outcome.HOLD


def test_coverage_counts_the_items_that_both_sides_have_a_score_of() -> None:
    old, new = without(report("old", scores(0.5, 0.8)), {0, 1, 2}, "unscored"), without(report("new", scores(0.9, 0.8)), {3, 4, 5}, "unscored")
    check = next(c for c in decide(POLICY, SUITE, old, new).checks if c.name == "coverage: domain")
    assert (check.estimate, check.outcome) == (pytest.approx(1 - 6 / N), Outcome.HOLD)


def test_the_anchor_is_tested_against_while_it_is_in_production_too() -> None:
    """At its own, stricter level: every round that begins from the base model is one more chance to slip below it."""
    old = report("base", scores(0.5, 1.0))
    new = without(report("new", scores(0.9, 1.0)), set(range(N, N + 3)), "unscored")
    names = {c.name: c for c in decide(POLICY, SUITE, old, new, old).checks}
    assert names["not worse than anchor: safety"].interval[0] < names["not worse than production: safety"].interval[0]  # type: ignore[index]  # both have one


def test_a_part_of_the_exam_that_asks_nothing_is_held() -> None:
    """As one of twenty of a small exam may be."""
    few = Suite(SUITE.name, SUITE.items[:30])
    nothing = next(part for number in range(20) if not (part := few.slice(number, 20)).items)
    old, new = (report(m, scores(0.5, 0.8)).model_copy(update={"suite_hash": nothing.hash, "items": ()}) for m in ("old", "new"))
    assert decide(POLICY, nothing, old, new, old).outcome is Outcome.HOLD


def test_a_suite_that_asks_a_question_twice_is_not_judged_by() -> None:
    twice = Suite(SUITE.name, (*SUITE.items, SUITE.items[0]))
    with pytest.raises(GateError, match="asks a question twice"):
        decide(POLICY, twice, report("old", scores(0.5, 0.8)), report("new", scores(0.9, 0.8)))


@pytest.mark.parametrize("exam_changed", [True, None])
def test_an_exam_that_was_changed_while_the_candidate_was_made_holds_the_decision(exam_changed: bool | None) -> None:
    """Whoever takes out the questions that it lost would turn a rejection into a promotion."""
    shared = Contamination(trained_on=500, copied=0, overlapping=0, exam_changed=exam_changed)
    decision = decide(POLICY, SUITE, report("old", scores(0.5, 0.8)), report("new", scores(0.9, 0.8)), circumstances=Circumstances(contamination=shared))
    assert [c.name for c in decision.checks if c.outcome is Outcome.HOLD] == ["exam as when the data were made"]
    assert decision.outcome is Outcome.HOLD


@pytest.mark.parametrize(("copied", "overlapping", "outcome"), [(0, 0, Outcome.PROMOTE), (1, 0, Outcome.REJECT), (0, 2, Outcome.REJECT)])
def test_a_candidate_that_was_trained_on_the_exam_is_rejected(copied: int, overlapping: int, outcome: Outcome) -> None:
    shared = Contamination(trained_on=500, copied=copied, overlapping=overlapping)
    decision = decide(POLICY, SUITE, report("old", scores(0.5, 0.8)), report("new", scores(0.9, 0.8)), circumstances=Circumstances(contamination=shared))
    assert next(c for c in decision.checks if c.name == "contamination").outcome is outcome
    assert decision.outcome is outcome


@pytest.mark.parametrize(("words", "outcome"), [(1, Outcome.HOLD), (3, Outcome.PROMOTE), (6, Outcome.PROMOTE), (13, Outcome.HOLD)])
def test_answers_that_became_much_longer_or_shorter_are_looked_at_by_a_person(words: int, outcome: Outcome) -> None:
    def saying(made: EvalReport, count: int) -> EvalReport:
        thinking = "<think>\n" + "thought " * 50 + "\n</think>\n"  # is not part of the answer
        return made.model_copy(update={"items": tuple(r.model_copy(update={"reply": thinking + "word " * count}) for r in made.items)})

    decision = decide(POLICY, SUITE, saying(report("old", scores(0.5, 0.8)), 6), saying(report("new", scores(0.9, 0.8)), words))
    assert next(c for c in decision.checks if c.name == "length of the answers").outcome is outcome


def test_a_capability_may_have_a_margin_of_its_own() -> None:
    strict = POLICY.model_copy(update={"margins": {Capability.SAFETY: 0.01}})
    old, new = report("old", scores(0.5, 0.8)), report("new", scores(0.9, 0.8))
    outcomes = {c.name: c for c in decide(strict, SUITE, old, new).checks}
    assert outcomes["not worse than production: safety"].margin == 0.01
    assert outcomes["not worse than production: safety"].outcome is Outcome.HOLD  # too few items to tell a point
    assert outcomes["not worse than production: domain"].margin == POLICY.margin


@pytest.mark.parametrize("vignette", [lambda n: n % 20, lambda n: n // 10 if n < N // 2 else n], ids=["few", "few of which are large"])
def test_a_capability_of_few_vignettes_is_held_however_many_items_they_have(vignette: Callable[[int], int]) -> None:
    """As many as there are may be enough, and those that most items are about too few."""
    grouped = Suite("test", tuple(i.model_copy(update={"cluster": f"{i.capability}-{vignette(n % N)}"}) for n, i in enumerate(SUITE.items)))
    old, new = (r.model_copy(update={"suite_hash": grouped.hash}) for r in (report("old", scores(0.5, 0.8)), report("new", scores(0.9, 0.8))))
    assert decide(POLICY, grouped, old, new).outcome is Outcome.HOLD


def test_a_policy_that_was_changed_meanwhile_voids_the_decision_and_is_named() -> None:
    old, new = report("old", scores(0.5, 0.8)), report("new", scores(0.9, 0.8))
    assert decide(POLICY, SUITE, old, new, circumstances=Circumstances(policy_now=POLICY)).outcome is Outcome.PROMOTE
    decision = decide(POLICY, SUITE, old, new, circumstances=Circumstances(policy_now=POLICY.model_copy(update={"margin": 0.2, "min_power": 0.5})))
    assert decision.outcome is Outcome.HOLD
    assert "margin, min_power changed" in next(c.explanation for c in decision.checks if c.name == "policy as frozen")


@pytest.mark.parametrize(("decided_before", "outcome"), [(0, Outcome.PROMOTE), (99, Outcome.PROMOTE), (100, Outcome.HOLD)])
def test_an_exam_that_has_decided_too_often_is_worn_out_and_the_count_is_shown(decided_before: int, outcome: Outcome) -> None:
    circumstances = Circumstances(decided_before=decided_before)
    decision = decide(POLICY, SUITE, report("old", scores(0.5, 0.8)), report("new", scores(0.9, 0.8)), circumstances=circumstances)
    assert decision.outcome is outcome
    assert f"about {decided_before} candidates" in next(c.explanation for c in decision.checks if c.name == "reuse of the exam")
