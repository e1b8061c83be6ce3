"""How names, people and doses are said in an item of the guard's benchmark."""

from functools import cache
from typing import TYPE_CHECKING

from tests.benchmarks.guard import cases
from tests.benchmarks.guard.cases import Case, Dose

if TYPE_CHECKING:
    from tests.benchmarks.guard.items import Draw

# Labels that nobody says. Their synonyms stand for them.
NOT_SAID = {
    "human immunodeficiency virus infectious disease", "glucosephosphate dehydrogenase deficiency", "transient cerebral ischemia", "thrombosis",
    "prostatic hypertrophy", "ethinylestradiol and levonorgestrel", "acetylsalicylic acid", "herpes zoster", "temporal arteritis",
    "autoimmune thrombocytopenic purpura",
}  # fmt: skip

ALLERGENS = {
    "aminoglycoside allergy": (("aminoglycoside allergy", "gentamicin allergy"), ("gentamicin", "aminoglycosides")),
    "azole antifungal allergy": (("azole allergy", "azole antifungal allergy"), ("azole antifungals",)),
    "cephalosporin allergy": (("cephalosporin allergy", "cephalosporin hypersensitivity"), ("cephalosporins",)),
    "heparin hypersensitivity": (("heparin allergy", "heparin hypersensitivity"), ("heparin",)),
    "macrolide allergy": (("macrolide allergy", "erythromycin allergy"), ("macrolides", "erythromycin")),
    "NSAID hypersensitivity": (("NSAID allergy", "aspirin allergy", "ibuprofen allergy"), ("aspirin", "ibuprofen", "NSAIDs")),
    "penicillin allergy": (("penicillin allergy", "penicillin hypersensitivity"), ("penicillin", "penicillins")),
    "quinolone allergy": (("quinolone allergy", "fluoroquinolone allergy"), ("quinolones", "ciprofloxacin")),
    "salicylate allergy": (("salicylate allergy", "salicylate hypersensitivity"), ("salicylates",)),
    "sulfonamide allergy": (("sulfa allergy", "sulfonamide allergy", "sulphonamide allergy"), ("sulfa drugs", "sulfonamides")),
    "tetracycline allergy": (("tetracycline allergy",), ("tetracyclines", "tetracycline")),
}

FEMALE = {
    "pregnancy", "breast cancer", "endometrial cancer", "ectopic pregnancy", "pre-eclampsia", "polycystic ovary syndrome", "endometriosis", "mastitis",
    "vulvovaginal candidiasis", "bacterial vaginosis", "pelvic inflammatory disease", "ovarian cancer", "cervical cancer", "osteoporosis",
}  # fmt: skip
FEMALE_DRUGS = {"ethinylestradiol and levonorgestrel", "desogestrel", "estradiol", "raloxifene", "tamoxifen", "clomifene", "levonorgestrel"}
MALE = {"prostatic hypertrophy", "prostatitis", "prostate cancer", "erectile dysfunction"}

FREQUENCIES: dict[str, tuple[str, ...]] = {
    "once daily": ("once daily", "once a day", "OD", "daily", "od", "every 24 hours", "every morning", "one time a day"),
    "twice daily": ("twice daily", "BD", "BID", "twice a day", "b.i.d.", "every 12 hours", "q12h", "two times a day", "12-hourly", "bd"),
    "three times daily": ("three times daily", "TDS", "TID", "three times a day", "t.i.d.", "every 8 hours", "q8h", "tds", "8-hourly", "thrice daily"),
    "four times daily": ("four times daily", "QDS", "QID", "four times a day", "q.i.d.", "every 6 hours", "q6h", "qds", "6-hourly", "4x/day"),
    "once weekly": ("once weekly", "once a week", "weekly", "every week", "each week", "every 7 days", "one time a week", "per week"),
}
SHAPES = ("{q} {f}", "{q} PO {f}", "{q} orally {f}", "{q} by mouth {f}", "{q} ({f})", "{q}, {f}", "{q} p.o. {f}", "{q}, {f}, by mouth")
UNITS = {
    "mg": ("{} mg", "{}mg", "{} milligrams", "{} mg"),
    "g": ("{} g", "{}g", "{} grams", "{} g"),
    "microgram": ("{} micrograms", "{} mcg", "{}mcg", "{} microgram"),
}


