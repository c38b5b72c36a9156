"""The conditions of use of a handoff: as they were offered, and as they bind now.

What binds is the stricter of the version that was offered and the case's current one: a
tightening binds at once, and a version that loosens something loosens nothing that was offered
before it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.domain.case import conditions, tightened
from gateway.domain.handoff import Handoff
from gateway.domain.organisation import GatewayNames, OrganisationName
from gateway.exchange.results import Conditions, TightenedElement
from gateway.kernel.values import CaseVersion


@dataclass(frozen=True)
class BindingConditions:
    """The conditions of use that bind now; ``tightened_by`` is the event of the later version of
    the case that made them stricter than they were offered, None where none did."""

    conditions: Conditions
    tightened_by: UUID | None = None
    tightened_elements: Sequence[TightenedElement] = ()


def offered_conditions(
    version: CaseVersion,
    disclosures: Collection[str],
    purpose: Sequence[str],
    transfer_tool: str | None,
) -> dict[str, Any]:
    """The conditions that an offer of a case version states, by what its list discloses of them."""
    disclosed = {
        placed.name: placed.value
        for placed in version.said.placed
        if not placed.in_array and placed.digest in disclosures
    }
    return conditions({**version.said.claims, **disclosed}, purpose, transfer_tool)


def is_released(
    names: GatewayNames, content: Mapping[str, Any], originator: str, recipient: str
) -> bool:
    """Tell whether a case may go to an organisation, where it lists to whom it may: by ids of the
    originator's own gateway, or by URIs of organisations and gateways."""
    listed = content.get("release_to")
    if not listed:
        return True
    home = names.home(recipient)
    own = home == names.home(originator) and OrganisationName(recipient).id in listed
    return own or names.uri(recipient) in listed or home in listed


def binding_conditions(
    handoff: Handoff, offered: CaseVersion, current: CaseVersion
) -> BindingConditions:
    """The conditions that bind the recipient of a handoff of the version ``offered`` while the
    case is at the version ``current``.

    Who set an embargo that came later is not told here: only the offer's list says who may know.
    """
    stated = offered_conditions(
        offered, handoff.permitted_disclosures, handoff.purpose, handoff.transfer_tool
    )
    if current.digest == handoff.case_digest:
        return BindingConditions(Conditions(stated))
    later = conditions(current.summary)
    later.pop("embargo_source", None)
    binding = tightened(stated, later)
    changed = None if binding == stated else current.event
    return BindingConditions(Conditions(binding), changed)
