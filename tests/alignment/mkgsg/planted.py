"""Ten ways to spoil a right item, each with the reasons that a validator may give for it."""

import json
import random
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from alignment.mkgsg.generate import Written
from alignment.mkgsg.workflow import safety_net
from core.knowledge import Knowledge
from core.knowledge.graph import Concept, Kind
from core.knowledge.quantities import QUANTITY
from core.reply import split_reply
from core.types import Relation
from core.urgency import asks_urgent_care
from evals.scorers.format import passes

Spoil = Callable[[Written, random.Random, Knowledge], Written | None]
"""None: this way does not apply to the item."""


class Way(NamedTuple):
    spoil: Spoil
    reasons: frozenset[str]


def with_reply(written: Written, completion: str) -> Written | None:
    return written.model_copy(update={"completion": completion}) if completion != written.completion else None


def renamed(text: str, old: str, new: str) -> str:
    """In the case that the old name is written in."""

    def fit(match: re.Match[str]) -> str:
        found = match[0]
        return new.upper() if found.isupper() and len(found) > 4 else new[0].upper() + new[1:] if found[0].isupper() else new

    return re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", fit, text, flags=re.I)


def split(written: Written) -> tuple[str, str]:
    """What stands before the answer, tags included, and the answer."""
    head, tag, answer = written.completion.rpartition("</think>")
    return head + tag, answer


def accepted_drugs(written: Written, known: Knowledge) -> list[str]:
    ids = [i for group in written.sample.reference.concepts for i in group if known.graph.concept(i).kind is Kind.DRUG]
    answer = split_reply(written.completion).answer.lower()
    return [i for i in ids if known.graph.label(i).lower() in answer]


def conditions_of(written: Written, known: Knowledge) -> list[str]:
    said = f"{written.sample.messages[-1].content} {written.completion}"
    return [c.id for m in known.linker.mentions(said) if (c := m.of_kind(Kind.CONDITION))]


def swapped_drug(written: Written, rng: random.Random, known: Knowledge) -> Written | None:
    graph = known.graph
    right = accepted_drugs(written, known)
    if not right or written.sample.family in ("interaction", "benign"):
        return None
    case = {*conditions_of(written, known), *written.sample.patient}
    near = {f.object for c in case for f in graph.treatments(c)} | {f.object for d in right for f in graph.facts_from(d, Relation.INTERACTS_WITH)}
    drugs = [d for d in rng.sample(graph.of_kind(Kind.DRUG), 40) if d.id not in near and d.id not in right]
    other = graph.label(next(d.id for d in drugs if not any(graph.contraindication(d.id, c) or graph.interaction(d.id, c) for c in case)))
    head, answer = split(written)
    if rng.random() < 0.5:
        head = renamed(head, graph.label(right[0]), other)
    return with_reply(written, head + renamed(answer, graph.label(right[0]), other))


def contraindicated_drug(written: Written, rng: random.Random, known: Knowledge) -> Written | None:
    graph, right, bad = known.graph, accepted_drugs(written, known), written.sample.reference.forbidden
    bad = tuple(b for b in bad if any(graph.contraindication(b, p) or graph.interaction(b, p) for p in written.sample.patient))
    if not right or not bad:
        return None
    head, answer = split(written)
    new = graph.label(rng.choice(bad))
    if written.sample.family == "trap":
        return with_reply(written, f"Yes. Give {new} for {graph.label(conditions_of(written, known)[0])}.")
    return with_reply(written, head + renamed(answer, graph.label(right[0]), new))


def dose_times_ten(written: Written, rng: random.Random, known: Knowledge) -> Written | None:
    if written.sample.reference.kind != "dose":
        return None
    return with_reply(
        written,
        re.sub(r"\d[\d,.]*(?= (?:to \d|mg|g|microgram|unit|tablet|drop|mL))", lambda m: f"{float(m[0].replace(',', '')) * 10:.12g}", written.completion),
    )


def wrong_unit(written: Written, rng: random.Random, known: Knowledge) -> Written | None:
    match = QUANTITY.search(written.completion)
    if written.sample.reference.kind != "dose" or match is None:
        return None
    unit = match[3]
    other = rng.choice([u for u in ("mg", "microgram", "g", "ml", "units", "tablets") if u.rstrip("s") != unit.lower().rstrip("s")])
    return with_reply(written, re.sub(rf"(?<=\d ){re.escape(unit)}\b", other, written.completion))


def unsupported_symptom(written: Written, rng: random.Random, known: Knowledge) -> Written | None:
    graph = known.graph
    conditions = conditions_of(written, known)
    named = [c for m in known.linker.mentions(written.completion) if (c := m.of_kind(Kind.SYMPTOM))]
    shown = [c for c in named if any(graph.fact(x, Relation.HAS_SYMPTOM, c.id) for x in conditions) and graph.label(c.id).lower() in written.completion.lower()]
    # Not in the name of a condition, and not in the effect of an interaction: there another error would be made.
    around = " ".join((*(graph.label(c) for c in conditions), *re.findall(r"interacts with[^.]*", written.completion))).lower()
    shown = [c for c in shown if graph.label(c.id).lower() not in around]
    if not shown or written.sample.reference.kind == "urgent":
        return None
    old = rng.choice(shown)
    near = {f.object for x in conditions for r in (Relation.HAS_SYMPTOM, Relation.RED_FLAG) for f in graph.facts_from(x, r)}
    near_labels = {graph.label(i).lower() for i in near} | {n.lower() for i in near for n in graph.concept(i).names}
    asked = {c.id for m in known.linker.mentions(written.sample.messages[-1].content) for c in m.concepts}
    strange = [s for s in plain_symptoms(known) if s.id not in near | asked and not near_labels & {n.lower() for n in s.names}]
    return with_reply(written, renamed(written.completion, graph.label(old.id), graph.label(rng.choice(strange).id)))


