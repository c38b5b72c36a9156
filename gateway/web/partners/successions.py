"""Successions as their two organisations see them: what is planned, and who approved it."""

from typing import Any
from uuid import UUID

from gateway.exchange.lifecycle import successions
from gateway.exchange.results import SuccessionView
from gateway.web.endpoint import Call, endpoint


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
