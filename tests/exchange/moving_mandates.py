"""A mandate that moves from OFMIN to OCRVP, for the tests of successions."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from gateway.exchange.lifecycle import succession_execution, successions
from gateway.exchange.lifecycle.succession_execution import Progress
from gateway.exchange.lifecycle.successions import SuccessionApprovalRequest
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.casework import conditions_of
from tests.founded_gateway import HOTLINE, OCRVP, OFMIN, Founded

DAY, LATER = date(2026, 4, 1), date(2026, 5, 1)
KEY = "receive/csam/FR"
PLAN: Mapping[str, Any] = {
    "successor": OCRVP,
    "competence": KEY,
    "effective_on": "2026-04-01",
    "read_until": "2026-05-01",
    "legal_act": "Decree 2026-1",
    "permissions": False,
}
ONE_MOVED = Progress(1, 0, done=True)


def planned(gateway: Founded, predecessor: str = OFMIN, **changes: Any) -> UUID:
    """A mandate is to move: that of OFMIN to OCRVP, unless told otherwise."""
    written = gateway.administer("succession.plan", predecessor, **{**PLAN, **changes})
    return UUID(written.result["succession"])


def approve(
    gateway: Founded, succession: UUID, office: str, by: str = "officer-9", **key: Any
) -> WriteResult:
    """An office approves its part."""
    asked = SuccessionApprovalRequest(by)
    return gateway.act(office, successions.approve, succession, asked, **key)


def agreed(gateway: Founded, predecessor: str = OFMIN, **changes: Any) -> UUID:
    """The same, approved by both offices."""
    succession = planned(gateway, predecessor, **changes)
    for office in (predecessor, changes.get("successor", OCRVP)):
        approve(gateway, succession, office)
    return succession


def carry_out(gateway: Founded, succession: UUID, **limit: int) -> Progress:
    """Move what is due."""
    return succession_execution.apply(gateway.ports, succession, **limit)


def moved(
    gateway: Founded, predecessor: str = OFMIN, expected: Progress = ONE_MOVED, **changes: Any
) -> UUID:
    """The same, carried out on its day."""
    succession = agreed(gateway, predecessor, **changes)
    gateway.day = DAY
    assert carry_out(gateway, succession) == expected
    return succession


def following(gateway: Founded, handoff: UUID) -> UUID:
    """The handoff that took the place of one that moved."""
    return UUID(gateway.view(HOTLINE, handoff)["reissued_as"]["handoff"])


def accepted_by_successor(gateway: Founded, handoff: UUID) -> UUID:
    """What followed a handoff, accepted."""
    new = following(gateway, handoff)
    gateway.answer(OCRVP, answers.accept, new, conditions=conditions_of(gateway, new, OCRVP))
    return new
