"""Makes room for how far peers' answers about their members go."""

from alembic import op

from gateway.store.tables import members_told, metadata

revision = "add_members_told"
down_revision = "follow_offers"


def upgrade() -> None:
    """Add the table to a database that was not made with it."""
    metadata.create_all(op.get_bind(), [members_told])
