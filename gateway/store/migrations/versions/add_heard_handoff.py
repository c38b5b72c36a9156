"""Lets what was heard of a handoff between two gateways be found by it."""

from alembic import op
from sqlalchemy import Column, Uuid, inspect
from sqlalchemy.schema import CreateIndex

from gateway.store.tables import heard_event

revision = "add_heard_handoff"
down_revision = "add_relay"


def upgrade() -> None:
    """Add the column and its index to a database that was not made with them."""
    columns = {one["name"] for one in inspect(op.get_bind()).get_columns(heard_event.name)}
    if "handoff" not in columns:
        op.add_column(heard_event.name, Column("handoff", Uuid))
    for one in heard_event.indexes:
        if one.name == "heard_event_by_handoff":
            op.execute(CreateIndex(one, if_not_exists=True))
