"""Recalls of a case, or of what one handoff gave."""

from uuid import UUID

from gateway.domain.handoff import RecallCode
from gateway.domain.refusals import SecondPersonRequired
from gateway.exchange.handoffs import recalls
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.signed_requests import RECALL
from gateway.kernel.transact import WriteResult
from gateway.schemas import schema_fields as field
from gateway.schemas.schema_fields import PersonBody
from gateway.web.endpoint import CONTENT, Call, writes


class RecallBody(PersonBody):
    """Why a case is recalled; two persons decide it. One begins with what was misdirected, or
    where the recipient of one handoff accepted it with a reservation (conditions_not_met).

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
