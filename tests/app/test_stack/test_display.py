"""The start display, on a terminal and elsewhere."""

import io

import pytest
from rich.console import Console

from app.stack.display import StartDisplay


@pytest.mark.parametrize("is_terminal", [True, False])
def test_each_process_is_shown_until_it_is_ready(is_terminal: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=100)
    with StartDisplay(console, ["redis", "vllm"]) as display:
        display.ready("redis")
        display.note("vllm", "stopped; is started again")
        display.ready("vllm")
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    for words in ("Redis (queue)", "vLLM (model)"):
        assert words in shown
