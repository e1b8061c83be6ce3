"""The preference model: the backbone with a LoRA adapter and a head that says one number for a reply, trained by TRL's reward trainer.

It learns from the judgements that are not held out (Bradley and Terry's loss: the log odds that one reply is preferred are the difference of
their numbers) and is measured on those that are; the model that was measured is the one that is used. It reads the question with its evidence and
the answer alone: a clinician's correction has no visible thinking, and "prefers what does not think" must not be learnt.
"""

import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel, get_peft_model
from pydantic import ValidationError
from safetensors import SafetensorError
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PrinterCallback, TrainerCallback
from trl import RewardConfig, RewardTrainer
from trl.trainer.reward_trainer import suppress_seqcls_warning

from alignment.optimisation import lora, optimisation
from alignment.recipe import Recipe
from alignment.rewards.judgements import Judgement
from alignment.rewards.reliability import Outcome, Reliability, reliabilities, weights_of
from core.artifacts import new_artifact, verify_artifact, write_text_atomically
from core.errors import ArtifactError, BadInput, RecipeError, TrainingError
from core.knowledge.evidence import with_evidence
from core.reply import split_reply
from core.types import Capability, Item, Message, Score, Value, content_hash

NAME = "preference"
CARD = "preference.json"
_EPOCHS = 4
_PAIRS_PER_STEP = 8
_REPLIES_AT_ONCE = 32
_CENTRING = 0.01
"""Pulls the numbers of a pair towards mean zero (Eisenstein et al. 2023, equation 2; TRL's recommended value)."""


class PreferenceCard(Value):
    """What the model was made from and what it is worth."""

    key: str
    """Hash of base model, judgements and what the recipe says about it: the same key, the same model."""
    base_model: str
    pairs: Mapping[str, int]
    """Learnt from, by source."""
    held_out: int
    measured: int
    """Held-out ratings of people, whose two replies are of one band."""
    too_long: int
    """Pairs that do not fit the model's window; neither learnt from nor measured on."""
    simulated: int
    """Pairs that a script had a part in, learnt from or held out."""
    loss: float
    """Mean over training; ln 2 = 0.693 knows nothing."""
    centre: float
    spread: float
    """Of the numbers of the replies learnt from: a score is the logistic function of (number - centre) / spread."""
    reliability: Mapping[Capability, Reliability]


class PreferenceModel:
    """A component of the reward. `weights`: measured reliability by capability."""

    name = NAME

    def __init__(self, reader: "_Reader", card: PreferenceCard) -> None:
        self._reader, self.card = reader, card
        self.weights = weights_of(card.reliability)

    def scores(self, asked: Sequence[tuple[Item, str]]) -> list[Score]:
        """In [0, 1]; 0 for a reply without an answer or too long for the model's window: unscored, it would get the middle of its band."""
        numbers = self._reader.numbers([(item.messages, item.evidence, split_reply(reply).answer) for item, reply in asked])
        return [self._score(reply, number) for (_, reply), number in zip(asked, numbers, strict=True)]

    def _score(self, reply: str, number: float | None) -> Score:
        if not split_reply(reply).answer:
            return Score(name=NAME, value=0.0, explanation="no answer")
        if number is None:
            return Score(name=NAME, value=0.0, explanation="too long")
        if not math.isfinite(number):
            return Score(name=NAME, explanation="not finite")
        odds = torch.tensor((number - self.card.centre) / self.card.spread, dtype=torch.float64)
        return Score(name=NAME, value=float(torch.sigmoid(odds)), explanation=f"{number:.3f}")


