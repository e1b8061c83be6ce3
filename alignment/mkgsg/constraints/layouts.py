"""Rules that give a text its outer shape: paragraphs, bullets, sections, two replies, JSON."""

import json
import re

from alignment.mkgsg.constraints.additions import notes, number, quoted
from alignment.mkgsg.constraints.content import Constraint, Content, Rule
from alignment.mkgsg.constraints.wording import LANGUAGES, MARKS, NOTES
from alignment.mkgsg.workflow import capital
from alignment.mkgsg.writer import Writer
from core.types import Check

_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!\bNo\.)(?<!\bYes\.)\s+(?=[A-Z])")


def _parts(text: str, w: Writer, n: int) -> list[str]:
    """The text and `n` - 1 notes, in any order."""
    parts = [text, *notes(w, n - 1)]
    w.rng.shuffle(parts)
    return parts


def paragraphs(text: str, content: Content, w: Writer) -> Constraint | None:
    n = w.rng.randint(2, 4)
    check = Check(kind="length_constraints:number_paragraphs", args={"num_paragraphs": n})
    return Constraint(check, {"n": number(n, w)}, "\n***\n".join(_parts(text, w, n)), text)


def paragraph_first_word(text: str, content: Content, w: Writer) -> Constraint | None:
    n = w.rng.randint(2, 4)
    parts = _parts(text, w, n)
    position = w.rng.choice([i for i, part in enumerate(parts) if part != text])
    word = parts[position].split()[0]
    check = Check(kind="length_constraints:nth_paragraph_first_word", args={"num_paragraphs": n, "nth_paragraph": position + 1, "first_word": word})
    words = {"n": number(n, w), "m": str(position + 1), "word": quoted([word])}
    return Constraint(check, words, "\n\n".join(parts), text)


def bullet_list(text: str, content: Content, w: Writer) -> Constraint | None:
    """Labels alone where several answer, else the sentences of the text; notes fill up."""
    if len(content.labels) > 1 and content.labels_suffice and text == content.text and w.rng.random() < 0.7:
        points = list(content.labels[: w.rng.randint(2, len(content.labels))])
    else:
        points = [*_SENTENCE_END.split(text), *notes(w, w.rng.randint(0, 2))]
    check = Check(kind="detectable_format:number_bullet_lists", args={"num_bullets": len(points)})
    return Constraint(check, {"n": number(len(points), w)}, "\n".join(f"* {capital(p)}" for p in points), text)


def sections(text: str, content: Content, w: Writer) -> Constraint | None:
    n = w.rng.randint(2, 3)
    mark = w.rng.choice(MARKS)
    check = Check(kind="detectable_format:multiple_sections", args={"section_spliter": mark, "num_sections": n})
    shown = "\n".join(f"{mark} {i}\n{part}" for i, part in enumerate(_parts(text, w, n), 1))
    return Constraint(check, {"n": number(n, w), "mark": mark}, shown, text)


def two_responses(text: str, content: Content, w: Writer) -> Constraint | None:
    longer = f"{text} {w.rng.choice(NOTES)}"
    other = w.rng.choice((content.bare, longer)) if content.labels_suffice else longer
    first, second = w.rng.sample((text, other), 2)
    return Constraint(Check(kind="combination:two_responses"), {}, f"{first}\n******\n{second}", text)


def any_json(text: str, content: Content, w: Writer) -> Constraint | None:
    answer = content.labels[0] if len(content.labels) == 1 else list(content.labels)
    whole: dict[str, str | list[str]] = {"reply": text}
    value = w.rng.choice((whole, {"topic": content.topic, content.key: answer}, {content.key: answer, "note": w.rng.choice(NOTES)}))
    return Constraint(Check(kind="detectable_format:json_format"), {}, json.dumps(value if content.labels_suffice else whole, ensure_ascii=False), text)


def schema_json(text: str, content: Content, w: Writer) -> Constraint | None:
    """JSON to a schema with one or two fields, the answer as a text or as a list."""
    said = list(content.labels) if content.labels_suffice else [text]
    as_list = len(said) > 1 or w.rng.random() < 0.3
    key = f"{content.key}s" if as_list else content.key
    of_answer = {"type": "array", "items": {"type": "string"}, "minItems": len(said)} if as_list else {"type": "string"}
    fields = {"topic": ({"type": "string"}, content.topic), key: (of_answer, said if as_list else said[0])}
    if w.rng.random() < 0.4:
        del fields["topic"]
    schema = json.dumps({"type": "object", "properties": {k: kind for k, (kind, _) in fields.items()}, "required": list(fields), "additionalProperties": False})
    value = json.dumps({k: v for k, (_, v) in fields.items()}, ensure_ascii=False)
    return Constraint(Check(kind="json_schema", args={"schema": schema}), {"schema": schema}, value, text)


def language(text: str, content: Content, w: Writer) -> Constraint | None:
    """The answer alone, where it is one drug: it has the same name in every language, while conditions would need translations."""
    if content.key != "drug" or len(content.labels) != 1 or content.verdict or not content.labels_suffice:
        return None
    code = w.rng.choice(list(LANGUAGES))
    name, sentence = LANGUAGES[code]
    return Constraint(Check(kind="language:response_language", args={"language": code}), {"language": name}, sentence.format(a=content.labels[0]), text)


LAYOUTS: tuple[Rule, ...] = (paragraphs, paragraph_first_word, bullet_list, sections, two_responses)
WHOLE: tuple[Rule, ...] = (any_json, schema_json, language)
"""Nothing else can be asked beside these."""
