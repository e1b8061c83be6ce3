"""A real Prometheus that scrapes a stack, and the panels of the dashboard as it answers them."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import yaml

from core.settings import ROOT
from tests.stack import free_ports, wait_for

SCRAPE_SECONDS = 1
_DASHBOARD = ROOT / "deploy" / "dashboards" / "balancedbio.json"


class Panel(NamedTuple):
    title: str
    kind: str
    """Grafana's name: `stat`, `timeseries`, `bargauge`."""
    unit: str
    place: Mapping[str, int]
    """x, y, w, h in a grid of 24 columns."""
    queries: tuple[tuple[str, str], ...]
    """PromQL, and the pattern of the legend."""


class Series(NamedTuple):
    legend: str
    times: tuple[float, ...]
    """Unix seconds."""
    values: tuple[float, ...]


def panels() -> list[Panel]:
    found = json.loads(_DASHBOARD.read_text())["panels"]
    return [
        Panel(
            p["title"], p["type"], p["fieldConfig"]["defaults"].get("unit", "none"), p["gridPos"], tuple((t["expr"], t["legendFormat"]) for t in p["targets"])
        )
        for p in found
        if p["type"] != "row"
    ]


class Prometheus(NamedTuple):
    url: str

    def series(self, panel: Panel, seconds: float) -> list[Series]:
        """What the panel shows of the last `seconds`. Raises AssertionError with Prometheus' words for a query that it refuses."""
        end = time.time()
        found = []
        for expression, legend in panel.queries:
            query = expression.replace("$__rate_interval", f"{15 * SCRAPE_SECONDS}s").replace("$__range", f"{max(1, round(seconds))}s")
            asked = {"query": query, "start": end - seconds, "end": end, "step": max(1.0, seconds / 200)}
            answer = httpx.get(f"{self.url}/api/v1/query_range", params=asked).json()
            assert answer["status"] == "success", (query, answer.get("error"))
            for one in answer["data"]["result"]:
                times, values = zip(*((float(t), float(v)) for t, v in one["values"]), strict=True)
                found.append(Series(_named(legend, one["metric"]), times, values))
        return found


def _named(legend: str, labels: Mapping[str, str]) -> str:
    for name, value in labels.items():
        legend = legend.replace(f"{{{{{name}}}}}", value)
    return legend


@contextmanager
def scraping(address: str, folder: Path) -> Iterator[Prometheus]:
    """Prometheus (PROMETHEUS names it, or it is on the PATH), scraping `address` every second. Skips without one."""
    program = os.environ.get("PROMETHEUS") or shutil.which("prometheus")
    if not program:
        pytest.skip("Prometheus is not installed")
    (port,) = free_ports(1)
    jobs = [{"job_name": "balancedbio", "static_configs": [{"targets": [address.removeprefix("http://")]}]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"global": {"scrape_interval": f"{SCRAPE_SECONDS}s"}, "scrape_configs": jobs}))
    argv = (program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}")
    serving = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for("Prometheus is ready", lambda: _is_ready(url), 60)
        yield Prometheus(url)
    finally:
        serving.terminate()
        serving.wait(30)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready").is_success
    except httpx.TransportError:
        return False
