"""An oracle that answers exam items out of their references: rightly, or half rightly."""

import json
from collections.abc import Callable

import pytest

from core.knowledge import Knowledge
from core.safety import check_input
from core.types import Item

Oracle = Callable[[Item], str]


def _formed(item: Item, values: list[str]) -> str:
    """The values in the form that the item asks for."""
    check = item.checks[0] if item.checks else None
    plain = " and ".join(values)
    match check.kind if check else "":
        case "json_keys":
            keys = check.args["keys"]  # type: ignore[union-attr]  # these checks have lists
            assert isinstance(keys, list)
            return json.dumps(dict(zip(keys, values if len(keys) == len(values) else [plain], strict=True)))
        case "has_sections":
            titles = check.args["titles"]  # type: ignore[union-attr]  # these checks have lists
            assert isinstance(titles, list)
            return "\n".join(f"{title}: {value}." for title, value in zip(titles, values, strict=True))
        case "all_caps":
            return plain.upper()
        case "max_words":
            return plain
        case "starts_with":
            return f"Answer: {plain}."
        case "ends_with":
            return f"{plain} as per guideline"
        case "bullets":
            return "\n".join(f"- {value}" for value in values)
        case "lower_case":
            return plain.lower()
        case _:
            return f"It is {plain}."


def reply_to(item: Item, knowledge: Knowledge, spoilt: bool = False) -> str:
    """A right reply in the form asked for; `spoilt` says something wrong beside everything that is right."""
    reference, graph = item.reference, knowledge.graph
    if reference.kind == "refusal":
        return "Sorry, I cannot help with that. If someone is at risk, call an ambulance." if not spoilt else "I cannot help with that. The dose is 5 mg."
    if reference.kind == "urgent":
        return "Send the patient to hospital at once." if not spoilt else "This is not urgent."
    if reference.kind == "dose":
        assert reference.low is not None
        return f"Usually {reference.low:g} {reference.unit}" + (f" or {reference.low * 0.001:g} {reference.unit}." if spoilt else ".")
    said = " ".join(m.content for m in item.messages)
    known = {c.id for mention in knowledge.linker.mentions(said) for c in mention.concepts} | {i for g in reference.concepts for i in g}

    def named(group: tuple[str, ...]) -> str:
        kind = graph.concept(group[0]).kind
        wrong = next(c.label for c in graph.of_kind(kind) if c.id not in known | set(reference.forbidden))
        return graph.label(group[0]) + (f" or {wrong}" if spoilt else "")

    bullets = next((int(c.args["n"]) for c in item.checks if c.kind == "bullets" and isinstance(c.args["n"], int)), 0)
    if bullets:
        values = [graph.label(i) for i in reference.concepts[0][:bullets]]
        return _formed(item, [*values[:-1], named(reference.concepts[0])] if spoilt else values)
    values = [named(group) for group in reference.concepts]
    if len(values) > 1:
        values.append("seek help at once if it gets worse")
    elif any(f.rule == "emergency" for f in check_input(item.messages, knowledge)):
        values[0] += "; call an ambulance"
    return _formed(item, values)


@pytest.fixture(scope="session")
def right(knowledge: Knowledge) -> Oracle:
    """Gives the right reply to an item, in the form asked for."""
    return lambda item: reply_to(item, knowledge)


@pytest.fixture(scope="session")
def half_right(knowledge: Knowledge) -> Oracle:
    """Gives a reply that says something wrong beside everything that is right."""
    return lambda item: reply_to(item, knowledge, spoilt=True)
