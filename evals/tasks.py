"""The suites as a task of Inspect AI, for its runner and its model providers:

    inspect eval evals/tasks.py -T suite=safety --model openai/MODEL

The gate sits exams with `evals.run`, whose rules on failed and unfinished replies it relies on; both ask and mark alike, but what cannot be scored
is left out of Inspect's mean and is a loss at the gate.
"""

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import Score, Scorer, Target, grouped, mean, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from core.knowledge import builtin
from core.types import ExamItem
from evals.run import SEED, TEMPERATURE
from evals.scorers import score_reply
from evals.suites import load_suite
from evals.transcript import about, messages_of, scores_of
from evals.wanted import wanted


@task
def exam(suite: str = "starter") -> Task:
    """A suite by its name, or by the path of the TOML file that declares it."""
    found = load_suite(suite)
    items = {item.id: item for item in found.items}
    samples = [Sample(id=i.id, input=messages_of(i), target=wanted(i, builtin()), metadata=about(i)) for i in items.values()]
    return Task(name=found.name, dataset=MemoryDataset(samples, name=found.name), solver=answer(), scorer=marks(items))


@solver
def answer() -> Solver:
    """One greedy reply, as long as the item lets it be."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return await generate(state, max_tokens=int(state.metadata["reply_tokens"]), temperature=TEMPERATURE, seed=SEED)

    return solve


@scorer(metrics=[grouped(mean(), "capability")])
def marks(items: dict[str, ExamItem]) -> Scorer:
    """The product's own scorers; `correct` counts, its components are in the metadata."""
    knowledge = builtin()

    async def mark(state: TaskState, target: Target) -> Score | None:
        scored = score_reply(items[str(state.sample_id)], state.output.completion, knowledge)
        named = scores_of(state.output.completion, scored.correct, scored.scores, scored.findings)
        components = {name: {"value": s.value, "why": s.explanation} for name, s in named.items()}
        return Score(value=scored.correct, answer=state.output.completion, metadata=components) if scored.correct is not None else None

    return mark
