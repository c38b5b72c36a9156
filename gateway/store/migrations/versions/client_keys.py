"""Keys with which systems authenticate, and the assertions that were used (RFC 7523).

A migration is history: it says what was done to databases, whatever `tables.py` says later.
"""

import sqlalchemy as sa
from alembic import op

revision = "client_keys"
down_revision = "revoked_tokens"

# As in columns.py when this was written.
_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "client_key",
        sa.Column("organisation", _text, nullable=False),
        sa.Column("system", _text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("jwk", _text, nullable=False),
        sa.PrimaryKeyConstraint("organisation", "system", "position"),
        sa.ForeignKeyConstraint(["organisation", "system"], ["system.organisation", "system.name"]),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "spent_assertion",
        sa.Column("client", _text, nullable=False),
        sa.Column("jti", _text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("client", "jti"),
        sqlite_with_rowid=False,
    )
    op.create_index("spent_assertion_by_end", "spent_assertion", ["expires_at"])
