"""Ends what is open of what left after 2d826964 (docs/adr, "What leaves is read only").

The log's tables stay as they are, and it tells on of what is gone here: answers owed to contests,
reports owed of applications, service hours, recusals, proposals of what nobody can make. Mandates
of the function that left stay, as their events say; no reader takes one as in force.
"""

import json

from alembic import op
from sqlalchemy import bindparam, delete, func, inspect, null, select, text, update

from gateway.store.migrations.ending import (
    DUTIES,
    OPEN_DUTIES,
    PROPOSALS,
    duty,
    handoff,
    organisation,
    proposal,
)

revision = "end_what_left"
down_revision = "first_tables"

_NEVER = 253370764800000000
"""The year 9999, in microseconds: of a handoff about which its recipient owes nothing."""

_SHOWN = ("answer", "acknowledgement", "recall_acknowledgement", "recall_answer")
"""What a recipient owes and its originator knows of: the handoff's place in lists follows it."""


def upgrade() -> None:
    """Delete what is ended; nothing in a database that never had it."""
    connection = op.get_bind()
    left = select(duty.c.handoff).where(OPEN_DUTIES)
    owed = select(func.coalesce(func.min(duty.c.due_at), _NEVER)).where(
        duty.c.handoff == handoff.c.id,
        duty.c.organisation == handoff.c.recipient,
        duty.c.kind.in_(_SHOWN),
        duty.c.closed_at == null(),
    )
    follow = update(handoff).where(handoff.c.id.in_(left))
    connection.execute(follow.values(due_at=owed.scalar_subquery()))
    connection.execute(delete(duty).where(DUTIES))
    connection.execute(delete(proposal).where(PROPOSALS))
    rewrite = update(organisation).where(organisation.c.slug == bindparam("of"))
    for slug, document in connection.execute(select(organisation)).all():
        said = json.loads(document)
        if "service_hours" in said:
            del said["service_hours"]
            written = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
            connection.execute(rewrite.values(document=written), {"of": slug})
    before = inspect(connection)
    if "recusals" in {one["name"] for one in before.get_columns("staff")}:
        op.drop_column("staff", "recusals")
    if before.has_table("revoked_token"):
        op.drop_table("revoked_token")
    connection.execute(text("UPDATE registry SET version = version + 1"))
