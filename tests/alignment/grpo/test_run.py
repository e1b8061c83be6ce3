"""The training child as its worker sees it: a process, its exit code, and what it leaves behind."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch

from alignment.grpo.fingerprint import fingerprint_of
from alignment.grpo.policy import ADAPTER_WEIGHTS, load_policy
from alignment.grpo.run import Stop, train_round
from alignment.mkgsg.manifest import manifest_of, write_manifest
from alignment.mkgsg.shards import shard_name, write_samples
from alignment.mkgsg.tally import Tally
from alignment.recipe import Recipe
from alignment.rewards.judgements import write_judgements
from core import store
from core.artifacts import new_artifact, verify_artifact, write_text_atomically
from core.db import reading, unit_of_work
from core.errors import ArtifactError, BadInput, Conflict, NotFound, RecipeError
from core.fingerprint import FILE, deviation, read_fingerprint
from core.knowledge import builtin
from core.settings import ROOT, settings
from core.states import CheckpointStatus
from core.tables import Checkpoint, Round
from core.types import Capability
from tests.alignment.grpo.conftest import make_sample
from tests.alignment.rewards.conftest import judgement

pytestmark = pytest.mark.flow

STEPS = 6


class Child:
    """One round with its dataset, and the processes that train it."""

    def __init__(self, round_id, graph="", checks=None, judgements=(), **recipe):
        self.round_id = round_id
        self.folder = settings().data_dir.resolve() / "rounds" / round_id
        self.adapter = settings().data_dir.resolve() / "checkpoints" / f"cp-{round_id.removeprefix('round-')}"
        samples = [make_sample(capability, i) for capability in Capability for i in range(3)]
        samples += [make_sample(capability, 9, "anchor") for capability in Capability]
        if checks is not None:
            samples = [s.model_copy(update={"checks": checks}) for s in samples]
        with new_artifact(self.folder / "dataset") as draft:
            write_samples(draft, samples)
            write_judgements(draft, judgements)
            made_from = graph or builtin().graph.version
            write_manifest(draft, manifest_of(Tally(), builtin(), recipe_hash="0", seed=0).model_copy(update={"graph_version": made_from}))
        small = {"steps": STEPS, "warmup_steps": 0, "prompts_per_step": 5, "anchors_per_step": 1, "completions": 4, "max_completion_tokens": 12}
        small |= {"save_every": 2, "lora_rank": 4, "lora_alpha": 8, **recipe}
        with unit_of_work() as session:
            session.add(Round(id=round_id, recipe=small, policy={}, parent_id="base-1", requested_by="test"))

    def start(self, *launcher):
        command = [sys.executable, *launcher, "-m", "alignment", "train", self.round_id]
        # Below the log level of the steps, whose lines would fill the pipe that nobody reads while a test waits.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "LOG_LEVEL": "WARNING"}
        return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)

    def train(self):
        process = self.start()
        _, errors = process.communicate(timeout=240)
        return process.returncode, errors.strip().splitlines()[-1] if errors.strip() else ""

    def saved(self):
        return sorted(p.name for p in (self.folder / "training").glob("state-*/step-*"))

    def steps(self):
        with reading() as session:
            return [m.step for m in store.list_metrics(session, self.round_id)]

    def wait_for(self, name):
        deadline = time.monotonic() + 180
        while name not in self.saved():
            assert time.monotonic() < deadline, f"no {name}; there are {self.saved()}"
            time.sleep(0.01)


@pytest.fixture
def child(database, tiny_model, monkeypatch):
    monkeypatch.setenv("BASE_MODEL", str(tiny_model))
    settings.cache_clear()
    with unit_of_work() as session:
        session.add(Checkpoint(id="base-1", base_model=str(tiny_model), uri="", sha256="0" * 64, status=CheckpointStatus.PRODUCTION))
    return Child


def weights(child):
    return (child.adapter / ADAPTER_WEIGHTS).read_bytes()


def is_known_again(child):
    """What was written as the adapter's fingerprint is what its files say."""
    policy = load_policy(settings().base_model_path, child.adapter, Recipe(lora_rank=4))
    return deviation(read_fingerprint(child.adapter), fingerprint_of(policy.model, policy.tokenizer, torch.device("cpu")).log_probabilities) < 1e-4


