"""What policy reads of an offer that crosses from one gateway to another: the agreement, the
release list, and whom a peer gateway may know of."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.domain.decision import Value
from gateway.domain.organisation import EEA, Organisation, OrganisationName
from gateway.kernel.request import RequestContext


def facts_of_crossing(
    context: RequestContext,
    content: Mapping[str, Any],
    originator: Organisation,
    recipient: Organisation,
    purpose: Sequence[str],
) -> dict[str, Value]:
    """Return the facts of an offer between members of two gateways; none where both are here.

    What is not stated is not so: policy lets nothing cross by a fact that is missing.
    """
    far = recipient if OrganisationName(recipient.slug).peer else originator
    alias = OrganisationName(far.slug).peer
    if alias is None:
        return {}
    gateway, names = context.require(alias), context.names
    agreement = gateway.peer and gateway.peer.agreement_on(context.today.day)
    if not agreement or not far.is_attested(context.now):
        return {}
    out, tool = far is recipient, agreement.transfer_tool
    listed = content.get("release_to") or ()
    return {
        "agreed": (not out or gateway.country in EEA or tool is not None)
        and agreement.covers(
            "out" if out else "in",
            kind=far.kind,
            matters=content["matter"],
            purposes=purpose,
            tlp=content["tlp"],
        ),
        "attested_agreed": agreement.assurance == "any",
        "leaves": names.uri(recipient.slug) in listed or names.home(recipient.slug) in listed,
        "visible": alias in recipient.shown_to,
    }
