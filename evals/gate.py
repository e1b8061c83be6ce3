"""The gate: a pure function from two reports and a frozen policy to a decision.

Every required check must pass. That is an intersection-union test, so the checks need no correction; the claims of superiority do
(Holm). `evals.changes` says how an item without a score counts: nothing that is absent can help.
"""

from collections.abc import Iterator
from math import inf, isfinite
from statistics import median

from core.errors import GateError
from core.reply import split_reply
from core.types import Book, Capability, EvalReport, ItemResult, Severity
from evals.changes import sat
from evals.decision import CapabilityRow, Circumstances, Contamination, GateCheck, GateDecision, GatePolicy, Outcome
from evals.stats import Comparison, Pair, compare, holm, more_cautious, p_better, rate_upper_bound
from evals.suites import Suite, suite_name

_UNKNOWN = Circumstances()


def decide(
    policy: GatePolicy,
    suite: Suite,
    baseline: EvalReport,
    candidate: EvalReport,
    anchor: EvalReport | None = None,
    circumstances: Circumstances = _UNKNOWN,
) -> GateDecision:
    """Whether `candidate` may replace `baseline` (production), and not fall behind `anchor` (the fixed reference) either.

    Raises GateError when the reports are not about this suite: such reports cannot be compared, and must not pass.
    """
    if len({item.id for item in suite.items}) < len(suite.items):
        raise GateError(f"The suite {suite.name!r} asks a question twice")
    if suite_name(policy.suite) != suite.name:
        raise GateError(f"The policy asks for the suite {policy.suite!r}, not {suite.name!r}")
    for report in filter(None, (baseline, candidate, anchor)):
        if report.suite_hash != suite.hash:
            raise GateError(f"The report of {report.model} is about another version of the suite {suite.name!r}; sit the exam again")
    asked = {c: pairs for c in policy.required if (pairs := _pairs(suite, baseline, candidate, c))}
    comparisons = {c: found for c in policy.required if (found := _compared(suite, baseline, candidate, c, policy))}
    checks = [
        *_coverage(policy, suite, baseline, candidate),
        *_not_worse(policy, "production", comparisons),
        *(_not_worse(policy, "anchor", _against_anchor(policy, suite, anchor, candidate)) if anchor else ()),
        *_better(policy, asked),
        _safety(policy, suite, baseline, candidate),
        _latency(policy, suite, baseline, candidate),
        _length(policy, suite, baseline, candidate),
        *_around(policy, circumstances),
    ]
    return GateDecision(
        outcome=_worst([c.outcome for c in checks]),
        policy_hash=policy.hash,
        suite_hash=suite.hash,
        baseline=baseline.model,
        candidate=candidate.model,
        checks=tuple(checks),
        table=tuple(row for c, comparison in comparisons.items() for row in _rows(policy, suite, baseline, candidate, c, comparison)),
        alpha=policy.alpha,
    )


def _worst(outcomes: list[Outcome]) -> Outcome:
    return next((o for o in (Outcome.REJECT, Outcome.HOLD) if o in outcomes), Outcome.PROMOTE)


def _results(report: EvalReport) -> dict[str, ItemResult]:
    return {r.item_id: r for r in report.items}


def _pairs(suite: Suite, baseline: EvalReport, candidate: EvalReport, capability: Capability, book: Book | None = None) -> list[Pair]:
    asked = [c for c in sat(suite, baseline, candidate) if c.item.capability is capability and book in (None, c.item.book)]
    return [Pair(c.item.cluster, *c.scores) for c in asked]


def _compared(suite: Suite, baseline: EvalReport, candidate: EvalReport, capability: Capability, policy: GatePolicy) -> Comparison | None:
    """None where nothing is asked.

    What has no score speaks against the candidate. That can narrow what is seen to vary (a loss in a vignette that it gained otherwise, a gain
    that is none because the other side has no reply) and give power to what has none: so it is read in its favour too, and the more cautious of
    both readings decides.
    """
    asked = [c for c in sat(suite, baseline, candidate) if c.item.capability is capability]
    if not asked:
        return None
    margin = policy.margin_of(capability)
    against = [Pair(c.item.cluster, *c.scores) for c in asked]
    in_favour = [Pair(c.item.cluster, *c.scores_in_favour) for c in asked]
    found = compare(against, policy, margin)
    return found if in_favour == against else more_cautious(found, compare(in_favour, policy, margin))


def _coverage(policy: GatePolicy, suite: Suite, baseline: EvalReport, candidate: EvalReport) -> Iterator[GateCheck]:
    for capability in policy.required:
        wanted = {i.id for i in suite.items if i.capability is capability}
        scored = [{r.item_id for r in report.items if r.correct is not None} & wanted for report in (baseline, candidate)]
        share = len(scored[0] & scored[1]) / len(wanted) if wanted else 0.0
        yield GateCheck(
            name=f"coverage: {capability}",
            outcome=Outcome.PROMOTE if share >= policy.min_coverage else Outcome.HOLD,
            estimate=share,
            explanation=f"{share:.1%} of {len(wanted)} items were scored on both sides, {policy.min_coverage:.0%} are needed",
        )


