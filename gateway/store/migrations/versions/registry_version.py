"""A number that every change of the registry raises, so that readers know what they remember.

A migration is history: it says what was done to databases, whatever `tables.py` says later.
"""

import sqlalchemy as sa
from alembic import op

revision = "registry_version"
down_revision = "client_keys"

_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table with its one row."""
    table = op.create_table(
        "registry",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", _number, nullable=False),
        sa.CheckConstraint("id = 1", name="registry_is_one_row"),
    )
    op.bulk_insert(table, [{"id": 1, "version": 1}])
