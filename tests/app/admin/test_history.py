"""The history of all checkpoints on the admin page."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

from app.admin.history import history
from app.api_rows import ExamRow
from core.states import CheckpointStatus
from core.types import Capability, CapabilityScore

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"


def exam(checkpoint: str, mean: float, version: str = "b", status: CheckpointStatus = CheckpointStatus.RETIRED, days: int = 0) -> ExamRow:
    scores = {c: CapabilityScore(mean=mean, low=mean - 0.1, high=mean + 0.1, items=100) for c in (Capability.DOMAIN, Capability.SAFETY)}
    return ExamRow(checkpoint_id=checkpoint, status=status, suite="starter", suite_hash=version * 64, scores=scores, created_at=NOW + timedelta(days=days))


def test_every_capability_is_drawn_over_the_checkpoints_in_their_order() -> None:
    shown = history([exam("base", 0.5), exam("cp-1", 0.6, status=CheckpointStatus.REJECTED), exam("cp-2", 0.8, status=CheckpointStatus.PRODUCTION)])
    figures = [ElementTree.fromstring(f"<figure>{part.split('</figure>')[0]}</figure>") for part in shown.split("<figure>")[1:]]
    assert [figure.findtext("figcaption") for figure in figures] == ["domain", "safety"]
    points = [(float(c.get("cx") or 0), float(c.get("cy") or 0), c.get("class")) for c in figures[0].iter("circle")]
    assert points == sorted(points)  # from left to right
    assert [y for _, y, _ in points] == sorted((y for _, y, _ in points), reverse=True)  # and up
    assert [kind for _, _, kind in points] == ["", "bb-rejected", "bb-in-production"]
    assert len([line for line in figures[0].iter("line") if line.get("class") is None]) == 3  # an interval each


def test_the_version_that_was_sat_last_is_drawn_and_earlier_ones_are_kept_apart() -> None:
    shown = history([exam("base", 0.4, version="a"), exam("base", 0.5, days=1), exam("cp-1", 0.6, days=1)])
    assert shown.count("<figure>") == 2
    assert shown.index("Exam starter bbbbbbbbbbbb") < shown.index("aaaaaaaaaaaa, another version or part") < shown.index("40.0 (30.0 to 50.0)")


def test_nothing_is_said_to_be_nothing_and_what_came_from_outside_is_text() -> None:
    assert "No checkpoint has sat an exam yet" in history([])
    assert HOSTILE not in history([exam(HOSTILE, 0.5)])
