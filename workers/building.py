"""The round's training data, made once: accepted feedback and what MKGSG makes, without anything an exam asks."""

from pathlib import Path

from alignment.dataset import FeedbackExample, build_dataset
from alignment.mkgsg.curate import word_grams
from alignment.recipe import recipe_from
from core import store
from core.artifacts import verify_artifact
from core.db import reading
from core.errors import ArtifactError
from core.knowledge import knowledge
from core.tables import Feedback, Round, Turn
from core.types import Capability, Message
from evals.suites import Suite, load_suite
from workers.examination import frozen_policy
from workers.lease import Lease


def build_round_dataset(lease: Lease, row: Round, target: Path) -> None:
    """Leaves a whole dataset at `target`; one that is there already stays as it is. Raises ArtifactError, RecipeError, LostLease."""
    if not target.exists():
        suite = load_suite(frozen_policy(row).suite)
        with lease.write() as (session, _):
            feedback = [_example(*pair) for pair in store.claim_feedback(session, row.id)]
        try:
            build_dataset(
                target,
                recipe=recipe_from(row.recipe),
                feedback=feedback,
                exam_hashes=suite.item_hashes,
                exam_grams=frozenset().union(*(word_grams(m.content) for i in suite.items for m in i.messages if m.role == "user")),
                knowledge=knowledge(),
                weaknesses=_weaknesses(row.parent_id, suite),
            )
        except ArtifactError:
            if not target.exists():  # else a worker that was replaced has finished the same dataset
                raise
    verify_artifact(target)


def _example(feedback: Feedback, turn: Turn) -> FeedbackExample:
    return FeedbackExample(
        id=feedback.id,
        messages=tuple(Message.model_validate(m) for m in turn.messages),
        rating=feedback.ratings.get("overall"),
        correction=feedback.correction,
        unsafe="unsafe" in feedback.flags,
        simulated="simulated" in feedback.flags,
    )


def _weaknesses(checkpoint_id: str, suite: Suite) -> dict[Capability, float]:
    """1 - score in the parent's exam, per capability; 0.5 for all when it has not sat one yet."""
    with reading() as session:
        exam = store.find_exam(session, checkpoint_id, suite.hash)
    means = exam.means if exam else {}
    return {c: 1.0 - float(means.get(c, 0.5)) for c in Capability}
