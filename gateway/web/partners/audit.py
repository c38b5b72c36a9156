"""The log as auditors read it: a search is asked for by a person, for a reason, and recorded."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import ValidationError, fields, validates_schema

from gateway.domain.audit import REASON_CODES, CaseId
from gateway.domain.audit_event import EVENT_TYPES, EventResult
from gateway.domain.timestamp import parse_timestamp
from gateway.exchange import audit
from gateway.exchange.audit import AuditSearch, Filters
from gateway.kernel.transact import WriteResult
from gateway.web.endpoint import Call, endpoint
from gateway.web.partners import schema_fields as field
from gateway.web.partners.schema_fields import StrictSchema

LARGEST_INDEX = 2**53 - 1


class CaseIdBody(StrictSchema):
    """A case by its originator and its id."""

    originator = field.slug()
    case = field.uuid()


class FiltersBody(StrictSchema):
    """What the events must fit; what is left out is not asked."""

    organisation = field.slug(required=False)
    person = field.staff(required=False)
    rule = field.rule(required=False)
    case = fields.Nested(CaseIdBody())
    handoff = field.uuid(required=False)
    action = field.word(sorted(EVENT_TYPES), required=False)
    result = field.word(EventResult, required=False)
    before = field.moment(required=False)

    class Meta:
        include: ClassVar = {"from": field.moment(required=False)}

    @validates_schema
    def _ends_after_it_starts(self, data: dict[str, Any], **_: Any) -> None:
        bounded = {"from", "before"} <= data.keys()
        if bounded and parse_timestamp(data["before"]) <= parse_timestamp(data["from"]):
            raise ValidationError("must be after from", "before")


class CursorBody(StrictSchema):
    """Where a search goes on: the `next` of the page before."""

    after = field.whole(-1, LARGEST_INDEX)
    before = field.whole(0, LARGEST_INDEX)


class SearchBody(StrictSchema):
    """Who reads the log, why, and what for: one of the four purposes that LED Art. 25(2) allows."""

    by = field.staff()
    reason_code = field.word(REASON_CODES)
    reason = field.free(200)
    filters = fields.Nested(FiltersBody())
    page = fields.Nested(CursorBody())
    limit = field.whole(1, field.LARGEST_LIMIT, required=False)


@endpoint(
    "POST /audit/searches",
    action="audit.search",
    scope="audit.search",
    response="AuditedEventResult",
    body=SearchBody(),
    writes=True,
)
def search(call: Call) -> WriteResult:
    """Read events that an audit access covers, with receipts and what it shows; no content.

    Each search is an event with person, reason and filters. `next` goes into `page` of the next
    one; it may lead to a page without events.
    """
    body = call.body
    page = body.get("page", {})
    reading = AuditSearch(
        by=body["by"],
        reason_code=body["reason_code"],
        reason=body["reason"],
        filters=_filters(body.get("filters", {})),
        after=page.get("after", -1),
        before=page.get("before"),
        limit=body.get("limit", field.DEFAULT_LIMIT),
    )
    return call.write(audit.read, reading)


def _filters(body: Mapping[str, Any]) -> Filters:
    case = body.get("case")
    return Filters(
        organisation=body.get("organisation"),
        person=body.get("person"),
        rule=body.get("rule"),
        case=None if case is None else CaseId(case["originator"], UUID(case["case"])),
        handoff=UUID(body["handoff"]) if "handoff" in body else None,
        action=body.get("action"),
        result=body.get("result"),
        since=parse_timestamp(body["from"]) if "from" in body else None,
        until=parse_timestamp(body["before"]) if "before" in body else None,
    )


ENDPOINTS = (search,)