def test_a_killed_run_resumes_and_ends_in_the_same_bytes(child):
    undisturbed, killed = child("round-a"), child("round-b")
    assert undisturbed.train()[0] == 0
    assert undisturbed.steps() == list(range(1, STEPS + 1))

    process = killed.start()
    killed.wait_for("step-000002")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not killed.adapter.exists()
    assert killed.train()[0] == 0
    assert weights(killed) == weights(undisturbed)
    assert (killed.adapter / "adapter_config.json").read_bytes() == (undisturbed.adapter / "adapter_config.json").read_bytes()
    assert killed.steps() == list(range(1, STEPS + 1))
    verify_artifact(killed.adapter)
    assert sorted(p.name for p in killed.adapter.iterdir()) == ["adapter_config.json", ADAPTER_WEIGHTS, FILE, "manifest.json", "provenance.json"]
    assert killed.saved() == []  # nothing to resume is left
    assert is_known_again(killed)
    assert (killed.adapter.parent / f"{killed.adapter.name}-plots" / "run.png").read_bytes().startswith(b"\x89PNG")

    written = (killed.adapter / ADAPTER_WEIGHTS).stat().st_mtime_ns
    assert killed.train()[0] == 0  # asked again, it finds its work done
    assert (killed.adapter / ADAPTER_WEIGHTS).stat().st_mtime_ns == written


def test_a_run_with_a_preference_model_that_is_killed_while_either_learns_ends_in_the_same_bytes(child):
    more = {"judgements": [judgement(i) for i in range(40)], "preference": True, "learning_rate": 1e-2}
    undisturbed, killed = child("round-m", **more), child("round-n", **more)
    assert undisturbed.train()[0] == 0

    def preference(run):
        return run.adapter.with_name(f"{run.adapter.name}-preference")

    for has_come_far_enough in (lambda: (killed.folder / "training").glob("state-*"), lambda: preference(killed).glob("*"), lambda: killed.saved()):
        process = killed.start()
        while not any(has_come_far_enough()):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        process.kill()
        process.communicate()
    assert killed.train()[0] == 0
    assert weights(killed) == weights(undisturbed)
    assert verify_artifact(preference(killed)) == verify_artifact(preference(undisturbed))
    with reading() as session:
        (*_, last) = store.list_metrics(session, killed.round_id)
    assert last.values["component_weights"]["domain"]["preference"] > 0.7


def test_sigterm_saves_and_stops_and_the_run_resumes_from_there(child):
    stopped = child("round-c", steps=400, save_every=400)
    process = stopped.start()
    while not stopped.steps():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.terminate()
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 143, errors
    assert len(stopped.saved()) == 1
    assert not stopped.adapter.exists()
    assert stopped.saved() == [f"step-{stopped.steps()[-1]:06d}"]


def test_what_another_recipe_left_behind_is_not_resumed_and_damage_is_noticed(child):
    run = child("round-d")
    training = run.folder / "training"
    foreign = training / "state-000000000000" / "step-000099"
    foreign.mkdir(parents=True)
    process = run.start()
    run.wait_for("step-000004")
    process.kill()
    process.communicate()
    assert not foreign.exists()
    (next(training.glob(f"state-*/{run.saved()[-1]}")) / "optimizer.pt").write_bytes(b"damaged")
    assert run.train()[0] == 0
    assert run.steps() == list(range(1, STEPS + 1))


@pytest.mark.parametrize(
    ("break_it", "error", "message"),
    [
        (lambda run, patch: patch.setenv("BASE_MODEL", "/nowhere/at/all"), BadInput, "base model /nowhere/at/all cannot be loaded"),
        (lambda run, patch: (run.folder / "dataset" / shard_name(0)).write_text("{}"), ArtifactError, "was changed after"),
        (lambda run, patch: setattr(run, "round_id", "round-none"), NotFound, "There is no round 'round-none'"),
        (lambda run, patch: run.adapter.mkdir(parents=True), ArtifactError, "is not a whole artifact"),
        (lambda run, patch: patch.setattr("alignment.grpo.memory._free_on_machine", lambda: 2**20), RecipeError, "Lower micro_batch"),
    ],
    ids=["no model", "changed dataset", "no round", "damaged adapter", "too little memory"],
)
def test_what_is_wrong_has_a_name(child, monkeypatch, break_it, error, message):
    run = child("round-e")
    break_it(run, monkeypatch)
    settings.cache_clear()
    with pytest.raises(error, match=message):
        train_round(run.round_id, Stop())


