"""Instruction following in IFEval's four figures (Zhou et al. 2023, arXiv 2311.07911): by prompt and by instruction, strict and loose."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from core.knowledge.citations import without_citations
from core.reply import split_reply
from core.types import Check, EvalReport
from evals.scorers.format import loose, strict
from evals.suites import Suite


class Following(NamedTuple):
    """Shares in [0, 1]."""

    prompts: int
    prompt_strict: float
    """Prompts of which every instruction is followed."""
    instruction_strict: float
    prompt_loose: float
    """Loose: with or without the first line, the last, and asterisks."""
    instruction_loose: float


def following(suite: Suite, report: EvalReport) -> Following | None:
    """Over IFEval's items, else over all with checks; a reply that is missing follows none. None when the suite has no such item.

    Visible thinking is taken off before, and citations where there was evidence to cite.
    """
    replies = {r.item_id: split_reply(r.reply).answer if r.error is None else "" for r in report.items}
    formed = [i for i in suite.items if i.checks]
    chosen = [i for i in formed if i.family == "ifeval"] or formed
    asked = [(i.checks, without_citations(replies.get(i.id, "")) if i.evidence else replies.get(i.id, "")) for i in chosen]
    if not asked:
        return None

    def shares(verdict: Callable[[Check, str], bool]) -> tuple[float, float]:
        kept = [[verdict(check, reply) for check in checks] for checks, reply in asked]
        return sum(map(all, kept)) / len(kept), sum(map(sum, kept)) / sum(map(len, kept))

    (by_prompt, by_instruction), (by_prompt_loosely, by_instruction_loosely) = shares(strict), shares(loose)
    return Following(len(asked), by_prompt, by_instruction, by_prompt_loosely, by_instruction_loosely)


def rows(before: Following, after: Following) -> Iterator[tuple[str, float, float]]:
    """What the figure is, and both sides' shares."""
    for name, label in _LABELS.items():
        yield label, getattr(before, name), getattr(after, name)


_LABELS = {
    "prompt_strict": "all instructions of a prompt, strict",
    "instruction_strict": "single instructions, strict",
    "prompt_loose": "all instructions of a prompt, loose",
    "instruction_loose": "single instructions, loose",
}
