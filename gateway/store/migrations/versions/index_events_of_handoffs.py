"""Finds the events of a handoff, by which each answer and consultation is held against the log."""

from alembic import op
from sqlalchemy import inspect, text

revision = "index_events_of_handoffs"
down_revision = "end_what_left"

_NAME = "log_facet_of_handoff"


def upgrade() -> None:
    """Make the index, where the first tables were not made with it."""
    there = {one["name"] for one in inspect(op.get_bind()).get_indexes("log_facet")}
    if _NAME not in there:
        op.create_index(
            _NAME,
            "log_facet",
            ["handoff"],
            sqlite_where=text("handoff IS NOT NULL"),
            postgresql_where=text("handoff IS NOT NULL"),
        )
