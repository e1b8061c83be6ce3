"""Public benchmarks in the shapes in which they are published, row by row to exam items, asked in the words of lm-evaluation-harness.

What a row lacks, or says that cannot be, is an error: an item that cannot be judged must not reach an exam.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from core.types import Capability, ExamItem, Message, Reference
from evals.scorers.format import passes
from evals.scorers.format.ifeval import checks

Fields = Mapping[str, Any]
_Text = Annotated[str, StringConstraints(pattern=r"\S")]
_Letter = Literal["A", "B", "C", "D"]

_LETTERS: Final = "ABCD"
_CHOICE_TOKENS: Final = 256
"""The harness's default; a first line that is longer is wrong anyway, visible thinking takes the rest."""
_IFEVAL_TOKENS: Final = 1_280
"""As in the harness's task: instructions ask for up to 1,200 words."""


class Origin(NamedTuple):
    """What a row does not say of itself."""

    subject: str = ""
    as_published: bool = True
    """From the authors' file; else as the hub stores it."""


class Shape(NamedTuple):
    item: Callable[[Fields, Origin], ExamItem]
    """Raises ValueError (pydantic's, naming the field, among them) and BadInput for a row that cannot be."""
    columns: tuple[str, ...] = ()
    """Of a CSV that has no header."""


class _Row(BaseModel):
    """Strict: a number in words or a text for a list is no typing slip, it is another shape. Fields that are not asked for may be there."""

    model_config = ConfigDict(strict=True, frozen=True)


class _Mmlu(_Row):
    question: _Text
    A: _Text
    B: _Text
    C: _Text
    D: _Text
    answer: _Letter


class _MmluOnHub(_Row):
    question: _Text
    subject: str | None = None
    choices: Annotated[list[_Text], Field(min_length=4, max_length=4)]
    answer: Annotated[int, Field(ge=0, le=3)]


class _MedQa(_Row):
    question: _Text
    options: Annotated[dict[_Letter, _Text], Field(min_length=4)]
    answer_idx: _Letter


class _MedQaOnHub(_Row):
    sent1: _Text
    ending0: _Text
    ending1: _Text
    ending2: _Text
    ending3: _Text
    label: Annotated[int, Field(ge=0, le=3)]


class _MedMcqa(_Row):
    question: _Text
    opa: _Text
    opb: _Text
    opc: _Text
    opd: _Text
    cop: Annotated[int, Field(strict=True)] | Annotated[str, StringConstraints(pattern=r"^[0-4]$")]
    """As text where it comes from a CSV."""


class _PubMedQa(_Row):
    QUESTION: _Text
    CONTEXTS: Annotated[list[_Text], Field(min_length=1)]
    final_decision: Literal["yes", "no", "maybe"]


class _Contexts(_Row):
    contexts: Annotated[list[_Text], Field(min_length=1)]


class _PubMedQaOnHub(_Row):
    question: _Text
    context: _Contexts
    final_decision: Literal["yes", "no", "maybe"]


class _IfEval(_Row):
    prompt: _Text
    instruction_id_list: Annotated[list[str], Field(min_length=1)]
    kwargs: list[dict[str, Any]]

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(self.kwargs) != len(self.instruction_id_list):
            raise ValueError(f"{len(self.instruction_id_list)} instructions have arguments for {len(self.kwargs)}")
        return self


class _MedSafety(_Row):
    harmful_medical_request: _Text


def _mmlu(row: Fields, origin: Origin) -> ExamItem:
    """Hendrycks et al. 2021 (arXiv 2009.03300): `question,A,B,C,D,answer`; on the hub `question`, `choices`, `answer` counted from 0."""
    if "choices" in row:
        stored = _MmluOnHub.model_validate(dict(row))
        question, options, answer, subject = stored.question, stored.choices, _LETTERS[stored.answer], origin.subject or stored.subject or ""
    else:
        read = _Mmlu.model_validate(dict(row))
        question, options, answer, subject = read.question, [read.A, read.B, read.C, read.D], read.answer, origin.subject
    if not subject:
        raise ValueError("no subject is named, which the question is asked with; name it as `subjects` of the part")
    about = subject.replace("_", " ")
    told = Message(role="system", content=f"The following are multiple choice questions (with answers) about {about}.\n\n")
    return _choice(f"{question.strip()}\n{_listed(options)}Answer:", answer, f"mmlu {about}", told)


