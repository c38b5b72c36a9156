"""What a peer gateway brings, taken in once: heard, applied or followed in one transaction."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from gateway.domain.json_values import to_json
from gateway.domain.organisation import OrganisationName
from gateway.domain.refusals import (
    Busy,
    NotFound,
    Refusal,
    UnknownEvent,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import canonical
from gateway.evidence import event as event_document
from gateway.evidence.receipt import Receipt
from gateway.exchange.relay import conformance
from gateway.exchange.relay.applying import APPLIED, action_of
from gateway.exchange.relay.following import FOLLOWED, returned
from gateway.exchange.relay.incoming import (
    DELIVER,
    LONGEST_WHY,
    RelayedEvent,
    TakenEvent,
    for_member,
    open_event,
)
from gateway.exchange.results import Heard
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.request import ActionRequest, RequestContext
from gateway.kernel.transact import RecordedRefusal, perform, read, receipt_for
from gateway.kernel.values import Caller

Act = Callable[[RequestContext, TakenEvent], Any]


def take_in(ports: Ports, caller: Caller, message: RelayedEvent) -> tuple[Heard, Receipt | None]:
    """Take in one event of a peer's stream of a member of ours, however often it comes; with the
    receipt of what it became here, if anything.

    Raises RecordedRefusal for a refusal that is final: the event was heard, and its receipt says
    so. Whatever else is raised, it was not heard, and comes again.
    """
    asked = ActionRequest(DELIVER)
    if message.test:
        return read(ports, caller, asked, lambda context: conformance.judge(context, message)), None
    incoming = read(ports, caller, asked, lambda context: open_event(context, message))
    if incoming.before is not None:
        return _again(ports, incoming)
    act, actor = _meaning(incoming), caller
    if act is not None and incoming.member is not None:
        actor = for_member(caller, incoming.member)

    def apply(context: RequestContext) -> None:
        # Another delivery of the same event may have been faster.
        if context.work.relay.last(incoming.stream, incoming.own) != message.stream_number - 1:
            raise Busy("this event is being taken in: bring it again")
        context.peer_event = incoming.peer_event
        context.peer_persons = message.persons
        if act is not None:
            act(context, incoming)
        _hear(context.work, incoming, context.event if context.recorded else None)

    action = action_of(incoming) if act in _APPLYING else DELIVER
    request = ActionRequest(
        action,
        quiet=True,
        describe=lambda why: _why(incoming, why),
        on_refusal=lambda work, _rules, _now, event: _hear(work, incoming, event),
    )
    _, logged = perform(ports, actor, request, apply)
    if logged is None:
        return Heard(message.stream_number), None
    receipt = receipt_for(ports, logged, actor.organisation)
    return Heard(message.stream_number, logged.event.id), receipt


def _meaning(incoming: TakenEvent) -> Act | None:
    """Tell what follows from an event here, by who decides the handoff that it is about; None where
    nothing does, and it is only heard. Raises UnknownEvent for one that moves a handoff by its
    sequence, and that a later version of the peer's gateway made: it is not heard, and comes again.
    """
    told, handoff = incoming.told, incoming.handoff
    if not told.allowed:
        return returned if "peer_event" in told.subject() else None
    if "handoff" not in told.event:
        return None
    if handoff is None:
        return APPLIED.get(told.type) if told.type in _FROM_ORIGINATOR else None
    decides = OrganisationName(handoff.recipient).peer is None
    theirs, ours = handoff.originator, handoff.recipient
    if not decides:
        theirs, ours = ours, theirs
    if (theirs, ours) != (incoming.member, incoming.own):
        return _not_theirs
    if not decides and told.type not in FOLLOWED and told.details("sequence"):
        raise UnknownEvent(f"{told.type} is not known here yet: this gateway has to be upgraded")
    return (APPLIED if decides else FOLLOWED).get(told.type)


def understood() -> list[str]:
    """List the events of a peer's from which something follows here, as this gateway tells it."""
    return sorted({*APPLIED, *FOLLOWED})


_APPLYING = (*APPLIED.values(),)

_FROM_ORIGINATOR = ("handoff.offered", "handoff.sent")
"""What begins a handoff here, or is refused for there is none."""


def _not_theirs(context: RequestContext, incoming: TakenEvent) -> Any:
    raise NotFound


def _hear(work: UnitOfWork, incoming: TakenEvent, event: UUID | None) -> None:
    work.relay.hear(incoming.heard(event))


def _why(incoming: TakenEvent, refusal: Refusal) -> str:
    """Return what a refusal tells the peer: of which event of its own it is, and why."""
    why = refusal.detail
    if isinstance(refusal, ValidationFailed):
        why = "; ".join(f"{pointer} {text}" for pointer, text in refusal.errors)
    said = {"peer_event": list(incoming.peer_event), "why": why[:LONGEST_WHY]}
    return canonical.encode(to_json(said)).decode()


def _again(ports: Ports, incoming: TakenEvent) -> tuple[Heard, Receipt | None]:
    """The first result of an event that was heard before, a refusal too."""
    heard = incoming.before
    if heard is None or heard.own_event is None:
        return Heard(incoming.message.stream_number), None
    with ports.begin(TransactionMode.READ) as work:
        logged = work.log.logged(heard.own_event)
    if logged is None:
        return Heard(incoming.message.stream_number, heard.own_event), None
    receipt = receipt_for(ports, logged, incoming.member or incoming.peer)
    if event_document.read(logged.event.document)["result"] != "allowed":
        why = str(logged.subject.get("why", "")) or "it was refused"
        raise RecordedRefusal(WrongState(why), receipt)
    return Heard(incoming.message.stream_number, heard.own_event), receipt
