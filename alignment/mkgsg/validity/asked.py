"""Is the question readable, and does the right answer follow from it?"""

from alignment.mkgsg.validity.case import Case, are_linked, is_any
from core.knowledge.graph import Kind
from core.knowledge.quantities import QUANTITY
from core.safety import is_harmful
from core.types import Relation


def question(case: Case) -> str | None:
    """What the item says of the patient must be readable in the question, else no model could answer it."""
    sample = case.sample
    if not case.asked.ids.issuperset(sample.patient):
        return "unreadable_patient"
    if _gives_away(case):
        return "answer_in_question"
    if is_harmful(sample.messages[-1].content) and sample.reference.kind != "refusal":
        return "benign_looks_harmful_to_the_guard"
    return None


def _gives_away(case: Case) -> bool:
    """The answer stands in the question. Candidates may be listed among wrong ones, and a check may be about the word itself."""
    sample = case.sample
    if sample.reference.kind != "concepts" or case.asked.ids & set(sample.reference.forbidden):
        return False
    answers = {i for group in sample.reference.concepts for i in group}.difference(sample.patient) & case.asked.ids
    if not answers:
        return False
    checked = " ".join(str(v) for c in sample.checks for v in c.args.values()).lower()
    return any(is_any(m, frozenset(answers)) and m.text.lower() not in checked for m in case.asked.mentions)


def reference(case: Case) -> str | None:
    """The right answer is known to the graph, follows from what is asked, and suits the patient."""
    sample, graph = case.sample, case.knowledge.graph
    reference = sample.reference
    if reference.kind == "dose":
        return _dose_reference(case)
    for group in reference.concepts:
        around = case.ids.difference(group)
        if not group or not all(i in graph.concepts and are_linked(graph, i, around) for i in group):
            return "unsupported_reference"
        for drug in group:
            if any(graph.contraindication(drug, p) for p in sample.patient if p != drug):
                return "unsafe_contraindication"
    return None


def _dose_reference(case: Case) -> str | None:
    """The range is that of the drug asked about; a safe maximum may be its daily one."""
    reference, graph = case.sample.reference, case.knowledge.graph
    if not QUANTITY.search(f"{reference.low:f} {reference.unit}"):
        return "unreadable_dose"
    drugs = [d for d in _dosed_drugs(case) if is_dosed_here(d, case)]
    doses = [f.dose for d in drugs if (f := graph.dose(d)) and f.dose]
    if not doses:
        return "unsupported_reference"
    if not any(d.unit == reference.unit for d in doses):
        return "wrong_unit"
    within = any(d.low == reference.low and reference.high in (d.high, d.max_per_day) for d in doses)
    return None if within else "dose_out_of_range"


def _dosed_drugs(case: Case) -> set[str]:
    asked = {d.id for m in case.asked.mentions if (d := m.of_kind(Kind.DRUG))}
    return asked | {c.subject for c in case.reading.claims if c.relation is Relation.DOSE}


def is_dosed_here(drug: str, case: Case) -> bool:
    """Asked about by name, or a treatment of what is asked about: the dose of "the first-line drug"."""
    return drug in case.asked.ids or are_linked(case.knowledge.graph, drug, case.ids, frozenset((Relation.TREATED_BY,)))
