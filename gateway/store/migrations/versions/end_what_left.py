"""Ends what is open of what left after 2d826964 (docs/adr, "What leaves is read only").

The log's tables stay as they are, and it tells on of what is gone here: answers owed to contests,
reports owed of applications, service hours, recusals, proposals of what nobody can make. Mandates
of the function that left stay, as their events say; no reader takes one as in force.
"""

import json

from alembic import op
from sqlalchemy import inspect, text

revision = "end_what_left"
down_revision = "first_tables"

# A handoff's place in lists follows what its recipient owes, and its originator knows of; of one
# about which nothing is owed, it is the year 9999 in microseconds.
_ENDS = (
    """
    UPDATE handoff SET due_at = coalesce((
        SELECT min(duty.due_at) FROM duty WHERE duty.handoff = handoff.id
        AND duty.organisation = handoff.recipient AND duty.closed_at IS NULL AND duty.kind IN
        ('answer', 'acknowledgement', 'recall_acknowledgement', 'recall_answer')
    ), 253370764800000000) WHERE id IN (
        SELECT handoff FROM duty WHERE closed_at IS NULL
        AND kind IN ('application', 'confirmation', 'confirmation_in_danger'))
    """,
    "DELETE FROM duty WHERE kind IN ('application', 'confirmation', 'confirmation_in_danger')",
    """
    DELETE FROM proposal WHERE action = 'service_hours.set'
    OR "values" LIKE '%"single_point_of_contact_%'
    """,
    "UPDATE registry SET version = version + 1",
)


def upgrade() -> None:
    """Delete what is ended; nothing in a database that never had it."""
    connection = op.get_bind()
    for statement in _ENDS:
        connection.execute(text(statement))
    rewrite = text("UPDATE organisation SET document = :written WHERE slug = :slug")
    for slug, document in connection.execute(text("SELECT slug, document FROM organisation")).all():
        said = json.loads(document)
        if said.pop("service_hours", said) is not said:
            written = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
            connection.execute(rewrite, {"slug": slug, "written": written})
    before = inspect(connection)
    if "recusals" in {one["name"] for one in before.get_columns("staff")}:
        op.drop_column("staff", "recusals")
    if before.has_table("revoked_token"):
        op.drop_table("revoked_token")
