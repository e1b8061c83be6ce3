"""Who answers behind the alias: production, or, in a share of the conversations that begin during a canary, its candidate.

The database is the truth, so that several gateways agree: a conversation's row says in whose canary it began, and its side follows from ids. In every
doubt production answers.
"""

from datetime import timedelta
from typing import NamedTuple

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.gateway.upstream import served
from core import store
from core.errors import Unavailable
from core.logging import get_logger
from core.tables import Checkpoint, Conversation, utc_now
from evals.canary import UNWATCHED_SECONDS, CanaryState, on_candidate

log = get_logger("gateway")


class Asked(NamedTuple):
    """What the model name of a turn stands for."""

    checkpoint: Checkpoint
    """What is in production, or what was asked by its own name."""
    candidate: Checkpoint | None = None
    """Set on the candidate's side of a canary."""
    canary_round_id: str | None = None
    """Set in a conversation of a canary, whatever its side."""

    def answering(self) -> Checkpoint:
        """The candidate only where vLLM serves it at this moment. Asks vLLM, so not to be called inside a transaction."""
        if self.candidate is None:
            return self.checkpoint
        try:
            if self.candidate.id in served():
                return self.candidate
        except Unavailable:
            pass  # then production does not answer either, and says so
        log.warning("vLLM does not serve the canary's candidate; production answers", candidate=self.candidate.id)
        return self.checkpoint


def behind_alias(session: Session, conversation_id: str, conversation: Conversation | None) -> Asked:
    """`conversation` None: it begins with this turn. One that began before the canary, or in another, stays in production. Raises NotFound."""
    production, row = store.production(session), store.open_canary(session)
    if row is None or row.candidate_id is None or row.parent_id != production.id or (conversation and conversation.canary_round_id != row.id):
        return Asked(production)
    try:
        state = CanaryState.model_validate(row.canary)
    except ValidationError:
        return Asked(production)  # written by another version of the product
    if utc_now() - state.seen_at > timedelta(seconds=UNWATCHED_SECONDS):
        return Asked(production)
    candidate = store.get_checkpoint(session, row.candidate_id) if on_candidate(row.id, conversation_id, state.share) else None
    return Asked(production, candidate, row.id)
