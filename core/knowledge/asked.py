"""What a question is about: the relations it asks for, and who plays which part in it.

Two conditions in one question ("hypertension and a history of asthma") have different parts: one is to be treated, the other one rules
drugs out. The words before a name decide; where they do not, the graph does: what rules a drug of the other one out is history.
"""

from collections.abc import Sequence
from typing import NamedTuple

from core.knowledge import Knowledge
from core.knowledge.context import in_context
from core.knowledge.context_cues import Context
from core.knowledge.cues import ASKS_WHAT_FITS, COMPARES, DIAGNOSIS, GENERIC, HISTORY, MAY_BE_HISTORY, NOUNS, REACH, SUBJECT, TAKES, VERBS
from core.knowledge.graph import Concept, Graph, Kind
from core.knowledge.linker import Mention
from core.types import Message, Relation


class Asked(NamedTuple):
    relations: frozenset[Relation]
    """Empty: the question names something and asks nothing in particular."""
    conditions: tuple[Concept, ...]
    drugs: tuple[Concept, ...]
    symptoms: tuple[Concept, ...]
    investigations: tuple[Concept, ...]
    classes: tuple[Concept, ...]
    """Of drugs: "an ACE inhibitor"."""
    patient: tuple[Concept, ...]
    """Conditions, contexts and drugs that the conversation mentions besides: what may speak against a drug."""
    is_presentation: bool
    """Symptoms in search of their condition."""


def read_question(messages: Sequence[Message], knowledge: Knowledge) -> Asked | None:
    """What the last question asks; None when nothing that the graph knows is named in it or before."""
    last = next((i for i in range(len(messages) - 1, -1, -1) if messages[i].role == "user"), None)
    if last is None:
        return None
    text = messages[last].content
    found = _parts(text, knowledge)
    earlier = [_parts(m.content, knowledge) for m in messages[:last] if m.role != "assistant"]
    relations = _relations(text, knowledge)
    if not (found.named or (relations and any(p.named for p in earlier))):
        return None  # nothing that is known, or "Thank you."
    conditions, drugs, symptoms = found.asked, found.drugs, found.symptoms
    past = [*found.history, *(c for p in earlier for c in (*p.asked, *p.history, *p.drugs))]
    is_presentation = len(symptoms) > 1 and (not conditions or bool(DIAGNOSIS.search(text)))
    if is_presentation:
        past, conditions, drugs = [*conditions, *drugs, *past], (), ()
    elif conditions or (not relations and any(p.asked for p in earlier)):
        # What the patient takes already is not what is asked about, unless nothing else is.
        past, drugs = [*(d for d in drugs if d in found.taken), *past], tuple(d for d in drugs if d not in found.taken)
    if not (conditions or drugs or is_presentation or found.investigations or found.classes):
        # "And if she is pregnant?", "What is its dose?": the subject is an earlier message's.
        said = [_parts(m.content, knowledge) for m in messages[:last]]
        subject = next((p for p in reversed(said) if p.asked or p.drugs or p.symptoms), None)
        if subject is not None:
            about_drug = relations & {Relation.DOSE, Relation.CONTRAINDICATED_IN, Relation.INTERACTS_WITH}
            spoken = next((p for p in reversed(said) if p.drugs), None) if about_drug else None
            conditions = next((p.asked for p in reversed(said) if p.asked), ())
            drugs = spoken.drugs if spoken else ()
            symptoms = symptoms or (subject.symptoms if not conditions else ())
            conditions = () if drugs and about_drug else conditions
            relations = relations or next((r for m in reversed(messages[:last]) if m.role == "user" and (r := _relations(m.content, knowledge))), relations)
            is_presentation = len(symptoms) > 1 and not conditions
    taken = {c.id for c in (*conditions, *drugs)}
    patient = tuple({c.id: c for c in past if c.id not in taken}.values())
    return Asked(relations, conditions, drugs, symptoms, found.investigations, found.classes, patient, is_presentation)


class _Parts(NamedTuple):
    asked: tuple[Concept, ...]
    history: tuple[Concept, ...]
    drugs: tuple[Concept, ...]
    taken: tuple[Concept, ...]
    """Of the drugs those that the text says the patient takes."""
    symptoms: tuple[Concept, ...]
    investigations: tuple[Concept, ...]
    classes: tuple[Concept, ...]

    @property
    def named(self) -> bool:
        return any(self)


