"""The clinician's page: ask, read what is known of the answer, judge it.

Here is the layout and what triggers what; `app.chat.actions` does it, `app.chat.render` draws it. A reload starts an empty
conversation: questions may be about patients, so nothing of them is kept in the browser.
"""

import gradio as gr

from app.chat import actions
from app.chat.transcript import Transcript
from core.settings import settings

EXAMPLES = (
    "What is the first-line treatment for community-acquired pneumonia?",
    "Is ibuprofen safe in a patient with chronic kidney disease?",
    "Which investigation confirms pulmonary embolism?",
    "Do warfarin and clarithromycin interact?",
)
_NOTICE = "Not for emergencies. Do not enter names or other details that identify a patient. Check every answer before you act on it."
_STARTER = " Answers come from a small starter model: expect mistakes."
_PLACEHOLDER = "## What would you like to know?\nMedical claims recognised in the answer are checked against the knowledge base and shown with their source."


def build() -> gr.Blocks:
    """The page, ready to be mounted with `app.look.mount_options`."""
    with gr.Blocks(title="BalancedBio", analytics_enabled=False, fill_width=True) as page:
        transcript = gr.State(Transcript())
        judged = gr.State(None)

        header = gr.HTML()
        gr.HTML(f'<p class="bb-notice" role="note">{notice()}</p>')
        with gr.Row(elem_classes="bb-columns"):
            with gr.Column(scale=5, min_width=320):
                chat = gr.Chatbot(
                    label="Conversation",
                    show_label=False,
                    elem_id="conversation",
                    height="calc(100dvh - 275px)",
                    min_height=300,
                    layout="bubble",
                    placeholder=_PLACEHOLDER,
                    examples=[{"text": text} for text in EXAMPLES],
                    buttons=[],  # a copy would hold the markup of the panel
                    feedback_options=("Like", "Dislike"),
                    # What a model writes is escaped before it comes here; these make sure of it.
                    sanitize_html=True,
                    allow_tags=False,
                    latex_delimiters=[],
                )
                problem = gr.HTML(elem_id="problem", elem_classes="bb-said")
                with gr.Row(elem_classes="bb-ask"):
                    question = gr.Textbox(
                        label="Your question",
                        show_label=False,
                        container=False,
                        placeholder="Ask a clinical question",
                        elem_id="question",
                        lines=1,
                        max_lines=8,
                        autofocus=True,
                        scale=8,
                        min_width=200,
                    )
                    send = gr.Button("Send", variant="primary", elem_id="send", scale=0, min_width=90)
                    stop = gr.Button("Stop", variant="stop", elem_id="stop", visible=False, scale=0, min_width=90)
                with gr.Row(elem_classes="bb-tools"):
                    regenerate = gr.Button("Answer again", size="sm", elem_id="regenerate", scale=0, min_width=130)
                    fresh = gr.Button("New conversation", size="sm", elem_id="new-conversation", scale=0, min_width=150)
                    gr.HTML('<p class="bb-hint bb-keys">Enter sends, Shift+Enter makes a new line.</p>')
            with gr.Column(scale=2, min_width=280, elem_classes="bb-judge"):
                gr.HTML('<h2 class="bb-h2">Your judgement</h2>')
                about = gr.HTML(actions.nothing_to_judge(), elem_id="judged")
                with gr.Row():
                    up = gr.Button("👍 Good", elem_id="thumb-up", min_width=110, interactive=False)
                    down = gr.Button("👎 Bad", elem_id="thumb-down", min_width=110, interactive=False)
                correction = gr.Textbox(label="Correction: what should it have said?", elem_id="correction", lines=4, max_lines=12, interactive=False)
                unsafe = gr.Checkbox(label="Unsafe: this could harm a patient", elem_id="unsafe", interactive=False)
                judge = gr.Button("Store correction or flag", variant="primary", elem_id="judge", interactive=False)
                stored = gr.HTML(elem_id="stored", elem_classes="bb-said")

        conversation = [transcript, chat]
        judging = [judged, about, up, down, correction, unsafe, judge, stored]
        controls = [send, stop, regenerate, fresh]

        page.load(actions.greet, outputs=header, show_progress="hidden", api_visibility="private")

        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        answer = [question, *conversation, problem, *controls]
        answering = [
            gr.on([question.submit, send.click], actions.ask, [question, transcript], answer, **quiet),
            chat.example_select(actions.ask_example, transcript, answer, **quiet),
            gr.on([regenerate.click, chat.retry], actions.ask_again, transcript, answer, **quiet),
        ]
        # An event that was cancelled, or had nothing to do, is no success: Stop finishes for itself.
        done = [transcript], [*conversation, *judging, *controls]
        ended = [event.success(actions.finish, *done, **quiet) for event in answering]
        stop.click(None, cancels=answering, **quiet).then(actions.finish, *done, **quiet)
        cleared = gr.on([fresh.click, chat.clear], None, cancels=[*answering, *ended], **quiet)
        cleared.then(actions.start_over, None, [*conversation, problem, question, *judging, *controls], **quiet)
        chat.undo(actions.undo, transcript, [*conversation, question, *judging], **quiet)

        rating = [transcript, chat, stored, problem]
        chat.like(actions.rate_message, transcript, [*rating, *judging[:-1]], **quiet)
        up.click(actions.rate_up, [judged, transcript], rating, **quiet)
        down.click(actions.rate_down, [judged, transcript], rating, **quiet)
        judge.click(actions.judge, [judged, correction, unsafe], [correction, unsafe, stored, problem], **quiet)
    # Gradio's default is one at a time: one slow reply would keep everybody waiting.
    page.queue(default_concurrency_limit=None)
    return page


def notice() -> str:
    """What everybody must know before asking."""
    return _NOTICE + (_STARTER if settings().base_model == "starter" else "")
