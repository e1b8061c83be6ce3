"""An exam as a log of Inspect AI: every question as it was asked, every reply with its scores and why. `inspect view` shows it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalError,
    EvalLog,
    EvalMetric,
    EvalPlan,
    EvalResults,
    EvalSample,
    EvalScore,
    EvalSpec,
    EvalStats,
    write_eval_log,
)
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, ModelOutput
from inspect_ai.scorer import Score

from core.knowledge import builtin
from core.knowledge.evidence import with_evidence
from core.types import EvalReport, ExamItem, ItemResult, SafetyFinding, content_hash
from core.types import Score as ComponentScore
from evals.suites import Suite
from evals.wanted import wanted

HEADLINE = "correct"
"""Name of the score that the gate decides by; the others are its components."""
_ROLES = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}


def write_transcript(report: EvalReport, suite: Suite, folder: Path, *tags: str) -> Path:
    """Writes the log of an exam into a folder, under a name as Inspect gives them: its viewer lists no other JSON file.

    Its compressed format takes seven times as long to write (2.1 ms an item).
    """
    items = {item.id: item for item in suite.items}
    samples = [_sample(items[result.item_id], result) for result in report.items]
    created = report.created_at.isoformat()
    task_id = content_hash([report.suite_hash, report.model, created])[:16]
    log = EvalLog(
        status="success",
        eval=EvalSpec(
            created=created,
            task=suite.name,
            task_id=task_id,
            tags=list(tags),
            task_version=report.suite_hash[:12],
            dataset=EvalDataset(name=suite.name, samples=len(samples)),
            model=report.model,
            config=EvalConfig(),
        ),
        plan=EvalPlan(),
        stats=EvalStats(),
        results=EvalResults(total_samples=len(samples), completed_samples=sum(s.error is None for s in samples), scores=[_summary(report)]),
        samples=samples,
    )
    path = folder / f"{report.created_at:%Y-%m-%dT%H-%M-%S}_{suite.name.replace('_', '-')}_{task_id}.json"
    write_eval_log(log, path)
    return path


def messages_of(item: ExamItem) -> list[ChatMessage]:
    """What a model is asked, evidence and all."""
    return [_ROLES[m.role](content=m.content) for m in with_evidence(item.messages, item.evidence)]


def about(item: ExamItem) -> dict[str, str | int]:
    return {"capability": item.capability.value, "family": item.family, "cluster": item.cluster, "book": item.book, "reply_tokens": item.reply_tokens}


def scores_of(reply: str, correct: float | None, components: Sequence[ComponentScore], findings: Sequence[SafetyFinding]) -> dict[str, Score]:
    """By name. What could not be scored is left out: it is not 0."""
    why = "; ".join(f"{f.severity} {f.rule}: {f.quote!r}" for f in findings) or None
    headline = {HEADLINE: Score(value=correct, answer=reply, explanation=why)} if correct is not None else {}
    return headline | {c.name: Score(value=c.value, explanation=c.explanation) for c in components if c.value is not None}


def _sample(item: ExamItem, result: ItemResult) -> EvalSample:
    asked = messages_of(item)
    return EvalSample(
        id=item.id,
        epoch=1,
        input=asked,
        target=wanted(item, builtin()),
        messages=[*asked, ChatMessageAssistant(content=result.reply)],
        output=ModelOutput.from_content("", result.reply),
        metadata=about(item),
        scores=scores_of(result.reply, result.correct, result.scores, result.findings),
        error=EvalError(message=result.error, traceback="", traceback_ansi="") if result.error else None,
        total_time=result.latency_ms / 1000 if result.latency_ms is not None else None,
    )


def _summary(report: EvalReport) -> EvalScore:
    return EvalScore(name=HEADLINE, scorer=HEADLINE, metrics={name: EvalMetric(name=name, value=value) for name, value in _means(report)})


def _means(report: EvalReport) -> Iterator[tuple[str, float]]:
    scored = [(r.capability.value, r.correct) for r in report.items if r.correct is not None]
    for name in ("all", *dict.fromkeys(capability for capability, _ in scored)):
        values = [value for capability, value in scored if name in ("all", capability)]
        if values:
            yield name, sum(values) / len(values)
