"""The words by which a question says what it asks, and which of two conditions it is about.

Kept together because they are tuned together: `tests/benchmarks/bench_evidence.py` says what each change does to the exam.
"""

import re

from core.types import Relation


def _words(*parts: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(parts)})\b", re.I)


NOUNS: tuple[tuple[Relation, re.Pattern[str]], ...] = (
    (Relation.DOSE, _words(r"dos(?:e|es|ed|age|ages|ing)", "how much", r"how many (?:mg|milligrams?|units|tablets)", "quantity", "amount")),
    (
        Relation.INTERACTS_WITH,
        _words(
            r"interact\w*", r"combin\w*", "together", r"clash\w*", r"mix\w*", r"co-prescri\w+", "on top of", "does not go", "poison",
            r"(?:taken|given|used) (?:together )?with", "added to", r"(?:drug|medicine|medication)s? .{0,12}\bavoid",
        ),
    ),
    (
        Relation.CONTRAINDICATED_IN,
        _words(
            r"contra-?indicat\w*", r"avoid\w*", "unsuitable", "unsafe", r"with(?:held|hold)", r"forbid\w*", r"prohibit\w*", r"rules? .{0,30}\bout",
            r"(?:must|should) (?:not|never)",
        ),
    ),
    (Relation.IS_A, _words("class(?:es)?", "(?:what|which|a) (?:kind|type|sort|form)s? of", "belongs? to", "(?:kind|type|form|member)s of")),
    (
        Relation.HAS_SYMPTOM,
        _words(
            "symptoms?", "signs?", "features?", "complaints?", r"manifest\w*", "presentation", "clinical picture", "findings?", "tell apart",
            r"tell .{1,60} from", r"distinguish\w*", r"compar\w+", r"differ\w*", "look like",
            r"watch (?:out )?for", r"how (?:does|do) .{1,60} (?:start|begin)",
        ),
    ),
    (
        Relation.INVESTIGATED_BY,
        _words(
            "tests?", "tested", r"investigat\w*", "(?:which|what) examination", r"stud(?:y|ies)", "procedures?", r"work(?:ed|-)?\s?up", "diagnostic",
            "methods?",
            r"confirm\w*",
            "prove[sn]?", r"diagnosed(?! with)",
        ),
    ),
    (Relation.RED_FLAG, _words("red flags?", "urgent", "emergency", r"safety[- ]net\w*", r"watch (?:out )?for", "can it wait", r"follow[- ]?up",
    "seek (?:help|care|advice)", "come back", "call for help", "look out for", r"bring .{1,20} back", "without delay")),
    (
        Relation.TREATED_BY,
        _words(
            "drugs?", "medicines?", "medications?", r"treat\w*", r"therap\w*", "(?:first|second)[- ]line", "(?:first|second) choice", r"remed\w*", "agents?",
            "used for", r"indicat\w+", "alternatives?", "options?", r"prescri\w*", r"manag\w*", "plan",
        ),
    ),
)  # fmt: skip
"""What a question names outright."""
VERBS: tuple[tuple[Relation, re.Pattern[str]], ...] = (
    (Relation.DOSE, _words("how often", "how many", "mg")),
    (Relation.INTERACTS_WITH, _words("add", "besides", "plus")),
    (
        Relation.CONTRAINDICATED_IN,
        _words(
            "safe", "allowed", "okay", "dangerous", "bad choice", "speaks? against", r"exclud\w+", "acceptable", "before (?:giving|starting|using)",
            "who (?:can|may)", "whom", "not take",
        ),
    ),
    (
        Relation.HAS_SYMPTOM,
        _words(
            r"presents?(?!\s+with)", "recogni[sz]e", "spot", r"notic\w+", "shows?", "appears?", "feels?", "expect", "complains? of", "have", "experience",
            "detect", "identify",
        ),
    ),
    (Relation.INVESTIGATED_BY, _words(r"diagnos\w*", "(?:needed|required|do) to", "order", "request", r"detect\w*", r"establish\w*", r"verif\w*",
    "shown", r"suspect\w*")),
    (
        Relation.RED_FLAG,
        _words("develops?", "next", "done", "advi[cs]e", "react", "act", "respond", "serious", "dangerous",
        "what (?:should|do|must|can) (?:i|we|you) do", "what now"),
    ),
    (
        Relation.TREATED_BY,
        _words(
            "give", "use", "choose", "order", "start", "begin", "helps?", "take", "offer", "recommend", "suits?", "suitable", "pick", "first",
            "next", "else", "works?",
            "kills?", "against", "instead", "right",
        ),
    ),
)  # fmt: skip
"""Read only where nothing is named outright: they say less."""
COMPARES = _words("tell apart", r"tell .{1,60} from", r"distinguish\w*", r"compar\w+", r"differ\w*", "versus", "vs", "rather than")
DIAGNOSIS = _words(
    r"diagnos\w*", "(?:which|what) (?:condition|disease|illness)", "(?:likely|probable) (?:condition|disease|cause)", "differential", "causes?", "explains?",
    "what (?:is|could|might) (?:it|this|be)", "wrong", "suspect", "comes to mind", "going on", "more likely", "work (?:up|through)", "assessment",
    "vignette", "case",
)  # fmt: skip


def _before_name(*parts: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(parts)})\s*:?\s*(?:an?\s+|the\s+)?$", re.I)


HISTORY = _before_name(
    "history(?: of|:| includes)?", "known(?: to have| for| with)?", "background(?: of)?", "comorbidit(?:y|ies)", "also(?: has| have)?", "who (?:also )?has",
    "despite", "given", "although there is", "(?:if|when) (?:there is|the patient (?:also )?has)", "past", r"allerg\w+ to",
    r"in (?:the presence of|(?:a |an |the )?(?:\w+ )?(?:patients?|someone|people|adults?) with)",
)  # fmt: skip
"""Right before a condition: it is the patient's past or present, not what is asked about."""
SUBJECT = _before_name(
    "for", "of", "against", "treats?", "treating", "managing?", "manage", "confirms?", "now (?:has|have|with)", "develops?",
    "(?:presents?|comes?) with", "newly",
    r"suspect\w*",
)  # fmt: skip
MAY_BE_HISTORY = _before_name("patients? with", "someone with", "(?:the|my) patient (?:also )?has", "and", "with", "in")
TAKES = re.compile(
    r"\b(?:tak(?:es|ing)|on|us(?:es|ing)|gets|receiv\w+|treated with|(?:current )?(?:drugs?|medications?|medicines?|meds)|current|besides|together with)\s*:?"
    r"\s*(?:(?:\w+,? ){1,6}(?:and|or) )?$",
    re.I,
)
"""Right before a drug: the patient has it already."""
ASKS_WHAT_FITS = re.compile(r"\b(?:which|what|that)\b[\w\s-]{0,30}$", re.I)
"""Before "fits", which is also a name of seizures."""
GENERIC = re.compile(
    r"symptoms?|signs?|features?|findings?|diseases?|conditions?|disorders?|syndromes?|illness(?:es)?|infections?|drugs?|medicines?|allerg(?:y|ies)", re.I
)
"""Names that name nothing."""
REACH = 60
"""Characters before a name in which such words are looked for."""
