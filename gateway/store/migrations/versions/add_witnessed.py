"""Makes room for checkpoints of peers' logs that this gateway cosigned."""

from alembic import op

from gateway.store.tables import metadata, witnessed_checkpoint

revision = "add_witnessed"
down_revision = "index_sealed"


def upgrade() -> None:
    """Add the table to a database that was not made with it."""
    metadata.create_all(op.get_bind(), [witnessed_checkpoint])
