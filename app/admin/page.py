"""The console of reviewers and admins: layout and what triggers what; `app.admin.actions` does it, `app.admin.render` draws it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr

from alignment.recipe import recipe_names
from app.admin import actions, render
from core.settings import settings
from core.states import FeedbackStatus
from core.tables import utc_now

_WATCH_SECONDS = 2.0
_ON_THE_COMMAND_LINE = "Users and keys are made on the command line: <code>balancedbio user add</code>, <code>balancedbio key add</code>."
_SIGN_OFF = (
    "You let the candidate answer in your name, at first in a canary if the policy asks for one, and the audit trail will say so. Have you read the decision?"
)
_CANCEL = "The round stops and its candidate is dropped; its feedback waits for the next round."
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def build() -> gr.Blocks:
    """The page, ready to be mounted with `app.look.mount_options`."""
    with gr.Blocks(title="BalancedBio admin", analytics_enabled=False, fill_width=True) as page:
        header = gr.HTML()
        with gr.Tabs():
            with gr.Tab("Review", id="review") as review_tab:
                _review(page, review_tab)
            # Hidden until the gateway says that the visitor is an admin; it refuses everybody else anyway.
            with gr.Tab("Rounds", id="rounds", visible=False) as rounds_tab:
                _rounds(rounds_tab)
            with gr.Tab("Checkpoints", id="checkpoints", visible=False) as checkpoints_tab:
                _checkpoints(checkpoints_tab)
            with gr.Tab("Audit", id="audit", visible=False) as audit_tab:
                _listing(audit_tab, actions.load_audit, "")
            with gr.Tab("Users and keys", id="people", visible=False) as people_tab:
                _listing(
                    people_tab,
                    actions.load_people,
                    _ON_THE_COMMAND_LINE,
                )
        page.load(actions.greet, None, [header, rounds_tab, checkpoints_tab, audit_tab, people_tab], **_QUIET)
    page.queue(default_concurrency_limit=None)
    return page


class Question(NamedTuple):
    """Asks before something that cannot be taken back."""

    panel: gr.Group
    text: gr.HTML
    yes: gr.Button
    no: gr.Button


def _question(name: str, text: str, yes: str, choice: gr.Dropdown) -> Question:
    """About what stands in `choice`: another choice needs another question."""
    with gr.Group(visible=False, elem_id=f"{name}-question", elem_classes="bb-confirm") as panel:
        shown = gr.HTML(f'<p class="bb-note">{text}</p>')
        with gr.Row():
            question = Question(panel, shown, gr.Button(yes, variant="stop", elem_id=f"{name}-yes"), gr.Button("No, go back", elem_id=f"{name}-no"))
    gr.on([question.no.click, choice.input], lambda: gr.update(visible=False), None, panel, **_QUIET)
    return question


def _review(page: gr.Blocks, tab: gr.Tab) -> None:
    queue, index = gr.State([]), gr.State(0)
    with gr.Row(elem_classes="bb-bar"):
        status = gr.Dropdown(
            [s.value for s in FeedbackStatus],
            value=FeedbackStatus.NEW.value,
            label="Show judgements that are",
            elem_id="feedback-status",
            scale=0,
            min_width=220,
        )
        refresh = gr.Button("Refresh", elem_id="refresh-feedback", scale=0, min_width=110)
    said = gr.HTML(elem_id="reviewed", elem_classes="bb-said")
    card = gr.HTML(elem_id="feedback-card")
    with gr.Row():
        accept = gr.Button("Accept for training", variant="primary", elem_id="accept", interactive=False, scale=0, min_width=210)
        reject = gr.Button("Reject", variant="stop", elem_id="reject", interactive=False, scale=0, min_width=170)
        previous = gr.Button("Previous", elem_id="previous", interactive=False, scale=0, min_width=170)
        following = gr.Button("Next", elem_id="next", interactive=False, scale=0, min_width=170)
    shown = [queue, index, card, accept, reject, previous, following, said]
    gr.on([page.load, tab.select, status.change, refresh.click], actions.load_feedback, status, shown, **_QUIET)
    for button, action in ((accept, actions.accept), (reject, actions.reject), (previous, actions.previous_feedback), (following, actions.next_feedback)):
        button.click(action, [queue, index], shown, **_QUIET)


def _rounds(tab: gr.Tab) -> None:
    known, drawn, timer = gr.State(), gr.State(), gr.Timer(_WATCH_SECONDS, active=False)
    names = recipe_names()
    standard = settings().round_recipe if settings().round_recipe in names else names[0]
    with gr.Row(elem_classes="bb-bar"):
        recipe = gr.Dropdown(list(names), value=standard, label="Recipe of a new round", elem_id="recipe", scale=1)
        start = gr.Button("Start a round", variant="primary", elem_id="start-round", scale=0, min_width=190)
        choice = gr.Dropdown([], label="Show round", elem_id="round", scale=3, min_width=260)
    said = gr.HTML(elem_id="round-said", elem_classes="bb-said")
    card = gr.HTML(render.round_card(None, utc_now()), elem_id="round-card")
    with gr.Row():
        sign_off = gr.Button("Sign off …", variant="primary", elem_id="sign-off", interactive=False, scale=0, min_width=170)
        cancel = gr.Button("Cancel this round …", variant="stop", elem_id="cancel-round", interactive=False, scale=0, min_width=240)
    sure_off = _question("sign-off", _SIGN_OFF, "Yes, sign off", choice)
    sure_cancel = _question("cancel-round", _CANCEL, "Yes, cancel the round", choice)
    decision = gr.HTML(elem_id="decision")
    plot = gr.LinePlot(
        x="step",
        y="reward",
        color="capability",
        title="Reward by capability",
        x_title="Step",
        y_title="Mean reward",
        y_lim=[0, 1],
        height=320,
        visible=False,
        elem_id="rewards",
    )
    plots = gr.HTML(elem_id="plots")
    frozen = gr.HTML()
    view = [choice, known, drawn, card, decision, plot, plots, frozen, cancel, sign_off]

    tab.select(actions.show_round, choice, view, **_QUIET).then(lambda: gr.Timer(active=True), None, timer, **_QUIET)
    timer.tick(actions.watch, [choice, known, drawn], view, **_QUIET)
    choice.input(actions.show_round, choice, view, **_QUIET)
    start.click(actions.start_round, recipe, [said, *view], **_QUIET)
    for button, question, action in ((sign_off, sure_off, actions.sign_off), (cancel, sure_cancel, actions.cancel_round)):
        button.click(lambda: gr.update(visible=True), None, question.panel, **_QUIET)
        question.yes.click(lambda: gr.update(visible=False), None, question.panel, **_QUIET).then(action, choice, [said, *view], **_QUIET)


def _checkpoints(tab: gr.Tab) -> None:
    table = gr.HTML(elem_id="checkpoints")
    with gr.Row(elem_classes="bb-bar"):
        choice = gr.Dropdown([], label="Was in production before and can be again", elem_id="promotable", scale=3)
        promote = gr.Button("Put into production …", elem_id="promote", scale=0, min_width=250)
        refresh = gr.Button("Refresh", scale=0, min_width=110)
    sure = _question("promote", "", "Yes, put it into production", choice)
    said = gr.HTML(elem_id="promoted", elem_classes="bb-said")
    scores = gr.HTML(elem_id="history")
    shown = [table, choice, said]
    gr.on([tab.select, refresh.click], actions.load_checkpoints, None, [*shown, scores], **_QUIET)
    promote.click(actions.promotion_question, choice, sure.text, **_QUIET).then(lambda chosen: gr.update(visible=bool(chosen)), choice, sure.panel, **_QUIET)
    sure.yes.click(lambda: gr.update(visible=False), None, sure.panel, **_QUIET).then(actions.promote, choice, shown, **_QUIET)


def _listing(tab: gr.Tab, load: Callable[..., Any], note: str) -> None:
    """A tab that only shows something."""
    refresh = gr.Button("Refresh", scale=0, min_width=110)
    if note:
        gr.HTML(f'<p class="bb-hint">{note}</p>')
    shown = gr.HTML()
    gr.on([tab.select, refresh.click], load, None, shown, **_QUIET)
