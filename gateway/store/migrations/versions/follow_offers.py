"""Lets each case say whether it is offered: a worklist has those that are to be."""

from alembic import op
from sqlalchemy import Boolean, Column, false, inspect

from gateway.store.handoffs import CASE_IS_OFFERED
from gateway.store.tables import TO_DO, case_file

revision = "follow_offers"
down_revision = "add_passkeys"


def upgrade() -> None:
    """Add the column to a database that was not made with it, as handoffs tell it, and an index in
    place of that of what is not cleared."""
    connection = op.get_bind()
    op.execute("DROP INDEX IF EXISTS case_file_uncleared")
    if "offered" in {one["name"] for one in inspect(connection).get_columns("case_file")}:
        return
    op.add_column("case_file", Column("offered", Boolean, nullable=False, server_default=false()))
    connection.execute(case_file.update().values(offered=CASE_IS_OFFERED))
    op.create_index(
        "case_file_to_do",
        "case_file",
        ["originator", "urgency", "made"],
        sqlite_where=TO_DO,
        postgresql_where=TO_DO,
    )
