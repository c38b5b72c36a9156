"""What waits for administrators: to sign by the one who asks, for others, and what ends or is late.

Each source is a row of `_SOURCES`: few rows, which are all made, and put in order.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.duty import WaitKind, start_of
from gateway.domain.handoff import HandoffPlace
from gateway.domain.json_values import parse_timestamp
from gateway.domain.organisation import Organisation, Status
from gateway.domain.worklist import (
    ENDS_SOON,
    AdminGroup,
    certificates_end,
    endings,
    id_of,
    number_of,
)
from gateway.evidence import canonical, event
from gateway.evidence.declarations import APPROVAL_LIFE
from gateway.kernel.approvals import APART
from gateway.kernel.changes import read_as_operator
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.request import OnHost, RequestContext
from gateway.kernel.results import Page, collect_page, iterate
from gateway.kernel.values import Proposal, Reader
from gateway.registry import admission
from gateway.registry.admission import COMING, MOST_PROPOSALS
from gateway.registry.queries import every_organisation
from gateway.registry.results import AdminWorklistRow

REFUSED = EVENT_TYPES["proposal.refuse"].name
REFUSED_SHOWN = timedelta(days=14)
"""How long a refused proposal is a line of its proposer's list."""


class _AdminReading(NamedTuple):
    """What the sources read of, for whom, when."""

    work: UnitOfWork
    now: datetime
    day: date
    person: str | None
    entries: Mapping[str, Organisation]
    proposals: Sequence[Proposal]


class _AdminRow(NamedTuple):
    place: HandoffPlace
    shown: AdminWorklistRow


def page(
    ports: Ports, reader: Reader, person: str | None, after: str | None, limit: int
) -> Page[AdminWorklistRow]:
    """A page of what waits for administrators: by group, then the oldest, or what ends, first.

    With a ``person`` a proposal of their own waits for others; ``after`` is the cursor of the page
    before.
    """

    def query(context: RequestContext | OnHost) -> Page[AdminWorklistRow]:
        asked = _reading(ports, context, person)
        waiting = (row for source in _SOURCES for row in source(asked))
        found = sorted(waiting, key=attrgetter("place"))

        def rows(cursor: str, number: int) -> Sequence[_AdminRow]:
            place = HandoffPlace.read(cursor) if cursor else None
            return [one for one in found if place is None or one.place > place][:number]

        return collect_page(
            rows, lambda row: str(row.place), attrgetter("shown"), after or "", limit
        )

    return read_as_operator(ports, reader, query)


def _reading(
    ports: Ports, context: RequestContext | OnHost, person: str | None = None
) -> _AdminReading:
    work, now = context.work, context.now
    entries = {one.slug: one for one in every_organisation(work)}
    waiting = work.proposals.page(None, MOST_PROPOSALS, now)
    return _AdminReading(work, now, ports.reference_date(now).day, person, entries, waiting)


def ending(ports: Ports, context: RequestContext | OnHost) -> Iterator[AdminWorklistRow]:
    """List what ends within 30 days, or has its review, of all organisations."""
    asked = _reading(ports, context)
    for source in (_endings, _log_holds):
        yield from (row.shown for row in source(asked))


def _row(
    asked: _AdminReading,
    group: AdminGroup,
    kind: str,
    slug: str,
    *,
    at: datetime,
    command: str | None = None,
    about: str = "",
    **said: Any,
) -> _AdminRow:
    """A row about an organisation; what is past its time is in the group of that."""
    found, ends = asked.entries.get(slug), group is AdminGroup.ENDS
    if ends and at <= asked.now:
        group = AdminGroup.OVERDUE
    fields: dict[str, Any] = {"values": {}, "proposer": None, "proposal": None}
    times = {"since": None if ends else at, "due_at": at if ends else None}
    shown = AdminWorklistRow(
        group=group,
        kind=kind,
        organisation=slug,
        name=None if found is None else found.name,
        about=about,
        command=command,
        **fields | times | said,
    )
    id_ = shown.proposal or id_of(kind, f"{slug}/{about}")
    return _AdminRow(HandoffPlace(list(AdminGroup).index(group), at, id_), shown)


def _proposals(asked: _AdminReading) -> Iterator[_AdminRow]:
    for one in asked.proposals:
        own = one.proposer == asked.person
        apart = APART.get(one.action, frozenset())
        values = canonical.decode(one.values.encode()).items()
        yield _row(
            asked,
            AdminGroup.OTHERS if own else AdminGroup.SIGN,
            one.action,
            one.organisation,
            at=one.expires_at - APPROVAL_LIFE,
            command=None if own else f"proposal approve {one.id}",
            values={name: value for name, value in values if name not in apart},
            proposer=one.proposer,
            proposal=one.id,
            due_at=one.expires_at,
        )


