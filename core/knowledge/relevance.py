"""How relevant is each fact to what is asked? Facts that have nothing to do with it are not named at all."""

from collections.abc import Iterable, Iterator, Sequence

from core.knowledge.asked import Asked
from core.knowledge.graph import Concept, Fact, Graph, Kind
from core.types import Relation

Scored = tuple[Fact, float]

_LISTED = 8
"""Facts of one relation about one concept that are worth listing: a drug may interact with forty others."""
_OF_CONDITION = (Relation.TREATED_BY, Relation.INVESTIGATED_BY, Relation.HAS_SYMPTOM, Relation.RED_FLAG)
_OF_DRUG = (Relation.DOSE, Relation.CONTRAINDICATED_IN, Relation.INTERACTS_WITH)
_OVERVIEW = {Relation.TREATED_BY: 2, Relation.INVESTIGATED_BY: 2, Relation.HAS_SYMPTOM: 4, Relation.RED_FLAG: 2}
"""How many facts of each relation answer a question that names a condition and asks nothing in particular."""


def relevant_facts(asked: Asked, graph: Graph) -> Iterator[Scored]:
    """Facts with their relevance in (0, 1]; a fact may come more than once."""
    if asked.is_presentation:
        yield from _presentation(asked, graph)
    elif len(asked.symptoms) == 1 and not asked.conditions and not asked.drugs:
        yield from _listing(graph.facts_to(asked.symptoms[0].id, Relation.HAS_SYMPTOM), 0.8)
    for condition in asked.conditions:
        yield from _condition(condition, asked, graph)
    for investigation in asked.investigations if not asked.conditions else ():
        yield from _listing(graph.facts_to(investigation.id, Relation.INVESTIGATED_BY), 0.7)
    yield from _drugs(asked, graph)
    yield from _classes(asked, graph)


def otherwise(asked: Asked, graph: Graph) -> Iterator[Scored]:
    """For a question that no fact answers: what answers it for the condition that this one is a kind of; else a little of what is known of its
    subject, so that the reader sees what the graph holds.
    """
    wider = list(_widened(asked, graph))
    yield from wider
    for concept in () if wider else (*asked.conditions, *asked.drugs):
        for relation in (*_OF_CONDITION, *_OF_DRUG, Relation.IS_A):
            yield from _listing(graph.facts_from(concept.id, relation)[:2], 0.5)


def _widened(asked: Asked, graph: Graph) -> Iterator[Scored]:
    for condition in asked.conditions:
        for link in graph.facts_from(condition.id, Relation.IS_A):  # no further up: what treats epilepsies may harm in one of them
            if facts := list(relevant_facts(asked._replace(conditions=(graph.concept(link.object),)), graph)):
                yield link, 1.0
                yield from facts


def _presentation(asked: Asked, graph: Graph) -> Iterator[Scored]:
    """The conditions that share most of the symptoms; what follows from the likeliest where more than its name is asked for."""
    shared: dict[str, dict[str, Fact]] = {}
    for symptom in asked.symptoms:
        for relation in (Relation.HAS_SYMPTOM, Relation.RED_FLAG):
            for fact in graph.facts_to(symptom.id, relation):
                shared.setdefault(fact.subject, {}).setdefault(fact.object, fact)
    # A red flag is a complication: what has it as a plain symptom is likelier.
    fit = {c: sum(1.0 if f.relation is Relation.HAS_SYMPTOM else 0.6 for f in own.values()) for c, own in shared.items()}
    most = max(fit.values(), default=0.0)
    # Of equally likely ones first those that the graph can say more of; where their treatments are asked for too, fewer are shown.
    ranked = sorted((c for c in fit if fit[c] > 1.0), key=lambda c: (-fit[c], not graph.treatments(c)))
    likeliest = [c for c in ranked if fit[c] == most][: 3 if Relation.TREATED_BY in asked.relations else 4]
    close = ranked[len(likeliest) : 2]
    for condition in likeliest:
        yield from ((f, 1.0) for f in shared[condition].values())
        urgent = (graph.fact(condition, Relation.RED_FLAG, s.id) for s in asked.symptoms)
        yield from ((f, 0.95 if Relation.RED_FLAG in asked.relations else 0.7) for f in urgent if f)
    for named in asked.patient:  # "is it pneumonia or asthma?"
        yield from ((f, 0.85) for f in shared.get(named.id, {}).values())
    for condition in close:
        yield from ((f, 0.45) for f in shared[condition].values())
    for condition in likeliest[:2]:
        wanted = asked.relations & {Relation.TREATED_BY, Relation.INVESTIGATED_BY, Relation.RED_FLAG}
        if Relation.TREATED_BY in wanted:
            yield from _treatments(condition, asked, graph, 0.9)
        if Relation.INVESTIGATED_BY in wanted:
            yield from _listing(graph.facts_from(condition, Relation.INVESTIGATED_BY), 0.8)
        if Relation.RED_FLAG in wanted or Relation.TREATED_BY in wanted:
            yield from _listing(graph.facts_from(condition, Relation.RED_FLAG)[:2], 0.6)


