"""How a gateway is: what its maintenance found last, for those who operate it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from gateway.domain.audit_event import LogHold

EXAMINED_EVERY = timedelta(minutes=5)
STALE = 3 * EXAMINED_EVERY
"""How old a report is when maintenance must have stopped, or cannot keep it."""

FORGOTTEN = timedelta(days=7)
"""After which a node that keeps no report any more is none."""


class Level(StrEnum):
    """How bad a finding is, the worst last."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """Its place in the order."""
        return [*Level].index(self)


RUNBOOKS: Mapping[str, str] = {
    "settings": "docs/settings.md",
    "permissions": "docs/operators.md#2-what-runs",
    "signing_keys": "docs/keys.md#change-the-key-of-the-log-or-that-of-attestations",
    "issuing_key": "docs/operators.md#2-what-runs",
    "certificates": "docs/operators.md#5-what-must-be-renewed",
    "console": "docs/console.md#set-it-up",
    "database": "docs/operators.md#2-what-runs",
    "servers": "docs/postgresql.md#servers",
    "schema": "docs/operators.md#9-upgrade",
    "administrators": "docs/administrators.md#2-the-administrators-themselves",
    "clock": "docs/monitoring.md#clock",
    "backups": "docs/operators.md#3-back-up",
    "rehearsal": "docs/operators.md#3-back-up",
    "confirmations": "docs/confirmations.md#for-operators",
    "due": "docs/monitoring.md#runbook",
    "log_holds": "docs/administrators.md#8-audit-access",
    "waiting": "docs/administrators.md#1-two-persons-and-how-they-sign",
    "log": "docs/operators.md#the-log-is-frozen",
    "whole_log": "docs/operators.md#3-back-up",
    "registry": "docs/operators.md#the-registry-differs-from-the-log",
    "handoffs": "docs/operators.md#a-handoff-differs-from-the-log",
    "case_keys": "docs/operators.md#4-encryption-and-erasure",
    "notifications": "docs/operators.md#notifications",
    "peers": "docs/peers.md",
    "disk": "docs/monitoring.md#runbook",
    "policies": "docs/operators.md#9-upgrade",
    "maintenance": "docs/monitoring.md#runbook",
}
"""Where each check's guide says what to do."""


@dataclass(frozen=True)
class Finding:
    """What a check found, and when, where it was not found just now."""

    check: str
    level: Level
    sentence: str
    at: str | None = None

    @property
    def runbook(self) -> str | None:
        """The guide that says what to do; None where there is nothing to do."""
        return None if self.level is Level.OK else RUNBOOKS[self.check]

    def shown(self) -> dict[str, Any]:
        """Return it as commands and the interface give it."""
        return {**asdict(self), "runbook": self.runbook}


@dataclass(frozen=True)
class HealthReport:
    """What maintenance of one ``node`` found, and when certificates of it end, as JSON."""

    node: str
    made_at: datetime
    findings: str
    ends: str

    def found(self) -> Iterator[Finding]:
        """The findings, in the order of the checks."""
        for one in json.loads(self.findings):
            yield Finding(one["check"], Level(one["level"]), one["sentence"], one["at"])

    @classmethod
    def of(
        cls, node: str, at: datetime, found: Iterable[Finding], ends: Mapping[str, str]
    ) -> "HealthReport":
        """Make the report of a node."""
        return cls(node, at, json.dumps([asdict(one) for one in found]), json.dumps(dict(ends)))


def worst(found: Iterable[Finding]) -> Level:
    """How bad the worst finding is."""
    return max((one.level for one in found), key=lambda one: one.rank, default=Level.OK)


def missed_reviews(holds: Iterable[LogHold], today: date) -> tuple[str, ...]:
    """Log holds whose day of review has passed, in sentences for the operator."""
    return tuple(
        f"the log hold {one.id} was to be reviewed by {one.review_on}: set a new one if it is "
        "still needed, and end this one (docs/administrators.md)"
        for one in holds
        if one.is_review_missed(today)
    )
