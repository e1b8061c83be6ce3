"""A corpus on disk: whole or not there, gone on with after any end, the same bytes for the same plan."""

import errno
import hashlib
import json
import re
import signal
import subprocess
import sys
import zlib

import pyarrow.parquet as pq
import pytest

from alignment.mkgsg import run as running
from alignment.mkgsg.attempts import ALWAYS_SOLVED, UNANSWERED, Attempts
from alignment.mkgsg.curate import word_grams
from alignment.mkgsg.endpoint import Answer
from alignment.mkgsg.manifest import SUMMARY, load_manifest
from alignment.mkgsg.plan import PLAN, Plan, quotas
from alignment.mkgsg.run import Exam, run
from alignment.mkgsg.shards import read_samples, shard_name, shard_paths
from alignment.mkgsg.source import families_of
from core.artifacts import MANIFEST, resumed_artifact, unfinished, verify_artifact
from core.errors import ArtifactError, BadInput
from core.knowledge import knowledge
from core.knowledge.graph import Kind
from core.settings import ROOT

KNOWN = knowledge()
# Small families run dry on the way; what they leave unfilled is made by others.
PLAN_200 = Plan(
    items=200, seed=7, families=("harmful", "dose", "trap", "vignette"), max_depth=3, shard_items=40, open_book=0.3, lacking=0.2,
    graph_version=KNOWN.graph.version,
)  # fmt: skip

