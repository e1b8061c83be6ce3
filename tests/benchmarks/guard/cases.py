"""What the items of the guard's benchmark are about: rows of the built-in base, read from its tables and not through the product's own code.

A case is a drug that one row makes unsafe for a patient, what it would be given for, and a drug of the same indication that no row
speaks against. Rows whose note narrows them to something that a short history does not say are left out; where the note can be said
("severe", "active"), the history says it.
"""

import csv
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import core.knowledge

BASE = Path(core.knowledge.__file__).parent / "base"
Table = list[dict[str, str]]


class Dose(NamedTuple):
    row: str
    drug: str
    indication: str
    low: float
    high: float
    unit: str
    interval: str
    max_per_day: float | None


class Case(NamedTuple):
    row: str
    """`file:line` of the row that makes the drug unsafe."""
    about: str
    """What the row is about: condition, pregnancy, renal, allergy or interaction."""
    drug: str
    against: str
    """The condition, allergy or other drug."""
    said: str
    """How the history says it, with the name at {}."""
    indication: str
    alternative: str
    effect: str = ""


# A note that gives a reason, or that a word in the history meets. Every other note leaves its row out.
NOTES = {
    "": "{}",
    "fetal renal toxicity": "{}",
    "teratogenic": "{}",
    "from 20 weeks of gestation": "{}",
    "second and third trimesters": "{}",
    "haemolysis": "{}",
    "may worsen muscle weakness": "{}",
    "history of angioedema": "{}",
    "history of QT prolongation": "{}",
    "current or previous venous thromboembolism": "{}",
    "personal or family history": "{}",
    "active or previous": "{}",
    "uncontrolled": "uncontrolled {}",
    "severe uncontrolled": "severe uncontrolled {}",
    "severe": "severe {}",
    "severe disease": "severe {}",
    "severe heart failure": "severe {}",
    "severe hepatic impairment": "severe {}",
    "moderate or severe hepatic impairment": "severe {}",
    "moderate or severe": "severe {}",
    "significant stenosis": "severe {}",
    "acute porphyria": "acute {}",
    "active": "active {}",
    "active liver disease": "active {}",
    "chronic or active": "active {}",
    "active ulceration or bleeding": "active {}",
    "active ulcer or history of NSAID-related bleeding": "active {}",
    "recent": "recent {}",
    "congenital": "congenital {}",
    "overt or decompensated": "decompensated {}",
    "uncompensated": "decompensated {}",
    "NYHA class II to IV": "NYHA III {}",
    "NYHA class III or IV": "NYHA III {}",
    "reduced ejection fraction": "{} with reduced ejection fraction",
    "with ascites": "{} with ascites",
    "with aura": "{} with aura",
    "without a pacemaker": "{} without a pacemaker",
    "second- or third-degree without a pacemaker": "third-degree {} without a pacemaker",
}

# Conditions that need more than a prescription, or that say by themselves that the patient is pregnant.
NOT_INDICATIONS = {
    "myocardial infarction", "bacterial meningitis", "pulmonary embolism", "epiglottitis", "viral encephalitis", "aortic dissection", "ischemic stroke",
    "transient cerebral ischemia", "angioedema", "tetanus", "hypoglycemia", "septic arthritis", "gestational diabetes", "pre-eclampsia",
    "diabetic ketoacidosis", "atrioventricular block", "pheochromocytoma", "long QT syndrome", "malaria", "cholera",
}  # fmt: skip

# A drug that is contraindicated in one of these is no alternative for a patient with another of them.
NEIGHBOURS = (
    {"liver disease", "liver cirrhosis", "hepatitis B", "hepatitis C", "alcohol use disorder"},
    {"coronary artery disease", "myocardial infarction", "peripheral artery disease", "stroke", "ischemic stroke", "transient cerebral ischemia"},
    {"stroke", "hemorrhagic stroke", "ischemic stroke", "hemophilia", "blood coagulation disease", "peptic ulcer disease"},
    {"thrombosis", "pulmonary embolism", "stroke", "myocardial infarction"},
    {"severe renal impairment", "chronic kidney disease", "acute kidney failure"},
    {"bipolar disorder", "major depressive disorder", "schizophrenia", "generalized anxiety disorder"},
    {"penicillin allergy", "cephalosporin allergy", "carbapenem allergy"},
    {"NSAID hypersensitivity", "salicylate allergy"},
    {"sick sinus syndrome", "atrioventricular block", "congestive heart failure", "hypertrophic cardiomyopathy", "aortic valve stenosis", "long QT syndrome"},
    {"anorexia nervosa", "bulimia nervosa", "epilepsy"},
    {"asthma", "chronic obstructive pulmonary disease"},
    {"angle-closure glaucoma", "open-angle glaucoma"},
    {"intestinal obstruction", "gastroparesis", "ulcerative colitis", "Crohn's disease"},
)

