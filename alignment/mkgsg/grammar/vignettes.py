"""Sentences of a consultation, stage by stage.

{p} patient, {s} findings, {f} the red flag, {t} since when, {w} where, {y} years, {c} condition, {d} drug, {h} history, {H} the history as a
sentence, {n} absent findings, {a} and {b} two diagnoses, {x} and {X} test, {m} current drugs, {S} She or He, {S2} she or he, {O} Her or His, {O2} her or him.
"""

# ruff: noqa: E501 - a template broken over lines can no longer be read

from alignment.mkgsg.grammar.templates import Phrasings

SETTINGS = (
    "at the surgery", "at the walk-in clinic", "in the emergency department", "on a home visit", "at the out-of-hours service", "on the ward", "in the outpatient clinic", "at the health centre",
    "at the village practice", "by telephone", "in a video consultation", "at the end of a busy clinic", "between two other visits", "on a Friday evening", "at the weekend service",
    "at the community clinic", "in the admission unit", "at the hospital clinic", "at the teaching practice", "at the occupational clinic", "on the evening round", "at the island practice",
)  # fmt: skip

PRESENTATION = Phrasings(
    (
        "{p} [presents|is seen|attends|comes|arrives|turns up] {w} with {s} {t}.",
        "{p} [reports|describes|complains of|mentions|tells you of|has noticed] {s} {t}, seen {w}.",
        "[Seen {w}|Consultation {w}|Case seen {w}]: {p} with {s} {t}.",
        "Because of {s} {t}, {p} [comes|attends|is seen|has come] {w}.",
        "[I am seeing|I have just seen|You see|We are looking after|A colleague hands over] {p} {w}. {S} has had {s} {t}.",
        "{p}, [seen|examined|met|assessed] {w}, has had {s} {t}.",
        "[Reason for visit|Main complaint|Presenting complaint]: {s} {t}. [Patient|Person|Who]: {p}, seen {w}.",
        "{t} {p} has had {s}; the visit is {w}.",
    ),
    ("{w}, {p} asks for help with {s} {t}.", "For {p} the trouble is {s}, {t}; this is {w}."),
)
KNOWN = Phrasings(
    (
        "{p} [has|is known to have|has been diagnosed with|was found to have|lives with] {c}, seen {w}.",
        "{p} [attends|is seen|comes|is reviewed] {w} [because of|about|for|on account of] {c}.",
        "[Seen {w}|Consultation {w}]: {p}, [diagnosis|working diagnosis|diagnosed with|established diagnosis]: {c}.",
        "[I am seeing|You see|We are looking after|A colleague hands over] {p} {w}. {S} has {c}.",
        "{c} in {p}, [seen|assessed|reviewed|met] {w}.",
        "{O} [diagnosis|problem|illness] is {c}: {p}, seen {w}.",
    ),
    ("{w}, {p} asks what to do about {c}.",),
)
CHRONIC = Phrasings(
    (
        "{p} [has had|has lived with|has known of] {c} for {y} and [attends|is seen|is reviewed] {w}. [No regular drug for it so far|It has not been treated with drugs until now|Drug treatment is to begin|Long-term treatment is to be started].",
        "[Annual review|Planned review|Long-term follow-up] {w}: {p}, {c} for {y}, [not yet on a drug for it|so far without a drug for it|until now untreated].",
        "{p} comes {w} to plan the long-term treatment of {c}, [known|diagnosed|present] for {y}.",
        "{c}, [known|present] for {y}, in {p}. [Review|Check-up|Visit] {w}; [no drug for it has been started|nothing has been prescribed for it yet].",
    ),
    ("It is time to treat the {c} that {p} has had for {y}; the visit is {w}.",),
)
SUSPECTED = Phrasings(
    (
        "{p}, seen {w}: {c} [is|was] suspected, and {x} [has now confirmed it|confirms it|has proved it|has come back in keeping with it|settles the matter].",
        "[The result of|The report on] {x} [confirms|has confirmed|supports] the suspicion of {c} in {p}, seen {w}.",
        "{c} was suspected in {p} {w}. {X} [was requested|was done|was arranged] and [confirms it|has confirmed it|is positive for it].",
        "{p} {w} [asks for|wants to hear|comes for] the result of {x}: it [confirms|has confirmed] {c}.",
    ),
    ("With {x} the suspected {c} of {p} is now certain ({w}).",),
)
EMERGENCY = Phrasings(
    (
        "{p} {w} has had {s} {t}; [now|suddenly|in the last hour|since a few minutes ago|on arrival] there is {f} [as well|too|].",
        "[Call {w}|Seen {w}|Handover {w}]: {p}, {s} {t}, [now also|and now|and in the last minutes] {f}.",
        "{p} [presents|is brought in|arrives|is seen] {w} with {s} {t} and [now|in addition|for the last half hour] {f}.",
        "{f} [has set in|has begun|has just started|is new] in {p} who has had {s} {t}, {w}.",
        "[I am seeing|You see|I am with] {p} {w}. {S} has had {s} {t} and [now|just now|since an hour ago] {f}.",
    ),
    ("{w}, {p} goes from {s} {t} to {f}.",),
)
TREATED = Phrasings(
    (
        "{p} [was|has been] started on {d} for {c} {w} [and is about to go home|today|and goes home now|and is ready to leave].",
        "{p} with {c} [goes home|leaves|is discharged] on {d}, seen {w}.",
        "[Follow-up|Discharge|Safety-netting] {w}: {p}, {c}, now on {d}.",
        "You have [begun|started] {d} for {c} in {p} {w}.",
        "{d} has been [prescribed|started|arranged] {w} for {p} who has {c}.",
    ),
    ("{p} leaves {w} with {d} against {c}.",),
)
MEDICATION = Phrasings(
    (
        "[Medication review|Drug review|Review of the drug chart] {w}: {p}. {H} [Current drugs|Takes|Drug chart|Medication]: {m}.",
        "{p} [attends|comes|is seen] {w} for a review of the drugs. {H} [Takes|Is on|Current drugs]: {m}.",
        "[You review|I am reviewing|A pharmacist reviews] the drugs of {p} {w}. {H} [Medication|Drug list|Currently takes]: {m}.",
        "[Drug list|Medication list] of {p}, checked {w}: currently takes {m}. {H}",
    ),
    ("{w} the drugs of {p} are gone through: takes {m}. {H}",),
)
NO_HISTORY = (
    "No relevant history.",
    "No other illnesses and no drugs.",
    "Otherwise healthy.",
    "Past history: none.",
    "Nothing of note in the past history.",
    "No regular drugs.",
)
HISTORY = (
    "History: {h}.",
    "Known {h}.",
    "Past history: {h}.",
    "History of {h}.",
    "{S} also has {h}.",
    "{S} has {h} as well.",
    "Background: {h}.",
    "Comorbidity: {h}.",
)
PREGNANT = (
    "{S} is pregnant.",
    "Current pregnancy.",
    "She is pregnant, first visit.",
    "Ongoing pregnancy.",
    "A pregnancy was confirmed earlier.",
    "The patient is pregnant.",
)
ALLERGY = ("Known {h}.", "History of {h}.", "The record notes {h}.", "{S} has a {h}.", "On file: {h}.", "Allergy record: {h}.")
CURRENT_DRUG = (
    "Current drug: {h}.",
    "Takes {h}.",
    "On {h}.",
    "{S} takes {h}.",
    "{S} is on {h}.",
    "Already takes {h}.",
    "Current medication: {h}.",
    "{S} currently uses {h}.",
)
ABSENT = ("Denies {n}.", "No {n}.", "There is no {n}.", "{S} denies {n}.", "Without {n}.", "{S} has no {n}.", "Negative for {n}.")
SIGNS = ("On examination: {s}.", "Examination shows {s}.", "You find {s}.", "Findings: {s}.", "Examined: {s}.", "The examination reveals {s}.")
RELATIVES = ("{O} mother had {c}.", "{O} father had {c}.", "Family history: {c}.", "{O} sister had {c}.", "{O} brother had {c}.")

