"""Taking in one event of a peer gateway's stream: who brings it, for whom, in which order, and what
its receipt proves. What it means is applied or followed (`applying`, `following`)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from gateway.domain.handoff import Handoff
from gateway.domain.json_values import parse_timestamp
from gateway.domain.organisation import NAME, OrganisationName
from gateway.domain.peer import PeerGateway
from gateway.domain.refusals import InvalidDocument, NotFound, NotWitnessed, UnexpectedNumber
from gateway.evidence import canonical, sd_jwt
from gateway.evidence import event as events
from gateway.evidence import receipt as receipts
from gateway.evidence.declarations import MAX_SKEW
from gateway.evidence.receipt import Receipt, ReceiptError, VerifiedReceipt
from gateway.exchange.handoffs.answering import AnswerRequest
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.handoffs.selection import OfferRequest, UpdateRequest
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import LOG
from gateway.kernel.request import RequestContext, authorize, deny_as_not_found
from gateway.kernel.values import Caller, HeardEvent
from gateway.ledger.note import NoteError, VerificationKey

DELIVER = "relay.deliver"

LONGEST_WHY = 300
"""Characters of why an event was refused, as gateways tell each other."""

BACKWARDS = timedelta(seconds=5)
"""By how much an event may be dated before the one before it in its stream: in a log of one clock
times do not run backwards."""

APART = 2 * MAX_SKEW
"""By how much before what was here first: what clocks may differ by, and a transaction take."""

RelayedRequest = OfferRequest | UpdateRequest | AnswerRequest | RecallRequest
"""What a document asks, as the schemas of partners read it."""


@dataclass(frozen=True)
class RelayedEvent:
    """What a peer brings: an event of its stream of a member of ours, and what goes with it.

    ``member`` is the peer's member that acted, or is concerned, by its id there; ``key`` is the
    idempotency key, which is the event's id. ``document`` and
    ``case`` are presentations; ``request`` and ``content`` are what they ask and say, read by the
    schemas of partners, which found ``faults``. ``shown`` stands in place of what is withheld,
    ``persons`` is how many decided there, ``cleared``: two persons cleared the case.
    ``due_at`` is when the recipient owes what follows from the event, by kind of duty. ``test``: it
    is judged, and nothing is kept of it (`conformance`).
    """

    member: str | None
    stream_number: int
    receipt: Receipt
    key: str = ""
    document: str | None = None
    case: str | None = None
    request: RelayedRequest | None = None
    content: Mapping[str, Any] | None = None
    faults: Sequence[tuple[str, str]] = ()
    shown: Mapping[str, Any] = field(default_factory=dict)
    persons: int = 0
    cleared: bool = False
    due_at: Mapping[str, datetime] = field(default_factory=dict)
    test: bool = False


@dataclass(frozen=True)
class TakenEvent:
    """An event whose bearer, number and receipt were found good.

    ``told`` is what the receipt proves; ``peer`` the gateway that brings it, ``member`` its member,
    as they are called here; ``own`` is our member, whose stream it is there. ``handoff`` is the one
    that it is about, where that is here. ``stream``: see `PeerGateway.heard_as`.
    ``before``: it was taken in already.
    """

    message: RelayedEvent
    told: VerifiedReceipt
    peer: str
    member: str | None
    own: str
    stream: str
    handoff: Handoff | None = None
    before: HeardEvent | None = None

    @property
    def event(self) -> UUID:
        """The id of the peer's event."""
        return UUID(self.told.event["id"])

    @property
    def peer_event(self) -> tuple[str, str]:
        """The peer's log and its event, as events here name it."""
        return str(self.told.event["log"]), str(self.told.event["id"])

    def heard(self, own_event: UUID | None) -> HeardEvent:
        """The record of it: with its receipt, which is kept without reasons in words, for these end
        with the case."""
        receipt = self.message.receipt
        kept = (one for one in receipt.disclosures if sd_jwt.read_disclosure(one).name != "reason")
        receipt = replace(receipt, disclosures=tuple(kept))
        text = canonical.encode(receipts.to_json(receipt)).decode()
        of = self.stream, self.own, self.message.stream_number
        about = self.told.event.get("handoff")
        return HeardEvent(*of, self.event, own_event, text, about and UUID(about))