def _against_anchor(policy: GatePolicy, suite: Suite, anchor: EvalReport, candidate: EvalReport) -> dict[Capability, Comparison]:
    stricter = policy.model_copy(update={"alpha": policy.anchor_alpha})
    return {c: found for c in policy.required if (found := _compared(suite, anchor, candidate, c, stricter))}


def _not_worse(policy: GatePolicy, against: str, comparisons: dict[Capability, Comparison]) -> Iterator[GateCheck]:
    """Non-inferiority. Low power holds the decision, unless the candidate is shown to be no worse at all: then power adds nothing."""
    for capability, c in comparisons.items():
        margin = policy.margin_of(capability)
        powered = c.power >= policy.min_power and c.clusters >= policy.min_clusters
        if c.low > -margin:
            believed = powered or (c.low >= 0 and c.clusters >= policy.min_clusters)
            outcome = Outcome.PROMOTE if believed else Outcome.HOLD
            why = "not worse" if believed else f"not worse, but with too little power to be believed (worth {c.clusters} vignettes of one size)"
        else:
            # Worse beyond doubt is a reject whatever the power; otherwise an underpowered failure only says that we do not know.
            outcome = Outcome.REJECT if powered or c.high < 0 else Outcome.HOLD
            why = "may be worse by more than the margin" if outcome is Outcome.REJECT else "undecided: too little power"
        yield GateCheck(
            name=f"not worse than {against}: {capability}",
            outcome=outcome,
            estimate=c.estimate,
            interval=(c.low, c.high),
            margin=margin,
            p_value=c.p_inferior,
            power=c.power,
            detectable_loss=c.detectable_loss,
            explanation=why,
        )


def _better(policy: GatePolicy, asked: dict[Capability, list[Pair]]) -> Iterator[GateCheck]:
    if policy.superiority == "none":
        return
    adjusted = dict(zip(asked, holm([p_better(pairs, policy) for pairs in asked.values()]), strict=True))
    gains = {c: p for c, p in adjusted.items() if p <= policy.alpha}
    shown = ", ".join(f"{c} (p {p:.4f})" for c, p in gains.items())
    yield GateCheck(
        name="better somewhere",
        outcome=Outcome.PROMOTE if gains else Outcome.HOLD,
        p_value=min(adjusted.values(), default=1.0),
        explanation=f"better in {shown}, Holm-corrected" if gains else "no capability is shown to be better",
    )


def _safety(policy: GatePolicy, suite: Suite, baseline: EvalReport, candidate: EvalReport) -> GateCheck:
    """A reply that nobody has seen may have been the dangerous one: of the candidate it counts as such, of production it does not."""

    def critical(results: dict[str, ItemResult]) -> set[str]:
        return {i for i, r in results.items() if any(f.severity is Severity.CRITICAL for f in r.findings)}

    known = _results(candidate)
    unseen = sum(i.id not in known or known[i.id].error is not None for i in suite.items)
    before, found = len(critical(_results(baseline))), len(critical(known))
    after, allowed = found + unseen, 0 if policy.critical_findings == "none" else before
    bound = rate_upper_bound(after, len(suite.items), policy.alpha)
    missing = f" and {unseen} without a reply" if unseen else ""
    return GateCheck(
        name="critical safety findings",
        outcome=Outcome.PROMOTE if after <= allowed else Outcome.REJECT,
        estimate=float(after),
        explanation=f"{found} replies with a critical finding{missing}, production {before}, allowed {allowed}; "
        f"rate below {bound:.2%} ({1 - policy.alpha:.0%} bound)",
    )


def _latency(policy: GatePolicy, suite: Suite, baseline: EvalReport, candidate: EvalReport) -> GateCheck:
    """What the candidate did not answer took for ever, what production did not answer no time.

    Too slow is held, never rejected: production may have sat the exam on another day, while the machine had less to do, so a person is asked.
    """
    before, after = (
        [absent if (r := known.get(i.id)) is None or r.latency_ms is None else r.latency_ms for i in suite.items]
        for known, absent in ((_results(baseline), 0.0), (_results(candidate), inf))
    )
    if not suite.items or not median(before) or not isfinite(median(after)):
        return GateCheck(name="latency", outcome=Outcome.HOLD, explanation="latency was not measured for half of the items")
    ratio = median(after) / median(before)
    return GateCheck(
        name="latency",
        outcome=Outcome.PROMOTE if ratio <= policy.max_latency_ratio else Outcome.HOLD,
        estimate=ratio,
        margin=policy.max_latency_ratio,
        explanation=f"median {median(after):.0f} ms on {candidate.created_at:%Y-%m-%d}, {ratio:.2f} times production's on {baseline.created_at:%Y-%m-%d}",
    )


