"""Reads medical claims out of a reply and checks each against the graph.

A claim is (subject, relation, object). A clause makes one when it names concepts of the right kinds and a cue of the relation; the field
of a structured reply (JSON, "Title: value") is a cue by its heading, and a diagnosis that the reply states is what its later "give X" and
its fields are about. What a claim's verdict means, for a class too, is in `core.knowledge.verdicts`.

Left out on purpose: pronouns across sentences, and a denial that is not next to the word it denies (its claim is unknown).
"""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations, islice, pairwise, product

from core.knowledge import Knowledge
from core.knowledge import claim_cues as cues
from core.knowledge.clauses import Clause, Run, Statement, clauses_of, stated_diagnosis, statements
from core.knowledge.dosing import dosed
from core.knowledge.graph import Concept, Graph, Kind
from core.knowledge.quantities import is_usual
from core.knowledge.sentences import Sentence, fields
from core.knowledge.verdicts import Denial, Judged, judge
from core.types import Claim, Relation, Verdict

_DRUGS = frozenset((Kind.DRUG, Kind.CLASS))
MOST_CLAIMS = 64
"""Of one clause. A list of all drugs "that interact" would state each pair of them."""
_NEAR = 80
"""Characters before a name in which the words that go with it stand."""


def check_claims(text: str, knowledge: Knowledge, presenting: Sequence[Concept] = ()) -> tuple[Claim, ...]:
    """The claims of `text` with verdict and evidence, in order, each once.

    `presenting`: symptoms of the patient in question; a stated diagnosis claims to explain each of them.
    """
    found: dict[tuple[str, Relation, str], Claim] = {}
    for statement in statements(fields(text, knowledge)):
        for claim in claims_of(statement, knowledge.graph, presenting):
            found.setdefault((claim.subject, claim.relation, claim.object), claim)
    return tuple(found.values())


def claims_of(statement: Statement, graph: Graph, presenting: Sequence[Concept] = ()) -> Iterator[Claim]:
    """The claims of one sentence."""
    for clause in clauses_of(statement):
        yield from islice(_claims(clause, graph, presenting), MOST_CLAIMS)


def _claims(clause: Clause, graph: Graph, presenting: Sequence[Concept]) -> Iterator[Claim]:
    kinds = [c.kind for m in clause.mentions for c in m.concepts]  # a list: comparing a few is faster than hashing them
    has_drug = Kind.DRUG in kinds or Kind.CLASS in kinds or bool(clause.carried)
    if len(clause.mentions) > 1:
        yield from _kinds_of(clause, graph)
    if presenting and Kind.CONDITION in kinds and (diagnosis := stated_diagnosis(clause.role, Sentence(clause.text, clause.mentions))):
        yield from (_presented(clause, graph, diagnosis, s) for s in presenting)
    if has_drug:
        if (clause.role == "interaction" or cues.INTERACTS.search(clause.low) or cues.NO_INTERACTION.search(clause.low)) and (
            pairs := list(_interacting(clause))
        ):
            yield from (_interaction(clause, graph, a, b) for a, b in pairs)
            return
        if cues.JOINS.search(clause.low):
            yield from (c for a, b in _joined(clause) if (c := _interaction(clause, graph, a, b, joins=True)).evidence)
        allows = cues.ALLOWS.search(clause.low)
        forbids = None if allows else cues.FORBIDS.search(clause.low)
        if forbids or allows or clause.role == "contraindication":
            yield from _contraindications(clause, graph, forbids, allows)
            return
        yield from _treatments(clause, graph)
        if Kind.DRUG in kinds:
            yield from _doses(clause, graph)
    if Kind.INVESTIGATION in kinds and (clause.role == "test" or cues.INVESTIGATES.search(clause.low)):
        yield from _of_condition(clause, graph, Relation.INVESTIGATED_BY, Kind.INVESTIGATION, cues.INVESTIGATES)
    if Kind.SYMPTOM in kinds:
        if clause.role == "red_flag" or cues.RED_FLAG.search(clause.low):
            yield from _of_condition(clause, graph, Relation.RED_FLAG, Kind.SYMPTOM, cues.RED_FLAG)
        elif clause.role == "symptom" or cues.SYMPTOM.search(clause.low):
            yield from _of_condition(clause, graph, Relation.HAS_SYMPTOM, Kind.SYMPTOM, cues.SYMPTOM)


