"""Makes room for what maintenance finds about the gateway."""

from alembic import op

from gateway.store.tables import health_report, metadata

revision = "add_health_report"
down_revision = "add_members_told"


def upgrade() -> None:
    """Add the table to a database that was not made with it."""
    metadata.create_all(op.get_bind(), [health_report])