def _parts(text: str, knowledge: Knowledge) -> _Parts:
    mentions = _of_the_patient(text, knowledge)
    symptoms = [s for m in mentions if (s := m.of_kind(Kind.SYMPTOM)) and not m.of_kind(Kind.CONDITION, Kind.CONTEXT, Kind.DRUG)]
    conditions: list[tuple[Concept, str]] = []
    for mention in mentions:
        if concept := mention.of_kind(Kind.CONDITION):
            part = _part(text, mention)
            if len(symptoms) > 1 and part != "history" and (symptom := mention.of_kind(Kind.SYMPTOM)):
                symptoms.append(symptom)  # "depression" among symptoms is one
            else:
                conditions.append((concept, part))
    asked, history = _divided(conditions if not COMPARES.search(text) else [(c, "asked") for c, _ in conditions], knowledge.graph)
    return _Parts(
        asked,
        (*history, *_of(mentions, Kind.CONTEXT)),
        _of(mentions, Kind.DRUG),
        _of([m for m in mentions if TAKES.search(text[max(0, m.start - REACH) : m.start])], Kind.DRUG),
        tuple({s.id: s for s in symptoms}.values()),
        _of(mentions, Kind.INVESTIGATION),
        _of(mentions, Kind.CLASS),
    )


def _of_the_patient(text: str, knowledge: Knowledge) -> list[Mention]:
    """The mentions without what is denied or a relative's; all of them where nothing else is left to ask about."""
    found = _named(text, knowledge)
    absent = {Context.NEGATED, Context.OTHER}
    # "Which drug must not be given with it?" denies no drug.
    kept = [c.mention for c in in_context(text, found) if c.context not in absent or c.mention.of_kind(Kind.DRUG, Kind.CLASS)]
    return kept or found


def _named(text: str, knowledge: Knowledge) -> list[Mention]:
    """The mentions without words of the question: an ontology's root is called "symptom" or "disease", and "fits" is a name of seizures."""
    return [
        m
        for m in knowledge.linker.mentions(text)
        if not GENERIC.fullmatch(m.text) and (m.text.lower() not in ("fit", "fits") or not ASKS_WHAT_FITS.search(text[: m.start]))
    ]


def _of(mentions: Sequence[Mention], kind: Kind) -> tuple[Concept, ...]:
    return tuple({c.id: c for m in mentions if (c := m.of_kind(kind))}.values())


def _part(text: str, mention: Mention) -> str:
    before = text[max(0, mention.start - REACH) : mention.start]
    if HISTORY.search(before):
        return "history"
    return "asked" if SUBJECT.search(before) else "history" if MAY_BE_HISTORY.search(before) else ""


def _divided(conditions: Sequence[tuple[Concept, str]], graph: Graph) -> tuple[tuple[Concept, ...], tuple[Concept, ...]]:
    """The conditions that are asked about, and those that are the patient's history."""
    parts = {c.id: (c, part) for c, part in reversed(conditions)}
    every = [c for c, _ in dict.fromkeys(parts[c.id] for c, _ in conditions)]
    if len(every) < 2:
        return tuple(every), ()
    asked = [c for c in every if parts[c.id][1] == "asked"] or [c for c in every if parts[c.id][1] != "history"]
    if not asked or len(asked) == len(every):
        ruling = {c.id for c in every if any(_rules_out(graph, other, c) for other in every)}
        asked = [c for c in every if c.id not in ruling] or every
    return tuple(asked), tuple(c for c in every if c not in asked)


def _rules_out(graph: Graph, treated: Concept, history: Concept) -> bool:
    return treated.id != history.id and any(graph.contraindication(t.object, history.id) for t in graph.treatments(treated.id))


def _relations(text: str, knowledge: Knowledge) -> frozenset[Relation]:
    """By the words around the names: "combined oral contraceptive" asks for no interaction."""
    for mention in reversed(_named(text, knowledge)):
        text = f"{text[: mention.start]}§{text[mention.end :]}"
    return frozenset(r for r, cue in NOUNS if cue.search(text)) or frozenset(r for r, cue in VERBS if cue.search(text))
