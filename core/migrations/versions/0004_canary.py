"""which conversations began in a round's canary, and what was seen of it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conversations", sa.Column("canary_round_id", sa.String(length=40), nullable=True))
    op.create_index("ix_conversations_canary_round_id", "conversations", ["canary_round_id"])
    op.add_column("rounds", sa.Column("canary", sa.JSON(), nullable=True))


def downgrade() -> None:
    # Not as a batch: see 0002.
    op.drop_column("rounds", "canary")
    op.drop_index("ix_conversations_canary_round_id", "conversations")
    op.drop_column("conversations", "canary_round_id")