def _condition(condition: Concept, asked: Asked, graph: Graph) -> Iterator[Scored]:
    wanted = asked.relations & set(_OF_CONDITION)
    named = {s.id for s in (*asked.symptoms, *asked.investigations)}
    linked = [f for r in _OF_CONDITION for f in graph.facts_from(condition.id, r) if f.object in named]
    for fact in linked:
        yield fact, 1.0
    if any(f.relation is Relation.RED_FLAG for f in linked):
        yield from _listing(graph.facts_from(condition.id, Relation.RED_FLAG), 0.5)
        wanted -= {Relation.HAS_SYMPTOM}
        if not wanted - {Relation.RED_FLAG}:
            return
    if linked and not wanted:
        wanted = frozenset(f.relation for f in linked)
    for drug in asked.drugs:
        if used := graph.fact(condition.id, Relation.TREATED_BY, drug.id):
            yield used, 0.9
    is_plan = bool(asked.patient) and (bool(asked.drugs) or not wanted)  # "X for C in a patient with H?" is answered by another drug
    if is_plan or (not asked.drugs and Relation.DOSE in asked.relations) or (asked.drugs and not asked.relations):
        wanted |= {Relation.TREATED_BY}
    if Relation.TREATED_BY in wanted:
        yield from _treatments(condition.id, asked, graph, 1.0)
    if Relation.IS_A in asked.relations:
        yield from _listing(graph.facts_from(condition.id, Relation.IS_A), 0.7)
    for relation in _OF_CONDITION[1:]:
        if relation in wanted:
            yield from _listing(graph.facts_from(condition.id, relation), 0.9)
        elif not wanted and not asked.drugs:
            yield from _listing(graph.facts_from(condition.id, relation)[: _OVERVIEW[relation]], 0.6)
    if not wanted and not asked.drugs:
        yield from _listing(_first_line_first(graph.treatments(condition.id))[: _OVERVIEW[Relation.TREATED_BY]], 0.7)


def _treatments(condition: str, asked: Asked, graph: Graph, score: float) -> Iterator[Scored]:
    """The drugs of a condition, first line first, and what the patient, the condition and the other drugs say of each."""
    against = (*(c.id for c in asked.patient), *(d.id for d in asked.drugs), condition)
    for treatment in _first_line_first(graph.treatments(condition)):
        here = score if treatment.line == "first" else 0.97 * score
        yield treatment, here
        for other in against:
            yield from _ruled_out(graph, treatment.object, other, 0.95 * score)
        is_ruled_out = any(_rule(graph, treatment.object, c.id) for c in asked.patient)
        if Relation.DOSE in asked.relations and not asked.drugs and not is_ruled_out and (dose := graph.dose(treatment.object)):
            yield dose, 0.9 * score
        if Relation.IS_A in asked.relations:
            yield from _listing(graph.facts_from(treatment.object, Relation.IS_A), 0.9 * here)
        if treatment.line == "first" and not asked.drugs and not asked.patient:  # "who must not take the first-line drug of ...?"
            for relation in sorted(asked.relations & {Relation.CONTRAINDICATED_IN, Relation.INTERACTS_WITH}):
                rules = graph.facts_from(treatment.object, relation) if relation is Relation.CONTRAINDICATED_IN else _interactions(graph, treatment.object)
                yield from _listing(rules, 0.9 * score)


