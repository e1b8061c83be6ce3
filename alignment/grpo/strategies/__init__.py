"""The strategies by name."""

from collections.abc import Mapping
from types import MappingProxyType

from alignment.grpo.strategies import balanced, cagrad, exact, gdpo, mgda, pcgrad, sum
from alignment.grpo.strategies.strategy import Combined, Strategy
from core.errors import RecipeError

__all__ = ["STRATEGIES", "Combined", "Strategy", "strategy_named"]

STRATEGIES: Mapping[str, Strategy] = MappingProxyType({m.STRATEGY.name: m.STRATEGY for m in (sum, gdpo, pcgrad, mgda, cagrad, exact, balanced)})


def strategy_named(name: str) -> Strategy:
    """Raises RecipeError when there is none of that name."""
    if name not in STRATEGIES:
        raise RecipeError(f"There is no strategy {name!r}; known are {', '.join(STRATEGIES)}")
    return STRATEGIES[name]
