"""The admin page's tables and cards: pure functions from rows to HTML. Everything that came from outside is escaped."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any

from app.api_rows import AuditPage, CheckpointRow, FeedbackRow, KeyRow, RoundDetail, RoundRow, UserRow
from app.chat.render import finding_item, shortened
from core.reply import split_reply
from core.states import CheckpointStatus, RoundStatus
from core.types import Progress
from evals.canary import CanaryState
from evals.decision import GateCheck, GateDecision, Outcome

_PATH = (
    RoundStatus.QUEUED,
    RoundStatus.BUILDING,
    RoundStatus.TRAINING,
    RoundStatus.EVALUATING,
    RoundStatus.AWAITING_SIGNOFF,
    RoundStatus.CANARY,
    RoundStatus.PROMOTED,
)
_STEPS_PER_PICTURE = 10
_OUTCOMES = {Outcome.PROMOTE: "pass", Outcome.REJECT: "fail", Outcome.HOLD: "hold"}
_CHECKPOINT_STYLES = {CheckpointStatus.PRODUCTION: "supported", CheckpointStatus.REJECTED: "contradicted"}
_STYLES = {"pass": "supported", "fail": "contradicted", "hold": "hold"}


def moment(at: datetime | None) -> str:
    """A time as people read it, in UTC."""
    return f"{at:%d %b %Y %H:%M} UTC" if at else "—"


def duration(seconds: float) -> str:
    """ "40 s", "3 min", "2 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> str:
    """A table of cells that are HTML already; `empty` is said when there are no rows."""
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    if not lines:
        return f'<p class="bb-hint">{escape(empty)}</p>'
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    body = f"<caption>{escape(caption)}</caption><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody>"
    return f'<div class="bb-scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="bb-table">{body}</table></div>'


# --- review --------------------------------------------------------------------------------------------------------


def feedback_card(row: FeedbackRow | None, position: int, total: int) -> str:
    """One judgement with what it is about, for a reviewer."""
    if row is None:
        return '<p class="bb-hint bb-empty">Nothing to review here. New judgements from the chat page appear after a refresh.</p>'
    thinking, answer = split_reply(row.turn.reply)
    thumb = {1: "👍 good", -1: "👎 bad"}.get(row.rating or 0, "")
    marks = "".join(f'<span class="bb-mark bb-mark-{escape(mark.split(" ")[-1])}">{escape(mark)}</span>' for mark in (thumb, *row.flags, row.status) if mark)
    findings = "".join(finding_item(f) for f in row.turn.findings)
    used = f" · used by {escape(row.round_id)}" if row.round_id else ""
    fields = (
        ("Question", _text(row.turn.question)),
        ("Reply" + (" (withheld from the reader)" if row.turn.finish_reason == "withheld" else ""), _text(answer) or "<em>no answer</em>"),
        ("Thinking", f"<details><summary>show</summary>{_text(thinking)}</details>" if thinking else ""),
        ("Safety findings", f'<ul class="bb-findings">{findings}</ul>' if findings else ""),
        ("Correction", _text(row.correction or "")),
        ("Comment", _text(row.comment or "")),
    )
    body = "".join(f"<dt>{title}</dt><dd>{value}</dd>" for title, value in fields if value)
    return (
        f'<article class="bb-card"><p class="bb-about">{position + 1} of {total} · {moment(row.created_at)} · <code>{escape(row.id)}</code> · '
        f"answered by <code>{escape(row.turn.checkpoint_id)}</code>{used}</p><p>{marks}</p><dl>{body}</dl></article>"
    )


def _text(text: str) -> str:
    return escape(text.strip()).replace("\n", "<br>")


# --- rounds --------------------------------------------------------------------------------------------------------


def stage_name(status: RoundStatus) -> str:
    return "awaiting sign-off" if status is RoundStatus.AWAITING_SIGNOFF else status.replace("_", " ")


def round_label(row: RoundRow) -> str:
    """How a round is called in a list to choose from."""
    return f"{row.id} · {stage_name(row.status)} · {moment(row.created_at)}"


def round_card(row: RoundDetail | None, now: datetime) -> str:
    """Where a round stands: its path with the present stage marked, progress, what it waits for, or why it ended."""
    if row is None:
        return '<p class="bb-hint bb-empty">No round yet. Accept some feedback, choose a recipe and start the first one.</p>'
    lasted = duration(((row.finished_at or now) - row.created_at).total_seconds())
    facts = f"started by {escape(row.requested_by)} {moment(row.created_at)} · {'took' if row.finished_at else 'running for'} {lasted}"
    facts += f" · parent <code>{escape(row.parent_id)}</code>"
    if row.candidate_id:
        facts += f" · candidate <code>{escape(row.candidate_id)}</code>"
    if row.signed_off_by:
        facts += f" · signed off by {escape(row.signed_off_by)}"
    parts = [_path(row), f'<p class="bb-about">{facts}</p>', _progress(row), _note(row), canary(row.canary)]
    return f'<section class="bb-card" aria-live="polite"><h3>{escape(row.id)}</h3>{"".join(parts)}</section>'


