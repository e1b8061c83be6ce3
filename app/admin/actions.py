"""What happens on the admin page: handlers that call our gateway. A refusal is shown as a message that stays until it is closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import gradio as gr
import pandas as pd  # type: ignore[import-untyped]  # the plot takes nothing else

from app.admin import render
from app.admin.history import history
from app.api_client import Api
from app.api_rows import CheckpointRow, FeedbackRow, RoundDetail, RoundRow
from app.chat.actions import api
from app.look import confirmation, header, problem
from core.errors import AppError, NotSignedIn
from core.states import FeedbackStatus, RoundStatus, Scope
from core.tables import utc_now

_PAGE = "/admin"


@contextmanager
def refusals_shown() -> Iterator[None]:
    """An error of the gateway becomes a message on the page."""
    try:
        yield
    except AppError as error:
        link = f' <a href="/login?next={_PAGE}">Sign in again</a>' if isinstance(error, NotSignedIn) else ""
        raise gr.Error(f"{escape(str(error))}{link}", duration=None, title="That did not work", print_exception=False) from error


async def greet(request: gr.Request) -> list[Any]:
    """The bar on top, and the tabs that this visitor may use: reviewers review, admins do the rest."""
    try:
        me = await api(request).me()
    except AppError as error:
        return [header("BalancedBio admin", "", ()) + problem(error, _PAGE), *[gr.skip()] * 4]
    return [header("BalancedBio admin", me.name, (("Chat", "/chat"),)), *[gr.update(visible=me.may(Scope.ADMIN))] * 4]


# --- review --------------------------------------------------------------------------------------------------------


async def load_feedback(status: str, request: gr.Request) -> list[Any]:
    with refusals_shown():
        rows = await api(request).feedback(FeedbackStatus(status))
    return _queue(rows, 0, "")


def next_feedback(rows: list[FeedbackRow], index: int) -> list[Any]:
    return _queue(rows, index + 1, "")


def previous_feedback(rows: list[FeedbackRow], index: int) -> list[Any]:
    return _queue(rows, index - 1, "")


async def accept(rows: list[FeedbackRow], index: int, request: gr.Request) -> list[Any]:
    """For training: the next round learns from it."""
    return await _review(rows, index, FeedbackStatus.ACCEPTED, request)


async def reject(rows: list[FeedbackRow], index: int, request: gr.Request) -> list[Any]:
    return await _review(rows, index, FeedbackStatus.REJECTED, request)


async def _review(rows: list[FeedbackRow], index: int, status: FeedbackStatus, request: gr.Request) -> list[Any]:
    if not rows:
        return _queue(rows, 0, "")
    with refusals_shown():
        done = await api(request).review(rows[index].id, status)
    return _queue([row for row in rows if row.id != done.id], index, confirmation(f"{done.id} is {done.status}."))


def _queue(rows: list[FeedbackRow], index: int, said: str) -> list[Any]:
    """queue, index, card, accept, reject, previous, next, said."""
    index = max(0, min(index, len(rows) - 1))
    row = rows[index] if rows else None
    is_open = row is not None and row.round_id is None
    return [
        rows,
        index,
        render.feedback_card(row, index, len(rows)),
        gr.update(interactive=is_open and row is not None and row.status is not FeedbackStatus.ACCEPTED),
        gr.update(interactive=is_open and row is not None and row.status is not FeedbackStatus.REJECTED),
        gr.update(interactive=index > 0),
        gr.update(interactive=index < len(rows) - 1),
        said,
    ]


# --- rounds --------------------------------------------------------------------------------------------------------


async def start_round(recipe: str, request: gr.Request) -> list[Any]:
    with refusals_shown():
        row = await api(request).start_round(recipe)
        return [confirmation(f"{row.id} is queued."), *await _round_view(api(request), row.id, None, None)]


async def cancel_round(round_id: str, request: gr.Request) -> list[Any]:
    with refusals_shown():
        row = await api(request).cancel_round(round_id)
        return [confirmation(f"{row.id} will stop at the next step."), *await _round_view(api(request), row.id, None, None)]


async def sign_off(round_id: str, request: gr.Request) -> list[Any]:
    with refusals_shown():
        row = await api(request).sign_off(round_id)
        return [
            confirmation(f"You signed {row.id} off; {row.candidate_id} is on its way into production."),
            *await _round_view(api(request), row.id, None, None),
        ]


async def show_round(round_id: str | None, request: gr.Request) -> list[Any]:
    with refusals_shown():
        return await _round_view(api(request), round_id, None, None)


async def watch(round_id: str | None, known: Any, drawn: Any, request: gr.Request) -> list[Any]:
    """The same for the timer: an error stands in the card's place, as a message every few seconds would bury the page."""
    try:
        return await _round_view(api(request), round_id, known, drawn)
    except AppError as error:
        return [gr.skip(), gr.skip(), gr.skip(), problem(error, _PAGE), *[gr.skip()] * 6]


