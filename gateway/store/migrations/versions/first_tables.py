"""The first tables: all of `gateway/store/tables.py`, and the rows that an empty database has.

Until a version is released this makes whatever `tables.py` says; from then on each change of the
tables is a migration of its own, and this one is written out as it was released. What a database
that was made before has more, later migrations take away.
"""

from alembic import op

from gateway.ledger.tree import EMPTY_ROOT
from gateway.store.tables import log_head, metadata, registry

revision = "first_tables"
down_revision = None


def upgrade() -> None:
    """Create every table, the head of an empty log, and the registry's version."""
    connection = op.get_bind()
    metadata.create_all(connection)
    empty = {"id": 1, "size": 0, "root": EMPTY_ROOT, "edge": b"", "origin": None}
    connection.execute(log_head.insert(), empty)
    connection.execute(registry.insert(), {"id": 1, "version": 1})
