"""One whole run at the size of a test, with a model that knows nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.alignment import exam, material, opposed, single
from tests.benchmarks.alignment.regimes import BUDGET
from tests.benchmarks.alignment.results import Run, read_all
from tests.models import build_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"steps": 2, "warmup_steps": 0, "completions": 2, "max_completion_tokens": 6, "temperature": 1.0}
    monkeypatch.setattr(single, "BUDGET", {**BUDGET, **few})
    for name, value in {"EACH": 2, "COMBINATIONS": 1, "OPPOSED_ITEMS": 4, "SAMPLES": 2, "MOST_PROMPT_TOKENS": 240}.items():
        monkeypatch.setattr(exam, name, value)
    # The tiny tokenizer spells most words out.
    for name, value in {
        "POOL": 4,
        "ANCHORS": 1,
        "MOST_PROMPT_TOKENS": 240,
        "_fits": lambda w, tokenizer, _: material.prompt_tokens(w.sample, tokenizer) <= 240,
    }.items():
        monkeypatch.setattr(material, name, value)


def run(contender: str, regime: str, folder: Path, tiny: Path):
    folder.mkdir(exist_ok=True)
    return single.run_once(Run(regime, contender, 1), folder, starter=tiny)


@pytest.mark.parametrize("contender", ["start", "sft", "balanced"])
def test_a_run_leaves_its_result_and_its_twin_is_the_same(contender: str, tmp_path: Path, tiny: Path):
    first, second = (run(contender, "skewed", tmp_path / name, tiny) for name in ("a", "b"))

    assert read_all(tmp_path / "a") == [first]
    assert first.greedy == second.greedy
    assert first.sampled == second.sampled
    assert {group: sum(m is not None for m in marks) for group, marks in first.greedy.items()} == dict.fromkeys(first.greedy, 2) | {exam.COMBINED: 4}
    assert len(first.steps) == (2 if contender == "balanced" else 0)
    assert (first.trained_tokens > 0) == (contender != "start")


def test_opposed_components_are_objectives_on_the_same_replies(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(single.REGIMES, "opposed-brief", replace(single.REGIMES["opposed-brief"], recipe={"objectives": "component"}))
    monkeypatch.setattr(opposed, "_BRIEF_WORDS", 0)  # the tiny model's replies are short, but not all alike
    found = run("exact", "opposed-brief", tmp_path, tiny)

    assert set(found.greedy) == {"correctness", "reasoning", "brevity"}
    assert {name for step in found.steps for name in step["objectives"]} == {"reasoning/brevity"}  # the others are 0 for every reply


def test_rounds_go_on_from_each_others_adapter(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch):
    parents = []
    load = single.load_policy
    monkeypatch.setattr(single, "load_policy", lambda base, parent, recipe: parents.append(parent) or load(base, parent, recipe))
    monkeypatch.setitem(single.REGIMES, "ten-rounds", replace(single.REGIMES["ten-rounds"], rounds=2, recipe={}))
    found = run("sum", "ten-rounds", tmp_path, tiny)

    assert parents[0] is None
    assert parents[1].name == "adapter-0"
    assert len(found.history) == 1
    assert len(found.steps) == 4