def _claim(clause: Clause, graph: Graph, subject: Concept, relation: Relation, object_: str, judged: Judged) -> Claim:
    evidence = graph.evidence(judged.fact) if judged.fact else None
    return Claim(subject=subject.id, relation=relation, object=object_, quote=clause.quote, verdict=judged.verdict, evidence=evidence)


def _denial(clause: Clause, cue: re.Pattern[str], *, is_one_pair: bool) -> Denial:
    """Clear when it stands right before the cue's word and there is one pair only that it can be about."""
    if not cues.DENIES.search(clause.low):
        return Denial.NO
    if is_one_pair and any(cues.CLEARLY_DENIED.search(clause.low, max(0, m.start() - _NEAR), m.start()) for m in cue.finditer(clause.low)):
        return Denial.CLEAR
    return Denial.UNCLEAR


def _presented(clause: Clause, graph: Graph, diagnosis: Concept, symptom: Concept) -> Claim:
    judged = judge(graph, diagnosis.id, Relation.HAS_SYMPTOM, symptom.id)
    if judged.fact is None:  # a red flag belongs to the picture as well
        judged = judge(graph, diagnosis.id, Relation.RED_FLAG, symptom.id)
    return _claim(clause, graph, diagnosis, Relation.HAS_SYMPTOM, symptom.id, judged)


def _kinds_of(clause: Clause, graph: Graph) -> Iterator[Claim]:
    """ "Bisoprolol is a beta blocker", "amoxicillin, a penicillin,": neighbours with the words of a class between them."""
    for first, second in pairwise(clause.mentions):
        between = cues.IS_A.fullmatch(clause.low, first.end, second.start)
        if between is None:
            continue
        is_verb = between[0].lstrip()[:1].isalpha()
        for lower, upper in ((_DRUGS, Kind.CLASS), *(((frozenset((Kind.CONDITION,)), Kind.CONDITION),) if is_verb else ())):
            below, above = first.of_kind(*lower), second.of_kind(upper)
            if below and above and below is not above:
                judged = judge(graph, below.id, Relation.IS_A, above.id, Denial.CLEAR if between["not"] else Denial.NO)
                yield _claim(clause, graph, below, Relation.IS_A, above.id, judged)


# --- two drugs ---------------------------------------------------------------------------------------------------------


def _interacting(clause: Clause) -> Iterator[tuple[Concept, Concept]]:
    """Pairs across the cue ("X interacts with Y and Z"), within a list beside it ("X and Y interact"), or with what was just spoken of."""
    cue = cues.NO_INTERACTION.search(clause.low) or cues.INTERACTS.search(clause.low)
    runs = clause.runs(Kind.DRUG, Kind.CLASS)
    position = cue.start() if cue else 0
    before = [r for r in runs if r[0][0].start < position]
    after = [r for r in runs if r[0][0].start >= position]
    left, right = (before[-1] if before else ()), (after[0] if after else ())
    if left and right:
        pairs: Iterator[tuple[Concept, Concept]] = ((a, b) for (_, a), (_, b) in product(left, right))
    elif len(left or right) > 1:
        pairs = ((a, b) for (_, a), (_, b) in combinations(left or right, 2))
    elif len(after) > 1 or len(before) > 1:  # "the combination of X with Y", "X with Y: no interaction"
        pairs = ((a, b) for (_, a), (_, b) in product(*(after[:2] if len(after) > 1 else before[-2:])))
    else:
        pairs = ((a, b) for a, (_, b) in product(clause.carried, right))
    yield from ((a, b) for a, b in pairs if a.id != b.id)  # an effect may name the drug again: "ciclosporin toxicity"