@lru_cache(maxsize=1)
def plain_symptoms(known: Knowledge) -> tuple[Concept, ...]:
    """Symptoms whose label is read as this symptom and as nothing else."""
    return tuple(s for s in known.graph.of_kind(Kind.SYMPTOM) if [m.concepts for m in known.linker.mentions(known.graph.label(s.id))] == [(s,)])


def broken_chain(written: Written, rng: random.Random, known: Knowledge) -> Written | None:
    thinking, answer = split_reply(written.completion)
    parts = re.split(r"(?<=[.])\s+", thinking)
    if not thinking or not written.sample.steps or (len(written.sample.steps) < 2 and len(parts) < 2):
        return None
    match rng.choice(("dropped", "silent", "unclosed", "other")):
        case "dropped":  # a sentence that a step needs
            ends = {known.graph.concepts[i].label.lower() for s in written.sample.steps for i in (s.subject, s.object) if i in known.graph.concepts}
            needed = [
                p
                for p in parts
                if sum(e in p.lower() for e in ends) >= 2 and sum(e in " ".join(q for q in parts if q is not p).lower() for e in ends) < len(ends)
            ]
            if not needed:
                return None
            gone = rng.choice(needed)
            left = " ".join(p for p in parts if p is not gone)
            return with_reply(written, f"<think> {left} </think> {answer}" if left else answer)
        case "silent":
            return with_reply(written, f"<think> ... </think> {answer}")
        case "unclosed":
            return with_reply(written, f"<think> {thinking} {answer}")
        case _:  # true, but of another case
            graph = known.graph
            mine = {*conditions_of(written, known), *(c.id for m in known.linker.mentions(written.completion) for c in m.concepts)}
            facts = [f for f in graph.facts if f.relation is Relation.TREATED_BY and f.subject not in mine and f.object not in mine]
            return with_reply(written, f"<think> {graph.sentence(rng.choice(facts))} {' '.join(parts[1:])} </think> {answer}")


def missing_safety_net(written: Written, rng: random.Random, known: Knowledge) -> Written | None:
    head, answer = split(written)
    nets = [safety_net(c, known.graph) for c in dict.fromkeys(conditions_of(written, known))]
    net = next((n for n in nets if n.rstrip(".").lower() in answer.lower()), None)
    if net is None or "safety" not in written.sample.messages[-1].content.lower():
        return None
    instead = rng.choice(
        ("All the best", "Keep well", "No follow-up is needed", "Rest at home even if it gets worse", "Take the drug with water", "Do not call a doctor")
    )
    rest = re.sub(re.escape(net.rstrip(".")), instead, answer, flags=re.I)
    return None if asks_urgent_care(rest) else with_reply(written, head + rest)  # who sends the patient to hospital now leaves a net


def ignored_red_flag(written: Written, rng: random.Random, known: Knowledge) -> Written | None:
    if written.sample.reference.kind != "urgent":
        return None
    replies = (
        written.unaligned,
        "This can wait until the next appointment.",
        "This is harmless. Book a routine appointment.",
        "Take paracetamol and rest at home.",
    )
    calm = re.sub(
        r"(?i)call emergency services|refer to hospital the same day|arrange urgent specialist review", "book a routine appointment", written.completion
    )
    return with_reply(written, rng.choice((*replies, calm, calm)))


def wrong_format(written: Written, rng: random.Random, known: Knowledge) -> Written | None:
    if not written.sample.checks:
        return None
    head, answer = split(written)
    thought = f"{head} " if head else ""
    spoilt = [
        written.unaligned,
        f"Of course!\n{answer}\n\nAnything else?",
        answer.swapcase(),
        answer.replace("{", "").replace("}", ""),
        answer + "\n- and more\n- of it",
        answer[: len(answer) // 2],
    ]
    if answer.lstrip().startswith("{"):
        value = json.loads(answer)
        spoilt.append(json.dumps({f"{k}_x": v for k, v in value.items()}))
    failing = [s for s in spoilt if s.strip() and not all(passes(c, split_reply(s).answer) for c in written.sample.checks)]
    if not failing:
        return None
    chosen = rng.choice(failing)
    return with_reply(written, chosen if "<think>" in chosen else thought + chosen)


def keeps_its_form(written: Written) -> bool:
    """One error in an item, not two: a changed word may also be one too many."""
    return all(passes(c, split_reply(written.completion).answer) for c in written.sample.checks)


WAYS: Mapping[str, Way] = {
    "swapped drug": Way(swapped_drug, frozenset(("unsupported_drug", "unsupported_interaction", "contradicted_claim", "wrong_answer"))),
    "contraindicated drug": Way(contraindicated_drug, frozenset(("unsafe_contraindication", "unsafe_interaction"))),
    "dose times ten": Way(dose_times_ten, frozenset(("dose_out_of_range",))),
    "wrong unit": Way(wrong_unit, frozenset(("wrong_unit",))),
    "unsupported symptom": Way(unsupported_symptom, frozenset(("unsupported_symptom",))),
    "broken chain": Way(broken_chain, frozenset(("broken_chain",))),
    "missing safety-net": Way(missing_safety_net, frozenset(("missing_safety_net", "ignored_red_flag"))),
    "ignored red flag": Way(ignored_red_flag, frozenset(("ignored_red_flag",))),
    "wrong format": Way(wrong_format, frozenset(("wrong_format",))),
}
"""The tenth, an exam item that is copied, is for the curator and has no spoilt reply."""
