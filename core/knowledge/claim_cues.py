"""The words by which a clause states a relation, denies it, or says how firmly. Read by `core.knowledge.claims` alone.

All of them are in lower case and meant for text in lower case: a search that ignores case takes 2.4 to 3.3 times as long.
"""

import re


class Cue:
    """A pattern that is tried only on text with one of its signs: most clauses have none, and that is seen in less than half the time."""

    __slots__ = ("pattern", "signs")

    def __init__(self, pattern: re.Pattern[str], *signs: str) -> None:
        self.pattern, self.signs = pattern, signs

    def search(self, text: str) -> re.Match[str] | None:
        for sign in self.signs:
            if sign in text:
                return self.pattern.search(text)
        return None


def _words(*parts: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(parts)})(?!\w)")


def _before(*parts: str) -> re.Pattern[str]:
    """The words right before a name."""
    return re.compile(rf"\b(?:{'|'.join(parts)})\s+(?:(?:an?|the)\s+)?$")


_VERB = r"(?:give|prescribe|start|use|avoid|offer|choose|switch to|stop|do not|never)"
CLAUSE_END = re.compile(
    r"(?<!anything)(?<!nothing)\s*[,:]?\s+(?:but|however|although|though|whereas|yet|therefore|hence|because(?! of)|so(?! that)|which)\s+"
    rf"|,\s*(?=(?:(?:and|then|so|please|instead)\s+){{0,2}}{_VERB}\b)"
    r"|\s+and\s+(?=(?:is|are|does|do|should|must|interacts?|treats?|give|avoid|it)\b)",
)

FORBIDS = Cue(
    _words(
    r"contra-?indicat\w*", "avoid(?:ed|ing)?", "must not", "mustn['’]t", "should not", "shouldn['’]t",
    "(?:do not|don['’]t|never) (?:give|use|prescribe|take|start|combine)", "not (?:safe|suitable|recommended)", "not to be (?:given|used)",
    "unsafe", "unsuitable", "never", "forbidden", "ruled out",
),
    "contra", "avoid", "not", "n't", "n’t", "never", "unsafe", "unsuit", "forbid", "ruled out",
)  # fmt: skip
ALLOWS = Cue(
    _words(
    r"(?:is|are) (?:\w+ly )?safe", r"(?:no longer|never|hardly|anything but) (?:\w+ )?contra-?indicated",
    r"(?<!not )(?<!never )(?<!n't )safe (?:in|for|with|to)", "(?:is|are) (?:(?:well|perfectly|quite|fully) )?suit(?:able|ed)",
    "well tolerated in", "no (?:dose )?adjustment", "(?:fine|all right|no problem|unproblematic) (?:in|for|with)", "not (?:be )?contra-?indicated",
    "(?:isn|aren)['’]t contra-?indicated", "no contra-?indications?", "can (?:(?:safely|also|still|well) )*(?:be (?:given|used|taken)|take|have|receive|use)",
    "no (?:need|reason) to avoid", "need not (?:be avoided|avoid)",
),
    "safe", "suitab", "contra", "can ", "avoid",
)  # fmt: skip
FORBIDS_NEXT = re.compile(r"avoid(?:ing)?|(?:do not|don['’]t|never) \w+|contra-?indications?|(?:must|should) ?n[o'’]t")
""" "Avoid X" forbids what follows; "X must not be given" what stands before, if anything does."""
FOR_TREATMENT = re.compile(r"\b(?:for|to treat|treating|against|treatment of)\s+(?:the\s+|an?\s+|treating\s+)?$")

INTERACTS = Cue(
    _words("interact(?:s|ed|ion|ions|ing)?", "(?:taken|given|used) together", "in combination", "combin(?:e|es|ing|ed (?:with|together)|ations? (?:of|with))"),
    "interact",
    "together",
    "combin",
)
NO_INTERACTION = Cue(
    re.compile(
        r"\b(?:no (?:\w+ ){0,3}interactions?|(?:not|never) (?:\w+ )?interact\w*|safe(?:ly)? (?:together|(?:be )?(?:combined|taken together))"
        r"|can (?:safely )?be (?:combined|(?:taken|given|used) together))\b|n['’]t interact\w*",
    ),
    "interact",
    "together",
    "combin",
)
JOINS = re.compile(r"\b(?:goes? well with|add\b|alongside|together with|on top of|combined? with|fits? with)")
"""Puts two drugs together: false where a row says that they interact, and no claim elsewhere."""
GENERIC = frozenset(
    (
        "they",
        "inter",
        "drugs",
        "toget",
        "incre",
        "raise",
        "risk",
        "risks",
        "sever",
        "serio",
        "highe",
        "more",
        "with",
        "possi",
        "may",
        "cause",
        "from",
        "effec",
        "their",
        "both",
    )
)
"""Beginnings of words that say nothing of what an interaction does."""
SEVERE = _words("critical(?:ly)?", "severe(?:ly)?", "serious(?:ly)?", "dangerous(?:ly)?", "life[- ]threatening", "major", "fatal", "deadly", "lethal")
TRIVIAL = _words(
    "mild(?:ly)?", "minor", "slight(?:ly)?", "negligible", "harmless", "trivial", "unimportant", "irrelevant", "insignificant", "of no (?:concern|importance)"
)  # fmt: skip
"""No row says so of an interaction."""
MILD = _words("significant(?:ly)?", "moderate(?:ly)?")

