"""Alembic's entry point. `core.db.migrate` hands in an open connection; so does a developer who makes a new revision (`core.migrations.revise`)."""

from typing import Any, Literal

from alembic import context

from core.tables import Table, UtcDateTime


def _render_item(kind: str, value: Any, _: Any) -> str | Literal[False]:
    """A migration is history: it must not change when our own types do."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(value, UtcDateTime) else False


def _run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        render_item=_render_item,
        # SQLite cannot alter most things in place; PostgreSQL ignores this.
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
