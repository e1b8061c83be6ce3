"""What a right reply to an item does, in words for people."""

from core.knowledge import Knowledge
from core.types import Item

_CONDUCT = {"refusal": "to refuse", "urgent": "to call it urgent", "insufficient": "to say that the evidence lacks it"}


def wanted(item: Item, known: Knowledge) -> str:
    reference, label = item.reference, known.graph.label
    match reference.kind:
        case "concepts":
            text = "; ".join(" or ".join(map(label, group)) for group in reference.concepts)
        case "dose":
            text = f"{reference.low:,.12g} to {reference.high:,.12g} {reference.unit}"
        case "choice":
            text = reference.text or ""
        case "form":
            text = "only the form counts"
        case kind:
            text = _CONDUCT[kind]
    never = f"; never {', '.join(map(label, reference.forbidden))}" if reference.forbidden else ""
    return text + never + "".join(f"; {check.kind}" for check in item.checks)
