"""Reads medical claims out of plain sentences and checks each against the graph.

A claim is (subject, relation, object). A sentence makes one when it names concepts of the right kinds and a cue of the relation. The
world is open: what the graph does not hold is *unknown*, not false. *Contradicted* needs a row that says otherwise: the drug is
contraindicated where the text calls it safe, is an alternative where the text calls it first line, or has another dose or severity.
A denied fact ("does not treat") is unknown: which of the names a "not" belongs to is not read.
"""

import re
from bisect import bisect
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from core.knowledge import Knowledge
from core.knowledge.graph import Concept, Dose, Fact, Graph, Kind
from core.knowledge.linker import Mention
from core.types import Claim, Evidence, Relation, Verdict

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")
_FORBIDS = re.compile(
    r"\b(contra-?indicated|avoid(?:ed)?|must not|should not|do not (?:give|use|prescribe|take)|not (?:safe|suitable|recommended)|unsafe|never)\b", re.I
)
_ALLOWS = re.compile(
    r"\b(is safe|(?<!not )(?<!never )(?<!n't )safe (?:in|for|with|to)|not contra-?indicated|can (?:be given|be used|take|have)|no contra-?indication)\b", re.I
)
_INTERACTS = re.compile(r"\binteract(?:s|ion|ions|ing)?\b", re.I)
_NO_INTERACTION = re.compile(r"\b(no (?:known )?interactions?|not interact|safe together)\b", re.I)
_SEVERE = re.compile(r"\b(critical|severe|serious|dangerous)\b", re.I)
_MILD = re.compile(r"\b(significant|moderate)\b", re.I)
_DENIES = re.compile(r"\b(?:not|never|n[o'’]t|cannot|no evidence)\b(?! only\b)|n['’]t\b", re.I)
_FIRST = re.compile(r"\b(first[- ]line|drug of choice|treatment of choice|first choice)\b", re.I)
_ALTERNATIVE = re.compile(r"\b(second[- ]line|alternatives?|instead)\b", re.I)
_TREATS = re.compile(r"\b(treat(?:s|ed|ment|ments|ing)?|manage(?:d|ment)?|prescribe|give|start|therapy|drug|medicine)\b", re.I)
_INVESTIGATES = re.compile(r"\b(confirm(?:s|ed|ing|ation|atory)?|investigat\w+|diagnos(?:ed|tic|e) (?:by|with|using|test)|test)\b", re.I)
_SYMPTOM = re.compile(r"\b(symptoms?|signs?|presents?|presenting|features?|complains?|causes?)\b", re.I)
_RED_FLAG = re.compile(r"\b(red flags?|urgent|emergency|emergencies)\b", re.I)

_UNITS = {"microgram": 0.001, "micrograms": 0.001, "mcg": 0.001, "ug": 0.001, "µg": 0.001, "mg": 1.0, "g": 1000.0}
_THOUSANDS = r"\d{1,3}(?:,\d{3})+(?!\d)"
_NUMBER = rf"{_THOUSANDS}(?:\.\d+)?|\d+(?:[.,]\d+)?"
# Begins only where a number begins: else a long run of digits costs quadratic time.
QUANTITY = re.compile(rf"(?<!\d)({_NUMBER})(?:\s*(?:-|–|to)\s*({_NUMBER}))?\s*(micrograms?|mcg|ug|µg|mg|g|units?|ml|mmol)\b", re.I)

_OF = re.compile(r"\s*(?:of\s+)?", re.I)


class Sentence(NamedTuple):
    text: str
    mentions: tuple[Mention, ...]

    def concepts(self, *kinds: Kind) -> list[Concept]:
        return [c for m in self.mentions if (c := m.of_kind(*kinds))]


def sentences(text: str, knowledge: Knowledge) -> Iterator[Sentence]:
    """The sentences of `text` with their mentions; line breaks and semicolons end a sentence too."""
    for part in _SENTENCE_END.split(text):
        if part.strip():
            yield Sentence(part.strip(), knowledge.linker.mentions(part.strip()))