def _path(row: RoundRow) -> str:
    if row.status not in _PATH:
        return f'<p class="bb-path"><span class="bb-now bb-ended">{escape(row.status)}</span></p>'
    here = _PATH.index(row.status)
    steps = "".join(
        f'<li class="{"bb-now" if i == here else "bb-past" if i < here else ""}"{" aria-current=step" if i == here else ""}>{stage_name(stage)}</li>'
        for i, stage in enumerate(_PATH)
    )
    return f'<ol class="bb-path">{steps}</ol>'


def _progress(row: RoundRow) -> str:
    if row.finished_at is not None or row.progress is None or row.progress.stage != row.status:
        return ""
    line, bar = escape(progress_line(row.progress)), f'max="{max(row.progress.total, 1)}" value="{row.progress.done}"'
    return f'<div class="bb-progress"><progress {bar} aria-label="Progress"></progress><span>{line}</span></div>'


def progress_line(progress: Progress) -> str:
    """ "training: step 12 of 60, reward 0.412, about 50 s left"."""
    left = f", about {duration(progress.seconds_left)} left" if progress.seconds_left is not None else ""
    note = f", {progress.note}" if progress.note else ""
    return f"{progress.stage}: {progress.done} of {progress.total}{note}{left}"


def _note(row: RoundDetail) -> str:
    if row.error:
        return f'<div class="bb-problem">{escape(row.error)}</div>'
    if row.cancel_requested and row.finished_at is None:
        return '<p class="bb-note">Being cancelled.</p>'
    if row.status is RoundStatus.AWAITING_SIGNOFF and row.signed_off_by is None:
        return '<p class="bb-note">The candidate passed its exam. Read the decision below, then sign off or cancel.</p>'
    return ""


def canary(state: CanaryState | None) -> str:
    """Both sides by signal, and how far the evidence of harm is from stopping the candidate; nothing before there is a canary."""
    if state is None:
        return ""
    sides = f"{state.candidate.conversations} conversations and {state.candidate.turns} turns on the candidate, "
    sides += f"{state.production.conversations} and {state.production.turns} in production, {state.settling} not settled yet"
    about = f'<p class="bb-about">{state.share:.0%} of new conversations since {moment(state.began_at)} · {sides} · seen {moment(state.seen_at)}</p>'
    head = ("Signal", "Production", "Candidate", "Margin", "Evidence of harm", "Stops at")
    rows = [
        (
            f"<strong>{watch.signal}</strong>" if watch.is_reached else watch.signal.value,
            *("—" if rate is None else f"{rate:.1%}" for rate in (watch.production, watch.candidate)),
            f"{watch.margin:.1%}",
            f"{watch.wealth:.1f}",
            f"{watch.limit:.0f}",
        )
        for watch in state.signals
    ]
    return about + table("Canary: share of conversations that show a signal", head, rows, "No worker has looked yet.")


def decision(found: GateDecision | None, ended: bool = False) -> str:
    """The table before and after, then every check of the gate."""
    if found is None:
        return f'<p class="bb-hint">{"This round ended before its exam was decided." if ended else "The decision appears here after the exam."}</p>'
    before_after = table(
        "Exam scores before and after",
        ("Capability", "Items", "Production", "Candidate", f"Change ({100 * (1 - 2 * found.alpha):.0f} % interval), points"),
        [
            (
                escape(row.label),
                str(row.items),
                f"{row.baseline:.1%}",
                f"{row.candidate:.1%}",
                f"<strong>{100 * (row.candidate - row.baseline):+.1f}</strong> ({100 * row.interval[0]:+.1f} to {100 * row.interval[1]:+.1f})",
            )
            for row in found.table
        ],
        "No capability could be compared.",
    )
    head = ("Check", "Result", "Estimate", "Interval", "Margin", "p", "Power", "Detectable loss", "Why")
    checks = table("Checks of the gate", head, [_check(check) for check in found.checks], "No check was made.")
    title = {Outcome.PROMOTE: "The gate passed the candidate", Outcome.REJECT: "The gate rejected the candidate", Outcome.HOLD: "The gate could not decide"}
    about = f"{escape(found.candidate)} against {escape(found.baseline)} · policy {escape(found.policy_hash[:12])} · exam {escape(found.suite_hash[:12])}"
    return f'<h3>{title[found.outcome]} {badge(found.outcome)}</h3><p class="bb-about">{about}</p>{before_after}{checks}'


def badge(outcome: Outcome) -> str:
    word = _OUTCOMES[outcome]
    return f'<span class="bb-badge bb-{_STYLES[word]}">{word}</span>'


