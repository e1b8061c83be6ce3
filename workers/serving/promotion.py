"""How a checkpoint comes into production: verified, loaded under its own name, probed, and only then does the alias flip.

No request is lost: until the flip new turns go to the old checkpoint, after it to the new one, and the old one stays loaded, so that
replies already running end as they began. A roll-back is the same job given an earlier checkpoint.
"""

from sqlalchemy.orm import Session

from core import audit, store
from core.db import reading, unit_of_work
from core.errors import Conflict
from core.logging import get_logger
from core.states import CheckpointStatus
from core.tables import Checkpoint
from evals.decision import Outcome
from workers.lease import worker_stopping
from workers.serving import adapters
from workers.serving.vllm import is_left_over, require_unchanged

PATIENCE_SECONDS = 180.0
"""For a vLLM that is just being started again."""

log = get_logger("promotion")


def promote(checkpoint_id: str, actor: str) -> None:
    """Puts the checkpoint in production. Raises NotFound, Conflict when its state forbids it, ArtifactError, Unavailable; then nothing changed."""
    with reading() as session:
        checkpoint = promotable(session, checkpoint_id)
    bring_up(checkpoint)
    with unit_of_work() as session:
        flip(session, checkpoint_id, actor)
    unload_unservable()


def promotable(session: Session, checkpoint_id: str) -> Checkpoint:
    """The checkpoint, if it may be in production. Raises NotFound or a Conflict that says why it may not."""
    checkpoint = store.get_checkpoint(session, checkpoint_id)
    current = store.production(session)
    if store.base_of(session, checkpoint).id != store.base_of(session, current).id:
        raise Conflict(f"Checkpoint {checkpoint_id} belongs to the base model {checkpoint.base_model}, and {current.base_model} is being served")
    if checkpoint.status == CheckpointStatus.REJECTED:
        raise Conflict(f"Checkpoint {checkpoint_id} was rejected and cannot be promoted")
    if checkpoint.status == CheckpointStatus.CANDIDATE and (reason := _why_not_yet(session, checkpoint)):
        raise Conflict(f"Checkpoint {checkpoint_id} is a candidate {reason}; only one that passed the gate and was signed off can be promoted")
    return checkpoint


def _why_not_yet(session: Session, checkpoint: Checkpoint) -> str | None:
    if checkpoint.round_id is None:
        return "of no round"
    row = store.get_round(session, checkpoint.round_id)
    if row.decision is None:
        return "that has not been examined"
    if row.decision["outcome"] != Outcome.PROMOTE:
        return f"on which the gate decided {row.decision['outcome']}"
    if row.finished_at is not None:
        return f"whose round ended {row.status}"
    return None if row.signed_off_by else "that nobody has signed off"


def bring_up(checkpoint: Checkpoint) -> None:
    """The checkpoint answers under its own name, as it was trained, on every vLLM that is there; production has not changed. Safe to call again."""
    require_unchanged(checkpoint)
    adapters.wait_until_healthy(PATIENCE_SECONDS, give_up=worker_stopping.is_set)
    adapters.bring_up(checkpoint)


def flip(session: Session, checkpoint_id: str, actor: str, **detail: str) -> None:
    """Flips the alias and records it with `detail`, in the caller's transaction. A second call changes and records nothing."""
    promotable(session, checkpoint_id)
    before = store.production(session)
    if before.id == checkpoint_id:
        return
    store.set_production(session, checkpoint_id)
    audit.record(session, actor, "checkpoint.promoted", checkpoint_id, replaced=before.id, **detail)


def keep_served() -> None:
    """Loads what is in production, and a canary's candidate, wherever a vLLM lost it: one on another machine knows no adapter after a restart.

    Raises ArtifactError, Unavailable.
    """
    with reading() as session:
        trial = store.open_canary(session)
        wanted = [store.find_production(session), store.get_checkpoint(session, trial.candidate_id) if trial and trial.candidate_id else None]
    for checkpoint in wanted:
        if checkpoint is not None and checkpoint.uri and adapters.is_healthy():
            adapters.load(checkpoint)


def unload_unservable() -> None:
    """Forgets the adapters that are neither in production, nor candidates, nor kept for a roll-back, and trials that nobody is at any more."""
    with reading() as session:
        known = {c.id for c in store.list_checkpoints(session) if c.uri}
        wanted = {c.id for c in store.servable_checkpoints(session)}
    served = adapters.served()
    for checkpoint_id in sorted((served & known) - wanted | set(filter(is_left_over, served))):
        log.info("unloading", checkpoint=checkpoint_id)
        adapters.unload(checkpoint_id)
