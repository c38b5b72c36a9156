"""Gives duties the urgency of their handoff, so that a worklist is read in order by an index."""

from alembic import op
from sqlalchemy import Column, Integer, inspect, text

revision = "order_duties"
down_revision = "add_counterpart_indexes"

_WAITING = text("closed_at IS NULL AND (kind != 'retention_review' OR reminded_at IS NOT NULL)")


def upgrade() -> None:
    """Add and fill the column, with its index, in a database that was not made with it."""
    if "urgency" in {one["name"] for one in inspect(op.get_bind()).get_columns("duty")}:
        return
    op.add_column("duty", Column("urgency", Integer, nullable=False, server_default="0"))
    op.execute(
        "UPDATE duty SET urgency = (SELECT urgency FROM handoff WHERE handoff.id = duty.handoff)"
    )
    op.execute("DROP INDEX IF EXISTS duty_owed")
    op.create_index(
        "duty_waiting",
        "duty",
        ["organisation", "urgency", "due_at", "handoff", "source", "kind"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
