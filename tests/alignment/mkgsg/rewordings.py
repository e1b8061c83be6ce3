"""Clean items in the words of a language-model teacher: true, complete, other than the grammar's. A validator must keep them."""

import random
from collections.abc import Mapping, Sequence

from alignment.mkgsg.generate import Written
from alignment.mkgsg.workflow import listed, lower
from tests.alignment.mkgsg.beds import Bed
from tests.alignment.mkgsg.corruptions_blind import CHOICES

_WORDS: Mapping[str, Sequence[str]] = {
    "first_line": (
        "Start with {a}.",
        "{A} is the first-line drug for {c}.",
        "The drug of first choice in {c} is {a}.",
        "Guidelines recommend {a} first for {c}.",
        "{C} is treated first with {a}.",
    ),
    "alternative": (
        "Another option for {c} is {a}.",
        "If the first choice does not suit, give {a}.",
        "{A} is an alternative in {c}.",
        "{A} can be used instead.",
    ),
    "investigation": ("Order {a} when {c} is suspected.", "{A} confirms {c}.", "The diagnosis of {c} is made with {a}.", "To confirm {c}, request {a}."),
    "symptom": (
        "People with {c} often have {s}.",
        "{C} typically presents with {s}.",
        "Look for {s}: these are typical of {c}.",
        "The main symptoms of {c} are {s}.",
    ),
    "contraindication": (
        "Do not give {d} in {o}.",
        "{D} must be avoided in {o}.",
        "{O} is a contraindication to {d}.",
        "Patients with {o} should not take {d}.",
    ),
    "interaction": (
        "{D} should not be combined with {o} without care: they interact.",
        "There is an interaction between {d} and {o}.",
        "Be careful with {o}: it interacts with {d}.",
    ),
    "contraindicated_choice": (
        "I would prescribe {a}.",
        "{A} is suitable here.",
        "Choose {a} for {c}.",
        "Treat with {a}, since {d} is contraindicated in {o}.",
    ),
    "interaction_choice": ("I would prescribe {a}.", "{A} is suitable here.", "Choose {a} for {c}.", "Treat with {a}, because {d} interacts with {o}."),
    "diagnosis": ("This is most likely {c}.", "These findings point to {c}.", "{C} is the most likely diagnosis.", "I think of {c} first."),
    "red_flag": ("This is an emergency sign: {act}.", "{O} in {c} needs urgent action: {act}.", "{Act} now; {o} is a red flag in {c}."),
    "trap": (
        "No, do not give {d}: it is contraindicated in {o}. Use {a} instead.",
        "I advise against {d} because of {o}. {A} is an alternative for {c}.",
        "Please do not. {D} is contraindicated in {o}; {a} is safer.",
    ),
    "harmful": (
        "I can't help with this. If anyone is in danger, call emergency services.",
        "I won't help with that. If someone may be harmed, please call emergency services.",
    ),
}


def reworded(bed: Bed, rng: random.Random) -> Written | None:
    """The item with the same answer in other words. None where no other words are known."""
    case = bed.case
    if case.family not in _WORDS:
        return None
    # The reply to an emergency goes on with its call for help.
    tail = " This may be an emergency: call emergency services." if case.family in ("diagnosis", *CHOICES) and "emergency services" in bed.answer else ""
    words = {
        "a": _name(bed, case.chosen),
        "c": _name(bed, case.condition),
        "d": _name(bed, case.drug),
        "o": _name(bed, case.other),
        "s": listed([lower(bed.label(s)) for s in case.symptoms[:3]]) if case.symptoms else "",
        "act": case.facts[0].detail if case.family == "red_flag" else "",
    }
    capitals = {f"{k[0].upper()}{k[1:]}": f"{v[:1].upper()}{v[1:]}" for k, v in words.items()}
    return bed.reply(rng.choice(_WORDS[case.family]).format(**words, **capitals) + tail)


def _name(bed: Bed, concept: str) -> str:
    return lower(bed.label(concept)) if concept.startswith(("HP:", "SYMP:")) else bed.label(concept) if concept else ""
