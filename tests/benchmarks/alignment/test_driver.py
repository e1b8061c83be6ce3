"""Runs are done once, failures are named, and what is finished stays."""

import fcntl
import multiprocessing
from pathlib import Path

import pytest

from core.errors import ArtifactError, Conflict
from tests.benchmarks.alignment.__main__ import runs_of
from tests.benchmarks.alignment.driver import drive
from tests.benchmarks.alignment.results import Result, Run, read_all, starter_folder, write

FORK = multiprocessing.get_context("fork")
RUNS = [Run("balanced", c, seed) for seed in (0, 1) for c in ("sum", "balanced")]


def finish(run: Run, folder: Path) -> None:
    with (folder / "log").open("a") as log:
        log.write(f"{run.name}\n")
    if run == RUNS[2]:
        raise SystemExit(1)
    write(folder, Result(regime=run.regime, contender=run.contender, seed=run.seed, recipe={}, greedy={}, sampled={}))


def test_runs_that_are_done_are_not_done_again_and_those_that_failed_are(tmp_path: Path):
    write(tmp_path, Result(regime="balanced", contender="sum", seed=0, recipe={}, greedy={}, sampled={}))
    told: list[str] = []

    assert drive(RUNS, tmp_path, 2, told.append, finish, FORK) == [RUNS[2]]
    assert sorted((tmp_path / "log").read_text().split()) == sorted(r.name for r in RUNS[1:])
    assert drive(RUNS, tmp_path, 1, told.append, finish, FORK) == [RUNS[2]]
    assert (tmp_path / "log").read_text().split()[3:] == [RUNS[2].name]
    assert [r.run for r in read_all(tmp_path)] == sorted(RUNS[:2] + RUNS[3:], key=lambda r: r.name)
    assert any("balanced.sum.1 FAILED; " in line for line in told)


def test_two_drivers_do_not_share_a_folder(tmp_path: Path):
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="Another benchmark"):
            drive(RUNS, tmp_path, 1, lambda line: None, finish, FORK)


def test_a_file_that_is_no_result_is_named(tmp_path: Path):
    (tmp_path / "balanced.sum.0.json").write_text("{}")

    with pytest.raises(ArtifactError, match=r"balanced\.sum\.0\.json"):
        read_all(tmp_path)


def test_the_starter_is_examined_once_for_each_exam_and_every_seed_compares_all_contenders():
    runs = runs_of(["balanced", "skewed", "opposed-brief"], ["sum", "balanced", "replay"], seeds=2)

    assert runs[:2] == [Run("balanced", "start", 0), Run("opposed-brief", "start", 0)]
    assert [r.seed for r in runs[2:]] == [0] * 7 + [1] * 7
    assert {r.regime for r in runs if r.contender == "replay"} == {"skewed"}


def test_results_of_another_starter_are_kept_apart(tmp_path: Path):
    assert starter_folder(tmp_path).parent == tmp_path
    assert starter_folder(tmp_path).name.startswith("starter-")
