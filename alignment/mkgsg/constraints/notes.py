"""A worked case as a clinical note: SOAP, problem list, discharge summary, JSON to a schema.

A note says nothing that the case does not hold: what was not examined is called so.
"""

import json
from typing import NamedTuple

from alignment.mkgsg.constraints.additions import number
from alignment.mkgsg.constraints.content import Constrained
from alignment.mkgsg.constraints.wording import INSTRUCTIONS
from alignment.mkgsg.workflow import capital, listed
from alignment.mkgsg.writer import Writer
from core.types import Check


class Note(NamedTuple):
    """A case as labels, as they stand inside a sentence."""

    patient: str
    """ "a 54-year-old woman"."""
    symptoms: tuple[str, ...]
    history: str
    """A phrase ("history of asthma"). Empty: none that matters."""
    condition: str
    drug: str
    """The drug that the patient is to get."""
    safety_net: str
    """A sentence: what to watch for and what to do then."""


def clinical_note(note: Note, w: Writer) -> Constrained:
    """The case in one of the forms. The writer's random state decides which."""
    kind = w.rng.choice(list(_FORMS))
    return _FORMS[kind](note, w)


def _form(check: Check, words: dict[str, str], text: str, note: Note, w: Writer) -> Constrained:
    plain = f"The most likely diagnosis is {note.condition}. Give {note.drug} for {note.condition}. {note.safety_net}"
    return Constrained(capital(w.phrase(INSTRUCTIONS[check.kind])).format(**words), (check,), text, plain)


def _history(note: Note) -> str:
    return f"{capital(note.history)}." if note.history else "No relevant history."


def _treatment(note: Note) -> str:
    return f"Give {note.drug} for {note.condition}."


def _soap(note: Note, w: Writer) -> Constrained:
    names = w.rng.choice((("Subjective", "Objective", "Assessment", "Plan"), ("S", "O", "A", "P")))
    said = (
        f"{capital(note.patient)} with {listed(list(note.symptoms))}. {_history(note)}",
        "No examination findings given.",
        f"The most likely diagnosis is {note.condition}.",
        f"{_treatment(note)} {note.safety_net}",
    )
    gap = w.rng.choice((" ", "\n"))
    return _form(Check(kind="soap_note"), {}, "\n".join(f"{name}:{gap}{text}" for name, text in zip(names, said, strict=True)), note, w)


def _problem_list(note: Note, w: Writer) -> Constrained:
    problems = [f"{capital(note.condition)}: give {note.drug}"]
    if note.history:
        problems.append(capital(note.history))
    problems.append(f"Safety-net: {note.safety_net.rstrip('.')}")
    mark = w.rng.choice((".", ")"))
    text = "\n".join(f"{n}{mark} {problem}." for n, problem in enumerate(problems, 1))
    return _form(Check(kind="problem_list", args={"n": len(problems)}), {"n": number(len(problems), w)}, text, note, w)


def _discharge_summary(note: Note, w: Writer) -> Constrained:
    """Headings after the components that the Joint Commission mandates; a case has no hospital course, so those about it are left out."""
    sections = {
        w.rng.choice(("Reason for admission", "Reason for hospitalization", "Presentation")): f"{capital(listed(list(note.symptoms)))}.",
        w.rng.choice(("Past history", "Background", "Medical history")): (note.history and f"{capital(note.history)}.") or "None of relevance.",
        w.rng.choice(("Diagnosis", "Discharge diagnosis", "Main diagnosis")): f"{capital(note.condition)}.",
        w.rng.choice(("Treatment", "Medication", "Discharge medication")): _treatment(note),
        w.rng.choice(("Patient instructions", "Instructions to patient and family", "Follow-up")): note.safety_net,
    }
    if w.rng.random() < 0.5:
        del sections[next(iter(sections))]
    headings = list(sections)
    check = Check(kind="discharge_summary", args={"headings": headings})
    return _form(check, {"headings": listed(headings)}, "\n".join(f"{name}: {text}" for name, text in sections.items()), note, w)


def _case_json(note: Note, w: Writer) -> Constrained:
    values: dict[str, str | list[str]] = {"diagnosis": note.condition, "drug": note.drug, "safety_net": note.safety_net}
    if w.rng.random() < 0.5:
        values = {"symptoms": list(note.symptoms), **values}
    kinds = {k: {"type": "string", "minLength": 1} if isinstance(v, str) else {"type": "array", "items": {"type": "string"}} for k, v in values.items()}
    schema = json.dumps({"type": "object", "properties": kinds, "required": list(values), "additionalProperties": False})
    return _form(Check(kind="json_schema", args={"schema": schema}), {"schema": schema}, json.dumps(values, ensure_ascii=False), note, w)


_FORMS = {"soap_note": _soap, "problem_list": _problem_list, "discharge_summary": _discharge_summary, "json_schema": _case_json}
