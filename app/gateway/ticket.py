"""A turn that may begin: everything about it that is known before the model is asked."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from app.gateway.alias import Asked, behind_alias
from app.gateway.auth import Caller
from app.gateway.guard import Guard, as_said
from app.gateway.wire import ALIAS, ChatRequest, CompletionRequest
from core import store
from core.db import reading
from core.errors import NotAllowed
from core.knowledge import Knowledge
from core.knowledge.evidence import estimated_tokens, retrieve
from core.settings import settings
from core.states import CheckpointStatus, Scope
from core.tables import Checkpoint, new_id, utc_now
from core.tracing import note, span
from core.types import Evidence, Message


class Ticket(NamedTuple):
    turn_id: str
    conversation_id: str
    is_first: bool
    """The conversation is new: its row is written with the turn."""
    opened_at: datetime
    user_id: str
    checkpoint_id: str
    messages: tuple[Message, ...]
    options: Mapping[str, Any]
    guard: Guard
    """Has read the question, and holds the facts of the knowledge base that go with it."""
    is_bare: bool = False
    """Not a chat: the model goes on with the one message's text as it is."""
    canary_round_id: str | None = None
    """The round in whose canary a conversation that begins here takes part."""


def open_turns(caller: Caller, request: ChatRequest | CompletionRequest, knowledge: Callable[[], Knowledge]) -> tuple[Ticket, ...]:
    """A ticket for each choice that was asked for, all for one checkpoint and one conversation. Writes nothing.

    All of it in one thread: each change of threads costs a busy machine milliseconds. Raises NotFound, NotAllowed, Unavailable, KnowledgeError.
    """
    continued = request.conversation_id if isinstance(request, ChatRequest) else None
    conversation_id, opened_at = continued or new_id("conv"), utc_now()
    with reading() as session:
        named = None if request.model == ALIAS else store.get_checkpoint(session, request.model)
        if named and not may_ask(caller, named):
            raise NotAllowed(f"Checkpoint {named.id} has not passed its exam; only an admin may ask it")
        conversation = store.conversation_of(session, caller.user_id, continued) if continued else None
        asked = Asked(named) if named else behind_alias(session, conversation_id, conversation)
    checkpoint_id = asked.answering().id
    return tuple(
        Ticket(
            turn_id=new_id("turn"),
            conversation_id=conversation_id,
            is_first=continued is None,
            opened_at=opened_at,
            user_id=caller.user_id,
            checkpoint_id=checkpoint_id,
            messages=messages,
            options=_seeded(request.options, number),
            guard=guard,
            is_bare=isinstance(request, CompletionRequest),
            canary_round_id=asked.canary_round_id,
        )
        for messages in _asked(request)
        for number, guard in enumerate(_guards(request, messages, knowledge()))
    )


def may_ask(caller: Caller, checkpoint: Checkpoint) -> bool:
    """Weights that no exam has passed answer admins only: a clinician must not meet them."""
    return checkpoint.status in (CheckpointStatus.PRODUCTION, CheckpointStatus.RETIRED) or caller.may(Scope.ADMIN)


def _asked(request: ChatRequest | CompletionRequest) -> tuple[tuple[Message, ...], ...]:
    if isinstance(request, ChatRequest):
        return (request.conversation,)
    return tuple((Message(role="user", content=prompt),) for prompt in request.prompts)


def _seeded(options: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """With one seed for all, every choice would be the same."""
    return options if options.get("seed") is None else {**options, "seed": options["seed"] + number}


def _guards(request: ChatRequest | CompletionRequest, messages: tuple[Message, ...], knowledge: Knowledge) -> Iterator[Guard]:
    """One for each choice, as it follows the reply; the facts are the same."""
    with span("retrieve"):
        facts = _facts(messages, knowledge) if isinstance(request, ChatRequest) and request.evidence is not False else []
        note({"evidence.facts": len(facts)})
    for _ in range(request.n or 1):
        with span("guard"):
            guard = Guard(messages, knowledge, facts, opening=messages[-1].content if isinstance(request, CompletionRequest) else "")
        yield guard


def _facts(messages: tuple[Message, ...], knowledge: Knowledge) -> list[Evidence]:
    room = _room_for_evidence(messages)
    return [knowledge.graph.evidence(fact) for fact in retrieve(as_said(messages), knowledge, room)] if room else []


def _room_for_evidence(messages: tuple[Message, ...]) -> int:
    """As set, but a third of the model's window stays for the reply."""
    asked = sum(estimated_tokens(m.content) for m in messages)
    return max(0, min(settings().evidence_tokens, settings().vllm_max_model_len * 2 // 3 - asked))
