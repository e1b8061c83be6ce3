"""The items of the guard's benchmark: wordings written by hand, filled from rows of the base with a fixed seed.

Everything is split by wording before it is filled: of each list the first, third, fifth ... line is development, the others are test, and an
item takes its history, its question, its reply and its notation of the dose from one half only. The same seed gives the same items.
"""

import random
from collections.abc import Iterator
from functools import cache
from itertools import count, islice
from pathlib import Path
from typing import Literal, NamedTuple

from core.types import Message
from tests.benchmarks.guard import cases
from tests.benchmarks.guard.cases import Case
from tests.benchmarks.guard.phrases import FEMALE, filled, in_range, name, out_of_range, patient, person, pronouns, quantity, sayable, spoken

SEED = 20261201
WORDINGS = Path(__file__).parent / "wordings"
Split = Literal["dev", "test"]
SPLITS: tuple[Split, Split] = ("dev", "test")


class Item(NamedTuple):
    kind: str
    unsafe: bool
    split: Split
    wording: str
    """`file:line` of the reply's wording."""
    row: str
    """`file:line` of the row of the base that it is about."""
    messages: tuple[Message, ...]
    reply: str


class Question(NamedTuple):
    kind: str
    """The list it is from: emergency, no_emergency, harmful, no_harm, injection, no_injection."""
    topic: str
    split: Split
    wording: str
    text: str


class Line(NamedTuple):
    where: str
    text: str


UNSAFE = {"contraindicated": 160, "allergy": 70, "interaction": 110, "dose": 100, "agreement": 60}
SAFE = {
    "right drug": 200, "warning": 160, "interaction warning": 60, "disagreement": 90, "denied": 150, "information": 80, "dose in range": 140,
    "emergency advice": 60, "education": 60,
}  # fmt: skip


@cache
def items() -> tuple[Item, ...]:
    """All 500 unsafe and 1,000 safe replies, each with its conversation."""
    return tuple(
        item._replace(kind=kind, unsafe=kind in UNSAFE)
        for kind, size in (UNSAFE | SAFE).items()
        for split in SPLITS
        for item in islice(drawn(kind, split), size // 2)
    )


def made(kind: str, draw: "Draw") -> Item | None:
    """One try at an item; None where the wording needs what the case lacks, such as a dose in the base."""
    match kind:
        case "contraindicated":
            return treated(draw, "reply_contraindicated", draw.pick(cases.contraindications(), ("condition", "pregnancy", "renal")))
        case "allergy":
            return treated(draw, "reply_allergy", draw.pick(cases.contraindications(), ("allergy",)))
        case "interaction":
            return treated(draw, "reply_interaction", draw.pick(cases.interactions()))
        case "agreement":
            return treated(draw, "reply_agreement", draw.pick(draw.either()), ask="ask_proposal")
        case "right drug":
            return treated(draw, "reply_right", draw.pick(draw.either()), ask="ask_open")
        case "warning":
            return treated(draw, "reply_warning", draw.pick(cases.contraindications()))
        case "interaction warning":
            return treated(draw, "reply_warning_interaction", draw.pick(cases.interactions()))
        case "disagreement":
            return treated(draw, "reply_disagreement", draw.pick(draw.either()), ask="ask_proposal")
        case "denied":
            return treated(draw, "reply_denied", draw.pick([c for c in draw.either() if c.about != "renal"]), denied=True)
        case "dose" | "dose in range":
            return dosed(draw, right=kind != "dose")
        case "information":
            return informed(draw)
        case "emergency advice":
            return urged(draw)
        case "education":
            return taught(draw)
    raise KeyError(kind)


@cache
def questions() -> tuple[Question, ...]:
    kinds = ("emergency", "no_emergency", "harmful", "no_harm", "injection", "no_injection")
    return tuple(
        Question(kind, *fields, split, line.where, text)
        for kind in kinds
        for split in SPLITS
        for line in lines(f"question_{kind}.tsv", split)
        for *fields, text in [line.text.split("\t")]
    )


@cache
def lines(name: str, split: Split) -> tuple[Line, ...]:
    """One half of a list of wordings. `\\n` in a file is a line break in the text."""
    path = WORDINGS / (name if "." in name else f"{name}.txt")
    every = [Line(f"{path.name}:{n}", text.replace("\\n", "\n")) for n, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)]
    return tuple(every[SPLITS.index(split) :: 2])


# --- drawing ---------------------------------------------------------------------------------------------------


class Draw:
    """One item in the making: its half, its random numbers, and the number of its wording."""

    def __init__(self, kind: str, split: Split, number: int) -> None:
        self.split = split
        self.number = number
        self.random = random.Random(f"{SEED} {kind} {split} {number}")

    def pick(self, found: list[Case], about: tuple[str, ...] = ()) -> Case:
        """A row first and a way to use it second, so that a row with many uses is not drawn more often."""
        rows = sorted({c.row for c in found if not about or c.about in about})
        row = self.random.choice(rows)
        return self.random.choice([c for c in found if c.row == row])

    def either(self) -> list[Case]:
        return self.random.choice((cases.contraindications(), cases.contraindications(), cases.interactions()))

    def line(self, name: str) -> Line:
        return self.random.choice(lines(name, self.split))

    def next_line(self, name: str) -> Line:
        """The wordings of a reply are taken in turn, so that every one is used."""
        found = lines(name, self.split)
        return found[self.number % len(found)]

    def half(self, every: tuple[str, ...]) -> str:
        return self.random.choice(every[SPLITS.index(self.split) :: 2])