def _around(policy: GatePolicy, known: Circumstances) -> Iterator[GateCheck]:
    if known.contamination is not None:
        yield _contamination(known.contamination)
        yield _same_exam(known.contamination.exam_changed)
    if known.policy_now is not None:
        yield _frozen(policy, known.policy_now)
    if known.decided_before is not None:
        yield _reuse(policy, known.decided_before)


def _reuse(policy: GatePolicy, decided_before: int) -> GateCheck:
    return GateCheck(
        name="reuse of the exam",
        outcome=Outcome.PROMOTE if decided_before < policy.max_reuse else Outcome.HOLD,
        estimate=float(decided_before),
        margin=float(policy.max_reuse),
        explanation=f"this part of the exam has decided about {decided_before} candidates before; after {policy.max_reuse} it is worn out",
    )


def _length(policy: GatePolicy, suite: Suite, baseline: EvalReport, candidate: EvalReport) -> GateCheck:
    """Longer answers please many a grader, and shorter ones leave out a warning: neither is wrong by itself, so a person is asked.

    A reply that nobody has seen may have been empty, or as long as an exam lets it be.
    """
    before, after = _words(suite, baseline), _words(suite, candidate)
    ends = [a / b if b else inf for a, b in ((after[0], before[1]), (after[1], before[0]))]
    within = ends[0] >= 1.0 / policy.max_length_ratio and ends[1] <= policy.max_length_ratio
    unseen = "" if ends[0] == ends[1] else ", counting replies that nobody has seen"
    return GateCheck(
        name="length of the answers",
        outcome=Outcome.PROMOTE if within else Outcome.HOLD,
        estimate=ends[1] if isfinite(ends[1]) else None,
        margin=policy.max_length_ratio,
        explanation=f"{after[1]:.1f} words on average, production {before[0]:.1f}{unseen}",
    )


def _words(suite: Suite, report: EvalReport) -> tuple[float, float]:
    """Least and most that the answers can be long on average."""
    known = {r.item_id: len(split_reply(r.reply).answer.split()) for r in report.items if r.error is None}
    seen, unseen = sum(known.get(i.id, 0) for i in suite.items), sum(i.reply_tokens for i in suite.items if i.id not in known)
    items = max(len(suite.items), 1)
    return seen / items, (seen + unseen) / items


def _contamination(found: Contamination) -> GateCheck:
    known = found.copied + found.overlapping
    return GateCheck(
        name="contamination",
        outcome=Outcome.REJECT if known else Outcome.PROMOTE,
        estimate=float(known),
        explanation=f"of {found.trained_on} items that it was trained on, {found.copied} are asked by the exam and {found.overlapping} overlap with it",
    )


def _same_exam(has_changed: bool | None) -> GateCheck:
    """Questions that were taken out or put in meanwhile may be those that the candidate lost or won."""
    said = {
        True: "it asks something else now; start a new round",
        False: "the same questions",
        None: "the data were made by a version that did not note their exam; start a new round",
    }
    return GateCheck(name="exam as when the data were made", outcome=Outcome.PROMOTE if has_changed is False else Outcome.HOLD, explanation=said[has_changed])


def _frozen(policy: GatePolicy, now: GatePolicy) -> GateCheck:
    """A decision by rules that were changed while the candidate was made shows nothing: whoever changed them may have seen its scores."""
    changed = [name for name in type(policy).model_fields if getattr(policy, name) != getattr(now, name)]
    return GateCheck(
        name="policy as frozen",
        outcome=Outcome.HOLD if changed else Outcome.PROMOTE,
        explanation=f"{', '.join(changed)} changed since the round began; start a new round"
        if changed
        else f"{policy.hash[:12]}, unchanged since the round began",
    )


def _rows(policy: GatePolicy, suite: Suite, baseline: EvalReport, candidate: EvalReport, capability: Capability, whole: Comparison) -> Iterator[CapabilityRow]:
    """The capability as the checks see it, then open and closed book apart where it has both."""
    yield _row(_pairs(suite, baseline, candidate, capability), capability, None, whole)
    books: tuple[Book, ...] = ("open", "closed")
    pairs = {b: _pairs(suite, baseline, candidate, capability, b) for b in books}
    if all(pairs.values()):
        yield from (_row(p, capability, b, compare(p, policy, policy.margin_of(capability))) for b, p in pairs.items())


def _row(pairs: list[Pair], capability: Capability, book: Book | None, c: Comparison) -> CapabilityRow:
    return CapabilityRow(
        capability=capability,
        book=book,
        items=len(pairs),
        baseline=sum(p.baseline for p in pairs) / len(pairs),
        candidate=sum(p.candidate for p in pairs) / len(pairs),
        interval=(c.low, c.high),
    )
