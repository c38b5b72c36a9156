"""Lets each case say whether it is offered: a worklist has those that are to be."""

from alembic import op
from sqlalchemy import Boolean, Column, Text, and_, column, false, inspect, literal_column, or_

revision = "follow_offers"
down_revision = "add_passkeys"

_state = column("state", Text)
_TO_DO = or_(
    _state == literal_column("'draft'"),
    _state == literal_column("'assessed'"),
    and_(_state == literal_column("'cleared'"), column("offered", Boolean) == false()),
)
_FOLLOW = """
UPDATE case_file SET offered = EXISTS (
    SELECT 1 FROM handoff WHERE handoff.originator = case_file.originator
    AND handoff."case" = case_file.id
    AND (handoff.state IN ('offered', 'accepted', 'partially_accepted')
        OR handoff.state = 'closed' AND handoff.recall IS NULL)
)
"""


def upgrade() -> None:
    """Add the column to a database that was not made with it, as handoffs tell it, and an index in
    place of that of what is not cleared."""
    connection = op.get_bind()
    op.execute("DROP INDEX IF EXISTS case_file_uncleared")
    if "offered" in {one["name"] for one in inspect(connection).get_columns("case_file")}:
        return
    op.add_column("case_file", Column("offered", Boolean, nullable=False, server_default=false()))
    op.execute(_FOLLOW)
    op.create_index(
        "case_file_to_do",
        "case_file",
        ["originator", "urgency", "made"],
        sqlite_where=_TO_DO,
        postgresql_where=_TO_DO,
    )
