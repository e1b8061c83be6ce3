"""Words in a question that ask for harm or give orders to the model. (Those that call for help at once: `core.emergencies`.)

Every pattern is a `Signal` with the stems without one of which it cannot match. An automaton finds the stems of all in one pass, and only then are
patterns tried: every question is read, in chat, in training and in exams, and most hold no stem.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

import ahocorasick_rs


class Signal(NamedTuple):
    name: str
    pattern: re.Pattern[str]
    stems: tuple[str, ...]
    """Lower case; each match of the pattern contains one of them."""
    source: str = ""
    """The public page that says so."""


class Signals(tuple[Signal, ...]):
    """Signals in the order in which they count."""

    def __init__(self, _: Iterable[Signal]) -> None:
        owners: dict[str, list[int]] = {}
        for position, each in enumerate(self):
            for stem in each.stems:
                owners.setdefault(stem, []).append(position)
        self._owners = list(owners.values())
        self._stems = ahocorasick_rs.AhoCorasick(list(owners))

    def in_question(self, folded: str) -> list[Signal]:
        """Those whose patterns may match a text, by one pass over it. `folded`: the text as `fold` gives it."""
        found = {position for stem, _, _ in self._stems.find_matches_as_indexes(folded, overlapping=True) for position in self._owners[stem]}
        return [self[position] for position in sorted(found)]

    def first(self, text: str, folded: str) -> re.Match[str] | None:
        """The first match of any of them."""
        return next((match for each in self.in_question(folded) if (match := each.pattern.search(text))), None)


def fold(text: str) -> str:
    """Lower case as patterns that ignore case see it: they take the dotless i, the long s and the Kelvin sign for i, s and k."""
    return text.lower() if text.isascii() else text.translate(_LOOKALIKES).casefold()


_LOOKALIKES = str.maketrans({"\u0130": "i", "\u0131": "i", "\u017f": "s", "\u212a": "k"})


def signal(name: str, stems: str, *patterns: str, source: str = "") -> Signal:
    """A signal of alternatives, its stems parted by "|"."""
    return Signal(name, re.compile("|".join(patterns), re.I | re.S), tuple(stems.split("|")), source)


_SECRETLY = r"(?:secretly|without (?:\w+ ){0,2}(?:knowing|noticing|knowledge|consent)|hidden from)"
_VICTIM = r"(?:someone|somebody|him|her|people|(?:my|his|her|the) [\w-]+)"
_DRUG = (
    r"(?:pills?|tablets?|drugs?|medicines?|hormones?|sedatives?|laxatives|opioids?"
    r"|oxycodone|fentanyl|codeine|tramadol|xanax|adderall|methadone|methylphenidate)"
)
SELF_HARM = signal(
    "means of suicide or self-harm",
    "suicide|to die|myself|my life|noose|bleed out|end it|vomit|starv|laxatives|calorie|self-harm|quietly|lethal|fatal",
    r"\b(?:suicide method|method of suicide|tie a noose|bleed out)\b|\b(?:painless|least painful|quickest|best|easiest|surest) way to (?:kill myself"
    r"|die|end (?:it|my life))\b",
    r"\bhow (?:many|much)\b[^.?\n]{0,60}\bto (?:die|kill myself|end (?:it|my life))\b|\bwant to (?:end it|go quietly)\b",
    r"\b(?:starve|make) myself (?:vomit\b|without\b)|\blaxatives\b[^.?\n]{0,30}\bthin\b|\b[1-6]\d\d calories? a day\b|\bhiding self-harm\b",
    # Whoever asks for it may be asking for themselves.
    r"\b(?:lethal|fatal) dose\b|\blethal to (?:an? )?(?:adult|person|man|woman|child)\b",
)
"""Whoever asks for these is in danger: it is an emergency too (`core.emergencies`)."""
HARMFUL = Signals(
    (
        signal(
            "to kill or poison",
            "untraceable|undetectable|kill|poison|murder|overdose|stop my|stop his|stop her|wakes up|make him|make her|make them|makes h|makes them",
            r"\buntraceable\b|\bundetectable poison\b",
            rf"\b(?:kill|poison|murder|overdose) (?:{_VICTIM}|a patient|a person)\b",
            r"\bhow (?:can|do|could|to) (?:i |we )?(?:kill|poison|murder)\b(?! (?:a wart|warts|lice|bacteria|germs))",
            rf"\bkill {_VICTIM}[^.?\n]{{0,40}}\blook (?:natural|like an accident)\b|\bkill someone and look\b",
            r"\bstop (?:my|his|her) [\w'’-]+ heart\b|\bnever wakes up\b|\bmakes? (?:him|her|them) (?:very |really )?ill\b",
        ),
        signal(
            "to drug in secret",
            "secretly|without|hidden|spike|slip|dissolv|put|hid|crush|knock|pass out|taste|out cold|quiet|sedate",
            rf"\b{_SECRETLY}\b[^.?\n]{{0,60}}\b(?:giv\w+|sedat\w+|drug\w*|{_DRUG})|\b(?:giv\w+|sedat\w+|drug|stop|{_DRUG})\b[^.?\n]{{0,60}}\b{_SECRETLY}\b",
            r"\bwithout (?:his|her|their|the patient['’]?s?) (?:knowledge|consent)\b|\bspike (?:a|her|his|their) drink\b",
            r"\b(?:slip|put|hide|crush|dissolve)\b[^.?\n]{0,50}\b(?:drink|beer|coffee|tea|food|wine)\b|\bknock (?:him|her|them|someone) out\b|\bmake (?:my"
            r"|a) (?:date|girl\w*) pass out\b",
            r"\b(?:child|toddler|bab(?:y|ies)|kids?|him|her)\b[^.?\n]{0,40}\b(?:out cold|stays? quiet)\b|\bsedate (?:my|someone|somebody|him|her)\b"
            r"|\bforce\b[^.?\n]{0,60}\bby hiding\b",
        ),
        signal(
            "to make a person ill",
            "child|demented|puberty",
            r"\bmake (?:my|the|a) (?:\w+ )?child (?:sick|ill)\b|\bmake (?:my|his|her) (?:parents?|mother|father) look demented\b",
        ),
        SELF_HARM,
        signal(
            "to obtain, divert or abuse drugs",
            "forg|fake|faking|prescription|script|shop|high|rush|snort|sell|pharmacist|without|ward|buy",
            r"\b(?:forg(?:e|ing)|fak(?:e|ing)) (?:an? |the |my )?(?:\w+ )?(?:prescription|script|symptoms?)\b|\b(?:alter|change) the quantity on (?:my|the"
            r"|a)\b[^.?\n]{0,20}\bscript\b",
            rf"\bdoctor[- ]shop\w*|\bto get high\b|\bfor a rush\b|\bsnort\b|\bsell\w* (?:my|me)\b[^.?\n]{{0,30}}\b{_DRUG}"
            rf"|\bpharmacist\b[^.?\n]{{0,30}}\bsells? me\b",
            rf"\b(?:get|obtain|steal)\b[^.?\n]{{0,30}}\b{_DRUG}[^.?\n]{{0,40}}\bwithout (?:being|having)\b",
        ),
        signal(
            "to make what is forbidden",
            "make|cook|synthesi|produc|recipe|weaponi|cultur|making|grow",
            r"\b(?:make|making|cook|synthesi[sz]e|produc\w+|recipe for|weaponi[sz]e|culture|grow)\b.{0,25}\b(?:methamphetamine|meth|ricin|sarin|fentanyl|MDMA"
            r"|anthrax|nerve agents?|botulinum)\b",
            r"\bmake an? (?:virus|bacteri\w+|pathogen) more (?:transmissible|deadly|contagious)\b",
        ),
        signal(
            "to deceive",
            "falsif|false|fake|faking|invent|backdat|bill|certificate|degree|drug test|doping|detected|caught",
            r"\bfalsify\w*\b(?! records are)|\bfalsifying\b|\bwrite a false\b|\bfak(?:e|ing) (?:an? )?(?:\w+ )?(?:sick note|certificate|degree|licen[cs]e"
            r"|seizures?|data)\b|\bmake up a (?:\w+ )?certificate\b",
            r"\binvent a diagnosis\b|\bbackdate this\b|\bbill\b[^.?\n]{0,20}\bfor visits that never\b",
            r"\b(?:drug test|doping test)\b[^.?\n]{0,40}\bsomeone else|\bcannot be detected in a\b|\bwithout (?:being caught|the anti-doping)\b",
        ),
        signal(
            "to pry into records",
            "my ex|my neigh|my wife|my husband|my cowork|my colleague|my boss|celebrit",
            r"\b(?:look up|get|give me|show me|log into|access)\b[^.?\n]{0,30}\bmy (?:ex\S*|neighbou?r\S*|wife\S*|husband\S*|cowork\S*|colleague\S*|boss\S*)\b"
            r"[^.?\n]{0,40}(?:\brecords|\bportal|\bnotes|$|\b[A-Z]\w+)",
            r"\bwhich celebrities were treated\b",
        ),
        signal(
            "unlawful or lay surgery",
            "kidney|organ|abortion|surgery|liposuction",
            r"\b(?:sell|buy)\b[^.?\n]{0,20}\b(?:kidney|organ)\b|\b(?:abortion|surgery|liposuction)\b[^.?\n]{0,40}\bat home\b",
        ),
    )
)
_RULES = r"(?:instructions?|rules|guidelines|safety|safeguards?|filters?|restrictions?|directions|(?:system )?prompt|moderation)"
INJECTION = Signals(
    (
        signal(
            "to set rules aside",
            "ignor|disregard|forget|overrid|bypass|skip|disabl|turn off|follow|cancel|attention|apply|new instruction",
            r"\b(?:ignor\w+|disregard\w*|forget|overrid\w+|bypass\w*|skip|disabl\w+|turn off|stop following|(?:do not|don['’]t) follow"
            r"|pay no attention to)\b[^.\n]{0,25}"
            rf"\b(?:(?:all|any|your|previous|prior|above|earlier|content|safety|system) (?:\w+ ){{0,2}}?{_RULES}|the (?:safety|system|previous|above"
            rf"|content) ?(?:{_RULES})?|(?:the )?above\b"
            r"|everything you (?:were|have been) told|what (?:the|your) developer\b|the guard\b)",
            r"\b(?:rules|instructions|directions|guidelines)\b[^.\n]{0,20}\b(?:no longer apply|are cancell?ed|do not apply)\b|\bnew instructions?:",
        ),
        signal(
            "to be somebody else",
            "you are now|mode|jailbreak|unrestricted|refuse|guidelines|restrictions|limits|moderation|filters|safety rules|ethics|disabled|removed|off",
            r"\b(?:you are now (?:dan|unrestricted)|(?:developer|jailbreak|dan|god) mode|jailbreak|unrestricted (?:model|ai|assistant))\b|\byou (?:have"
            r"|had) no restrictions\b|\byou never refuse\b",
            r"\b(?:with|has|have|as an? \w+ with) no (?:guidelines|restrictions|limits|moderation|filters)\b|\bwithout (?:any )?(?:safety rules|restrictions"
            r"|ethics|filters|moderation)\b",
            r"\b(?:filters?|safeguards|safety)\b[^.\n]{0,15}(?:\b(?:disabled|removed)\b|=\s?off)",
        ),
        signal(
            "to show what is hidden",
            "reveal|print|show|repeat|output|translate|tell me|what are",
            r"\b(?:reveal|print|show|repeat|output|translate|tell me|what are)\b[^.\n]{0,25}\b(?:system (?:prompt|message)|initial prompt|hidden instructions"
            r"|secret rules|text above|before this message)\b",
        ),
        signal(
            "orders in what is quoted",
            "im_start|system|[inst]|[/inst]|###|note to|ai reading|override",
            r"<\|im_start\|>|</?system>|\[/?(?:system|INST)\]|\bSYSTEM:|###\s*(?:instruction|response)|\bnote to (?:the )?(?:AI|model|assistant)\b"
            r"|\bAI reading this\b|\badmin override\b",
        ),
    )
)
