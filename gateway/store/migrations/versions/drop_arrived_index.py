"""Drops an index that nobody asks any more: since when arrivals have rows, the log's events tell
(docs/adr, "What arrives waits until it is seen").
"""

from alembic import op

revision = "drop_arrived_index"
down_revision = "add_confirmations"


def upgrade() -> None:
    """Drop it from a database that was made with it."""
    op.execute("DROP INDEX IF EXISTS duty_arrived")
