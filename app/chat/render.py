"""From values to what the browser is given: pure functions.

Everything that a model or a person wrote is escaped here. Of Markdown only what cannot fetch or link is left: emphasis, lists,
quotes, tables, code.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from app.chat.transcript import ChatTurn, Transcript, TurnState
from core.knowledge.citations import cited_numbers
from core.types import Claim, Evidence, Relation, SafetyFinding, Severity, Verdict

Names = Callable[[str], str]
"""From a concept's id to its label."""
ChatMessage = dict[str, Any]
"""A message as `gr.Chatbot` takes it."""

_RELATIONS = {
    Relation.HAS_SYMPTOM: "has the symptom",
    Relation.RED_FLAG: "has the red flag",
    Relation.INVESTIGATED_BY: "is confirmed by",
    Relation.TREATED_BY: "is treated by",
    Relation.CONTRAINDICATED_IN: "– use in –",
    Relation.INTERACTS_WITH: "– together with –",
    Relation.DOSE: "– dose –",
}
_VERDICTS = {
    Verdict.SUPPORTED: ("✓", "Supported"),
    Verdict.CONTRADICTED: ("✗", "Contradicted"),
    Verdict.UNKNOWN: ("?", "Not in the knowledge base"),
}
_RULES = {
    "emergency": "Possible emergency",
    "contraindication": "Contraindicated in this patient",
    "interaction": "Drug interaction",
    "overdose": "Dose above the maximum",
    "missing_safety_net": "No advice to seek urgent care",
    "harmful_request": "Request for help to cause harm",
    "contradicted_claim": "The knowledge base says otherwise",
    "citation": "The source cited does not support this sentence",
    "prompt_injection": "The question tries to change the rules of the assistant",
}
_FINDING_STYLE = {Severity.CRITICAL: "critical", Severity.WARNING: "warning", Severity.NOTE: "note"}
_MARK = re.compile(r"&#91;(\d{1,3})\]")
"""A citation in text that `safe_markdown` has been over."""
_SCHEME = re.compile(r"(?<=[A-Za-z]):(?=//)|(?<=www)\.", re.I)


