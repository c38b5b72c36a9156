"""Lets what was heard of a handoff between two gateways be found by it."""

from alembic import op
from sqlalchemy import Column, Uuid, inspect

revision = "add_heard_handoff"
down_revision = "add_relay"


def upgrade() -> None:
    """Add the column and its index to a database that was not made with them."""
    columns = {one["name"] for one in inspect(op.get_bind()).get_columns("heard_event")}
    if "handoff" not in columns:
        op.add_column("heard_event", Column("handoff", Uuid))
    place = ["handoff", "member"]
    op.create_index("heard_event_by_handoff", "heard_event", place, if_not_exists=True)
