"""What happens on the chat page: handlers that call our gateway and return what the components show next.

The gateway's errors end here, as one sentence on the page; the visitor's words go back into the box they came from.
"""

from collections.abc import AsyncIterator
from html import escape
from typing import Any

import gradio as gr

from app.api_client import Api, ReplyEnd, ReplyEvent, ReplyStart, ReplyText
from app.chat import render
from app.chat.transcript import ChatTurn, Transcript, TurnState, prompt
from app.gateway.sessions import COOKIE
from app.gateway.wire import FeedbackRequest
from app.look import confirmation, header, problem
from core.errors import AppError
from core.knowledge import knowledge
from core.settings import settings
from core.states import Scope

_PAGE = "/chat"
# A first answer is the model's best one, as the exam sees it; asking again is asking for another.
_TEMPERATURE, _TEMPERATURE_AGAIN = 0.0, 0.7


def api(request: gr.Request) -> Api:
    """The gateway, as the visitor of this page. A session that has ended is noticed by the gateway."""
    return Api(str(dict(request.cookies).get(COOKIE, "")))


async def greet(request: gr.Request) -> str:
    """The bar on top, with the ways that this visitor may go."""
    try:
        me = await api(request).me()
    except AppError as error:
        return header("BalancedBio", "", ()) + problem(error, _PAGE)
    return header("BalancedBio", me.name, (("Admin", "/admin"),) if me.may(Scope.REVIEW) else ())


# --- asking --------------------------------------------------------------------------------------------------------


async def ask(question: str, transcript: Transcript, request: gr.Request) -> AsyncIterator[list[Any]]:
    """Answers what stands in the box."""
    async for shown in _answer(question.strip(), _TEMPERATURE, transcript, api(request)):
        yield shown


async def ask_example(transcript: Transcript, chosen: gr.SelectData, request: gr.Request) -> AsyncIterator[list[Any]]:
    async for shown in _answer(str(chosen.value["text"]), _TEMPERATURE, transcript, api(request)):
        yield shown


async def ask_again(transcript: Transcript, request: gr.Request) -> AsyncIterator[list[Any]]:
    """The last question once more; the answer it had is stored with its turn and leaves the page."""
    question = transcript.last.question if transcript.last and not _is_answering(transcript) else ""
    async for shown in _answer(question, _TEMPERATURE_AGAIN, transcript.without_last() if question else transcript, api(request)):
        yield shown


async def _answer(question: str, temperature: float, transcript: Transcript, gateway: Api) -> AsyncIterator[list[Any]]:
    """Asks the gateway and shows the reply as it comes: question, transcript, chat, problem and the four controls.

    When the visitor stops it, Gradio closes this generator and with it the request. An empty question, or one while another is being
    answered, stays in its box and disturbs nothing.
    """
    if not question or _is_answering(transcript):
        raise _nothing_to_do()
    shown = transcript.asking(question)
    messages, left_out = prompt(shown.turns, _room_chars())
    shown = shown.with_last(left_out=left_out)
    yield ["", shown, _drawn(shown), "", *_controls(is_answering=True)]
    try:
        async for event in gateway.chat(messages, shown.conversation_id, temperature):
            shown = _after(event, shown)
            yield [gr.skip(), shown, _drawn(shown), *[gr.skip()] * 5]
    except AppError as error:
        assert shown.last is not None
        shown = shown.with_last(state=TurnState.BROKEN) if shown.last.text else shown.without_last()
        # A conversation that began with this question may not have been stored: the next one would be refused as nobody's.
        shown = shown.model_copy(update={"conversation_id": transcript.conversation_id})
        yield [question, shown, _drawn(shown), problem(error, _PAGE), *[gr.skip()] * 4]


def _after(event: ReplyEvent, transcript: Transcript) -> Transcript:
    match event:
        case ReplyStart():
            named = transcript.with_last(turn_id=event.turn_id, checkpoint_id=event.checkpoint_id)
            return named.model_copy(update={"conversation_id": event.conversation_id})
        case ReplyText():
            return transcript.with_last(text=(transcript.last.text if transcript.last else "") + event.text)
        case ReplyEnd():
            return transcript.with_last(state=TurnState.ANSWERED, extension=event.extension, finish_reason=event.finish_reason)


def finish(transcript: Transcript) -> list[Any]:
    """After the reply, however it ended: a stopped one is marked so, and the newest one is up for judgement."""
    if _is_answering(transcript):
        transcript = transcript.with_last(state=TurnState.STOPPED)
    return [transcript, _drawn(transcript), *_judging(transcript.last), *_controls(is_answering=False)]


def start_over() -> list[Any]:
    """A new conversation; the old one stays stored."""
    empty = Transcript()
    return [empty, _drawn(empty), "", "", *_judging(None), *_controls(is_answering=False)]


def undo(transcript: Transcript) -> list[Any]:
    """Takes the last question back into its box."""
    if transcript.last is None or _is_answering(transcript):
        raise _nothing_to_do()
    shorter = transcript.without_last()
    return [shorter, _drawn(shorter), transcript.last.question, *_judging(shorter.last)]


