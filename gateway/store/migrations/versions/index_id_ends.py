"""Indexes the ends of ids, by which people name cases and handoffs."""

from alembic import op
from sqlalchemy.schema import CreateIndex

from gateway.store.tables import ID_ENDS

revision = "index_id_ends"
down_revision = "add_witnessed"


def upgrade() -> None:
    """Add the indexes to a database that was not made with them."""
    for one in ID_ENDS:
        op.execute(CreateIndex(one, if_not_exists=True))
