"""Whether what a pattern found in a text is so here and now, rather than denied, over, feared, or the subject of a general question.

In doubt it is so. A word of the past or a denial sets aside only what it governs: "history of asthma, crushing chest pain" and "no allergies,
crushing chest pain" tell of a chest pain, "no cough, fever or crushing chest pain" does not.
"""

import re

_SENTENCE_END = re.compile(r"[.!?;]+(?=\s|$)|\n")
_REACH = 300
"""Letters on either side of what was found that belong to its sentence."""

# --- denied --------------------------------------------------------------------------------------------------------------

# What may stand between a denial and what it denies: "has not had any recent". A noun or a verb of its own ends it: "has not slept and is".
_FILLER = (
    r"(?:any|an?|the|of|for|to|on|in|at|all|his|her|my|their|your|history|evidence|signs?|symptoms?|episodes?|features?|complaints?"
    r"|thoughts?|plans?|intent\w*|ha(?:ve|d|s|ving)|be(?:en|ing)?|feel\w*|felt|experienc\w+|report\w*|describ\w+|complain\w*|thinking|planning"
    r"|going|tr(?:y|ied|ying)|want\w*|current(?:ly)?|active(?:ly)?|recent(?:ly)?|acute|sudden|severe|further|more|other|known|previous|past|associated"
    r"|t(?:ook|ak(?:e|en|ing))|clinical|obvious|overt|frank|suspected|actually|really|ever|new|crushing|central|heavy|retrosternal|tearing"
    r"|ripping|thunderclap|swollen|bright|red|fresh|focal|limbs?|left|right|arms?|legs?|face|facial|hands?|one[- ]sided|unilateral|bilateral|upper|lower"
    r"|exertional|pleuritic|typical|convincing)"
)
_FINDING = (
    r"(?:\w+[\s-]){0,2}?(?:pains?|aches?|headaches?|fevers?|chills|rigors|cough\w*|dyspn\w+|breathless\w*|shortness of breath|sob|orthopn\w+|wheez\w*"
    r"|palpitations?|syncope|presyncope|dizz\w+|nausea|vomit\w*|diarrh\w+|photophobia|neck stiffness|stiff neck|rash\w*|weakness|numbness|tingling"
    r"|confusion|drowsiness|seizures?|sweat\w*|swelling|oedema|edema|bleeding|blood|ha?emat\w+|ha?emopt\w+|mela?ena|vision|visual \w+|diplopia|dysuria"
    r"|trauma|injur\w+|falls?|collapse|faint\w*|weight loss|hallucinations?|self[- ]harm|suicid\w+(?: \w+)?|plans?|intent|delusions?|loss of \w+"
    r"|incontinence|stridor|cyanosis|pallor|lethargy|fatigue|chest (?:tightness|pressure)|dysphagia|dysarthria|aphasia|droop)"
)
_VERB = r"(?:is|are|was|were|has|had|having|now|but|took|i|he|she|they|who|because|since|presents?|today|wants?|feels?|found|became)"
_WORD = rf"(?!(?:{_VERB}|and)\b)[\w/'’-]+"
_MEMBER = rf"{_WORD}(?:\s+{_WORD}){{0,3}}"
_OR = r"\s*,?\s*\bn?or\s+"
_DENIES = r"\b(?:denie[sd]|deny(?:ing)?|negative for|free of)(?: that)?(?: (?:he|she|they|i))?"
_NO = r"(?:\b(?:no|neither|not(?! (?:sure|certain|clear|known|only|just|merely|ruled out|excluded)\b)|without|never|ruled out)|n['’]t have)"
_FILLED = rf"(?:{_FILLER}\s+)*"
_DIRECTLY = re.compile(rf"(?:{_DENIES}|{_NO})\s+{_FILLED}$", re.I)
# A list that "or" joins is denied by any denial; one of commas and "and" by the words that open a list of findings.
_LIST_WITH_OR = re.compile(rf"(?:{_DENIES}|{_NO})\s+{_MEMBER}(?:\s*,\s*{_MEMBER}){{0,6}}{_OR}{_FILLED}$", re.I)
_LIST_OF_FINDINGS = re.compile(
    rf"{_DENIES}\s+{_FILLED}{_FINDING}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|{_OR}){_FILLED}{_FINDING}){{0,8}}(?:\s*,\s*|\s*,?\s*and\s+){_FILLED}$", re.I
)
_OPEN_LIST = re.compile(rf"{_NO}\s+{_FILLED}{_FINDING}(?:\s*,\s*{_FILLED}{_FINDING}){{0,8}}\s*,\s*{_FILLED}$", re.I)
_GOES_ON_WITH_OR = re.compile(rf"{_MEMBER}(?:\s*,\s*{_MEMBER}){{0,6}}{_OR}{_FILLED}{_FINDING}", re.I)
# "Suicidal thoughts: none", "haematemesis: nil", "suicidal ideation denied".
_DENIED_AFTER = re.compile(r"^\w*(?:\s+\w+){0,2}?(?:\s*[:=–-]\s*(?:none|nil|no|denied|denies|negative|-ve|absent)\b|\s+(?:is |was |are |were )?denied\b)", re.I)
_OWN_TIME = re.compile(r"^[^.,;]{0,20}?\b(?:present|radiating|spreading|since|started|began)\b", re.I)
_BEGINS_WITH_VERB = re.compile(rf"\W*(?:{_VERB}|having|take\w*)\b", re.I)
# "I have never had pain like this" and "never before" tell of what is here.
_NEVER = re.compile(rf"\bnever\s+{_FILLED}(?:such\s+{_FILLED})?$", re.I)
_LIKE_THIS = re.compile(
    r"\bsuch\b|\b(?:like (?:this|it|that)|(?:this|so|as|that) (?:bad|severe|strong|intense|much)|before|until (?:now|today)|till now)\b", re.I
)

