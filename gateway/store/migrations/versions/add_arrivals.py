"""Lets what the other side did wait at its party (docs/adr, "What arrives waits until it is seen").

Rows begin with the upgrade: nothing of before arrives.
"""

from alembic import op
from sqlalchemy import Column, inspect

from gateway.store.columns import TEXT

revision = "add_arrivals"
down_revision = "join_search_words"


def upgrade() -> None:
    """Add the column and its index; nothing in a database that was made with it."""
    columns = {one["name"] for one in inspect(op.get_bind()).get_columns("duty")}
    if "arrived" not in columns:
        op.add_column("duty", Column("arrived", TEXT))
        arrived = Column("arrived").is_not(None)
        op.create_index(
            "duty_arrived", "duty", ["since"], sqlite_where=arrived, postgresql_where=arrived
        )
