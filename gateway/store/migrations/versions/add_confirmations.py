"""Keeps what others confirm of the log's checkpoints (docs/adr, "Others confirm a checkpoint")."""

from alembic import op
from sqlalchemy import Column, LargeBinary, PrimaryKeyConstraint, inspect

from gateway.store.columns import NUMBER, TEXT, Instant

revision = "add_confirmations"
down_revision = "add_arrivals"


def upgrade() -> None:
    """Add the table to a database that was not made with it."""
    if inspect(op.get_bind()).has_table("log_confirmation"):
        return
    op.create_table(
        "log_confirmation",
        Column("size", NUMBER, nullable=False),
        Column("kind", TEXT, nullable=False),
        Column("by", TEXT, nullable=False),
        Column("at", Instant, nullable=False),
        Column("note", TEXT, nullable=False),
        Column("data", LargeBinary, nullable=False),
        PrimaryKeyConstraint("kind", "by", "size"),
    )
