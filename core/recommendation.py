"""Which drugs a text recommends: those that it names without warning of them, and those of a question that it agrees to.

In doubt a drug counts as recommended. What sets it aside is read from the words around it: those before it in its clause ("avoid X", "not
suitable: X", "I would not give X"), those after it ("X is contraindicated", "X carries too much risk"), or the next sentence, where the
first only raises it ("X? No.", "Most would get X. She should not."). A warning that is itself denied ("no reason to withhold X") is none.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import zip_longest

from core.knowledge import Knowledge
from core.knowledge.graph import Concept, Kind
from core.knowledge.sentences import Sentence, sentences

_NOT = (
    r"(?:(?:do|does|did|must|should|shall|can|could|would|will|may|need|is|are|was|were|am|has|have|had|ought)(?: not|n['’]?t)|cannot"
    r"|(?:ca|wo|sha)n['’]?t|never|not|n['’]t)"
)
# What is done with a drug. A bare negation warns only of one of these: "the history does not change management: X" does not.
_GIVING = (
    r"(?:giv\w+|us(?:e|es|ed|ing)|tak(?:e|es|en|ing)|prescri\w+|start\w*|begin\w*|offer\w*|recommend\w*|consider\w*|choos\w+|add\w*|initiat\w+|administer\w*"
    r"|continu\w+|co-\w+|combin\w+|have|ha[sd]|receiv\w+|go\w* (?:for|with)|suggest\w*|advi[sc]e\w*|support\w*|favou?r\w*|pick\w*|opt\w*|try\w*|put|be|get\w*"
    r"|happy|comfortable|appropriate|suitable|safe|wise|sensible|right|ok(?:ay)?|fine|acceptable|advisable|indicated|allowed|possible|mix\w*|swallow\w*)"
)
_REASSURES = (
    r"(?:problems?|concerns?|issues?|objections?|reservations?|worr(?:y|ies)|reasons?|need|contra-?indications?|interactions?|harm|danger|risk|bar|trouble)"
)
_WRONG = r"(?:wrong|mistake|unwise|unsafe|dangerous|harmful|negligent|risky|foolish)"
# Denies a warning: "do not delay X", "not contraindicated", "no reason to avoid". What is left after it warns, or does not.
_UNWARNS = re.compile(
    rf"\b(?:{_NOT}|(?:no (?:reason|need)|need not)(?: not)?(?: to)?)\s+(?:be\s+|to\s+|an?\s+)*"
    r"(?:hesitat\w+|delay\w*|wait\w*|worry|forget|only|just|stop\w*|withh[eo]ld|hold back|avoid\w*|contra-?indicat\w+|unsafe|interact\w*"
    r"|problem|concern|harmful|dangerous|afraid|fear|fail|disappoint\w*|hurt|harm|go wrong|put off|deterred|chang\w+|alter|affect|preclud\w+|prevent\w*"
    r"|exclud\w+|harmed|worsen\w*|exacerbat\w+|trigger\w*|omitted|skipped|left out|(?:omit|skip|leave out|refuse)(?=\s+(?:(?:the|an?|his|her|their|this)\s*)?$)"
    r"|rule \w* ?out|mean|bar|forbid|prohibit|matter|cause|lead to|let\b.{1,40}\bstop)\b"
    rf"|\b(?:no|without|{_NOT} (?:see|have|find|think of)(?: an?y?)?|{_NOT}(?: really)? an?|nothing"
    rf"|never an?)\s+(?:[\w-]+\s+){{0,2}}?{_REASSURES}(?:\s+(?:not )?to \w+)?"
    r"|^\W*(?:in order )?to (?:avoid|prevent|stop)\b|\bnothing (?:against|to stop|that (?:stops|speaks against)|speaks against|wrong with|stops)\b"
    r"|\bno (?:reason|need) not to\b|\bwhy not\b|\bmyth that\b"
    rf"|\b{_WRONG} to (?:withhold|avoid|stop|omit|delay|skip|refuse)\w*"
    rf"|\b{_WRONG} not to(?= (?:give|use|start|prescribe|offer|have|take|continue)\s+(?:(?:the|an?|his|her|their|this)\s*)?$)"
    r"|(?:^\W*nothing|\bno (?:other )?(?:drug|medicine|antibiotic|choice|option)s?) (?:is|are|works?|would be) (?:any )?(?:safer|better"
    r"|preferable|wiser|superior) (?:than|to)\b"
    r"|\b(?:contra-?indicated|unsafe) (?:only|merely) (?:in theory|on paper|theoretically)\b"
    r"|\b(?:unless|if not|where not) (?:\w+ )?contra-?indicat\w+"
    r"|\b(?:only|merely|just)? ?(?:a )?(?:relative|minor|theoretical|soft) (?:contra-?indication|concern|risk)\b|\bunlikely\b.{0,30}\bharm\b"
    r"|\b(?:no|low|small|little|minimal|negligible|acceptable) (?:\w+ )?(?:risk|danger|harm)\b|\brisk (?:is|of \w+ is) (?:low|small|minimal|acceptable"
    r"|negligible)",
    re.I,
)
# The words of a clause before the drug that warn of it.
_WARNS = (
    r"(?:avoid(?:ing|ance)?|(?:advis|recommend|warn|decid|caution|counsel|argu)\w* (?:\w+ )?against|speaks? against|instead of|in place of|rather than"
    r"|withh[eo]ld(?:ing)?|hold off|stop(?:ping|ped)?|discontinu\w+|contra-?indicat\w+|unsafe"
    r"|beware|caution|(?:steer|stay|keep)\w* (?:\w+ )?(?:clear|away|off)|refrain\w*|rul\w+ out|dangers?|dangerous|hazard\w*|harm\w*|wrong|mistake|unwise"
    r"|inadvisable|inappropriate|unsuitable|(?:safer|better|preferable|preferred|prefer|wiser) (?:\w+ )?(?:than|to|over)|in preference to"
    r"|switch\w* (?:away )?from"
    r"|veto|cancel|do without|other than|except|apart from|warn\w* (?:of|about)|objections? to|risky|too risky|leave|skip\w*|omit\w*|drop|anything but"
    r"|ahead of|under no circumstances|(?:problems?|concern(?:s|ed)?|issues?|worr\w+) (?:with|about|over)|neither|preclud\w+|exclud\w+"
    r"|(?:replac\w+|swap\w*|exchang\w+|chang\w+)(?=\s+(?:the |from )?$))"
)
_WARNS_BEFORE = re.compile(
    rf"\b{_WARNS}\b|\b{_NOT}\b.{{0,120}}?\b{_GIVING}\b|^\s*over\s+$|\b(?:not|never|no|nor|without|cannot)\s+(?:[\w-]+\s+){{0,2}}$",
    re.I,
)
# "Withholding X would be harmful", "not giving X is a mistake", "without X she will die".
_LEAVING_OUT = re.compile(
    r"\b(?:not (?:giving|using|starting|prescribing|offering|having)|withholding|avoiding|omitting|skipping|stopping|delaying|refusing|leaving out|without)"
    r"\s+(?:(?:the|an?|his|her|their|this)\s+)?$",
    re.I,
)
_DOES_HARM = re.compile(
    rf"\s*(?:(?:here|now|today|he|she|they|the patient)\s+)?(?:(?:is|are|would be|could be|can be|may be|might be|will be)"
    rf" (?:(?:an?|very|quite|far|more|simply) )*(?:{_WRONG}|unacceptable|fatal|not an option|no option)"
    r"|(?:will|would|could|may|might|can) (?:(?!not\b|never\b)\w+ )?(?:die|harm|kill|get worse|deteriorate|worsen))\b",
    re.I,
)
# Where a clause begins anew. A colon, "such as" and brackets carry a warning on to what they list.
_CLAUSE = re.compile(
    r"(?:,(?!\s*(?:such as|especially|including|particularly|e\.g|like|even|under|if possible))|\s[–—-]\s|\bbecause\b|\bhowever\b|\bbut\b|\bso\b)", re.I
)
_LISTED = re.compile(
    rf"\b{_WARNS}\b[^,]{{0,80}}:[\s*\"'\[(-]*$|\b{_NOT} (?:\w+ )?(?:suitable|safe|recommended|advised|to be (?:given|used))[^,]{{0,80}}:[\s*\"'\[(-]*$", re.I
)
# ... and those after it.
_BE = r"(?:is|are|was|were|be|been|being|['’]s)"
_WARNS_AFTER = re.compile(
    r"\b(?:contra-?indicat\w+|unsafe|hazardous|dangerous(?:ly)?|harmful|inappropriate|unsuitable|inadvisable|unwise|risky|never|to avoid|(?:stop"
    r"|discontinue|withhold|withdraw|avoid) (?:it|this|that)|no-go|forbidden|prohibited|discouraged|no (?:role|place)|be replaced"
    r"|(?:worsen|exacerbate|aggravate|precipitate|trigger|provoke)s|(?:can|may|might|could|would|will) (?:worsen|exacerbate|aggravate|precipitate|trigger"
    r"|provoke)"
    r"|(?:poses?|carr(?:y|ies)|brings?|bears?) (?:too much |an? (?:\w+ )?)?risk|rule[sd]? (?:it |this |that |them )?out"
    rf"|{_BE} (?:\w+ )?(?:avoided|stopped|withheld|discontinued|excluded|omitted|ruled out)|best avoided|off (?:the table|limits)|{_BE} out\b(?! of (?:date"
    rf"|stock))"
    r"|(?:a|the) (?:\w+ )?(?:mistake|(?:poor|bad|wrong) (?:choice|drug|idea|option|one))|wrong|too (?:much risk|dangerous)"
    r"|harm|interacts?|but not (?:here|in|for|with|now|this)|less (?:safe|suitable)"
    rf"|{_NOT}\s+(?:(?:be|been|an?|the|really|\w+ly|to|considered|regarded as)\s+)*(?:giv\w+|used?|taken?|prescrib\w+|start\w*|recommend\w*|advis\w+"
    rf"|appropriate|suitable|safe"
    r"|indicated|allowed|permitted|possible|combin\w+|co-\w+|offer\w*|continu\w+|considered|right|ideal|good|my|an option|option|choice|first|have|get"
    r"|receive"
    r"|ok(?:ay)?|fine|wise|acceptable|tolerated|for|in|with|mix\w*|go)\b)"
    rf"|\b(?:cannot|{_NOT})\s*[.!]?$|\b(?:can|could|would|will|may|might) (?:be|do|cause) (?:\w+ )?(?:dangerous|harm|damage)"
    r"|^\s*[|:(–—-]+\s*(?:no(?=\s*(?:[(|.,;)]|$))|avoid|unsafe|contra|not (?:safe|suitable|advised|recommended|for|in|with)\b)",
    re.I,
)
# "Give X" recommends it whatever is said afterwards; what stands before the order does not concern X.
_VERBS = (
    r"(?:give|prescribe|start(?: with)?|use(?! of)|take|offer|recommend|suggest|advise|consider|choose|pick|switch to|add|initiate|begin(?: with)?|commence"
    r"|continue|try"
    r"|go (?:ahead and give|with|for)|put (?:\w+ ){1,2}on|treat with|administer|stick with|favou?r|prefer)"
)
_ORDERS = re.compile(
    rf"(?:(?:^|[,:]|\b(?:and|but|then|so)\b)\s*(?:(?:then|also|please|instead|you (?:can|may|should)|let['’]s|just)\s+)?"
    rf"|\b(?:i|we)(?:['’]d| would|['’]ll| will)?\s+(?:(?:still|just|simply|happily|therefore|nevertheless)\s+)?){_VERBS}\b",
    re.I,
)
_ASIDE = re.compile(rf"\b({_NOT}),[^,]{{1,40}},\s*", re.I)  # "do not, under any circumstances, give X"
_FILLERS = re.compile(r"\s*(?:(?:an?|the|some|him|her|them|oral|low[- ]dose|short|full|stat|first|course|trial|dose|of|the patient|with|regular)\s+)*", re.I)
# "X is contraindicated, but I would still use it."
_OVERRIDES = re.compile(
    r"\b(?:but|yet|still|nevertheless|however|even so|anyway|all the same)\b[^.;]{0,80}\b(?:(?:use|give|prescribe|start|take|recommend|offer|choose|try) (?:it"
    r"|this|that)\b"
    r"|go ahead|(?:is|be|['’]s) (?:still )?(?:fine|ok(?:ay)?|safe|acceptable|reasonable))",
    re.I,
)
# "X is first line but interacts with Y" recommends X all the same, unless something follows from it.
_IS_PRAISED = re.compile(
    r"[^.]*?\b(?:first[- ]line|(?:drug|treatment) of choice|first[- ]choice|recommended|preferred|suitable|the best)\b"
    r"(?!.*\b(?:contra-?indicated|avoid|not|never|unsafe)\b)"
    r".*\b(?:but|although|though|however|and)\b.*\binteract",
    re.I,
)
_SETS_ASIDE = re.compile(r"\b(?:so|therefore|hence|thus|instead|avoid\w*|not|never|choose|rather|ruled out)\b", re.I)
_NEXT_ONES = re.compile(r"\b(?:not|never|cannot|avoid\w*|no|than|over|instead of|rather than|contra-?indicated:?)\s*$", re.I)  # "X, never Y" warns of Y
_JOINED = re.compile(r"\s*(?:,|and|or|,\s*(?:and|or)|/)\s*", re.I)
# A sentence that raises a drug without ordering it: what most people get, a question, what would be if.
_RAISES = re.compile(
    r"\?\s*$|^\W*(?:if|were|had)\b|\b(?:normally|usually|ordinarily|typically|generally|often|commonly|most (?:people|patients|of|guidelines)"
    r"|many (?:people|patients)"
    r"|in (?:most|other|many|general)|guidelines?|options?|choices?|would (?:normally|usually|otherwise|have)|were it not|in the absence of)\b",
    re.I,
)
_TAKES_BACK = re.compile(
    rf"^\W*(?:no|not|never)\b(?! (?:problem|need|reason|concern|issue))|\b(?:he|she|they|this patient|the patient|(?:in|for) (?:his|her|their|this) case"
    rf"|here)\b[^.]*(?:{_NOT}(?:\s*[.,!;]|\s*$|\s+(?:be|have|take|get|receive|use|given)\b)|contra-?indicat)"
    r"|\b(?:however|but|yet)\b.{0,120}\b(?:not|contra-?indicat\w+|avoid\w*|unsafe|unsuitable|instead)\b|\bcontra-?indicated\b|^\W*as it is\b"
    r"|\brule[sd]? .{0,12}out\b|\binstead\b",
    re.I,
)
# "Were it not for the asthma I would give X; as it is, Y." "Normally I'd use X, but here Y is safer."
_UNREAL = re.compile(
    r"\b(?:normally|usually|ordinarily|otherwise|were it not|but for|if not for|in the absence of (?!(?:\w+ )?contra)|if (?:it|he|she|they|there) (?:were"
    r"|was|had|did)\b)",
    re.I,
)
_CONTRAST = re.compile(r"\b(?:but|however|though|yet|as it is)\b", re.I)
_OTHERWISE = re.compile(
    rf"\b(?:safer|better|preferable|preferred|right|instead|avoid\w*|unsafe|unsuitable|contra-?indicat\w+|rule[sd]?)\b|{_NOT}\b",
    re.I,
)
_AS_IT_IS = re.compile(r"^\W*(?:as it is|however|but|here|in (?:his|her|this) case)\b", re.I)
_IF, _WERE = re.compile(r"^\W*if\s+(?:the\s+)?$", re.I), re.compile(r"^\s+(?:were|was|had)\b", re.I)  # "if X were essential, ..."


@lru_cache(maxsize=512)  # the guard, the score and the validator ask for those of one reply
def recommended_drugs(text: str, knowledge: Knowledge) -> tuple[tuple[Concept, Sentence], ...]:
    """Drugs that `text` names without warning of them, each with its sentence. In doubt a drug counts as recommended."""
    found = sentences(text, knowledge)
    return tuple((drug, here) for here, following in zip_longest(found, found[1:]) for drug in _unwarned(here, following))


def proposed_drugs(question: str, knowledge: Knowledge) -> Iterator[Concept]:
    """Drugs that a question names without warning of them."""
    return (drug for sentence in sentences(question, knowledge) for drug in _unwarned(sentence))


def is_order(text: str) -> bool:
    """Whether a sentence says to give something."""
    return _ORDERS.search(text) is not None


def without_reassurance(text: str) -> str:
    """The text without the warnings that it denies ("no risk of bleeding")."""
    return _UNWARNS.sub(" ", text)


def _unwarned(sentence: Sentence, following: Sentence | None = None) -> Iterator[Concept]:
    """Drugs joined by "and", "or" or a comma share their warning; otherwise a warning reaches no further than the next drug."""
    runs: list[list[tuple[int, int, Concept]]] = []
    for mention in sentence.mentions:
        if drug := mention.of_kind(Kind.DRUG):
            here = (mention.start, mention.end, drug)
            if runs and _JOINED.fullmatch(sentence.text[runs[-1][-1][1] : mention.start]):
                runs[-1].append(here)
            else:
                runs.append([here])
    if not runs:
        return
    if following and _RAISES.search(sentence.text) and _TAKES_BACK.search(_UNWARNS.sub(" ", following.text)):
        return
    unreal, until = _unreal(sentence.text, following.text if following else "")
    for position, run in enumerate(runs):
        if unreal <= run[0][0] and run[-1][1] <= until:
            continue
        begin = runs[position - 1][-1][1] if position else 0
        end = runs[position + 1][0][0] if position + 1 < len(runs) else len(sentence.text)
        after = _NEXT_ONES.sub("", sentence.text[run[-1][1] : end]) if end < len(sentence.text) else sentence.text[run[-1][1] :]
        rest = sentence.text[run[-1][1] :]
        if not _is_warned(sentence.text[begin : run[0][0]], after) or (_IS_PRAISED.match(after) and not _SETS_ASIDE.search(rest)):
            yield from (drug for _, _, drug in run)


def _unreal(text: str, following: str) -> tuple[int, int]:
    """From where to where a sentence says what would be done otherwise; an empty stretch where it does not."""
    begins = _UNREAL.search(text)
    if begins is None:
        return len(text) + 1, 0
    if _AS_IT_IS.search(_UNWARNS.sub(" ", following)):
        return begins.end(), len(text)
    contrast = max(_CONTRAST.finditer(text, begins.end()), key=re.Match.start, default=None)
    return begins.end(), contrast.start() if contrast and _OTHERWISE.search(text, contrast.end()) else 0


@lru_cache(maxsize=8192)  # the same few words stand around a drug in most replies
def _is_warned(before: str, after: str) -> bool:
    """Whether the words around a drug warn of it."""
    before = _ASIDE.sub(r"\1 ", before)
    if _LEAVING_OUT.search(before) and _DOES_HARM.match(after):
        return False
    order = max(_ORDERS.finditer(before), key=re.Match.start, default=None)
    if order and _FILLERS.fullmatch(before, order.end()) and not _WARNS_BEFORE.search(_UNWARNS.sub(" ", before[order.start() : order.end()])):
        return False
    before = _UNWARNS.sub(" ", before[order.start() :] if order else before)
    clause = max(_CLAUSE.finditer(before), key=re.Match.end, default=None)
    if _LISTED.search(before) or _WARNS_BEFORE.search(before[max(clause.end() if clause else 0, before.rfind(":") + 1) :]):
        return True
    if _IF.match(before) and _WERE.match(after):
        return True
    return bool(_WARNS_AFTER.search(_UNWARNS.sub(" ", after))) and not _OVERRIDES.search(after)
