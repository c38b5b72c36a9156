"""Lets what is stored encrypted be found by its key: one that seals anything is not destroyed."""

from alembic import op
from sqlalchemy import inspect
from sqlalchemy.schema import CreateIndex

from gateway.store.tables import BY_KEY

revision = "index_sealed"
down_revision = "order_duties"


def upgrade() -> None:
    """Add the indexes to a database that was not made with them."""
    there = inspect(op.get_bind()).get_table_names()
    for index in BY_KEY:
        if index.table is not None and index.table.name in there:  # others come with it
            op.execute(CreateIndex(index, if_not_exists=True))
