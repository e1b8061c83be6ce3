"""the evidence that a turn was answered with."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("evidence", sa.JSON(), server_default="[]", nullable=False))


def downgrade() -> None:
    # Not as a batch: that would drop and remake the table, which SQLite refuses while feedback points to its rows.
    op.drop_column("turns", "evidence")
