"""Verifiable forms of an answer: the instruction, the check that verifies it, and the text that follows it."""

import json
from typing import NamedTuple

from alignment.mkgsg.grammar import END_PHRASES, FORMATS, NUMBERS, START_PHRASES
from alignment.mkgsg.workflow import capital
from alignment.mkgsg.writer import Writer
from core.types import Check, Relation

_JSON_KEYS = {Relation.TREATED_BY: "drug", Relation.INVESTIGATED_BY: "test", Relation.HAS_SYMPTOM: "symptom"}
_TITLES = (("Diagnosis", "Treatment", "Safety-net"), ("Diagnosis", "Drug", "Safety net"), ("Diagnosis", "Plan", "Advice"))


class Form(NamedTuple):
    instruction: str
    check: Check
    text: str
    """The answer in the form asked for."""
    plain: str
    """The same answer, form ignored."""


def fact_format(sentence: str, condition: str, objects: tuple[str, ...], relation: Relation, w: Writer) -> Form:
    """A form for a fact about `condition`; `objects` are the labels of what answers the question."""
    kinds = ["json_keys", "all_caps", "max_words", "starts_with", "ends_with", "one_sentence"]
    if relation is Relation.HAS_SYMPTOM and len(objects) > 1:
        kinds = ["json_keys", "bullets", "bullets", "max_words", "starts_with", "ends_with", "one_sentence", "all_caps"]
    kind = w.rng.choice(kinds)
    plain = sentence
    match kind:
        case "json_keys":
            check, text, words = _json(condition, objects, _JSON_KEYS[relation], w)
        case "bullets":
            n = w.rng.randint(2, min(4, len(objects)))
            check, text, words = Check(kind=kind, args={"n": n}), "\n".join(f"- {o}" for o in objects[:n]), {"n": w.rng.choice((str(n), NUMBERS[n]))}
        case "all_caps":
            # The name alone: a small byte-pair vocabulary spells capitals letter by letter.
            check, text, words = Check(kind=kind), objects[0].upper(), {}
        case "max_words":
            text = f"{capital(objects[0])}."
            n = w.rng.randint(max(3, len(text.split())), max(8, len(text.split())))
            check, words = Check(kind=kind, args={"n": n}), {"n": str(n)}
            plain = sentence if len(sentence.split()) > n else f"{sentence} This is the usual choice in adults."
        case "starts_with":
            start = w.rng.choice(START_PHRASES)
            check, text, words = Check(kind=kind, args={"text": start}), f"{start} {sentence}", {"text": start}
        case "ends_with":
            end = w.rng.choice(END_PHRASES)
            check, text, words = Check(kind=kind, args={"text": end}), f"{sentence[:-1]}, {end}.", {"text": end}
        case _:
            check, text, words = Check(kind="one_sentence"), sentence, {}
            plain = w.rng.choice((f"{capital(objects[0])}. {sentence}", f"{sentence} Check the local guideline."))
    return Form(w.phrase(FORMATS[kind]).format(**words), check, text, plain)


def _json(condition: str, objects: tuple[str, ...], key: str, w: Writer) -> tuple[Check, str, dict[str, str]]:
    keys = w.rng.choice(([key], [key], ["condition", key]))
    values = {"condition": condition, key: objects[0]}
    text = json.dumps({k: values[k] for k in keys}, ensure_ascii=False)
    return Check(kind="json_keys", args={"keys": keys}), text, {"keys": _quoted(keys)}


def _quoted(keys: list[str]) -> str:
    quoted = [f'"{k}"' for k in keys]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def vignette_format(parts: tuple[str, str, str], w: Writer) -> Form:
    """A form for diagnosis, drug and safety-net."""
    if w.rng.random() < 0.5:
        keys = ["diagnosis", "drug", "safety_net"]
        check, instruction = Check(kind="json_keys", args={"keys": keys}), w.phrase(FORMATS["json_keys"]).format(keys=_quoted(keys))
    else:
        titles = list(w.rng.choice(_TITLES))
        check = Check(kind="has_sections", args={"titles": titles})
        instruction = w.phrase(FORMATS["has_sections"]).format(titles=f"{titles[0]}:, {titles[1]}: and {titles[2]}:")
    plain = f"The most likely diagnosis is {parts[0]}. Give {parts[1]} for {parts[0]}. {parts[2]}"
    return Form(instruction, check, vignette_text(check, parts), plain)


def vignette_text(check: Check, parts: tuple[str, str, str]) -> str:
    names = check.args["keys" if check.kind == "json_keys" else "titles"]
    assert isinstance(names, list)
    if check.kind == "json_keys":
        return json.dumps(dict(zip(names, parts, strict=True)), ensure_ascii=False)
    return "\n".join(f"{name}: {part.rstrip('.')}." for name, part in zip(names, parts, strict=True))
