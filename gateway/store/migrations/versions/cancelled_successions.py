"""What a succession's plan changed, and that it was called off.

Of a plan of before nobody noted which end the predecessor's mandate had: it counts as one that
found that end, so that calling it off gives no office a mandate that nobody gave it.

A migration is history: it says what was done to databases, whatever `tables.py` says later.
"""

import sqlalchemy as sa
from alembic import op

revision = "cancelled_successions"
down_revision = "withdrawn_proposals"

# As in columns.py when this was written.
_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add both columns."""
    op.add_column("succession", sa.Column("former_end", _text))
    op.add_column("succession", sa.Column("cancelled", sa.Uuid))
    op.execute("UPDATE succession SET former_end = day")
