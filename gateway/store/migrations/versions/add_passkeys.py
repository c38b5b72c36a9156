"""Adds the passkeys of persons in staff registers, and the invitations to register one."""

from alembic import op
from sqlalchemy import Column, Index, PrimaryKeyConstraint, UniqueConstraint, Uuid, inspect

from gateway.store.columns import TEXT, Instant

revision = "add_passkeys"
down_revision = "add_unheard_answer"


def upgrade() -> None:
    """Add the tables to a database that was not made with them."""
    if inspect(op.get_bind()).has_table("passkey"):
        return
    op.create_table(
        "passkey",
        Column("organisation", TEXT, nullable=False),
        Column("pseudonym", TEXT, nullable=False),
        Column("kid", TEXT, nullable=False),
        Column("jwk", TEXT, nullable=False),
        Column("event", Uuid, nullable=False),
        Column("revocation_event", Uuid),
        PrimaryKeyConstraint("kid"),
        Index("passkey_of", "organisation", "pseudonym"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "staff_invitation",
        Column("organisation", TEXT, nullable=False),
        Column("pseudonym", TEXT, nullable=False),
        Column("token_sha256", TEXT, nullable=False),
        Column("expires_at", Instant, nullable=False),
        Column("event", Uuid, nullable=False),
        PrimaryKeyConstraint("organisation", "pseudonym"),
        UniqueConstraint("token_sha256"),
        sqlite_with_rowid=False,
    )
