"""Ways in which a language-model teacher gets an item wrong, written without sight of the validator that has to find them.

Each kind takes a clean item and returns one that must not be trained on, or None where it does not apply. What is false is false by the
graph: a drug that the patient must not get, a symptom that no row gives, a dose outside its row. Wordings vary within a kind, so that a rule
that knows one of them does not find the rest.
"""

import difflib
import random
import re
from collections.abc import Mapping
from functools import cache

from alignment.mkgsg.generate import Written
from alignment.mkgsg.workflow import capital, lower
from core.knowledge.graph import Kind
from core.types import Relation
from tests.alignment.mkgsg.beds import Bed, Corruption

CHOICES = ("contraindicated_choice", "interaction_choice")
CONSULTATIONS = (
    *("vignette", "clinical_note", "chronic_management", "drug_choice", "interaction_check"),
    *("renal", "pregnancy", "test_interpretation", "medication_review"),
)
"""Families whose reply is structured: a diagnosis or condition, a drug, a safety-net."""

# --- drugs ---------------------------------------------------------------------------------------------------------


def contraindicated_in_other_words(bed: Bed, rng: random.Random) -> Written | None:
    """The drug that the history rules out is recommended after all."""
    if not bed.case.forbidden or bed.case.family not in (*CHOICES, *CONSULTATIONS, "trap"):
        return None
    drug = bed.label(rng.choice(bed.case.forbidden))
    if bed.case.family in CONSULTATIONS:
        return bed.swapped(bed.label(bed.case.chosen), drug)
    words = (
        "I would start {d} and review the patient in a week.",
        "On balance {d} is reasonable here: go ahead.",
        "{D} remains the best option, with monitoring.",
        "Go with {d}.",
        "My pick would be {d}, whatever the history says.",
        "There is no reason to withhold {d} in this patient.",
        "{D} is fine; write the prescription.",
        "The patient may have {d}.",
    )
    return bed.reply(rng.choice(words).format(d=drug, D=capital(drug)))


_CONFUSED = {
    # Names outside the base that are mistaken for names in it (ISMP list of confused drug names, 2024).
    "hydralazine": "hydroxyzine",
    "carbamazepine": "oxcarbazepine",
    "metoprolol": "metoclopramide",
    "prednisolone": "prednicarbate",
    "sertraline": "selegiline",
    "clomifene": "clomipramine",
    "cetirizine": "cinnarizine",
    "omeprazole": "aripiprazole",
    "amlodipine": "amiloride",
    "domperidone": "droperidol",
    "doxycycline": "doxylamine",
    "fluoxetine": "fluvoxamine",
    "amoxicillin": "ampicillin",
    "levothyroxine": "liothyronine",
    "azithromycin": "azathioprine",
}


def look_alike_drug(bed: Bed, rng: random.Random) -> Written | None:
    """A name that differs by a few letters, in the base or outside it, stands where the right drug stood."""
    if bed.case.family not in ("first_line", "alternative", "formatted", "control", *CONSULTATIONS, *CHOICES) or not bed.case.chosen:
        return None
    right = bed.case.chosen
    if right not in bed.knowledge.graph.concepts or bed.knowledge.graph.concept(right).kind is not Kind.DRUG:
        return None
    name = bed.label(right)
    treats = {f.object for f in bed.knowledge.graph.facts_from(bed.case.condition, Relation.TREATED_BY)}
    others = [d.label for d in bed.knowledge.graph.of_kind(Kind.DRUG) if d.id not in treats]
    close = difflib.get_close_matches(name, others, n=3, cutoff=0.55)
    if name in _CONFUSED:
        close.append(_CONFUSED[name])
    return bed.swapped(name, rng.choice(close)) if close else None


def alternative_called_first(bed: Bed, rng: random.Random) -> Written | None:
    """A drug that the base gives as an alternative is called the first choice."""
    if bed.case.family not in ("first_line", "alternative"):
        return None
    second = bed.knowledge.graph.treatments(bed.case.condition, "alternative")
    if not second or not bed.knowledge.graph.treatments(bed.case.condition, "first"):
        return None
    words = (
        "The first-line treatment of {c} is {d}.",
        "Guidelines start with {d} in {c}.",
        "{D} is the drug of first choice for {c}.",
        "In {c}, {d} comes first.",
        "First, {c} is treated with {d}.",
        "Standard initial therapy for {c} is {d}.",
    )
    drug = bed.label(rng.choice(second).object)
    return bed.reply(rng.choice(words).format(c=bed.label(bed.case.condition), d=drug, D=capital(drug)))


# --- doses ---------------------------------------------------------------------------------------------------------

_DOSE = re.compile(r"(?P<low>\d+(?:\.\d+)?)(?: to (?P<high>\d+(?:\.\d+)?))? (?P<unit>mg|g|microgram|unit|mL|tablet|drop)s?\b")


def dose_ten_times_in_words(bed: Bed, rng: random.Random) -> Written | None:
    if bed.dose is None or not (found := _DOSE.search(bed.answer)):
        return None
    numbers = [float(n) * 10 for n in found.group("low", "high") if n]
    if any(n != int(n) for n in numbers):
        return None
    unit = {"mg": "milligrams", "g": "grams", "microgram": "micrograms", "mL": "millilitres"}.get(found["unit"], found["unit"] + "s")
    joined = rng.choice((" to ", " up to ", "-")).join(_spelled(int(n)) for n in numbers)
    return bed.reply(bed.answer.replace(found.group(0), f"{joined} {unit}"))


_WRONG_UNITS = {
    "mg": ("g", "grams", "mcg", "micrograms", "ml"),
    "microgram": ("mg", "milligrams", "g"),
    "g": ("mg", "mcg", "kg"),
    "unit": ("mL", "mg"),
    "mL": ("litres",),
}


