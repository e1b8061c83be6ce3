"""The real Celery application with three stand-ins: the training child, the dataset and the judgement. Lease, rounds, jobs, exams are the real ones.

`STANDIN_OUTCOME` is what the gate decides.
"""

import os
import sys
from pathlib import Path
from typing import Any

from celery import signals

from core.artifacts import new_artifact
from core.tables import Round
from core.types import EvalReport
from evals.decision import Contamination, GateDecision, GatePolicy, Outcome
from evals.suites import Suite
from workers import rounds, training
from workers.celery_app import celery
from workers.lease import Lease

__all__ = ["celery"]

TRAINER = (sys.executable, str(Path(__file__).with_name("standin_trainer.py")))


def dataset(lease: Lease, row: Round, target: Path) -> bool:
    if not target.exists():
        with new_artifact(target) as draft:
            (draft / "samples").write_text("")
    return True


def nothing_shared(dataset: Path, suite: Suite) -> Contamination:
    return Contamination(trained_on=0, copied=0, overlapping=0)


def decision(policy: GatePolicy, suite: Suite, baseline: EvalReport, candidate: EvalReport, *_: Any) -> GateDecision:
    outcome = Outcome(os.environ.get("STANDIN_OUTCOME", "promote"))
    return GateDecision(
        outcome=outcome, policy_hash=policy.hash, suite_hash=suite.hash, baseline=baseline.model, candidate=candidate.model, checks=(), table=()
    )


@signals.worker_init.connect
def install(**_: Any) -> None:
    """Only in a worker: a test that imports this module takes from it what it wants."""
    training.COMMAND = TRAINER
    rounds.build_round_dataset, rounds.contamination = dataset, nothing_shared
    rounds.decide = decision
