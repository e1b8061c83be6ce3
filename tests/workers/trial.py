"""A canary for tests: a round that was signed off, and the conversations of its trial, made as if they had happened some time ago."""

from datetime import timedelta
from typing import Any

from core import jobs, store
from core.artifacts import new_artifact, verify_artifact
from core.db import unit_of_work
from core.settings import settings
from core.states import CheckpointStatus, Role, RoundStatus
from core.tables import Checkpoint, Conversation, Round, Turn, utc_now
from evals.canary import CanaryState, on_candidate
from evals.decision import CanaryPolicy
from tests.workers.house import fetch
from workers import rounds

POLICY = CanaryPolicy(share=0.5, min_turns=20, min_hours=2.0, max_hours=10.0, slow_seconds=10.0)
CRITICAL = {"rule": "contraindication", "severity": "critical", "quote": "", "evidence": None}


def sign_off(round_id: str, canary: CanaryPolicy | None) -> None:
    """The round as it is when its candidate has passed the exam and a person has signed."""
    folder = settings().data_dir / "checkpoints" / rounds.candidate_id(round_id)
    with new_artifact(folder) as draft:
        (draft / "adapter_config.json").write_text("{}")
    with unit_of_work() as session:
        row = store.get_round(session, round_id)
        candidate = Checkpoint(
            id=folder.name, parent_id=row.parent_id, base_model=settings().base_model, uri=str(folder), sha256=verify_artifact(folder),
            status=CheckpointStatus.CANDIDATE, round_id=round_id,
        )  # fmt: skip
        store.add_candidate(session, candidate)
        policy = {**row.policy, "canary": canary and canary.model_dump(mode="json")}
        passed = {"candidate_id": candidate.id, "decision": {"outcome": "promote"}, "signed_off_by": "ada", "policy": policy}
        store.set_round_status(session, row, RoundStatus.AWAITING_SIGNOFF, **passed)


class Trial:
    """A round whose canary has begun, and the traffic of its conversations. Time passes by moving what is stored into the past."""

    def __init__(self, round_id: str) -> None:
        self.round_id = round_id
        with unit_of_work() as session:
            self.user_id = store.add_user(session, "ana", Role.CLINICIAN, "hash").id

    @property
    def row(self) -> Round:
        return fetch(self.round_id)

    @property
    def state(self) -> CanaryState:
        return CanaryState.model_validate(self.row.canary)

    def look(self) -> Round:
        rounds.work(jobs.ROUND_STEP, self.round_id)
        return self.row

    def converse(self, count: int, candidate: dict[str, Any] | None = None, production: dict[str, Any] | None = None, hours_ago: float = 1.0) -> list[str]:
        """`count` conversations of one turn on either side; what is given changes the turns of a side. Returns the turns of the candidate."""
        made: list[str] = []
        with unit_of_work() as session:
            row = store.get_round(session, self.round_id)
            left, began_at = {True: count, False: count}, utc_now() - timedelta(hours=hours_ago)
            while any(left.values()):
                conversation = Conversation(id=f"conv-{len(made)}-{sum(left.values())}-{utc_now().timestamp()}", user_id=self.user_id)
                side = on_candidate(row.id, conversation.id, POLICY.share)
                if not left[side]:
                    continue
                left[side] -= 1
                began_at += timedelta(seconds=1)
                conversation.created_at, conversation.canary_round_id = began_at, row.id
                session.add(conversation)
                session.flush()
                whole = {
                    "conversation_id": conversation.id, "user_id": self.user_id, "checkpoint_id": row.candidate_id if side else row.parent_id,
                    "messages": [], "reply": "Rest.", "finish_reason": "stop", "claims": [], "findings": [], "usage": {}, "latency_ms": 900.0,
                    "created_at": began_at + timedelta(seconds=2),
                }  # fmt: skip
                turn = Turn(**{**whole, **((candidate if side else production) or {})})
                store.add_turn(session, turn)
                if side:
                    made.append(turn.id)
        return made

    def age(self, hours: float) -> None:
        """The canary began so many hours ago."""
        with unit_of_work() as session:
            row = store.get_round(session, self.round_id)
            row.canary = {**(row.canary or {}), "began_at": (utc_now() - timedelta(hours=hours)).isoformat()}
