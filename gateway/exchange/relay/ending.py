"""What ends with a peer gateway that left, or with its log: no handoff stands open towards
nobody. And what is kept for one until it heard it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from uuid import UUID

from gateway.domain.answers import AnswerAuthor
from gateway.domain.audit_event import Party
from gateway.domain.duty import OWED_TO_ORIGINATOR
from gateway.domain.handoff import FIRST_PLACE, OPEN, RETURNED, Handoff
from gateway.domain.notification import DeliveryWay
from gateway.domain.organisation import OrganisationName, Status
from gateway.exchange.standing import duties
from gateway.exchange.standing.leaving import left_on
from gateway.exchange.standing.unaccepted import end_unaccepted
from gateway.kernel import events
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.values import HandoffFilter

RETURN = "handoff.return"
AT_ONCE = 50


@dataclass(frozen=True)
class _Ended:
    """Members of a peer gateway: their handoffs end that were offered before a place of the log,
    None: all; ``why``: the change by which they do, ``event``: that which began the log anew."""

    members: Sequence[str]
    why: str
    before: int | None = None
    event: UUID | None = None


def end_with_peers(ports: Ports, done: set[UUID]) -> bool:
    """End the open handoffs with members of peer gateways that left, and those from before a peer's
    log began anew, which knows nothing of them; whether more are to be ended at once. Maintenance
    calls it. ``done`` are the events by which logs began anew with which all has ended: none comes
    after, so they are looked at once.

    An offer is returned; who accepted holds the case as before, and the handoff is closed. What the
    members here sent, and did not hear of, is over.
    """
    with ports.begin(TransactionMode.READ) as work:
        every = [one for one in _ended(ports, work) if one.event not in done]
        found = [
            (one, ended)
            for ended in every
            for member in ended.members
            for one in _open_with(work, member, ended.before)
        ]
    due = sorted(found[:AT_ONCE], key=lambda pair: pair[0].lock_order)
    for one, ended in due:
        with ports.begin(TransactionMode.WRITE) as work:
            handoff = work.handoffs.get(one.id)
            if handoff is not None and handoff.state in OPEN:
                _end(ports, work, handoff, ended.why)
                work.commit()
    left = {of.event for _, of in found}
    done |= {one.event for one in every if one.event is not None and one.event not in left}
    _drop_unheard(ports, every)
    return len(found) > AT_ONCE


def _drop_unheard(ports: Ports, ended: Sequence[_Ended]) -> None:
    """Take away the answers of erased cases that were kept until their originators' gateways heard
    them, or for which there is none any more."""
    gone = {name for one in ended if one.before is None for name in one.members}
    with ports.begin(TransactionMode.READ) as work:
        due = dict(work.handoffs.over_unheard(ports.reference_date(ports.now()).civil))
        for state in work.notifications.states(DeliveryWay.RELAY):
            name = state.cursor.organisation
            due |= work.handoffs.heard(
                name, state.head if name in gone else state.cursor.acknowledged
            )
    if due:
        with ports.begin(TransactionMode.WRITE) as work:
            work.handoffs.drop_unheard(due)
            work.commit()


def _ended(ports: Ports, work: UnitOfWork) -> Iterator[_Ended]:
    for peer in work.organisations.peers():
        gateway = work.organisations.get(peer)
        if gateway is None or gateway.peer is None:
            continue
        members = [one.slug for one in work.organisations.members_of(peer)]
        anew = gateway.peer.anew and work.log.logged(gateway.peer.anew.event)
        if gateway.status is Status.LEFT and left_on(ports, work, peer):
            yield _Ended(members, "organisation.leave")
        elif anew:
            yield _Ended(members, "peer.trust", anew.index, anew.event.id)


def _open_with(work: UnitOfWork, member: str, before: int | None) -> Iterator[Handoff]:
    for box, state in product(("in", "out"), sorted(OPEN)):
        place, wanted = FIRST_PLACE, HandoffFilter(state=state)
        while page := work.handoffs.page(member, box, wanted, place, AT_ONCE):
            place = page[-1].place
            for one in page:
                offer = work.handoffs.offer(one.id, 1)
                offered = offer and work.log.logged(offer.event)
                if before is None or (offered and offered.index < before):
                    yield one


def _end(ports: Ports, work: UnitOfWork, handoff: Handoff, why: str) -> None:
    now, event = ports.now(), ports.new_id()
    side = AnswerAuthor.ORIGINATOR
    if OrganisationName(handoff.originator).peer is not None:
        side = AnswerAuthor.RECIPIENT
    own = side.of(handoff.originator, handoff.recipient)
    work.handoffs.end_returned(handoff)
    for duty in work.duties.of(handoff.id, open_only=True):
        if not handoff.held or duty.kind in OWED_TO_ORIGINATOR:
            work.duties.save(duty.close(now))
    for act in work.handoffs.sent(handoff.id):
        if act.ended_at is None:
            work.handoffs.end_sent(act.event, now)
    events.record_by_gateway(
        ports,
        work,
        RETURN,
        (Party(own, str(side)),),
        said={"action": why, "state": str(RETURNED[handoff.state])},
        event=event,
        of=EventSubject.of_handoff(handoff),
    )
    duties.arrive(work, RETURN, handoff.id, own, side, source=event, since=now)
    if not handoff.held:
        end_unaccepted(ports, work, work.handoffs.get(handoff.id) or handoff)