def train_preference(
    target: Path, judgements: Sequence[Judgement], *, base_model: str, base_name: str, recipe: Recipe, scratch: Path, is_stopped: Callable[[], bool]
) -> bool:
    """Leaves a whole artifact at `target` (adapter, head, card); one of the same key that is there stays. False: nothing to learn from, or stopped.

    The same input gives the same bytes on a CPU, so that a run that was killed in the middle starts this part again. Raises ArtifactError when
    `target` is damaged or of another key, BadInput when the base model cannot be loaded, TrainingError when training diverges.
    """
    about = recipe.model_dump(mode="json", include={"seed", "lora_rank", "lora_alpha", "learning_rate", "max_grad_norm"})
    key = content_hash([base_model, [j.model_dump(mode="json") for j in judgements], about])
    if target.exists():
        if load_card(target).key != key:
            raise ArtifactError(f"{target} was made from other judgements or another recipe; remove it, or start a new round")
        return True
    if "true" in (os.environ.get("ACCELERATE_USE_FSDP"), os.environ.get("ACCELERATE_USE_DEEPSPEED")):
        raise RecipeError("preference: the preference model is trained whole on each device; start the round without FSDP or DeepSpeed, or without it")
    torch.manual_seed(recipe.seed)
    reader = _Reader(*_load_base(base_model))
    fitting = [j for j in judgements if reader.fits(j)]
    learnt = [j for j in fitting if not j.held_out]
    if not learnt:
        return False
    reader.model = get_peft_model(reader.model, lora(recipe, "SEQ_CLS", whole=("score",)))
    trainer = _trainer(reader, learnt, recipe, scratch, is_stopped)
    loss = float(trainer.train().training_loss)
    shutil.rmtree(scratch, ignore_errors=True)
    if is_stopped():
        return False
    if trainer.accelerator.is_main_process:
        reader.model = trainer.accelerator.unwrap_model(trainer.model)
        numbers = torch.tensor([n for j in learnt for n in reader.pair(j)], dtype=torch.float64)
        if not torch.isfinite(numbers).all():
            raise TrainingError("The preference model's numbers are not finite; a smaller learning_rate may help")
        card = PreferenceCard(
            key=key,
            base_model=base_name,
            pairs={source: sum(j.source == source for j in learnt) for source in ("ratings", "correction")},
            held_out=sum(j.held_out for j in fitting),
            measured=sum(j.measures for j in fitting),
            too_long=len(judgements) - len(fitting),
            simulated=sum(j.simulated for j in fitting),
            loss=loss,
            centre=float(numbers.mean()),
            spread=max(float(numbers.std()), 1e-6),
            reliability=reliabilities(_outcomes(reader, fitting)),
        )
        with new_artifact(target) as folder:
            _save(reader.model, folder, base_name)
            write_text_atomically(folder / CARD, card.model_dump_json(indent=1))
    trainer.accelerator.wait_for_everyone()
    return True


def load_preference(folder: Path, base_model: str) -> PreferenceModel:
    """Raises ArtifactError when the artifact is damaged, BadInput when it does not fit the base model."""
    card = load_card(folder)
    model, tokenizer = _load_base(base_model)
    try:
        adapted = PeftModel.from_pretrained(model, str(folder))
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise BadInput(f"The preference model in {folder} cannot be loaded on {base_model}: {str(error).splitlines()[0]}") from error
    return PreferenceModel(_Reader(adapted, tokenizer), card)


def load_card(folder: Path) -> PreferenceCard:
    """Raises ArtifactError when the artifact is damaged."""
    verify_artifact(folder)
    try:
        return PreferenceCard.model_validate_json((folder / CARD).read_bytes())
    except (OSError, ValidationError) as error:
        raise ArtifactError(f"{folder / CARD} cannot be read: {error}") from error


