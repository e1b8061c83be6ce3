"""What a person sees while the stack starts: a live table on a terminal, one line per event elsewhere."""

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

_TITLES = {
    "redis": "Redis (queue)",
    "vllm": "vLLM (model)",
    "worker-short": "worker, short jobs",
    "worker-train": "worker, training",
    "beat": "scheduler",
    "app": "app (chat, admin, API)",
}


def _title(name: str) -> str:
    return _TITLES.get(name, name.replace("vllm-", "vLLM (model) "))


class StartDisplay:
    """Shows each process until it is ready. Use as a context manager."""

    def __init__(self, console: Console, names: list[str]) -> None:
        self._console = console
        self._names = names
        self._started = time.monotonic()
        self._ready: dict[str, float] = {}
        self._notes: dict[str, str] = {}
        self._spinner = Spinner("dots")
        # Last: Live renders at once, and needs all of the above.
        self._live = Live(console=console, refresh_per_second=8, transient=False, get_renderable=self._table) if console.is_terminal else None

    def __enter__(self) -> "StartDisplay":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def ready(self, name: str) -> None:
        if name in self._ready:
            return
        self._ready[name] = time.monotonic() - self._started
        self._notes.pop(name, None)
        if not self._live:
            self._console.print(f"  ready after {self._ready[name]:4.0f} s: {_title(name)}", highlight=False)

    def note(self, name: str, text: str) -> None:
        """A word on why it is not ready yet."""
        if self._notes.get(name) != text and name not in self._ready:
            self._notes[name] = text
            if not self._live:
                self._console.print(f"  {_title(name)}: {text}", highlight=False)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name in self._names:
            seconds = self._ready.get(name)
            mark = Text("✓", style="green") if seconds is not None else self._spinner
            elapsed = seconds if seconds is not None else time.monotonic() - self._started
            table.add_row(mark, _title(name), f"{elapsed:.0f} s", Text(self._notes.get(name, ""), style="yellow"))
        return table