def open_event(context: RequestContext, message: RelayedEvent) -> TakenEvent:
    """Check who brings an event, and what its receipt proves; the steps of docs/protocol/relay.md.

    Raises NotFound, InvalidDocument, UnexpectedNumber and NotWitnessed: then it was not heard.
    """
    # 1. The system is a peer gateway's. One that is suspended, or with which nothing is agreed
    # today, is heard as far as its members are.
    peer = context.organisation.peer
    authorize(context, LOG)
    if peer is None:
        deny_as_not_found()
    # 2. It speaks for a member of its own that is known here.
    member = _member(context, message)
    # 3. and 4. The receipt is of the peer's own log, of this stream, and the next in it.
    told = _confirmed(peer, message.receipt)
    if told.time > context.now + MAX_SKEW:
        raise InvalidDocument("the event is dated after now: set your clock, and bring it again")
    own = _whose_stream(context, told, message)
    name = context.caller.organisation
    incoming = TakenEvent(message, told, name, member, own, peer.heard_as(name))
    if message.key not in ("", str(incoming.event)):
        raise InvalidDocument("the Idempotency-Key is the id of the event")
    last = 0 if message.test else context.work.relay.last(incoming.stream, own)
    if message.stream_number <= last:
        before = context.work.relay.heard(incoming.stream, own, message.stream_number)
        if before is None or before.event != incoming.event:
            raise InvalidDocument("another event was heard under this number")
        return replace(incoming, before=before)
    if message.stream_number != last + 1:
        raise UnexpectedNumber(last + 1)
    # 4. It ends in a checkpoint that this gateway cosigned.
    shown = told.checkpoint
    if not context.work.witnessed.has(shown.origin, shown.size, shown.root):
        raise NotWitnessed(
            "the receipt ends in a checkpoint that this gateway did not cosign: send that first "
            "(POST /witness/add-checkpoint)"
        )
    named = told.event.get("handoff")
    found = None if named is None else context.work.handoffs.get(UUID(named))
    return _in_time(context, replace(incoming, handoff=found))


def _in_time(context: RequestContext, incoming: TakenEvent) -> TakenEvent:
    """Return an event that its peer did not date back, as to before a key was revoked that it
    stole. Raises InvalidDocument for one that is dated before the one that precedes it in the
    stream; or, as far as clocks agree, before what it answers, or before its log was cosigned here
    without it."""
    work, told = context.work, incoming.told
    last = work.relay.heard(incoming.stream, incoming.own, incoming.message.stream_number - 1)
    if last is not None:
        before = events.read(receipts.from_json(json.loads(last.receipt)).document)
        if told.time < parse_timestamp(before["time"]) - BACKWARDS:
            raise InvalidDocument(
                "the event is dated before the one that precedes it in the stream"
            )
    known = [work.witnessed.last_before(told.checkpoint.origin, told.index)]
    named = told.details("peer_event") or (told.subject().get("peer_event"),)
    act = None if named[0] is None else work.handoffs.sent_by(named_event(named[0]))
    known.append(None if act is None else act.at)
    if incoming.handoff is not None and incoming.handoff.originator == incoming.own:
        known.append(incoming.handoff.offered_at)
    if any(at is not None and told.time < at - APART for at in known):
        raise InvalidDocument(
            "the event is dated before what it answers, or before its log was cosigned without it"
        )
    return incoming


def named_event(named: Any) -> UUID:
    """Return the event that a peer's names, by the log and its id there."""
    try:
        _, event = named
        return UUID(event)
    except (ValueError, TypeError, AttributeError):
        raise InvalidDocument("the event names no event") from None


def _member(context: RequestContext, message: RelayedEvent) -> str | None:
    if message.member is None:
        return None
    name = OrganisationName(f"{message.member}@{context.caller.organisation}")
    if context.see(name) is None:
        raise NotFound("the peer has no such member that is known here")
    return name


def _confirmed(peer: PeerGateway, receipt: Receipt) -> VerifiedReceipt:
    """Verify a receipt by the keys that two persons pinned."""
    try:
        keys = [VerificationKey.parse(one) for one in peer.pins.log_keys]
        return receipts.verify(receipt, keys, peer.pins.origin)
    except (ReceiptError, NoteError) as error:
        raise InvalidDocument(f"the receipt is not accepted: {error}") from None


def _whose_stream(context: RequestContext, told: VerifiedReceipt, message: RelayedEvent) -> str:
    """Our member whose stream at the peer has the event under its number: one that shows itself to
    that peer, or did, or offered its members a case. Of any other the peer learns nothing. A test
    is of the stream that this gateway itself has there."""
    peer, work, number = context.caller.organisation, context.work, message.stream_number
    for party in told.details(events.PARTY):
        if message.test and party["organisation"] != GATEWAY and party["stream_number"] == number:
            return GATEWAY
        name = NAME.fullmatch(party["organisation"]) and OrganisationName(party["organisation"])
        if not name or name.peer is None or party["stream_number"] != number:
            continue
        found = context.see(name.id)
        shown = found is not None and peer in found.shown_to
        # Asked also of whom nobody knows here, so that the time tells nothing.
        deals = shown or work.relay.last(peer, name.id) or work.handoffs.has_sent(name.id, peer)
        if found is not None and deals:
            return name.id
        break
    raise InvalidDocument("the receipt does not show the event under this number of the stream")


def for_member(caller: Caller, member: str) -> Caller:
    """The same system, which acts for a member of its gateway."""
    return replace(caller, organisation=member, through=caller.organisation)
