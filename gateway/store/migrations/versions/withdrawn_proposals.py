"""By which event a proposal was withdrawn.

A migration is history: it says what was done to databases, whatever `tables.py` says later.
"""

import sqlalchemy as sa
from alembic import op

revision = "withdrawn_proposals"
down_revision = "proposals"


def upgrade() -> None:
    """None was withdrawn before."""
    op.add_column("proposal", sa.Column("withdrawn_by", sa.Uuid, nullable=True))