def _drugs(asked: Asked, graph: Graph) -> Iterator[Scored]:
    """What is asked of the drugs that are named; a rule between two things named answers for both, and no list is needed."""
    drugs, context = asked.drugs, (*asked.patient, *asked.conditions)
    wanted = asked.relations & set(_OF_DRUG)
    pairs = [(d.id, o.id) for place, d in enumerate(drugs) for o in (*context, *drugs[place + 1 :])]
    ruled = {end for pair in pairs if _rule(graph, *pair) for end in pair}
    for pair in pairs:
        yield from _ruled_out(graph, *pair, 1.0)
    for drug in drugs:
        if Relation.IS_A in asked.relations:
            yield from _listing(graph.facts_from(drug.id, Relation.IS_A), 0.9)
        if Relation.DOSE in wanted and (dose := graph.dose(drug.id)):
            yield dose, 1.0
        if drug.id in ruled or (asked.conditions and not wanted):
            continue
        listed = 0.8 if len(drugs) == 1 else 0.4
        if Relation.CONTRAINDICATED_IN in wanted or (context and not wanted):
            yield from _listing(graph.facts_from(drug.id, Relation.CONTRAINDICATED_IN), listed)
        if Relation.INTERACTS_WITH in wanted:
            yield from _listing(_interactions(graph, drug.id), listed)
        if not wanted and not context and len(drugs) == 1:
            yield from _drug_overview(drug.id, asked, graph)


def _classes(asked: Asked, graph: Graph) -> Iterator[Scored]:
    """A class is asked about through its drugs: those that something named rules out, else which they are."""
    others = [c.id for c in (*asked.patient, *asked.conditions, *asked.drugs)]
    for group in asked.classes:
        members = [m for m in graph.members(group.id) if graph.concept(m).kind is Kind.DRUG]
        ruled = [m for m in members if any(_rule(graph, m, other) for other in others)][: _LISTED // 2]
        for member in ruled:
            for other in others:
                yield from _ruled_out(graph, member, other, 0.9)
        if ruled or Relation.IS_A in asked.relations or not others:
            yield from _listing((f for m in ruled or members for f in graph.facts_from(m, Relation.IS_A) if f.object == group.id), 0.8)


def _drug_overview(drug: str, asked: Asked, graph: Graph) -> Iterator[Scored]:
    is_for = _first_line_first(graph.facts_to(drug, Relation.TREATED_BY))
    if Relation.TREATED_BY in asked.relations:
        yield from _listing(is_for, 0.9)
    if dose := graph.dose(drug):
        yield dose, 0.7
    yield from _listing(graph.facts_from(drug, Relation.CONTRAINDICATED_IN)[:4], 0.6)
    yield from _listing(_interactions(graph, drug)[:3], 0.5)
    yield from _listing(is_for[:3], 0.55)


def _first_line_first(treatments: Sequence[Fact]) -> list[Fact]:
    return sorted(treatments, key=lambda t: t.line != "first")


def _rule(graph: Graph, drug: str, other: str) -> Fact | None:
    return graph.contraindication(drug, other) or graph.interaction(drug, other)


def _ruled_out(graph: Graph, drug: str, other: str, score: float) -> Iterator[Scored]:
    """The rule, and where it is one on a wider condition, why it holds for this one."""
    if rule := _rule(graph, drug, other):
        yield rule, score
        if rule.relation is Relation.CONTRAINDICATED_IN:
            for own, wider in ((drug, rule.subject), (other, rule.object)):
                yield from ((link, score) for link in _chain(graph, own, wider))


def _chain(graph: Graph, own: str, wider: str) -> Iterator[Fact]:
    """The is_a facts from a concept up to a wider one."""
    while own != wider:
        link = next((f for f in graph.facts_from(own, Relation.IS_A) if f.object == wider or wider in graph.ancestors(f.object)), None)
        if link is None:
            return
        yield link
        own = link.object


def _interactions(graph: Graph, drug: str) -> tuple[Fact, ...]:
    facts = (*graph.facts_from(drug, Relation.INTERACTS_WITH), *graph.facts_to(drug, Relation.INTERACTS_WITH))
    return tuple(sorted(facts, key=lambda f: f.severity != "critical"))


def _listing(facts: Iterable[Fact] | Sequence[Fact], score: float) -> Iterator[Scored]:
    """Facts of one relation, in the order of the knowledge base; the later ones a little less relevant."""
    yield from ((fact, score * (1 - 0.01 * place)) for place, fact in enumerate(tuple(facts)[:_LISTED]))
