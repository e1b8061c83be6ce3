"""Sitting an exam: a checkpoint is loaded into vLLM and asked every item of a suite over HTTP, once in its life per version of the suite."""

import asyncio
import time
from pathlib import Path

from pydantic import ValidationError

from core import store
from core.artifacts import new_artifact, verify_artifact
from core.db import reading
from core.errors import ArtifactError, GateError, NotFound, Unavailable
from core.knowledge import builtin
from core.llm import OpenAIChat
from core.logging import get_logger
from core.settings import settings
from core.tables import Checkpoint, Exam, Round
from core.tracing import span, unrecorded
from core.types import EvalReport, Progress
from evals.decision import GatePolicy
from evals.history import scores_of
from evals.run import run_suite
from evals.suites import Suite
from workers.lease import Lease
from workers.serving import adapters

ATTEMPTS = 3
HEALTHY_WITHIN_SECONDS = 300.0
"""A CPU that is busy elsewhere takes minutes to start vLLM (measured: 220 s at a load of 14, else 15 s), and so does a large model."""
_PROGRESS_SECONDS = 1.0
_REPORT = "report.json"

log = get_logger("examination")


def frozen_policy(row: Round) -> GatePolicy:
    """The gate policy as it was when the round began. Raises GateError when this version of the product no longer knows its fields."""
    try:
        return GatePolicy.model_validate(row.policy)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise GateError(f"The gate policy that was frozen with round {row.id} is of another version ({field}); start a new round") from error


def examine(lease: Lease, checkpoint: Checkpoint, suite: Suite) -> EvalReport | None:
    """The checkpoint's report on the suite: the one it has, or a new one. None when the round was cancelled meanwhile.

    When vLLM dies, waits for the supervisor to bring it back and sits the exam again, `ATTEMPTS` times in all; then Unavailable.
    """
    folder = settings().data_dir.resolve() / "exams" / f"{checkpoint.id}-{suite.hash[:12]}"
    if report := _report_on_file(folder):
        _register(lease, checkpoint, folder, report, seconds=0.0)
        return report
    began = time.monotonic()
    report = _sit_until_whole(lease, checkpoint, suite)
    if report is None:
        return None
    _file(folder, report, suite)
    _register(lease, checkpoint, folder, report, seconds=time.monotonic() - began)
    return report


def _sit_until_whole(lease: Lease, checkpoint: Checkpoint, suite: Suite) -> EvalReport | None:
    for attempt in range(1, ATTEMPTS + 1):
        adapters.wait_until_healthy(HEALTHY_WITHIN_SECONDS, give_up=lambda: lease.must_stop)
        if lease.must_stop:
            break
        try:
            adapters.load(checkpoint)
            with span("exam", {"checkpoint.id": checkpoint.id, "exam.suite": suite.hash}), unrecorded():
                return asyncio.run(_sit(lease, checkpoint, suite))
        except Unavailable as error:
            if attempt == ATTEMPTS:
                raise
            log.warning("exam cut short; sitting it again", checkpoint=checkpoint.id, attempt=attempt, reason=str(error))
    lease.check()
    return None


async def _sit(lease: Lease, checkpoint: Checkpoint, suite: Suite) -> EvalReport | None:
    progress = _Progress(lease, checkpoint)
    chat = OpenAIChat(settings().vllm_url, timeout_seconds=settings().request_timeout_seconds)
    exam = asyncio.create_task(run_suite(suite, chat, checkpoint.id, builtin(), progress))
    try:
        while not exam.done() and not lease.must_stop:
            await asyncio.wait({exam}, timeout=_PROGRESS_SECONDS)
            progress.write()
        if not exam.done():
            exam.cancel()
            await asyncio.wait({exam})
            lease.check()
            return None
        return exam.result()
    except NotFound as gone:
        # vLLM was started again in the middle, without this checkpoint: loaded once more, the exam can be sat.
        raise Unavailable(f"vLLM lost {checkpoint.id}") from gone
    finally:
        await chat.close()


class _Progress:
    """Counts on the event loop; writes from it seldom, so that the database is not asked for every item."""

    def __init__(self, lease: Lease, checkpoint: Checkpoint) -> None:
        self._lease, self._checkpoint = lease, checkpoint
        self._began = time.monotonic()
        self._done = self._total = self._written = 0

    def __call__(self, done: int, total: int) -> None:
        self._done, self._total = done, total

    def write(self) -> None:
        if self._done == self._written or self._lease.must_stop:
            return
        left = (time.monotonic() - self._began) / self._done * (self._total - self._done)
        note = f"exam of {self._checkpoint.id}"
        value = Progress(stage="evaluating", done=self._done, total=self._total, note=note, seconds_left=left)
        with self._lease.write() as (session, row):
            store.set_progress(session, row.id, value)
        self._written = self._done


def _report_on_file(folder: Path) -> EvalReport | None:
    if not folder.exists():
        return None
    verify_artifact(folder)
    return EvalReport.model_validate_json((folder / _REPORT).read_bytes())


def _file(folder: Path, report: EvalReport, suite: Suite) -> None:
    """With its transcript, for people: `inspect view --log-dir var/exams`."""
    from evals.transcript import write_transcript  # Inspect takes a second to import: not when every worker starts

    try:
        with new_artifact(folder) as draft:
            (draft / _REPORT).write_text(report.model_dump_json(), encoding="utf-8")
            write_transcript(report, suite, draft)
    except ArtifactError:
        if not folder.exists():  # else a worker that was replaced has filed the same exam; either report will do
            raise


def _register(lease: Lease, checkpoint: Checkpoint, folder: Path, report: EvalReport, seconds: float) -> None:
    with reading() as session:
        if store.find_exam(session, checkpoint.id, report.suite_hash):
            return
    with lease.write() as (session, _):
        scores = {str(capability): score.model_dump() for capability, score in scores_of(report).items()}
        exam = Exam(checkpoint_id=checkpoint.id, suite=report.suite, suite_hash=report.suite_hash, scores=scores, uri=str(folder), seconds=seconds)
        store.add_exam(session, exam)