def _joined(clause: Clause) -> Iterator[tuple[Concept, Concept]]:
    drugs = [c for run in clause.runs(Kind.DRUG) for _, c in run]
    yield from ((a, b) for a, b in combinations(drugs[:8], 2) if a.id != b.id)


def _interaction(clause: Clause, graph: Graph, a: Concept, b: Concept, *, joins: bool = False) -> Claim:
    severe, mild = bool(cues.SEVERE.search(clause.low)), bool(cues.MILD.search(clause.low))
    denial = Denial.CLEAR if joins or cues.NO_INTERACTION.search(clause.low) else Denial.NO
    stated = "" if severe == mild else "critical" if severe else "significant"  # "severe hypertension (significant)" states neither
    if (trivial := cues.TRIVIAL.search(clause.low)) and not ((row := graph.interaction(a.id, b.id)) and trivial[0] in row.detail.lower()):
        stated = "trivial"
    stated = "" if denial is Denial.CLEAR else stated
    judged = judge(graph, a.id, Relation.INTERACTS_WITH, b.id, denial, stated)
    is_told = sum(m.of_kind(Kind.DRUG) is not None for m in clause.mentions if m.end <= clause.low.find(":")) > 1
    if is_told and judged.verdict is Verdict.SUPPORTED and judged.fact and not _is_its_effect(clause.low, judged.fact.detail):
        judged = Judged(Verdict.UNKNOWN, judged.fact)
    return _claim(clause, graph, a, Relation.INTERACTS_WITH, b.id, judged)


def _is_its_effect(text: str, detail: str) -> bool:
    """Whether what is said after a colon is the row's effect, or part of it, or says it and more."""
    said, known = (_stems(words) for words in (text.partition(":")[2].partition("(")[0], detail.lower()))
    return not said or not known or said <= known or known <= said


def _stems(text: str) -> set[str]:
    return {w[:5] for w in re.findall(r"[a-z]{3,}", text)} - cues.GENERIC


# --- a drug and a patient ------------------------------------------------------------------------------------------------


def _contraindications(clause: Clause, graph: Graph, forbids: re.Match[str] | None, allows: re.Match[str] | None) -> Iterator[Claim]:
    cue = forbids or allows
    drugs = _beside(clause.runs(Kind.DRUG, Kind.CLASS), cue, clause.text) or clause.carried
    position = cue.end() if cue else 0
    contexts = [(m, c) for run in clause.runs(Kind.CONDITION, Kind.CONTEXT) for m, c in run]
    note = clause.low.find("(", position)  # "in asthma (unless with ...)": what a note names is not what the drug is forbidden in
    contexts = [(m, c) for m, c in contexts if note < 0 or m.start < note] or contexts
    # What the drug is for is not what it is forbidden in, unless nothing else is named.
    others = [(m, c) for m, c in contexts if not cues.FOR_TREATMENT.search(clause.low, max(0, m.start - _NEAR), m.start)] or contexts
    chosen = [c for m, c in others if m.start >= position] or [c for _, c in others]
    for drug, context in product(drugs, chosen):
        judged = judge(graph, drug.id, Relation.CONTRAINDICATED_IN, context.id, Denial.CLEAR if allows else Denial.NO)
        if judged.fact is None and len(chosen) == 1 and context.kind is Kind.CONDITION:
            used = judge(graph, context.id, Relation.TREATED_BY, drug.id)
            if used.fact:  # what is given for a condition is neither forbidden in it nor unknown there
                judged = Judged(Verdict.SUPPORTED if allows else Verdict.CONTRADICTED, used.fact)
        yield _claim(clause, graph, drug, Relation.CONTRAINDICATED_IN, context.id, judged)


def _beside(runs: list[Run], cue: re.Match[str] | None, text: str) -> tuple[Concept, ...]:
    """The drugs a cue is about: after "avoid", before "is contraindicated"."""
    if not runs:
        return ()
    after = next((r for r in runs if cue is None or r[0][0].start >= cue.end()), None)
    before = next((r for r in reversed(runs) if cue is not None and r[0][0].start < cue.start()), None)
    is_next = cue is not None and after is not None and cues.FORBIDS_NEXT.match(cue[0]) and after[0][0].start - cue.end() <= 24
    chosen = after if is_next else before or after
    return tuple(c for _, c in chosen or ())


