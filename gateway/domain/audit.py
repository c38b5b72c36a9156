"""Audit access: who may read the log of whom, for how long, and what of an event that shows.

An audit access is a role of an organisation, given by two persons for a time, over the whole log,
one member, or one case. It opens events, never content.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from gateway.domain.json_values import read_record, to_json

LONGEST_DAYS = 366
"""None lasts longer: who still needs it says so again, to two persons."""

SEARCH_REASONS = ("lawfulness", "self_monitoring", "security", "criminal_proceedings")
"""The four purposes for which the log may be used (LED Art. 25(2))."""


class CoverageKind(StrEnum):
    """What an audit access covers."""

    ALL = "all"
    MEMBER = "member"
    CASE = "case"


@dataclass(frozen=True)
class CaseId:
    """A case: its id is unique only with its originator."""

    originator: str
    case: UUID


@dataclass(frozen=True)
class CaseReference:
    """A case by its originator's own reference, which no event shows."""

    originator: str
    reference: str


@dataclass(frozen=True)
class AuditFilters:
    """What events must fit; None, or no word, asks nothing.

    ``actions`` are words of the policy, as handoff.offer, of which an event fits one; likewise
    ``results``. ``topics`` are words of domain.audit_topics, of which it belongs to one. ``since``
    and ``until`` are aware times, half-open.
    """

    organisation: str | None = None
    person: str | None = None
    rule: str | None = None
    case: CaseId | None = None
    handoff: UUID | None = None
    actions: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def asked(self) -> dict[str, Any]:
        """The filters that are set, as the interface calls them."""
        said = {_CALLED.get(name, name): value for name, value in vars(self).items()}
        return {name: to_json(value) for name, value in said.items() if value not in (None, ())}

    @classmethod
    def read(cls, asked: Mapping[str, Any]) -> "AuditFilters":
        """The filters that `asked` gave; raises what `json_values.read_record` raises."""
        names = {called: name for name, called in _CALLED.items()}
        return read_record(cls, {names.get(name, name): value for name, value in asked.items()})


_CALLED = {"since": "from", "until": "before"}
"""What the interface calls two filters; within, `before` is where a page of the log ends."""


@dataclass(frozen=True)
class AuditAccess:
    """One audit access. ``id`` is the event that gave it.

    ``member`` is set when it reaches over one member's events, ``case`` when over one case;
    neither for the whole log. ``person`` is the auditor's own pseudonym, or None for anybody at the
    auditing organisation. ``decision_ref`` says who decided it. It holds on the legal days
    ``start <= day < end``, and no more from ``ended_at`` on.
    """

    id: UUID
    start: date
    end: date
    decision_ref: str
    member: str | None = None
    case: CaseId | None = None
    person: str | None = None
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse one without an end, a longer one than may be, and one over two things."""
        if not 0 < (self.end - self.start).days <= LONGEST_DAYS:
            raise ValueError(f"an audit access ends, after {LONGEST_DAYS} days at the latest")
        if self.member is not None and self.case is not None:
            raise ValueError("an audit access covers one thing")

    @property
    def coverage(self) -> CoverageKind:
        """Over what it reaches."""
        if self.case is not None:
            return CoverageKind.CASE
        return CoverageKind.ALL if self.member is None else CoverageKind.MEMBER

    def holds(self, day: date, now: datetime) -> bool:
        """Tell whether it counts on a legal day and at a moment."""
        return self.start <= day < self.end and (self.ended_at is None or now < self.ended_at)


@dataclass(frozen=True)
class Coverage:
    """What several cover together: the whole log, or members and cases."""

    whole: bool = False
    members: frozenset[str] = frozenset()
    cases: frozenset[CaseId] = frozenset()

    @property
    def empty(self) -> bool:
        """Tell whether nothing is covered."""
        return not (self.whole or self.members or self.cases)

    def reaches_member(self, organisation: str) -> bool:
        """Tell whether an organisation's events are covered as such."""
        return self.whole or organisation in self.members

    def reaches_case(self, case: CaseId) -> bool:
        """Tell whether all events of a case are covered."""
        return self.whole or case in self.cases

    def shows(self, readers: frozenset[str], *, of_case: bool) -> bool:
        """Tell whether a sealed detail is shown, by who may read it.

        ``of_case`` says that its event is one of a covered case: then all of it is. A member's
        access shows what that member may read.
        """
        return self.whole or of_case or not self.members.isdisjoint(readers)


def coverage(grants: Iterable[AuditAccess], person: str, day: date, now: datetime) -> Coverage:
    """Return what those in force cover, for one person at the auditing organisation."""
    held = [g for g in grants if g.holds(day, now) and g.person in (None, person)]
    return Coverage(
        whole=any(grant.coverage is CoverageKind.ALL for grant in held),
        members=frozenset(grant.member for grant in held if grant.member is not None),
        cases=frozenset(grant.case for grant in held if grant.case is not None),
    )
