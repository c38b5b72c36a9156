"""Renewals: a request keeps the certificate on which it was asked, which may be revoked meanwhile.

A migration is history: it says what was done to databases, whatever `tables.py` says later.
"""

import sqlalchemy as sa
from alembic import op

revision = "renewals"
down_revision = "cancelled_successions"

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Of the requests before this version nobody knows."""
    op.add_column("signing_request", sa.Column("asked_on", _text))
