"""Since when a system's access tokens hold: those of before a withdrawn key do not.

A migration is history: it says what was done to databases, whatever `tables.py` says later.
"""

import sqlalchemy as sa
from alembic import op

revision = "tokens_from"
down_revision = "encryption_keys"


def upgrade() -> None:
    """No system has had a key withdrawn, as far as is known."""
    op.add_column("system", sa.Column("tokens_from", sa.BigInteger, nullable=True))