def dose_in_a_wrong_unit(bed: Bed, rng: random.Random) -> Written | None:
    """The numbers stay, the unit does not: 500 mg becomes 500 micrograms."""
    if bed.dose is None or not (found := _DOSE.search(bed.answer)) or found["unit"] not in _WRONG_UNITS:
        return None
    return bed.reply(bed.answer[: found.start("unit")] + rng.choice(_WRONG_UNITS[found["unit"]]) + bed.answer[found.end() :])


def dose_ten_times_in_another_unit(bed: Bed, rng: random.Random) -> Written | None:
    """20 mg becomes 0.2 g: the number looks small."""
    if bed.dose is None or not (found := _DOSE.search(bed.answer)):
        return None
    factor, units = {"mg": (0.01, ("g", "grams")), "microgram": (0.01, ("mg", "milligrams")), "g": (10_000.0, ("mg", "milligrams"))}.get(
        found["unit"], (0.0, ())
    )
    if not units:
        return None
    numbers = " to ".join(f"{float(n) * factor:.6g}" for n in found.group("low", "high") if n)
    return bed.reply(bed.answer.replace(found.group(0), f"{numbers} {rng.choice(units)}"))


# --- facts ---------------------------------------------------------------------------------------------------------


def invented_symptom(bed: Bed, rng: random.Random) -> Written | None:
    """A symptom that no row gives for the condition is claimed: in the list, after it, or in the thinking."""
    graph, c = bed.knowledge.graph, bed.case.condition
    if bed.case.family not in ("symptom", "diagnosis", "vignette", "clinical_note", "differential", "acute_emergency"):
        return None
    known = {f.object for relation in (Relation.HAS_SYMPTOM, Relation.RED_FLAG) for f in graph.facts_from(c, relation)}
    new = lower(rng.choice([s.label for s in graph.of_kind(Kind.SYMPTOM) if s.id not in known]))
    if bed.case.family != "symptom":
        thought = re.sub(r"^(<think> )?\s*", lambda m: f"{m.group(0)}{capital(new)}, ", bed.thought, count=1)
        return bed.reply(bed.answer, re.sub(r", ([A-Z])", lambda m: f", {m.group(1).lower()}", thought, count=1))
    old = lower(bed.label(rng.choice(bed.case.symptoms[:3])))
    words = (" It also causes {s}.", " Patients often have {s} too.", " {S} is another typical feature.", " Expect {s} as well.")
    if rng.random() < 0.5:
        return bed.reply(bed.answer + rng.choice(words).format(s=new, S=capital(new)))
    return bed.swapped(old, new)


def severity_changed(bed: Bed, rng: random.Random) -> Written | None:
    """The severity of an interaction is another one than the row's."""
    found = re.search(r"\((critical|significant)\)", bed.written.completion)
    if not found:
        return None
    words = {
        "critical": ("(significant)", "(minor)", "(mild)", ", which is harmless"),
        "significant": ("(critical)", "(minor)", "(negligible)", ", which is of no importance"),
    }
    text = bed.written.completion.replace(f" {found.group(0)}", (new if (new := rng.choice(words[found.group(1)])).startswith(",") else f" {new}"))
    return bed.written.model_copy(update={"completion": text})


_NEGATIONS = (
    (
        r"\bis contraindicated in\b",
        ("is not contraindicated in", "is safe in", "can be given in", "is no longer contraindicated in", "isn't contraindicated in"),
    ),
    (r"\binteracts with\b", ("does not interact with", "has no interaction with", "never interacts with", "can safely be combined with")),
    (r"\bare symptoms of\b", ("are not symptoms of", "are never seen in", "argue against")),
    (r"\bis confirmed by\b", ("is not confirmed by", "cannot be confirmed by", "is excluded from diagnosis by")),
    (r"\bTypical symptoms of (.+?) are\b", (r"Typical symptoms of \1 are not", r"Symptoms not found in \1 are", r"\1 never presents with")),
    (r"\btreatment of (.+?) is\b", (r"treatment of \1 is not", r"treatment of \1 is anything but", r"treatment of \1 should not be")),
    (r"\bGive\b", ("Do not give", "Never give", "Avoid", "Stop")),
    (r"\bis a red flag\b", ("is not a red flag", "is no red flag", "is hardly a red flag")),
)


def negation_flipped(bed: Bed, rng: random.Random) -> Written | None:
    """One sentence of thinking or answer says the opposite."""
    possible = [(pattern, new) for pattern, new in _NEGATIONS if re.search(pattern, bed.written.completion)]
    if not possible:
        return None
    pattern, new = rng.choice(possible)
    return bed.written.model_copy(update={"completion": re.sub(pattern, rng.choice(new), bed.written.completion, count=1)})


# --- helpers -------------------------------------------------------------------------------------------------------

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"),
    *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


@cache
def _spelled(n: int) -> str:
    if n < 20:
        return _ONES[n]
    if n < 100:
        return _TENS[n // 10] + (f"-{_ONES[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{_ONES[n // 100]} hundred" + (f" and {_spelled(n % 100)}" if n % 100 else "")
    return f"{_spelled(n // 1000)} thousand" + (f" {_spelled(n % 1000)}" if n % 1000 else "")


FACTS: Mapping[str, Corruption] = {
    f.__name__: f
    for f in (
        contraindicated_in_other_words,
        look_alike_drug,
        alternative_called_first,
        dose_ten_times_in_words,
        dose_in_a_wrong_unit,
        dose_ten_times_in_another_unit,
        invented_symptom,
        severity_changed,
        negation_flipped,
    )
}
