"""What waits for an organisation beside what it owes about handoffs, and where each row stands."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from gateway.domain.duty import WaitKind, WorkPlace
from gateway.domain.handoff import NEVER, HandoffPlace
from gateway.domain.organisation import Certificate, Organisation
from gateway.domain.steps import verb_of
from gateway.domain.vocabulary import RANKS, Urgency

COUNTED = 1000
"""What waits is counted up to this number: a list costs what its page costs."""


def number_of(counted: int) -> str:
    """A number that may have been counted no further, in words."""
    return f"{counted} or more" if counted == COUNTED else str(counted)


class AdminGroup(StrEnum):
    """How something waits for administrators, in the order of their list."""

    SIGN = "sign"
    OTHERS = "others"
    ENDS = "ends"
    OVERDUE = "overdue"


class AdmissionState(StrEnum):
    """How a step of an admission stands."""

    DONE = "done"
    PROPOSED = "proposed"
    MISSING = "missing"


ENDS_SOON = timedelta(days=30)
"""How long before its end a right is on the worklist of who has it, and of administrators."""

ERASED_SOON = timedelta(days=14)
"""Likewise one's own cases before their erasure: their holders hear of it then, too."""

RENEW_BEFORE = timedelta(days=10)
"""Likewise a certificate: it lives 30 days and is renewed from day 20."""

BEFORE_ALL = UUID(int=0)
"""In a place, instead of the event from which something is owed: no event has this id."""


def place_of(
    kind: WaitKind, id_: UUID, *, urgency: Urgency | None = None, due_at: datetime = NEVER
) -> WorkPlace:
    """Return where something stands that no duty is; without an urgency behind all that has one."""
    rank = len(RANKS) if urgency is None else urgency.rank
    return WorkPlace(HandoffPlace(rank, due_at, id_), BEFORE_ALL, kind)


def id_of(kind: str, name: str) -> UUID:
    """Make an id for what has none, by what it is about."""
    return UUID(bytes=hashlib.sha256(f"{kind}/{name}".encode()).digest()[:16])


def command_of(action: str, *ids: object) -> str:
    """The command of an action about these ids, without the program's name."""
    return " ".join([action.partition(".")[0], verb_of(action), *map(str, ids)])


ENDING = frozenset(
    {
        WaitKind.MEMBERSHIP,
        WaitKind.MANDATE,
        WaitKind.AGREEMENT,
        WaitKind.RETENTION_TERM,
        WaitKind.AUDIT_ACCESS,
        WaitKind.CERTIFICATE,
    }
)
"""What ends by itself, of what waits: rights of an organisation, and certificates."""


@dataclass(frozen=True)
class WorklistFilter:
    """Which rows of a worklist are wanted; what is None is not asked for. With ``ends`` those of
    what ends soon, and no other."""

    urgency: str | None = None
    matter: str | None = None
    counterpart: str | None = None
    taken_by: str | None = None
    overdue: bool = False
    ends: bool = False

    @property
    def is_set(self) -> bool:
        """Tell whether anything is asked for."""
        return self != EVERYTHING

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row is wanted, by its members."""
        named = ("urgency", "counterpart", "taken_by")
        return (
            all(getattr(self, name) in (None, row[name]) for name in named)
            and (self.matter is None or self.matter in row["matter"])
            and (row["overdue"] or not self.overdue)
            and (row["kind"] in ENDING or not self.ends)
        )


EVERYTHING = WorklistFilter()


def certificates_end(certificates: Iterable[Certificate], now: datetime) -> datetime | None:
    """When the last certificate of a system ends, where that is soon."""
    ends = max((one.not_after for one in certificates if one.revoked_at is None), default=now)
    return ends if now < ends < now + RENEW_BEFORE else None


@dataclass(frozen=True)
class Ending:
    """A right of an organisation that ends: ``until`` is the first day without it."""

    kind: WaitKind
    what: str
    until: date


def endings(organisation: Organisation, day: date) -> Iterator[Ending]:
    """Return what of an organisation's entry ends soon, and is not followed by its like."""
    one = organisation
    periods = (
        *((WaitKind.MEMBERSHIP, str(m.membership), "", m.period) for m in one.memberships),
        *((WaitKind.MANDATE, m.key, m.key, m.period) for m in one.mandates),
        *((WaitKind.AGREEMENT, a.kind, a.kind, a.period) for a in one.agreements),
        *((WaitKind.RETENTION_TERM, r.purpose, r.purpose, r.period) for r in one.retentions),
    )
    for kind, what, like, period in periods:
        until = period.end
        if until is None or not day < until <= day + ENDS_SOON or not period.holds(day):
            continue
        others = (other for k, _, same, other in periods if (k, same) == (kind, like))
        if not any(other.holds(until) for other in others):
            yield Ending(kind, what, until)
    for access in one.audit_access:
        if access.ended_at is None and access.start <= day < access.end <= day + ENDS_SOON:
            yield Ending(WaitKind.AUDIT_ACCESS, str(access.coverage), access.end)
