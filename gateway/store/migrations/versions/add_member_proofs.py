"""Makes room for what peer gateways tell of their members' keys and mandates."""

from alembic import op

from gateway.store.tables import member_proof, metadata

revision = "add_member_proofs"
down_revision = "add_item_index"


def upgrade() -> None:
    """Add the table to a database that was not made with it."""
    metadata.create_all(op.get_bind(), [member_proof])