# --- a condition and what belongs to it ------------------------------------------------------------------------------------


def _conditions(clause: Clause) -> tuple[Concept, ...]:
    """The conditions that a clause names: those "for" which something is done, else the first."""
    runs = clause.runs(Kind.CONDITION)
    if len(runs) > 1:
        near = (r for r in runs if cues.FOR_TREATMENT.search(clause.low, max(0, r[0][0].start - _NEAR), r[0][0].start))
        return tuple(c for _, c in next(near, runs[0]))
    return tuple(c for _, c in runs[0]) if runs else ()


def _treatments(clause: Clause, graph: Graph) -> Iterator[Claim]:
    is_field = clause.role in ("treatment", "alternative")
    if not is_field and not cues.ANY_TREATMENT.search(clause.low):
        return
    conditions = _conditions(clause)
    if not conditions and clause.topic and (is_field or cues.GIVES.search(clause.low)):
        conditions = (clause.topic,)
    named = [(m, c) for run in clause.runs(Kind.DRUG, Kind.CLASS) for m, c in run]
    denied = [c for m, c in named if cues.DENIED_NAME.search(clause.low, max(0, m.start - _NEAR), m.start)]
    given = [c for m, c in named if c not in denied and not cues.NOT_GIVEN.search(clause.low, max(0, m.start - _NEAR), m.start)]
    drugs = given if named else list(clause.carried)
    if not named and not cues.GOES_ON.match(clause.low):
        return
    stated = "alternative" if clause.role == "alternative" or cues.ALTERNATIVE.search(clause.low) else "first" if cues.FIRST.search(clause.low) else ""
    for condition, drug in product(conditions, denied):
        judged = judge(graph, condition.id, Relation.TREATED_BY, drug.id, Denial.CLEAR, stated)
        if judged.fact:
            yield _claim(clause, graph, condition, Relation.TREATED_BY, drug.id, judged)
    denial = Denial.NO if denied else _denial(clause, cues.ANY_TREATMENT, is_one_pair=len(conditions) == len(drugs) == 1)
    for condition, drug in product(conditions, drugs):
        judged = judge(graph, condition.id, Relation.TREATED_BY, drug.id, denial, stated)
        if judged.fact is None and denial is Denial.NO:
            forbidden = judge(graph, drug.id, Relation.CONTRAINDICATED_IN, condition.id)
            if forbidden.verdict is Verdict.SUPPORTED:  # a drug that the condition itself rules out is worse than unknown
                judged = Judged(Verdict.CONTRADICTED, forbidden.fact)
        yield _claim(clause, graph, condition, Relation.TREATED_BY, drug.id, judged)


def _of_condition(clause: Clause, graph: Graph, relation: Relation, kind: Kind, cue: re.Pattern[str]) -> Iterator[Claim]:
    conditions = _conditions(clause)
    if not conditions and clause.topic and (clause.role or relation is not Relation.HAS_SYMPTOM):
        conditions = (clause.topic,)
    objects = [c for run in clause.runs(kind) for _, c in run]
    denial = _denial(clause, cue, is_one_pair=len(conditions) == len(objects) == 1)
    for condition, found in product(conditions, objects):
        yield _claim(clause, graph, condition, relation, found.id, judge(graph, condition.id, relation, found.id, denial))


# --- doses -------------------------------------------------------------------------------------------------------------


def _doses(clause: Clause, graph: Graph) -> Iterator[Claim]:
    for drug, match, before, after, _ in dosed(clause):
        fact = graph.dose(drug.id)
        if fact is None or fact.dose is None:
            continue
        usual = is_usual(match, fact.dose, before, after)
        verdict = Verdict.UNKNOWN if usual is None else Verdict.SUPPORTED if usual else Verdict.CONTRADICTED
        yield _claim(clause, graph, drug, Relation.DOSE, match[0], Judged(verdict, fact))