# --- over ----------------------------------------------------------------------------------------------------------------

_PAST_BEFORE = re.compile(
    rf"\b(?:history of|h/o|previous(?:ly)?|once had|died of|used to|childhood)\s+(?:(?:multiple|several|recurrent|one|two|attempted)\s+|{_FILLER}\s+)*$",
    re.I,
)
_LONG_AGO = (
    r"(?:(?:years|months) ago|last (?:year|month|winter|summer|spring|autumn)|in (?:19|20)\d\d|(?:in )?(?:early )?childhood|as a (?:child|kid|baby)"
    r"|in the past|long ago)"
)
# In a list of allergies or of past illnesses anaphylaxis is what a drug once did.
_ANAPHYLAXIS = re.compile(r"anaphyla", re.I)
_LISTED_AS_PAST = re.compile(r"\b(?:PMHx?|allerg(?:y|ies|ic to)|NKDA except)\b(?![^.;\n]*\b(?:now|today|currently|just|again)\b)[^.;\n]{0,60}$", re.I)
_RECOVERED = re.compile(r"^[^.;]{0,60}?[\s,](?:ha(?:s|ve|d) )?fully recovered\b(?! from)", re.I)
_IS_LONG_AGO = re.compile(rf"\b{_LONG_AGO}\b", re.I)
_COUNTED = r"(?:(?:about|some|around|over|back|only|just|an?|few|couple|of|several|many|\d+|two|three|four|five|six|seven|eight|nine|ten|twenty|thirty)\s+)*"
# After it as far as a clause goes, or a comma and nothing but the time ("anaphylaxis, ten years ago").
_PAST_AFTER = re.compile(
    rf"^(?:\W*{_COUNTED}"
    r"|\w*\s*(?:(?!(?:and|but|with|now|since|on|who|while|is|after|like|as(?! an? )|than|similar|same)\b)[^\s,;]+\s+){0,12}?"
    rf"(?:[^\s,;]+,\s*{_COUNTED})?){_LONG_AGO}\b",
    re.I,
)
# "A 3-day history of", "history of pain for two hours": the illness that brings the patient.
_SPAN = r"(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|few|several|half)"
_PRESENTING = re.compile(
    rf"\b(?:{_SPAN}[\s-]*(?:min(?:ute)?s?|hrs?|hours?|h|days?|d|weeks?|wks?|months?)['’]?|short|brief|acute|recent|sudden|present\w* with (?:an? |the )?)"
    r"[\s-]*(?:\w+ )?history of\b[^.]{0,40}$",
    re.I,
)
_LASTS = re.compile(
    rf"^[^.,;]{{0,40}}?\b(?:for (?:the )?(?:last |past |over |about )*{_SPAN} (?:min(?:ute)?s?|hrs?|hours?|days?)|since (?:this|yesterday|last night|waking|\d)"
    r"|today|this (?:morning|afternoon|evening))\b",
    re.I,
)
# "In 2015 he had", "three years ago, she": the time opens the clause and nothing else comes between.
_OPENS_CLAUSE = re.compile(rf"(?:^|[,;:]|\b(?:and|but)\b)\W*{_COUNTED}{_LONG_AGO}\s*,?\s*(?:(?:my|her|his|the|our)\s+)?(?:\w+\s+)?(?:{_FILLER}\s+)*$", re.I)
_AND_THEN = re.compile(r"[,;]|\b(?:and|but|now)\b", re.I)
_NOW = re.compile(r"\b(?:now|today|tonight|currently|again|at present|this (?:morning|afternoon|evening)|just)\b", re.I)

# --- talked of -----------------------------------------------------------------------------------------------------------

