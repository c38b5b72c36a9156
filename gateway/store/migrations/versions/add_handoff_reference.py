"""Makes room for the references that recipients give to handoffs."""

from alembic import op

from gateway.store.tables import handoff_reference, metadata

revision = "add_handoff_reference"
down_revision = "add_heard_handoff"


def upgrade() -> None:
    """Add the table to a database that was not made with it."""
    metadata.create_all(op.get_bind(), [handoff_reference])
