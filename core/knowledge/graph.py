"""The knowledge graph: concepts, facts between them, and the look-ups that everything else asks."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
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
    CLASS = "class"
    """Of drugs: ACE inhibitor, penicillin."""


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
    also_ids: tuple[str, ...] = ()
    """Other identifiers of the same concept: alternative ids, and ids of terms that an import merged into it."""
    xrefs: tuple[str, ...] = ()
    """Cross-references to other vocabularies ("ICD10CM:J45"). Close, not always the same: see `also_ids`."""
    unlinked: tuple[str, ...] = ()
    """Names that are not looked for in text, as an import found them ambiguous there ("cold", "ALL")."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the linker looks for: label and synonyms without `unlinked`."""
        named = (self.label, *self.synonyms)
        return tuple(n for n in named if n not in self.unlinked) if self.unlinked else named


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
    """treated_by: first or alternative; empty when the source does not say."""
    severity: str = ""
    """interacts_with: critical or significant."""
    detail: str = ""
    """interacts_with: the effect, empty when the source does not say; red_flag: the action; contraindicated_in: a note."""
    dose: Dose | None = None
    also: tuple[str, ...] = ()
    """What further sources say of the same, with their rows; among them the milder severity when two disagree."""


class Graph:
    """Concepts by id and facts by either end. Immutable once built; `version` hashes all of it.

    `version` is given only by who has stored the graph under it, as hashing a large graph takes longer than loading it.
    Raises KnowledgeError when two concepts share an id or a fact names an unknown one.
    """

    def __init__(self, concepts: Iterable[Concept], facts: Iterable[Fact], version: str = "") -> None:
        if version:
            self.__dict__["version"] = version  # what the cached property would compute
        self.concepts: Mapping[str, Concept] = _by_id(concepts)
        self._ancestors: dict[str, tuple[str, ...]] = {}
        self._members: dict[str, tuple[str, ...]] = {}
        self.facts: tuple[Fact, ...] = tuple(facts)
        self._labels: dict[str, str] = {}
        out: dict[tuple[str, Relation], list[Fact]] = defaultdict(list)
        in_: dict[tuple[str, Relation], list[Fact]] = defaultdict(list)
        for fact in self.facts:
            for end in (fact.subject,) if fact.relation is Relation.DOSE else (fact.subject, fact.object):
                if end not in self.concepts:
                    raise KnowledgeError(f"{fact.row}: unknown concept {end!r}")
            out[fact.subject, fact.relation].append(fact)
            in_[fact.object, fact.relation].append(fact)
        self._out, self._in = ({end: tuple(facts) for end, facts in edges.items()} for edges in (out, in_))

    @cached_property
    def version(self) -> str:
        return content_hash([[str(c) for c in self.concepts.values()], [str(f) for f in self.facts]])[:16]

    def concept(self, concept_id: str) -> Concept:
        try:
            return self.concepts[concept_id]
        except KeyError:
            raise NotFound(f"The knowledge base has no concept {concept_id!r}") from None

    @cached_property
    def _also(self) -> Mapping[str, Concept]:
        return {other: c for c in self.concepts.values() for other in c.also_ids}

    def find(self, any_id: str) -> Concept | None:
        """The concept of this id, which may be one of its `also_ids`."""
        return self.concepts.get(any_id) or self._also.get(any_id)

    def label(self, concept_id: str) -> str:
        """The concept's label as it stands inside a sentence: HPO writes its labels with a capital, sentences do not."""
        label = self._labels.get(concept_id)
        if label is None:
            concept = self.concept(concept_id)
            is_capital = concept.id.startswith("HP:") and concept.label[1:2].islower()
            label = self._labels[concept_id] = concept.label[0].lower() + concept.label[1:] if is_capital else concept.label
        return label

    def of_kind(self, kind: Kind) -> tuple[Concept, ...]:
        return tuple(c for c in self.concepts.values() if c.kind is kind)

    def facts_from(self, subject: str, relation: Relation) -> tuple[Fact, ...]:
        return self._out.get((subject, relation), ())

    def facts_to(self, object_: str, relation: Relation) -> tuple[Fact, ...]:
        return self._in.get((object_, relation), ())

    def fact(self, subject: str, relation: Relation, object_: str) -> Fact | None:
        for fact in self._out.get((subject, relation), ()):
            if fact.object == object_:
                return fact
        return None

    def treatments(self, condition: str, line: str | None = None) -> tuple[Fact, ...]:
        """`line` is first or alternative; None gives both."""
        return tuple(f for f in self.facts_from(condition, Relation.TREATED_BY) if line is None or f.line == line)

    def interaction(self, drug_a: str, drug_b: str) -> Fact | None:
        """The pair's interaction, whichever way round it is asked."""
        return self.fact(drug_a, Relation.INTERACTS_WITH, drug_b) or self.fact(drug_b, Relation.INTERACTS_WITH, drug_a)

    def contraindication(self, drug: str, context: str) -> Fact | None:
        """Why the drug must not be given to a patient with this condition, allergy or other context; None if nothing is known.

        What holds for a condition holds for every kind of it (asthma, allergic asthma), and what holds for a class of drugs for its members.
        """
        rules = self._out
        for giver in (drug, *self.ancestors(drug)):
            if (giver, Relation.CONTRAINDICATED_IN) in rules:
                for place in (context, *self.ancestors(context)):
                    if fact := self.fact(giver, Relation.CONTRAINDICATED_IN, place):
                        return fact
        return None

    def ancestors(self, concept_id: str) -> tuple[str, ...]:
        """Everything that this is a kind of, the nearest first."""
        found = self._ancestors.get(concept_id)
        if found is None:
            found = self._ancestors[concept_id] = self._closure(concept_id, self._out, lambda f: f.object)
        return found

    def members(self, concept_id: str) -> tuple[str, ...]:
        """Everything that is a kind of this, the nearest first: a class's drugs, a condition's forms."""
        found = self._members.get(concept_id)
        if found is None:
            found = self._members[concept_id] = self._closure(concept_id, self._in, lambda f: f.subject)
        return found

    @staticmethod
    def _closure(start: str, edges: Mapping[tuple[str, Relation], tuple[Fact, ...]], end: Callable[[Fact], str]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        layer = [start]
        while layer:
            layer = [e for c in layer for f in edges.get((c, Relation.IS_A), ()) if (e := end(f)) not in found and e != start]
            found |= dict.fromkeys(layer)
        return tuple(found)

    def path(self, start: str, goal: str) -> tuple[Fact, ...] | None:
        """A shortest chain of facts between two concepts, read in either direction; None when there is none. Empty: they are the same."""
        came: dict[str, tuple[str, Fact] | None] = {start: None}
        layer = [start]
        while layer and goal not in came:
            reached = []
            for here in layer:
                for relation in Relation:
                    for fact in (*self._out.get((here, relation), ()), *self._in.get((here, relation), ())):
                        there = fact.object if fact.subject == here else fact.subject
                        if there in self.concepts and there not in came:
                            came[there] = here, fact
                            reached.append(there)
            layer = reached
        if goal not in came:
            return None
        chain: list[Fact] = []
        while step := came[goal]:
            goal, fact = step
            chain.append(fact)
        return tuple(reversed(chain))

    def dose(self, drug: str) -> Fact | None:
        return next(iter(self.facts_from(drug, Relation.DOSE)), None)

    def evidence(self, fact: Fact) -> Evidence:
        return Evidence(statement=self.sentence(fact), source=fact.source, row=fact.row)

    def sentence(self, fact: Fact) -> str:
        """The fact as one plain sentence, its answer last: what a reply that begins like it goes on with is what stands there."""
        subject = self.label(fact.subject)
        other = fact.object if fact.relation is Relation.DOSE else self.label(fact.object)
        match fact.relation:
            case Relation.HAS_SYMPTOM:
                text = f"{other} is a symptom of {subject}"
            case Relation.RED_FLAG:
                text = f"{other} in {subject} is a red flag: {fact.detail}"
            case Relation.INVESTIGATED_BY:
                text = f"{subject} is confirmed by {other}"
            case Relation.TREATED_BY:
                line = {"first": "A first-line", "alternative": "An alternative"}.get(fact.line, "A")
                text = f"{line} treatment of {subject} is {other}"
            case Relation.CONTRAINDICATED_IN:
                text = f"{subject} is contraindicated in {other}{f' ({fact.detail})' if fact.detail else ''}"
            case Relation.INTERACTS_WITH:
                text = f"{subject} interacts with {other}{f': {fact.detail}' if fact.detail else ''} ({fact.severity})"
            case Relation.DOSE:
                text = f"The usual adult dose of {subject} is {other}"
            case Relation.IS_A:
                text = f"{subject} is a kind of {other}"
        return f"{text[0].upper()}{text[1:]}."


def _by_id(concepts: Iterable[Concept]) -> Mapping[str, Concept]:
    found: dict[str, Concept] = {}
    for concept in concepts:
        if concept.id in found:
            raise KnowledgeError(f"Two concepts have the id {concept.id!r}: {found[concept.id].label!r} and {concept.label!r}")
        found[concept.id] = concept
    return found
