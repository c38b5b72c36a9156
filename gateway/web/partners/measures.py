"""Measures on a case (an embargo, restrictions of its processing, how they end), and recalls."""

from functools import partial
from typing import Any
from uuid import UUID

from gateway.domain.handoff import RecallCode
from gateway.domain.measure import CONTEST_GROUNDS, MEASURES, MeasureKind
from gateway.domain.refusals import Refusal, SecondPersonRequired
from gateway.exchange import measures, recalls
from gateway.exchange.measure_events import END
from gateway.exchange.measures import (
    CONFIRM,
    CONTEST,
    EmbargoConfirmation,
    EmbargoContest,
    MeasureEnd,
    MeasureRequest,
    Wanted,
)
from gateway.exchange.recalls import ApprovalRequest, RecallRequest
from gateway.exchange.signed_requests import RECALL
from gateway.kernel.transact import WriteResult
from gateway.web.endpoint import CONTENT, Call, Endpoint, writes
from gateway.web.partners import schema_fields as field
from gateway.web.partners.schema_fields import PersonBody, SecondPersonBody, StepBody, StrictSchema

_REFUSALS = (*CONTENT, SecondPersonRequired)


class EmbargoBody(PersonBody):
    """Which elements must not be acted upon, until when, and why; none are the whole case.

    Without ``until`` it holds as long as one may.
    """

    approved_by = field.staff(required=False)
    code = field.word(MEASURES[MeasureKind.EMBARGO].codes)
    elements = field.several(field.uuid(), required=False)
    until = field.moment(required=False)
    authority = field.free(200, lines=False, required=False)
    reference = field.free(200, lines=False, required=False)
    preservation_reference = field.free(200, lines=False, required=False)


class RestrictionBody(PersonBody):
    """How the processing of a case, or of some elements, is restricted (GDPR 18, LED 16(3))."""

    approved_by = field.staff(required=False)
    kind = field.word((MeasureKind.SUSPENSION, MeasureKind.MARK))
    code = field.word(
        sorted({*MEASURES[MeasureKind.SUSPENSION].codes, *MEASURES[MeasureKind.MARK].codes})
    )
    elements = field.several(field.uuid(), required=False)
    until = field.moment(required=False)


class MeasureEndBody(PersonBody):
    """Who ends a measure before its time; a mark takes a second person, one of another a reason."""

    approved_by = field.staff(required=False)
    reason = field.free(300, required=False)


class ContestBody(PersonBody):
    """Why an embargo of another organisation should end; its setter reads it."""

    ground = field.word(CONTEST_GROUNDS)
    reason = field.free(300, required=False)


def _on_both(
    path: str,
    action: str,
    response: str,
    body: StrictSchema,
    asked: type[Wanted],
    *,
    name: str,
    own: str,
    held: str,
    refusals: tuple[type[Refusal], ...] = _REFUSALS,
    **more: Any,
) -> tuple[Endpoint, Endpoint]:
    """What may be asked about one's own case, and about one that one holds by mandate.

    ``asked`` is what the body is read as, ``more`` what is not in it. ``own`` and ``held`` are the
    words about the two.
    """

    def of_case(call: Call, case: UUID, **measure: UUID) -> WriteResult:
        wanted = call.read_body(asked, **measure, **more)
        return measures.on_case(call.ports, call.caller, call.key, case, wanted)

    def of_handoff(call: Call, handoff: UUID, **measure: UUID) -> WriteResult:
        wanted = call.read_body(asked, **measure, **more)
        return measures.on_handoff(call.ports, call.caller, call.key, handoff, wanted)

    of_case.__name__, of_case.__doc__ = f"measures_{name}", own
    of_handoff.__name__, of_handoff.__doc__ = f"measures_{name}_held", held
    declared = partial(writes, action=action, response=response, body=body, refusals=refusals)
    return (
        declared(f"POST /cases/<uuid:case>/{path}", scope="cases.write")(of_case),
        declared(f"POST /handoffs/<uuid:handoff>/{path}", scope="handoffs.answer")(of_handoff),
    )


embargo, embargo_held = _on_both(
    "embargo",
    "case.embargo",
    "MeasureView",
    EmbargoBody(),
    MeasureRequest,
    name="embargo",
    kind=MeasureKind.EMBARGO,
    own="""Set or renew an embargo on one's own case: no removal and no notice to a host
    before it ends.

    Only an authority with law enforcement powers can. The same elements again are a renewal, which
    takes a second person.
    """,
    held="Set or renew an embargo on a case that was accepted under a mandate; it binds everybody.",
)


