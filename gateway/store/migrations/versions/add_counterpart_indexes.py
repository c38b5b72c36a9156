"""Lets the handoffs with one counterpart be found without those with others."""

from alembic import op

revision = "add_counterpart_indexes"
down_revision = "add_held_removals"


def upgrade() -> None:
    """Add the indexes to a database that was not made with them."""
    for name, *parties in (
        ("handoff_in_from", "recipient", "originator"),
        ("handoff_out_to", "originator", "recipient"),
    ):
        place = [*parties, "urgency", "due_at", "id"]
        op.create_index(name, "handoff", place, if_not_exists=True)
