"""How a handoff came to its recipient when a mandate moved: the offer before it, and the plan.

The gateway re-issued the offer in its originator's name. What rests on more than its word is read
from two parts of the bundle: the offer that the originator had made, and the receipt of the event
that planned the succession.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.domain.audit_event import EventResult
from gateway.evidence import canonical, handoff_documents, sd_jwt
from gateway.evidence.bundle import Bundle
from gateway.evidence.handoff_documents import OFFER_TYP, OfferClaims
from gateway.evidence.receipt import VerifiedReceipt
from gateway.evidence.report import Code, VerificationFailed
from gateway.evidence.trust import AuthoredDocument, TrustAnchors, confirm_receipt, open_document

PLANNED = "succession.planned"

_Bonds = Iterable[tuple[str, Any, Any]]


def earlier(bundle: Bundle, offer: OfferClaims, trust: TrustAnchors) -> AuthoredDocument | None:
    """The offer to the predecessor, which says the same to the same mandate; None without one.

    Raises Failed when it does not, and what `trust.open_document` raises.
    """
    if bundle.succeeded_offer is None:
        return None
    if offer.succeeds is None:
        raise VerificationFailed(
            Code.MISMATCH, "an earlier offer is shown, and the offer follows none"
        )
    signed = open_document(sd_jwt.parse(bundle.succeeded_offer), OFFER_TYP, trust)
    before = handoff_documents.read_offer(signed.verified)
    _compare(
        "the earlier offer",
        (
            ("offer", signed.document.digest, offer.succeeds.offer),
            ("handoff", before.handoff, offer.succeeds.handoff),
            ("office", before.recipient, offer.succeeds.predecessor),
            ("competence", before.competence, offer.competence),
            ("originator", before.author, offer.author),
            ("case version", before.case_digest, offer.case_digest),
            ("set of parts", before.disclosures, offer.disclosures),
        ),
    )
    return signed


def plan(bundle: Bundle, offer: OfferClaims, trust: TrustAnchors) -> VerifiedReceipt | None:
    """The event that planned the succession, which the offer names; None without its receipt.

    Raises Failed for another one, and what `trust.confirm` raises.
    """
    if bundle.succession is None:
        return None
    if offer.succeeds is None:
        raise VerificationFailed(
            Code.MISMATCH, "a plan is shown, and the offer came by no succession"
        )
    found = confirm_receipt(bundle.succession, trust)
    event, said = found.event, _subject(found)
    _compare(
        "the plan of the succession",
        (
            ("event", event["id"], str(offer.succeeds.event)),
            ("kind", (event["typ"], event["result"]), (PLANNED, EventResult.ALLOWED)),
            ("predecessor", said.get("organisation"), offer.succeeds.predecessor),
            ("successor", said.get("successor"), offer.recipient),
            ("competence", said.get("competence"), offer.competence),
        ),
    )
    return found


def told(
    offer: OfferClaims, before: AuthoredDocument | None, planned: VerifiedReceipt | None
) -> str:
    """In words how the handoff came, and what shows it; empty where no succession brought it."""
    succeeds = offer.succeeds
    if succeeds is None:
        return ""
    proof = (
        f"the offer before it, {before.signature()}, says the same"
        if before is not None
        else "the offer before it is not in this file"
    )
    return (
        f"it came by succession: the mandate moved from {succeeds.predecessor} to "
        f"{offer.recipient} by registration event {offer.mandate_event}, planned by event "
        f"{succeeds.event}{_proved(planned)}, and the gateway re-issued handoff "
        f"{succeeds.handoff}; {proof}"
    )


def _proved(planned: VerifiedReceipt | None) -> str:
    """Where the log has the plan, and what the legal act is called."""
    if planned is None:
        return ""
    act = _subject(planned).get("legal_act")
    return f" ({act}; entry {planned.index} of the log {planned.checkpoint.origin})"


def _compare(what: str, bonds: _Bonds) -> None:
    for name, found, expected in bonds:
        if found != expected:
            raise VerificationFailed(Code.MISMATCH, f"{what} is of another {name}")


def _subject(planned: VerifiedReceipt) -> Mapping[str, Any]:
    """What the plan says of itself; nothing where that is not shown."""
    texts = [value for kind, value in planned.opened.shown if kind == "subject"]
    said = canonical.decode(texts[0].encode()) if texts and isinstance(texts[0], str) else {}
    return said if isinstance(said, dict) else {}