@writes(
    "POST /cases/<uuid:case>/processing-restriction",
    "case.restrict",
    "cases.write",
    "MeasureView",
    body=RestrictionBody(),
    refusals=_REFUSALS,
)
def measures_restrict(call: Call, case: UUID) -> WriteResult:
    """Restrict the processing of one's own case: a suspension, or a mark on elements.

    A suspension stops consultations and offers for up to 72 hours, until a cleared version ends it.
    A marked element is kept, and opened for few reasons only; two persons set and end the mark.
    """
    wanted = call.read_body(MeasureRequest)
    return measures.on_case(call.ports, call.caller, call.key, case, wanted)


end, end_held = _on_both(
    "measures/<uuid:measure>/end",
    END,
    "MeasureView",
    MeasureEndBody(),
    MeasureEnd,
    name="end",
    own="End a measure on one's own case that one set oneself.",
    held="""End a measure on a case that one holds by mandate.

    Its setter may, and the successor in that mandate. Where the setter of an embargo did not answer
    in imminent danger, so may anyone who holds the case by mandate, with a reason.
    """,
)

contest, contest_held = _on_both(
    "measures/<uuid:measure>/contest",
    CONTEST,
    "Contested",
    ContestBody(),
    EmbargoContest,
    name="contest",
    refusals=CONTENT,
    own="""Contest an embargo that another organisation set on one's own case.

    Its setter ends or confirms it within 24 hours, in imminent danger within the time of that
    class. Without an answer it stays in force.
    """,
    held="Contest, in imminent danger, an embargo of another on a case that one holds by mandate.",
)

confirm, confirm_held = _on_both(
    "measures/<uuid:measure>/confirmation",
    CONFIRM,
    "MeasureView",
    StepBody(),
    EmbargoConfirmation,
    name="confirm",
    refusals=CONTENT,
    own="""Confirm an embargo on one's own case that was contested: it holds as before.

    The reason stays in the organisation.
    """,
    held="""Confirm an embargo that one set on a case that one holds, after it was contested.

    The reason stays in the organisation.
    """,
)


# --- Recalls of a case, or of what one handoff gave, and their second person ---


class RecallBody(PersonBody):
    """Why a case is recalled; two persons decide it, of what was misdirected one at first.

    The reason is left out once the case was erased, and needed before.
    """

    approved_by = field.staff(required=False)
    code = field.word(RecallCode)
    reason = field.free(300, required=False)


@writes(
    "POST /cases/<uuid:case>/recall",
    "case.recall",
    "cases.write",
    "Recalled",
    body=RecallBody(),
    signed=RECALL,
    refusals=(*CONTENT, SecondPersonRequired),
)
def recalls_recall_case(call: Call, case: UUID) -> WriteResult:
    """Recall a case from all who have it.

    They stop its use, and answer whether their copies are erased. Open handoffs are withdrawn;
    what was recalled before is passed over. A later version may be offered in a new handoff. The
    caller may sign the recall (`application/sd-jwt`).
    """
    wanted = call.read_body(RecallRequest, signed=call.signed)
    return recalls.of_case(call.ports, call.caller, call.key, case, wanted)


@writes(
    "POST /handoffs/<uuid:handoff>/recall",
    "case.recall",
    "cases.write",
    "Recalled",
    body=RecallBody(),
    signed=RECALL,
    refusals=(*CONTENT, SecondPersonRequired),
)
def recalls_recall_handoff(call: Call, handoff: UUID) -> WriteResult:
    """Recall what one handoff gave, likewise; once."""
    wanted = call.read_body(RecallRequest, signed=call.signed)
    return recalls.of_handoff(call.ports, call.caller, call.key, handoff, wanted)


@writes(
    "POST /cases/<uuid:case>/recalls/<uuid:recall>/approval",
    "case.approve_recall",
    "cases.write",
    "RecallApproved",
    body=SecondPersonBody(),
    refusals=(SecondPersonRequired,),
)
def recalls_approve_recall(call: Call, case: UUID, recall: UUID) -> WriteResult:
    """Approve, as the second person, a recall that one person made; it stands meanwhile."""
    asked = call.read_body(ApprovalRequest, recall=recall)
    return recalls.approve(call.ports, call.caller, call.key, case, asked)
