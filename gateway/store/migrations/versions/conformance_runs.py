"""Conformance runs: test data and what was done with it, apart from cases and handoffs.

A migration is history: it says what was done to databases, whatever `tables.py` says later.
"""

import sqlalchemy as sa
from alembic import op

revision = "conformance_runs"
down_revision = "invitations"

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Nobody has begun a run."""
    op.create_table(
        "conformance_run",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("organisation", _text, nullable=False),
        sa.Column("system", _text, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.Column("sandbox", _text, nullable=False),
        sa.Column("marks", _text, nullable=False),
        sa.Column("passed_at", sa.BigInteger),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["organisation", "system"], ["system.organisation", "system.name"]),
    )
    op.create_index("conformance_run_of", "conformance_run", ["organisation", "id"])
