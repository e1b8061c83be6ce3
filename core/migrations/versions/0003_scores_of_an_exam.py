"""every capability's score in an exam with its interval, in the place of bare means."""

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("exams", sa.Column("scores", sa.JSON(), server_default="{}", nullable=False))
    _rewrite("means", "scores", lambda mean: {"mean": mean, "low": None, "high": None, "items": None})
    op.drop_column("exams", "means")


def downgrade() -> None:
    op.add_column("exams", sa.Column("means", sa.JSON(), server_default="{}", nullable=False))
    _rewrite("scores", "means", lambda score: score["mean"])
    op.drop_column("exams", "scores")


def _rewrite(source: str, target: str, of: Callable[[Any], Any]) -> None:
    """Columns by name, and what becomes of a value. An exam from before intervals were kept has none: it is shown without, not sat again."""
    connection = op.get_bind()
    for exam_id, values in connection.execute(sa.text(f"SELECT id, {source} FROM exams")).all():
        found = json.loads(values) if isinstance(values, str) else values
        text = json.dumps({capability: of(value) for capability, value in found.items()})
        cast = "CAST(:text AS JSON)" if connection.dialect.name == "postgresql" else ":text"
        connection.execute(sa.text(f"UPDATE exams SET {target} = {cast} WHERE id = :id"), {"text": text, "id": exam_id})
