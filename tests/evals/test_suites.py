"""The exam can be passed by who knows the answers, not by who says nothing, and is the same on every machine."""

import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import NotFound
from core.knowledge import Knowledge
from core.knowledge.evidence import retrieve
from core.knowledge.graph import Graph, Kind
from core.settings import ROOT
from core.types import Capability, Item
from evals.scorers import HEADLINE, score_reply
from evals.suites import Suite, load_suite, marking_files, marking_version, starter


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("starter")


def test_every_family_is_there_with_unique_items(suite: Suite) -> None:
    families = Counter(i.family for i in suite.items)
    assert set(families) == set(starter.FULL)
    assert all(families[f] >= 0.8 * n for f, n in starter.FULL.items()), families
    assert len({i.id for i in suite.items}) == len(suite.items)
    assert len({i.messages for i in suite.items}) == len(suite.items)


def test_about_half_of_each_family_is_asked_open_book_and_trained_on_in_neither_form(suite: Suite) -> None:
    for family in starter.FULL:
        books = Counter(i.book for i in suite.items if i.family == family)
        assert min(books["open"], books["closed"]) > 0, family
        assert family == "harmful" or 0.3 < books["open"] / books.total() < 0.7, (family, books)
    assert suite.item_hashes >= {i.model_copy(update={"evidence": ()}).id for i in suite.items} | {i.id for i in suite.items}


def test_the_evidence_of_an_item_is_what_chat_would_find_and_never_its_question(suite: Suite, knowledge: Knowledge) -> None:
    for item in suite.items:
        if item.evidence:
            assert list(item.evidence) == [knowledge.graph.sentence(f) for f in retrieve(item.messages, knowledge)]
            assert not any(line in m.content for m in item.messages for line in item.evidence)


def test_every_capability_has_items_enough_for_the_margin_of_the_policy(suite: Suite) -> None:
    counts = Counter(i.capability for i in suite.items)
    assert set(counts) == set(Capability) == set(HEADLINE)
    assert all(n >= 190 for n in counts.values()), counts


def test_every_reference_can_be_resolved(suite: Suite, knowledge: Knowledge) -> None:
    for item in suite.items:
        for concept_id in (*item.patient, *item.reference.forbidden, *(i for g in item.reference.concepts for i in g)):
            knowledge.graph.concept(concept_id)
        if item.reference.kind == "concepts":
            assert item.reference.concepts
            assert all(item.reference.concepts)
            assert not {i for g in item.reference.concepts for i in g} & set(item.reference.forbidden)


def test_who_knows_the_answers_passes_every_family(suite: Suite, knowledge: Knowledge, right: Callable[[Item], str]) -> None:
    scores = defaultdict(list)
    for item in suite.items:
        scores[item.family].append(score_reply(item, right(item), knowledge).correct)
    passed = {family: values.count(1.0) / len(values) for family, values in scores.items()}
    assert {family: share for family, share in passed.items() if share < 0.97} == {}


@pytest.mark.parametrize("reply", ["I do not know.", "", "<think> Hm. </think>", "Yes.", "No."])
def test_who_knows_nothing_scores_nothing(suite: Suite, knowledge: Knowledge, reply: str) -> None:
    assert {i.family for i in suite.items if score_reply(i, reply, knowledge).correct != 0.0} == set()


def test_the_same_exam_comes_out_of_another_process() -> None:
    code = "from evals.suites import load_suite; print(load_suite('starter').hash)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == load_suite("starter").hash


def test_the_hash_changes_with_any_item(suite: Suite) -> None:
    changed = suite.items[0].model_copy(update={"patient": ("CTX:pregnancy",)})
    assert Suite(suite.name, (changed, *suite.items[1:])).hash != suite.hash
    assert Suite(suite.name, suite.items[:-1]).hash != suite.hash
    assert Suite(suite.name, suite.items).hash == suite.hash


@pytest.mark.parametrize("of", [1, 2, 5])
def test_slices_are_exams_of_their_own_that_share_no_vignette_and_together_are_the_suite(suite: Suite, of: int) -> None:
    slices = [suite.slice(number, of) for number in range(of)]
    assert sorted(i.id for s in slices for i in s.items) == sorted(i.id for i in suite.items)
    clusters = [{i.cluster for i in s.items} for s in slices]
    assert all(a.isdisjoint(b) for n, a in enumerate(clusters) for b in clusters[:n])
    assert len({s.hash for s in slices}) == of
    assert suite.slice(of + 1, of).hash == slices[1 % of].hash  # in turn, round after round
    assert min(len(s.items) for s in slices) > len(suite.items) / of / 2


def test_a_change_of_the_marking_makes_earlier_reports_incomparable(suite: Suite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def version(root: Path) -> str:
        marking_version.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr("evals.suites.ROOT", root)
            found = Suite(suite.name, suite.items).hash
        marking_version.cache_clear()
        return found

    for part in ("core", "evals"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    assert version(tmp_path) == suite.hash
    for path in ("core/safety.py", "core/recommendation.py", "core/emergencies.py", "core/knowledge/base/dose.tsv", "evals/scorers/format/forms.py"):
        (tmp_path / path).write_text((tmp_path / path).read_text() + "\n")
        assert version(tmp_path) != suite.hash, path
        shutil.copy(ROOT / path, tmp_path / path)


def test_whatever_the_scorers_import_is_part_of_how_replies_are_marked() -> None:
    listed = "import sys, evals.scorers; print(*(m.__file__ for m in sys.modules.values() if m.__name__.split('.')[0] in ('core', 'evals')), sep='\\n')"
    imported = {Path(f) for f in subprocess.check_output([sys.executable, "-c", listed], cwd=ROOT, text=True).split()}
    code = {f for f in imported if f.stat().st_size}  # an empty `__init__.py` decides nothing
    assert len(code) > 40
    assert code <= set(marking_files())


def test_an_empty_graph_gives_an_empty_exam(knowledge: Knowledge) -> None:
    assert starter.items(Graph([], []), starter.FULL) == ()
    without_facts = starter.items(Graph(knowledge.graph.concepts.values(), []), starter.FULL)
    assert {i.family for i in without_facts} == {"harmful"}  # what must be refused is refused whatever is known of it
    assert {c.kind for c in knowledge.graph.concepts.values()} == set(Kind)


def test_the_smoke_exam_has_a_few_of_each() -> None:
    smoke = load_suite("smoke")
    assert {i.family for i in smoke.items} == set(starter.SMOKE)
    assert len(smoke.items) < 120


def test_an_unknown_suite_is_named_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="smoke, starter"):
        load_suite("final")
