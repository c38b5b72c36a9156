"""The documents by which offices approved a succession themselves.

A migration is history: it says what was done to databases, whatever `tables.py` says later.
"""

import sqlalchemy as sa
from alembic import op

revision = "signed_approvals"
down_revision = "renewals"

# As in columns.py when this was written.
_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add both columns."""
    op.add_column("succession", sa.Column("predecessor_signed", _text))
    op.add_column("succession", sa.Column("successor_signed", _text))
