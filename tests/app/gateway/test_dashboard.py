"""The dashboard asks for what /metrics of a working house exposes, by labels that are there."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
import yaml

from core import jobs, store
from core.db import unit_of_work
from core.settings import ROOT
from core.states import RoundStatus
from core.tables import utc_now
from core.types import Progress
from tests.app.gateway.test_metrics import own_connections, patience, scraped
from tests.app.gateway.ward import Ward

__all__ = ["own_connections", "patience"]

PANELS: list[dict[str, Any]] = json.loads((ROOT / "deploy" / "dashboards" / "balancedbio.json").read_text())["panels"]
TARGETS: list[dict[str, str]] = [target for panel in PANELS for target in panel.get("targets", ())]
_OPERATORS = {"by", "or", "and", "unless", "on", "ignoring", "without"}


def labels_of(expression: str) -> set[str]:
    """What the expression groups and selects by."""
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)
    return set(re.findall(r"(\w+)\s*[=!]", expression)) | {label.strip() for group in grouped for label in group.split(",")}


def metrics_of(expression: str) -> set[str]:
    """Every name in it that is neither a label, nor a function (those are followed by a bracket), nor an operator."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)', " ", expression)
    return set(re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)) - _OPERATORS


def test_names_are_read_out_of_an_expression() -> None:
    expression = 'histogram_quantile(0.5, sum by (le, part) (rate(a_bucket{b=~"c"}[$__range]))) or vector(0) / d:e'
    assert metrics_of(expression) == {"a_bucket", "d:e"}
    assert labels_of(expression) == {"le", "part", "b"}


@pytest.fixture
def exposed(ward: Ward, own_connections: None, script: list[str]) -> dict[str, set[str]]:
    """Metric -> labels, after an answered turn, a withheld one, a judgement, and while a round trains."""
    script[:] = ["The first-line treatment of gout is naproxen.", "Give amoxicillin 500 mg three times daily. Then review."]
    turn = ward.ask("Gout?")["balancedbio"]["turn_id"]
    ward.ask("My patient with a penicillin allergy has community-acquired pneumonia. Which antibiotic?")
    ward.client.post("/v1/feedback", headers=ward.bearer("ana"), json={"turn_id": turn, "rating": 1})
    with unit_of_work() as session:
        row = store.add_round(session, {}, {}, "ada")
        row.status, row.lease_until = RoundStatus.TRAINING, utc_now() + timedelta(seconds=30)
        store.set_progress(session, row.id, Progress(stage="training", done=1, total=2))
    jobs.send(jobs.ROUND_TRAIN, row.id)
    found: dict[str, set[str]] = {}
    for name, labels in scraped(ward):
        found.setdefault(name, set()).update(label for label, _ in labels)
    return found


def test_every_metric_that_a_panel_asks_for_is_exposed_with_the_labels_it_asks_by(exposed: dict[str, set[str]]) -> None:
    assert len(TARGETS) > 20
    for target in TARGETS:
        named = metrics_of(target["expr"])
        assert named, target["expr"]
        assert named <= set(exposed), target["expr"]
        labels = labels_of(target["expr"]) | set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert all(labels <= exposed[name] for name in named), (target["expr"], labels)


def test_everything_of_ours_is_on_a_panel_and_in_the_guide(exposed: dict[str, set[str]]) -> None:
    shown = {re.sub(r"_bucket$", "", name) for target in TARGETS for name in metrics_of(target["expr"])}
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exposed if name.startswith("balancedbio_") and not name.endswith("_created")}
    assert ours == shown
    guide = (ROOT / "docs" / "guides" / "observability.md").read_text()
    assert [name for name in shown if f"`{name}`" not in guide] == []


def test_compose_mounts_what_is_there() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    observers = [service for service in compose["services"].values() if service.get("profiles") == ["observe"]]
    mounts = [mount.split(":") for service in observers for mount in service.get("volumes", ()) if mount.startswith("./")]
    assert len(mounts) == 4
    for source, target, _ in mounts:
        assert (ROOT / "deploy" / source).is_file(), source
        assert target.endswith((".yaml", ".yml", ".json"))
    assert "balancedbio:8600" in (ROOT / "deploy" / "dashboards" / "prometheus.yml").read_text()


def test_every_panel_has_a_place_of_its_own() -> None:
    cells = [(x, y) for p in PANELS for g in (p["gridPos"],) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({p["id"] for p in PANELS}) == len(PANELS)
