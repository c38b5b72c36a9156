"""The log as its parties read it, event by event, and as auditors search it: on record."""

from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from flask import Response, request
from marshmallow import ValidationError, fields, validates_schema

from gateway.domain.audit import SEARCH_REASONS, AuditFilters
from gateway.domain.audit_event import ACTION_OF, READABLE_EVENTS, EventResult
from gateway.domain.audit_topics import AuditTopic
from gateway.domain.json_values import parse_timestamp, read_record
from gateway.domain.notification import DESCRIPTION
from gateway.domain.refusals import EditConflict, ValidationFailed
from gateway.evidence import receipt
from gateway.exchange.oversight import audit, notifications, witnesses
from gateway.exchange.oversight.audit import AuditSearch
from gateway.exchange.oversight.notifications import MOST, ReceiverError
from gateway.exchange.oversight.results import (
    AuditPage,
    AuditSummary,
    EventPage,
    KeptCosignature,
    NotificationStatus,
)
from gateway.kernel.transact import WriteResult
from gateway.ledger.note import VerificationKey
from gateway.schemas import schema_fields as field
from gateway.schemas.schema_fields import MESSAGES, PersonBody, StrictSchema
from gateway.web.context import WAIT_FOR
from gateway.web.endpoint import Call, endpoint, writes
from gateway.web.responses import following, json_response

PROOF = "text/plain"
LARGEST_COUNTER = 10**15 - 1


class EventsQuery(StrictSchema):
    """A page of one's own events, by their stream number."""

    after = field.Number(0, LARGEST_COUNTER, 0)
    limit = field.limit()


@endpoint("GET /events", "events.read", "events.read", "EventPage", query=EventsQuery())
def events_list(call: Call) -> EventPage:
    """List one's own events with their receipts; `head` is the number of the last.

    A stream without gaps from 1 to `head` is complete; `signed_head` is the gateway's signed and
    dated word that `head` is its end.
    """
    stream = audit.stream(call.ports, call.caller, call.query["after"], call.query["limit"])
    last = call.query["after"] + call.query["limit"]
    more = last < stream.head
    return replace(stream, next=following("/events", call.query, last) if more else None)


class OwnFiltersBody(StrictSchema):
    """For what one's own events are searched; what is left out is not asked."""

    case = field.uuid(required=False)
    handoff = field.uuid(required=False)
    person = field.staff(required=False)
    types = field.words(sorted(ACTION_OF), required=False)

    class Meta:
        include: ClassVar = {"from": field.day(required=False), "to": field.day(required=False)}


class OwnSearchBody(PersonBody):
    """Who searches one's own events, and why: one of the purposes of LED Art. 25(2)."""

    reason_code = field.word(SEARCH_REASONS)
    reason = field.note(200)
    filters = field.part(OwnFiltersBody)


@writes(
    "POST /events/searches", "events.search", "events.read", "OwnSearchRecord", body=OwnSearchBody()
)
def events_record_search(call: Call) -> WriteResult:
    """Put on record that one's own events are searched: by whom, why and for what.

    For the data protection officer or the head. The events are then read at `GET /events`, whole:
    what fits is picked out where their receipts are verified, so that none is left out unseen.
    """
    wanted = call.read_body(audit.OwnSearch)
    return audit.search_own(call.ports, call.caller, call.key, wanted)


@endpoint(
    "GET /receipts/<uuid:event>",
    "receipt.read",
    "events.read",
    "Receipt",
    media=("application/json", PROOF),
)
def events_show(call: Call, event: UUID) -> Response:
    """Read the receipt of an event for one of its parties, proved at the log's present head.

    With `Accept: text/plain` the answer is the C2SP tlog-proof alone.
    """
    found = audit.look_up_receipt(call.ports, call.caller, event)
    varies = {"Vary": "Accept"}
    if request.accept_mimetypes.best_match(("application/json", PROOF)) == PROOF:
        return Response(found.proof, headers=varies, content_type=f"{PROOF}; charset=utf-8")
    return json_response(receipt.to_json(found), headers=varies)


# --- Searches of the log, where an audit access reaches ---

LARGEST_INDEX = 2**53 - 1


class CaseIdBody(StrictSchema):
    """A case by its originator and its id."""

    originator = field.name()
    case = field.uuid()


class CaseReferenceBody(StrictSchema):
    """A case by its originator and that one's own reference."""

    originator = field.name()
    reference = field.free(100, lines=False)


class FiltersBody(StrictSchema):
    """What the events must fit; what is left out is not asked."""

    organisation = field.name(required=False)
    person = field.staff(required=False)
    rule = field.rule(required=False)
    case = fields.Nested(CaseIdBody())
    handoff = field.uuid(required=False)
    reference = fields.Nested(CaseReferenceBody())
    actions = field.words(sorted(READABLE_EVENTS), required=False)
    results = field.words(EventResult, required=False)
    topics = field.words(AuditTopic, required=False)
    before = field.moment(required=False)

    class Meta:
        include: ClassVar = {"from": field.moment(required=False)}

    @validates_schema
    def _ends_after_it_starts(self, data: dict[str, Any], **_: Any) -> None:
        bounded = {"from", "before"} <= data.keys()
        if bounded and parse_timestamp(data["before"]) <= parse_timestamp(data["from"]):
            raise ValidationError("must be after from", "before")
        if {"case", "reference"} <= data.keys():
            raise ValidationError("name the case by its id or by its reference", "reference")


class CursorBody(StrictSchema):
    """Where a search goes on: the `next` of the page before."""

    after = field.whole(-1, LARGEST_INDEX)
    before = field.whole(0, LARGEST_INDEX)


