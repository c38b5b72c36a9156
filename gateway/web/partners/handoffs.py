"""What the two parties of a handoff do: answer, follow up, open content, read, list."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from marshmallow import fields

from gateway.domain import read_only, refusals
from gateway.domain import vocabulary as words
from gateway.domain.answers import PARTIES_ANSWERS, AnswerKind, FieldType, RequestField
from gateway.domain.case import GROUPS
from gateway.domain.handoff import HandoffState
from gateway.domain.json_values import parse_date
from gateway.domain.vocabulary import ONWARD, TLP
from gateway.domain.worklist import WorklistFilter
from gateway.exchange.handoffs import answers, package_consultation, updates, views
from gateway.exchange.handoffs.answering import AnswerRequest
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.handoffs.views import HandoffQuery
from gateway.exchange.lifecycle import successions, worklist
from gateway.exchange.relay import heard
from gateway.exchange.results import (
    HandoffView,
    NoticesView,
    PeerHandoffReceipts,
    Preview,
    SuccessionView,
)
from gateway.exchange.signed_requests import ANSWER, UPDATE
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.transact import Write, WriteResult
from gateway.schemas import schema_fields as field
from gateway.schemas.case_document import EmbargoTerms, Force
from gateway.schemas.schema_fields import PersonBody, StrictSchema
from gateway.web.caller import ANY_SCOPE
from gateway.web.endpoint import CONTENT, HELD, Call, Endpoint, endpoint, writes
from gateway.web.partners.cases import ConsultationBody, DaysQuery, days_of
from gateway.web.responses import page


class EmbargoSource(StrictSchema):
    """Who set the embargo, and why; only public authorities read it."""

    reason = field.word((*words.EMBARGO_REASONS, *read_only.EMBARGO_REASONS))
    set_by = field.slug()


class Conditions(StrictSchema):
    """The conditions of use, as the handoff shows them (LED Art. 9)."""

    tlp = field.word(TLP)
    handling = field.several(field.word(words.Handling))
    onward = field.word(ONWARD)
    permitted_actions = field.word(words.PERMITTED_ACTIONS)
    purpose = field.several(field.word(words.Purpose), least=1)
    erase_on = field.day()
    handling_note = field.free(1001, required=False)
    attribution = field.word(words.ATTRIBUTIONS, required=False)
    embargo = field.part(EmbargoTerms, required=False)
    embargo_source = field.part(EmbargoSource, required=False)
    force = field.part(Force, required=False)
    transfer_tool = field.free(200, lines=False, required=False)


class HandoffsQuery(DaysQuery):
    """A page of the handoffs received (in) or sent (out), by urgency, then due time."""

    box = field.word(("in", "out"), required=False)
    state = field.word(HandoffState, required=False)
    urgency = field.word(words.Urgency, required=False)
    matter = field.word(words.Matter, required=False)
    counterpart = field.name(required=False)
    reference = field.free(100, lines=False, required=False)
    overdue = field.word(("true",), required=False)
    erase_before = field.day(required=False)
    ends = field.id_end(required=False)
    after = field.place(required=False)
    limit = field.limit()


def _body(kind: AnswerKind) -> StrictSchema:
    """The body of an answer, after the table of its fields.

    ``offer`` is the digest of the offer that it is about; a signed answer binds it by its claims.
    """
    named = fields_of(kind.fields)
    for one in kind.fields:
        told: dict[str, Any] = {"description": one.about}
        if one.goes_with is not None:
            told["x-goes-with"] = dict([one.goes_with])
        named[one.name].metadata = {**named[one.name].metadata, **told}
    about = {"by": field.staff(), "offer": field.digest(required=False)}
    return field.schema_of(f"{kind.name.title().replace('_', '')}Body", {**about, **named})()


def fields_of(described: Iterable[RequestField]) -> dict[str, fields.Field[Any]]:
    """The fields of a body by their names, after the table that describes them."""
    return {one.name: _FIELDS[one.type](one) for one in described}


_FIELDS: Mapping[FieldType, Callable[[RequestField], fields.Field[Any]]] = {
    FieldType.TEXT: lambda one: field.free(one.longest, required=one.required),
    FieldType.LINE: lambda one: field.free(one.longest, lines=False, required=one.required),
    FieldType.WORD: lambda one: field.word(one.words, required=one.required),
    FieldType.PERSON: lambda one: field.staff(required=one.required),
    FieldType.TIME: lambda one: field.moment(required=one.required),
    FieldType.DAY: lambda one: field.day(required=one.required),
    FieldType.WORDS: lambda one: _several(one, field.word(one.words)),
    FieldType.PERSONS: lambda one: _several(one, field.staff()),
    FieldType.IDS: lambda one: _several(one, field.uuid()),
    FieldType.POINTERS: lambda one: _several(one, field.pointer()),
    FieldType.CONDITIONS: lambda one: field.part(Conditions, required=one.required),
    FieldType.RESERVATION: lambda one: field.part(
        field.schema_of(
            "Reservation",
            {"condition": field.word(one.words), "legal_basis": field.free(one.longest)},
        ),
        required=one.required,
    ),
}


def _several(one: RequestField, element: field.StrictString) -> field.StrictArray:
    return field.several(element, least=one.least, required=one.required)


BODIES = {kind.name: _body(kind) for kind in PARTIES_ANSWERS}


def _answer(kind: AnswerKind) -> Endpoint:
    def view(call: Call, handoff: UUID) -> Write:
        fields = dict(call.body)
        by, offer = fields.pop("by"), fields.pop("offer", None)
        if offer is not None and call.signed is not None:
            raise refusals.InvalidDocument(
                "a signed answer names its offer in 'offer_digest', in clear"
            )
        asked = AnswerRequest(kind, by, fields, call.signed, offer, call.draft)
        return answers.answer(call.key, handoff, asked)

    view.__name__, view.__doc__ = f"handoffs_{kind.command}", kind.about
    return writes(
        f"POST /handoffs/<uuid:handoff>/{kind.path}",
        kind.action,
        "handoffs.answer",
        "Answered",
        body=BODIES[kind.name],
        signed=ANSWER,
        refusals=(*HELD, refusals.ConditionsMismatch),
    )(view)


ANSWERING = tuple(map(_answer, PARTIES_ANSWERS))


class PackageBody(ConsultationBody):
    """A consultation of a handoff's newest package, or of an older one by its number."""

    package = field.whole(1, 1000, required=False)