def check_claims(text: str, knowledge: Knowledge) -> tuple[Claim, ...]:
    """The claims of `text` with verdict and evidence, in order, each once."""
    found: dict[tuple[str, Relation, str], Claim] = {}
    for sentence in sentences(text, knowledge):
        for claim in _claims(sentence, knowledge.graph):
            found.setdefault((claim.subject, claim.relation, claim.object), claim)
    return tuple(found.values())


def _claims(sentence: Sentence, graph: Graph) -> Iterator[Claim]:
    text = sentence.text
    drugs = sentence.concepts(Kind.DRUG)
    conditions = sentence.concepts(Kind.CONDITION)
    forbids, allows = bool(_FORBIDS.search(text)) and not _ALLOWS.search(text), bool(_ALLOWS.search(text))
    if _INTERACTS.search(text) or _NO_INTERACTION.search(text):
        for a, b in pairwise(drugs):
            if a.id != b.id:  # an effect may name the drug again: "ciclosporin toxicity"
                yield _interaction(sentence, graph, a, b)
        return
    if forbids or allows:
        for drug in drugs[:1]:
            for context in sentence.concepts(Kind.CONDITION, Kind.CONTEXT):
                yield _contraindication(sentence, graph, drug, context, allows)
        return
    for condition in conditions[:1]:
        if drugs and (_FIRST.search(text) or _ALTERNATIVE.search(text) or _TREATS.search(text)):
            for drug in drugs:
                yield _treatment(sentence, graph, condition, drug)
        if _INVESTIGATES.search(text):
            for investigation in sentence.concepts(Kind.INVESTIGATION):
                yield _open(sentence, graph, condition, Relation.INVESTIGATED_BY, investigation)
        relation = Relation.RED_FLAG if _RED_FLAG.search(text) else Relation.HAS_SYMPTOM if _SYMPTOM.search(text) else None
        if relation:
            for symptom in sentence.concepts(Kind.SYMPTOM):
                yield _open(sentence, graph, condition, relation, symptom)
    yield from _doses(sentence, graph)


def _claim(sentence: Sentence, graph: Graph, subject: Concept, relation: Relation, object_: str, verdict: Verdict, fact: Fact | None) -> Claim:
    evidence: Evidence | None = graph.evidence(fact) if fact else None
    return Claim(subject=subject.id, relation=relation, object=object_, quote=sentence.text[:300], verdict=verdict, evidence=evidence)


def _open(sentence: Sentence, graph: Graph, subject: Concept, relation: Relation, object_: Concept) -> Claim:
    fact = graph.fact(subject.id, relation, object_.id)
    is_supported = fact is not None and not _DENIES.search(sentence.text)
    return _claim(sentence, graph, subject, relation, object_.id, Verdict.SUPPORTED if is_supported else Verdict.UNKNOWN, fact)


def _contraindication(sentence: Sentence, graph: Graph, drug: Concept, context: Concept, allows: bool) -> Claim:
    fact = graph.contraindication(drug.id, context.id)
    verdict = Verdict.UNKNOWN if fact is None else Verdict.CONTRADICTED if allows else Verdict.SUPPORTED
    return _claim(sentence, graph, drug, Relation.CONTRAINDICATED_IN, context.id, verdict, fact)


def _interaction(sentence: Sentence, graph: Graph, a: Concept, b: Concept) -> Claim:
    fact = graph.interaction(a.id, b.id)
    severe, mild = bool(_SEVERE.search(sentence.text)), bool(_MILD.search(sentence.text))
    stated = None if severe == mild else "critical" if severe else "significant"  # "severe hypertension (significant)" states neither clearly
    denied = bool(_NO_INTERACTION.search(sentence.text))
    wrong = fact is not None and (denied or (stated is not None and stated != fact.severity))
    verdict = Verdict.CONTRADICTED if wrong else Verdict.SUPPORTED if fact and not denied else Verdict.UNKNOWN
    return _claim(sentence, graph, a, Relation.INTERACTS_WITH, b.id, verdict, fact)


