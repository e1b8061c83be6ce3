"""The words that say in which context a text mentions something (see `core.knowledge.context`).

Our own list, written with those of NegEx (Chapman 2001), ConText (Harkema 2009) and medspaCy at hand.
"""

import re
from collections.abc import Iterator
from enum import StrEnum


class Context(StrEnum):
    """Rising in weight: of two that apply, the later one counts ("no family history of gout" is someone else's)."""

    AFFIRMED = "affirmed"
    HISTORICAL = "historical"
    """Over: a past stroke, a stopped drug. A chronic condition in the history is affirmed."""
    NEGATED = "negated"
    HYPOTHETICAL = "hypothetical"
    """Asked, feared, planned, to be excluded or prevented."""
    OTHER = "other"
    """Someone else's."""


class Role(StrEnum):
    BEFORE = "before"
    """The cue stands before what it concerns."""
    AFTER = "after"
    AROUND = "around"
    NOTHING = "nothing"
    """Looks like a cue and is none."""
    STOP = "stop"
    """Ends every scope but another person's."""
    PATIENT = "patient"
    """Ends every scope: the text is back with the patient."""
    COMMA = "comma"


_RELATIVE = (
    "(mother|father|mom|mum|dad|brother|brothers|sister|sisters|parent|parents|grandmother|grandfather|grandparents|grandma|grandpa"
    "|aunt|aunts|uncle|uncles"
    "|cousin|cousins|niece|nephew|sibling|siblings)"
)
# Of these a text tells more than what they suffer from: "my wife noticed", "lives with her son".
_HOUSEHOLD = "(wife|husband|spouse|son|daughter|boyfriend|girlfriend|roommate|coworker|friend)"
_BE = "(is|was|are|were|has been|have been|been)"
_LIFE = "(child|kid|baby|teenager|teen|infant|boy|girl)"
_YEARS = "(" + "|".join(map(str, range(1950, 2040))) + ")"
_SHE = "(she|he|they|i|you|patient|the patient)"

