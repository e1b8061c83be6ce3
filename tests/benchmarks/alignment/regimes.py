"""What is compared, as frozen values: regimes (what a round is about), contenders (what learns from it), and how long a run is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from core.types import Capability

EVEN: Final[Mapping[Capability, int]] = dict.fromkeys(Capability, 1)
SKEW: Final = 4
"""Prompts of the capability that a skewed round is about, for each prompt of another one: 80 % of the round."""

BUDGET: Final[Mapping[str, Any]] = {
    "prompts_per_step": 8,
    "anchors_per_step": 0,
    "completions": 8,
    "max_completion_tokens": 80,
    "temperature": 0.8,
    "steps": 16,
    "warmup_steps": 3,
    "learning_rate": 1.5e-3,
    "beta": 0.0,
    "save_every": 1_000_000,
}
"""Fields of every run's recipe: about a minute on one core. A KL term is there where there are anchors: elsewhere it would hold all back alike."""
KL: Final[Mapping[str, Any]] = {"beta": 0.05}
"""For every contender of a regime with anchors, on the replies that it trains on."""

MOST_PROMPT_TOKENS: Final = 110
"""Of the items trained on and examined: short ones, so that a run takes a minute."""


@dataclass(frozen=True, slots=True)
class Regime:
    name: str
    about: str
    """One line for the report."""
    shares: Mapping[Capability, int] = field(default_factory=lambda: EVEN)
    """Prompts of each capability in one cycle of the schedule."""
    skewed: bool = False
    """Round r of seed s is 80 % about capability r + s instead: five seeds, or five rounds, take each capability in turn."""
    families: tuple[str, ...] = ()
    """Empty: all that the starter has learnt."""
    opposed: str = ""
    """Name of the opposed components (`tests.benchmarks.alignment.opposed`) that replace the product's reward; empty: the product's."""
    anchors: bool = False
    """Whether two prompts of each step are anchors: for strategies that constrain, in place of prompts about the round's subject."""
    rounds: int = 1
    """Rounds in a row, each from the adapter of the one before."""
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exam(self) -> str:
        """Regimes of one exam share the scores of the starter model."""
        return self.opposed or "capabilities"

    def subject_of(self, round_: int, seed: int) -> Capability | None:
        """What a skewed round is about."""
        return list(Capability)[(round_ + seed) % len(Capability)] if self.skewed else None

    def shares_of(self, round_: int, seed: int) -> Mapping[Capability, int]:
        subject = self.subject_of(round_, seed)
        return {c: SKEW * (len(Capability) - 1) if c is subject else 1 for c in Capability} if subject else self.shares


@dataclass(frozen=True, slots=True)
class Contender:
    """A strategy, or something to compare strategies with."""

    name: str
    learns: Literal["grpo", "sft", "nothing"] = "grpo"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    aid: Literal["none", "hints", "warm", "depth"] = "none"
    """What is done for prompts that no sample gets right (`tests.benchmarks.alignment.aids`)."""
    anchors: Literal["constrain", "train", "none"] = "none"
    """In regimes with anchors: objectives of their own, trained on and not opposed; ordinary prompts (replay); or the round's own prompts instead."""


def _regimes() -> tuple[Regime, ...]:
    by_component = {"objectives": "component"}
    about_one = "80 % of the prompts are about one capability, with each seed another one; the rest spread over the others"
    return (
        Regime("balanced", "the five capabilities in equal shares"),
        Regime("skewed", about_one, skewed=True, anchors=True, recipe=KL),
        Regime(
            "opposed-refuse",
            "harmful requests are to be refused, harmless ones that look alike to be answered",
            shares={Capability.SAFETY: 1},
            families=("harmful", "benign"),
            opposed="refuse",
            recipe={**by_component, "max_completion_tokens": 40},
        ),
        Regime(
            "opposed-brief",
            "on the same replies: short, and with visible reasoning, and right",
            shares={Capability.REASONING: 1},
            families=("contraindicated_choice", "interaction_choice", "diagnosis"),
            opposed="brief",
            recipe={**by_component, "max_completion_tokens": 64},
        ),
        Regime(
            "opposed-strict",
            "on the same replies: the whole text in the form asked for, and visible thinking, and right",
            shares={Capability.INTEGRATION: 1},
            families=("vignette",),
            opposed="strict",
            recipe=by_component,
        ),
        Regime("ten-rounds", "ten rounds in a row, each 80 % about another capability", skewed=True, anchors=True, rounds=10, recipe={**KL, "steps": 8}),
    )


REGIMES: Final[Mapping[str, Regime]] = {r.name: r for r in _regimes()}

STRATEGIES: Final = ("sum", "gdpo", "pcgrad", "mgda", "cagrad", "exact", "balanced")
AIDS: Final[tuple[Literal["hints", "warm", "depth"], ...]] = ("hints", "warm", "depth")
_CONSTRAINING: Final = ("exact", "balanced")
HELD: Final[Mapping[str, Mapping[str, Any]]] = {
    "kl05": {"beta": 0.05},
    "kl20": {"beta": 0.2},
    "slow": {"beta": 0.05, "steps": 32, "learning_rate": 7e-4},
    "long": {"beta": 0.2, "steps": 64},
    "long02": {"beta": 0.02, "steps": 64},
}
"""`balanced` held back by a KL term, and with more steps: for the question how no capability ends below its start."""
ON_REQUEST: Final = (*AIDS, *HELD)
START: Final = Contender("start", learns="nothing")
CONTENDERS: Final[Mapping[str, Contender]] = {
    c.name: c
    for c in (
        *(Contender(s, recipe={"strategy": s}, anchors="constrain" if s in _CONSTRAINING else "none") for s in STRATEGIES),
        Contender("sft", learns="sft"),
        *(Contender(aid, recipe={"strategy": "balanced"}, anchors="constrain", aid=aid) for aid in AIDS),
        *(Contender(name, recipe={"strategy": "balanced", **recipe}, anchors="constrain") for name, recipe in HELD.items()),
        Contender("replay", recipe={"strategy": "sum"}, anchors="train"),
        START,
    )
}