def _treatment(sentence: Sentence, graph: Graph, condition: Concept, drug: Concept) -> Claim:
    stated = "alternative" if _ALTERNATIVE.search(sentence.text) else "first" if _FIRST.search(sentence.text) else None
    fact = graph.fact(condition.id, Relation.TREATED_BY, drug.id)
    if fact is not None:
        verdict = Verdict.SUPPORTED if stated in (None, fact.line) else Verdict.CONTRADICTED
        if _DENIES.search(sentence.text):  # of what, or which drug, is not read
            verdict = Verdict.UNKNOWN
        return _claim(sentence, graph, condition, Relation.TREATED_BY, drug.id, verdict, fact)
    # A drug that the condition itself rules out is worse than unknown.
    forbidden = None if _DENIES.search(sentence.text) else graph.contraindication(drug.id, condition.id)
    return _claim(sentence, graph, condition, Relation.TREATED_BY, drug.id, Verdict.CONTRADICTED if forbidden else Verdict.UNKNOWN, forbidden)


def _doses(sentence: Sentence, graph: Graph) -> Iterator[Claim]:
    for drug, match in quantities(sentence):
        fact = graph.dose(drug.id)
        if fact is None or fact.dose is None:
            continue
        within = in_range(match, fact.dose)
        verdict = Verdict.UNKNOWN if within is None else Verdict.SUPPORTED if within else Verdict.CONTRADICTED
        yield _claim(sentence, graph, drug, Relation.DOSE, match.group(0), verdict, fact)


def quantities(sentence: Sentence) -> Iterator[tuple[Concept, re.Match[str]]]:
    """Each quantity with its drug: the one it stands beside ("ibuprofen 400 mg", "400 mg of ibuprofen"), else the nearest before it,
    else the sentence's only drug.
    """
    drugs = [(m, c) for m in sentence.mentions if (c := m.of_kind(Kind.DRUG))]
    starts = [m.start for m, _ in drugs]
    for match in QUANTITY.finditer(sentence.text):
        after = bisect(starts, match.start())
        before = drugs[after - 1] if after else None
        following = drugs[after] if after < len(drugs) else None
        is_its_own = before is not None and not sentence.text[before[0].end : match.start()].strip(" :(")
        if following and not is_its_own and _OF.fullmatch(sentence.text, match.end(), following[0].start):
            yield following[1], match
        elif before:
            yield before[1], match
        elif len(drugs) == 1:
            yield drugs[0][1], match


def quantity(match: re.Match[str]) -> tuple[float, float, str]:
    """Lowest and highest number of a `QUANTITY` match in mg (or its own unit when that is not a mass), and that unit."""
    low = _number(match[1])
    high = _number(match[2]) if match[2] else low
    unit = match[3].lower()
    factor = _UNITS.get(unit)
    return (low * factor, high * factor, "mg") if factor else (low, high, unit.rstrip("s"))


def _number(text: str) -> float:
    """ "4,000" is four thousand: read as a decimal it would hide an overdose. "2,5" is two and a half."""
    return float(text.replace(",", "") if re.match(_THOUSANDS, text) else text.replace(",", "."))


def in_range(match: re.Match[str], dose: Dose) -> bool | None:
    """Whether the quantity lies within the dose range; None when the units cannot be compared."""
    low, high, unit = quantity(match)
    factor = _UNITS.get(dose.unit.lower())
    if (unit == "mg") != (factor is not None) or (factor is None and unit != dose.unit.lower().rstrip("s")):
        return None
    scale = factor or 1.0
    tolerance = 1e-9 * dose.high * scale
    return dose.low * scale - tolerance <= low and high <= dose.high * scale + tolerance
