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
from core.knowledge import Knowledge, builtin
from core.settings import ROOT
from core.types import Capability
from evals.policy import load_policy
from evals.scorers import score_reply
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
    """A suite of that part."""
    toml = folder / f"suite{len(list(folder.glob('*.toml')))}.toml"
    toml.write_text(f"[[part]]\n{part}", encoding="utf-8")
    return toml


@pytest.mark.parametrize(
    ("shape", "file", "rows", "more", "answer"),
    [
        ("mmlu", "m.csv", [MMLU], {"subjects": '["anatomy"]'}, "B"),
        ("mmlu", "m.parquet", [{"question": MMLU[0], "subject": "anatomy", "choices": list(MMLU[1:5]), "answer": 1}], {}, "B"),
        ("medqa", "q.jsonl", [MEDQA], {}, "C"),
        ("medqa", "q.parquet", [{"sent1": "What next?", **{f"ending{n}": "abcd"[n] for n in range(4)}, "label": 2}], {}, "C"),
        ("medmcqa", "dev.jsonl", [MEDMCQA], {}, "A"),
        ("medmcqa", "dev.parquet", [MEDMCQA], {}, "B"),
        ("medmcqa", "dev.csv", [tuple(MEDMCQA), tuple(MEDMCQA.values())], {}, "A"),
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
    with pytest.raises(SuiteError, match=r"q\.jsonl is not in .*EXAM_DATA names that folder"):
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
        (OWN | {"kind": "form", "answer": [], "capability": "instruction", "checks": [{"kind": "max_words", "args": {"n": 5}}]}, "form", "Which drug first?"),
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
        ("mmlu", "m.csv", [(*MMLU[:5], "E")], r"m\.csv:1: answer: Input should be 'A', 'B', 'C' or 'D'"),
        ("mmlu", "m.csv", [("", *MMLU[1:])], r"m\.csv:1: question"),
        ("mmlu", "m.jsonl", [{"question": "q", "choices": "abcd", "answer": 1}], r"m\.jsonl:1: choices: Input should be a valid list"),
        ("mmlu", "m.jsonl", [{"question": "q", "choices": list("abcd"), "answer": True}], r"m\.jsonl:1: answer: Input should be a valid integer"),
        ("mmlu", "m.csv", [MMLU, MMLU[:4]], r"m\.csv:2: 4 fields where 6 belong"),
        ("medmcqa", "d.jsonl", [MEDMCQA | {"cop": 0}], "cop is 0; 1 to 4 belong there"),
        ("medmcqa", "d.jsonl", [MEDMCQA | {"cop": 5}], "cop is 5; 1 to 4 belong there"),
        ("medmcqa", "d.jsonl", [MEDMCQA | {"cop": 2.9}], r"cop\..*: Input should be a valid integer"),
        ("medqa", "q.jsonl", [MEDQA | {"options": {"A": "a", "C": "c", "D": "d", "E": "e"}}], r"options\.E"),
        ("medqa", "q.jsonl", [MEDQA | {"question": None}], "question: Input should be a valid string"),
        ("medqa", "q.jsonl", [{k: v for k, v in MEDQA.items() if k != "options"}], r"q\.jsonl:1: options: Field required"),
        ("medqa", "q.jsonl", '{"question": ', r"q\.jsonl:1: Expecting value"),
        ("medqa", "q.jsonl", "[1]\n", r"q\.jsonl:1: an object belongs here"),
        ("medqa", "q.jsonl", '{"question": "a", "question": "b"}', r"q\.jsonl:1: a key stands twice"),
        ("medqa", "q.jsonl", '{"question": ' + "9" * 5_000 + "}", r"q\.jsonl:1: Exceeds the limit"),
        ("medqa", "q.jsonl", "[" * 100_000, r"q\.jsonl:1: it is nested too deep"),
        ("medqa", "q.jsonl", [MEDQA | {"question": "half a \ud800"}], r"q\.jsonl:1: question: .*unicode"),
        ("pubmedqa", "p.json", [PUBMEDQA | {"final_decision": "perhaps"}], r"p\.json, row 1: final_decision: Input should be 'yes', 'no' or 'maybe'"),
        ("pubmedqa", "p.json", [PUBMEDQA | {"CONTEXTS": "One text."}], "CONTEXTS: Input should be a valid list"),
        ("pubmedqa", "p.json", [PUBMEDQA | {"CONTEXTS": []}], "CONTEXTS: List should have at least 1 item"),
        ("pubmedqa", "p.xlsx", "x", r"\.xlsx cannot be read"),
        ("pubmedqa", "p.parquet", "no parquet", r"p\.parquet: .*(magic|size)"),
        ("ifeval", "i.jsonl", [IFEVAL | {"instruction_id_list": [], "kwargs": []}], "instruction_id_list: List should have at least 1 item"),
        ("ifeval", "i.jsonl", [IFEVAL | {"kwargs": []}], "1 instructions have arguments for 0"),
        ("ifeval", "i.jsonl", [IFEVAL | {"instruction_id_list": ["punctuation:no_such"]}], r"i\.jsonl:1: There is no check 'punctuation:no_such'"),
        ("ifeval", "i.jsonl", [IFEVAL | {"instruction_id_list": ["length_constraints:number_words"]}], r"i\.jsonl:1: Check .*Field required"),
        ("items", "o.jsonl", [OWN, OWN | {"question": "Another?"}], r"o\.jsonl:2: the id 'q1' stands at .*o\.jsonl:1 already"),
        ("items", "o.jsonl", [OWN, OWN | {"id": "q2"}], r"o\.jsonl:2 asks the same as .*o\.jsonl:1"),
        ("items", "o.jsonl", [OWN | {"kind": "choice", "answer": "C", "options": {"A": "x", "B": "y"}}], "none of the options A, B"),
        ("items", "o.jsonl", [OWN | {"kind": "choice", "answer": "+", "options": {"+": "x", "-": "y"}}], "differ by letters or digits"),
        ("items", "o.jsonl", [OWN | {"kind": "choice", "answer": "A", "options": {"A": "x", "a": "y"}}], "differ by letters or digits"),
        ("items", "o.jsonl", [OWN | {"kind": "choice", "answer": "A", "options": {"A": "x"}}], "two or more labels"),
        ("items", "o.jsonl", [OWN | {"kind": "choice", "answer": "A", "options": {"A": "x", "B": "X"}}], "two options say the same"),
        ("items", "o.jsonl", [OWN | {"kind": "choice", "answer": ["A"], "options": {"A": "x", "B": "y"}}], "has one right label"),
        ("items", "o.jsonl", [OWN | {"capability": "integration"}], "take reasoning or instruction"),
        ("items", "o.jsonl", [OWN | {"forbidden": ["amoxicillin"]}], "amoxicillin is both right and forbidden"),
        ("items", "o.jsonl", [OWN | {"kind": "dose", "answer": ["500 mg", "1 g"]}], "needs one amount or range"),
        ("items", "o.jsonl", [OWN | {"kind": "dose", "answer": "10 to 5 mg"}], "begins above its end"),
        ("items", "o.jsonl", [OWN | {"kind": "dose", "answer": "5 mg", "forbidden": ["amoxicillin"]}], "takes nothing that is forbidden"),
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
        load_suite(str(suite_of(tmp_path, shape, file, rows, **({"subjects": '["x"]'} if shape == "mmlu" else {}))))


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
        ('suite = "suite0.toml"\n', "is a part of itself"),
        ('suite = "smoke"\nfile = "x.csv"\n', "its name and capabilities, nothing else"),
        ('shape = "mmlu"\nfile = "x.csv"\nsubjects = ["a", "b"]\n', "several subjects need {subject}"),
        ('shape = "mmlu"\nfile = "{subject}.csv"\n', "{subject} needs subjects"),
        ('shape = "medqa"\nfile = "x.jsonl"\nsubjects = ["a"]\n', "subjects are for MMLU"),
        ('shape = "medqa"\nfile = "x.jsonl"\ncapabilities = ["domain"]\n', "rows of a shape have their own"),
        ('shape = "medqa"\nfile = "{topic}}.jsonl"\n', r"\{topic\}\}\.jsonl is not in"),
    ],
)
def test_a_wrong_declaration_is_named(tmp_path: Path, part: str, said: str) -> None:
    with pytest.raises(AppError, match=said):
        load_suite(str(declared(tmp_path, part)))


