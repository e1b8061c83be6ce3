"""A real Redis, for tests of what happens in it and without it."""

import signal
import subprocess
from pathlib import Path

from app.stack.requirements import find_redis_server
from tests.workers.house import accepts, free_port, until


class RedisServer:
    """One address where a Redis is started, killed and started again, empty each time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        argv = (find_redis_server() or "redis-server", "--port", str(self._port), "--save", "", "--dir", str(self._folder))
        self._process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        until(lambda: accepts(self._port), what="Redis")

    def hang(self) -> None:
        """It keeps its connections and answers nothing more."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
