"""A decision can be read by a person and by a machine, whatever the models wrote."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from core.types import Capability, EvalReport, ExamItem, ItemResult, Message, Reference
from evals.decision import CapabilityRow, GateCheck, GateDecision, Outcome
from evals.page import page
from evals.report import markdown, table_markdown, write_report
from evals.suites import Suite

ODD = "x | y `z` <img src=a> ![p](http://e) @all\x00\x1b[31m \ud7ff\n# Gate: promote"


def decision(explanation: str = "why") -> GateDecision:
    checks = (
        GateCheck(name="coverage: domain", outcome=Outcome.PROMOTE, estimate=1.0),
        GateCheck(name="not worse than production: domain", outcome=Outcome.REJECT, estimate=-0.2, interval=(-0.3, -0.1), margin=0.08, explanation=explanation),
        GateCheck(name="better somewhere", outcome=Outcome.HOLD, p_value=0.4),
    )
    row = CapabilityRow(capability=Capability.DOMAIN, items=200, baseline=0.6, candidate=0.4, interval=(-0.3, -0.1))
    return GateDecision(outcome=Outcome.REJECT, policy_hash="p" * 64, suite_hash="s" * 64, baseline="old", candidate="new", checks=checks, table=(row,))


SUITE = Suite(
    "s",
    tuple(
        ExamItem(
            messages=(Message(role="user", content=f"question {n} {ODD}"),),
            capability=Capability.DOMAIN,
            family="dose",
            reference=Reference(kind="urgent"),
            cluster="c",
        )
        for n in range(30)
    ),
)


def report(model: str, correct: float | None, reply: str) -> EvalReport:
    results = [
        ItemResult(item_id=i.id, capability=i.capability, family=i.family, cluster=i.cluster, reply=reply, scores=(), correct=correct) for i in SUITE.items
    ]
    return EvalReport(suite="s", suite_hash=SUITE.hash, model=model, items=tuple(results), created_at=datetime.now(UTC))


def text_of(before: EvalReport, after: EvalReport) -> str:
    return markdown(decision(), SUITE, before, after)


def test_the_table_has_a_line_per_capability_in_percentage_points() -> None:
    header, rule, line = table_markdown(decision()).splitlines()
    assert header.count("|") == rule.count("|") == line.count("|") == 6
    assert line == "| domain | 200 | 60.0% | 40.0% | -20.0 (-30.0 to -10.0) |"


def test_open_and_closed_book_have_lines_of_their_own() -> None:
    apart = CapabilityRow(capability=Capability.DOMAIN, book="open", items=90, baseline=0.5, candidate=0.7, interval=(0.1, 0.3))
    whole = decision()
    lines = table_markdown(whole.model_copy(update={"table": (*whole.table, apart)})).splitlines()
    assert lines[-1] == "| domain, open book | 90 | 50.0% | 70.0% | +20.0 (+10.0 to +30.0) |"


def test_every_row_of_every_table_has_as_many_cells_as_its_header() -> None:
    text = markdown(decision(explanation="a | b"), SUITE, report("old", 1.0, "x"), report("new", 1.0, "x"))
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 2
    assert all(len({line.count("|") for line in table.splitlines()}) == 1 for table in tables)
    assert text.startswith("# Gate: reject\n")


def test_what_got_worse_is_listed_up_to_twenty_and_cannot_act() -> None:
    text = text_of(report("old", 1.0, ODD), report("new", None, ODD))
    assert "30 items; the largest losses first" in text
    assert text.count("- before:") == text.count("- after:") == 20
    after = next(line for line in text.splitlines() if "- after:" in line).split("- after: ")[1]
    assert after.startswith("`")
    assert after.endswith("`")
    assert after.count("`") == 2
    assert text.count("\n# Gate") == 0


@pytest.mark.parametrize("reply", ["", "   ", "```"])
def test_an_empty_reply_is_called_so(reply: str) -> None:
    assert "- after: (empty)" in text_of(report("old", 1.0, "x"), report("new", 0.0, reply))


def test_nothing_worse_is_said() -> None:
    assert text_of(report("old", 0.5, "x"), report("new", 0.5, "x")).endswith("## What got worse\n\nNothing.\n")


def test_the_files_are_whole_and_can_be_read_back(tmp_path: Path) -> None:
    made = decision(explanation=ODD)
    write_report(made, tmp_path / "deep" / "out", SUITE, report("old", 1.0, ODD), report("new", 0.0, ODD))
    folder = tmp_path / "deep" / "out"
    assert sorted(p.name for p in folder.iterdir()) == [
        "baseline.json",
        "candidate.json",
        "decision.json",
        "decision.md",
        "index.html",
        "junit.xml",
        "transcripts",
    ]
    assert GateDecision.model_validate_json((folder / "decision.json").read_bytes()) == made
    assert EvalReport.model_validate_json((folder / "candidate.json").read_bytes()).items[0].reply == ODD


def test_junit_counts_a_rejection_as_failure_and_a_hold_as_error(tmp_path: Path) -> None:
    write_report(decision(explanation=ODD), tmp_path, SUITE, report("old", 1.0, "x"), report("new", 1.0, "x"))
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    assert [[child.tag for child in case] for case in suite.iter("testcase")] == [[], ["failure"], ["error"]]


def test_the_table_names_the_interval_of_its_policy() -> None:
    assert "(90 % interval)" in table_markdown(decision())
    assert "(95 % interval)" in table_markdown(decision().model_copy(update={"alpha": 0.025}))


class Tags(HTMLParser):
    """Opened and closed in order; every attribute and what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.text, self.sources = list[str](), list[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br", "line", "circle"}:
            self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "href", "onclick"}]

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"line", "circle"}:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_shows_what_got_worse_first_and_nothing_that_a_model_wrote_can_act() -> None:
    before = report("old", 1.0, "x")
    after = before.model_copy(update={"items": (before.items[0].model_copy(update={"correct": 0.5, "reply": ODD}), *before.items[1:])})
    made = page(decision(explanation=ODD), SUITE, before, after)
    tags = Tags()
    tags.feed(made)
    assert tags.open == []
    assert tags.sources == []  # it needs no other file, and follows no link
    assert "<img" not in made
    said = "".join(tags.text)
    assert said.index("What got worse (1)") < said.index("What got better (0)")
    assert "reject" in said
    assert "1.00 to 0.50" in said


def test_the_page_draws_every_interval_on_one_scale() -> None:
    made = page(decision(), SUITE, report("old", 1.0, "x"), report("new", 1.0, "x"))
    bar = next(line for line in made.splitlines() if 'stroke-width="3"' in line)
    low, high = (float(part.split('"')[1]) for part in bar.split(" x")[1:3])
    margin = float(next(line for line in made.splitlines() if "stroke-dasharray" in line).split('x1="')[1].split('"')[0])
    assert low < high < margin  # -30 to -10 points, beside a margin of 8
