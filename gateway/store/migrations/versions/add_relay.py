"""Makes room for what crosses between gateways: acts that were sent, events that were heard, and
what the reader of an answer is told in place of what is withheld."""

from alembic import op
from sqlalchemy import Column, Text, inspect

from gateway.store.tables import heard_event, metadata, sent_act

revision = "add_relay"
down_revision = "add_member_proofs"


def upgrade() -> None:
    """Add the tables and the column to a database that was not made with them."""
    connection = op.get_bind()
    metadata.create_all(connection, [sent_act, heard_event])
    columns = {one["name"] for one in inspect(connection).get_columns("answer")}
    if "shown" not in columns:
        op.add_column("answer", Column("shown", Text))
