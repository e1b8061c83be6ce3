"""Stage 2, generate: from a case to a question with its right answer, its checks, and reply texts.

The answer comes from the graph. The reference reply is what a well-aligned model would write; the unaligned reply shows what the
starter model also sees in its training: the same knowledge without the check, the format or the refusal. GRPO compares the two.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from alignment.mkgsg import consultation, formats, hops, instruction_items, safety_items, statements
from alignment.mkgsg.case import Case
from alignment.mkgsg.draft import Draft, Written
from alignment.mkgsg.grammar import QUESTIONS
from alignment.mkgsg.source import CAPABILITY_OF
from alignment.mkgsg.statements import fact_reference
from alignment.mkgsg.workflow import lower
from alignment.mkgsg.writer import Writer
from core.types import Message, Provenance, Relation, TrainingSample

GENERATOR = "mkgsg-3"

__all__ = ["GENERATOR", "Written", "generate", "statement", "write", "write_pair"]


def generate(cases: Iterable[Case], writer: Writer, recipe_hash: str = "") -> Iterator[Written]:
    """An item for each case, as it is pulled."""
    return (write(case, writer, recipe_hash) for case in cases)


def write(case: Case, writer: Writer, recipe_hash: str = "") -> Written:
    """The item of a case in one of its wordings. The writer's random state decides which."""
    draft = _WRITERS.get(case.family, _recall)(case, writer)
    sample = TrainingSample(
        messages=(Message(role="user", content=draft.question),),
        capability=CAPABILITY_OF[case.family],
        family=case.family,
        reference=draft.reference,
        checks=draft.checks,
        steps=draft.steps,
        patient=draft.patient,
        depth=draft.case.depth,
        provenance=Provenance(source="mkgsg", ids=tuple(f.row for f in draft.case.facts), generator=GENERATOR, recipe_hash=recipe_hash),
    )
    return Written(sample=sample, completion=draft.completion, unaligned=draft.unaligned or draft.completion)


def statement(case: Case, writer: Writer) -> str:
    """The fact of a case as the model is to say it."""
    return statements.statement(case, writer.knowledge.graph)


def write_pair(case: Case, writer: Writer) -> tuple[str, str]:
    """Question and answer about both ends of a contraindication or interaction. Not an item: what is right stands in the question."""
    words = {"d": writer.name(case.drug), "h": writer.name(case.other), "b": writer.name(case.other)}
    return writer.question(QUESTIONS[f"{case.family}_pair"], **words), statement(case, writer)


def _recall(case: Case, w: Writer) -> Draft:
    words = {"c": w.name(case.condition) if case.condition else "", "d": w.name(case.drug) if case.drug else ""}
    return Draft(case, w.question(QUESTIONS[case.family], **words), fact_reference(case), statement(case, w))


def _formatted(case: Case, w: Writer) -> Draft:
    kind = case.facts[0].relation
    family = {
        Relation.TREATED_BY: "alternative" if case.facts[0].line == "alternative" else "first_line",
        Relation.HAS_SYMPTOM: "symptom",
        Relation.INVESTIGATED_BY: "investigation",
    }[kind]
    question = w.question(QUESTIONS[family], c=w.name(case.condition))
    plain = statement(case, w)
    objects = case.symptoms if kind is Relation.HAS_SYMPTOM else (case.chosen,)
    labels = tuple(lower(w.label(o)) if kind is Relation.HAS_SYMPTOM else w.label(o) for o in objects)
    form = formats.fact_format(plain, w.label(case.condition), labels, kind, w)
    gap = " " if question.endswith((".", "?")) else ". "
    return Draft(case, f"{question}{gap}{form.instruction}", fact_reference(case), form.text, form.plain, (form.check,))


_WRITERS: Mapping[str, Callable[[Case, Writer], Draft]] = {
    "formatted": _formatted,
    **hops.WRITERS,
    **consultation.WRITERS,
    **instruction_items.WRITERS,
    **safety_items.WRITERS,
}
