"""Notifications: each organisation hears of the events of its own stream, in their order.

A partner polls for them, or the gateway delivers them; one cursor serves both. At least once: a
notification counts as delivered when it was acknowledged, and comes again until then. One that its
receiver refuses is kept and passed over. Any event comes again when the organisation asks for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from gateway.domain import notification
from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import OPEN, Handoff
from gateway.domain.json_values import parse_timestamp
from gateway.domain.organisation import DUTY_CONTACT, Organisation
from gateway.domain.vocabulary import Urgency
from gateway.evidence import event as events
from gateway.evidence import security_event
from gateway.evidence.event import PARTY
from gateway.evidence.security_event import EventNotification
from gateway.exchange.oversight.results import NotificationStatus, ReplayedNotification
from gateway.exchange.standing.interests import is_barred
from gateway.kernel.changes import LOG, read_as_operator
from gateway.kernel.events import gateway_and
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.request import (
    ActionRequest,
    OnHost,
    RequestContext,
    authorize,
    deny_as_not_found,
)
from gateway.kernel.transact import WriteResult, read, transact
from gateway.kernel.values import Caller, LoggedEvent, Reader

MOST = 100
"""Notifications of one answer."""

OF_ONE_TURN = 50
"""Notifications that the gateway delivers before others have their turn."""

URGENT = (Urgency.IMMINENT_DANGER, Urgency.URGENT)
"""What the operator's mail tells of, besides what is overdue."""

REGISTER_EVENTS = frozenset(
    EVENT_TYPES[f"staff.{one}"][0]
    for one in ("add", "end", "invite", "register_passkey", "revoke_passkey")
)
KEEPING_WATCH = ("head", "data_protection")
"""Who hears of each entry of the staff register, whoever made it; and at both parties of content
that was opened before its acceptance."""

LONGEST_ERROR = 100
NOT_REFUSED = "not_refused"
"""The error of what is sent again though its receiver took it."""


@dataclass(frozen=True)
class ReceiverError:
    """Why a receiver refuses a notification (RFC 8935 2.4, RFC 8936 2.4)."""

    error: str
    description: str = ""


@dataclass(frozen=True)
class Delivery:
    """What an organisation's receiver is to get next, and where its cursor stood.

    ``replays`` are refused ones that are sent again: before the others, out of their order.
    ``following`` come after the cursor; the documents of the stream numbers ``erased`` are gone.
    ``for_mail`` are the events of which the operator's mail tells, if it is by mail, with the roles
    of the contacts for whom that is.
    """

    cursor: notification.Cursor
    replays: Sequence[EventNotification]
    following: Sequence[EventNotification]
    erased: frozenset[int]
    for_mail: Mapping[UUID, Sequence[str]]
    push_address: str | None = None

    @property
    def pending(self) -> Sequence[EventNotification]:
        """All of them, in the order in which they are sent."""
        return [*self.replays, *self.following]


@dataclass
class DeliveryReport:
    """How an attempt went: what was taken, what was refused, whether an answer was missing."""

    taken: list[EventNotification] = field(default_factory=list)
    refused: dict[EventNotification, ReceiverError] = field(default_factory=dict)
    failed: bool = False


@dataclass(frozen=True)
class SignedNotifications:
    """The answer to a poll: tokens by their ids, and whether there are ``more``.

    ``acknowledged`` is the stream number up to which none is missing.
    """

    sets: Mapping[str, str]
    more: bool
    acknowledged: int


# --- A partner's system asks ---------------------------------------------------------------------


def poll(
    ports: Ports,
    caller: Caller,
    most: int,
    acknowledged: Sequence[str] = (),
    refused: Mapping[str, ReceiverError] | None = None,
) -> SignedNotifications:
    """The notifications that follow, once what was taken and refused is noted (RFC 8936 2.4).

    ``acknowledged`` and the keys of ``refused`` are ids of notifications; those that are not of
    the next hundred are passed over. The cursor goes as far as all are acknowledged or refused.
    """
    organisation = caller.organisation

    def query(context: RequestContext) -> Delivery:
        authorize(context, LOG)
        way = notification.DeliveryWay.NOTIFICATION
        return _following(context.work, organisation, way, MOST, context.now, day=context.today.day)

    request = ActionRequest("notification.poll")
    found = read(ports, caller, request, query)
    by_jti = {security_event.jti_of(one.event, organisation): one for one in found.pending}
    refusals = {by_jti[jti]: error for jti, error in (refused or {}).items() if jti in by_jti}
    taken = [by_jti[jti] for jti in acknowledged if jti in by_jti and by_jti[jti] not in refusals]
    if taken or refusals or found.erased:
        _note(ports, found, DeliveryReport(taken, refusals))
        found = read(ports, caller, request, query)
    shown = found.pending[:most]
    jtis = (security_event.jti_of(one.event, organisation) for one in shown)
    return SignedNotifications(
        sets=dict(zip(jtis, sign(ports, organisation, shown), strict=True)),
        more=len(found.pending) > most,
        acknowledged=found.cursor.acknowledged,
    )


