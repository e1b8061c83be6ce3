"""What a decision looks like: for a terminal, for a pull request, for a machine."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from core.artifacts import write_text_atomically
from core.types import EvalReport
from evals.changes import Change, changes
from evals.decision import GateCheck, GateDecision, Outcome
from evals.following import Following, following, rows
from evals.page import page
from evals.suites import Suite

_MARK = {Outcome.PROMOTE: "pass", Outcome.REJECT: "FAIL", Outcome.HOLD: "hold"}

_UNPRINTABLE = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def write_report(decision: GateDecision, folder: Path, suite: Suite, baseline: EvalReport, candidate: EvalReport) -> None:
    """Writes index.html, decision.md, decision.json, junit.xml, both sides' reports and, for `inspect view`, their transcripts into `folder`."""
    from evals.transcript import write_transcript  # Inspect takes a second to import, and most who read reports write none

    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "decision.json": decision.model_dump_json(indent=1),
        "decision.md": markdown(decision, suite, baseline, candidate),
        "junit.xml": _junit(decision),
        "index.html": page(decision, suite, baseline, candidate),
        "baseline.json": baseline.model_dump_json(),
        "candidate.json": candidate.model_dump_json(),
    }.items():
        write_text_atomically(folder / name, text)
    transcripts = folder / "transcripts"
    shutil.rmtree(transcripts, ignore_errors=True)  # their names tell runs apart, so those of an earlier one would stay
    write_transcript(baseline, suite, transcripts, "baseline")
    write_transcript(candidate, suite, transcripts, "candidate")


def markdown(decision: GateDecision, suite: Suite, baseline: EvalReport, candidate: EvalReport) -> str:
    """The decision, the table before and after, every check, instructions followed, and what got worse (at most 20 items)."""
    changed = changes(suite, baseline, candidate)
    return "\n".join(
        [
            f"# Gate: {decision.outcome}",
            "",
            f"Candidate `{decision.candidate}` against `{decision.baseline}`. Policy `{decision.policy_hash[:12]}`, exam `{decision.suite_hash[:12]}`.",
            "",
            table_markdown(decision),
            "",
            "| check | result | estimate | interval | margin | p | power | detectable loss | |",
            "|---|---|---|---|---|---|---|---|---|",
            *(_check_line(c) for c in decision.checks),
            "",
            *_followed(following(suite, baseline), following(suite, candidate)),
            "## What got worse",
            "",
            *_worse([c for c in changed if c.difference < 0]),
            "",
        ]
    )


def table_markdown(decision: GateDecision) -> str:
    """Per capability, and for information per book: items, score before, score after, change with its interval, in percentage points."""
    covered = round(100 * (1 - 2 * decision.alpha), 1)
    lines = [f"| capability | items | before | after | change ({covered:g} % interval) |", "|---|---:|---:|---:|---:|"]
    for row in decision.table:
        low, change, high = (100 * value for value in (row.interval[0], row.candidate - row.baseline, row.interval[1]))
        lines.append(f"| {row.label} | {row.items} | {row.baseline:.1%} | {row.candidate:.1%} | {change:+.1f} ({low:+.1f} to {high:+.1f}) |")
    return "\n".join(lines)


def _check_line(check: GateCheck) -> str:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}"

    interval = f"{check.interval[0]:+.3f} to {check.interval[1]:+.3f}" if check.interval else ""
    cells = (
        check.name, _MARK[check.outcome], number(check.estimate), interval, number(check.margin),
        number(check.p_value), number(check.power), number(check.detectable_loss), check.explanation,
    )  # fmt: skip
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _followed(before: Following | None, after: Following | None) -> list[str]:
    if before is None or after is None:
        return []
    lines = [f"| {name} | {old:.1%} | {new:.1%} |" for name, old, new in rows(before, after)]
    return ["## Instructions followed", "", f"| of {before.prompts} prompts | before | after |", "|---|---:|---:|", *lines, ""]


def _worse(losses: Sequence[Change]) -> list[str]:
    if not losses:
        return ["Nothing."]
    lines = [f"{len(losses)} items; the largest losses first."]
    for loss in losses[:20]:
        item, (before, after) = loss.item, loss.scores
        lines += [
            "",
            f"- {item.capability}, {item.family}, {item.book} book (`{item.id}`): {before:.2f} to {after:.2f}",
            f"  - before: {_one_line(loss.before.reply or loss.before.error or '')}",
            f"  - after: {_one_line(loss.after.reply or loss.after.error or '')}",
        ]
    return lines


def _one_line(text: str) -> str:
    """As code, so that a model's words cannot be a link, a picture or a mention in somebody's pull request."""
    return f"`{' '.join(text.split())[:300].replace('`', '')}`" if text.strip("` \n") else "(empty)"


def _junit(decision: GateDecision) -> str:
    failures = sum(c.outcome is Outcome.REJECT for c in decision.checks)
    held = sum(c.outcome is Outcome.HOLD for c in decision.checks)
    suite = ElementTree.Element("testsuite", name="balancedbio gate", tests=str(len(decision.checks)), failures=str(failures), errors=str(held))
    for check in decision.checks:
        case = ElementTree.SubElement(suite, "testcase", classname="gate", name=_UNPRINTABLE.sub("?", check.name))
        if check.outcome is not Outcome.PROMOTE:
            ElementTree.SubElement(case, "failure" if check.outcome is Outcome.REJECT else "error", message=_UNPRINTABLE.sub("?", check.explanation))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)