def test_where_no_file_is_the_data_set_of_that_name_is_loaded(tmp_path: Path) -> None:
    """From a folder, which the hub's library takes for a name too: the hub itself is not asked in tests."""
    stored = tmp_path / "stored"
    stored.mkdir()
    rows = [{"question": MMLU[0], "subject": "anatomy", "choices": list(MMLU[1:5]), "answer": n} for n in (1, 2)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), stored / "test.parquet")
    [first, second] = load_suite(str(declared(tmp_path, f'shape = "mmlu"\nfile = "none.csv"\nhub = "{stored}"\n'))).items
    assert (first.reference.text, second.reference.text) == ("B", "C")
    with pytest.raises(SuiteError, match="is not to be had"):
        load_suite(str(declared(tmp_path, f'shape = "mmlu"\nhub = "{stored}"\nsplit = "train"\n')))
    with pytest.raises(SuiteError, match="is not to be had"):
        load_suite(str(declared(tmp_path, 'shape = "mmlu"\nhub = "no such/name at all"\n')))


def test_a_question_that_a_public_benchmark_asks_twice_is_asked_once(tmp_path: Path) -> None:
    assert len(load_suite(str(suite_of(tmp_path, "mmlu", "m.csv", [MMLU, MMLU, (*MMLU[:5], "C")], subjects='["x"]'))).items) == 2


