"""How a condition shows: findings that point to it alone, findings that speak against another, and findings that are absent.

All of it by intersection of the graph's own lists, one condition at a time: a graph of 25,000 concepts costs no more per item than a small one.
"""

import random
from itertools import chain, combinations, islice
from math import comb
from weakref import WeakKeyDictionary

from core.knowledge.graph import Fact, Graph, Kind
from core.types import Relation

SIZES = (2, 3, 4)
MAX_SETS = 200
"""Sets of findings kept for one condition. Twenty findings have 6,175; the built-in base has at most 154, so there nothing is left out."""

Sets = tuple[tuple[str, ...], ...]
_IDENTIFYING: WeakKeyDictionary[Graph, dict[str, Sets]] = WeakKeyDictionary()
_WORDS: WeakKeyDictionary[Graph, dict[str, frozenset[str]]] = WeakKeyDictionary()
_PRESENTATIONS: WeakKeyDictionary[Graph, dict[str, Sets]] = WeakKeyDictionary()


def identifying_symptoms(graph: Graph) -> dict[str, Sets]:
    """For each condition its sets of 2 to 4 symptoms that no other condition of the graph has all of; at most `MAX_SETS` of each."""
    found = ((c.id, identifying_sets(graph, c.id)) for c in graph.of_kind(Kind.CONDITION))
    return {condition: sets for condition, sets in found if sets}


def identifying_sets(graph: Graph, condition: str) -> Sets:
    """The sets of one condition, smaller ones first."""
    known = _IDENTIFYING.setdefault(graph, {})
    if condition not in known:
        own = tuple(f.object for f in graph.facts_from(condition, Relation.HAS_SYMPTOM))
        owners = {s: frozenset(f.subject for f in graph.facts_to(s, Relation.HAS_SYMPTOM)) for s in own}
        candidates = _combinations(own, condition)
        known[condition] = tuple(s for s in candidates if len(frozenset.intersection(*(owners[x] for x in s))) == 1)
    return known[condition]


def presentations(graph: Graph, condition: str) -> Sets:
    """The sets that a vignette draws from: of at most three findings and without a red flag, as far as there are such.

    A patient who shows a red flag is an emergency, whatever else is asked.
    """
    known = _PRESENTATIONS.setdefault(graph, {})
    if condition not in known:
        flags = {f.object for f in graph.facts_from(condition, Relation.RED_FLAG)}
        sets = identifying_sets(graph, condition)
        short = tuple(s for s in sets if len(s) <= 3) or sets
        known[condition] = tuple(s for s in short if not flags.intersection(s)) or short
    return known[condition]


def _combinations(own: tuple[str, ...], condition: str) -> Sets:
    """All sets, or a sample that the condition's id decides."""
    if sum(comb(len(own), size) for size in SIZES) <= MAX_SETS:
        return tuple(chain.from_iterable(combinations(own, size) for size in SIZES))
    rng = random.Random(f"presentation:{condition}")
    order = {s: i for i, s in enumerate(own)}
    drawn = (tuple(sorted(rng.sample(own, rng.choice(SIZES)), key=order.__getitem__)) for _ in range(2 * MAX_SETS))
    return tuple(sorted(islice(dict.fromkeys(drawn), MAX_SETS), key=len))


def symptom_facts(graph: Graph, condition: str, symptoms: tuple[str, ...]) -> tuple[Fact, ...]:
    return tuple(f for s in symptoms if (f := graph.fact(condition, Relation.HAS_SYMPTOM, s)))


def rivals(graph: Graph, condition: str, symptoms: tuple[str, ...]) -> list[str]:
    """Other conditions that share a finding, in a fixed order."""
    return sorted({f.subject for s in symptoms for f in graph.facts_to(s, Relation.HAS_SYMPTOM)} - {condition})


def is_emergency(graph: Graph, condition: str) -> bool:
    """Whether two or more of its own findings call for emergency services: then so does the condition, by whatever findings it shows."""
    flags = (f for f in graph.facts_from(condition, Relation.RED_FLAG) if "emergency" in f.detail)
    return sum(graph.fact(condition, Relation.HAS_SYMPTOM, f.object) is not None for f in flags) >= 2


def absent_findings(graph: Graph, condition: str, symptoms: tuple[str, ...], rng: random.Random, most: int) -> list[str]:
    """Pertinent negatives: up to `most` findings of conditions that could be mistaken for this one, none of them its own.

    A finding of which a name shares a word with what is present is left out: "fever, no low-grade fever" says two things at once, and so does
    "leg swelling, no edema".
    """
    candidates = rivals(graph, condition, symptoms)
    if not candidates or not most:
        return []
    own = {f.object for relation in (Relation.HAS_SYMPTOM, Relation.RED_FLAG) for f in graph.facts_from(condition, relation)}
    said = {w for s in own for w in _words(graph, s)}
    found: list[str] = []
    for _ in range(3 * most):
        fact = rng.choice(graph.facts_from(rng.choice(candidates), Relation.HAS_SYMPTOM))
        words = _words(graph, fact.object)
        if fact.object not in own and not words & said:
            found.append(fact.object)
            said |= words
            if len(found) == most:
                break
    return found


def _words(graph: Graph, concept_id: str) -> frozenset[str]:
    """The words of the concept's label, and the longer ones of its synonyms."""
    known = _WORDS.setdefault(graph, {})
    if concept_id not in known:
        concept = graph.concept(concept_id)
        longer = (w for name in concept.synonyms for w in name.lower().split() if len(w) > 3)
        known[concept_id] = frozenset((*concept.label.lower().split(), *longer))
    return known[concept_id]
