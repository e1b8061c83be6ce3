"""Judgements whose better reply is plain to see, and the tiny model that is to see it."""

from pathlib import Path

import pytest

from alignment.rewards.judgements import Judgement
from core.types import Capability, Message
from tests.models import build_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


def judgement(number: int, chosen: str = "yes yes yes", rejected: str = "no no no", **more) -> Judgement:
    fields = {"capability": Capability.DOMAIN, "source": "ratings", "feedback": (f"fb-{number}",), "held_out": number % 2 == 0, "one_band": True} | more
    # The words differ, not the number alone: numbers do not make another question.
    word = "".join("kbcdefghlj"[int(digit)] for digit in str(number))
    return Judgement(messages=(Message(role="user", content=f"What of {word}?"),), chosen=chosen, rejected=rejected, **fields)


@pytest.fixture(scope="session")
def judgements() -> list[Judgement]:
    """Forty questions of one capability, every second one held out; the better reply says yes."""
    return [judgement(i) for i in range(40)]
