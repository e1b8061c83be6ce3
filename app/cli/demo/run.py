"""The demo's procedure. It runs a stack of its own, beside whatever else is running, and leaves the user's data alone."""

import os
import time
from typing import Any, NamedTuple

from rich.console import Console

from app.cli import api
from app.cli.demo.panel import GOOD, judge
from app.cli.demo.questions import draw
from app.cli.watch import watch_round
from app.stack import up as stack
from core.errors import Unavailable
from core.knowledge import Knowledge, knowledge
from core.reply import split_reply
from core.settings import settings
from core.types import ExamItem
from evals.decision import GateDecision, Outcome
from evals.policy import load_policy
from evals.report import table_markdown
from evals.scorers import score_reply
from evals.suites import load_suite

_SETTINGS = {"DATA_DIR": "var/demo", "PORT": "8700", "VLLM_URL": "http://127.0.0.1:8300/v1", "REDIS_URL": "redis://127.0.0.1:6490/0", "DATABASE_URL": ""}
_PROMOTION_SECONDS = 60.0


class Answer(NamedTuple):
    item: ExamItem
    reply: str
    turn_id: str
    checkpoint_id: str
    withheld: bool
    correct: float


def demo(console: Console, *, keep: bool) -> Outcome:
    """Runs the loop and returns the gate's decision. With `keep` the stack goes on running, to be looked at in a browser."""
    os.environ.update(_SETTINGS)
    settings.cache_clear()
    began = time.monotonic()

    def heading(text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - began), 60)
        console.print(f"\n[bold]{text}[/bold]  [dim]{minutes}:{seconds:02}[/dim]", highlight=False)

    console.print(
        "The judges of this demo are simulated: scripted raters that know the knowledge base. Nothing here is a clinician's opinion.", highlight=False
    )
    heading("1  Start")
    stack.up(console, detached=True)
    finished = False
    try:
        known = knowledge()
        policy = settings().gate_policy
        questions = draw(known, load_suite(load_policy(policy).suite, policy.parent))
        heading(f"2  Ask {len(questions)} questions")
        before = [_ask(item, known) for item in questions]
        _show(console, before)
        heading("3  Judge (simulated panel), review (simulated)")
        _judge(console, before, known)
        heading("4  Align: a round of GRPO on the accepted judgements and generated items")
        row = watch_round(api.post("rounds", {"recipe": "demo"})["id"], console)
        if row["decision"] is None:
            raise Unavailable(f"The round ended {row['status']}: {row['error']}")
        decision = GateDecision.model_validate(row["decision"])
        heading("5  The exam, before and after")
        console.print(table_markdown(decision), highlight=False, markup=False, soft_wrap=True)
        for check in decision.checks:
            if check.outcome is not Outcome.PROMOTE:
                console.print(f"{check.outcome}: {check.name}: {check.explanation}", highlight=False, markup=False, soft_wrap=True)
        console.print(f"\nDecision: {decision.outcome}", highlight=False)
        if decision.outcome is Outcome.PROMOTE:
            heading("6  Sign off (simulated admin), promote, and ask the same questions again")
            _promote(row["id"], decision.candidate)
            _show_change(console, before, [_ask(item, known) for item in questions])
        finished = True
    finally:
        if not (finished and keep):
            stack.stop()
    heading("Done")
    if keep:
        console.print(f"Look around at {settings().address} (sign in as shown above; the round is under /admin). Stop it with:", highlight=False)
        console.print(f"  {' '.join(f'{k}={v}' for k, v in _SETTINGS.items() if v)} balancedbio down", highlight=False, soft_wrap=True)
    else:
        console.print("Start the product with `make up` and open the address it prints; the demo's own data are in var/demo", highlight=False)
    return decision.outcome


def _ask(item: ExamItem, known: Knowledge) -> Answer:
    body = {"model": "balancedbio", "messages": [m.model_dump() for m in item.messages], "temperature": 0.0, "max_tokens": 160}
    answer = api.post("chat/completions", body)
    reply, extension = answer["choices"][0]["message"]["content"], answer["balancedbio"]
    correct = score_reply(item, reply, known).correct or 0.0
    return Answer(item, reply, extension["turn_id"], extension["checkpoint_id"], bool(extension.get("withheld")), correct)


def _judge(console: Console, answers: list[Answer], known: Knowledge) -> None:
    ups = 0
    for answer in answers:
        rating, correction, unsafe = judge(answer.item, answer.reply, known)
        ups += rating > 0
        feedback: dict[str, Any] = {"turn_id": answer.turn_id, "rating": rating, "correction": correction, "unsafe": unsafe, "simulated": True}
        api.post(f"feedback/{api.post('feedback', feedback)['id']}/review", {"status": "accepted"})
    console.print(f"{ups} thumbs up, {len(answers) - ups} thumbs down with a correction; all accepted for training", highlight=False)


def _promote(round_id: str, candidate: str) -> None:
    api.post(f"rounds/{round_id}/signoff")
    deadline = time.monotonic() + _PROMOTION_SECONDS
    while api.get(f"rounds/{round_id}")["status"] != "promoted":
        if time.monotonic() > deadline:
            raise Unavailable(f"{candidate} was not promoted within {_PROMOTION_SECONDS:.0f} s; see `balancedbio round show {round_id}`")
        time.sleep(0.5)


def _show(console: Console, answers: list[Answer]) -> None:
    for answer in answers:
        console.print(f"  {_mark(answer)} [cyan]{answer.item.messages[0].content}[/cyan]", highlight=False, soft_wrap=True)
        console.print(f"      {_line(answer)}", highlight=False, markup=False, soft_wrap=True)


def _show_change(console: Console, before: list[Answer], after: list[Answer]) -> None:
    for old, new in zip(before, after, strict=True):
        console.print(f"  {_mark(old)} -> {_mark(new)} [cyan]{new.item.messages[0].content}[/cyan]", highlight=False, soft_wrap=True)
        console.print(f"      {_line(new)}", highlight=False, markup=False, soft_wrap=True)
    total = len(before)
    console.print(
        f"Right: {sum(a.correct >= GOOD for a in before)} of {total} before, {sum(a.correct >= GOOD for a in after)} of {total} after", highlight=False
    )


def _mark(answer: Answer) -> str:
    if answer.correct >= GOOD:
        return "[green]right[/]"
    if answer.withheld:
        return "[red]withheld[/]"
    return "[yellow]partly[/]" if answer.correct > 0 else "[red]wrong[/]"


def _line(answer: Answer) -> str:
    return " ".join(split_reply(answer.reply).answer.split())[:200]