def status(ports: Ports, caller: Caller) -> NotificationStatus:
    """How far the caller's notifications were acknowledged, and which were refused."""

    def query(context: RequestContext) -> NotificationStatus:
        authorize(context, LOG)
        return _status(context.work, context.organisation)

    return read(ports, caller, ActionRequest("notification.poll"), query)


@dataclass(frozen=True)
class Replay:
    """Who has a notification sent again."""

    by: str


def replay(ports: Ports, caller: Caller, key: str, event: UUID, asked: Replay) -> WriteResult:
    """Send the notification of an event of the caller's own stream again, before those that follow.

    Refused as not found where it is another's, or its document was erased.
    """
    replayed = ReplayedNotification(event)

    def act(context: RequestContext) -> ReplayedNotification:
        authorize(context, LOG)
        store, logged = context.work.notifications, context.work.log.logged(event)
        details = () if logged is None else logged.event.disclosures
        own = [d.value for d in details if d.kind == PARTY and caller.organisation in d.readers]
        numbers = [v["stream_number"] for v in own if v["organisation"] == caller.organisation]
        if not numbers:
            deny_as_not_found()
        refused = {one.event: one for one in store.refused(caller.organisation)}
        again = refused.get(event) or notification.RefusedNotification(
            caller.organisation, event, numbers[0], NOT_REFUSED, "asked for again", context.now
        )
        store.refuse(replace(again, replay=True))
        context.record(gateway_and(caller.organisation, role="actor"))
        return replayed

    request = ActionRequest("notification.replay", asked.by, key, {"event": str(event)})
    return transact(ports, caller, request, act, lambda _context, _logged: replayed)


def overview(ports: Ports, reader: Reader) -> list[NotificationStatus]:
    """Every organisation to which notifications were delivered, for administrators."""

    def query(context: RequestContext | OnHost) -> list[NotificationStatus]:
        work = context.work
        states = work.notifications.states(notification.DeliveryWay.NOTIFICATION)
        members = (work.organisations.get(one.cursor.organisation) for one in states)
        return [_status(work, one) for one in members if one is not None]

    return read_as_operator(ports, reader, query)


def _status(work: UnitOfWork, organisation: Organisation) -> NotificationStatus:
    cursor = work.notifications.cursor(organisation.slug, notification.DeliveryWay.NOTIFICATION)
    return NotificationStatus(
        organisation=organisation.slug,
        push_address=organisation.push_address,
        acknowledged=cursor.acknowledged,
        head=work.log.last_number(organisation.slug),
        failures=cursor.failures,
        next_attempt_at=cursor.next_at,
        refused=work.notifications.refused(organisation.slug)[:MOST],
    )


# --- The gateway delivers ------------------------------------------------------------------------


def begin_delivery(
    ports: Ports, organisation: str, way: notification.DeliveryWay
) -> Delivery | None:
    """Have the turn to deliver to an organisation for a minute, and what it is to get.

    None when another process has it, a pause lasts, or the organisation does not take part. Mail
    begins with the events after the first turn.
    """
    with ports.begin(TransactionMode.WRITE) as work:
        found, now = work.organisations.get(organisation), ports.now()
        begin = work.log.last_number(organisation) if way is notification.DeliveryWay.MAIL else 0
        cursor = work.notifications.cursor(organisation, way, begin)
        if found is None or not found.active or not cursor.is_due(now):
            return None
        if way is notification.DeliveryWay.NOTIFICATION and found.push_address is None:
            return None
        work.notifications.save(cursor.lease(now))
        work.commit()
    with ports.begin(TransactionMode.READ) as work:
        day = ports.reference_date(now).day
        following = _following(work, organisation, way, OF_ONE_TURN, now, day=day)
    return replace(following, push_address=found.push_address)


def end_delivery(ports: Ports, delivery: Delivery, report: DeliveryReport) -> None:
    """Note how a turn went, and end it: what was neither taken nor refused comes again."""
    _note(ports, delivery, report, ended=True)


def sign(ports: Ports, organisation: str, pending: Sequence[EventNotification]) -> list[str]:
    """The notifications as signed tokens. Call it with no transaction open."""
    at, signer = ports.now(), ports.notifier
    return [
        security_event.issue(
            one, issuer=ports.issuer, organisation=organisation, at=at, signer=signer
        )
        for one in pending
    ]


