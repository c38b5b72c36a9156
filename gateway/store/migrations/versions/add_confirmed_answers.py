"""Lets an answer say that a person of its author signed it with a passkey."""

from alembic import op
from sqlalchemy import Boolean, Column, false, inspect

revision = "add_confirmed_answers"
down_revision = "drop_counterpart_index"


def upgrade() -> None:
    """Add the column to a database that was not made with it."""
    columns = {one["name"] for one in inspect(op.get_bind()).get_columns("answer")}
    if "confirmed" not in columns:
        added = Column("confirmed", Boolean, nullable=False, server_default=false())
        op.add_column("answer", added)
