"""What ends with a peer gateway that left: no handoff stands open towards nobody."""

from collections.abc import Iterator

from gateway.domain.answers import AnswerAuthor
from gateway.domain.audit_event import Party
from gateway.domain.duty import OWED_TO_ORIGINATOR
from gateway.domain.handoff import OPEN, RETURNED, Handoff
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


def end_with_left(ports: Ports) -> bool:
    """End the open handoffs with members of peer gateways that left; whether more are to be ended
    at once. Maintenance calls it.

    An offer is returned; who accepted holds the case as before, and the handoff is closed. What the
    members here sent, and did not hear of, is over.
    """
    with ports.begin(TransactionMode.READ) as work:
        found = [one for name in _members_left(ports, work) for one in _open_with(work, name)]
    # In the order in which everybody locks handoffs: by case, then id.
    ordered = sorted(found[:AT_ONCE], key=lambda one: (one.originator, one.case, one.id))
    for one in ordered:
        with ports.begin(TransactionMode.WRITE) as work:
            handoff = work.handoffs.get(one.id)
            if handoff is not None and handoff.state in OPEN:
                _end(ports, work, handoff)
                work.commit()
    return len(found) > AT_ONCE


def _members_left(ports: Ports, work: UnitOfWork) -> Iterator[str]:
    for peer in work.organisations.peers():
        gateway = work.organisations.get(peer)
        if gateway and gateway.status is Status.LEFT and left_on(ports, work, peer):
            yield from (one.slug for one in work.organisations.members_of(peer))


def _open_with(work: UnitOfWork, member: str) -> Iterator[Handoff]:
    for box in ("in", "out"):
        for state in sorted(OPEN):
            wanted = HandoffFilter(state=state)
            yield from work.handoffs.page(member, box, wanted, None, AT_ONCE)


def _end(ports: Ports, work: UnitOfWork, handoff: Handoff) -> None:
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
        said={"action": "organisation.leave", "state": str(RETURNED[handoff.state])},
        event=event,
        of=EventSubject.of_handoff(handoff),
    )
    duties.arrive(work, RETURN, handoff.id, own, side, source=event, since=now)
    if not handoff.held:
        end_unaccepted(ports, work, work.handoffs.get(handoff.id) or handoff)
