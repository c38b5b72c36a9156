"""Lets the handoffs with one counterpart be found without those with others."""

from alembic import op
from sqlalchemy.schema import CreateIndex

from gateway.store.tables import handoff

revision = "add_counterpart_indexes"
down_revision = "add_held_removals"


def upgrade() -> None:
    """Add the indexes to a database that was not made with them."""
    for one in handoff.indexes:
        if one.name in ("handoff_in_from", "handoff_out_to"):
            op.execute(CreateIndex(one, if_not_exists=True))