# Drugs of one family do not stand in for each other: what speaks against one speaks, more or less, against all.
FAMILIES = (
    {"vitamin K antagonist", "direct oral anticoagulant", "low molecular weight heparin", "unfractionated heparin", "factor Xa inhibitor",
     "antiplatelet", "thrombolytic"},
    {"SSRI", "SNRI", "tricyclic antidepressant", "tetracyclic antidepressant", "monoamine oxidase inhibitor", "serotonin antagonist and reuptake inhibitor"},
    {"typical antipsychotic", "atypical antipsychotic"},
    {"ACE inhibitor", "angiotensin receptor blocker", "angiotensin receptor-neprilysin inhibitor"},
    {"NSAID", "COX-2 inhibitor"},
    {"beta blocker", "non-dihydropyridine calcium channel blocker", "If channel inhibitor"},
    {"thiazide diuretic", "thiazide-like diuretic"},
    {"dopamine agonist", "MAO-B inhibitor", "dopamine precursor"},
    {"penicillin", "penicillin with beta-lactamase inhibitor"},
)  # fmt: skip
NO_ALTERNATIVES = {"phenelzine", "rifampicin", "amiodarone", "lithium", "ciclosporin", "tacrolimus"}
NOT_TAKEN_AT_HOME = {"alteplase", "heparin", "midazolam", "adenosine", "fentanyl", "meropenem"}

SAFE_IN_PREGNANCY = {
    "methyldopa", "labetalol", "nifedipine", "paracetamol", "amoxicillin", "phenoxymethylpenicillin", "cefalexin", "erythromycin", "azithromycin",
    "insulin aspart", "insulin glargine", "enoxaparin", "omeprazole", "famotidine", "clotrimazole", "cetirizine", "loratadine", "sertraline", "prednisolone",
    "budesonide", "beclometasone", "metronidazole", "ceftriaxone", "aciclovir", "permethrin", "flucloxacillin", "metformin", "levothyroxine",
}  # fmt: skip


@cache
def table(name: str) -> Table:
    with (BASE / f"{name}.tsv").open(encoding="utf-8", newline="") as stream:
        return [{**row, "row": f"{name}.tsv:{line}"} for line, row in enumerate(csv.DictReader(stream, delimiter="\t"), start=2)]


@cache
def doses() -> dict[str, Dose]:
    """The dose row of each drug that has one; an indication loses what stands in brackets behind it."""
    return {
        r["drug"]: Dose(
            r["row"],
            r["drug"],
            r["indication"].split(" (")[0],
            float(r["low"]),
            float(r["high"]),
            r["unit"],
            r["interval"],
            float(r["max_per_day"]) if r["max_per_day"] else None,
        )
        for r in table("dose")
    }


@cache
def treatments() -> dict[str, list[str]]:
    """The drugs for each indication."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in table("treated_by"):
        if row["condition"] not in NOT_INDICATIONS:
            found[row["condition"]].append(row["drug"])
    return found


@cache
def indications() -> dict[str, list[str]]:
    """What each drug is given for, where another drug is given for it as well."""
    found: dict[str, list[str]] = defaultdict(list)
    for condition, drugs in treatments().items():
        for drug in drugs:
            found[drug].append(condition)
    for drug, dose in doses().items():
        if dose.indication in treatments() and dose.indication not in found[drug]:
            found[drug].append(dose.indication)
    return found


@cache
def unsuitable() -> dict[str, set[str]]:
    """What each drug is contraindicated in, whatever the note says, and what is close to it."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in table("contraindicated_in"):
        found[row["drug"]] |= near(row["object"])
    return found


def near(name: str) -> set[str]:
    return {name}.union(*(group for group in NEIGHBOURS if name in group))


@cache
def classes() -> dict[str, str]:
    return {row["label"]: row["drug_class"] for row in table("drugs")}


def apart(drug: str, *others: str) -> bool:
    """Whether the drug is of another family than the others, and so may stand in for one of them."""
    family = [next((f for f in FAMILIES if classes()[d] in f), {classes()[d]}) for d in (drug, *others)]
    return drug not in NO_ALTERNATIVES and family[0] not in family[1:]


@cache
def partners() -> dict[str, set[str]]:
    """The drugs that each drug interacts with at any severity."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in table("interacts_with"):
        found[row["drug_a"]].add(row["drug_b"])
        found[row["drug_b"]].add(row["drug_a"])
    return found


@cache
def contraindications() -> list[Case]:
    found = []
    for row in table("contraindicated_in"):
        said = NOTES.get(row["note"]) if row["kind"] != "renal" else renal(row["note"])
        if said is None:
            continue
        for indication in indications()[row["drug"]]:
            if indication in near(row["object"]) or indication in unsuitable()[row["drug"]]:
                continue
            for other in treatments()[indication]:
                fit = apart(other, row["drug"]) and not unsuitable()[other] & {row["object"], indication}
                if fit and (row["kind"] != "pregnancy" or other in SAFE_IN_PREGNANCY):
                    found.append(Case(row["row"], row["kind"], row["drug"], row["object"], said, indication, other))
    return found


def renal(note: str) -> str | None:
    """The histories of this kind name a clearance below every threshold of the base."""
    return None if "ineffective" in note else "{}"


@cache
def interactions() -> list[Case]:
    found = []
    for row in table("interacts_with"):
        if row["severity"] != "critical":
            continue
        for drug, taken in ((row["drug_a"], row["drug_b"]), (row["drug_b"], row["drug_a"])):
            if taken in NOT_TAKEN_AT_HOME:
                continue
            for indication in indications()[drug]:
                if indication in unsuitable()[drug] | unsuitable()[taken]:
                    continue
                for other in treatments()[indication]:
                    if apart(other, drug, taken) and other not in partners()[taken] and indication not in unsuitable()[other]:
                        found.append(Case(row["row"], "interaction", drug, taken, "{}", indication, other, row["effect"]))
    return found
