"""Who the patient is: a sex and an age that the condition and the history allow, how long it has lasted, and what else there is to say.

None of it decides an answer; it makes a vignette a person, and no two of them alike.
"""

import random
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

LONG_TERM = frozenset(
    (
        "DOID:10763", "DOID:9352", "DOID:9744", "DOID:2841", "DOID:3083", "DOID:1826", "DOID:1459", "DOID:6000", "DOID:0060224", "DOID:3393",
        "DOID:7148", "DOID:11476", "DOID:14330", "DOID:10652", "DOID:5419", "DOID:3312", "DOID:6364", "DOID:1067", "DOID:8893", "DOID:8577",
        "DOID:8778", "DOID:526", "DOID:2377", "DOID:784", "DOID:13810", "DOID:1094", "DOID:14320", "DOID:0050425", "DOID:437", "DOID:9074",
        "DOID:7147", "DOID:8398", "DOID:289", "DOID:13774", "DOID:0050830", "DOID:6432", "DOID:9563", "DOID:5082", "DOID:8986", "DOID:4990",
        "DOID:0050156", "DOID:9778", "DOID:0070355", "DOID:11132", "DOID:9008", "DOID:10608", "DOID:11612", "DOID:8534", "DOID:631", "DOID:853",
    )
)  # fmt: skip
"""Conditions that are controlled by drugs over years and not cured by them: the meaning of a long-term condition in the Department of Health's
Long Term Conditions Compendium of Information (3rd edition, 2012); the ids are those of the built-in base that it fits."""

_WOMEN = re.compile(
    r"pregnan|endometri|ovar|cervical cancer|vagin|vulvo|pre-eclampsia|gestational|mastitis|pelvic inflammatory|breast|amenorrh|menorrh|inverted nipple", re.I
)
_MEN = re.compile(r"prostat|erectile|testic|post-void|slowing of urinary", re.I)
_FERTILE = re.compile(r"pregnan|pre-eclampsia|gestational|mastitis|endometriosis|polycystic|amenorrh|oligomenorrh|menorrh", re.I)
_CHILDREN = re.compile(r"bronchiolitis|croup|kawasaki", re.I)
_INFANTS = re.compile(r"poor feeding", re.I)
_OLD = re.compile(
    r"alzheimer|dementia|parkinson|polymyalgia|temporal arteritis|osteoporosis|cataract|prostatic hypertrophy|prostate cancer|aortic aneurysm|myeloma"
    r"|open-angle|idiopathic pulmonary",
    re.I,
)
_SLOW = re.compile(
    r"cancer|carcinoma|chronic|dementia|alzheimer|parkinson|(?<!septic )arthritis|myeloma|lymphoma|leuk|cirrhosis|sarcoidosis|deficiency|hyperpara"
    r"|liver disease|melanoma|cataract|obes|cushing|hyperaldosteron|graves|hyperthyroid|sleep apnea|cardiomyopathy|valve stenosis|pernicious"
    r"|hemochromatosis|cystic fibrosis|nervosa|obsessive|post-traumatic|depressive|alcohol use|acne|rosacea|atopic|seborrh|blepharitis|achalasia|gastroparesis"
    r"|carpal tunnel|tubercul|raynaud",
    re.I,
)


class Patient(NamedTuple):
    text: str
    """ "a 54-year-old woman"."""
    age: int
    is_female: bool


def patient(about: Iterable[str], rng: random.Random) -> Patient:
    """`about`: the labels of the condition, the findings and the history."""
    marks = frozenset().union(*map(_marks, about))
    sex = "woman" if _WOMEN in marks else "man" if _MEN in marks else rng.choice(("man", "woman"))
    low, high = (2, 6) if _CHILDREN in marks else (19, 45) if _FERTILE in marks else (60, 88) if _OLD in marks else (19, 88)
    age = rng.randint(low, high)
    person = {"man": "boy", "woman": "girl"}[sex] if age < 12 else sex
    article = "an" if age in (8, 11, 18) or 80 <= age < 90 else "a"
    return Patient(f"{article} {age}-year-old {person}", age, sex == "woman")


def can_show(who: Patient, label: str) -> bool:
    """Whether the finding is one of this patient's sex and age, so that it is worth denying."""
    other_sex = _MEN if who.is_female else _WOMEN
    return other_sex not in _marks(label) and (who.age < 4 or not _INFANTS.search(label))


@lru_cache(maxsize=16_384)
def _marks(label: str) -> frozenset[re.Pattern[str]]:
    return frozenset(p for p in (_WOMEN, _MEN, _CHILDREN, _FERTILE, _OLD, _SLOW) if p.search(label))


def duration(condition: str, label: str, rng: random.Random) -> str:
    """How long it has lasted: days for what comes quickly, months for what lasts."""
    if condition in LONG_TERM or _SLOW in _marks(label):
        unit, most = rng.choice((("weeks", 9), ("months", 11)))
        return rng.choice((f"for {rng.randint(3, most)} {unit}", "for some months", "for several weeks", f"over the last {rng.randint(3, most)} {unit}"))
    options = (
        f"for {rng.randint(2, 6)} days", f"for {rng.randint(8, 20)} hours", f"since {rng.choice(_DAYS)}", "since yesterday evening", "since this morning",
        "since last night", f"over the last {rng.randint(2, 5)} days", "for about a day", "since the weekend", "for a couple of days",
    )  # fmt: skip
    return rng.choice(options)


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