# Phrases by commas; a bracket lists alternatives.
CUES: tuple[tuple[Role, Context, str], ...] = (
    (
        Role.BEFORE,
        Context.NEGATED,
        f"""
        no, not, never, neither, nor, without, deny, denies, denied, denying, (negative|neg) for, free of, absence of, lack of, lacks, rules out, ruled out,
        (do|does|did|is|are|was|were|has|have|had)n't, n't, (do|does|did|is|are|was|were|has|have|had)nt, not have, never had,
        no (evidence|signs|sign|history|hx) of, unremarkable for, fails to reveal, no known, not been, {_RELATIVE} (denies|denied)
        """,
    ),
    (
        Role.AFTER,
        Context.NEGATED,
        f"""
        {_BE} (ruled out|negative|absent|denied|excluded), {_BE} not (present|seen|noted|identified|found|appreciated|evident|observed),
        not (present|seen|noted|identified|appreciated|evident|observed), absent, : (none|negative|denied|absent), unlikely, is unlikely,
        (and |but |)(does|do|did)( not|n't) have (it|this|that), (test|tests|screen) negative, (is|was|were) (normal|not possible), excluded (by|on|with)
        """,
    ),
    (
        Role.NOTHING,
        Context.AFFIRMED,
        f"""
        no (increase|change|significant change|interval change|improvement|relief|better|doubt|problem|problems with|further|wonder|matter|longer),
        not (only|just|necessarily|sure|certain|controlled|well controlled|improved|improving|better|getting better|relieved|helping|helped),
        not (working|due to|cause|know|think|to mention|too bad|bad|tolerate|tolerating|like),
        without (difficulty|change|improvement|relief|further), if not, or not, why not, gram negative,
        (do|does|did)n't (know|think|help|work|like|tolerate|mind|want|remember),
        (is|was|are|were)n't (helping|working|sure|controlled|improving|getting better), has not (improved|helped), have not (improved|helped),
        not been (helping|controlled|improving), prior to, past (few|two|three|several|couple|week|month|year|day|days|weeks|months),
        history of present illness, history and physical, social history, medication history, family (doctor|physician|practice|medicine|planning|is|are),
        even if, as if, i wonder if, wondering if, (dr|mr|mrs|ms|vs) ., (a|old) (mother|father|parent|wife|husband),
        {_RELATIVE} (says|states|reports|reported|stated|noticed|thinks|brought|notes|noted|said|told), (by|with) (her|his|my|their|the) {_RELATIVE},
        likely to, most likely, more likely, would like to know, not (give|given|gave),
        how (long|often|much|many) (have|has|do|does|did) (you|he|she) (have|had|been|take|get), no (more|less) than, no one, no change in
        """,
    ),
    (
        Role.BEFORE,
        Context.HISTORICAL,
        f"""
        history of, h/o, hx of, hx, past medical history, past history, medical history, pmh, past medical history of, medical history of, previous,
        previously, prior, formerly, past, remote, status post, s/p, used to (have|take|be on|get), recovered from,
        no longer (taking|on|takes|has|have|uses|using), (stopped|quit|discontinued) (taking|using|the|her|his|my), discontinued, stopped, held, hold,
        has tried, have tried, tried, failed, came off, off of, childhood, when {_SHE} was a {_LIFE}, when {_SHE} (was|were) (young|little|younger),
        previous history of
        """,
    ),
    (
        Role.AFTER,
        Context.HISTORICAL,
        f"""
        as a {_LIFE}, as an infant, as (children|kids), in (childhood|college|high school), when {_SHE} was (a {_LIFE}|young|little|younger|pregnant),
        in remission, {_BE} resolved, resolved, has resolved, have resolved, went away, has gone away, is gone, cleared up, gone, at age, at the age of,
        discontinued, (was|were) (stopped|held)
        """,
    ),
    (
        Role.AROUND,
        Context.HISTORICAL,
        f"""
        (years|year|months|month|weeks|week) ago, (years|year|months|month) (before|earlier), a long time ago, in the past, (back|way back) in,
        last (year|month|week|time), in {_YEARS}
        """,
    ),
    (
        Role.BEFORE,
        Context.HYPOTHETICAL,
        """
        if, in case of, in case, should (you|he|she|they|there|the patient), unless, whether, (risk|risks) (of|for), risk factors for, at risk for,
        at risk of, possible, possibly, probable, suspected, suspect, suspicious for, suspicion of, suspicion for, concern for, concerned (about|for),
        concerning for, worried about, worry about, afraid of, (may|might|could) (be|have|cause|develop), can cause, rule out, r/o, to exclude,
        (evaluate|test|tested|check|checked|screen|screening|assess|look|looking|watch|monitor|workup|work up) for,
        (prevent|prevention of|prophylaxis|avoid), side effects, side effect, as needed for, prescribe, prescribing,
        (will|would like to|want to|need to|have to|going to|try to|i'll|we'll|let's|should)
        (start|begin|order|get|obtain|give|try|add|send|schedule|refer|perform|repeat|do|have|check|prescribe|put|see),
        to (start|begin|repeat|order|schedule|obtain), (due|overdue) for, (do|does|did) (you|he|she) (have|feel|get|take|notice|experience),
        (have|has|had) (you|he|she) (had|experienced|noticed|been|taken), (are|is) (you|he|she) (taking|having|on|experiencing|allergic), is there any,
        are there any, (order|ordering|ordered), (schedule|scheduled|scheduling) (for|a|an), (recommend|recommended|recommending), consider, considering,
        trial of, candidate for, put you on, start you on, plan for, planning, would need, need a, needs a, needed for, differential,
        looks like it could be
        """,
    ),
    (
        Role.AFTER,
        Context.HYPOTHETICAL,
        """
        (is|was|are) (possible|suspected|likely|recommended|ordered|scheduled|planned|pending), vaccine, vaccines, vaccination, vaccinations, shot, shots,
        immunization, immunizations, prophylaxis, prevention, risk, risks, precautions, screening,
        will be (ordered|obtained|scheduled|started|done|performed), to be (ruled out|done|scheduled)
        """,
    ),
    (
        Role.BEFORE,
        Context.OTHER,
        f"""
        {_RELATIVE}, {_HOUSEHOLD} (has|had|is|was|gets|with|died|takes|uses|suffers), {_HOUSEHOLD} (does|did) have, family history, family hx, fhx, fhx of,
        family history of, maternal,
        paternal, family members, family member, relatives, relative
        """,
    ),
    (
        Role.AFTER,
        Context.OTHER,
        f"""
        (run|runs) in (the|my|her|his|your|their|our) family, in (the|my|her|his|your|their|our) family, in (her|his|my|the) {_RELATIVE}
        """,
    ),
    (
        Role.STOP,
        Context.AFFIRMED,
        """
        however, although, though, except, except for, apart from, aside from, besides, other than, which, because, secondary to, presents with,
        presented with, presenting with, complains of, complaining of, complained of, reports, reported, reporting, states, stated, admits, admits to,
        endorses, endorsed, positive for, still, and (has|have|is|was|does|did|had|now), does have, do have, did have, there is, there was, except that,
        started, began, currently, now, today, since, treated with, takes, taking, newly diagnosed, evaluation of, here (for|with), comes in (for|with),
        coming in (for|with), and the, relief (from|of), associated with
        """,
    ),
    (
        Role.PATIENT,
        Context.AFFIRMED,
        """
        but, and (she|he|i|the patient|patient), the patient, i have, i had, i've, i'm, i am, patient (has|is|was|had)
        """,
    ),
)


def phrases(text: str) -> Iterator[str]:
    """The phrases of an entry of `CUES`; brackets, which may hold brackets, are multiplied out."""
    for phrase in re.split(r",(?![^(]*\))\s*", " ".join(text.split())):
        yield from _expanded(phrase.strip())


def _expanded(phrase: str) -> Iterator[str]:
    inner = re.search(r"\(([^()]*)\)", phrase)
    if inner is None:
        yield phrase
    else:
        for choice in inner[1].split("|"):
            yield from _expanded(phrase[: inner.start()] + choice + phrase[inner.end() :])
