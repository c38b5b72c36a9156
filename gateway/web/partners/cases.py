"""What an originator does with its cases: submit, read, open, offer."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import ValidationError, fields, validates_schema

from gateway.domain import refusals
from gateway.domain.case import GROUPS, CaseState
from gateway.domain.consultation import REASON_CODES
from gateway.domain.json_values import parse_date, read_record
from gateway.domain.mandate import FUNCTIONS, format_competence
from gateway.domain.revision import REASONS, ChangeKind, VersionChange
from gateway.domain.vocabulary import Matter, Purpose, Urgency
from gateway.evidence.canonical import encode
from gateway.exchange import signed_requests
from gateway.exchange.case import cases, submissions
from gateway.exchange.case.submissions import Clearance, Submission
from gateway.exchange.handoffs import offers, open_duties
from gateway.exchange.handoffs.selection import OfferRequest
from gateway.exchange.results import CaseCoverage, CaseSummary, Preview
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.transact import Write, WriteResult
from gateway.kernel.values import CaseFilter
from gateway.schemas import schema_fields as field
from gateway.schemas.case_document import CASE, load_case
from gateway.schemas.schema_fields import PersonBody, StrictSchema
from gateway.web.endpoint import CONTENT, HELD, Call, endpoint, writes
from gateway.web.responses import page


class ClearanceBody(StrictSchema):
    """Who assessed and who cleared a case that the partner's own system has cleared."""

    assessed_by = field.staff()
    cleared_by = field.staff()
    second_assessor = field.staff(required=False)
    confirmed_matches = field.several(field.uuid())


