"""The knowledge graph: concepts, facts between them, and the look-ups that everything else asks."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from core.errors import KnowledgeError, NotFound
from core.types import Evidence, Relation, content_hash


class Kind(StrEnum):
    CONDITION = "condition"
    SYMPTOM = "symptom"
    DRUG = "drug"
    INVESTIGATION = "investigation"
    CONTEXT = "context"
    """Of a patient, but not a disease: pregnancy, renal impairment, an allergy."""


@dataclass(frozen=True, slots=True)
class Concept:
    id: str
    """Public identifier (DOID, SYMP, HP, ATC); investigations and contexts have our own, as no free vocabulary covers them."""
    label: str
    kind: Kind
    synonyms: tuple[str, ...]
    source: str
    group: str = ""
    """Drugs: the class ("ACE inhibitor"). Contexts: pregnancy, renal or allergy. Symptoms: symptom or sign."""
    allergy: str = ""
    """Drugs: id of the allergy context that rules the drug out."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.label, *self.synonyms)


@dataclass(frozen=True, slots=True)
class Dose:
    """Usual adult maintenance dose per administration."""

    low: float
    high: float
    unit: str
    interval: str
    route: str
    indication: str
    max_per_day: float | None

    def __str__(self) -> str:
        amount = f"{self.low:.12g}" if self.low == self.high else f"{self.low:.12g} to {self.high:.12g}"
        return f"{amount} {self.unit} {self.interval}"


@dataclass(frozen=True, slots=True)
class Fact:
    subject: str
    relation: Relation
    object: str
    """Concept id; for a dose the quantity as text."""
    source: str
    row: str
    """`file:line` in the knowledge base."""
    line: str = ""
    """treated_by: first or alternative."""
    severity: str = ""
    """interacts_with: critical or significant."""
    detail: str = ""
    """interacts_with: the effect; red_flag: the action; contraindicated_in: a note."""
    dose: Dose | None = None


class Graph:
    """Concepts by id and facts by either end. Immutable once built; `version` hashes all of it.

    Raises KnowledgeError when two concepts share an id or a fact names an unknown one.
    """

    def __init__(self, concepts: Iterable[Concept], facts: Iterable[Fact]) -> None:
        self.concepts: Mapping[str, Concept] = _by_id(concepts)
        self.facts: tuple[Fact, ...] = tuple(facts)
        self._out: dict[tuple[str, Relation], list[Fact]] = defaultdict(list)
        self._in: dict[tuple[str, Relation], list[Fact]] = defaultdict(list)
        for fact in self.facts:
            for end in (fact.subject,) if fact.relation is Relation.DOSE else (fact.subject, fact.object):
                if end not in self.concepts:
                    raise KnowledgeError(f"{fact.row}: unknown concept {end!r}")
            self._out[fact.subject, fact.relation].append(fact)
            self._in[fact.object, fact.relation].append(fact)

    @cached_property
    def version(self) -> str:
        return content_hash([[str(c) for c in self.concepts.values()], [str(f) for f in self.facts]])[:16]

    def concept(self, concept_id: str) -> Concept:
        try:
            return self.concepts[concept_id]
        except KeyError:
            raise NotFound(f"The knowledge base has no concept {concept_id!r}") from None

    def label(self, concept_id: str) -> str:
        """The concept's label as it stands inside a sentence: HPO writes its labels with a capital, sentences do not."""
        concept = self.concept(concept_id)
        return concept.label[0].lower() + concept.label[1:] if concept.id.startswith("HP:") and concept.label[1:2].islower() else concept.label

    def of_kind(self, kind: Kind) -> tuple[Concept, ...]:
        return tuple(c for c in self.concepts.values() if c.kind is kind)

    def facts_from(self, subject: str, relation: Relation) -> tuple[Fact, ...]:
        return tuple(self._out.get((subject, relation), ()))

    def facts_to(self, object_: str, relation: Relation) -> tuple[Fact, ...]:
        return tuple(self._in.get((object_, relation), ()))

    def fact(self, subject: str, relation: Relation, object_: str) -> Fact | None:
        return next((f for f in self._out.get((subject, relation), ()) if f.object == object_), None)

    def treatments(self, condition: str, line: str | None = None) -> tuple[Fact, ...]:
        """`line` is first or alternative; None gives both."""
        return tuple(f for f in self.facts_from(condition, Relation.TREATED_BY) if line is None or f.line == line)

    def interaction(self, drug_a: str, drug_b: str) -> Fact | None:
        """The pair's interaction, whichever way round it is asked."""
        return self.fact(drug_a, Relation.INTERACTS_WITH, drug_b) or self.fact(drug_b, Relation.INTERACTS_WITH, drug_a)

    def contraindication(self, drug: str, context: str) -> Fact | None:
        """Why the drug must not be given to a patient with this condition, allergy or other context; None if nothing is known."""
        return self.fact(drug, Relation.CONTRAINDICATED_IN, context)

    def dose(self, drug: str) -> Fact | None:
        return next(iter(self.facts_from(drug, Relation.DOSE)), None)

    def evidence(self, fact: Fact) -> Evidence:
        return Evidence(statement=self.sentence(fact), source=fact.source, row=fact.row)

    def sentence(self, fact: Fact) -> str:
        """The fact as one plain sentence."""
        subject = self.label(fact.subject)
        subject = subject[0].upper() + subject[1:]
        other = fact.object if fact.relation is Relation.DOSE else self.label(fact.object)
        match fact.relation:
            case Relation.HAS_SYMPTOM:
                return f"{subject} has the symptom {other}."
            case Relation.RED_FLAG:
                return f"{subject} with {other}: {fact.detail}."
            case Relation.INVESTIGATED_BY:
                return f"{subject} is confirmed by {other}."
            case Relation.TREATED_BY:
                return f"{subject} is treated by {other} ({'first line' if fact.line == 'first' else 'alternative'})."
            case Relation.CONTRAINDICATED_IN:
                return f"{subject} is contraindicated in {other}{f' ({fact.detail})' if fact.detail else ''}."
            case Relation.INTERACTS_WITH:
                return f"{subject} interacts with {other}: {fact.detail} ({fact.severity})."
            case Relation.DOSE:
                return f"{subject} adult dose: {other}."
            case Relation.IS_A:
                return f"{subject} is a kind of {other}."


def _by_id(concepts: Iterable[Concept]) -> Mapping[str, Concept]:
    found: dict[str, Concept] = {}
    for concept in concepts:
        if concept.id in found:
            raise KnowledgeError(f"Two concepts have the id {concept.id!r}: {found[concept.id].label!r} and {concept.label!r}")
        found[concept.id] = concept
    return found
