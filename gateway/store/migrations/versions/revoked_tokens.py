"""Access tokens that were revoked before their end (RFC 7009).

A migration is history: it says what was done to databases, whatever `tables.py` says later.
"""

import sqlalchemy as sa
from alembic import op

revision = "revoked_tokens"
down_revision = "document_keys"

# As in columns.py when this was written.
_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table, which is read on each request and emptied by maintenance."""
    op.create_table(
        "revoked_token",
        sa.Column("jti", _text, primary_key=True, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("revoked_token_by_end", "revoked_token", ["expires_at"])
