"""Makes room for what a worklist reads: the urgency of cases, and who works on a handoff.

What a case was before is encrypted: until its next version it stands first among those that are to
be assessed or cleared, in its own urgency.
"""

from alembic import op
from sqlalchemy import Column, Integer, inspect, text

from gateway.store.tables import metadata, taken_handoff

revision = "add_worklist"
down_revision = "drop_arrived_index"

_KEPT = text("state != 'erased'")


def upgrade() -> None:
    """Add the column, an index and the table to a database that was not made with them."""
    connection = op.get_bind()
    metadata.create_all(connection, [taken_handoff])
    columns = {one["name"] for one in inspect(connection).get_columns("case_file")}
    if "urgency" in columns:
        return
    op.add_column("case_file", Column("urgency", Integer, nullable=False, server_default="0"))
    op.create_index(
        "case_file_ending",
        "case_file",
        ["originator", "erase_on"],
        sqlite_where=_KEPT,
        postgresql_where=_KEPT,
    )
