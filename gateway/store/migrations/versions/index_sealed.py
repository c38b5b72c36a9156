"""Lets what is stored encrypted be found by its key: one that seals anything is not destroyed."""

from alembic import op
from sqlalchemy.schema import CreateIndex

from gateway.store.tables import BY_KEY

revision = "index_sealed"
down_revision = "order_duties"


def upgrade() -> None:
    """Add the indexes to a database that was not made with them."""
    for index in BY_KEY:
        op.execute(CreateIndex(index, if_not_exists=True))
