"""Successions of mandates, and the handoffs that they ended.

A migration is history: it says what was done to databases, whatever `tables.py` says later.
"""

import sqlalchemy as sa
from alembic import op

revision = "successions"
down_revision = "memberships"

# As in columns.py when this was written.
_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "succession",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("predecessor", _text, nullable=False),
        sa.Column("successor", _text, nullable=False),
        sa.Column("competence", _text, nullable=False),
        sa.Column("day", _text, nullable=False),
        sa.Column("read_until", _text, nullable=False),
        sa.Column("legal_act", _text, nullable=False),
        sa.Column("consents", sa.Boolean, nullable=False),
        sa.Column("resolved_by", sa.Uuid, nullable=False),
        sa.Column("predecessor_by", _text),
        sa.Column("predecessor_event", sa.Uuid),
        sa.Column("successor_by", _text),
        sa.Column("successor_event", sa.Uuid),
        sa.Column("applied", sa.Uuid),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["predecessor"], ["organisation.slug"]),
        sa.ForeignKeyConstraint(["successor"], ["organisation.slug"]),
    )
    op.create_index("succession_from", "succession", ["predecessor", "competence"])
    op.create_table(
        "moved_handoff",
        sa.Column("handoff", sa.Uuid, primary_key=True),
        sa.Column("succession", sa.Uuid, nullable=False),
        sa.Column("became", sa.Uuid, unique=True),
        sa.Column("taken_on", sa.Boolean, nullable=False),
        sa.Column("event", sa.Uuid, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["handoff"], ["handoff.id"]),
        sa.ForeignKeyConstraint(["succession"], ["succession.id"]),
        sa.ForeignKeyConstraint(["became"], ["handoff.id"]),
    )
    op.create_index("moved_by_succession", "moved_handoff", ["succession"])
