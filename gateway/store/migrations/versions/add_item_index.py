"""Makes room for the items by which an organisation finds its cases and handoffs.

What cases say is encrypted: maintenance adds those that are there (gateway/exchange/standing/
item_index.py).
"""

from alembic import op
from sqlalchemy import Boolean, Column, and_, column, false, inspect, literal_column

from gateway.store.tables import index_key, indexed_item, metadata

revision = "add_item_index"
down_revision = "index_id_ends"

_UNINDEXED = and_(
    column("state") != literal_column("'erased'"), column("indexed", Boolean) == false()
)


def upgrade() -> None:
    """Add the tables and the column to a database that was not made with them."""
    connection = op.get_bind()
    metadata.create_all(connection, [indexed_item, index_key])
    if "indexed" in {one["name"] for one in inspect(connection).get_columns("case_file")}:
        return
    op.add_column("case_file", Column("indexed", Boolean, nullable=False, server_default=false()))
    op.create_index(
        "case_file_unindexed",
        "case_file",
        ["id"],
        sqlite_where=_UNINDEXED,
        postgresql_where=_UNINDEXED,
    )
