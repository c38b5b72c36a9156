"""What members do at the real app, and answers that were tampered with on the way."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from gateway.client import ConfirmedWrite, EvidenceMismatch
from gateway.domain.case import GROUPS
from gateway.evidence import receipt
from tests.casework import case_content
from tests.client.client_fixture import Fault, MemberClient
from tests.founded_gateway import CSAM_FR, OFMIN
from tests.web.listening import Listening

CLEARED = {"assessed_by": "analyst-1", "cleared_by": "approver-1", "confirmed_matches": []}
CONTENT_GROUPS = [group for group in GROUPS if group != "routing"]


def submit(desk: MemberClient, stage: Listening, **changes: Any) -> UUID:
    """A cleared case of the desk's."""
    case = stage.gateway.new_id()
    desk.submit(case_content(case, **changes), "intake-1", CLEARED)
    return case


def offer(desk: MemberClient, stage: Listening, **changes: Any) -> str:
    """A handoff of all parts to whoever is competent, unless told otherwise."""
    wanted = {
        "purpose": ["identify_victim"],
        "competence": CSAM_FR,
        "groups": CONTENT_GROUPS,
    }
    if "organisation" in changes:
        wanted.pop("competence")
    case = changes.pop("case", None) or submit(desk, stage)
    return str(desk.offer(case, "liaison-1", **wanted | changes).result["handoff"])


def accepted(stage: Listening, **changes: Any) -> tuple[MemberClient, MemberClient, str]:
    """Two desks and a handoff that the second one accepted."""
    hotline, office = MemberClient(stage), MemberClient(stage, OFMIN)
    handoff = offer(hotline, stage, **changes)
    office.accept(office.handoff(handoff), "officer-1")
    return hotline, office, handoff


Tamper = Callable[[dict[str, Any]], None]


def disbelieved(desk: MemberClient, tamper: Tamper, ask: Callable[[], Any], match: str) -> None:
    """Ask while answers are tampered with; what was asked must not seem to have been done."""

    def change(request: httpx.Request, members: dict[str, Any]) -> None:
        tamper(members)

    desk.wire.tamper = change
    with pytest.raises(EvidenceMismatch, match=match):
        ask()
    desk.wire.tamper = None


def replay(members: dict[str, Any]) -> Fault:
    """A fault that answers with another request's genuine answer, without asking the gateway."""
    return lambda request, response: httpx.Response(200, json=members)


def members_of(written: ConfirmedWrite) -> dict[str, Any]:
    """A write's answer as it travelled."""
    return {"result": dict(written.result), "receipt": receipt.to_json(written.receipt)}