def safe_markdown(text: str) -> str:
    """`text` so that no part of it can become markup of its own, a link or a picture."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("[", "&#91;").replace("|", "&#124;")
    return _SCHEME.sub(lambda found: "&#58;" if found[0] == ":" else "&#46;", escaped)


def chat_messages(transcript: Transcript, names: Names) -> list[ChatMessage]:
    """The conversation for `gr.Chatbot`: question, thought (closed), answer, and the panel about the answer."""
    return [message for turn in transcript.turns for message in _turn_messages(turn, names)]


def turn_of_message(transcript: Transcript, index: int, names: Names) -> ChatTurn | None:
    """The turn to which message `index` of `chat_messages` belongs."""
    for turn in transcript.turns:
        index -= len(_turn_messages(turn, names))
        if index < 0:
            return turn
    return None


def ratings(transcript: Transcript) -> list[str | None]:
    """The thumbs to show as pressed: one for each answered turn."""
    return [{1: "Like", -1: "Dislike"}.get(turn.rating or 0) for turn in transcript.turns if turn.text]


def _turn_messages(turn: ChatTurn, names: Names) -> list[ChatMessage]:
    thinking, answer = turn.reply
    found: list[ChatMessage] = [{"role": "user", "content": safe_markdown(turn.question)}]
    if thinking:
        # "done" keeps it closed: a thought is not an answer and is not checked.
        metadata = {"title": "Thinking — not checked, not part of the answer", "status": "done"}
        found.append({"role": "assistant", "content": safe_markdown(thinking), "metadata": metadata})
    if answer:
        found.append({"role": "assistant", "content": _with_sources(safe_markdown(answer), turn)})
    elif turn.state is TurnState.ANSWERING:
        found.append({"role": "assistant", "content": "*Answering …*"})
    elif turn.state is TurnState.ANSWERED:
        found.append({"role": "assistant", "content": "*The model gave no answer.*"})
    if turn.state is not TurnState.ANSWERING:
        found.append({"role": "assistant", "content": panel(turn, names)})
    return found


def panel(turn: ChatTurn, names: Names) -> str:
    """What is known of a reply: findings first, then its claims, then who answered. On one line, or Markdown would read it."""
    parts = [_state_note(turn), _findings(turn), _sources(turn), _claims(turn, names), _about(turn)]
    return f'<div class="bb-panel">{"".join(parts)}</div>'.replace("\n", " ")


def _state_note(turn: ChatTurn) -> str:
    match turn.state, turn.finish_reason:
        case TurnState.STOPPED, _:
            note = "You stopped this reply; it is incomplete and was not checked."
        case TurnState.BROKEN, _:
            note = "This reply broke off; it is incomplete and was not checked. Your question is back in the box below."
        case _, "length":
            note = "This reply reached its greatest length and may be incomplete."
        case _, "content_filter":
            note = "Withheld: the safety check stopped this reply. The reason stands below."
        case _:
            return ""
    return f'<p class="bb-note">{note}</p>'


def _findings(turn: ChatTurn) -> str:
    findings = turn.extension.findings if turn.extension else ()
    if not findings:
        return ""
    order = list(_FINDING_STYLE)
    items = "".join(finding_item(f) for f in sorted(findings, key=lambda f: order.index(f.severity)))
    return f'<ul class="bb-findings" aria-label="Safety findings">{items}</ul>'


def finding_item(finding: SafetyFinding) -> str:
    """One safety finding as a list item."""
    title = _RULES.get(finding.rule, finding.rule.replace("_", " ").capitalize())
    quote = f"<q>{escape(shortened(finding.quote, 160))}</q>" if finding.quote else ""
    return (
        f'<li class="bb-{_FINDING_STYLE[finding.severity]}"><strong>{escape(title)}</strong> '
        f'<span class="bb-severity">{finding.severity}</span>{quote}{_evidence(finding.evidence)}</li>'
    )


def _with_sources(answer: str, turn: ChatTurn) -> str:
    """Each mark of a fact that was given says on hover which one it is; the list below says it to everybody."""
    given = turn.extension.evidence if turn.extension else ()

    def marked(found: re.Match[str]) -> str:
        number = int(found[1])
        if not 1 <= number <= len(given):
            return found[0]
        return f'<span class="bb-cite" title="{escape(given[number - 1].statement)}">&#91;{number}&#93;</span>'

    return answer if "`" in answer else _MARK.sub(marked, answer)  # inside code our markup would be shown as it is


def _sources(turn: ChatTurn) -> str:
    """The facts that the answer cites, under its numbers; those it was given besides are folded away."""
    if turn.extension is None or turn.extension.withheld or not turn.extension.evidence:
        return ""
    cited = cited_numbers(turn.reply.answer)
    numbered = list(enumerate(turn.extension.evidence, start=1))
    used, unused = [e for e in numbered if e[0] in cited], [e for e in numbered if e[0] not in cited]
    parts = f'<details open="" class="bb-checks"><summary>Sources cited</summary>{_source_list(used)}</details>' if used else ""
    if unused:
        count = f"{len(unused)} fact{'s' * (len(unused) > 1)}"
        title = f"Given to the model besides: {count}" if used else f"Given to the model: {count}; the answer cites none"
        parts += f'<details class="bb-checks bb-unused"><summary>{title}</summary>{_source_list(unused)}</details>'
    return parts


def _source_list(numbered: Sequence[tuple[int, Evidence]]) -> str:
    items = "".join(f'<li><span class="bb-number">&#91;{number}&#93;</span>{_evidence(evidence)}</li>' for number, evidence in numbered)
    return f'<ul class="bb-sources">{items}</ul>'


def _claims(turn: ChatTurn, names: Names) -> str:
    if turn.extension is None or turn.extension.withheld:
        return ""
    claims = turn.extension.claims
    if not claims:
        return '<p class="bb-none">No medical claim was recognised in this reply, so none was checked. That does not make it right.</p>'
    items = "".join(claim_item(c, names) for c in claims)
    return f'<details open="" class="bb-checks"><summary>{claims_summary(claims)}</summary><ul class="bb-claims">{items}</ul></details>'


def claims_summary(claims: Sequence[Claim]) -> str:
    """ "Claims checked: 2 supported, 1 contradicted"."""
    counts = Counter(c.verdict for c in claims)
    return "Claims checked: " + ", ".join(f"{counts[v]} {_VERDICTS[v][1].lower()}" for v in _VERDICTS if counts[v])


def claim_item(claim: Claim, names: Names) -> str:
    """One claim with its verdict and, where the knowledge base has a row on it, the evidence."""
    sign, verdict = _VERDICTS[claim.verdict]
    return (
        f'<li class="bb-{claim.verdict}"><span class="bb-verdict"><span aria-hidden="true">{sign}</span> {verdict}</span> '
        f'<q class="bb-claim">{escape(shortened(claim.quote, 200))}</q><span class="bb-read">read as: {escape(claim_text(claim, names))}</span>'
        f"{_evidence(claim.evidence)}</li>"
    )


def claim_text(claim: Claim, names: Names) -> str:
    """What the checker took the sentence to be about. Whether it speaks for or against is in the sentence itself, so both are shown."""
    other = claim.object if claim.relation is Relation.DOSE else names(claim.object)
    return f"{names(claim.subject)} {_RELATIONS[claim.relation]} {other}"


def _evidence(evidence: Evidence | None) -> str:
    if evidence is None:
        return ""
    # `file:line` leads a reviewer to the row; a rule's own module leads nobody anywhere.
    row = f' <span class="bb-row">{escape(evidence.row)}</span>' if ":" in evidence.row else ""
    return f'<span class="bb-evidence">{escape(evidence.statement)} <cite>{escape(evidence.source)}</cite>{row}</span>'


def _about(turn: ChatTurn) -> str:
    if turn.checkpoint_id is None:
        return ""
    left_out = f" · {turn.left_out} earlier turn{'s' * (turn.left_out > 1)} no longer fit and were left out" if turn.left_out else ""
    return (
        f'<p class="bb-about">Answered by checkpoint <code>{escape(turn.checkpoint_id)}</code> · turn <code>{escape(turn.turn_id or "")}</code>{left_out}</p>'
    )


def shortened(text: str, length: int) -> str:
    """`text` on one line, at most `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