def test_a_limit_of_replies_that_leaves_no_prompt_any_room_is_named(child):
    with pytest.raises(RecipeError, match="max_completion_tokens: 16384"):
        train_round(child("round-long", max_completion_tokens=16_384).round_id, Stop())


def test_an_adapter_of_another_base_model_is_not_continued(child, monkeypatch, tmp_path):
    run = child("round-g")
    with unit_of_work() as session:
        session.add(Checkpoint(id="cp-1", parent_id="base-1", base_model="other", uri=str(tmp_path), sha256="0" * 64, status=CheckpointStatus.RETIRED))
        session.flush()
        store.get_round(session, run.round_id).parent_id = "cp-1"
    with pytest.raises(Conflict, match="cp-1 was trained on other"):
        train_round(run.round_id, Stop())


def test_an_error_is_one_line_and_an_exit_code(child):
    code, last_line = child("round-f", stepz=3).train()
    assert code == 2, last_line
    assert last_line.startswith("error: recipe of round-f: stepz: ")


def test_a_damaged_parent_adapter_is_not_continued_and_old_drafts_go(child):
    parent = settings().data_dir.resolve() / "checkpoints" / "cp-parent"
    with new_artifact(parent) as draft:
        write_text_atomically(draft / ADAPTER_WEIGHTS, "weights")
    (parent / ADAPTER_WEIGHTS).write_text("other weights")
    with unit_of_work() as session:
        store.add_candidate(session, Checkpoint(
            id="cp-parent", parent_id="base-1", base_model=settings().base_model, uri=str(parent), sha256="1" * 64, status=CheckpointStatus.CANDIDATE
        ))  # fmt: skip
    begun = child("round-1")
    with unit_of_work() as session:
        store.get_round(session, "round-1").parent_id = "cp-parent"
    draft = begun.adapter.with_name(f".{begun.adapter.name}.0123abcd.draft")
    draft.mkdir()
    with pytest.raises(ArtifactError, match="was changed"):
        train_round("round-1", Stop())
    assert not draft.exists()
    assert not begun.adapter.exists()


def test_replies_are_scored_by_the_knowledge_that_the_dataset_was_made_from(child):
    gone = child("round-h", graph="0123abcd")
    with pytest.raises(NotFound, match="round-h was made from knowledge version 0123abcd, which is gone"):
        train_round(gone.round_id, Stop())


def test_several_processes_train_one_round_end_with_their_launcher_and_resume(child):
    run = child("round-i", micro_batch=4)
    two = ("-m", "torch.distributed.run", "--nproc-per-node", "2")  # what accelerate's launcher is on GPUs
    launcher = run.start(*two)
    run.wait_for("step-000002")
    processes = [p for p in psutil.Process(launcher.pid).children(recursive=True) if run.round_id in p.cmdline()]
    assert len(processes) == 2
    launcher.kill()
    launcher.communicate()
    assert psutil.wait_procs(processes, timeout=30)[1] == []
    assert not run.adapter.exists()

    resumed = run.start(*two)
    _, errors = resumed.communicate(timeout=240)
    assert resumed.returncode == 0, errors
    assert run.steps() == list(range(1, STEPS + 1))
    verify_artifact(run.adapter)
    assert is_known_again(run)


def test_a_run_that_could_learn_nothing_is_refused_instead_of_examined(child):
    flat = child("round-j", checks=(), steps=2)  # random letters refuse nothing, and there is nothing else to be good at
    with pytest.raises(BadInput, match=r"100% of the prompts were never answered right, 0% always\): nothing could be learnt"):
        train_round(flat.round_id, Stop())
    assert not flat.adapter.exists()


def test_a_model_that_the_reward_goes_without_is_in_what_each_step_tells(child):
    run = child("round-k", steps=2, preference=True)
    assert train_round(run.round_id, Stop()) == 0
    with reading() as session:
        told = [metric.values["models"] for metric in store.list_metrics(session, run.round_id)]
    assert told == [{"preference": "no judgements to learn from"}] * 2