# --- judging -------------------------------------------------------------------------------------------------------


async def rate_up(turn_id: str | None, transcript: Transcript, request: gr.Request) -> tuple[Any, ...]:
    return await _rate(turn_id, 1, transcript, request)


async def rate_down(turn_id: str | None, transcript: Transcript, request: gr.Request) -> tuple[Any, ...]:
    return await _rate(turn_id, -1, transcript, request)


async def rate_message(transcript: Transcript, pressed: gr.LikeData, request: gr.Request) -> list[Any]:
    """A thumb in the conversation: judges the turn it stands under, and brings that turn into the panel for more."""
    index = pressed.index if isinstance(pressed.index, int) else pressed.index[0]
    turn = render.turn_of_message(transcript, index, names)
    rated = await _rate(turn.turn_id if turn else None, -1 if pressed.liked == "Dislike" or pressed.liked is False else 1, transcript, request)
    return [*rated, *_judging(turn)[:-1]]


async def judge(turn_id: str | None, correction: str, is_unsafe: bool, request: gr.Request) -> tuple[Any, ...]:
    """Stores a correction, the unsafe flag, or both. The words stay in their box until they are stored."""
    if turn_id is None or not (correction.strip() or is_unsafe):
        return gr.skip(), gr.skip(), '<div class="bb-problem" role="alert">Write a correction or tick the unsafe box first.</div>', ""
    try:
        row = await api(request).give_feedback(FeedbackRequest(turn_id=turn_id, correction=correction.strip() or None, unsafe=is_unsafe))
    except (AppError, ValueError) as error:
        return gr.skip(), gr.skip(), "", _said(error)
    kinds = " and ".join(kind for kind, given in (("correction", correction.strip()), ("unsafe flag", is_unsafe)) if given)
    return "", False, confirmation(f"Stored: your {kinds} for {turn_id} ({row.id}). A reviewer will look at it."), ""


async def _rate(turn_id: str | None, rating: int, transcript: Transcript, request: gr.Request) -> tuple[Any, ...]:
    if turn_id is None:
        return gr.skip(), gr.skip(), gr.skip(), gr.skip()
    try:
        row = await api(request).give_feedback(FeedbackRequest(turn_id=turn_id, rating=1 if rating > 0 else -1))
    except AppError as error:
        return transcript, _drawn(transcript), "", problem(error, _PAGE)
    rated = transcript.rated(turn_id, rating)
    return rated, _drawn(rated), confirmation(f"Stored: {'👍' if rating > 0 else '👎'} for {turn_id} ({row.id})."), ""


def _said(error: Exception) -> str:
    """A correction that the gateway's form refuses (too long, binary) is refused before it is sent."""
    if isinstance(error, AppError):
        return problem(error, _PAGE)
    return '<div class="bb-problem" role="alert">The correction is too long or holds characters that are not text; please shorten it.</div>'


# --- what is shown -------------------------------------------------------------------------------------------------


def nothing_to_judge() -> str:
    return '<p class="bb-hint">Ask a question first; then tell us here whether the answer was right.</p>'


def names(concept_id: str) -> str:
    """A concept's label, or its id when the knowledge base no longer has it."""
    concept = knowledge().graph.concepts.get(concept_id)
    return concept.label if concept else concept_id


def _drawn(transcript: Transcript) -> gr.Chatbot:
    return gr.Chatbot(value=render.chat_messages(transcript, names), feedback_value=render.ratings(transcript))


def _judging(turn: ChatTurn | None) -> list[Any]:
    """The judgement panel for a turn: judged, about, up, down, correction, unsafe, judge, stored."""
    can_judge = turn is not None and turn.turn_id is not None
    about = nothing_to_judge()
    if turn is not None and can_judge:
        about = f'<p class="bb-hint">About the reply to <q>{escape(render.shortened(turn.question, 120))}</q></p>'
    fields = [gr.update(interactive=can_judge), gr.update(interactive=can_judge)]
    clean = [gr.update(value="", interactive=can_judge), gr.update(value=False, interactive=can_judge), gr.update(interactive=can_judge)]
    return [turn.turn_id if turn else None, about, *fields, *clean, ""]


def _controls(is_answering: bool) -> list[Any]:
    """send, stop, regenerate, fresh."""
    return [gr.update(visible=not is_answering), gr.update(visible=is_answering), gr.update(interactive=not is_answering), gr.update()]


def _nothing_to_do() -> gr.Error:
    """Ends the chain of events without a word, so that what runs is not disturbed."""
    return gr.Error("Nothing to do", visible=False, print_exception=False)


def _is_answering(transcript: Transcript) -> bool:
    return transcript.last is not None and transcript.last.state is TurnState.ANSWERING


def _room_chars() -> int:
    """Room for questions and earlier turns: a token is about three characters, a third of the window is left for the reply, and the facts need some."""
    tokens = settings().vllm_max_model_len * 2 // 3 - settings().evidence_tokens
    return min(settings().max_prompt_chars, max(0, tokens) * 3)
