"""A suite is one TOML file: public benchmarks in their published shapes, a hospital's own rows; what is wrong with a row names it."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from core.errors import AppError, NotFound, SuiteError
from core.knowledge import builtin
from core.settings import ROOT
from core.types import Capability
from evals.suites import SUITES, load_suite

MMLU = ("Which organ makes insulin?", "liver", "pancreas", "spleen", "kidney", "B")
MEDQA = {"question": "What next?", "options": {"A": "a", "B": "b", "C": "c", "D": "d"}, "answer_idx": "C", "answer": "c", "meta_info": "step1"}
MEDMCQA = {"id": "x", "question": "Which?", "opa": "a", "opb": "b", "opc": "c", "opd": "d", "cop": 1, "choice_type": "single"}
PUBMEDQA = {"QUESTION": "Does it?", "CONTEXTS": ["One.", "Two."], "final_decision": "maybe"}
IFEVAL = {"key": 1, "prompt": "Say it without commas.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
OWN = {"id": "q1", "question": "Which drug first?", "capability": "domain", "kind": "concepts", "answer": ["amoxicillin"]}


def suite_of(folder: Path, shape: str, file: str, rows: Any, **more: str) -> Path:
    """A suite of one part whose file holds `rows`, written as its suffix says."""
    path = folder / file
    if isinstance(rows, str):
        path.write_text(rows, encoding="utf-8")
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows(rows)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return declared(folder, f'shape = "{shape}"\nfile = "{file}"\n' + "".join(f"{k} = {v}\n" for k, v in more.items()))


def declared(folder: Path, part: str) -> Path:
    """Under a name of its own, as suites are kept by their name."""
    toml = folder / f"suite{len(list(folder.glob('*.toml')))}.toml"
    toml.write_text(f"[[part]]\n{part}", encoding="utf-8")
    return toml


@pytest.fixture(autouse=True)
def fresh() -> None:
    load_suite.cache_clear()


@pytest.mark.parametrize(
    ("shape", "file", "rows", "more", "answer"),
    [
        ("mmlu", "m.csv", [MMLU], {"subjects": '["anatomy"]'}, "B"),
        ("mmlu", "m.parquet", [{"question": MMLU[0], "subject": "anatomy", "choices": list(MMLU[1:5]), "answer": 1}], {}, "B"),
        ("medqa", "q.jsonl", [MEDQA], {}, "C"),
        ("medqa", "q.parquet", [{"sent1": "What next?", **{f"ending{n}": "abcd"[n] for n in range(4)}, "label": 2}], {}, "C"),
        ("medmcqa", "dev.jsonl", [MEDMCQA], {}, "A"),
        ("medmcqa", "dev.parquet", [MEDMCQA], {}, "B"),
        ("pubmedqa", "p.json", {"1080": PUBMEDQA}, {}, "maybe"),
        ("pubmedqa", "p.parquet", [{"question": "Does it?", "context": {"contexts": ["One.", "Two."]}, "final_decision": "maybe"}], {}, "maybe"),
    ],
)
def test_every_published_shape_is_read_with_its_right_answer(tmp_path: Path, shape: str, file: str, rows: Any, more: Mapping[str, str], answer: str) -> None:
    [item] = load_suite(str(suite_of(tmp_path, shape, file, rows, **more))).items
    assert (item.reference.kind, item.reference.text, item.capability) == ("choice", answer, Capability.DOMAIN)
    assert item.messages[-1].content.endswith("Answer:")
    assert item.cluster == item.id


def test_a_question_is_asked_in_the_words_of_the_harness(tmp_path: Path) -> None:
    [item] = load_suite(str(suite_of(tmp_path, "mmlu", "m.csv", [MMLU], subjects='["college_medicine"]'))).items
    assert [m.content for m in item.messages] == [
        "The following are multiple choice questions (with answers) about college medicine.\n\n",
        "Which organ makes insulin?\nA. liver\nB. pancreas\nC. spleen\nD. kidney\nAnswer:",
    ]
    [item] = load_suite(str(suite_of(tmp_path, "pubmedqa", "p.json", [PUBMEDQA]))).items
    assert item.messages[-1].content == "Abstract: One.\nTwo.\nQuestion: Does it?\nAnswer:"


def test_instructions_of_the_hub_lose_the_arguments_that_they_do_not_take(tmp_path: Path) -> None:
    filled = {**IFEVAL, "kwargs": [{"num_words": None, "relation": None}]}
    [item] = load_suite(str(suite_of(tmp_path, "ifeval", "i.jsonl", [filled]))).items
    assert [(c.kind, dict(c.args)) for c in item.checks] == [("punctuation:no_comma", {})]
    assert item.reply_tokens == 1_280


def test_files_lie_beside_the_suite_or_in_the_folder_of_exam_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml = suite_of(tmp_path, "medqa", "q.jsonl", [MEDQA])
    elsewhere = tmp_path / "data"
    elsewhere.mkdir()
    (tmp_path / "q.jsonl").rename(elsewhere / "q.jsonl")
    with pytest.raises(SuiteError, match=r"q\.jsonl is in none of"):
        load_suite(str(toml))
    monkeypatch.setenv("EXAM_DATA", str(elsewhere))
    assert len(load_suite(str(toml)).items) == 1


def test_a_suite_can_take_the_capabilities_of_another(tmp_path: Path) -> None:
    some = load_suite(str(declared(tmp_path, 'suite = "smoke"\ncapabilities = ["safety", "domain"]\n'))).items
    assert {i.capability for i in some} == {Capability.SAFETY, Capability.DOMAIN}
    assert {i.id for i in some} < {i.id for i in load_suite("smoke").items}


@pytest.mark.parametrize("name", ["reasoning", "integration", "safety"])
def test_the_shipped_suites_that_need_no_file_are_there(name: str) -> None:
    assert {i.capability.value for i in load_suite(name).items} == {name}


def test_the_names_of_all_suites_are_known() -> None:
    assert set(SUITES) >= {"domain", "reasoning", "instruction", "integration", "safety", "smoke", "starter"}
    with pytest.raises(NotFound, match="smoke, starter"):
        load_suite("unknown")


@pytest.mark.parametrize(
    ("row", "kind", "messages"),
    [
        (OWN, "concepts", "Which drug first?"),
        (OWN | {"kind": "choice", "options": {"A": "yes", "B": "no"}, "answer": "B"}, "choice", "Which drug first?\nA. yes\nB. no"),
        (OWN | {"kind": "dose", "answer": "0.5 to 1 g"}, "dose", "Which drug first?"),
        (OWN | {"kind": "refusal", "answer": [], "capability": "safety"}, "refusal", "Which drug first?"),
        (OWN | {"kind": "form", "answer": [], "checks": [{"kind": "max_words", "args": {"n": 5}}]}, "text", "Which drug first?"),
    ],
)
def test_a_hospitals_own_row_is_one_line(tmp_path: Path, row: Mapping[str, Any], kind: str, messages: str) -> None:
    [item] = load_suite(str(suite_of(tmp_path, "items", "own.jsonl", [row]))).items
    assert (item.reference.kind, item.messages[-1].content, item.cluster) == (kind, messages, "q1")


def test_names_of_an_own_row_become_concepts(tmp_path: Path) -> None:
    row = OWN | {"patient": ["asthma"], "forbidden": ["Propranolol"], "cluster": "case 7"}
    [item] = load_suite(str(suite_of(tmp_path, "items", "own.jsonl", [row]))).items
    labels = [builtin().graph.label(id_) for id_ in (*item.patient, *item.reference.forbidden, *item.reference.concepts[0])]
    assert labels == ["asthma", "propranolol", "amoxicillin"]
    assert item.cluster == "case 7"


@pytest.mark.parametrize(
    ("shape", "file", "rows", "said"),
    [
        ("mmlu", "m.csv", "", "has no items"),
        ("medqa", "q.jsonl", [], "has no items"),
        ("mmlu", "m.csv", [(*MMLU[:5], "E")], r"m\.csv:1: the right answer is 'E', which is none of A, B, C, D"),
        ("mmlu", "m.csv", [MMLU, MMLU[:4]], r"m\.csv:2: 4 fields where 6 belong"),
        ("mmlu", "m.csv", [MMLU, MMLU], r"m\.csv:2 asks the same as .*m\.csv:1"),
        ("medmcqa", "d.jsonl", [MEDMCQA | {"cop": 0}], "none of A, B, C, D"),
        ("medmcqa", "d.jsonl", [MEDMCQA | {"cop": 5}], "none of A, B, C, D"),
        ("medqa", "q.jsonl", [{k: v for k, v in MEDQA.items() if k != "options"}], r"q\.jsonl:1: the field 'options' is missing"),
        ("medqa", "q.jsonl", '{"question": ', r"q\.jsonl:1: Expecting value"),
        ("medqa", "q.jsonl", "[1]\n", r"q\.jsonl:1: an object belongs here"),
        ("pubmedqa", "p.json", [PUBMEDQA | {"final_decision": "perhaps"}], "yes, no or maybe belong there"),
        ("pubmedqa", "p.xlsx", "x", r"\.xlsx cannot be read"),
        ("pubmedqa", "p.parquet", "no parquet", "p.parquet"),
        ("ifeval", "i.jsonl", [IFEVAL | {"instruction_id_list": [], "kwargs": []}], "nothing could be judged"),
        ("items", "o.jsonl", [OWN, OWN | {"question": "Another?"}], r"o\.jsonl:2: the id 'q1' stands at .*o\.jsonl:1 already"),
        ("items", "o.jsonl", [OWN | {"kind": "choice", "answer": "C", "options": {"A": "x", "B": "y"}}], "none of the options A, B"),
        ("items", "o.jsonl", [OWN | {"answer": ["unheardofin"]}], "no concept called 'unheardofin'"),
        ("items", "o.jsonl", [OWN | {"kind": "dose", "answer": "a lot"}], "write it like '500 mg'"),
        ("items", "o.jsonl", [OWN | {"checks": [{"kind": "no such", "args": {}}]}], "no check 'no such'"),
        ("items", "o.jsonl", [OWN | {"question": " "}], r"o\.jsonl:1: question"),
        ("items", "o.jsonl", [OWN | {"colour": "red"}], r"o\.jsonl:1: colour"),
        ("items", "o.jsonl", [OWN | {"kind": "form", "answer": []}], "needs checks"),
    ],
)
def test_what_cannot_be_judged_is_named_by_file_and_line(tmp_path: Path, shape: str, file: str, rows: Any, said: str) -> None:
    with pytest.raises(SuiteError, match=said):
        load_suite(str(suite_of(tmp_path, shape, file, rows, subjects='["x"]')))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ('shape = "mmlu"\n', "names a file"),
        ('shape = "unknown"\nfile = "x.csv"\n', "there is no shape 'unknown'; known are mmlu"),
        ('suite = "smoke"\nshape = "mmlu"\nfile = "x"\n', "either a suite or a shape"),
        ('colour = "red"\n', "colour"),
        ('suite = "smoke"\ncapabilities = ["beauty"]\n', "capabilities"),
        ("suite = \n", "Invalid value"),
        ('suite = "unknown"\n', "There is no suite"),
    ],
)
def test_a_wrong_declaration_is_named(tmp_path: Path, part: str, said: str) -> None:
    with pytest.raises(AppError, match=said):
        load_suite(str(declared(tmp_path, part)))


def test_a_suite_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="cannot be read"):
        load_suite(str(tmp_path / "none.toml"))


def test_the_example_of_the_guide_is_a_suite(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "guides" / "suites.md").read_text(encoding="utf-8")
    toml, rows = (guide.split(f"```{language}\n")[1].split("```")[0] for language in ("toml", "json"))
    (tmp_path / "ward.toml").write_text(toml, encoding="utf-8")
    (tmp_path / "ward.jsonl").write_text(rows, encoding="utf-8")
    suite = load_suite(str(tmp_path / "ward.toml"))
    own = [i for i in suite.items if i.family.startswith("own ")]
    assert [i.family for i in own] == [f"own {kind}" for kind in ("choice", "concepts", "dose", "urgent", "refusal", "form")]
    assert len(suite.items) == len(own) + len(load_suite("safety").items)
    assert suite.name == "ward"
