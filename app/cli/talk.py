"""ask and chat: the model in production, through our own gateway."""

import sys
from typing import Annotated, Any

import typer
from rich.markup import escape

from app.cli import api
from app.cli.console import errors, out
from core.errors import BadInput
from core.knowledge.citations import cited_numbers

_MARKS = {"supported": "[green]✓", "contradicted": "[red]✗", "unknown": "[yellow]?"}

_Model = Annotated[str, typer.Option(help="`balancedbio` is whatever is in production; or a checkpoint id.")]


def ask(
    question: Annotated[str, typer.Argument(help="The question; `-` reads it from standard input.")],
    model: _Model = "balancedbio",
    plain: Annotated[bool, typer.Option(help="Only the answer, without checkpoint, claims and findings.")] = False,
) -> None:
    """Ask one question and show the answer with what the knowledge base says of it."""
    if question == "-":
        try:
            question = sys.stdin.buffer.read().decode()
        except UnicodeDecodeError as error:
            raise BadInput(f"The question is not valid UTF-8 (byte {error.start})") from error
    if not question.strip():
        raise BadInput("The question is empty")
    _answer([{"role": "user", "content": question}], model, plain=plain)


def chat(model: _Model = "balancedbio") -> None:
    """Talk with the model; an empty line or Ctrl-D ends it."""
    messages: list[dict[str, str]] = []
    conversation: str | None = None
    while True:
        try:
            question = input("you> " if sys.stdin.isatty() else "")
        except (EOFError, KeyboardInterrupt):
            question = ""
        if not question.strip():
            return
        messages.append({"role": "user", "content": question})
        reply, extension = _answer(messages, model, plain=False, conversation=conversation)
        conversation = extension.get("conversation_id", conversation)
        messages.append({"role": "assistant", "content": reply})


def _answer(messages: list[dict[str, str]], model: str, *, plain: bool, conversation: str | None = None) -> tuple[str, dict[str, Any]]:
    """Streams the reply to standard output and returns it with the gateway's extension."""
    body: dict[str, Any] = {"model": model, "messages": messages, "stream": True}
    if conversation:
        body["conversation_id"] = conversation
    text = ""
    extension: dict[str, Any] = {}
    for event in api.stream("chat/completions", body):
        extension = event.get("balancedbio") or extension
        for choice in event.get("choices", ()):
            if piece := choice.get("delta", {}).get("content"):
                text += piece
                out.file.write(piece)
                out.file.flush()
    out.file.write("\n")
    if not plain:
        _show_findings(extension)
        _show_sources(text, extension)
    return text, extension


def _show_sources(reply: str, extension: dict[str, Any]) -> None:
    """The facts behind the numbers of the reply."""
    evidence = dict(enumerate(extension.get("evidence", ()), start=1))
    for number in sorted(cited_numbers(reply) & evidence.keys()):
        fact = evidence[number]
        line = f"[{number}] {fact['statement']} ({fact['source']}, {fact['row']})"
        errors.print(f"[dim]{escape(line)}[/dim]", highlight=False, soft_wrap=True)


def _show_findings(extension: dict[str, Any]) -> None:
    if checkpoint := extension.get("checkpoint_id"):
        errors.print(f"\n[dim]answered by {checkpoint}, turn {extension.get('turn_id')}[/dim]", highlight=False)
    if extension and not extension.get("claims") and not extension.get("withheld"):
        errors.print("[dim]no medical claim was recognised, so none was checked[/dim]", highlight=False)
    for claim in extension.get("claims", ()):
        evidence = claim.get("evidence") or {}
        statement = evidence.get("statement", claim.get("quote", ""))
        source = f" ({evidence['source']})" if evidence.get("source") else ""
        errors.print(f"{_MARKS.get(claim['verdict'], '?')} {claim['verdict']}[/]: {escape(statement + source)}", highlight=False, soft_wrap=True)
    for finding in extension.get("findings", ()):
        errors.print(f"[bold red]{finding['severity']}[/]: {escape(finding['rule'] + ': ' + finding['quote'])}", highlight=False, soft_wrap=True)
