"""One run: from the starter model through one or more rounds to the exam. Runs in a process of its own, on one thread."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from transformers import TrainerCallback

from alignment.grpo.policy import Policy, load_policy, save_adapter
from alignment.grpo.schedule import Schedule
from alignment.grpo.trainer import CapabilityTrainer
from alignment.recipe import Recipe, recipe_from
from alignment.rewards import reward_components
from core.knowledge import Knowledge, builtin
from core.types import Item, Score, TrainingSample
from tests.benchmarks.alignment import exam, results
from tests.benchmarks.alignment.aids import shallow_first, warm_steps, with_hints
from tests.benchmarks.alignment.decode import decode
from tests.benchmarks.alignment.material import Material, material, plan, trained_as
from tests.benchmarks.alignment.opposed import OPPOSED
from tests.benchmarks.alignment.regimes import BUDGET, CONTENDERS, REGIMES, Contender, Regime
from tests.benchmarks.alignment.results import Result, Run
from tests.benchmarks.alignment.supervised import fine_tune


class Trained(NamedTuple):
    model: Any
    steps: list[dict[str, Any]]
    seconds: float
    """CPU."""
    tokens: int


def run_once(run: Run, folder: Path, starter: Path = results.STARTER) -> Result:
    """Does the run and leaves its result in `folder`."""
    torch.set_num_threads(1)
    # On processors without AMX this changes no bit, and takes matrix products from MKL, which is slow on AMD (2.4 times here), to oneDNN.
    torch.backends.mkldnn.matmul.fp32_precision = "bf16" if not torch.cpu._is_amx_tile_supported() else "ieee"
    transformers.logging.set_verbosity_error()
    began, knowledge = time.perf_counter(), builtin()
    regime, contender = REGIMES[run.regime], CONTENDERS[run.contender]
    recipe = recipe_from({**BUDGET, **regime.recipe, **contender.recipe, "seed": run.seed}, run.name)
    with tempfile.TemporaryDirectory() as scratch:
        result = _through_rounds(run, regime, contender, recipe, knowledge, starter, Path(scratch))
    result = result.model_copy(update={"wall_seconds": round(time.perf_counter() - began, 2)})
    results.write(folder, result)
    return result


def _through_rounds(run: Run, regime: Regime, contender: Contender, recipe: Recipe, knowledge: Knowledge, starter: Path, scratch: Path) -> Result:
    parent: Path | None = None
    history: list[dict[str, float]] = []
    steps: list[dict[str, Any]] = []
    seconds, tokens = 0.0, 0
    for round_ in range(regime.rounds):
        policy = load_policy(str(starter), parent, recipe)
        policy.model.get_base_model().set_attn_implementation("eager")  # at this size a third faster than the fused one of torch's CPU build
        asked = exam.questions(regime, knowledge, policy.tokenizer)
        trained = _train(policy, regime, contender, round_, run.seed, recipe, knowledge, scratch / str(round_))
        steps, seconds, tokens = [*steps, *trained.steps], seconds + trained.seconds, tokens + trained.tokens
        if round_ < regime.rounds - 1:
            parent = scratch / f"adapter-{round_}"
            save_adapter(trained.model, parent, "starter")
            history.append(_means(_sit(trained.model.merge_and_unload(), policy, regime, asked, recipe, knowledge)))
    model = trained.model.merge_and_unload()
    return Result(
        regime=run.regime,
        contender=run.contender,
        seed=run.seed,
        recipe=recipe.model_dump(mode="json", exclude_defaults=True),
        greedy=_rounded(_sit(model, policy, regime, asked, recipe, knowledge)),
        sampled=_rounded(exam.mean_of([_sit(model, policy, regime, asked, recipe, knowledge, sample) for sample in range(1, exam.SAMPLES + 1)])),
        history=tuple(history),
        steps=tuple(steps),
        train_seconds=round(seconds, 2),
        trained_tokens=tokens,
    )


def _sit(model: Any, policy: Policy, regime: Regime, asked: Any, recipe: Recipe, knowledge: Knowledge, sample: int = 0) -> exam.Marks:
    """Sample 0 is greedy; the others draw as training does, with random numbers of their own."""
    temperature = recipe.temperature if sample else 0.0
    items = [q.item for q in asked]
    said = exam.replies(model, policy.tokenizer, items, temperature=temperature, reply_tokens=recipe.max_completion_tokens, seed=sample)
    return exam.marks(regime, asked, said, knowledge)


def _train(policy: Policy, regime: Regime, contender: Contender, round_: int, seed: int, recipe: Recipe, knowledge: Knowledge, scratch: Path) -> Trained:
    if contender.learns == "nothing":
        return Trained(policy.model, [], 0.0, 0)
    given = material(regime, round_, seed, knowledge, policy.tokenizer, recipe.max_completion_tokens)
    began = time.process_time()
    if contender.learns == "sft":
        order = plan(regime, contender, round_, seed, given, recipe.prompts_per_step * recipe.completions, recipe.steps).order
        model = fine_tune(policy, given, order, recipe, scratch)
        tokens = sum(len(policy.tokenizer(given.references[i], add_special_tokens=False)["input_ids"]) + 1 for i in order)
        return Trained(model, [], time.process_time() - began, tokens)
    asked = plan(regime, contender, round_, seed, given, recipe.prompts_per_step, recipe.steps)
    if contender.aid == "hints":
        given, order = with_hints(given, asked.order, knowledge)
        asked = asked._replace(order=order)
    elif contender.aid == "depth":
        asked = asked._replace(order=shallow_first(given, asked.order))
    elif contender.aid == "warm":
        first = recipe.model_copy(update={"steps": warm_steps(recipe.steps), "warmup_steps": 1})
        references = plan(regime, contender, round_, seed, given, recipe.prompts_per_step * recipe.completions, first.steps).order
        fine_tune(policy, given, references, first, scratch / "warm")
        recipe = recipe.model_copy(update={"steps": recipe.steps - first.steps})
        asked = plan(regime, contender, round_, seed, given, recipe.prompts_per_step, recipe.steps)
    trained = _reinforce(policy, regime, contender, given, asked, recipe, knowledge, scratch)
    return trained._replace(seconds=time.process_time() - began)


def _reinforce(
    policy: Policy, regime: Regime, contender: Contender, given: Material, asked: Schedule, recipe: Recipe, knowledge: Knowledge, scratch: Path
) -> Trained:
    trainer = trainer_of(_Trainer, policy, regime, trained_as(contender, given), asked, recipe, knowledge, scratch)
    reports = _Reports(trainer)
    trainer.add_callback(reports)
    trainer.train()
    return Trained(trainer.model, reports.steps, 0.0, sum(int(r["completion_tokens"]) for r in reports.steps))


def trainer_of(
    kind: type[CapabilityTrainer],
    policy: Policy,
    regime: Regime,
    samples: Sequence[TrainingSample],
    asked: Schedule,
    recipe: Recipe,
    knowledge: Knowledge,
    scratch: Path,
) -> Any:
    """The product's trainer on a regime: with the product's reward, or with the opposed components that the regime names."""

    def score(item: Item, reply: str) -> Mapping[str, Score]:
        return OPPOSED[regime.opposed].score(item, reply, knowledge) if regime.opposed else reward_components(item, reply, knowledge)

    own: dict[str, Any] = {}
    if regime.opposed:
        equal = dict.fromkeys(OPPOSED[regime.opposed].components, 1.0)
        own = {"components": tuple(equal), "weights": lambda _capability: equal}
    return kind(policy, samples, asked, recipe, score, scratch / "kept", scratch / "draft", **own)


class _Trainer(CapabilityTrainer):
    """Samples with `decode`: the product's own sampling is 40 % of a step at this size. All contenders do."""

    def _generate_single_turn(self, prompt_ids: Any, *_: Any, **__: Any) -> tuple[list[list[int]], None]:
        """Relies on upstream asking for every row's prompt, and on completions ending in the end token where they came to an end."""
        seed = self.recipe.seed * 100_003 + self.state.global_step
        policy = self.accelerator.unwrap_model(self.model).get_base_model()
        return decode(policy, prompt_ids, max_new_tokens=self.max_completion_length, temperature=self.temperature, seed=seed), None


class _Reports(TrainerCallback):
    def __init__(self, trainer: CapabilityTrainer) -> None:
        self._trainer, self.steps = trainer, list[dict[str, Any]]()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.steps.append(dict(self._trainer.report))


def _means(marks: exam.Marks) -> dict[str, float]:
    known = {group: [v for v in values if v is not None] for group, values in marks.items()}
    return {group: round(sum(values) / len(values), 4) for group, values in known.items() if values}


def _rounded(marks: exam.Marks) -> dict[str, tuple[float | None, ...]]:
    return {group: tuple(None if v is None else round(v, 3) for v in values) for group, values in marks.items()}
