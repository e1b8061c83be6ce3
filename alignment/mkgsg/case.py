"""A case: a path in the knowledge graph, with what is asked, what answers are right, and what must not be given. No words yet."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.knowledge.graph import Fact, Graph
from core.types import Relation

_RULES = frozenset((Relation.CONTRAINDICATED_IN, Relation.INTERACTS_WITH))
# D-dimer rules thrombosis out (NICE NG158), a natriuretic peptide heart failure (NG106); the others are raised or present in much else.
_PROVES_NOTHING = frozenset(("INV:d_dimer", "INV:natriuretic_peptide", "INV:ca_125", "INV:c_reactive_protein", "INV:esr", "INV:hla_b27"))


@dataclass(frozen=True, slots=True)
class Case:
    family: str
    facts: tuple[Fact, ...]
    """The path, in the order of reasoning: each edge touches what was reached before it, the last one ends in the answer."""
    accepted: tuple[str, ...] = ()
    """Concepts any of which answers the question."""
    forbidden: tuple[str, ...] = ()
    """Drugs that the patient must not get, or diagnoses that the findings speak against."""
    condition: str = ""
    drug: str = ""
    """The drug asked about, or the one that the patient's history rules out."""
    other: str = ""
    """The history, the second drug, the red flag, or the rival diagnosis."""
    chosen: str = ""
    """The right answer that the reference reply names."""
    symptoms: tuple[str, ...] = ()
    test: str = ""
    """The investigation on the path."""
    is_presented: bool = False
    """Whether the question gives findings in place of the condition's name; the writer draws them."""

    @property
    def treatment(self) -> Fact | None:
        """The first choice of the path."""
        return next((f for f in self.facts if f.relation is Relation.TREATED_BY), None)

    @property
    def rule(self) -> Fact | None:
        """What rules the first choice out."""
        return next((f for f in self.facts if f.relation in _RULES), None) if self.is_ruled_out else None

    @property
    def is_ruled_out(self) -> bool:
        """Whether the path goes from a first choice over its ruling out to another drug."""
        if len(self.facts) < 3:
            return False
        relations = [f.relation for f in self.facts]
        return relations.count(Relation.TREATED_BY) == 2 and not _RULES.isdisjoint(relations)

    @property
    def depth(self) -> int:
        """Hops from what the question says to the answer. The findings of one condition are one hop, however many they are."""
        edges = sum(f.relation is not Relation.HAS_SYMPTOM for f in self.facts)
        presentations = {f.subject for f in self.facts if f.relation is Relation.HAS_SYMPTOM}
        return max(1, edges + len(presentations or (("drawn later",) if self.is_presented else ())))

    @property
    def concepts(self) -> frozenset[str]:
        return frozenset(filter(None, (self.condition, self.drug, self.other, self.chosen, self.test, *self.symptoms)))


def other_end(fact: Fact, drug: str) -> str:
    return fact.object if fact.subject == drug else fact.subject


def rules_out(graph: Graph, drug: str, history: str) -> bool:
    """Whether the history (condition, context, allergy or current drug) forbids the drug."""
    interaction = graph.interaction(drug, history)
    allergy = graph.concept(drug).allergy
    return graph.contraindication(drug, history) is not None or (bool(allergy) and allergy == history) or interaction is not None


def interactions_of(graph: Graph, drug: str) -> tuple[Fact, ...]:
    return (*graph.facts_from(drug, Relation.INTERACTS_WITH), *graph.facts_to(drug, Relation.INTERACTS_WITH))


def safe_treatments(graph: Graph, condition: str) -> tuple[Fact, ...]:
    """Treatments that stand with the condition itself, whatever the table of treatments says."""
    return tuple(t for t in graph.treatments(condition) if graph.contraindication(t.object, condition) is None)


def confirming_tests(graph: Graph, condition: str) -> tuple[Fact, ...]:
    """Investigations that prove the condition, and not those that only rule it out or make it likelier."""
    return tuple(f for f in graph.facts_from(condition, Relation.INVESTIGATED_BY) if f.object not in _PROVES_NOTHING)


def first_choices(graph: Graph) -> Iterator[Fact]:
    """Every first-line treatment of the graph."""
    return (f for f in graph.facts if f.relation is Relation.TREATED_BY and f.line == "first")