class _Reader:
    """The model and how it is shown a conversation: in training and in use alike."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self._tokenizer = model, tokenizer
        self._window = int(model.config.get_text_config().max_position_embeddings)
        model.config.get_text_config().pad_token_id = tokenizer.pad_token_id

    @property
    def tokenizer(self) -> Any:
        return self._tokenizer

    def ids(self, messages: Sequence[Message], evidence: Sequence[str], answer: str) -> list[int]:
        told = [m.model_dump() for m in (*with_evidence(messages, evidence), Message(role="assistant", content=answer))]
        return list(self._tokenizer.apply_chat_template(told, tokenize=True, return_dict=True)["input_ids"])

    def texts(self, judgement: Judgement) -> list[list[int]]:
        """Chosen, rejected."""
        return [self.ids(judgement.messages, judgement.evidence, split_reply(text).answer) for text in (judgement.chosen, judgement.rejected)]

    def fits(self, judgement: Judgement) -> bool:
        return all(len(ids) <= self._window for ids in self.texts(judgement))

    def pair(self, judgement: Judgement) -> tuple[float, float]:
        chosen, rejected = self._forward(self.texts(judgement))
        return chosen, rejected

    def numbers(self, asked: Sequence[tuple[Sequence[Message], Sequence[str], str]]) -> list[float | None]:
        """One number for each, None for what is too long. What is asked together does not depend on what was asked before, as resuming demands."""
        ids = [self.ids(*each) for each in asked]
        fitting = [i for i, of in enumerate(ids) if len(of) <= self._window]
        numbers: list[float | None] = [None] * len(asked)
        for start in range(0, len(fitting), _REPLIES_AT_ONCE):
            chunk = fitting[start : start + _REPLIES_AT_ONCE]
            for i, number in zip(chunk, self._forward([ids[i] for i in chunk]), strict=True):
                numbers[i] = number
        return numbers

    @torch.no_grad()
    def _forward(self, ids: Sequence[Sequence[int]]) -> list[float]:
        self.model.eval()
        device, width = next(self.model.parameters()).device, max(map(len, ids))
        padded = torch.tensor([[*of, *[self._tokenizer.pad_token_id] * (width - len(of))] for of in ids], device=device)
        mask = torch.tensor([[1] * len(of) + [0] * (width - len(of)) for of in ids], device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = self.model(input_ids=padded, attention_mask=mask, use_cache=False).logits
        return [float(number) for number in logits.squeeze(-1).double().cpu()]


def _outcomes(reader: _Reader, judgements: Sequence[Judgement]) -> list[Outcome]:
    return [Outcome(j.capability, j.question, *reader.pair(j)) for j in judgements if j.measures]


def _load_base(base_model: str) -> tuple[Any, Any]:
    """float32 on a CPU, bfloat16 on a GPU; the head is new and comes from the seed."""
    on_gpu = torch.cuda.is_available()
    try:
        with suppress_seqcls_warning():
            dtype = torch.bfloat16 if on_gpu else torch.float32
            model = AutoModelForSequenceClassification.from_pretrained(base_model, num_labels=1, dtype=dtype)
        tokenizer = AutoTokenizer.from_pretrained(base_model, padding_side="right")
    except (OSError, ValueError, SafetensorError) as error:
        raise BadInput(f"The base model {base_model} cannot be loaded as a preference model: {str(error).splitlines()[0]}") from error
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return model.to("cuda" if on_gpu else "cpu"), tokenizer


def _trainer(reader: _Reader, learnt: Sequence[Judgement], recipe: Recipe, scratch: Path, is_stopped: Callable[[], bool]) -> RewardTrainer:
    rows = [dict(zip(("chosen_ids", "rejected_ids"), reader.texts(j), strict=True)) for j in learnt]
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    config = RewardConfig(
        output_dir=str(scratch),
        num_train_epochs=_EPOCHS,
        per_device_train_batch_size=max(1, _PAIRS_PER_STEP // processes),
        warmup_steps=0.1,
        center_rewards_coefficient=_CENTRING,
        max_length=None,  # what does not fit was left out, and counted
        logging_strategy="no",
        save_strategy="no",
        **optimisation(recipe),
    )
    trainer = RewardTrainer(model=reader.model, args=config, train_dataset=Dataset.from_list(rows), processing_class=reader.tokenizer)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_StopWhenAsked(is_stopped))
    return trainer


def _save(model: Any, folder: Path, base_name: str) -> None:
    """Adapter and head. `base_name` is recorded instead of a path of this machine."""
    config = model.peft_config["default"]
    config.base_model_name_or_path = base_name
    config.target_modules = sorted(config.target_modules)  # peft's set would be written in another order by every process
    # Embeddings are never trained; asking peft to find out makes it look the base model up over the network.
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty model card


class _StopWhenAsked(TrainerCallback):
    def __init__(self, is_stopped: Callable[[], bool]) -> None:
        self._is_stopped = is_stopped

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        control.should_training_stop = self._is_stopped()
        return control
