"""What `up` finds out about a vLLM that runs elsewhere, before anything starts."""

import pytest

from app.stack.preparation import require_base_served
from core import store
from core.db import unit_of_work
from core.errors import BadInput
from tests.app.test_cli.standin_api import Routes, serving


@pytest.fixture
def base(database: None) -> str:
    with unit_of_work() as session:
        return store.ensure_base_checkpoint(session, "starter", "0" * 64).id


def _look(routes: Routes) -> None:
    with serving(routes) as port:
        require_base_served(f"http://127.0.0.1:{port}/v1")


def test_a_vllm_that_serves_the_base_model_by_our_name_will_do(base: str) -> None:
    _look({"GET /v1/models": (200, {"data": [{"id": base}, {"id": "cp-1"}]})})


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        (
            {"GET /v1/models": (200, {"data": [{"id": "Qwen/Qwen2.5"}]})},
            "serves Qwen/Qwen2.5, not base-.*--served-model-name base-",
        ),
        ({"GET /v1/models": (200, b"<html>")}, "not a vLLM"),
        ({}, "not a vLLM"),
    ],
)
def test_anything_else_is_said_at_once(base: str, routes: Routes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        _look(routes)


def test_one_that_does_not_answer_yet_is_waited_for_later(base: str) -> None:
    require_base_served("http://127.0.0.1:1/v1")
