"""Adapters on every replica: what is done here is done on each vLLM that answers.

One that is away misses nothing: its launcher, or `promotion.keep_served`, loads what it should hold when it comes back, and the gateway asks
the others until then.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from core.errors import ArtifactError, Unavailable
from core.logging import get_logger
from core.settings import settings, vllm_root
from core.tables import Checkpoint
from workers.serving.vllm import Vllm

log = get_logger("serving")

_T = TypeVar("_T")


def replicas() -> tuple[Vllm, ...]:
    return tuple(Vllm(name, vllm_root(url)) for name, url in settings().vllm_replicas.items())


def is_healthy() -> bool:
    """Whether any replica is."""
    return any(replica.is_healthy() for replica in replicas())


def wait_until_healthy(seconds: float, give_up: Callable[[], bool]) -> None:
    """Returns when a vLLM answers, or when `give_up` says that nobody waits any more. Raises Unavailable after `seconds`."""
    deadline = time.monotonic() + seconds
    while not is_healthy() and not give_up():
        if time.monotonic() > deadline:
            raise Unavailable(f"vLLM did not become healthy within {seconds:.0f} s")
        time.sleep(1.0)


def served() -> set[str]:
    """Names that any replica answers to, the base model's included. Raises Unavailable."""
    return set().union(*_on_each(Vllm.served))


def load(checkpoint: Checkpoint) -> None:
    """Raises ArtifactError when one refuses the files or computes something else with them, Unavailable when none answers."""
    _on_each(lambda replica: replica.load(checkpoint))


def bring_up(checkpoint: Checkpoint) -> None:
    """Loaded and probed: it answers as it was trained, wherever anything answers. Raises as `load` does."""

    def bring_up_on(replica: Vllm) -> None:
        replica.load(checkpoint)
        replica.probe(checkpoint)

    _on_each(bring_up_on)


def unload(checkpoint_id: str) -> None:
    _on_each(lambda replica: replica.unload(checkpoint_id))


def _on_each(act: Callable[[Vllm], _T]) -> list[_T]:
    """What each replica that answers gave. Every one is tried before the first ArtifactError is raised, or Unavailable when none answers."""
    done: list[_T] = []
    refusals: list[ArtifactError] = []
    away: list[Unavailable] = []
    for replica in replicas():
        try:
            done.append(act(replica))
        except ArtifactError as error:
            refusals.append(error)
        except Unavailable as error:
            away.append(error)
    if refusals:
        raise refusals[0]
    if not done:
        raise away[0]
    for absence in away:
        log.warning("done without a replica", reason=str(absence))
    return done