@writes(
    "POST /handoffs/<uuid:handoff>/consultations",
    "case.consult",
    "handoffs.answer",
    "ContentPresentation",
    body=PackageBody(),
    refusals=HELD,
)
def handoffs_consult(call: Call, handoff: UUID) -> WriteResult:
    """Open the content that was offered and accepted; an event with person and reason.

    What is shown is decided each time, on today's rights. It is the newest package; an older one
    needs its number and the reason code `superseded_package`, and is not to be used. `conditions`
    are those that bind today. Of an erased case it is the copy that its holder retains, with
    `retained`, `documents` and the conditions of that day, for the reason code `retention`.
    """
    asked = call.read_body(ConsultationRequest)
    return package_consultation.consult(call.ports, call.caller, call.key, handoff, asked)


class UpdateBody(PersonBody):
    """What the next package has: without `digests` what the newest has, and all of `groups`."""

    groups = field.several(field.word(GROUPS), required=False)
    digests = field.several(field.digest(), required=False)
    expires_at = field.moment(required=False)
    note = field.free(300, required=False)


UPDATE_BODY = UpdateBody()


@writes(
    "POST /handoffs/<uuid:handoff>/updates",
    "handoff.update",
    "handoffs.offer",
    "UpdateResult",
    body=UPDATE_BODY,
    status=201,
    signed=UPDATE,
    refusals=(*HELD, refusals.NotAddressable, refusals.NothingToOffer),
)
def handoffs_update(call: Call, handoff: UUID) -> Write:
    """Send the case's newer version to a recipient, in the handoff that it has.

    Recipient, mandate and purpose stay; the end may only come nearer. A correction or tightening
    is shown at once where the handoff was accepted, an addition once it is acknowledged. An update
    that the caller signed (`application/sd-jwt`) names the newest offer in `updates`.
    """
    wanted = call.read_body(UpdateRequest, signed=call.signed, draft=call.draft)
    return updates.update(call.key, handoff, wanted)


@endpoint(
    "POST /handoffs/<uuid:handoff>/updates/preview",
    "handoff.update",
    "handoffs.offer",
    "Preview",
    body=UPDATE_BODY,
    refusals=(
        *HELD,
        refusals.NotAddressable,
        refusals.NothingToOffer,
        refusals.WrongState,
        refusals.EditConflict,
        refusals.TooManyPreviews,
    ),
)
def handoffs_preview_update(call: Call, handoff: UUID) -> Preview:
    """Show what an update would give, and which offer it would update; nothing is kept."""
    return updates.preview(call.ports, call.caller, handoff, call.read_body(UpdateRequest))


