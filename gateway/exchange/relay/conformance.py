"""A conformance run between two gateways: an event that says ``test`` is judged as any other, as
far as its document, and nothing of it is kept (docs/protocol/relay.md)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.domain.refusals import NotFound, ValidationFailed
from gateway.evidence import event as event_document
from gateway.evidence import handoff_documents, receipt, sd_jwt
from gateway.evidence.handoff_documents import Heading
from gateway.exchange.oversight.conformance import sample_case
from gateway.exchange.relay.documents import open_document
from gateway.exchange.relay.incoming import RelayedEvent, open_event
from gateway.exchange.results import Heard
from gateway.exchange.signed_requests import OFFER, attesting
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.request import RequestContext

NOBODY = "nobody-of-that-name"
"""An id that no member has."""

_IMAGE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3).decode()


def judge(context: RequestContext, message: RelayedEvent) -> Heard:
    """Judge a test; the transaction reads only. Raises what an event is refused for."""
    incoming = open_event(context, message)
    if message.faults:
        raise ValidationFailed(message.faults)
    if message.document is not None:
        if incoming.member is None:
            raise NotFound
        open_document(
            context,
            incoming,
            message.document,
            author=incoming.member,
            form=OFFER,
            audience=context.ports.issuer,
            digest=sd_jwt.parse(message.document).digest,
            by_gateway=True,
        )
    return Heard(message.stream_number)


@dataclass(frozen=True)
class SampleEvent:
    """An event that a peer may be brought as a test: the body, and the event's id, its key."""

    key: str
    body: Mapping[str, Any]

    def but(self, **changes: Any) -> "SampleEvent":
        """The same with other members; with another receipt where ``receipt`` has some of it."""
        changed = {**self.body["receipt"], **changes.pop("receipt", {})}
        return replace(self, body={**self.body, **changes, "receipt": changed})


@dataclass(frozen=True)
class SampleEvents:
    """The first two events of the stream that a peer gateway itself has here, and the first one as
    its receipt ends in a checkpoint that the peer did not cosign: that which ends in it, before
    the peer's keys were compared. ``note`` is the one to be cosigned.

    They are the peer's application, of which the receipts show the parties and nothing else.
    """

    note: str
    first: SampleEvent
    second: SampleEvent
    unwitnessed: SampleEvent
    second_unwitnessed: SampleEvent


def sample_events(ports: Ports, peer: str) -> SampleEvents:
    """Make what a peer is tried with; it signs checkpoints, so call it with no transaction open.

    Raises LookupError while the peer was not admitted here.
    """
    with ports.begin(TransactionMode.READ) as work:
        stream = work.log.stream(peer, 0, 2)
        heads = [work.log.head()]
        found = [[work.log.logged(event, heads[0]) for _, event in stream]]
        if len(stream) < 2 or None in found[0]:
            raise LookupError(f"{peer} was not admitted here")
        heads.append(work.log.head_at(max(one.index for one in found[0] if one) + 1))
        found.append([work.log.logged(event, heads[1]) for _, event in stream])
    notes = [ports.checkpoint_signer.sign(head) for head in heads]
    made = []
    for logged, note in zip(found, notes, strict=True):
        for number, one in enumerate(filter(None, logged), start=1):
            # Of an event only the parties are shown.
            parties = [p.encoded for p in one.event.disclosures if p.kind == event_document.PARTY]
            shown = replace(one.receipt(note, ""), disclosures=tuple(parties))
            body = {"stream_number": number, "receipt": receipt.to_json(shown), "test": True}
            made.append(SampleEvent(str(one.event.id), body))
    first, second, unwitnessed, second_unwitnessed = made
    return SampleEvents(notes[0], first, second, unwitnessed, second_unwitnessed)


def sample_offer(heading: Heading) -> str:
    """An offer of nothing, as it crosses: without its person."""
    made = handoff_documents.issue_offer(
        heading,
        handoff=heading.jti,
        to={"organisation": NOBODY},
        case_digest=_EMPTY,
        disclosures=[_EMPTY],
        purpose=["identify_victim"],
        expires_at=None,
        by="test",
        note=None,
    )
    return made.present([]).compact()


_EMPTY = handoff_documents.package_digest(())


def sample_presentation(ports: Ports, member: str, *, media: bool) -> str:
    """A test case of a member, all of it shown; where ``media``, one of its texts is an image."""
    content = sample_case(ports)
    if media:
        content["statements"][0]["text"] = _IMAGE
    made, _ = handoff_documents.issue_case(attesting(ports, member), content)
    return made.present([one.digest for one in made.disclosures]).compact()
