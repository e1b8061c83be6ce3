"""What in a question calls for help at once, each with the public page that says so, and whether it is so here and now.

"Her grandfather had a stroke", "no chest pain" and "what is sepsis?" call for nothing. In doubt it is an emergency: a needless banner
costs a glance, a missing one a life.
"""

import re
from collections.abc import Iterator

from core.now import is_now
from core.signals import SELF_HARM, Signal, Signals, signal

_NEAR = r"[^\n]{0,90}?"
_SUDDEN = r"\b(?:sudden\w*|acute(?:ly)?|abrupt\w*|out of the blue)\b"
_BREATHLESS = (
    r"\b(?:short(?:ness)? of breath|breathless\w*|dyspn\w+|gasping|(?:trouble|difficulty|struggling|hard|unable|cannot|can not|can['’]?t) (?:to "
    r"|with )?breath\w*"
    r"|catch (?:my|his|her|their) breath|breathing (?:is )?(?:fast|shallow|hard|noisy)|(?:fast|shallow|deep|noisy) breathing)\b"
)
_FAINTS = r"\b(?:faint\w*|collaps\w+|pass(?:ed|es) out|black(?:ed|s) out|syncop\w+|unconscious\w*|unresponsive|knocked out|los[st]\w* (?:of )?consciousness)\b"
_DULLED = r"\b(?:confus\w+|drows\w+|unresponsive|unconscious\w*|disorient\w+|making sense|(?:very|too|so) sleepy|GCS\s?\d)"
_SHOCKED = r"(?:\bBP\s?[4-8]\d\b|\bhypotensi\w+|\blow blood pressure|\bin shock\b|\bsystolic (?:of )?[4-8]\d\b)"
_WEAK = r"\b(?:droop\w*|drop(?:s|ped)|weak\w*|numb\w*|paraly\w+|can(?:no|['’])?t (?:lift|move)|hemipare\w+|hemiplegi\w+)"
_SPEECH = r"\b(?:slur\w*|aphasi\w*|dysphasi\w*|speech|speak\w*|talk(?:ing)? properly)\b"
_BLOOD = (
    r"(?:\bvomit\w*(?:(?!\bno\b)[^.\n]){0,25}\bblood\b|\b(?:throw\w*|cough\w*|bring\w*) up (?:\w+ ){0,3}blood\b"
    r"|\bha?ematemesis\b|\bcoffee[- ]?ground\w*|\bblack(?: and)?,? tarry\b|\bmela?ena\b)"
)


def _both(first: str, second: str) -> str:
    """One near the other, whichever comes first."""
    return rf"(?:{first}{_NEAR}{second}|{second}{_NEAR}{first})"


_SUICIDE = "risk of suicide"


def _signal(name: str, source: str, stems: str, *patterns: str) -> Signal:
    return signal(name, stems, *patterns, source=source)