@endpoint("GET /handoffs", "handoff.read", "handoffs.read", "Handoffs", query=HandoffsQuery())
def handoffs_list(call: Call) -> dict[str, Any]:
    """List the handoffs received (`box=in`, the default) or sent (`box=out`).

    By urgency, then due time. The first page counts those that wait for an answer. `reference` is
    one's own, of a case or of what one received; the id `ends` so, without dashes: such a page
    counts nothing. `from` and `to` are days (UTC) of the offer. A page looks at 1,000 handoffs: it
    may have few of what is asked for, or none, and a `next`.
    """
    query = call.query
    state, urgency, (since, until) = query.get("state"), query.get("urgency"), days_of(query)
    asked = {"box": "in", **query}
    wanted = HandoffQuery(
        state=HandoffState(state) if state else None,
        urgency=words.Urgency(urgency) if urgency else None,
        matter=query.get("matter"),
        counterpart=query.get("counterpart"),
        reference=query.get("reference"),
        since=since,
        until=until,
        overdue="overdue" in query,
        erase_before=parse_date(day) if (day := query.get("erase_before")) else None,
        ends=query.get("ends"),
    )
    found = views.page(
        call.ports,
        call.caller,
        box=asked["box"],
        after=query.get("after"),
        limit=asked["limit"],
        wanted=wanted,
    )
    totals = {} if found.waiting is None else {"waiting": found.waiting}
    return {**page("/handoffs", found, asked), **totals}


class WorklistQuery(StrictSchema):
    """A page of what waits, by urgency, then due time."""

    urgency = field.word(words.Urgency, required=False)
    matter = field.word(words.Matter, required=False)
    counterpart = field.name(required=False)
    taken_by = field.staff(required=False)
    overdue = field.word(("true",), required=False)
    ends = field.word(("true",), required=False)
    after = field.work_place(required=False)
    limit = field.limit()


@endpoint("GET /worklist", "worklist.read", ANY_SCOPE, "Worklist", query=WorklistQuery())
def worklist_show(call: Call) -> dict[str, Any]:
    """List what waits for the caller's organisation: by urgency, then due time.

    What it owes and what arrived, what is late at others, its own cases, and what ends soon, as far
    as the system's scopes and the organisation's status go: `skipped` names the rest. `taken_by`
    lists what a person of its own took. A filter keeps what is about no handoff or case away, but
    `ends`, which lists what ends within 30 days alone.
    """
    asked = dict(call.query)
    after, limit = asked.pop("after", None), asked.pop("limit")
    flags = {one: one in asked for one in ("overdue", "ends")}
    wanted = WorklistFilter(**asked | flags)
    found = worklist.page(call.ports, call.caller, after, limit, wanted)
    return {**page("/worklist", found, call.query), "skipped": found.skipped}


@endpoint(
    "GET /handoffs/<uuid:handoff>/correction-notices",
    "handoff.read",
    "handoffs.read",
    "NoticesView",
    refusals=CONTENT,
)
def handoffs_list_notices(call: Call, handoff: UUID) -> NoticesView:
    """Read the correction notices of a handoff, and what is owed; after an erasure, too.

    Who signs an answer to an erased case takes its digests from the receipts of `offer_event` and
    `recall_event`.
    """
    return views.notices(call.ports, call.caller, handoff)


@endpoint(
    "GET /handoffs/<uuid:handoff>/peer-receipts",
    "handoff.read",
    "handoffs.read",
    "PeerHandoffReceipts",
    refusals=CONTENT,
)
def handoffs_list_peer_receipts(call: Call, handoff: UUID) -> PeerHandoffReceipts:
    """Read what the other gateway recorded of a handoff between two gateways.

    Each receipt is of that gateway's log, and ends in a checkpoint that this gateway cosigned.
    """
    return heard.list_receipts(call.ports, call.caller, handoff)


@endpoint(
    "GET /handoffs/<uuid:handoff>", "handoff.read", "handoffs.read", "HandoffView", refusals=CONTENT
)
def handoffs_show(call: Call, handoff: UUID) -> HandoffView:
    """Read a handoff: state, conditions, routing fields and statements; never content."""
    return views.look_up(call.ports, call.caller, handoff)


# --- Successions, by which open handoffs move: as the two organisations see them ---


@endpoint("GET /successions", "succession.read", "handoffs.read", "Successions")
def successions_list(call: Call) -> dict[str, Any]:
    """List the successions in which the caller gives or takes a mandate, oldest first."""
    return {"items": successions.index(call.ports, call.caller)}


@endpoint(
    "GET /successions/<uuid:succession>", "succession.read", "handoffs.read", "SuccessionView"
)
def successions_show(call: Call, succession: UUID) -> SuccessionView:
    """Read one succession: its mandate, organisations and days, and whose approval it waits for."""
    return successions.look_up(call.ports, call.caller, succession)
