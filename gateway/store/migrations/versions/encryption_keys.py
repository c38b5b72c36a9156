"""Encryption keys of organisations: what is sealed to a member is sealed to one of them."""

import sqlalchemy as sa
from alembic import op

revision = "encryption_keys"
down_revision = "registry_version"

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Give every organisation an empty list of them."""
    keys = sa.Column("encryption_keys", _text, nullable=False, server_default="[]")
    op.add_column("organisation", keys)