def test_a_file_or_a_suite_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    twice = declared(tmp_path, 'suite = "smoke"\n\n[[part]]\nsuite = "smoke"\n')
    with pytest.raises(SuiteError, match=r"part 2 .* has no items"):
        load_suite(str(twice))
    suite_of(tmp_path, "items", "own.jsonl", [OWN])
    own = 'shape = "items"\nfile = "own.jsonl"\n'
    with pytest.raises(SuiteError, match="the id 'q1' stands at"):
        load_suite(str(declared(tmp_path, f"{own}\n[[part]]\n{own}")))


def test_no_suite_of_ones_own_bears_the_name_of_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "starter.toml").write_text('[[part]]\nsuite = "smoke"\n')
    with pytest.raises(SuiteError, match="call the file something else"):
        load_suite(str(tmp_path / "starter.toml"))


def test_an_edited_file_is_read_anew(tmp_path: Path) -> None:
    toml = str(suite_of(tmp_path, "items", "own.jsonl", [OWN]))
    before = load_suite(toml)
    (tmp_path / "own.jsonl").write_text(json.dumps(OWN) + "\n" + json.dumps(OWN | {"id": "q2", "question": "And then?"}) + "\n")
    after = load_suite(toml)
    assert (len(before.items), len(after.items)) == (1, 2)
    assert before.asked != after.asked


def test_a_part_and_a_policys_suite_are_looked_for_beside_the_file_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = suite_of(tmp_path, "items", "own.jsonl", [OWN])
    outer = declared(tmp_path, f'suite = "{inner.name}"\n')
    (tmp_path / "policy.toml").write_text((ROOT / "evals" / "policy.toml").read_text().replace('suite = "starter"', f'suite = "{outer.name}"'))
    monkeypatch.chdir(tmp_path.parent)
    assert len(load_suite(load_policy(tmp_path / "policy.toml").suite, tmp_path).items) == 1


def test_lines_end_where_json_says(tmp_path: Path) -> None:
    row = json.dumps(OWN | {"question": "One\u2028two\x85?"}, ensure_ascii=False)
    assert len(load_suite(str(suite_of(tmp_path, "items", "own.jsonl", row + "\n"))).items) == 1


@pytest.mark.parametrize("capability", [c.value for c in Capability if c is not Capability.INTEGRATION])
def test_a_form_that_is_asked_for_counts_in_every_capability(tmp_path: Path, capability: str, knowledge: Knowledge) -> None:
    check = {"checks": [{"kind": "max_words", "args": {"n": 3}}], "capability": capability}
    rows = [OWN | check, OWN | check | {"id": "q2", "kind": "form", "answer": []}]
    for item in load_suite(str(suite_of(tmp_path, "items", "own.jsonl", rows))).items:
        assert score_reply(item, "Amoxicillin.", knowledge).correct == 1.0
        assert score_reply(item, "I would choose amoxicillin, and that soon.", knowledge).correct == 0.0


def test_a_choice_may_have_a_form_too(tmp_path: Path, knowledge: Knowledge) -> None:
    row = OWN | {"kind": "choice", "options": {"A": "x", "B": "y"}, "answer": "A", "checks": [{"kind": "max_words", "args": {"n": 3}}]}
    [item] = load_suite(str(suite_of(tmp_path, "items", "own.jsonl", [row]))).items
    assert [score_reply(item, reply, knowledge).correct for reply in ("A", "B", "", "A\nas anybody can see")] == [1.0, 0.0, 0.0, 0.0]


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