DENIES = Cue(
    re.compile(
        r"\b(?:not|never|n[o'’]t|cannot|neither|nor|without|no longer|unlikely|rarely|seldom|hardly|scarcely|anything but"
        r"|far from|(?:argu|speak)(?:es?|s|ing)? against"
        r"|rul(?:es?|ed|ing) out|exclude[sd]?|fails? to|lacks?|absent|useless|ineffective|untypical|atypical(?! antipsychotics?\b)"
        r"|no (?:red flag|symptom|sign|feature|treatment|place|role|evidence|proof|benefit|effect|use|value|reason))\b(?! only\b)|n['’]t\b",
    ),
    "not",
    "n't",
    "n’t",
    "never",
    "nor",
    "neither",
    "without",
    "no ",
    "unlikely",
    "rarely",
    "seldom",
    "hardly",
    "scarcely",
    "anything but",
    "far from",
    "against",
    "rul",
    "exclude",
    "fail",
    "lack",
    "absent",
    "useless",
    "ineffective",
    "typical",
)
DENIED_NAME = re.compile(r"\b(?:not|never|anything but|except|other than)\s+(?:(?:an?|the|with|by|to be)\s+){0,2}$")
"""Right before a drug: this one is denied, others of the clause are not."""
_AUXILIARY = "(?:do|does|did|is|are|was|were|has|have|can|could|will|would)"
_BETWEEN = (
    "(?:usually|normally|typically|commonly|generally|effectively|be|been|an?|any|the|known|listed|considered|used|given|as|typical|common|usual|suitable"
    "|effective|one|of|for|to|recommended)"
)
CLEARLY_DENIED = re.compile(rf"\b(?:{_AUXILIARY}\s+not|(?:{_AUXILIARY}|ca|wo)n['’]t|cannot|never|no longer)\s+(?:{_BETWEEN}\s+){{0,4}}$")
"""Ends where the word of the relation begins: "does not usually | treat", "is not a | symptom"."""

FIRST = Cue(
    _words(
    "first[- ]line", "(?:drug|treatment|medicine|agent)s? of (?:first )?choice", "first[- ]choice",
    "initial(?:ly)?", "com(?:es?|ing) first", "first,", "(?:start|begin)s? (?:with|on)",
    "to begin with", "preferred", "mainstay"
),
    "first", "choice", "initial", "start", "begin", "prefer", "mainstay",
)  # fmt: skip
ALTERNATIVE = Cue(
    _words("second[- ]line", "second[- ]choice", "alternatives?", "alternatively", "instead"),
    "alternativ",
    "second",
    "instead",
)
TREATS = _words(
    "treat(?:s|ed|ment|ments|ing)?", "manag(?:es|ed|ement|ing)", "prescrib(?:e|es|ed)", "gives?", "given", "start", "used?", "offer", "choose",
    "recommend(?:ed|s)?", "therapy", "drugs?", "medicines?", "cures?", "help(?:s|ful)?", "works?", "effective", "relieves?",
)  # fmt: skip
ANY_TREATMENT = re.compile("|".join(p.pattern for p in (TREATS, FIRST.pattern, ALTERNATIVE.pattern)))
GIVES = _words(
    "give", "prescribe", "start", "offer", "choose", "recommend", "treat(?:ed)? with", "manage with", "treatment is", "first[- ]line", "drug of choice",
    "alternative", "switch to", "use",
)  # fmt: skip
GOES_ON = re.compile(r"\s*(?:it |they )?(?:treats?|is|are|does|do|helps?|can|could|works?|used)\b")
"""How a clause begins that says more of the drug just spoken of."""
NOT_GIVEN = _before(
    "on", "taking", "takes?", "receiv(?:es|ing)", "current(?:ly)?(?: drug| medication)?:?", "instead of", "rather than", "than", "without", "unlike",
    "stop(?:ping)?", "already", "alternatives? to", "allergic to", "patients? with", "failed", "intolerant (?:of|to)",
)  # fmt: skip
"""Right before a drug: it is taken already, or set aside."""

INVESTIGATES = _words(
    "confirm(?:s|ed|ing|ation|atory)?", r"investigat\w+", "diagnos(?:ed|tic|e|es) (?:by|with|using|on|test)", "diagnoses", "tests?", "proven", "proves?",
    "established by", "work-?up", "order", "diagnosis by", "excluded",
)  # fmt: skip
SYMPTOM = _words(
    "symptoms?", "signs?", "presents?", "presenting", "presentation", "features?", "complain(?:s|ts?)?", "causes?", r"manifest\w*", r"characteri[sz]ed",
    "typically", "include[sd]?", "(?:argu|speak)(?:es?|s|ing)? against", "(?:seen|found|occurs?|common|usual|expected) in", "belongs? to", "points? to",
    "go(?:es)? with", "expect",
)  # fmt: skip
RED_FLAG = _words(
    "red[- ]flags?", "urgent(?:ly)?", "emergency", "emergencies", "call (?:999|112|911|an ambulance)", "hospital", "same day", "immediately"
)  # fmt: skip
IS_A = re.compile(
    r"\s*(?:(?:is|are|was|were|belongs?)\s+(?:(?P<not>not)\s+)?(?:also\s+)?(?:to\s+)?(?:(?:an?|the)\s+)?"
    r"(?:(?:kind|type|sort|form|member|class)e?s?\s+of\s+)?(?:(?:an?|the)\s+)?|,\s+an?\s+|\s*\(an?\s+)",
)
"""Stands between a concept and its class: "is a", "belongs to the", or a mere ", a"."""
DIAGNOSIS = Cue(
    _words(
    "diagnos(?:is|es) (?:is|of|would be)", "diagnosed (?:with|as)", "likely", "probabl[ey]", "suggests?", "suggestive of", "consistent with", "points? to",
    "indicat(?:es|ive of)", "suspect(?:ed)?", "this is", "typical of",
),
    "diagnos", "likely", "probab", "suggest", "consistent", "point", "indicat", "suspect", "this is", "typical of",
)  # fmt: skip
