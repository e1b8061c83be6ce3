"""turn: questions with their answers, as they are stored. Works on the database, whether or not the stack runs."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any

import typer

from app.cli.console import out, plain
from core import audit, store
from core.db import reading, unit_of_work
from core.tables import Turn, User

app = typer.Typer(no_args_is_help=True, help="Look at what was asked and answered.")

_ACTOR = "command line"
_ENDINGS = {
    "stop": "the reply is complete",
    "length": "the reply reached its greatest length and may be incomplete",
    "tool_calls": "the reply ended by calling the client's tools",
    "withheld": "by the guard; the reader got what came before the first unsafe sentence, then a notice with the reason",
    "cancelled": "the reader left before the end",
    "error": "the reply broke off",
}
_REFUSED = "by the guard; the model was not asked, the reader got a notice with the reason"


@app.command("list")
def list_turns(
    withheld: Annotated[bool, typer.Option("--withheld", help="Only those that the guard withheld.")] = False,
    limit: Annotated[int, typer.Option(help="So many of the newest.", min=1)] = 20,
) -> None:
    """List the newest turns, newest first, without anybody's words."""
    with reading() as session:
        turns = store.newest_turns(session, limit, "withheld" if withheld else None)
    for turn, user in turns:
        _print(f"{turn.id}  {turn.created_at:%Y-%m-%d %H:%M:%S} UTC  {turn.finish_reason}  by {user.name}")


@app.command("show")
def show(
    turn_id: Annotated[str, typer.Argument(help="As the chat page, `balancedbio ask` and the header X-Turn-Id name it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Show a turn: question, reply, why the guard withheld it, and what was found. That you looked goes into the audit trail."""
    with unit_of_work() as session:  # they are somebody's words: that they were shown is on record before they are
        turn, user = store.turn_with_user(session, turn_id)
        audit.record(session, _ACTOR, "feedback.view", turn.id, asked_by=user.name)
    if as_json:
        row = {column.key: getattr(turn, column.key) for column in Turn.__table__.columns} | {"user": user.name}
        _print(json.dumps(row, indent=1, default=datetime.isoformat))
    else:
        _show(turn, user)


def _show(turn: Turn, user: User) -> None:
    tokens = [turn.usage.get(name, "?") for name in ("prompt_tokens", "completion_tokens")]
    _print(turn.id)
    _print(f"Asked         {turn.created_at:%Y-%m-%d %H:%M:%S} UTC by {user.name}")
    _print(f"Conversation  {turn.conversation_id}")
    _print(f"Checkpoint    {turn.checkpoint_id}")
    _print(f"Ended         {_ending(turn)}")
    _print(f"Took          {turn.latency_ms:.0f} ms, {tokens[0]} tokens of prompt and {tokens[1]} of reply")
    questions = [message["content"] for message in turn.messages if message["role"] == "user"]
    earlier = f", after {len(questions) - 1} earlier" if len(questions) > 1 else ""
    _section(f"Question{earlier}", questions[-1:])
    _section("Reply, in the model's own words", [turn.reply or "none"])
    _section("Findings", (line for finding in turn.findings for line in _judged(f"{finding['severity']}: {finding['rule']}", finding)))
    _section("Claims", (line for claim in turn.claims for line in _judged(claim["verdict"], claim)))
    _section("Evidence given to the model", (f"[{number}] {_fact(fact)}" for number, fact in enumerate(turn.evidence, start=1)))


def _ending(turn: Turn) -> str:
    is_refused = turn.finish_reason == "withheld" and not turn.reply
    meaning = _REFUSED if is_refused else _ENDINGS.get(turn.finish_reason)
    return f"{turn.finish_reason}: {meaning}" if meaning else turn.finish_reason


def _judged(verdict: str, about: dict[str, Any]) -> Iterator[str]:
    """A finding or a claim: the words it is about, and the row of the knowledge base that it rests on."""
    quote = " ".join(about["quote"].split())
    yield f"{verdict}: {quote}" if quote else verdict
    if about.get("evidence"):
        yield f"  {_fact(about['evidence'])}"


def _fact(fact: dict[str, Any]) -> str:
    return f"{fact['statement']} ({fact['source']}, {fact['row']})"


def _section(title: str, texts: Iterable[str]) -> None:
    """Nothing where there are none. Indented, so that no line of a stored text can pass for one of ours."""
    for number, text in enumerate(texts):
        if number == 0:
            _print(f"\n{title}")
        _print("  " + text.replace("\n", "\n  "))


def _print(text: str) -> None:
    out.print(plain(text), highlight=False, markup=False, emoji=False, soft_wrap=True)
