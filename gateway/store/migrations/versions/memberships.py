"""The life of a member: its history, its application, what binds it, whom to reach.

What happened before is in the log alone: the history of an organisation begins with its next step.
"""

import sqlalchemy as sa
from alembic import op

revision = "memberships"
down_revision = "tokens_from"

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Give every organisation empty lists, and make room for contacts."""
    for name, empty in (
        ("history", "[]"),
        ("application", "null"),
        ("interests", "[]"),
        ("agreements", "[]"),
    ):
        column = sa.Column(name, _text, nullable=False, server_default=empty)
        op.add_column("organisation", column)
    op.create_table(
        "contact",
        sa.Column("organisation", _text, sa.ForeignKey("organisation.slug"), nullable=False),
        sa.Column("role", _text, nullable=False),
        sa.Column("name", _text, nullable=False),
        sa.Column("address", _text, nullable=False),
        sa.Column("registered_by", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("organisation", "role"),
        sqlite_with_rowid=False,
    )