def _refused(asked: _AdminReading) -> Iterator[_AdminRow]:
    """One's own proposals that another administrator refused of late, until the same is proposed
    again."""
    again = {(one.organisation, one.action) for one in asked.proposals}
    ended = asked.work.proposals.page(None, MOST_PROPOSALS, None) if asked.person else ()
    for one in ended:
        about = (one.organisation, one.action)
        if about in again:
            continue
        again.add(about)  # the newest is first
        if one.proposer != asked.person or one.withdrawal_event is None:
            continue
        logged = asked.work.log.logged(one.withdrawal_event)
        told = None if logged is None else event.read(logged.event.document)
        if told and told["type"] == REFUSED:
            at = parse_timestamp(told["time"])
            if at > asked.now - REFUSED_SHOWN:
                said: dict[str, Any] = {"about": "refused", "command": f"proposal show {one.id}"}
                yield _row(asked, AdminGroup.SIGN, one.action, one.organisation, at=at, **said)


def _coming(asked: _AdminReading) -> Iterator[_AdminRow]:
    """The next steps of each organisation on its way, but those that were proposed."""
    proposed = {(one.organisation, one.action) for one in asked.proposals}
    invited = admission.invited(asked.work, asked.now)
    for one in asked.entries.values():
        if one.status in COMING:
            at = start_of(one.history[-1].since if one.history else asked.day)
            for action in admission.missing(asked.work, one, is_invited=one.slug in invited):
                noun, _, verb = action.partition(".")
                if noun == "it":
                    yield _row(asked, AdminGroup.OTHERS, action, one.slug, at=at)
                elif (one.slug, action) not in proposed:
                    command = f"{noun} {verb} {one.slug}"
                    yield _row(asked, AdminGroup.SIGN, action, one.slug, at=at, command=command)


def _invited(asked: _AdminReading) -> Iterator[_AdminRow]:
    rows = partial(asked.work.invitations.open, asked.now)
    for one in iterate(rows, attrgetter("id"), None):
        yield _row(
            asked, AdminGroup.OTHERS, "invitation", one.organisation,
            at=one.expires_at, about=one.system, since=None, due_at=one.expires_at,
        )  # fmt: skip


def _successions(asked: _AdminReading) -> Iterator[_AdminRow]:
    """Plans that wait for the approval of an office, late from their day on."""
    for one in asked.work.successions.all():
        if one.over or not one.missing:
            continue
        late = one.day <= asked.day
        group = AdminGroup.OVERDUE if late else AdminGroup.OTHERS
        at, about = start_of(one.day), f"{one.competence}, by {', '.join(one.missing)}"
        command = f"succession show {one.id}"
        said: dict[str, Any] = {"about": about, "command": command, "since": None, "due_at": at}
        yield _row(asked, group, "succession", one.predecessor, at=at, **said)


_RENEWED_BY: Mapping[WaitKind, str] = {
    WaitKind.MEMBERSHIP: "membership grant",
    WaitKind.MANDATE: "mandate grant",
    WaitKind.AGREEMENT: "agreement record",
    WaitKind.RETENTION_TERM: "retention record",
    WaitKind.AUDIT_ACCESS: "audit-access grant",
}


def _endings(asked: _AdminReading) -> Iterator[_AdminRow]:
    for entry in asked.entries.values():
        if entry.status not in (Status.ACTIVE, Status.SUSPENDED, Status.ENROLLED):
            continue
        for one in endings(entry, asked.day):
            at, command = start_of(one.until), f"{_RENEWED_BY[one.kind]} {entry.slug}"
            said: dict[str, Any] = {"at": at, "command": command, "about": one.what}
            yield _row(asked, AdminGroup.ENDS, one.kind, entry.slug, **said)
        for system in asked.work.organisations.systems(entry.slug):
            held = asked.work.organisations.certificates(entry.slug, system.name)
            if system.enabled and (ends := certificates_end(held, asked.now)):
                said = {"at": ends, "about": system.name}
                yield _row(asked, AdminGroup.ENDS, WaitKind.CERTIFICATE, entry.slug, **said)


def _log_holds(asked: _AdminReading) -> Iterator[_AdminRow]:
    for one in asked.work.log_terms.holds():
        if one.ended_at is None and one.review_on <= asked.day + ENDS_SOON:
            slug, command = one.organisation or "", f"log-hold end --log-hold {one.id}"
            at = start_of(one.review_on)
            said: dict[str, Any] = {"at": at, "command": command, "about": one.reference}
            yield _row(asked, AdminGroup.ENDS, "log_hold_review", slug, **said)


def _late_duties(asked: _AdminReading) -> Iterator[_AdminRow]:
    if number := asked.work.duties.overdue(asked.now):
        at, about = start_of(asked.day), number_of(number)
        yield _row(asked, AdminGroup.OVERDUE, "duties", "", at=at, about=about, since=None)


_SOURCES: Sequence[Callable[[_AdminReading], Iterator[_AdminRow]]] = (
    _proposals,
    _refused,
    _coming,
    _invited,
    _successions,
    _endings,
    _log_holds,
    _late_duties,
)
"""The one table of what waits for administrators."""
