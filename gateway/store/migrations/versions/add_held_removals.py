"""Makes room for removals that wait for the police."""

from alembic import op

from gateway.store.tables import held_removal, metadata

revision = "add_held_removals"
down_revision = "add_worklist"


def upgrade() -> None:
    """Add the table to a database that was not made with it."""
    metadata.create_all(op.get_bind(), [held_removal])
