"""The real Celery application with three stand-ins: the training child, the dataset and the judgement. Lease, rounds, jobs, exams are the real ones.

`STANDIN_OUTCOME` is what the gate decides.
"""

import os
import sys
from pathlib import Path
from typing import Any

from core.artifacts import new_artifact
from core.tables import Round
from core.types import EvalReport, GateDecision, GatePolicy, Outcome
from evals.suites import Suite
from workers import rounds, training
from workers.celery_app import celery
from workers.lease import Lease

__all__ = ["celery", "install"]


def _dataset(lease: Lease, row: Round, target: Path) -> None:
    if not target.exists():
        with new_artifact(target) as draft:
            (draft / "samples.jsonl").write_text("")


def _decision(policy: GatePolicy, suite: Suite, baseline: EvalReport, candidate: EvalReport, anchor: Any = None) -> GateDecision:
    outcome = Outcome(os.environ.get("STANDIN_OUTCOME", "promote"))
    return GateDecision(
        outcome=outcome, policy_hash=policy.hash, suite_hash=suite.hash, baseline=baseline.model, candidate=candidate.model, checks=(), table=()
    )


def install() -> None:
    training.COMMAND = (sys.executable, str(Path(__file__).with_name("standin_trainer.py")))
    rounds.build_round_dataset = _dataset
    rounds.decide = _decision


install()