def _note(ports: Ports, delivery: Delivery, report: DeliveryReport, *, ended: bool = False) -> None:
    leased = delivery.cursor
    handled = {one.stream_number for one in (*report.taken, *report.refused)}
    reached = notification.last_contiguous(leased.acknowledged, handled | delivery.erased)
    with ports.begin(TransactionMode.WRITE) as work:
        store, now = work.notifications, ports.now()
        cursor = store.cursor(leased.organisation, leased.way)
        moved = cursor.advance(reached)
        if not ended:
            # The receiver was heard from: what waits for it need not wait longer.
            moved = replace(moved, failures=0, next_at=None)
        elif cursor.leased_until == leased.leased_until:
            jitter = ports.random(1)[0] / 255
            moved = moved.fail(now, jitter) if report.failed else moved.succeed()
        store.save(moved)
        replayed = [one.event for one in report.taken if one in delivery.replays]
        store.forget(leased.organisation, replayed)
        for one, error in report.refused.items():
            # What is refused ahead of one that is missing is not passed over: it comes again.
            if one.stream_number <= reached:
                store.refuse(_refusal(one, error, leased.organisation, now))
        work.commit()


def _refusal(
    refused: EventNotification, error: ReceiverError, organisation: str, at: datetime
) -> notification.RefusedNotification:
    return notification.RefusedNotification(
        organisation=organisation,
        event=refused.event,
        stream_number=refused.stream_number,
        error=_printable(error.error)[:LONGEST_ERROR],
        description=_printable(error.description)[: notification.LONGEST_DESCRIPTION],
        refused_at=at,
    )


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)


def _following(
    work: UnitOfWork,
    organisation: str,
    way: notification.DeliveryWay,
    most: int,
    now: datetime,
    *,
    day: date,
) -> Delivery:
    """Return what comes after the cursor, and the refused ones that are to be sent again."""
    cursor = work.notifications.cursor(organisation, way)
    by_mail = way is notification.DeliveryWay.MAIL
    again = [] if by_mail else work.notifications.refused(organisation, replay=True)[:most]
    replays = [(one.stream_number, one.event) for one in again]
    stream = work.log.stream(organisation, cursor.acknowledged, most)
    found = [(number, work.log.logged(event)) for number, event in replays]
    found += work.log.read_stream(organisation, cursor.acknowledged, most)
    known, for_mail = dict[int, EventNotification](), dict[UUID, Sequence[str]]()
    # Several events of a page are about one handoff.
    handoff_of = cache(lambda named: _handoff(work, organisation, named, day=day))
    for number, logged in found:
        if logged is None:
            continue
        event, document = logged.event.id, events.read(logged.event.document)
        handoff = handoff_of(document.get("handoff"))
        known[number] = _notification(event, number, document, handoff)
        if not by_mail:
            continue
        own = handoff is None or _is_own(logged, organisation)
        pressed = () if own or handoff is None else _contacts(work, organisation, handoff, now)
        watched = document["type"] in REGISTER_EVENTS or _opened_early(work, handoff, event)
        told = (*pressed, *(KEEPING_WATCH if watched else ()))
        for_mail[event] = tuple(dict.fromkeys(told))
    return Delivery(
        cursor=cursor,
        replays=[known[number] for number, _ in replays if number in known],
        following=[known[number] for number, _ in stream if number in known],
        erased=frozenset(number for number, _ in stream if number not in known),
        for_mail={event: contacts for event, contacts in for_mail.items() if contacts},
    )


def _contacts(
    work: UnitOfWork, organisation: str, handoff: Handoff, now: datetime
) -> Sequence[str]:
    """Which contacts hear by mail of an event about a handoff; none, where it does not press."""
    if handoff.urgency in URGENT:
        on_duty = work.organisations.has_contact(organisation, DUTY_CONTACT)
        return (DUTY_CONTACT,) if on_duty else ("liaison", "head")
    return ("liaison",) if handoff.state in OPEN and handoff.overdue(now) else ()


def _opened_early(work: UnitOfWork, handoff: Handoff | None, event: UUID) -> bool:
    """Tell whether by an event the recipient opened the content before its acceptance (R16)."""
    owed = () if handoff is None else work.duties.of(handoff.id)
    return any(one.kind is DutyKind.REVIEW and one.source == event for one in owed)


def _handoff(
    work: UnitOfWork, organisation: str, handoff: str | None, *, day: date
) -> Handoff | None:
    """The handoff of an event, where the organisation is one of its two parties, and not barred."""
    found = None if handoff is None else work.handoffs.get(UUID(handoff))
    if found is None or organisation not in (found.originator, found.recipient):
        return None
    barred = organisation == found.recipient and is_barred(work, found.id, day)
    return None if barred else found


def _is_own(logged: LoggedEvent, organisation: str) -> bool:
    """Tell whether the organisation did it itself: it alone reads who did."""
    return any(one.kind == "by" and organisation in one.readers for one in logged.event.disclosures)


def _notification(
    event: UUID, number: int, document: Mapping[str, Any], handoff: Handoff | None
) -> EventNotification:
    return EventNotification(
        event=event,
        stream_number=number,
        type=document["type"],
        result=document["result"],
        at=parse_timestamp(document["time"]),
        handoff=None if handoff is None else handoff.id,
        urgency=None if handoff is None else str(handoff.urgency),
        due_at=None if handoff is None else handoff.due_at,
    )
