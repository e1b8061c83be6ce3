"""What is compared, as frozen values: regimes (what a round is about), contenders (what learns from it), and how long a run is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from core.types import Capability

EVEN: Final[Mapping[Capability, int]] = dict.fromkeys(Capability, 1)
SKEW: Final = 4
"""Prompts of the capability that a skewed round is about, for each prompt of another one: 80 % of the round."""

BUDGET: Final[Mapping[str, Any]] = {
    "prompts_per_step": 5,
    "anchors_per_step": 0,
    "completions": 8,
    "max_completion_tokens": 80,
    "temperature": 0.8,
    "steps": 30,
    "warmup_steps": 3,
    "learning_rate": 1e-3,
    "beta": 0.02,
    "save_every": 1_000_000,
}
"""Fields of every run's recipe: about a minute on one core."""
MOST_PROMPT_TOKENS: Final = 110
"""Of the items trained on and examined: short ones, so that a run takes a minute."""


@dataclass(frozen=True, slots=True)
class Regime:
    name: str
    about: str
    """One line for the report."""
    shares: Mapping[Capability, int] = field(default_factory=lambda: EVEN)
    """Prompts of each capability in one cycle of the schedule."""
    families: tuple[str, ...] = ()
    """Empty: all that the starter has learnt."""
    opposed: str = ""
    """Name of the opposed components (`tests.benchmarks.alignment.opposed`) that replace the product's reward; empty: the product's."""
    anchors: bool = False
    """Whether one prompt of each step is an anchor: for strategies that constrain, in place of a prompt about the round's subject."""
    rounds: int = 1
    """Rounds in a row, each from the adapter of the one before; more than one: round r is skewed toward the r-th capability, in turn."""
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exam(self) -> str:
        """Regimes of one exam share the scores of the starter model."""
        return self.opposed or "capabilities"

    def shares_of(self, round_: int) -> Mapping[Capability, int]:
        return self.shares if self.rounds == 1 else skewed_to(list(Capability)[round_ % len(Capability)])


def skewed_to(capability: Capability) -> Mapping[Capability, int]:
    return {c: SKEW * (len(Capability) - 1) if c is capability else 1 for c in Capability}


@dataclass(frozen=True, slots=True)
class Contender:
    """A strategy, or something to compare strategies with."""

    name: str
    learns: Literal["grpo", "sft", "nothing"] = "grpo"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    anchors: Literal["constrain", "train", "none"] = "none"
    """In regimes with anchors: constraints; ordinary prompts (replay of what was learnt before); or the round's own prompts in their place."""


def _regimes() -> tuple[Regime, ...]:
    skewed = tuple(
        Regime(f"skewed-{c.value}", f"80 % of the prompts are {c.value}, the rest spread over the others", skewed_to(c), anchors=True) for c in Capability
    )
    by_component = {"objectives": "component", "steps": 24}
    return (
        Regime("balanced", "the five capabilities in equal shares"),
        *skewed,
        Regime(
            "opposed-refuse",
            "harmful requests are to be refused, harmless ones that look alike to be answered",
            {Capability.SAFETY: 1},
            ("harmful", "benign"),
            "refuse",
            recipe=by_component,
        ),
        Regime(
            "opposed-brief",
            "on the same replies: short, and with visible reasoning, and right",
            {Capability.REASONING: 1},
            ("contraindicated_choice", "interaction_choice", "diagnosis"),
            "brief",
            recipe=by_component,
        ),
        Regime(
            "opposed-strict",
            "on the same replies: the whole text in the form asked for, and visible thinking, and right",
            {Capability.INTEGRATION: 1},
            ("vignette",),
            "strict",
            recipe=by_component,
        ),
        Regime("ten-rounds", "ten rounds in a row, each 80 % about another capability", anchors=True, rounds=10, recipe={"steps": 12}),
    )


REGIMES: Final[Mapping[str, Regime]] = {r.name: r for r in _regimes()}

STRATEGIES: Final = ("sum", "gdpo", "pcgrad", "mgda", "cagrad", "exact", "balanced")
_CONSTRAINING: Final = ("exact", "balanced")
START: Final = Contender("start", learns="nothing")
CONTENDERS: Final[Mapping[str, Contender]] = {
    c.name: c
    for c in (
        *(Contender(s, recipe={"strategy": s}, anchors="constrain" if s in _CONSTRAINING else "none") for s in STRATEGIES),
        Contender("sft", learns="sft"),
        Contender("replay", recipe={"strategy": "sum"}, anchors="train"),
        START,
    )
}
