"""`balancedbio mkgsg`: a corpus from one command, gone on with by the same command, and a look at a few items."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from alignment.mkgsg import run as running
from alignment.mkgsg.shards import shard_name
from core.artifacts import verify_artifact
from core.settings import ROOT
from core.types import TrainingSample
from tests.app.test_cli.conftest import Cli

SMALL = ("--family", "dose", "--family", "harmful", "--seed", "7", "--exam", "none")


def test_a_corpus_is_made_by_one_command_and_found_finished_by_the_next(cli: Cli, tmp_path: Path) -> None:
    made = cli("mkgsg", "generate", "--n", "30", "--out", str(tmp_path / "corpus"), *SMALL)
    assert made.code == 0, made.err
    assert "30 items in 1 shards" in made.out
    assert "Stages: source" in made.out
    verify_artifact(tmp_path / "corpus")
    again = cli("mkgsg", "generate", "--n", "30", "--out", str(tmp_path / "corpus"), *SMALL)
    assert (again.code, again.out) == (0, made.out)


def test_a_folder_of_another_run_is_refused_in_one_line(cli: Cli, tmp_path: Path) -> None:
    cli("mkgsg", "generate", "--n", "10", "--out", str(tmp_path / "corpus"), *SMALL)
    other = cli("mkgsg", "generate", "--n", "20", "--out", str(tmp_path / "corpus"), *SMALL)
    assert other.code == 2
    assert "items 10 there, 20 here" in other.err
    assert len(other.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--family", "recipes"), "no family 'recipes'"),
        (("--topic", "gout"), "gout"),
        (("--tries", "4"), "--tries (at least 2) and --policy go together"),
        (("--tries", "1", "--policy", "m"), "--tries (at least 2) and --policy go together"),
        (("--teacher", "m"), "--teacher and --teacher-url go together"),
        (("--exam", "finals"), "no suite 'finals'"),
        (("--n", "0"), "--n"),
        (("--open-book", "2"), "--open-book"),
    ],
)
def test_a_wrong_option_is_one_line(cli: Cli, tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    wrong = cli("mkgsg", "generate", "--out", str(tmp_path / "corpus"), *options)
    assert wrong.code == 2
    assert said in wrong.err
    assert len(wrong.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_keeps_finished_shards_and_says_how_to_go_on(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(running, "_make_shard", interrupted)
        stopped = cli("mkgsg", "generate", "--n", "30", "--out", str(tmp_path / "corpus"), *SMALL)
    assert stopped.code == 130
    assert "the same command goes on from there" in stopped.err
    assert not (tmp_path / "corpus").exists()
    assert cli("mkgsg", "generate", "--n", "30", "--out", str(tmp_path / "corpus"), *SMALL).code == 0


def test_a_real_ctrl_c_ends_the_process_with_130(tmp_path: Path) -> None:
    # The signal is sent by the process itself once an item is made, as a terminal would.
    code = f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background has it ignored from birth
from alignment.mkgsg import run as running
from app.cli import main
running._REPORT_EVERY = 1
keep = running.Rows.add
def add(self, *args):
    keep(self, *args)
    os.kill(os.getpid(), signal.SIGINT)
running.Rows.add = add
sys.argv = ["balancedbio", "mkgsg", "generate", "--n", "30", "--out", {str(tmp_path / "corpus")!r}, *{SMALL!r}]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONPATH": "."})
    assert done.returncode == 128 + signal.SIGINT, done.stderr
    assert "goes on from there" in done.stderr


def test_items_are_shown_in_words_and_as_json(cli: Cli, tmp_path: Path) -> None:
    shown = cli("mkgsg", "show", "--n", "2", "--family", "harmful")
    assert shown.code == 0, shown.err
    assert shown.out.count("right: to refuse") == 2
    lines = cli("mkgsg", "show", "--n", "3", "--family", "dose", "--json").out.strip().splitlines()
    assert [TrainingSample.model_validate(json.loads(line)["sample"]).family for line in lines] == ["dose"] * 3


def test_a_few_items_are_a_few_of_all_families_and_books(cli: Cli) -> None:
    lines = cli("mkgsg", "show", "--n", "31", "--json").out.strip().splitlines()
    samples = [TrainingSample.model_validate(json.loads(line)["sample"]) for line in lines]
    assert len({s.family for s in samples}) > 20
    assert 0 < sum(bool(s.evidence) for s in samples) < len(samples)


def test_a_corpus_is_shown_from_its_shards(cli: Cli, tmp_path: Path) -> None:
    cli("mkgsg", "generate", "--n", "30", "--out", str(tmp_path / "corpus"), *SMALL)
    first = pq.read_table(tmp_path / "corpus" / shard_name(0)).to_pylist()[0]
    shown = cli("mkgsg", "show", str(tmp_path / "corpus"), "--n", "1")
    assert first["messages"][0]["content"] in shown.out
    assert cli("mkgsg", "show", str(tmp_path)).code == 2
