"""Keeps what the gateway of an erased case's originator did not hear yet."""

from alembic import op

from gateway.store.tables import metadata, unheard_answer

revision = "add_unheard_answer"
down_revision = "add_handoff_reference"


def upgrade() -> None:
    """Add the table to a database that was not made with it."""
    metadata.create_all(op.get_bind(), [unheard_answer])