class SearchBody(PersonBody):
    """Who reads the log, why, and what for: one of the four purposes that LED Art. 25(2) allows."""

    reason_code = field.word(SEARCH_REASONS)
    reason = field.note(200)
    filters = fields.Nested(FiltersBody())
    next = fields.Nested(CursorBody())
    limit = field.whole(1, audit.MOST_EVENTS, required=False)
    page_size = field.whole(10, audit.PAGE, required=False)


@writes(
    "POST /audit/searches", "audit.search", "audit.search", "AuditSearchResult", body=SearchBody()
)
def events_search(call: Call) -> WriteResult:
    """Search events that an audit access covers; its pages show what was found.

    A search is one event with person, reason, filters and the digest over all that its pages show;
    each member whose events were found learns of it once. Where `next` is not null more may follow:
    it goes into the same search again, which is an event of its own.
    """
    body = dict(call.body)
    cursor, said = body.pop("next", {}), dict(body.pop("filters", {}))
    named = {name: said.pop(name) for name in ("reference",) if name in said}
    filters = AuditFilters.read(said)
    reading = read_record(AuditSearch, {**body, **cursor, **named, "filters": filters})
    return audit.search(call.ports, call.caller, call.key, reading)


class PageQuery(StrictSchema):
    """Which page of a search, or of one of its topics, and where its receipts lead."""

    page = field.Number(1, audit.MOST_EVENTS, 1)
    topic = field.word(AuditTopic, required=False)
    size = field.Number(1, LARGEST_COUNTER, LARGEST_COUNTER)


@endpoint(
    "GET /audit/searches/<uuid:search>",
    "audit.read",
    "audit.search",
    "AuditPage",
    query=PageQuery(),
    refusals=(EditConflict,),
)
def events_show_search(call: Call, search: UUID) -> AuditPage:
    """Read a page of one's own search, with receipts and what the audit access shows; no content.

    Pages can be read for a day, and are no events. Each is exactly what the search recorded, or
    409: then search again. With `topic` they are those of its events alone. Receipts lead to the
    checkpoint of the log's first `size` entries, by default to the newest.
    """
    place = dict(call.query)
    return audit.look_up_page(call.ports, call.caller, search, place.pop("page"), **place)


@endpoint(
    "GET /audit/searches/<uuid:search>/summary",
    "audit.read",
    "audit.search",
    "AuditSummary",
    refusals=(EditConflict,),
)
def events_summarise_search(call: Call, search: UUID) -> AuditSummary:
    """Read one's own search as a whole: what was asked, its counts by topics, and its receipt.

    And the log: its size, and who else confirmed it as one history. For a day, and no event, as the
    pages of the search.
    """
    return audit.summarise(call.ports, call.caller, search)


# --- Notifications as an organisation collects them (RFC 8936), and how far it has them ---


class SetErrorBody(StrictSchema):
    """Why a notification is refused: a code of RFC 8935, and words for people."""

    err = field.error_code()
    description = field.StrictString(DESCRIPTION, required=False)


class PollBody(StrictSchema):
    """What is acknowledged and refused, and how much is wanted, by the names of RFC 8936."""

    maxEvents = field.whole(0, MOST, required=False)  # noqa: N815 - the standard's names
    returnImmediately = field.boolean(required=False)  # noqa: N815
    ack = field.several(field.jti(), required=False)
    setErrs = fields.Dict(  # noqa: N815
        keys=field.jti(), values=field.part(SetErrorBody), error_messages=MESSAGES
    )


@endpoint(
    "POST /notifications",
    "notification.poll",
    "events.read",
    "NotificationSets",
    body=PollBody(),
)
def notifications_poll(call: Call) -> dict[str, Any]:
    """Get the next notifications, and acknowledge or refuse earlier ones (RFC 8936).

    They are signed (RFC 8417), in the order of one's own stream, and name events, never what a
    case says. Without `returnImmediately` the answer waits up to 30 seconds for the first one.
    """
    body = call.body
    most = body.get("maxEvents", MOST)
    refused = {
        jti: ReceiverError(one["err"], one.get("description", ""))
        for jti, one in body.get("setErrs", {}).items()
    }
    found = notifications.poll(call.ports, call.caller, most, body.get("ack", ()), refused)
    wait_for = request.environ.get(WAIT_FOR)
    if wait_for and most and not found.sets and not body.get("returnImmediately", False):
        wait_for(call.caller.organisation, found.acknowledged)
    return {"sets": found.sets, "moreAvailable": found.more}


@endpoint("GET /notifications", "notification.poll", "events.read", "NotificationStatus")
def notifications_show(call: Call) -> NotificationStatus:
    """Read how far one's notifications were acknowledged, and which ones were refused."""
    return notifications.status(call.ports, call.caller)


class CosignatureBody(StrictSchema):
    """What a witness cosigned, the first entries of the log, and what it signed of them."""

    witness = field.vkey()
    size = field.whole(1, LARGEST_COUNTER)
    cosignature = field.cosignature()


@endpoint(
    "POST /log/cosignatures",
    "witness.register",
    "log.cosign",
    "KeptCosignature",
    body=CosignatureBody(),
)
def log_add_cosignature(call: Call) -> KeptCosignature:
    """Send one's own cosignature of a checkpoint (C2SP cosignature/v1).

    `witness` is a verifier key named by the gateway's public host and one's own id, as in
    `gateway.example.org/hotline`. A new key is put on record (`witness.registered`), a day
    after the newest line of the one before; of the lines the newest is kept, and public at
    `GET /log/cosignatures`.
    """
    body = call.body
    try:
        key = VerificationKey.parse(body["witness"])
    except ValueError as error:
        raise ValidationFailed((("/witness", str(error)),)) from None
    return witnesses.register(call.ports, call.caller, key, body["size"], body["cosignature"])
