"""Which key each case is encrypted by, and the day on which it is erased.

Content is not touched here: `casegate encrypt` does that, with the keys at hand. A migration is
history: it says what was done to databases, whatever `tables.py` says later.
"""

import sqlalchemy as sa
from alembic import op

revision = "case_keys"
down_revision = "conformance_runs"

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add both to the cases, what is due and what is to be destroyed as indexes of few rows."""
    op.add_column("case_file", sa.Column("erase_on", _text, nullable=True))
    op.add_column("case_file", sa.Column("content_key", sa.Uuid, nullable=True))
    op.create_index("case_file_by_key", "case_file", ["content_key"])
    for name, column, where in (
        ("case_file_due", "erase_on", "state != 'erased'"),
        ("case_file_doomed", "content_key", "state = 'erased' AND content_key IS NOT NULL"),
        ("case_file_plain", "id", "state != 'erased' AND content_key IS NULL"),
    ):
        condition = sa.text(where)
        op.create_index(
            name, "case_file", [column], sqlite_where=condition, postgresql_where=condition
        )
    op.create_index("retry_by_event", "retry", ["event"])
