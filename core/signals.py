"""Words in a question that call for help at once, ask for harm, or give orders to the model.

Every pattern is a `Signal` with the stems without one of which it cannot match: looking for those first makes reading a question that holds
none of them five times as fast, and every question is read, in chat, in training and in exams.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple


class Signal(NamedTuple):
    name: str
    pattern: re.Pattern[str]
    stems: tuple[str, ...]
    """Lower case; each match of the pattern contains one of them."""
    source: str = ""
    """The public page that says so."""

    def search(self, text: str, folded: str) -> re.Match[str] | None:
        """`folded`: the text as `fold` gives it."""
        for stem in self.stems:  # a loop: `any` over a generator takes twice as long, and eleven signals are looked for in every question
            if stem in folded:
                return self.pattern.search(text)
        return None


def fold(text: str) -> str:
    """Lower case as patterns that ignore case see it: they take the dotless i, the long s and the Kelvin sign for i, s and k."""
    return text.lower() if text.isascii() else text.translate(_LOOKALIKES).casefold()


_LOOKALIKES = str.maketrans({"\u0130": "i", "\u0131": "i", "\u017f": "s", "\u212a": "k"})


def emergencies(text: str, folded: str) -> Iterator[tuple[Signal, re.Match[str]]]:
    """What in a text calls for help at once. `folded`: the text as `fold` gives it."""
    return ((signal, match) for signal in EMERGENCIES if (match := signal.search(text, folded)))


# Each emergency with the public page that says to call for help at once.
EMERGENCIES: tuple[Signal, ...] = (
    Signal(
        "possible heart attack",
        re.compile(
            r"\b(crushing|central|severe) chest pain|chest (pain|tightness|pressure|hurts).{0,60}(sweat|short(ness)? of breath|breathless|left arm|jaw|faint)",
            re.I | re.S,
        ),
        ("chest",),
        "NHS: Heart attack",
    ),
    Signal(
        "possible stroke",
        re.compile(
            r"\b(face|facial|mouth|arm|leg).{0,25}(droop|dropped|weak|numb).{0,60}(speech|speak|slur|arm|face)"
            r"|\bslurred speech\b.{0,60}\bsudden|\bsudden.{0,40}slurred speech",
            re.I | re.S,
        ),
        ("droop", "dropped", "weak", "numb", "slurred"),
        "NHS: Stroke",
    ),
    Signal(
        "possible anaphylaxis",
        re.compile(
            r"\banaphyla|(throat|tongue|lips?).{0,20}swell.{0,80}(breath|wheez|faint|bee|nut|sting)|(bee|wasp|nuts?|sting).{0,80}(throat|tongue).{0,20}(swell|clos)",
            re.I | re.S,
        ),
        ("anaphyla", "swell", "clos"),
        "NHS: Anaphylaxis",
    ),
    Signal(
        "possible sepsis",
        re.compile(
            r"\b(blue|mottled|ashen|blotchy) (skin|lips)"
            r"|\b(lips|tongue|skin|baby) (is|are|looks?|(has |have )?(gone|turned)|(is |are )?(going|turning)) (blue|mottled)\b"
            r"|(fever|infection).{0,80}(confus|slurred|mottled)",
            re.I | re.S,
        ),
        ("blue", "mottled", "ashen", "blotchy", "confus", "slurred"),
        "NHS: Symptoms of sepsis",
    ),
    Signal(
        "unable to breathe",
        re.compile(r"\b(can(?:no|['’])?t|can not|unable to|struggl\w+ to) breathe\b|\bstopped breathing\b|\bis choking\b", re.I),
        ("breath", "chok"),
        "NHS: Shortness of breath",
    ),
    Signal(
        "not breathing or unconscious",
        re.compile(
            r"\b(not|isn['’]?t|no longer|barely|hardly) breathing\b|\bno pulse\b(?! ox)|\bgasping for (air|breath)\b|\bchoking on\b"
            r"|\b(is|was found|found|became|now) (unresponsive|unconscious)\b|\b(in|had a|having a) cardiac arrest\b",
            re.I,
        ),
        ("breathing", "no pulse", "gasping", "choking", "unresponsive", "unconscious", "cardiac"),
        "NHS: When to call 999",
    ),
    Signal(
        "bleeding that does not stop",
        re.compile(r"\bbleeding\b.{0,30}\b(won['’]?t|will not|does not|doesn['’]?t|cannot be|can['’]?t be) stop", re.I),
        ("bleeding",),
        "NHS: When to call 999",
    ),
    Signal(
        "a seizure that does not stop",
        re.compile(
            r"\b(seizure|fitting|convuls\w+)\b.{0,40}\b(not stop\w*|won['’]?t stop|(more|longer) than (5|five) min|for (over )?([5-9]|\d{2}|five|ten) min)",
            re.I,
        ),
        ("seizure", "fitting", "convuls"),
        "NHS: What to do if someone has a seizure (fit)",
    ),
    Signal("possible bleeding in the head", re.compile(r"\bworst headache of (my|his|her|their) life\b", re.I), ("headache",), "NHS: Brain aneurysm"),
    Signal(
        "risk of suicide",
        re.compile(
            r"\b(kill(ing)? myself|end(ing)? my life|suicid\w+ (thoughts?|plan)|want(s|ed)? to die|tak(e|ing) my own life"
            r"|(feel(s|ing)?|am|is|i['’]m) suicidal|thinking (about|of) suicide)\b",
            re.I,
        ),
        ("myself", "my life", "suicid", "to die", "own life"),
        "NHS: Help for suicidal thoughts",
    ),
    Signal(
        "possible overdose",
        re.compile(
            r"\b(took|taken|swallowed).{0,30}(overdose|too many|whole (bottle|packet|box)|all (of )?(my|the) (pills|tablets))|\bhas overdosed\b"
            r"|\b(took|taken|swallowed)\b.{0,20}\b(\d{2,3}|a handful of|dozens of) (\w+ ){0,2}(tablets|pills|capsules)\b",
            re.I | re.S,
        ),
        ("took", "taken", "swallowed", "overdosed"),
        "NHS: Poisoning",
    ),
)
HARMFUL = Signal(
    "harmful request",
    re.compile(
        r"\b(lethal dose|fatal dose|untraceable|without (?:his|her|their|the patient'?s?) (?:knowledge|consent)"
        r"|(?:forge|fake) (?:a |the )?prescription|falsif(?:y|ying) (?:the )?(?:records?|notes|results)"
        r"|make .{0,20}(?:methamphetamine|meth|ricin|sarin|fentanyl)"
        r"|(?:kill|poison|harm|sedate) (?:someone|somebody|a person|my (?:wife|husband|patient|boss|neighbou?r)|him|her)"
        r"|how (?:can|do|could) i (?:kill|poison))\b",
        re.I,
    ),
    ("dose", "untraceable", "without", "prescription", "falsif", "make", "kill", "poison", "harm", "sedate"),
)
INJECTION = Signal(
    "prompt injection",
    re.compile(
        r"\b(ignore (?:all |any )?(?:previous|prior|above) (?:instructions|rules)|disregard (?:your|the) (?:rules|guidelines)"
        r"|you are now (?:dan|unrestricted)|reveal (?:your )?system prompt)\b",
        re.I,
    ),
    ("ignore", "disregard", "you are now", "reveal"),
)
