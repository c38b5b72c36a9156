"""Keeps which events a peer gateway knows."""

from alembic import op
from sqlalchemy import Column, Text, inspect

revision = "add_events_told"
down_revision = "add_confirmed_answers"


def upgrade() -> None:
    """Add the column to a database that was not made with it."""
    columns = {one["name"] for one in inspect(op.get_bind()).get_columns("members_told")}
    if "events" not in columns:
        added = Column("events", Text, nullable=False, server_default="")
        op.add_column("members_told", added)
