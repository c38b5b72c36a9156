"""A party's own events and their receipts."""

from collections.abc import Sequence
from uuid import UUID

from gateway.domain.refusals import NotFound
from gateway.evidence.receipt import Receipt
from gateway.evidence.stream import issue_head
from gateway.exchange.results import EventPage, StreamEntry
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import LOG
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.transact import (
    ActionRequest,
    RequestContext,
    authorize,
    deny_as_not_found,
    read,
    receipt_for,
)
from gateway.kernel.values import Caller, LoggedEvent, TreeHead


def look_up(ports: Ports, caller: Caller, event: UUID) -> Receipt:
    """The receipt of an event for one of its parties, proved at the log's present head."""

    def query(context: RequestContext) -> LoggedEvent:
        logged = context.work.log.logged(event)
        if logged is None:
            deny_as_not_found()
        details = logged.event.disclosures
        party = any(d.kind == "party" and caller.organisation in d.readers for d in details)
        authorize(context, LOG, {"party": party})
        return logged

    logged = read(ports, caller, ActionRequest("receipt.read"), query)
    return receipt_for(ports, logged, caller.organisation)


def of_gateway(ports: Ports, event: UUID) -> Receipt:
    """The receipt of an event as the gateway itself reads it, on its own host; NotFound."""
    with ports.begin(TransactionMode.READ) as work:
        logged = work.log.logged(event)
    if logged is None:
        raise NotFound("the log has no event with this id")
    return receipt_for(ports, logged, GATEWAY)


def stream(ports: Ports, caller: Caller, after: int, limit: int) -> EventPage:
    """The caller's own events after a counter, with receipts; ``head`` is its last counter.

    A stream without gaps from 1 to ``head`` is complete; ``signed_head`` is the
    gateway's signed and dated statement of it (evidence/stream).
    """

    def query(context: RequestContext) -> tuple[int, TreeHead, Sequence[tuple[int, LoggedEvent]]]:
        authorize(context, LOG)
        log = context.work.log
        found = log.read_stream(caller.organisation, after, limit)
        return log.counter(caller.organisation), log.head(), found

    head, state, found = read(ports, caller, ActionRequest("events.read"), query)
    note = ports.checkpoint_signer.sign(
        state
    )  # one for all: each was found in the log as it was then
    signed = issue_head(
        issuer=ports.issuer,
        organisation=caller.organisation,
        stream_number=head,
        note=note,
        at=ports.now(),
        signer=ports.attester,
        random=ports.random,
    )
    return EventPage(
        head=head,
        signed_head=signed.compact(),
        events=[
            StreamEntry(stream_number, logged.event.id, logged.receipt(note, caller.organisation))
            for stream_number, logged in found
        ],
        next=None,
    )
