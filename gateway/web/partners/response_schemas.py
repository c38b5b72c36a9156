"""What the partners' endpoints answer, as JSON Schema by name; a test holds answers against it.

That of results is derived from their classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from gateway.evidence.receipt import Receipt
from gateway.exchange import results as exchange
from gateway.kernel.results import ANYTHING, Shape, described, one_of, shape_of
from gateway.registry import results as registry


def _object(**members: Any) -> Shape:
    return {
        "type": "object",
        "required": list(members),
        "properties": {n: m if isinstance(m, dict) else shape_of(m) for n, m in members.items()},
    }


def _several(of: str) -> Shape:
    return {"type": "array", "items": one_of(of)}


def _page(of: str) -> Shape:
    return _object(items=_several(of), next=str | None)


_PROPOSAL = {
    "proposal": UUID,
    "action": str,
    "organisation": str,
    "proposer": str,
    "expires_at": datetime,
    "applied_event": UUID | None,
    "withdrawal_event": UUID | None,
}

SHAPES: Mapping[str, Shape] = {
    **{
        name: described(one)
        for name, one in (vars(exchange) | vars(registry)).items()
        if isinstance(one, type) and is_dataclass(one) and one is not Receipt
    },
    "Conditions": _object(
        tlp=str,
        handling=Sequence[str],
        onward=str,
        permitted_actions=str,
        purpose=Sequence[str],
        erase_on=date,
    ),
    "Cases": _page("CaseSummary"),
    "Handoffs": _page("HandoffSummary"),
    "Successions": _object(items=_several("SuccessionView")),
    "Organisations": _page("ListedOrganisation"),
    "Entries": _page("EntrySummary"),
    "OpenInvitations": _page("OpenInvitation"),
    "Administrators": _object(items=_several("AdministratorEntry")),
    "Changed": {**_object(event=UUID), "additionalProperties": ANYTHING},
    "Proposal": _object(**_PROPOSAL),
    "ProposalInFull": _object(**_PROPOSAL, values=Mapping[str, Any]),
    "Proposals": _page("Proposal"),
    "Enrolled": _object(request=UUID, client_id=str, certificate=str),
}
"""Members may be added to any of them; none is taken away or changes its meaning."""
