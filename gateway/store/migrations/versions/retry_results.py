"""The first result of a change of the registry, beside its retry key."""

import sqlalchemy as sa
from alembic import op

revision = "retry_results"
down_revision = "signed_approvals"


def upgrade() -> None:
    """None was stored before."""
    op.add_column("retry", sa.Column("result", sa.TEXT, nullable=True))
