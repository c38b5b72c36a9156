"""Measures on a case: an embargo, restrictions of its processing, and how they end."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from gateway.domain.measure import CONTEST_GROUNDS, MEASURES, MeasureKind
from gateway.domain.refusals import SecondPersonRequired
from gateway.domain.timestamp import parse_timestamp
from gateway.exchange import measures
from gateway.exchange.measure_events import END
from gateway.exchange.measures import (
    CONFIRM,
    CONTEST,
    EmbargoConfirmation,
    EmbargoContest,
    MeasureEnd,
    MeasureRequest,
)
from gateway.kernel.transact import WriteResult
from gateway.web.endpoint import CONTENT, Call, writes
from gateway.web.partners import schema_fields as field
from gateway.web.partners.schema_fields import StrictSchema

_REFUSALS = (*CONTENT, SecondPersonRequired)


class EmbargoBody(StrictSchema):
    """Which elements must not be acted upon, until when, and why; none are the whole case.

    Without ``until`` it holds as long as one may.
    """

    by = field.staff()
    approved_by = field.staff(required=False)
    code = field.word(MEASURES[MeasureKind.EMBARGO].codes)
    elements = field.several(field.uuid(), required=False)
    until = field.moment(required=False)
    authority = field.free(200, lines=False, required=False)
    reference = field.free(200, lines=False, required=False)
    preservation_reference = field.free(200, lines=False, required=False)


class RestrictionBody(StrictSchema):
    """How the processing of a case, or of some elements, is restricted (GDPR 18, LED 16(3))."""

    by = field.staff()
    approved_by = field.staff(required=False)
    kind = field.word((MeasureKind.SUSPENSION, MeasureKind.MARK))
    code = field.word(
        sorted({*MEASURES[MeasureKind.SUSPENSION].codes, *MEASURES[MeasureKind.MARK].codes})
    )
    elements = field.several(field.uuid(), required=False)
    until = field.moment(required=False)


class MeasureEndBody(StrictSchema):
    """Who ends a measure before its time; a mark takes a second person, one of another a reason."""

    by = field.staff()
    approved_by = field.staff(required=False)
    reason = field.free(300, required=False)


class ContestBody(StrictSchema):
    """Why an embargo of another organisation should end; its setter reads it."""

    by = field.staff()
    ground = field.word(CONTEST_GROUNDS)
    reason = field.free(300, required=False)


class ConfirmationBody(StrictSchema):
    """Who confirms an embargo that was contested; the reason stays in the organisation."""

    by = field.staff()
    reason = field.free(300, required=False)


@writes(
    "POST /cases/<uuid:case>/embargo",
    "case.embargo",
    "cases.write",
    "MeasureView",
    body=EmbargoBody(),
    refusals=_REFUSALS,
)
def embargo(call: Call, case: UUID) -> WriteResult:
    """Set or renew an embargo on one's own case: no removal and no notice to a host before it ends.

    Only an authority with law enforcement powers can. The same elements again are a renewal, which
    takes a second person.
    """
    wanted = _wanted(call.body, MeasureKind.EMBARGO)
    return measures.on_case(call.ports, call.caller, call.key, case, wanted)


@writes(
    "POST /handoffs/<uuid:handoff>/embargo",
    "case.embargo",
    "handoffs.answer",
    "MeasureView",
    body=EmbargoBody(),
    refusals=_REFUSALS,
)
def embargo_held(call: Call, handoff: UUID) -> WriteResult:
    """Set or renew an embargo on a case that was accepted under a mandate; it binds everybody."""
    wanted = _wanted(call.body, MeasureKind.EMBARGO)
    return measures.on_handoff(call.ports, call.caller, call.key, handoff, wanted)


@writes(
    "POST /cases/<uuid:case>/processing-restriction",
    "case.restrict",
    "cases.write",
    "MeasureView",
    body=RestrictionBody(),
    refusals=_REFUSALS,
)
def restrict(call: Call, case: UUID) -> WriteResult:
    """Restrict the processing of one's own case: a suspension, or a mark on elements.

    A suspension stops consultations and offers for up to 72 hours, until a cleared version ends it.
    A marked element is kept, and opened for few reasons only; two persons set and end the mark.
    """
    wanted = _wanted(call.body, MeasureKind(call.body["kind"]))
    return measures.on_case(call.ports, call.caller, call.key, case, wanted)


@writes(
    "POST /cases/<uuid:case>/measures/<uuid:measure>/end",
    END,
    "cases.write",
    "MeasureView",
    body=MeasureEndBody(),
    refusals=_REFUSALS,
)
def end(call: Call, case: UUID, measure: UUID) -> WriteResult:
    """End a measure on one's own case that one set oneself."""
    wanted = MeasureEnd(measure, **call.body)
    return measures.on_case(call.ports, call.caller, call.key, case, wanted)