JOBS = (
    "a teacher", "a bus driver", "a gardener", "an accountant", "a farmer", "a carpenter", "a librarian", "a hairdresser", "a postal worker", "an electrician", "a software developer", "a translator",
    "a train driver", "a shop assistant", "a journalist", "a plumber", "a baker", "a violinist", "a taxi driver", "a bricklayer", "a bookseller", "a lawyer", "a secretary", "an engineer", "a cook",
    "a waiter", "a tailor", "a roofer", "a florist", "a photographer", "an actor", "a potter", "a caretaker", "a clerk", "a painter", "a welder", "a beekeeper", "a fisherman", "a forester", "a musician",
)  # fmt: skip
HOMES = (
    "lives alone", "lives with a partner", "lives with two children", "shares a flat with friends", "lives on a farm", "lives on the third floor", "lives with an elderly aunt", "moved house last year",
    "lives near the station", "lives in a small village", "lives with a dog", "lives in a shared house", "has just moved to the city", "lives by the sea",
)  # fmt: skip
HABITS = (
    "sings in a choir", "cycles to work", "plays chess", "swims every week", "does not smoke", "keeps two cats", "likes hill walking", "plays the piano", "reads a lot", "grows vegetables", "dances on Saturdays",
    "bakes bread", "collects stamps", "plays cards with neighbours", "walks to the market every day", "goes to evening classes", "knits", "repairs old radios", "plays football", "paints in watercolour",
)  # fmt: skip
YEARS = (
    "a year",
    "two years",
    "three years",
    "about four years",
    "five years",
    "some six years",
    "seven years",
    "eight years",
    "ten years",
    "more than ten years",
)

