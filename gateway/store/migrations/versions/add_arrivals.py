"""Lets what the other side did wait at its party (docs/adr, "What arrives waits until it is seen").

Rows begin with the upgrade: nothing of before arrives. The log's index finds recalls by their case
from here on, those of before as well.
"""

from alembic import op
from sqlalchemy import Column, inspect

from gateway.store.columns import TEXT

revision = "add_arrivals"
down_revision = "join_search_words"


def upgrade() -> None:
    """Add the column to a database that was not made with it; complete the log's index."""
    columns = {one["name"] for one in inspect(op.get_bind()).get_columns("duty")}
    if "arrived" not in columns:
        op.add_column("duty", Column("arrived", TEXT))
    for type_ in ("case.recalled", "case.recall_approved"):
        op.execute(
            f"UPDATE log_event SET step_of = case_digest WHERE words LIKE '|typ:{type_}|%'"  # noqa: S608 - a name from above
            " AND words LIKE '%|result:allowed|%'"
        )
