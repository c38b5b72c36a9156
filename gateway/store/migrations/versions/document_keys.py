"""Document keys of organisations, and their lock to documents that they sign themselves."""

import sqlalchemy as sa
from alembic import op

revision = "document_keys"
down_revision = "0001"

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Give every organisation an empty list of keys, and no lock."""
    keys = sa.Column("document_keys", _text, nullable=False, server_default="[]")
    lock = sa.Column("signed_only", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("organisation", keys)
    op.add_column("organisation", lock)