EMERGENCIES = Signals(
    (
        _signal(
            "possible heart attack",
            "NHS: Heart attack",
            "chest|heart attack",
            r"\b(?:crushing|central|severe|heavy|retrosternal|tearing|ripping) (?:\w+ )?chest pain",
            r"\bchest (?:pain|tightness|pressure|hurts)\b.{0,60}(?:sweat|diaphor|clammy|left arm|jaw|faint|grey)",
            _both(r"\bchest (?:pain|tightness|pressure|hurts)\b", _BREATHLESS),
            r"\b(?:tight|heavy|pressure|elephant)\b.{0,30}\b(?:on|in) (?:my|his|her|the) chest\b",
            r"\b(?:having|has|have|think it['’]?s|this is) (?:an? )?(?:acute )?heart attack\b",
        ),
        _signal(
            "possible aortic emergency",
            "NHS: Abdominal aortic aneurysm",
            "tearing|ripping|aneurysm|aaa|back pain|pulsat",
            r"\b(?:tearing|ripping)\b[^.\n]{0,40}\b(?:chest|back)\b",
            _both(r"\b(?:AAA|aneurysm|pulsat\w+|severe back pain)\b", _FAINTS),
        ),
        _signal(
            "possible stroke",
            "NHS: Stroke",
            "droop|drop|weak|numb|slur|speech|speak|talk|aphasi|dysphasi|paraly|pare|pleg|fast|lift|move",
            rf"\b(?:face|facial|mouth|arm|leg)\b.{{0,25}}{_WEAK}.{{0,60}}(?:speech|speak|slur|arm|face|sense|dribbl|minutes|hours?)",
            rf"{_WEAK}.{{0,30}}\b(?:face|facial|mouth|arm|leg)\b.{{0,60}}(?:speech|speak|slur|arm|face|sense|droop)",
            _both(_SUDDEN, r"\b(?:slurred speech|can(?:no|['’])?t (?:speak|talk)|(?:left|right|one)[- ]sided? weak\w+|facial droop|hemipare\w+|aphasia)"),
            _both(r"\b(?:hemipare\w+|hemiplegi\w+|weak\w+)\b", r"\b(?:aphasi\w*|dysphasi\w*|facial droop|slurred)\b"),
            r"\bFAST[- ]positive\b",
            r"\b(?:mouth|face) (?:is|has|['’]s) droop\w*",
        ),
        _signal(
            "possible anaphylaxis",
            "NHS: Anaphylaxis",
            "anaphyla|swell|swollen|clos|stridor|urticaria|hives|rash|angio",
            r"\banaphyla",
            r"\b(?:throat|tongue|lips?|face)\b.{0,20}(?:swell|swollen).{0,80}(?:breath|wheez|faint|bee|nut|sting|voice|hoarse)",
            r"\b(?:bee|wasp|nuts?|sting|stung)\b.{0,80}(?:throat|tongue|lips?).{0,20}(?:swell|clos)",
            r"\bswollen (?:tongue|throat)\b",
            r"\bthroat (?:is )?(?:closing|swelling)",
            r"\bangio-?o?edema of the (?:tongue|throat|airway)\b",
            _both(r"\b(?:stridor|urticaria|hives|rash)\b", _SHOCKED),
            r"\bstridor\b[^.\n]{0,40}\bswelling",
        ),
        _signal(
            "possible sepsis",
            "NHS: Symptoms of sepsis",
            "blue|mottled|ashen|blotchy|confus|slurred|sepsis|septic|uti|rigors|fever|infect|cyanos",
            r"\b(?:blue|mottled|ashen|blotchy) (?:skin|lips)|\bskin (?:is )?blotchy",
            r"\b(?:lips|tongue|skin|baby|child|he|she|is|and) (?:is|are|looks?|(?:has |have )?(?:gone|turned)|(?:is |are )?(?:going|turning)) (?:blue"
            r"|mottled)\b|\bcyanos(?:ed|is)\b",
            r"\b(?:suspected|possible|probable) sepsis\b",
            _both(r"\b(?:fever\w*|infect\w+|rigors|sepsis|septic|UTI)\b", rf"(?:{_DULLED}|{_SHOCKED}|\bmottled\b|\bslurred\b)"),
        ),
        _signal(
            "possible meningitis or encephalitis",
            "NHS: Meningitis",
            "stiff|neck|rash|spots|seizure|fontanel|blanching",
            _both(r"\bfever\w*", r"\b(?:stiff neck|neck stiffness|bulging fontanel\w+|non-?blanching|odd behavio\w*[^.\n]{0,40}seizure)"),
            r"\b(?:rash|spots)\b[^.\n]{0,30}\b(?:does ?n['’o]t|not) (?:fade|blanch)",
        ),
        _signal(
            "unable to breathe",
            "NHS: Shortness of breath",
            "breath|sentence|dyspn|chok|stridor|inhaler|sentences|silent chest|frothy|cyanos",
            r"\b(?:can(?:no|['’])?t|can not|unable to|struggl\w+ to|trouble|difficulty) breath(?:e|ing)\b",
            r"\bstopped breathing\b|\bis choking\b|\bsilent chest\b|\bfrothy sputum\b|\bstridor at rest\b|\b(?:stridor|noisy breathing)\b[^.\n]{0,60}\b(?:blue"
            r"|drooling|fever)",
            r"\bdrooling\b[^.\n]{0,60}\bnoisy breathing\b|\bcan['’]?t (?:finish|complete) (?:\w+ )?sentences?\b|\bbreathing is shallow\b",
            _both(_SUDDEN, r"\b(?:shortness of breath|breathless\w*|dyspn\w+)"),
            _both(r"\binhaler\b", r"\b(?:not working|does nothing|no (?:help|relief)|blue lips)\b"),
        ),
        _signal(
            "not breathing or unconscious",
            "NHS: When to call 999",
            "breathing|no pulse|feel a pulse|gasping|choking|unresponsive|unconscious|cardiac arrest",
            r"\b(?:not|isn['’]?t|no longer|barely|hardly) breathing\b|\bno pulse\b(?! ox)|\bcan['’]?t feel a pulse\b|\bgasping for (?:air|breath)\b"
            r"|\bchoking on\b",
            r"\b(?:(?:is|was found|found|became|now) (?:unresponsive|unconscious)|, unconscious,)|\b(?:in|had a|having a) cardiac arrest\b",
        ),
        _signal(
            "bleeding that does not stop",
            "NHS: When to call 999",
            "bleed|blood|soak",
            r"\bbleeding\b.{0,30}\b(?:won['’]?t|will not|does not|doesn['’]?t|cannot be|can['’]?t be) stop",
            r"\bblood\b[^.\n]{0,20}\b(?:spurt\w*|pouring|gush\w*)|\bsoak\w+ (?:a|through a) pad\b",
        ),
        _signal("vomiting or passing blood", "NHS: Vomiting blood (haematemesis)", "blood|matemesis|coffee|tarry|melena|melaena", _BLOOD),
        _signal(
            "a seizure",
            "NHS: What to do if someone has a seizure (fit)",
            "seizure|fitting|convuls|a fit",
            r"\b(?:seizure|fitting|convuls\w+)\b.{0,40}\b(?:not stop\w*|won['’]?t stop|(?:more|longer) than (?:5|five) min|for (?:over )?(?:[5-9]|\d{2}|five"
            r"|ten) min)",
            r"\b(?:is having|having) a (?:seizure|fit)\b|\bpregnant\b[^.\n]{0,40}\b(?:a fit|seizure|convuls\w+)\b|\b(?:and now|just had"
            r"|has just had) a (?:seizure|fit)\b",
        ),
        _signal(
            "possible bleeding in the head",
            "NHS: Subarachnoid haemorrhage",
            "headache|hit his head|hit her head|hit my head|hit their head|head injury|knocked out|fell off",
            r"\bworst headache of (?:my|his|her|their) life\b|\bthunderclap headache\b",
            _both(_SUDDEN, r"\bsevere headache\b"),
            _both(r"\b(?:head injury|hit (?:his|her|my|their) head|knocked out|fell off)\b", r"\b(?:vomit\w*|drows\w+|sleepy|pupils?|confus\w+)\b"),
        ),
        _signal(
            _SUICIDE,
            "NHS: Help for suicidal thoughts",
            "myself|himself|herself|my life|her life|his life|their life|own life|suicid|to die|without me|my tablets|my pills|want to live|be alive|living|"
            + "|".join(SELF_HARM.stems),
            r"\b(?:kill(?:ing)? (?:myself|himself|herself)|end(?:ing)? (?:my|her|his|their) (?:own )?life|suicid\w+ (?:thoughts?|plan|ideation|intent\w*)"
            r"|want(?:s|ed)? to die"
            r"|tak(?:e|ing) (?:my|her|his) own life|(?:feel(?:s|ing)?|am|is|i['’]m) suicidal|thinking (?:about|of) suicide|(?:hang|shoot) ?(?:ing )?(?:myself"
            r"|himself|herself))\b",
            r"\b(?:better off without me|no point (?:in )?living|don['’]?t want to (?:live|be alive)|cutting myself|going to take all (?:of )?my (?:tablets"
            r"|pills))\b",
        ),
        _signal(
            "danger to others",
            "NHS: Psychosis",
            "voices",
            r"\bvoices\b[^.\n]{0,30}\btell\w*[^.\n]{0,20}\b(?:kill|hurt|harm|stab)",
        ),
        _signal(
            "possible overdose or poisoning",
            "NHS: Poisoning",
            "took|taken|swallow|overdos|drunk|drank|empty|times|co alarm|carbon monoxide|cleaner|acid|alkali|bleach|chemical",
            r"\b(?:took|taken|swallowed)\b.{0,30}\b(?:overdose|too many|too much|whole (?:bottle|packet|box)|all (?:of )?(?:my|the) (?:pills|tablets))",
            r"\bhas overdosed\b|\boverdosed on\b|\b(?:an|mixed) overdose of\b|\btimes (?:my|the|his|her) (?:\w+ ){0,2}dose\b",
            r"\b(?:took|taken|swallowed)\b.{0,20}\b(?:\d{2,3}|a handful of|dozens of) (?:\w+ ){0,2}(?:tablets|pills|capsules)\b",
            r"\bswallow\w* (?:a |an |the )?(?:\w+ )?(?:box|bottle|packet|battery|bleach|magnets?)\b|\b(?:drunk|drank|swallowed) (?:some )?(?:bleach|antifreeze"
            r"|petrol|detergent)\b",
            r"\bempty (?:\w+ )?(?:bottle|packets?|blister\w*)\b|\b(?:CO|carbon monoxide) alarm\b|\b(?:cleaner|acid|alkali|bleach|chemical)\b[^.\n]{0,20}\b(?:in"
            r"|into) (?:my|his|her|the) eyes?\b",
        ),
        _signal(
            "low blood sugar, or ketoacidosis",
            "NHS: Diabetic ketoacidosis",
            "ketone|sugar|insulin|glucose|diabet|t1dm",
            _both(r"\b(?:blood sugar|glucose)\s?(?:of |is )?[0-3](?:\.\d)?\b", _DULLED),
            _both(r"\binsulin\b", r"\b(?:unresponsive|unconscious)\b"),
            _both(r"\b(?:ketones?|type 1 diabet\w+|T1DM)\b", rf"(?:{_DULLED}|{_BREATHLESS})"),
        ),
        _signal(
            "an emergency in pregnancy",
            "NHS: Ectopic pregnancy",
            "pregnan|/40",
            _both(r"\b(?:pregnan\w+|\d\d?/40)", rf"(?:{_FAINTS}|\bshoulder(?: tip)? pain\b|\bflashing lights\b|\bBP 1[6-9]\d\b)"),
        ),
        _signal(
            "possible cauda equina syndrome",
            "NHS: Slipped disc",
            " legs|saddle",
            r"\bnumb\w*\b[^.\n]{0,20}\bbetween (?:the|my|his|her) legs\b|\bsaddle an?esth\w+\b",
        ),
        _signal(
            "an acute abdomen, or a torsion",
            "NHS: Testicle pain",
            "abdomen|rigid|testic|faecul|fecul",
            r"\b(?:board[- ]like|rigid) abdomen\b|\babdomen (?:is )?rigid\b|\bfa?eculent\b",
            _both(_SUDDEN, r"\btestic\w+ pain\b"),
        ),
        _signal(
            "a circulation that fails",
            "NHS: Low blood pressure (hypotension)",
            "bp|hr 1|hr 2|hr 3|hr1|hr2|hr3|k+|potassium|pulseless|systolic|shock|hypotensi|low blood|white, cold",
            _both(_SHOCKED, rf"(?:{_FAINTS}|{_DULLED}|\bfast AF\b)"),
            _both(r"\bHR ?[1-3]\d\b", _FAINTS),
            r"\b(?:K\+|potassium)\s?(?:of |is |= ?)?(?:6\.[5-9]|[7-9](?:\.\d)?)\b",
            r"\bpulseless\b|\bwhite, cold\b",
        ),
        _signal(
            "a toxic reaction to a drug",
            "NHS: Neuroleptic malignant syndrome",
            "temp|rigid|clonus|not sweating",
            _both(r"\btemp\w*\s?(?:of |is )?(?:39|4[0-3])(?:\.\d)?\b", r"\b(?:rigid\w*|clonus|confus\w+|not sweating)\b"),
        ),
        _signal(
            "weakness that reaches breathing or swallowing",
            "NHS: Guillain-Barre syndrome",
            "swallow",
            _both(r"\b(?:weak\w+|myasthen\w+)\b", r"\b(?:swallow\w*[^.\n]{0,30}breath\w*|breath\w+[^.\n]{0,30}swallow\w*)"),
        ),
        _signal(
            "a soft tissue infection that spreads",
            "NHS: Necrotising fasciitis",
            "out of proportion|turning",
            r"\bpain out of proportion\b|\bskin (?:is )?turning (?:purple|black)\b",
        ),
        _signal(
            "sudden loss of sight",
            "NHS: Detached retina (retinal detachment)",
            "vision|curtain|floaters|sight|red eye",
            r"\b(?:shower of floaters|curtain (?:over|across|down))",
            _both(_SUDDEN, r"\b(?:los[st]\w* (?:of )?(?:\w+ )?(?:vision|sight)|vision (?:is )?going|painful red eye)"),
        ),
        _signal(
            "burns, electric shock, drowning",
            "NHS: Burns and scalds",
            "scald|burn|live wire|live cable|electrocut|drown|the water|from the pool|strangl",
            r"\bscalded (?:baby|child|toddler)|\bburns? (?:over|to) (?:the |his |her )?(?:\w+ )?(?:chest|face|body|airway)|\b(?:live (?:cable|wire)"
            r"|electrocut\w+)\b|\bnearly drowned\b"
            r"|\bpulled\b[^.\n]{0,20}\bfrom the (?:pool|water)\b|\bstrangl(?:ed|ing)\b",
        ),
    )
)
"""Heads of a page stand for its neighbours: a torsion is found under testicle pain, a burst aneurysm under its own name."""


def emergencies(text: str, folded: str) -> Iterator[tuple[Signal, re.Match[str]]]:
    """What in a text calls for help at once, here and now. `folded`: the text as `core.signals.fold` gives it."""
    for known in EMERGENCIES.in_question(folded):
        if match := next((m for m in _matches(known.pattern, text) if is_now(text, m)), None) or _means_of(known, text):
            yield known, match


def _means_of(known: Signal, text: str) -> re.Match[str] | None:
    """Who asks for the means of suicide or self-harm is at risk, however general the question ("How many tablets does it take to die?")."""
    return SELF_HARM.pattern.search(text) if known.name == _SUICIDE else None


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Overlapping ones too: what begins in a denial may reach over the beginning of what is so ("no chest pain at rest. Chest pain and sweating now")."""
    match = pattern.search(text)
    while match:
        yield match
        match = pattern.search(text, match.start() + 1)