KILLED = """
import sys, time
from pathlib import Path
from alignment.mkgsg.plan import Plan
from alignment.mkgsg.run import run
from core.knowledge import knowledge
from core.knowledge.graph import Kind
def report(done):
    if done >= 100:
        print("half way", flush=True)
        time.sleep(60)
import alignment.mkgsg.run as running
running._REPORT_EVERY = 10
run(Path(sys.argv[1]), Plan.model_validate_json(sys.argv[2]), knowledge(), on_progress=report)
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    target = tmp_path_factory.mktemp("corpus") / "whole"
    run(target, PLAN_200, KNOWN)
    return target


def _bytes(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_a_run_is_a_whole_artifact_and_its_counts_are_those_of_its_rows(undisturbed):
    verify_artifact(undisturbed)
    manifest = load_manifest(undisturbed)
    rows = [row for path in shard_paths(undisturbed) for row in pq.read_table(path).to_pylist()]
    assert manifest.samples == len(rows) == manifest.wanted == 200
    for column, counted in (("family", manifest.by_family), ("capability", manifest.by_capability), ("book", manifest.by_book)):
        values = [row[column] for row in rows]
        assert dict(counted) == {v: values.count(v) for v in set(values)}
    assert sum(manifest.by_depth.values()) == sum(manifest.by_words.values()) == 200
    assert manifest.stages["source"] - manifest.stages["curate"] == sum(manifest.dropped.values())
    assert [(s.file, s.samples) for s in manifest.shards] == [(shard_name(i), 40) for i in range(5)]
    for shard in manifest.shards:
        assert hashlib.sha256((undisturbed / shard.file).read_bytes()).hexdigest() == shard.sha256
    assert set(json.loads((undisturbed / MANIFEST).read_text())["files"]) == {p.name for p in undisturbed.iterdir()} - {MANIFEST}


def test_every_item_carries_the_hash_of_the_plan_and_its_own(undisturbed):
    samples = [s for path in shard_paths(undisturbed) for s in read_samples(path)]
    assert {s.provenance.recipe_hash for s in samples} == {PLAN_200.hash}
    assert len({s.id for s in samples}) == 200
    assert [s.id for s in samples] == [i for path in shard_paths(undisturbed) for i in pq.read_table(path).column("id").to_pylist()]


def test_the_card_names_every_count_of_the_manifest(undisturbed):
    card, manifest = (undisturbed / "README.md").read_text(), load_manifest(undisturbed)
    for counts in (manifest.by_family, manifest.by_capability, manifest.by_book, manifest.by_depth, manifest.by_words, manifest.dropped, manifest.stages):
        for name, count in counts.items():
            assert re.search(rf"^\| {re.escape(name)} \|.*\b{count:,}\b", card, re.M), (name, count)
    for value in (f"{manifest.samples:,}", manifest.graph_version, manifest.recipe_hash, f"| seed | {manifest.seed} |", manifest.generator):
        assert value in card
    for plot in re.findall(r"\]\((\w+\.png)\)", card):
        assert (undisturbed / plot).read_bytes().startswith(b"\x89PNG")
    assert "CC0 1.0" in card


def test_a_run_that_was_killed_and_gone_on_with_gives_the_same_bytes(undisturbed, tmp_path):
    target = tmp_path / "whole"
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(target), PLAN_200.model_dump_json()], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "half way\n"
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=10)
    assert not target.exists()
    kept = {p: p.stat().st_mtime_ns for p in shard_paths(unfinished(target))}
    assert len(kept) == 2
    (unfinished(target) / f".{shard_name(2)}.0a1b2c3d").write_bytes(b"PAR1")
    seen = []
    run(target, PLAN_200, KNOWN, on_progress=seen.append)
    assert seen[0] == 80
    assert [(target / p.name).stat().st_mtime_ns for p in kept] == list(kept.values())
    assert _bytes(target) == _bytes(undisturbed)


def test_a_run_that_was_interrupted_gives_the_same_bytes(undisturbed, tmp_path):
    def stop(done):
        if done == 120:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "whole", PLAN_200, KNOWN, on_progress=stop)
    assert not (tmp_path / "whole").exists()
    run(tmp_path / "whole", PLAN_200, KNOWN)
    assert _bytes(tmp_path / "whole") == _bytes(undisturbed)
    assert [p.name for p in tmp_path.iterdir()] == ["whole"]


class _Repeating:
    """A model that answers one request in one way: of doses it knows half always, a quarter never, a quarter with every other seed."""

    model = "scripted"

    def ask(self, questions):
        return [Answer(self._reply(q.messages[-1].content, q.options["seed"])) for q in questions]

    def _reply(self, text, seed):
        drug = next(c for m in KNOWN.linker.mentions(text) if (c := m.of_kind(Kind.DRUG)))
        knows = zlib.crc32(drug.id.encode()) % 4
        return KNOWN.graph.sentence(KNOWN.graph.dose(drug.id)) if knows < 2 or (knows == 2 and seed == 0) else "I do not know."


def test_a_run_with_tries_that_was_interrupted_gives_the_same_bytes(tmp_path, monkeypatch):
    """What the tries dropped is not on disk, and must not be missed."""
    plan = PLAN_200.model_copy(update={"items": 80, "shard_items": 40, "families": ("dose",), "open_book": 0.0, "policy": "scripted", "tries": 2})
    few = {"dose": running.enumerate_cases(KNOWN.graph, ("dose",))["dose"][:12]}
    monkeypatch.setattr(running, "enumerate_cases", lambda *args: few)

    def stop(done):
        if done == 40:
            raise KeyboardInterrupt

    run(tmp_path / "undisturbed", plan, KNOWN, attempts=Attempts(_Repeating(), KNOWN, 2))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "whole", plan, KNOWN, attempts=Attempts(_Repeating(), KNOWN, 2), on_progress=stop)
    run(tmp_path / "whole", plan, KNOWN, attempts=Attempts(_Repeating(), KNOWN, 2))
    assert _bytes(tmp_path / "whole") == _bytes(tmp_path / "undisturbed")
    assert {UNANSWERED, ALWAYS_SOLVED} <= set(load_manifest(tmp_path / "whole").dropped)


def test_a_full_disk_is_named_and_leaves_nothing_half_written(undisturbed, tmp_path, monkeypatch):
    write, written = running.write_atomically, []

    def full(path, content):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        write(path, content)

    monkeypatch.setattr(running, "write_atomically", full)
    with pytest.raises(ArtifactError, match=r"No space left on device\. Free some disk space"):
        run(tmp_path / "whole", PLAN_200, KNOWN)
    assert not (tmp_path / "whole").exists()
    assert {p.name for p in unfinished(tmp_path / "whole").iterdir()} == {PLAN, shard_name(0), shard_name(1)}
    monkeypatch.setattr(running, "write_atomically", write)
    run(tmp_path / "whole", PLAN_200, KNOWN)
    assert _bytes(tmp_path / "whole") == _bytes(undisturbed)


def test_another_seed_gives_other_items(undisturbed, tmp_path):
    run(tmp_path / "other", PLAN_200.model_copy(update={"seed": 8, "items": 40}), KNOWN)
    ids = [{s.id for path in shard_paths(f) for s in read_samples(path)} for f in (undisturbed, tmp_path / "other")]
    assert len(ids[0] & ids[1]) < 10


def test_a_finished_run_is_found_finished(undisturbed):
    before = {p: p.stat().st_mtime_ns for p in undisturbed.iterdir()}
    assert run(undisturbed, PLAN_200, KNOWN) == load_manifest(undisturbed)
    assert {p: p.stat().st_mtime_ns for p in undisturbed.iterdir()} == before


def test_a_folder_of_another_plan_is_refused_with_what_differs(undisturbed):
    with pytest.raises(BadInput, match=r"belongs to another run \(items 200 there, 300 here; seed 7 there, 8 here\)"):
        run(undisturbed, PLAN_200.model_copy(update={"seed": 8, "items": 300}), KNOWN)


def test_an_unfinished_run_of_another_plan_is_refused(tmp_path):
    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "whole", PLAN_200, KNOWN, on_progress=stop)
    with pytest.raises(BadInput, match=r"open_book 0\.3 there, 0\.0 here"):
        run(tmp_path / "whole", PLAN_200.model_copy(update={"open_book": 0.0}), KNOWN)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="was not made by"):
        run(tmp_path, PLAN_200, KNOWN)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(("name", "content"), [(PLAN, b"{"), (shard_name(0), b"PAR1" * 10)])
def test_a_damaged_unfinished_run_is_named(tmp_path, name, content):
    def stop(done):
        if done == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "whole", PLAN_200, KNOWN, on_progress=stop)
    (unfinished(tmp_path / "whole") / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=re.escape(name)):
        run(tmp_path / "whole", PLAN_200, KNOWN)


def test_a_changed_finished_run_is_named(undisturbed, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, content in _bytes(undisturbed).items():
        (copy / name).write_bytes(content)
    (copy / SUMMARY).write_text("{}")
    with pytest.raises(ArtifactError, match="was changed"):
        run(copy, PLAN_200, KNOWN)


def test_of_two_at_once_the_second_is_told(tmp_path):
    with pytest.raises(ArtifactError, match="Another process"), resumed_artifact(tmp_path / "whole"):
        run(tmp_path / "whole", PLAN_200, KNOWN)


def test_what_the_exam_asks_is_not_made(undisturbed, tmp_path):
    exam = [s for path in shard_paths(undisturbed) for s in read_samples(path)]
    grams = frozenset().union(*(word_grams(m.content) for s in exam for m in s.messages))
    plan = PLAN_200.model_copy(update={"items": 80, "excluded": "these"})
    manifest = run(tmp_path / "other", plan, KNOWN, exam=Exam(frozenset(s.id for s in exam), grams))
    made = [s for path in shard_paths(tmp_path / "other") for s in read_samples(path)]
    assert not {s.id for s in made} & {s.id for s in exam}
    assert manifest.dropped["exam_item"] + manifest.dropped["exam_overlap"] >= 40


def test_a_graph_that_holds_no_more_ends_the_run_early(tmp_path):
    plan = PLAN_200.model_copy(update={"families": ("red_flag",), "topics": (), "items": 3000, "shard_items": 500, "open_book": 0.0})
    few = {"red_flag": running.enumerate_cases(KNOWN.graph, ("red_flag",))["red_flag"][:2]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "enumerate_cases", lambda *args: few)
        manifest = run(tmp_path / "small", plan, KNOWN)
    assert 0 < manifest.samples < 3000
    assert manifest.dry == ("red_flag",)
    assert manifest.samples == sum(s.samples for s in manifest.shards)


def test_capabilities_get_equal_shares_and_within_each_its_families():
    families = tuple(f for own in families_of(("wide",)).values() for f in own)
    for wanted in (0, 1, 999, 10_000):
        given = quotas(wanted, families)
        assert sum(given.values()) == wanted
        for own in families_of(families).values():
            assert abs(sum(given[f] for f in own) - wanted / 5) <= 1
            assert max(given[f] for f in own) - min(given[f] for f in own) <= 1
