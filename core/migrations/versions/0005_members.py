"""who a user is to the organisation's sign-in."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("subject", sa.String(length=600), nullable=True))
    op.create_index(op.f("ix_users_subject"), "users", ["subject"], unique=True)


def downgrade() -> None:
    op.drop_index(op.f("ix_users_subject"), "users")
    op.drop_column("users", "subject")