async def _round_view(gateway: Api, round_id: str | None, known: Any, drawn: Any) -> list[Any]:
    """choice, known, drawn, card, decision, plot, plots, frozen, cancel, signoff. What has not changed since `known` and `drawn` is left alone."""
    rows = await gateway.rounds()
    chosen = round_id if any(row.id == round_id for row in rows) else rows[0].id if rows else None
    row = await gateway.round(chosen) if chosen else None
    listed = [(row.id, row.status) for row in rows]
    choice = gr.skip() if listed == known and chosen == round_id else gr.update(choices=_round_choices(rows), value=chosen)
    sheet = render.plots(row)
    picture = [chosen, len(row.metrics) if row else 0, row.status if row else "", row.decision is not None if row else False, sheet]
    is_drawn = picture == drawn
    return [
        choice,
        listed,
        picture,
        render.round_card(row, utc_now()),
        gr.skip() if is_drawn else render.decision(row.decision, row.status.is_final) if row else render.decision(None),
        gr.skip() if is_drawn else _plot(row),
        gr.skip() if drawn and drawn[-1] == sheet else sheet,
        gr.skip() if is_drawn else render.frozen(row),
        gr.update(interactive=row is not None and row.finished_at is None and not row.cancel_requested),
        gr.update(interactive=row is not None and row.status is RoundStatus.AWAITING_SIGNOFF and row.signed_off_by is None and not row.cancel_requested),
    ]


def _round_choices(rows: list[RoundRow]) -> list[tuple[str, str]]:
    return [(render.round_label(row), row.id) for row in rows]


def _plot(row: RoundDetail | None) -> Any:
    points = render.reward_points(row.metrics) if row else []
    return gr.update(value=pd.DataFrame(points, columns=["step", "capability", "reward"]), visible=bool(points))


# --- checkpoints, audit, people ------------------------------------------------------------------------------------


async def load_checkpoints(request: gr.Request) -> list[Any]:
    with refusals_shown():
        return [*_checkpoint_view(await api(request).checkpoints()), history(await api(request).exams())]


async def promote(checkpoint_id: str | None, request: gr.Request) -> list[Any]:
    """Back (or forward again) to a checkpoint that was in production."""
    if not checkpoint_id:
        raise gr.Error("Choose a checkpoint first.", print_exception=False)
    with refusals_shown():
        await api(request).promote(checkpoint_id)
        said = confirmation(f"{checkpoint_id} is on its way into production; refresh in a few seconds to see it there.")
        return [*_checkpoint_view(await api(request).checkpoints())[:-1], said]


def promotion_question(checkpoint_id: str | None) -> str:
    """What a person is asked before the weights change for everybody."""
    if not checkpoint_id:
        return '<p class="bb-hint">Choose a checkpoint first.</p>'
    name = f"<code>{escape(checkpoint_id)}</code>"
    return f'<p class="bb-note">Put {name} into production? Everybody gets its answers from the next question on. Running replies end as they began.</p>'


def _checkpoint_view(rows: list[CheckpointRow]) -> list[Any]:
    """table, choice, said."""
    choices = [row.id for row in reversed(rows) if row.promotable]
    return [render.checkpoint_table(rows), gr.update(choices=choices, value=choices[0] if choices else None), ""]


async def load_audit(request: gr.Request) -> str:
    with refusals_shown():
        return render.audit_table(await api(request).audit())


async def load_people(request: gr.Request) -> str:
    with refusals_shown():
        users, keys = await api(request).users(), await api(request).keys()
    return render.user_table(users) + render.key_table(keys, utc_now())
