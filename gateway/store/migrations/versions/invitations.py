"""Invitations to enrol a system, and at which reminder of a certificate's end its owner is.

A migration is history: it says what was done to databases, whatever `tables.py` says later.
"""

import sqlalchemy as sa
from alembic import op

revision = "invitations"
down_revision = "successions"

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Nobody is invited, and nobody was reminded."""
    op.create_table(
        "invitation",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("organisation", _text, nullable=False),
        sa.Column("system", _text, nullable=False),
        sa.Column("token_sha256", _text, nullable=False, unique=True),
        sa.Column("approved_by", _text, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.Column("key", _text),
        sa.Column("request", sa.Uuid),
        sa.Column("withdrawn_at", sa.BigInteger),
        sa.ForeignKeyConstraint(["organisation", "system"], ["system.organisation", "system.name"]),
        sqlite_with_rowid=False,
    )
    op.add_column("certificate", sa.Column("reminded", sa.Integer))
    op.create_index("certificate_by_end", "certificate", ["not_after"])
