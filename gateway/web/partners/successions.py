"""Successions as their two organisations see them: what is planned, and who approved it."""

from typing import Any
from uuid import UUID

from gateway.exchange.lifecycle import successions
from gateway.exchange.lifecycle.successions import SuccessionApprovalRequest
from gateway.exchange.results import SuccessionView
from gateway.exchange.signed_requests import SUCCESSION
from gateway.kernel.transact import WriteResult
from gateway.schemas.schema_fields import PersonBody
from gateway.web.endpoint import Call, endpoint, writes


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


@writes(
    "POST /successions/<uuid:succession>/approval",
    "succession.approve",
    "handoffs.answer",
    "SuccessionView",
    body=PersonBody(),
    signed=SUCCESSION,
)
def successions_approve(call: Call, succession: UUID) -> WriteResult:
    """Approve a succession for one's own organisation; nothing is re-issued before both have."""
    asked = call.read_body(SuccessionApprovalRequest, signed=call.signed)
    return successions.approve(call.ports, call.caller, call.key, succession, asked)
