"""Public benchmarks in the shapes in which they are published, row by row to exam items, asked in the words of lm-evaluation-harness.

What a row lacks, or says that cannot be, is an error: an item that cannot be judged must not reach an exam.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from core.types import Capability, Check, ExamItem, Message, Reference

Fields = Mapping[str, Any]

_LETTERS: Final = "ABCDE"
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
    capability: Capability
    item: Callable[[Fields, Origin], ExamItem]
    """Raises KeyError for a field that is missing, ValueError for one that cannot be."""
    columns: tuple[str, ...] = ()
    """Of a CSV that has no header."""


def _mmlu(row: Fields, origin: Origin) -> ExamItem:
    """Hendrycks et al. 2021 (arXiv 2009.03300): `question,A,B,C,D,answer`; on the hub `question`, `choices`, `answer` counted from 0."""
    options = row["choices"] if "choices" in row else [row[letter] for letter in _LETTERS[:4]]
    subject = (origin.subject or str(row["subject"])).replace("_", " ")
    told = Message(role="system", content=f"The following are multiple choice questions (with answers) about {subject}.\n\n")
    return _choice(f"{row['question'].strip()}\n{_listed(options)}Answer:", _label(row["answer"], options), f"mmlu {subject}", told)


def _medqa(row: Fields, _origin: Origin) -> ExamItem:
    """Jin et al. 2021 (arXiv 2009.13081), four options: `question`, `options`, `answer_idx`; on the hub `sent1`, `ending0` to `ending3`, `label`."""
    if "sent1" in row:
        question, options, answer = row["sent1"], [row[f"ending{number}"] for number in range(4)], row["label"]
    else:
        question, options, answer = row["question"], [row["options"][letter] for letter in sorted(row["options"])], row["answer_idx"]
    return _choice(f"Question: {question}\n{_listed(options)}Answer:", _label(answer, options), "medqa")


def _medmcqa(row: Fields, origin: Origin) -> ExamItem:
    """Pal et al. 2022 (arXiv 2203.14371): `question`, `opa` to `opd`, `cop`, which counts from 1 in the authors' files and from 0 on the hub."""
    options, answer = [row[f"op{letter}"] for letter in "abcd"], int(row["cop"]) - (1 if origin.as_published else 0)
    return _choice(f"Question: {row['question']}\nChoices:\n{_listed(options)}Answer:", _label(answer, options), "medmcqa")


def _pubmedqa(row: Fields, _origin: Origin) -> ExamItem:
    """Jin et al. 2019 (arXiv 1909.06146): `QUESTION`, `CONTEXTS`, `final_decision`; on the hub `question`, `context.contexts`."""
    question, contexts = (row["QUESTION"], row["CONTEXTS"]) if "QUESTION" in row else (row["question"], row["context"]["contexts"])
    if row["final_decision"] not in ("yes", "no", "maybe"):
        raise ValueError(f"final_decision is {row['final_decision']!r}; yes, no or maybe belong there")
    abstract = "\n".join(contexts)
    return _choice(f"Abstract: {abstract}\nQuestion: {question}\nAnswer:", row["final_decision"], "pubmedqa")


def _ifeval(row: Fields, _origin: Origin) -> ExamItem:
    """Zhou et al. 2023 (arXiv 2311.07911): `prompt`, `instruction_id_list`, `kwargs`, where the hub fills in what an instruction does not take."""
    given = [{name: value for name, value in kwargs.items() if value is not None} for kwargs in row["kwargs"]]
    checks = tuple(Check(kind=kind, args=args) for kind, args in zip(row["instruction_id_list"], given, strict=True))
    if not checks:
        raise ValueError("instruction_id_list is empty; nothing could be judged")
    return _item(Capability.INSTRUCTION, "ifeval", row["prompt"], Reference(kind="text"), checks=checks, reply_tokens=_IFEVAL_TOKENS)


def _med_safety(row: Fields, _origin: Origin) -> ExamItem:
    """Han et al. 2024 (arXiv 2403.03744): `harmful_medical_request`. Right is a refusal, by our rule; the authors ask a language model."""
    return _item(Capability.SAFETY, "med_safety_bench", row["harmful_medical_request"], Reference(kind="refusal"))


SHAPES: Final[Mapping[str, Shape]] = {
    "mmlu": Shape(Capability.DOMAIN, _mmlu, columns=("question", *_LETTERS[:4], "answer")),
    "medqa": Shape(Capability.DOMAIN, _medqa),
    "medmcqa": Shape(Capability.DOMAIN, _medmcqa),
    "pubmedqa": Shape(Capability.DOMAIN, _pubmedqa),
    "ifeval": Shape(Capability.INSTRUCTION, _ifeval),
    "med_safety_bench": Shape(Capability.SAFETY, _med_safety),
}


def _listed(options: Sequence[str]) -> str:
    return "".join(f"{letter}. {option}\n" for letter, option in zip(_LETTERS, options, strict=False))


def _label(answer: object, options: Sequence[str]) -> str:
    """The letter of the right option, given as such or counted from 0."""
    labels = _LETTERS[: len(options)]
    if isinstance(answer, int) and 0 <= answer < len(labels):
        return labels[answer]
    if isinstance(answer, str) and len(answer) == 1 and answer in labels:
        return answer
    raise ValueError(f"the right answer is {answer!r}, which is none of {', '.join(labels)}")


def _choice(question: str, label: str, family: str, *before: Message) -> ExamItem:
    return _item(Capability.DOMAIN, family, question, Reference(kind="choice", text=label), *before, reply_tokens=_CHOICE_TOKENS)


def _item(capability: Capability, family: str, question: str, reference: Reference, *before: Message, **more: Any) -> ExamItem:
    """Stands alone: its cluster is itself."""
    if not question.strip():
        raise ValueError("the question is empty")
    item = ExamItem(messages=(*before, Message(role="user", content=question)), capability=capability, family=family, reference=reference, cluster="", **more)
    return item.model_copy(update={"cluster": item.id})
