"""Changes of the registry that one person proposed and another one may approve."""

import sqlalchemy as sa
from alembic import op

revision = "proposals"
down_revision = "log_facets"

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make room for them."""
    op.create_table(
        "proposal",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("action", _text, nullable=False),
        sa.Column("organisation", _text, nullable=False),
        sa.Column("values", _text, nullable=False),
        sa.Column("proposer", _text, nullable=False),
        sa.Column("approval", _text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Uuid),
    )
    op.create_index("proposal_by_end", "proposal", ["expires_at"])
