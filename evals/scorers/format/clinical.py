"""Forms that clinical notes have: SOAP, problem list, discharge summary, and JSON to a given schema.

SOAP and the problem list: Weed, Medical records that guide and teach, N Engl J Med 1968;278:593-600. The headings of a discharge summary
are the asker's; the components that the Joint Commission mandates (standard IM.6.10) are listed in Kind and Smith, Documentation of
mandated discharge summary components, in: Advances in Patient Safety, AHRQ 2008.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated

from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from pydantic import AfterValidator
from referencing import Registry
from referencing.exceptions import Unresolvable

from core.errors import BadInput
from evals.scorers.format.arguments import Count, Text, Texts

SOAP = (("subjective", "s"), ("objective", "o"), ("assessment", "a"), ("plan", "p"))
_HEADING = re.compile(r"[ \t]*(?:#{1,6}[ \t]+)?(?:\*\*|__)?([^\n:*]{1,80}?)[ \t]*(?:\*\*|__)?[ \t]*(:|$)(?:\*\*|__)?(.*)")
_NUMBERED = re.compile(r"\s*(\d{1,3})[.)]\s+(\S.*)")


def _soap_note(answer: str) -> bool:
    """The four headings (words or single letters) once each, in order, each with text of its own, and nothing before the first."""
    return _is_headed(answer, SOAP)


def _discharge_summary(answer: str, headings: Texts) -> bool:
    """The headings once each, in order, at the start of a line, each with text under it, and nothing before the first."""
    return _is_headed(answer, tuple((h.strip().rstrip(":").lower(),) for h in headings))


def _is_headed(answer: str, headings: tuple[tuple[str, ...], ...]) -> bool:
    names = {name: position for position, known in enumerate(headings) for name in known}
    found: list[int] = []
    texts: list[str] = []
    for line in answer.splitlines():
        match = _HEADING.fullmatch(line)
        position = names.get(match[1].strip().lower()) if match else None
        if match and position is not None and (match[2] or len(match[1]) > 1):  # a lone "a" is no heading, "A:" is
            found.append(position)
            texts.append(match[3])
        elif texts:
            texts[-1] += f"\n{line}"
        elif line.strip():
            return False
    return found == list(range(len(headings))) and all(re.search(r"\w", text) for text in texts)


def _problem_list(answer: str, n: Count) -> bool:
    """Lines numbered 1 to `n`, each different, and nothing else."""
    lines = [_NUMBERED.fullmatch(line) for line in answer.splitlines() if line.strip()]
    problems = {m[2].strip().rstrip(".;,").lower() for m in lines if m}
    return len(problems) == len(lines) == n and [int(m[1]) for m in lines if m] == list(range(1, n + 1))


@lru_cache(maxsize=1_000)
def _validator(schema: str) -> Validator:
    """Raises ValueError when it is no JSON schema. References reach no further than the schema itself: nothing is fetched."""
    try:
        value = json.loads(schema)
        kind = validator_for(value)
        kind.check_schema(value)
    except (RecursionError, SchemaError) as error:
        raise ValueError(f"no JSON schema: {getattr(error, 'message', error)}") from None
    if not isinstance(value, dict) or not value:
        raise ValueError("a schema that allows everything checks nothing")
    return kind(value, registry=Registry())


def _is_schema(text: str) -> str:
    _validator(text)
    return text


Schema = Annotated[Text, AfterValidator(_is_schema)]


def _json_schema(answer: str, schema: Schema) -> bool:
    """All of it is JSON that the schema (as JSON text) allows. Raises BadInput when the schema refers to what it does not hold."""
    try:
        return bool(_validator(schema).is_valid(json.loads(answer)))
    except Unresolvable as error:
        raise BadInput(f"Check 'json_schema': the schema refers to {error.ref!r}, which it does not hold") from None
    except (ValueError, RecursionError):
        return False


CLINICAL: Mapping[str, Callable[..., bool]] = {
    "soap_note": _soap_note,
    "discharge_summary": _discharge_summary,
    "problem_list": _problem_list,
    "json_schema": _json_schema,
}
