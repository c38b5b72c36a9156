"""The caller's own events in the log, and the receipt of each."""

from dataclasses import replace
from uuid import UUID

from flask import Response, request

from gateway.evidence import receipt
from gateway.exchange import receipts
from gateway.exchange.results import EventPage
from gateway.web.caller import ANY_SCOPE
from gateway.web.endpoint import Call, endpoint
from gateway.web.partners import schema_fields as field
from gateway.web.partners.schema_fields import StrictSchema
from gateway.web.responses import following, json_response

PROOF = "text/plain"
LARGEST_COUNTER = 10**15 - 1


class EventsQuery(StrictSchema):
    """A page of one's own events, by their counter."""

    after = field.Number(0, LARGEST_COUNTER, 0)
    limit = field.limit()


@endpoint(
    "GET /events", action="events.read", scope=ANY_SCOPE, response="EventPage", query=EventsQuery()
)
def list_(call: Call) -> EventPage:
    """List one's own events with their receipts; `head` is the last one's counter.

    A stream without gaps from 1 to `head` is complete; `signed_head` is the gateway's signed and
    dated word that `head` is its end.
    """
    stream = call.read(receipts.stream, call.query["after"], call.query["limit"])
    last = call.query["after"] + call.query["limit"]
    more = last < stream.head
    return replace(stream, next=following("/events", call.query, last) if more else None)


@endpoint(
    "GET /receipts/<uuid:event>",
    action="receipt.read",
    scope=ANY_SCOPE,
    response="Receipt",
    media=("application/json", PROOF),
)
def show(call: Call, event: UUID) -> Response:
    """Read the receipt of an event for one of its parties, proved at the log's present head.

    With `Accept: text/plain` the answer is the C2SP tlog-proof alone.
    """
    found = call.read(receipts.look_up, event)
    varies = {"Vary": "Accept"}
    if request.accept_mimetypes.best_match(("application/json", PROOF)) == PROOF:
        return Response(found.proof, headers=varies, content_type=f"{PROOF}; charset=utf-8")
    return json_response(receipt.to_json(found), headers=varies)


ENDPOINTS = (list_, show)