@writes(
    "POST /handoffs/<uuid:handoff>/measures/<uuid:measure>/end",
    END,
    "handoffs.answer",
    "MeasureView",
    body=MeasureEndBody(),
    refusals=_REFUSALS,
)
def end_held(call: Call, handoff: UUID, measure: UUID) -> WriteResult:
    """End a measure on a case that one holds by mandate.

    Its setter may, and the successor in that mandate. Where the setter of an embargo did not answer
    in imminent danger, so may whoever holds the case by mandate, with a reason.
    """
    wanted = MeasureEnd(measure, **call.body)
    return measures.on_handoff(call.ports, call.caller, call.key, handoff, wanted)


@writes(
    "POST /cases/<uuid:case>/measures/<uuid:measure>/contest",
    CONTEST,
    "cases.write",
    "Contested",
    body=ContestBody(),
    refusals=CONTENT,
)
def contest(call: Call, case: UUID, measure: UUID) -> WriteResult:
    """Contest an embargo that another organisation set on one's own case.

    Its setter ends or confirms it within 24 hours, in imminent danger within the time of that
    class. Nothing ends by itself.
    """
    wanted = EmbargoContest(measure, **call.body)
    return measures.on_case(call.ports, call.caller, call.key, case, wanted)


@writes(
    "POST /handoffs/<uuid:handoff>/measures/<uuid:measure>/contest",
    CONTEST,
    "handoffs.answer",
    "Contested",
    body=ContestBody(),
    refusals=CONTENT,
)
def contest_held(call: Call, handoff: UUID, measure: UUID) -> WriteResult:
    """Contest, in imminent danger, an embargo of another on a case that one holds by mandate."""
    wanted = EmbargoContest(measure, **call.body)
    return measures.on_handoff(call.ports, call.caller, call.key, handoff, wanted)


@writes(
    "POST /cases/<uuid:case>/measures/<uuid:measure>/confirmation",
    CONFIRM,
    "cases.write",
    "MeasureView",
    body=ConfirmationBody(),
    refusals=CONTENT,
)
def confirm(call: Call, case: UUID, measure: UUID) -> WriteResult:
    """Confirm an embargo on one's own case that was contested: it holds as before."""
    wanted = EmbargoConfirmation(measure, **call.body)
    return measures.on_case(call.ports, call.caller, call.key, case, wanted)


@writes(
    "POST /handoffs/<uuid:handoff>/measures/<uuid:measure>/confirmation",
    CONFIRM,
    "handoffs.answer",
    "MeasureView",
    body=ConfirmationBody(),
    refusals=CONTENT,
)
def confirm_held(call: Call, handoff: UUID, measure: UUID) -> WriteResult:
    """Confirm an embargo that one set on a case that one holds, after it was contested."""
    wanted = EmbargoConfirmation(measure, **call.body)
    return measures.on_handoff(call.ports, call.caller, call.key, handoff, wanted)


def _wanted(body: Mapping[str, Any], kind: MeasureKind) -> MeasureRequest:
    until = body.get("until")
    return MeasureRequest(
        kind,
        body["by"],
        body["code"],
        tuple(body.get("elements", ())),
        parse_timestamp(until) if until else None,
        body.get("approved_by"),
        body.get("authority"),
        body.get("reference"),
        body.get("preservation_reference"),
    )
