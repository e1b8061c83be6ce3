"""Whether a reply agrees to what was proposed: "yes", "fine by me", "no concerns", and "no" to "any objection?".

Read from the reply's first sentence that says something; a sentence that also objects ("yes, treat, but not with X") agrees to nothing.
"""

import re
from functools import lru_cache

_END = re.compile(r"(?<=[.!?;])\s+|\n+")
_COURTESY = re.compile(
    r"\W*(?:thank\w*|good (?:question|point|that you ask\w*)|great question|hello|hi|interesting|understood|i see)\b[^.!?;,]*[.!?;,]?\s*", re.I
)
# To find nothing against it is to agree: blanked before objections are looked for.
_NOTHING_AGAINST = re.compile(
    r"\b(?:no|(?:do(?: not|n['’]t)|can(?:not|['’]t)) (?:really )?(?:see|have|find|think of)(?: an?y?| the)?|not an?|without)\s+(?:\w+\s+){0,2}?"
    r"(?:problems?|concerns?|objections?|issues?|harm|worries|reservations?|contra-?indications?|reasons?(?: (?:not to|against|to (?:avoid|object"
    r"|withhold))[\w ]*)?)\b(?: at all)?"
    r"|\bnothing (?:to stop|against|wrong|that (?:stops|speaks)|speaks against|stops)\b[\w ]*|\bnot? (?:at all|to worry)\b",
    re.I,
)
_WHY_NOT = re.compile(r"\b(?:i (?:can['’]?t|cannot|don['’]?t) see )?why not\b", re.I)
_FINE = (
    r"(?:fine|ok(?:ay)?|good|great|safe|reasonable|appropriate|acceptable|sensible|right|correct|sound|standard|first[- ]line|ideal|best|suitable|excellent"
    r"|perfect"
    r"|usual|works?|allowed|well|what i (?:would|['’]d)|the (?:\w+ )?(?:approach|choice|way))"
)
_AGREES = re.compile(
    r"^\W*(?:(?:in principle|i(?:['’]d| would) say|oh|well|then|so)\W+)*"
    r"(?:yes|yeah|yep|yup|sure|certainly|definitely|absolutely|of course|indeed|correct|exactly|agreed|ok(?:ay)?|fine|perfect\w*|approved|by all means"
    r"|please do"
    r"|go ahead|go for it|makes sense|that makes sense|spot on|carry on|proceed|(?:very |quite |all )?(?:right|good|great|excellent|sensible|reasonable"
    r"|happy|safe)\b(?! (?:question|drug|to know))"
    rf"|(?:sounds?|looks?|seems?) {_FINE}|(?:i|we)(?:['’]d| would| fully)* (?:agree|concur|approve|support|endorse|go along)|(?:i|we)(?:['’]d"
    rf"| would) do (?:the same|that|this|so)"
    rf"|(?:i|we)(?:['’](?:d|m)| would| am)? (?:be )?(?:happy|comfortable|fine|ok(?:ay)?)\b|you(?:['’]re| are) right|you (?:can|may|could)\b"
    rf"|(?:i (?:think|believe|feel|guess)(?: that)? )?(?:that|it|this|your \w+|the \w+)(?:['’]s| is| was| are| would(?: be)?| should(?: be)?| seems?"
    rf"| looks?| sounds?| could)?\b.{{0,30}}?\b{_FINE}\b)",
    re.I,
)
_GO_AHEAD = re.compile(r"\b(?:go ahead|proceed|carry on|prescribe it|start it)\b", re.I)
_OBJECTS = re.compile(
    r"\b(?:not|no(?! (?:\w+ ){0,3}(?:needed|required|necessary|need)\b)|never|cannot|avoid\w*|contra-?indicat\w*|unsafe|dangerous|harmful|however|but"
    r"|instead|rather|wrong|risky|unless|hold off|wait|stop|unfortunately|afraid)\b|n['’]t\b",
    re.I,
)
# "Yes, she needs treatment" agrees to treating, not to the drug.
_TO_TREATING = re.compile(r"\bneeds?\b|\bto treat(?:ment|ing)?\b|\btreat\b", re.I)
_ASKS_AGAINST = re.compile(
    r"\b(?:any|an|see a|have a) (?:objections?|problems?|concerns?|issues?|reasons? (?:not|against))\b[^?]*\?\s*$"
    r"|\bdo you mind\b",
    re.I,
)
_NO_OR_YES = re.compile(r"^\W*(?:(?P<no>no|none|nope|not at all|not really)|yes|indeed|i do|there is)\b(?=\W*$|[,.!])", re.I)


def agrees(question: str, reply: str) -> bool:
    """Whether `reply` says yes to the proposal that `question` makes."""
    opening = _COURTESY.sub("", reply.strip(), count=1) if _COURTESY.match(reply.strip()) else reply.strip()
    first = _END.split(opening, maxsplit=1)[0]
    if (no_or_yes := _NO_OR_YES.match(first)) and _ASKS_AGAINST.search(question):
        return no_or_yes["no"] is not None
    return _says_yes(first)


@lru_cache(maxsize=4096)  # the replies to many questions begin alike
def _says_yes(first: str) -> bool:
    rest = _WHY_NOT.sub(" ", _NOTHING_AGAINST.sub(" ", first))
    says_yes = rest != first or _AGREES.match(rest) or _GO_AHEAD.search(rest)
    return bool(says_yes) and not _OBJECTS.search(rest) and not _TO_TREATING.search(rest)