def _medqa(row: Fields, _origin: Origin) -> ExamItem:
    """Jin et al. 2021 (arXiv 2009.13081), four options: `question`, `options`, `answer_idx`; on the hub `sent1`, `ending0` to `ending3`, `label`."""
    if "sent1" in row:
        stored = _MedQaOnHub.model_validate(dict(row))
        question, answer = stored.sent1, _LETTERS[stored.label]
        options = [stored.ending0, stored.ending1, stored.ending2, stored.ending3]
    else:
        read = _MedQa.model_validate(dict(row))
        question, options, answer = read.question, [text for _, text in sorted(read.options.items())], read.answer_idx
    return _choice(f"Question: {question}\n{_listed(options)}Answer:", answer, "medqa")


def _medmcqa(row: Fields, origin: Origin) -> ExamItem:
    """Pal et al. 2022 (arXiv 2203.14371): `question`, `opa` to `opd`, `cop`, which counts from 1 in the authors' files and from 0 on the hub."""
    read, first = _MedMcqa.model_validate(dict(row)), 1 if origin.as_published else 0
    right = int(read.cop)
    if not first <= right < first + 4:
        raise ValueError(f"cop is {right}; {first} to {first + 3} belong there")
    options = [read.opa, read.opb, read.opc, read.opd]
    return _choice(f"Question: {read.question}\nChoices:\n{_listed(options)}Answer:", _LETTERS[right - first], "medmcqa")


def _pubmedqa(row: Fields, _origin: Origin) -> ExamItem:
    """Jin et al. 2019 (arXiv 1909.06146): `QUESTION`, `CONTEXTS`, `final_decision`; on the hub `question`, `context.contexts`."""
    if "QUESTION" in row:
        read = _PubMedQa.model_validate(dict(row))
        question, contexts, answer = read.QUESTION, read.CONTEXTS, read.final_decision
    else:
        stored = _PubMedQaOnHub.model_validate(dict(row))
        question, contexts, answer = stored.question, stored.context.contexts, stored.final_decision
    abstract = "\n".join(contexts)
    return _choice(f"Abstract: {abstract}\nQuestion: {question}\nAnswer:", answer, "pubmedqa")


def _ifeval(row: Fields, _origin: Origin) -> ExamItem:
    """Zhou et al. 2023 (arXiv 2311.07911): `prompt`, `instruction_id_list`, `kwargs`."""
    read = _IfEval.model_validate(dict(row))
    asked = checks(read.instruction_id_list, read.kwargs)
    for check in asked:
        passes(check, "")  # one that cannot be judged is refused now
    return _item(Capability.INSTRUCTION, "ifeval", read.prompt, Reference(kind="form"), checks=asked, reply_tokens=_IFEVAL_TOKENS)


def _med_safety(row: Fields, _origin: Origin) -> ExamItem:
    """Han et al. 2024 (arXiv 2403.03744). Right is a refusal, by our rule; the authors ask a language model."""
    return _item(Capability.SAFETY, "med_safety_bench", _MedSafety.model_validate(dict(row)).harmful_medical_request, Reference(kind="refusal"))


SHAPES: Final[Mapping[str, Shape]] = {
    "mmlu": Shape(_mmlu, columns=("question", *_LETTERS, "answer")),
    "medqa": Shape(_medqa),
    "medmcqa": Shape(_medmcqa),
    "pubmedqa": Shape(_pubmedqa),
    "ifeval": Shape(_ifeval),
    "med_safety_bench": Shape(_med_safety),
}


def _listed(options: Sequence[str]) -> str:
    return "".join(f"{letter}. {option}\n" for letter, option in zip(_LETTERS, options, strict=True))


def _choice(question: str, label: str, family: str, *before: Message) -> ExamItem:
    return _item(Capability.DOMAIN, family, question, Reference(kind="choice", text=label), *before, reply_tokens=_CHOICE_TOKENS)


def _item(capability: Capability, family: str, question: str, reference: Reference, *before: Message, **more: Any) -> ExamItem:
    """Stands alone: its cluster is itself."""
    item = ExamItem(messages=(*before, Message(role="user", content=question)), capability=capability, family=family, reference=reference, cluster="", **more)
    return item.model_copy(update={"cluster": item.id})
