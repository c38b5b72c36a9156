"""What ends with a peer gateway that left, or with its log: no handoff stands open towards
nobody."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from gateway.domain.answers import AnswerAuthor
from gateway.domain.audit_event import Party
from gateway.domain.duty import OWED_TO_ORIGINATOR
from gateway.domain.handoff import FIRST_PLACE, OPEN, RETURNED, Handoff
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
    None: all; ``why``: the change by which they do."""

    members: Sequence[str]
    before: int | None
    why: str


def end_with_peers(ports: Ports) -> bool:
    """End the open handoffs with members of peer gateways that left, and those from before a peer's
    log began anew, which knows nothing of them; whether more are to be ended at once. Maintenance
    calls it.

    An offer is returned; who accepted holds the case as before, and the handoff is closed. What the
    members here sent, and did not hear of, is over.
    """
    with ports.begin(TransactionMode.READ) as work:
        found = [
            (one, ended.why)
            for ended in _ended(ports, work)
            for member in ended.members
            for one in _open_with(work, member, ended.before)
        ]
    # In the order in which everybody locks handoffs: by case, then id.
    due = sorted(found[:AT_ONCE], key=lambda one: (one[0].originator, one[0].case, one[0].id))
    for one, why in due:
        with ports.begin(TransactionMode.WRITE) as work:
            handoff = work.handoffs.get(one.id)
            if handoff is not None and handoff.state in OPEN:
                _end(ports, work, handoff, why)
                work.commit()
    return len(found) > AT_ONCE


def _ended(ports: Ports, work: UnitOfWork) -> Iterator[_Ended]:
    for peer in work.organisations.peers():
        gateway = work.organisations.get(peer)
        if gateway is None or gateway.peer is None:
            continue
        members = [one.slug for one in work.organisations.members_of(peer)]
        anew = gateway.peer.anew and work.log.logged(gateway.peer.anew.event)
        if gateway.status is Status.LEFT and left_on(ports, work, peer):
            yield _Ended(members, None, "organisation.leave")
        elif anew:
            yield _Ended(members, anew.index, "peer.trust")


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
