"""Questions over several hops. {c} is a condition, or "what shows as ..." with its findings; {h} the history."""

# ruff: noqa: E501 - a template broken over lines can no longer be read

from alignment.mkgsg.grammar.templates import Phrasings

_ITS = "[the first-line drug|the drug of first choice|the usual first drug|the standard drug|the initial drug] [for|in|against] {c}"

HOPS: dict[str, Phrasings] = {
    "hop_treated_by": Phrasings(
        (
            "[Which|What] [drug|medicine|treatment] [helps against|treats|is right for|is given for] {c}?",
            "[Name|State|Tell me|Give] [a|the] [drug|treatment|medicine] [for|against] {c}.",
            "How [is|would you treat|do you treat|should I treat] {c} [treated|]?",
            "What [do you give|is to be given|would you prescribe|should I start] [for|in] {c}?",
        ),
        ("{c}: how would you treat it?",),
    ),
    "hop_investigated_by": Phrasings(
        (
            "[Which|What] [test|investigation|examination] [confirms|proves|settles|establishes] {c}?",
            "[Name|State|Give] the [test|investigation] that [confirms|proves|is ordered for] {c}.",
            "How [do you confirm|is it proved that it is|would you prove] {c}?",
            "What [do you order|is to be ordered|would you request] to confirm {c}?",
        ),
        ("{c}: which test proves it?",),
    ),
    "hop_dose": Phrasings(
        (
            f"What is the [usual|normal|standard|] adult dose of {_ITS}?",
            f"[How much|In which dose|At what dose] [is|does one give|do adults take] {_ITS} [given|]?",
            f"[State|Tell me|Give|Name] the [usual|adult] dose of {_ITS}.",
            "[Think of|Take|Choose] the first-line drug [for|in] {c}. [What is its|Which is its|State its] usual adult dose?",
        ),
        ("How is the first choice for {c} dosed?",),
    ),
    "hop_contraindicated_in": Phrasings(
        (
            f"When [must|should] {_ITS} be [avoided|withheld]?",
            f"[Name|State|Give|Tell me] a contraindication of {_ITS}.",
            f"Who [must|should] not [get|take|receive] {_ITS}?",
            "[Think of|Take|Choose] the first-line drug [for|in] {c}. [What rules it out|Where is it contraindicated|When is it not to be given]?",
        ),
        ("What speaks against the first choice for {c}?",),
    ),
    "hop_interacts_with": Phrasings(
        (
            f"[Which|What] [drug|medicine] [interacts|clashes] with {_ITS}?",
            f"[Name|State|Give|Tell me] a drug that [interacts with|must not be added to|clashes with] {_ITS}.",
            f"What [must|should] not be combined with {_ITS}?",
            "[Think of|Take|Choose] the first-line drug [for|in] {c}. [What interacts with it|Which drug clashes with it]?",
        ),
        ("What does the first choice for {c} not go with?",),
    ),
    "hop_is_a": Phrasings(
        (
            f"[To which|To what] [class|group|family] [of drugs|] does {_ITS} belong?",
            f"[What kind of drug|Which class of drug] is {_ITS}?",
            f"[Name|State|Tell me] the [class|group] of {_ITS}.",
        ),
        ("Which class does the first choice for {c} come from?",),
    ),
    "hop_choice": Phrasings(
        (
            "[A|My|The] patient has {c} and [also|] {h}. [Which|What] [drug|medicine] [is possible|is suitable|do you give|can be given]?",
            "How [do you treat|would you treat|is one to treat] {c} in a patient with {h}?",
            "With {h} in the history, [what|which drug] [treats|is given for|is right for] {c}?",
            "[Name|State|Find] the [drug|treatment] for {c} that {h} [leaves|allows|does not rule out].",
        ),
        ("{h} is known. What remains for {c}?",),
    ),
    "hop_choice_dose": Phrasings(
        (
            "In {h} the first-line drug [for|in] {c} [is ruled out|cannot be given|is no option]. What is the usual adult dose of the [alternative|other drug|replacement]?",
            "[A|My|The] patient with {c} has {h}. [Find|Choose] the drug that [suits|is left|is possible] and [state|give|name] its usual adult dose.",
            "{c} with {h}: [which dose of the drug that is left|the usual adult dose of the alternative]?",
        ),
        ("{h} rules out the first choice for {c}. How is the other one dosed?",),
    ),
}