def drawn(kind: str, split: Split) -> Iterator[Item]:
    for number in count():
        draw = Draw(kind, split, number)
        tries = (made(kind, draw) for _ in range(200))
        yield next(item for item in tries if item is not None)


def treated(draw: Draw, reply: str, case: Case, ask: str = "", denied: bool = False) -> Item | None:
    line = draw.next_line(reply)
    words = patient(draw, case, denied) | spoken(draw, case)
    history = draw.line(f"history_{'denied_' if denied else ''}{'takes' if case.about == 'interaction' else case.about}")
    question = draw.line(ask or draw.random.choice(("ask_open", "ask_open", "ask_open", "ask_proposal")))
    told = filled(history.text, words | {"problem": words["said"]})
    asked, answered = filled(question.text, words), filled(line.text, words)
    if told is None or asked is None or answered is None:
        return None
    return Item("", False, draw.split, line.where, case.row, conversation(draw, told, asked), answered)


def dosed(draw: Draw, right: bool) -> Item | None:
    dose = draw.random.choice(sorted(d for d in cases.doses().values() if sayable(d)))
    said = in_range(draw, dose) if right else out_of_range(draw, dose)
    line = draw.next_line("reply_dose")
    words = {"drug": name(draw, dose.drug), "indication": dose.indication, "dose": said, "pt": person(draw, draw.random.choice("FM")), "him": "them"}
    asked, answered = filled(draw.line("ask_dose").text, words), filled(line.text, words)
    if asked is None or answered is None:
        return None
    return Item("", False, draw.split, line.where, dose.row, (Message(role="user", content=asked),), answered)


def informed(draw: Draw) -> Item | None:
    case, paired = draw.pick(cases.contraindications(), about=("condition", "pregnancy")), draw.pick(cases.interactions())
    line = draw.next_line("exchange_information")
    if "{other}" in line.text or "{effect}" in line.text:
        same = [c for c in cases.contraindications() if c.drug == paired.drug and c.about == "condition"]
        if "{problem}" in line.text and not same:
            return None
        case = draw.random.choice(same) if same else case._replace(drug=paired.drug)
    row = paired.row if "{effect}" in line.text else case.row
    words = {
        "drug": name(draw, case.drug),
        "other": name(draw, paired.against),
        "effect": paired.effect,
        "problem": name(draw, case.against),
        "indication": case.indication,
        "class": cases.classes()[case.drug],
    }
    if (dose := cases.doses().get(case.drug)) and dose.max_per_day:
        words["max"] = quantity(dose.max_per_day, dose.unit)
    return exchange(draw, line, row, words)


def urged(draw: Draw) -> Item | None:
    flag = draw.random.choice([r for r in cases.table("red_flag") if r["action"] == "call emergency services"])
    line = draw.next_line("exchange_emergency")
    sex = "F" if flag["condition"] in FEMALE else draw.random.choice("FM")
    words = {"condition": name(draw, flag["condition"]), "symptom": flag["symptom"].lower(), "pt": person(draw, sex)} | pronouns(sex)
    return exchange(draw, line, flag["row"], words)


def taught(draw: Draw) -> Item | None:
    row = draw.random.choice(cases.table("has_symptom"))
    condition = row["condition"]
    words = {"condition": name(draw, condition), "symptom": row["symptom"].lower()}
    tests = [r["investigation"] for r in cases.table("investigated_by") if r["condition"] == condition]
    drugs = [r["drug"] for r in cases.table("treated_by") if r["condition"] == condition]
    if tests:
        words["test"] = draw.random.choice(tests)
    if drugs:
        words["drug"] = draw.random.choice(drugs)
    return exchange(draw, draw.next_line("exchange_education"), row["row"], words)


def exchange(draw: Draw, line: Line, row: str, words: dict[str, str]) -> Item | None:
    asked, answered = (filled(part, words) for part in line.text.split(" => "))
    if asked is None or answered is None:
        return None
    return Item("", False, draw.split, line.where, row, (Message(role="user", content=asked),), answered)


def conversation(draw: Draw, told: str, asked: str) -> tuple[Message, ...]:
    """History and question in one message, or, one time in four, the history in an earlier turn."""
    if draw.random.random() < 0.75:
        return (Message(role="user", content=f"{told}{draw.random.choice((' ', ' ', chr(10)))}{asked}"),)
    acknowledged = draw.line("acknowledgement").text
    return Message(role="user", content=told), Message(role="assistant", content=acknowledged), Message(role="user", content=asked)
