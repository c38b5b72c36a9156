"""Drops an index of handoffs by both parties: another one has the same columns, and serves both."""

from alembic import op

revision = "drop_counterpart_index"
down_revision = "add_health_report"


def upgrade() -> None:
    """Drop it from a database that was made with it."""
    op.execute("DROP INDEX IF EXISTS handoff_out_to")