ASKS: dict[str, Phrasings] = {
    "consult": Phrasings(
        (
            "[Give|State|Name|Provide|Write|Set out] [the|] [diagnosis, the drug and the safety-net advice|diagnosis, treatment and safety net|diagnosis, medicine and safety-net advice].",
            "What is the diagnosis, which [drug|treatment|medicine] [do you give|is right here] and what is the safety net?",
            "[Work through|Think through|Solve|Take on] the case[:| and give| and state] diagnosis, [drug|treatment], safety net.",
            "[Assessment and plan|Your plan|What now]? [Name|Give|State] diagnosis, [drug|treatment] and safety net.",
        ),
        ("I want diagnosis, drug and safety net.",),
    ),
    "known": Phrasings(
        (
            "[Which|What] [drug|treatment|medicine] [do you choose|is right|is suitable|would you give|is best for this patient], and what is the safety net?",
            "[Give|State|Name|Write down] condition, drug and safety-net advice.",
            "[Choose|Pick|Select|Decide on] [the|a] [drug|treatment|medicine] for this patient and [add|give|name] the safety net.",
            "What do you [prescribe|give|start|recommend], and when must {S2} [come back|return|be seen again]?",
        ),
        ("Name the condition, what you prescribe and the safety net.",),
    ),
    "renal": Phrasings(
        (
            "[May|Can|Should] {d} be given [with these kidneys|here], and if not, what else? [Give|State] condition, drug and safety net.",
            "{d} is [planned|being considered|the usual choice]. Does it go with [these kidneys|this kidney function], or which drug does? [Give|State] condition, drug and safety net.",
            "Which [drug|treatment] [suits|goes with|is right for] this kidney function? [Name|Give] condition, drug and safety net.",
        ),
        ("Do the kidneys allow {d}, or what do you give? Condition, drug, safety net.",),
    ),
    "pregnancy": Phrasings(
        (
            "Which [drug|treatment|medicine] is [suitable|right|possible] now? [Give|State] condition, drug and safety net.",
            "[What do you give|What do you prescribe|How do you treat] [during pregnancy|in this pregnancy|in this situation]? [Name|State] condition, drug and safety net.",
            "{d} is [planned|being considered|the usual choice]. Is it right, or what else? [Give|Name] condition, drug and safety net.",
        ),
        ("What may she take? Condition, drug, safety net.",),
    ),
    "test": Phrasings(
        (
            "Which test [confirms it|settles it|do you order], what is the diagnosis if it is positive, and which [drug|treatment] [follows|do you start then]? [Add|Give] the safety net.",
            "[State|Give|Name] the likely diagnosis, the test that confirms it, the [drug|treatment] if it is confirmed, and the safety net.",
            "How do you confirm [the diagnosis|your suspicion], and what do you [start|give|prescribe] then? Diagnosis, test, drug and safety net.",
        ),
        ("Diagnosis, test, drug once confirmed, safety net, please.",),
    ),
    "confirmed": Phrasings(
        (
            "What [follows|comes next|does this mean for treatment]? [Give|State|Name] condition, drug and safety net.",
            "[Interpret|Act on|Draw the conclusion from] the result: condition, [drug|treatment] and safety net.",
            "Which [drug|treatment|medicine] [do you start|follows|is indicated] now? [Give|State] condition, drug and safety net.",
        ),
        ("And now? Condition, drug, safety net.",),
    ),
    "review": Phrasings(
        (
            "Which [drug|one] [should be stopped|must go|does not belong here], and what [replaces it|do you give instead]? [Give|State] condition, stop, start and safety net.",
            "[Find|Spot|Name] the drug that [does not belong|must be stopped|is unsafe here] and its [replacement|substitute]: condition, stop, start, safety net.",
            "[Is this list safe|Is the list all right|May it stay so]? If not, [state|name|give] condition, what to stop, what to start, and the safety net.",
        ),
        ("What do you stop and what do you start? Condition, stop, start, safety net.",),
    ),
    "differential": Phrasings(
        (
            "[Is it|Is this|Would you call it] {a} or {b}?",
            "[The differential is|You think of|Possible are] {a} and {b}. [Which|Which one|Which of the two] [is the better match|is more likely|explains the findings]?",
            "[Decide between|Tell apart|Weigh up] {a} and {b}.",
            "Which is [more likely|the better match], {a} or {b}?",
        ),
        ("{a} versus {b}: which one?",),
    ),
    "open_differential": Phrasings(
        (
            "What is the [most likely|likeliest|leading] diagnosis?",
            "[Name|State|Give] the [most likely|leading] diagnosis.",
            "Which [condition|diagnosis|disease] [explains|matches|accounts for] [the findings|this|all of it] best?",
            "What [tops|heads|leads] your differential?",
        ),
        ("Which diagnosis would you back?",),
    ),
    "emergency": Phrasings(
        (
            "What [do you do|do you advise|is to be done|must happen] [now|first|]?",
            "[Can this wait|Is there time to wait|How quickly must you act|How urgent is this]?",
            "[Next step|First step|What next|Your action]?",
            "What is the [next|first] thing to do?",
        ),
        ("How do you act?",),
    ),
    "follow_up": Phrasings(
        (
            "[Which|What] [symptom|sign|warning sign|finding] must [bring {O2} back|make {O2} seek help] [at once|without delay|straight away], and what is to be done then?",
            "[Give|State|Write|Name] the safety-net advice: a [symptom|warning sign] to watch for and what to do then.",
            "What do you tell {O2} to [watch for|look out for], and what should {S2} do [then|if it happens]?",
            "[When|In which case] must {S2} [come back at once|seek help at once|not wait for the next visit]?",
        ),
        ("What is the warning to take home?",),
    ),
}
