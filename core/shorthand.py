"""What a note says of the patient by a number or by shorthand, where no name of the graph stands: kidney function, weeks of pregnancy, allergies,
and what a person is called after an illness.

"eGFR 9", "28/40", "came out in hives after ciprofloxacin", "known asthmatic": each is added to the mentions of its sentence, so that what is denied or another
person's is told by the same rules as everything else.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from core.knowledge import Knowledge
from core.knowledge.graph import Concept, Kind
from core.knowledge.linker import Mention
from core.knowledge.sentences import Sentence
from core.types import Relation

RENAL, PREGNANCY = "CTX:severe_renal_impairment", "CTX:pregnancy"
SEVERE_GFR = 30
"""mL/min/1.73 m2; below it kidney function is severely reduced, or gone (KDIGO 2024, categories G4 and G5)."""
_FILTRATION = re.compile(
    r"\b(?:e?GFR|CrCl|CCr|creatinine clearance)\b(?:\s+(?:is|was|of|at|only|now|around|about|approximately|just|down to|below|under"
    r"|less than|fell|fallen|dropped|declined|has|from))*\s*[=:<~≈]*\s*(?:\d{1,3}(?:\.\d+)?\s*(?:to|->|→|then|now)\s*)?(\d{1,3}(?:\.\d+)?)",
    re.I,
)
_KIDNEYS = re.compile(
    r"\bend[- ]stage (?:renal|kidney) (?:disease|failure)\b|\bES[RK]D\b|\bCKD\s*(?:stage\s*|G)?[45]\b|\bstage\s*[45] (?:CKD|chronic kidney disease"
    r"|kidney disease)\b"
    r"|\b(?:on|needs|has) (?:haemo|hemo|peritoneal )?dialysis\b",
    re.I,
)
_PREGNANT = re.compile(
    r"\b\d{1,2}(?:\+\d)?\s?/\s?40\b|\bG\d\s?P\d\b[^.;]{0,30}?\b\d{1,2}(?:\+\d)?[\s-]?weeks?\b|\b(?:first|second|third|1st|2nd|3rd) trimester\b"
    r"|\b\d{1,2}(?:\+\d)? weeks?['’]? (?:of )?(?:gestation|pregnan\w+)\b",
    re.I,
)
# "Known asthmatic", "warfarinised": what a person is called after a condition or a drug that rules others out.
_CALLED = {
    "B01AA03": r"warfarini[sz]ed",
    "DOID:2841": r"asthmatics?",
    "DOID:1826": r"epileptics?",
    "DOID:10763": r"hypertensives?",
    "DOID:0061030": r"ha?emophiliacs?",
    "DOID:5082": r"cirrhotics?",
    "DOID:437": r"myasthenics?",
    "DOID:13268": r"porphyrics?",
    "DOID:5419": r"schizophrenics?",
    "DOID:1574": r"alcoholics?(?! (?:drinks?|beverages?|solutions?|hepatitis|liver|extracts?))",
    "DOID:14330": r"parkinsonian",
    "DOID:7998": r"hyperthyroid|thyrotoxic",
    "DOID:1459": r"hypothyroid",
    "DOID:4500": r"hypokala?emic",
    "DOID:12678": r"hypercalca?emic",
    "DOID:2862": r"G6PD[- ]deficient",
    "DOID:12129": r"bulimics?",
    "DOID:8689": r"anorexics?",
    "DOID:6364": r"migraineurs?",
}
_PERSON = re.compile("|".join(rf"(?P<{id.replace(':', '_')}>(?<![\w-])(?:{words})(?![\w-]))" for id, words in _CALLED.items()), re.I)
_REACTION = (
    r"(?:allerg\w+|intoleran\w+|hypersensitiv\w+|anaphyla\w+|react(?:s|ed|ions?)|rash|hives|urticaria|angio-?o?edema|(?:facial |lip |tongue )?swelling|wheez\w+"
    r"|(?:can(?:no|['’])t|cannot|must not) (?:take|have))"
)
_LINKS = (
    r"(?:[\s:–—-]+(?:status|to|after|with|from|on|is|are|the|of|taking|drugs?|previous|documented|known|severe|any|including|only|badly|severely)\b){0,4}"
    r"[\s:–—-]+"
)
_BEFORE_ALLERGEN = re.compile(rf"\b{_REACTION}{_LINKS}(?P<others>(?:[\w-]+(?:[,/]\s*|\s(?:and|or)\s)){{0,4}})$", re.I)
_WHOM = r"(?:him|her|them|me|(?:the|this|our|my) \w+)"
# "Penicillin gave him a rash", "made her come out in hives"; "given for a rash" and "caused no rash" are none.
_BROUGHT = (
    rf"(?:(?:ha[sd] )?(?:gave|caused|triggered|produced|made|brought)|ha[sd] given|(?:gives|makes|causes|brings) {_WHOM})\b"
    r"(?:\s+(?!(?:no|not|never|any|for|of|with|without|relief|then)\b)\w+){0,5}?"
)
# "Took amoxicillin, developed hives", "after amoxicillin he came out in a rash".
_THEN = r"(?:(?:and|then|he|she|i|they|has|had)\s+){0,4}(?:(?:came|come|broke) out in|developed|develops|got)\s+(?:an?\s+)?(?:\w+\s+)?"
_AFTER_ALLERGEN = re.compile(rf"\s*(?:[-–—:(=]+\s*)?{_REACTION}\b|\s+{_BROUGHT}\s+{_REACTION}\b|[,\s]+{_THEN}{_REACTION}\b", re.I)
# "NKDA except penicillin", "no allergies other than penicillin".
_ALL_BUT = re.compile(
    r"\b(?:NKD?A|allerg(?:y|ies))\b[\s,:(–—-]*"
    r"(?:(?:apart|aside) from|except(?:ion|ing)?(?: for| to| of)?|other than|besides|but(?: for)?|bar|save(?: for)?|only)"
    r"[\s:]+(?:to\s+)?(?:[\w-]+(?:[,/]\s*|\s(?:and|or)\s)){0,4}$",
    re.I,
)
_SHORT = {"pen": "penicillin", "pcn": "penicillin"}
_TALKED_OF = 60
"""Letters before an allergen in which the reaction stands."""


def with_findings(sentence: Sentence, knowledge: Knowledge) -> Sentence:
    """The sentence with mentions of what it says in shorthand."""
    found = sorted(_found(sentence, knowledge), key=lambda m: (m.start, m.end))
    if not found:
        return sentence
    named = [m for m in sentence.mentions if m.of_kind(Kind.CONTEXT)]
    added = [m for m in found if not _overlaps(m, named)]
    kept = (m for m in sentence.mentions if not _overlaps(m, added))
    return sentence._replace(mentions=tuple(sorted((*kept, *added), key=lambda m: (m.start, m.end))))


def _overlaps(mention: Mention, others: Sequence[Mention]) -> bool:
    """`others` are in order."""
    following = bisect_right(others, mention.start, key=lambda m: m.start)
    return any(o.start < mention.end and mention.start < o.end for o in others[max(0, following - 3) : following + 1])


def _found(sentence: Sentence, knowledge: Knowledge) -> Iterator[Mention]:
    text, concepts = sentence.text, knowledge.graph.concepts
    if renal := concepts.get(RENAL):
        yield from (_mention(m.start(), m.end(), text, renal) for m in _FILTRATION.finditer(text) if float(m[1]) < SEVERE_GFR)
        yield from (_mention(m.start(), m.end(), text, renal) for m in _KIDNEYS.finditer(text))
    if pregnancy := concepts.get(PREGNANCY):
        yield from (_mention(m.start(), m.end(), text, pregnancy) for m in _PREGNANT.finditer(text))
    for match in _PERSON.finditer(text):
        if condition := concepts.get((match.lastgroup or "").replace("_", ":")):
            yield _mention(match.start(), match.end(), text, condition)
    for start, end, allergies in _allergens(sentence, knowledge):
        if reaction := _BEFORE_ALLERGEN.search(text, max(0, start - _TALKED_OF), start):
            begin, stop = start if reaction["others"] else reaction.start(), end
        elif reaction := _AFTER_ALLERGEN.match(text, end):
            begin, stop = start, reaction.end()
        elif _ALL_BUT.search(text, max(0, start - _TALKED_OF), start):
            begin, stop = start, end
        else:
            continue
        yield from (_mention(begin, stop, text, allergy) for allergy in allergies)


def _mention(start: int, end: int, text: str, concept: Concept) -> Mention:
    return Mention(start, end, text[start:end], (concept,))


def _allergens(sentence: Sentence, knowledge: Knowledge) -> Iterator[tuple[int, int, tuple[Concept, ...]]]:
    """Drugs and groups of drugs in the sentence, each with the allergies that it may stand for."""
    for mention in sentence.mentions:
        if (drug := mention.of_kind(Kind.DRUG, Kind.CLASS)) and (allergies := _allergies_to(drug.id, knowledge)):
            yield mention.start, mention.end, allergies
    named, pattern = _groups(knowledge)
    for match in pattern.finditer(sentence.text) if named else ():
        yield match.start(), match.end(), named[match[1].lower()]


@lru_cache(maxsize=1024)
def _allergies_to(drug: str, knowledge: Knowledge) -> tuple[Concept, ...]:
    """The allergies that rule the drug out, or any drug of the class."""
    graph = knowledge.graph
    drugs = (drug, *graph.members(drug)) if graph.concept(drug).kind is Kind.CLASS else (drug,)
    found = (graph.concept(f.object) for d in drugs for f in graph.facts_from(d, Relation.CONTRAINDICATED_IN))
    return tuple(dict.fromkeys(c for c in found if c.group == "allergy"))


@lru_cache(maxsize=4)
def _groups(knowledge: Knowledge) -> tuple[Mapping[str, tuple[Concept, ...]], re.Pattern[str]]:
    """What the names of allergies are about ("penicillin", "sulfa drug"), and a pattern that finds them and their plurals."""
    named: dict[str, tuple[Concept, ...]] = {}
    for concept in knowledge.graph.of_kind(Kind.CONTEXT):
        for name in concept.names if concept.group == "allergy" else ():
            if about := re.fullmatch(r"(.+?)(?: allergy| hypersensitivity)|(?:allergic|allergy) to (.+?)s?", name, re.I):
                named.setdefault((about[1] or about[2]).lower(), (concept,))
    named |= {short: named[full] for short, full in _SHORT.items() if full in named}
    words = "|".join(map(re.escape, sorted(named, key=len, reverse=True)))
    return named, re.compile(rf"\b({words})s?\b", re.I)
