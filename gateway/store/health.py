"""What maintenance of each node found last about its gateway."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, or_

from gateway.domain.health import HealthReport
from gateway.store.columns import RecordTable, StorePart, matching
from gateway.store.tables import health_report

_REPORTS = RecordTable(health_report, HealthReport)
_DROP = delete(health_report).where(
    or_(matching(health_report, "node"), health_report.c.made_at < bindparam("until"))
)


class SqlHealth(StorePart):
    """The newest report of each node."""

    def reports(self) -> Sequence[HealthReport]:
        """All of them, by node."""
        return self._all(_REPORTS, _REPORTS.all.order_by(health_report.c.node))

    def keep(self, report: HealthReport, until: datetime) -> None:
        """Put a report in place of its node's last one, and forget those made before a time."""
        self._write(_DROP, {"node": report.node, "until": until})
        self._write(_REPORTS.insert, _REPORTS.row(report))