class Content(fields.Nested):
    """The case itself, by the rules of its profile; all of its errors join those of the body."""

    def __init__(self) -> None:
        """There is no body without it."""
        words = "is required: the case itself stands here, beside `by`"
        super().__init__(CASE, required=True, error_messages={"required": words})

    def read(self, value: Any) -> dict[str, Any]:
        """The case; ValidationError."""
        return load_case(value)

    def _deserialize(
        self, value: Any, attr: Any, data: Any, partial: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        return load_case(value)


class SubmissionBody(PersonBody):
    """A case version, and who in the organisation submits it."""

    content = Content()
    clearance = fields.Nested(ClearanceBody())


class VersionChangeBody(StrictSchema):
    """What a version is to the one before, and why; a correction names the places it corrects."""

    kind = field.word(ChangeKind)
    reason_code = field.word(REASONS)
    reason = field.free(300)
    pointers = field.several(field.pointer(), required=False)
    approved_by = field.staff(required=False)


class RevisionBody(SubmissionBody):
    """A further version of a case, and what it changes."""

    change = field.part(VersionChangeBody)


class ConsultationBody(PersonBody):
    """Who opens content and why: the log of consultations shows it (LED Art. 25)."""

    reason_code = field.word(REASON_CODES)
    reason = field.free(200)


class CompetenceAddress(StrictSchema):
    """A competence, by default to receive; the gateway finds its holder on the reference date."""

    function = field.word(FUNCTIONS, required=False)
    matter = field.word(Matter)
    territory = field.territory()


class AddressBody(StrictSchema):
    """One recipient: an organisation, the holder of a competence, or one of its holders."""

    organisation = field.name(required=False)
    competence = fields.Nested(CompetenceAddress())

    @validates_schema
    def _names_somebody(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("must have an organisation, a competence, or both")


class PreviewBody(StrictSchema):
    """What would be offered, to whom, for what."""

    case = field.uuid()
    by = field.staff()
    to = fields.Nested(AddressBody(), required=True, error_messages={"required": "is required"})
    groups = field.several(field.word(GROUPS), required=False)
    digests = field.several(field.digest(), required=False)
    purpose = field.several(field.word(Purpose), least=1)
    expires_at = field.moment(required=False)
    note = field.free(300, required=False)
    again = field.free(300, required=False)
    country_reason = field.free(300, required=False)
    derogation = field.StrictBoolean(required=False)
    approved_by = field.staff(required=False)

    @validates_schema
    def _selects_something(self, data: dict[str, Any], **_: Any) -> None:
        if not data.get("groups") and not data.get("digests"):
            raise ValidationError("must select parts by groups, by digests, or by both")


class OfferBody(PreviewBody):
    """An offer, under the id that its originator gives the handoff."""

    class Meta:
        """The case stands in the path."""

        exclude = ("case",)

    handoff = field.new_uuid()


class DaysQuery(StrictSchema):
    """A first and a last day (UTC), each of which may be left out."""

    class Meta:
        include: ClassVar = {
            "from": field.day(required=False),
            "to": field.day(required=False),
        }


def days_of(query: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """The moments at which the days of a query begin, and are over; the last day has no end."""
    first, last = (parse_date(query[n]) if n in query else None for n in ("from", "to"))
    since = None if first is None else datetime.combine(first, time(), UTC)
    if last is None or last == date.max:
        return since, None
    return since, datetime.combine(last, time(), UTC) + timedelta(days=1)


class CasesQuery(DaysQuery):
    """A page of one's own cases, by age."""

    reference = field.free(100, lines=False, required=False)
    state = field.word(CaseState, required=False)
    urgency = field.word(Urgency, required=False)
    matter = field.word(Matter, required=False)
    counterpart = field.name(required=False)
    ends = field.id_end(required=False)
    after = field.uuid(required=False)
    limit = field.limit()


CONSULTATION_BODY, OFFER_BODY = ConsultationBody(), OfferBody()
_CLEARING = (refusals.UnconfirmedMatch, refusals.SecondPersonRequired)
"""What a version is refused for that says who cleared it."""


@writes(
    "POST /cases",
    "case.submit",
    "cases.write",
    "Submitted",
    body=SubmissionBody(),
    status=201,
    signed=signed_requests.CASE,
    refusals=(*CONTENT, *_CLEARING),
)
def cases_submit(call: Call) -> Write:
    """Submit the first version of a case.

    The gateway signs it for the caller (`assurance: attested`) and answers with the signed
    document and the digests of its parts by group. A case that the caller signed itself
    (`application/sd-jwt`) stays as it is (`assurance: signed`).
    """
    handed_in = submission(call)
    if handed_in.content["version"] != 1:
        raise refusals.ValidationFailed(
            (("/content/version", "is 1 here: send others to /cases/{case}/versions"),)
        )
    return submissions.submit(call.key, handed_in)


@writes(
    "POST /cases/<uuid:case>/versions",
    "case.revise",
    "cases.write",
    "Submitted",
    body=RevisionBody(),
    status=201,
    signed=signed_requests.CASE,
    refusals=(*HELD, *_CLEARING),
)
def cases_revise(call: Call, case: UUID) -> Write:
    """Submit a further version of a case; `previous` is the digest of the previous one.

    `change` says what it is: a correction alters or drops anything or loosens a marking, and names
    the places in `pointers`; a tightening only raises markings; an addition only adds elements, or
    entries to their histories. A milder word than the two versions show is refused. The version is
    a draft until it is assessed and cleared; each holder then hears of a correction or tightening.
    """
    change = read_record(VersionChange, call.body["change"])
    handed_in = replace(submission(call), change=change)
    errors = []
    if handed_in.content["case"] != str(case):
        errors.append(("/content/case", "is not the case of the path"))
    if handed_in.content["version"] == 1:
        errors.append(("/content/version", "is above 1 here: send the first one to /cases"))
    if errors:
        raise refusals.ValidationFailed(errors)
    return submissions.submit(call.key, handed_in)


def submission(call: Call) -> Submission:
    """The case of a call, with who submits it and who cleared it."""
    body, opened = call.body, call.signed
    content, clearance = body["content"], body.get("clearance")
    if opened is not None and encode(content) != encode(
        signed_requests.CASE.body(opened)["content"]
    ):
        raise refusals.InvalidDocument("the case is not spelled as its profile spells it")
    persons = read_record(Clearance, clearance) if clearance else None
    return Submission(body["by"], content, persons, opened, draft=call.draft)


@endpoint("GET /cases", "case.read", "cases.read", "Cases", query=CasesQuery())
def cases_list(call: Call) -> dict[str, Any]:
    """List one's own cases by age, with their routing fields; never content.

    `reference` is one's own, `counterpart` to whom a case was offered; the id `ends` so, without
    dashes. `from` and `to` are days (UTC) of the first version. A page looks at 1,000 cases: it may
    have few of what is asked for, or none, and a `next`.
    """
    query = call.query
    after, urgency, (since, until) = query.get("after"), query.get("urgency"), days_of(query)
    filters = CaseFilter(
        reference=query.get("reference"),
        state=query.get("state"),
        urgency=Urgency(urgency) if urgency else None,
        counterpart=query.get("counterpart"),
        since=since,
        until=until,
        ends=query.get("ends"),
    )
    place, matter = UUID(after) if after else None, query.get("matter")
    found = cases.page(call.ports, call.caller, place, query["limit"], filters, matter=matter)
    return page("/cases", found, query)


@endpoint("GET /cases/<uuid:case>", "case.read", "cases.read", "CaseSummary", refusals=CONTENT)
def cases_show(call: Call, case: UUID) -> CaseSummary:
    """Read the routing fields and the state of one's own case; never its content."""
    return cases.look_up(call.ports, call.caller, case)


@endpoint(
    "GET /cases/<uuid:case>/coverage", "case.read", "cases.read", "CaseCoverage", refusals=CONTENT
)
def cases_show_coverage(call: Call, case: UUID) -> CaseCoverage:
    """List the holders of a case, their versions and what is owed; never its content."""
    return open_duties.coverage(call.ports, call.caller, case)


@writes(
    "POST /cases/<uuid:case>/consultations",
    "case.consult",
    "cases.read",
    "ContentPresentation",
    body=CONSULTATION_BODY,
    refusals=HELD,
)
def cases_consult(call: Call, case: UUID) -> WriteResult:
    """Open the content of one's own case; an event with person and reason."""
    asked = call.read_body(ConsultationRequest)
    return cases.consult(call.ports, call.caller, call.key, case, asked)


_ADDRESSING = (
    refusals.NoCompetentOrganisation,
    refusals.SeveralCompetentOrganisations,
    refusals.NotAddressable,
    refusals.NothingToOffer,
)


@writes(
    "POST /cases/<uuid:case>/handoffs",
    "handoff.offer",
    "handoffs.offer",
    "OfferResult",
    body=OFFER_BODY,
    status=201,
    signed=signed_requests.OFFER,
    refusals=(*HELD, *_ADDRESSING, refusals.AlreadyOffered),
)
def cases_offer(call: Call, case: UUID) -> Write:
    """Offer a cleared case to one recipient.

    The selected parts are cut down to what policy lets this recipient have; the list that is left
    is frozen in the handoff. An offer that the caller signed itself (`application/sd-jwt`) names
    exactly that list, which the preview shows.
    """
    wanted = offer_request(call.body, signed=call.signed, draft=call.draft)
    return offers.offer(call.key, case, wanted)


@endpoint(
    "POST /handoffs/preview",
    "handoff.offer",
    "handoffs.offer",
    "Preview",
    body=PreviewBody(),
    refusals=(
        *HELD,
        *_ADDRESSING,
        refusals.WrongState,
        refusals.EditConflict,
        refusals.TooManyPreviews,
    ),
)
def cases_preview(call: Call) -> Preview:
    """Show what an offer would give, and to whom; nothing is kept."""
    wanted = dict(call.body)
    case = UUID(wanted.pop("case"))
    offer = offer_request(wanted, handoff=case)  # the id is not used: there will be no handoff
    return offers.preview(call.ports, call.caller, case, offer)


def offer_request(body: Mapping[str, Any], **more: Any) -> OfferRequest:
    wanted = {**body, **more}
    to = wanted.pop("to")
    if "competence" in to:
        to = {**to, "competence": format_competence(**{"function": "receive", **to["competence"]})}
    return read_record(OfferRequest, {**wanted, **to})