def _check(check: GateCheck) -> tuple[str, ...]:
    interval = f"{check.interval[0]:+.3f} to {check.interval[1]:+.3f}" if check.interval else ""
    numbers = [f"{value:.3f}" if value is not None else "" for value in (check.margin, check.p_value, check.power, check.detectable_loss)]
    estimate = f"{check.estimate:+.3f}" if check.estimate is not None else ""
    return (escape(check.name.replace("_", " ")), badge(check.outcome), estimate, interval, *numbers, escape(check.explanation))


def frozen(row: RoundDetail | None) -> str:
    """The recipe and the policy as they were frozen when the round began."""
    if row is None:
        return ""
    lists = "".join(f"<h4>{title}</h4>{_fields(values)}" for title, values in (("Recipe", row.recipe), ("Gate policy", row.policy)))
    return f'<details class="bb-frozen"><summary>Recipe and gate policy, frozen at the start</summary>{lists}</details>'


def _fields(values: dict[str, Any]) -> str:
    return "<dl>" + "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in values.items()) + "</dl>"


def reward_points(metrics: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows (step, capability, reward) for the plot; a capability without a scored reply in a step has no row."""
    return [
        {"step": metric["step"], "capability": name, "reward": float(value)}
        for metric in metrics
        for name, value in sorted((metric.get("rewards") or {}).items())
        if value is not None
    ]


def plots(row: RoundDetail | None) -> str:
    """Every plot of a round's training, drawn by the gateway: anew for every tenth step, and when training is over."""
    if row is None or not row.metrics:
        return ""
    last = int(row.metrics[-1]["step"])
    step = last if row.status is not RoundStatus.TRAINING else last - last % _STEPS_PER_PICTURE
    alt = "Training by step: reward by capability and component, prompts without signal, cosines, conflict, multipliers, weights, KL"
    return f'<img class="bb-plots" src="/v1/rounds/{escape(row.id)}/plots.png?step={step}" alt="{alt}" loading="lazy">'


# --- checkpoints, audit, people ------------------------------------------------------------------------------------


def checkpoint_table(rows: Sequence[CheckpointRow]) -> str:
    """Every checkpoint under the one it was trained from."""
    return table(
        "Checkpoints, each under its parent",
        ("Checkpoint", "Status", "Round", "Made", "Last put into production", "SHA-256"),
        [
            (
                f'<span style="padding-left:{depth * 1.25}rem">{"└ " if depth else ""}<code>{escape(row.id)}</code></span>',
                f'<span class="bb-badge bb-{_CHECKPOINT_STYLES.get(row.status, "hold")}">{row.status}</span>',
                escape(row.round_id or "—"),
                moment(row.created_at),
                moment(row.promoted_at),
                f'<code title="{escape(row.sha256)}">{escape(row.sha256[:12])}</code>',
            )
            for depth, row in lineage(rows)
        ],
        "No checkpoint yet; the base model is registered when the stack starts.",
    )


def lineage(rows: Sequence[CheckpointRow]) -> list[tuple[int, CheckpointRow]]:
    """The rows in the order of a family tree, each with its depth. A row whose parent is not among them is a root."""
    known = {row.id for row in rows}

    def below(parent: str | None, depth: int) -> list[tuple[int, CheckpointRow]]:
        children = [r for r in rows if (r.parent_id if r.parent_id in known else None) == parent]
        return [line for child in children for line in ((depth, child), *below(child.id, depth + 1))]

    return below(None, 0)


def audit_table(page: AuditPage) -> str:
    """The trail with a word on whether it is whole."""
    if page.first_broken is None:
        state = '<div class="bb-done" role="status">The chain of hashes holds: nothing was changed or removed.</div>'
    else:
        state = f'<div class="bb-problem" role="alert">The chain of hashes is broken at event {page.first_broken}: the trail was changed.</div>'
    rows = [
        (
            str(r.seq),
            moment(r.at),
            escape(r.actor),
            escape(r.action),
            f"<code>{escape(r.subject)}</code>",
            escape(shortened(", ".join(f"{k}: {v}" for k, v in r.detail.items()), 200)),
        )
        for r in page.data
    ]
    return state + table("Audit trail, newest first", ("No.", "When", "Who", "What", "On", "Detail"), rows, "Nothing has been recorded yet.")


def user_table(rows: Sequence[UserRow]) -> str:

    def state(row: UserRow) -> str:
        return "locked" if not row.active else "must choose a password" if row.must_change_password else "active"

    cells = [(escape(row.name), row.role.value, state(row), moment(row.created_at)) for row in rows]
    return table("Users", ("Name", "Role", "State", "Since"), cells, "No users.")


def key_table(rows: Sequence[KeyRow], now: datetime) -> str:
    def state(row: KeyRow) -> str:
        return "revoked" if row.revoked_at else "expired" if row.expires_at and row.expires_at < now else "live"

    cells = [
        (f"<code>{escape(r.id)}</code>", escape(r.label), escape(r.user), escape(", ".join(r.scopes)), state(r), moment(r.created_at), moment(r.expires_at))
        for r in rows
    ]
    return table("API keys", ("Key", "Label", "Owner", "Scopes", "State", "Made", "Expires"), cells, "No API keys.")