_ASKED = (
    r"(?:what (?:is|are|was|were|do|does|causes?|drugs?|percentage|would|should)|which|how|why|when|explain|describe|define|list|name|write|draft|prepare"
    r"|summari[sz]e"
    r"|teach|compare|outline|discuss|tell me about|difference|mechanism|is there|does|do|are there|can|should|is|if|in case of|in the event of"
    r"|hypothetically)"
)
_GENERAL = re.compile(
    rf"^\W*(?:please )?(?!what (?:should|shall|can|do|must) (?:i|we) do\b(?! (?:if|when|in|about|for|with)\b)){_ASKED}\b|(?<!what )\bshould (?:i|you)\b", re.I
)
_WRITTEN = r"(?:leaflets?|MCQs?|guidelines?|guidance|protocol|lecture|teaching|training|warning signs|red flags)"
# What is before what was found and speaks of it: a text, a fear, a risk. "Crushing chest pain, family history of MI" and "FHx MI, crushing chest pain"
# tell of a chest pain all the same.
_SPEAKS_OF = re.compile(
    rf"\b{_WRITTEN}(?:\s*:|\s+(?:for|on|of|about|in|that)\b)"
    r"|\b(?:in case of|in the event of|plan for possible|risk (?:of|factors?)|prevent\w*|worried about|screen\w*|family history|FHx?|mechanism"
    rf"|{_WRITTEN})\b(?!.*(?:[,;]|\b(?:has|have|had|is|are|was|but|and|now|with|who|presents?)\b))",
    re.I,
)
_IS_SPOKEN_OF = re.compile(rf"^\w*(?:\s+\w+){{0,2}}?\s+(?:{_WRITTEN}|session|screening|prevention|prophylaxis|risk|mechanism)\b", re.I)
_IF = re.compile(r"\b(?:if (?:he|she|they|i|you|someone|a \w+)|should (?:he|she|they|someone|a \w+))\b", re.I)
# What follows the clause is no longer supposed, and who is not sure, or asks, supposes nothing: "not sure if he should go, he has chest pain".
_SUPPOSED = re.compile(rf"(?<!sure )(?<!know )(?<!asks )(?<!ask )(?<!wonder )(?<!wondering )(?<!check )(?<!tell me ){_IF.pattern}[^,;:]*$", re.I)
_WHAT_IF = re.compile(r"^\W*(?:what|how)\b.*\b(?:if|in case)\b", re.I)
# Somebody has it now: what reads like a general question is about a patient all the same.
_SOMEBODY = re.compile(
    r"\b(?:i['’]?m|i (?:am|have|feel|took|want|think|can['’]?t)|my|(?:he|she|they)(?:['’]s| is| has| are| have| was| took| took)|pt|(?:the|this|our"
    r"|a) patient (?:has|is|with|took)"
    r"|\d{1,3}\s?(?:[FM]\b|yo\b|y/o)|\d{1,3}[\s-]years?[\s-]old\b[^.?\n]{0,80}?\b(?:has|is|with|presents)"
    r"|(?<!when )should (?:i|we) (?:call|go|ring|phone|see|come|wait|worry|be worried)|now|sudden\w*)\b",
    re.I,
)


def is_now(text: str, match: re.Match[str]) -> bool:
    """Whether what was found is the case, and not denied, over, feared, or the subject of a general question."""
    before = text[max(0, match.start() - _REACH) : match.start()]
    before = before[max((m.end() for m in _SENTENCE_END.finditer(before)), default=0) :]
    after = _SENTENCE_END.split(text[match.end() : match.end() + _REACH], maxsplit=1)[0]
    if _is_denied(before, match[0], after) or _is_over(before, match[0], after) or _SUPPOSED.search(before) or _IF.search(match[0]):
        return False
    is_talked_of = _GENERAL.search(before + match[0]) or _SPEAKS_OF.search(before) or _IS_SPOKEN_OF.search(after)
    return not is_talked_of or (_SOMEBODY.search(before + match[0] + after) is not None and not _WHAT_IF.search(before + match[0]))


def _is_denied(before: str, found: str, after: str) -> bool:
    if _NEVER.search(before) and (_LIKE_THIS.search(before) or _LIKE_THIS.search(after)):
        return False
    if _DIRECTLY.search(before) or _LIST_WITH_OR.search(before) or _DENIED_AFTER.match(after):
        return True
    if _LIST_OF_FINDINGS.search(before):
        return not _BEGINS_WITH_VERB.match(found) and not _LASTS.match(after) and not _OWN_TIME.match(after)
    return _OPEN_LIST.search(before) is not None and _GOES_ON_WITH_OR.match(found + after) is not None


def _is_over(before: str, found: str, after: str) -> bool:
    if _NOW.search(found):
        return False
    if _ANAPHYLAXIS.match(found) and _LISTED_AS_PAST.search(before):
        return True
    if _PRESENTING.search(before) or _LASTS.match(after):
        return False
    if _PAST_BEFORE.search(before) or _OPENS_CLAUSE.search(before) or _RECOVERED.search(after):
        return True
    if _IS_LONG_AGO.search(found):  # "chest pain last year with sweating"
        return not _AND_THEN.search(found)
    past = _PAST_AFTER.search(after)
    return past is not None and not _NOW.search(past[0])
