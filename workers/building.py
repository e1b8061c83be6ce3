"""The round's training data, made once: accepted feedback and what MKGSG makes, without anything an exam asks."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alignment.dataset import build_dataset, load_dataset
from alignment.feedback import FeedbackExample
from alignment.mkgsg.attempts import Attempts
from alignment.mkgsg.curate import word_grams
from alignment.mkgsg.endpoint import Endpoint
from alignment.mkgsg.manifest import load_manifest
from alignment.mkgsg.teacher import Teacher, teacher_endpoint
from alignment.recipe import Recipe, recipe_from
from core import store
from core.artifacts import verify_artifact
from core.db import reading
from core.errors import ArtifactError
from core.knowledge import Knowledge, knowledge
from core.replicas import connect
from core.settings import settings
from core.tables import Feedback, Round, Turn
from core.types import Capability, Message
from evals.decision import Contamination
from evals.suites import Suite, load_suite
from workers.examination import frozen_policy
from workers.lease import Lease
from workers.serving import adapters


class _Cancelled(Exception):
    """Ends the asking of models; never leaves this file."""


def build_round_dataset(lease: Lease, row: Round, target: Path) -> bool:
    """Leaves a whole dataset at `target`; one that is there already stays as it is. False when the round was cancelled meanwhile.

    Raises ArtifactError, RecipeError, LostLease, and Unavailable when a model that the recipe asks stays away.
    """
    if not target.exists():
        suite = load_suite(frozen_policy(row).suite, settings().gate_policy.parent)
        recipe, known = recipe_from(row.recipe), knowledge()
        with lease.write() as (session, _):
            feedback = [_example(*pair) for pair in store.claim_feedback(session, row.id)]
            judged = [_example(*pair) for pair in store.accepted_feedback(session)] if recipe.preference or recipe.judge_model else []
        try:
            with _models(lease, row, recipe, known) as (attempts, teacher):
                build_dataset(
                    target,
                    recipe=recipe,
                    feedback=feedback,
                    exam_hashes=suite.item_hashes,
                    exam_grams=_grams(suite),
                    exam=suite.asked,
                    knowledge=known,
                    weaknesses=_weaknesses(row.parent_id, suite),
                    judged=judged,
                    attempts=attempts,
                    teacher=teacher,
                )
        except _Cancelled:
            return False
        except ArtifactError:
            if not target.exists():  # else a worker that was replaced has finished the same dataset
                raise
    verify_artifact(target)
    return True


def contamination(dataset: Path, suite: Suite) -> Contamination:
    """What the training data share with the exam; nothing, unless the exam has changed since they were made. Raises ArtifactError."""
    then = load_manifest(dataset).exam
    samples, grams = load_dataset(dataset), _grams(suite)
    copied = [s.id in suite.item_hashes for s in samples]
    overlapping = [any(word_grams(m.content) & grams for m in s.messages) for s, is_copy in zip(samples, copied, strict=True) if not is_copy]
    return Contamination(trained_on=len(samples), copied=sum(copied), overlapping=sum(overlapping), exam_changed=then != suite.asked if then else None)


def _grams(suite: Suite) -> frozenset[str]:
    return frozenset().union(*(word_grams(m.content) for i in suite.items for m in i.messages if m.role == "user"))


@contextmanager
def _models(lease: Lease, row: Round, recipe: Recipe, known: Knowledge) -> Iterator[tuple[Attempts | None, Teacher | None]]:
    """The models that the recipe asks: the production checkpoint, which tries the items, and a teacher, which words them."""

    def watch() -> None:
        lease.check()
        if lease.cancel_requested:
            raise _Cancelled

    attempts = teacher = None
    with ExitStack() as opened:
        if recipe.curation_tries:
            with reading() as session:
                adapters.load(store.get_checkpoint(session, row.parent_id))
            chat = connect(settings().vllm_replicas, settings().request_timeout_seconds)
            policy = opened.enter_context(Endpoint(chat, row.parent_id, watch=watch, close=chat.close))
            attempts = Attempts(policy, known, recipe.curation_tries, temperature=recipe.temperature, max_tokens=recipe.max_completion_tokens)
        if recipe.teacher_url:
            teacher = Teacher(opened.enter_context(teacher_endpoint(recipe.teacher_url, recipe.teacher_model, watch)), known)
        yield attempts, teacher


def _example(feedback: Feedback, turn: Turn) -> FeedbackExample:
    return FeedbackExample(
        id=feedback.id,
        messages=tuple(Message.model_validate(m) for m in turn.messages),
        evidence=tuple(fact["statement"] for fact in turn.evidence or ()),
        # Of a withheld reply the clinician saw a notice, of one that was stopped or broke off a part: the judgement is not about its words.
        reply=turn.reply if turn.finish_reason in {"stop", "length"} else "",
        rating=feedback.ratings.get("overall"),
        correction=feedback.correction,
        unsafe="unsafe" in feedback.flags,
        simulated="simulated" in feedback.flags,
    )


def _weaknesses(checkpoint_id: str, suite: Suite) -> dict[Capability, float]:
    """1 - score in the parent's latest exam, per capability; 0.5 for all when it has not sat one yet."""
    with reading() as session:
        exam = store.latest_exam(session, checkpoint_id, suite.name)
    scores = exam.scores if exam else {}
    return {c: 1.0 - float(scores[c]["mean"] if c in scores else 0.5) for c in Capability}