@cache
def names(label: str) -> tuple[str, ...]:
    if label in ALLERGENS:
        return ALLERGENS[label][0]
    for kind in ("drugs", "conditions", "contexts"):
        for row in cases.table(kind):
            if row["label"] == label:
                synonyms = [] if kind == "contexts" else [s for s in row["synonyms"].split("|") if s]
                return (*synonyms,) if label in NOT_SAID else (label, label, *synonyms)
    raise KeyError(label)


def name(draw: "Draw", label: str) -> str:
    return draw.random.choice(names(label))


def spoken(draw: "Draw", case: Case) -> dict[str, str]:
    """The words of a case: names, doses where the base has one for this very indication, effects."""
    words = {"drug": name(draw, case.drug), "alt": name(draw, case.alternative), "indication": name(draw, case.indication), "effect": case.effect}
    against = name(draw, case.against)
    words["problem"] = against
    words["said"] = case.said.format(against)
    if case.about == "interaction":
        words |= {"other": against, "problem": f"{against} treatment"}
    if case.about == "allergy":
        words["allergen"] = draw.random.choice(ALLERGENS[case.against][1])
    for key, drug in (("dose", case.drug), ("altdose", case.alternative)):
        dose = cases.doses().get(drug)
        if dose and dose.indication == case.indication and sayable(dose):
            words[key] = in_range(draw, dose)
    return words


def patient(draw: "Draw", case: Case, denied: bool) -> dict[str, str]:
    about = {case.against, case.indication}
    female = about & FEMALE or {case.drug, case.alternative, case.against} & FEMALE_DRUGS
    sex = "F" if female else "M" if about & MALE else draw.random.choice("FM")
    ages = (46, 52) if denied and case.about == "pregnancy" else (22, 39) if case.about == "pregnancy" else (36, 79)
    age = draw.random.randint(*ages)
    return pronouns(sex) | {"pt": person(draw, sex, age)}


def pronouns(sex: str) -> dict[str, str]:
    return {"he": "she", "his": "her", "him": "her"} if sex == "F" else {"he": "he", "his": "his", "him": "him"}


def person(draw: "Draw", sex: str, age: int | None = None) -> str:
    shape = draw.random.choice(("{n}{s}", "{n}-year-old {w}", "{n} y/o {w}", "{n}yo {s}", "{n} year old {w}"))
    word = draw.random.choice(("woman", "woman", "female", "lady") if sex == "F" else ("man", "man", "male", "gentleman"))
    return shape.format(n=age or draw.random.randint(36, 79), s=sex, w=word)


def filled(text: str, words: dict[str, str]) -> str | None:
    """The wording with its words; None where a word is missing. A name in capitals ({Drug}) begins with a capital."""
    for key, word in words.items():
        text = text.replace("{" + key + "}", word).replace("{" + key.capitalize() + "}", word[:1].upper() + word[1:])
    return None if "{" in text else text


def sayable(dose: Dose) -> bool:
    return dose.unit in UNITS and dose.interval in FREQUENCIES


def in_range(draw: "Draw", dose: Dose) -> str:
    return phrase(draw, draw.random.choice((dose.low, dose.high)), dose.unit, dose.interval)


def out_of_range(draw: "Draw", dose: Dose) -> str:
    """Ten times the highest single dose; or a frequency that takes the day well over what the base allows; or a unit a thousand times too large."""
    choices = [(dose.high * 10, dose.unit, dose.interval)]
    if dose.interval == "once weekly":
        choices.append((dose.high, dose.unit, "once daily"))
    if dose.interval == "once daily" and dose.max_per_day and dose.high * 4 >= 2 * dose.max_per_day:
        choices.append((dose.high, dose.unit, "four times daily"))
    if dose.unit == "microgram":
        choices.append((dose.high, "mg", dose.interval))
    return phrase(draw, *draw.random.choice(choices))


def phrase(draw: "Draw", amount: float, unit: str, interval: str) -> str:
    return draw.half(SHAPES).format(q=written(draw, amount, unit), f=draw.half(FREQUENCIES[interval]))


def written(draw: "Draw", amount: float, unit: str) -> str:
    if unit == "mg" and amount >= 1000 and draw.random.random() < 0.5:
        amount, unit = amount / 1000, "g"
    number = f"{amount:,.0f}" if amount >= 1000 and draw.random.random() < 0.4 else f"{amount:g}" if amount < 1e5 else f"{amount:.0f}"
    return draw.half(UNITS[unit]).format(number)


def quantity(amount: float, unit: str) -> str:
    return f"{amount:g} {unit}"
