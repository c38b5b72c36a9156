"""What the log's receipt must say before an answer is believed.

A receipt proves that an event is in the log. That it is the event of this very request is shown by
its type, result, handoff and person, and by the digests of the documents in the answer.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gateway.client import documents
from gateway.client.connection import PartnerConnection
from gateway.client.documents import require
from gateway.client.errors import ClientError, EvidenceMismatch, raising
from gateway.client.local_state import PendingWrite
from gateway.domain.answers import KIND_OF_ACTION
from gateway.domain.audit_event import READABLE_EVENTS, EventResult
from gateway.domain.organisation import OrganisationName
from gateway.evidence import receipt as receipts
from gateway.evidence import sd_jwt
from gateway.evidence.handoff_moves import SENT
from gateway.evidence.receipt import Receipt, ReceiptError, VerifiedReceipt
from gateway.verification import key_history, mandates
from gateway.verification.chain import VerifiedAnswer, VerifiedOffer
from gateway.verification.mandates import RegisteredMandate
from gateway.verification.stream import StreamHead, read_head
from gateway.verification.trust import (
    AuthoredDocument,
    TrustAnchors,
    confirm_receipt,
)

_STEPS = frozenset({"case.assess", "case.clear", "case.close"})


def confirm(receipt: Receipt, connection: PartnerConnection) -> VerifiedReceipt:
    """Verify a receipt against the pinned key of the log, or one that follows it, which is looked
    for once; EvidenceMismatch when it fails."""
    try:
        with suppress(ReceiptError):
            return receipts.verify(receipt, connection.trust.log_keys, connection.log_key.name)
        with suppress(ClientError):
            connection.learn_keys()
        return receipts.verify(receipt, connection.trust.log_keys, connection.log_key.name)
    except ReceiptError as error:
        raise EvidenceMismatch(
            f"the receipt does not verify ({error}): what was asked may have been done; keep the "
            "answer, and ask the gateway's operator"
        ) from None


def confirm_of(
    organisation: str, receipt: Receipt, connection: PartnerConnection
) -> VerifiedReceipt:
    """Verify a receipt of what is registered of an organisation, by the log of its own gateway."""
    if connection.home(organisation) == connection.issuer:
        return confirm(receipt, connection)
    with raising(EvidenceMismatch, "the receipt of a peer gateway does not verify"):
        return confirm_receipt(receipt, connection.trust.home(organisation))


def read_receipt(members: Any) -> Receipt:
    """Read a receipt; EvidenceMismatch when the answer has none that can be read."""
    with raising(EvidenceMismatch, "the answer comes without a receipt"):
        return receipts.from_json(members)


def confirm_write(
    write: PendingWrite, connection: PartnerConnection, result: Mapping[str, Any], receipt: Receipt
) -> VerifiedReceipt:
    """The receipt is that of this write, and of the documents in its result."""
    confirmed = confirm(receipt, connection)
    event = confirmed.event
    require(event["result"] == EventResult.ALLOWED, "the receipt is of a refused request")
    require(event.get("handoff") == write.handoff, "the receipt is of another handoff")
    typ = READABLE_EVENTS[write.action][0]
    sent = confirmed.type == SENT and confirmed.subject().get("action") == write.action
    known = event["type"] == typ or sent  # to the gateway that decides its handoff
    require(known, "the receipt is of another kind of request")
    _check_party(confirmed, connection)
    _check_by(write, confirmed)
    _check_documents(write, result, event, connection)
    return confirmed


def confirm_refusal(
    action: str, write: PendingWrite | None, connection: PartnerConnection, receipt: Receipt
) -> VerifiedReceipt:
    """The receipt of a refusal is of this request, and says that nothing was done."""
    confirmed = confirm(receipt, connection)
    event = confirmed.event
    require(
        event["result"] != EventResult.ALLOWED, "the receipt of a refusal says that it was allowed"
    )
    require(
        event["type"] == READABLE_EVENTS[action][0], "the receipt is of another kind of request"
    )
    _check_party(confirmed, connection)
    if write is not None:
        own = (None, write.handoff)
        require(event.get("handoff") in own, "the receipt is of another handoff")
        _check_by(write, confirmed)
    return confirmed


def confirm_change(
    actions: Set[str], connection: PartnerConnection, receipt: Receipt, *, made: bool
) -> VerifiedReceipt:
    """The receipt is of a change of the registry by one of these actions, and says that it was
    made, or not."""
    confirmed = confirm(receipt, connection)
    event = confirmed.event
    allowed = event["result"] == EventResult.ALLOWED
    require(allowed is made, "the answer and its receipt differ in whether it was allowed")
    known = {READABLE_EVENTS[action][0] for action in actions}
    require(event["type"] in known, "the receipt is of another kind of change")
    return confirmed


def confirm_event(event: str, receipt: Receipt, connection: PartnerConnection) -> VerifiedReceipt:
    """The receipt is that of the event that was asked for, and this organisation is a party."""
    confirmed = confirm(receipt, connection)
    require(confirmed.event["id"] == event, "the receipt is of another event")
    _check_party(confirmed, connection)
    return confirmed


def confirm_key(
    receipt: Receipt,
    organisation: str,
    kid: str,
    connection: PartnerConnection,
    verify: Callable[
        [Receipt, TrustAnchors], key_history.KeyRegistration | key_history.KeyRevocation
    ],
) -> VerifiedReceipt:
    """The receipt is that of the event that ``verify`` reads, of this key of this organisation."""
    confirm_of(organisation, receipt, connection)
    with raising(EvidenceMismatch, "the event of a key is not valid"):
        found = verify(receipt, connection.trust)
    same = (found.organisation, found.kid) == (OrganisationName(organisation).id, kid)
    require(same, "the event is that of another key")
    return found.confirmed


def confirm_requirements(
    receipts: Sequence[Receipt], organisation: str, connection: PartnerConnection
) -> list[key_history.SigningRequirement]:
    """The receipts are of the events by which this organisation required its own signature."""
    for one in receipts:
        confirm_of(organisation, one, connection)
    with raising(EvidenceMismatch, "a requirement to sign is not valid"):
        found = key_history.signing_requirements(receipts, connection.trust)
    require(
        all(one.organisation == OrganisationName(organisation).id for one in found),
        "the requirement to sign is that of another organisation",
    )
    return found


def confirm_mandate(
    receipt: Receipt,
    ends: Sequence[Receipt],
    organisation: str,
    event: str,
    connection: PartnerConnection,
) -> RegisteredMandate:
    """The receipt is that of this event, which registered a mandate of this organisation.

    It ends as the first of ``ends`` says that ended it.
    """
    confirmed = confirm_of(organisation, receipt, connection)
    require(confirmed.event["id"] == event, "the receipt is of another event")
    with raising(EvidenceMismatch, "the registration of a mandate is not valid"):
        found = mandates.read(confirmed)
        over = [mandates.read_end(confirm_of(organisation, one, connection)) for one in ends]
    own = found.organisation == OrganisationName(organisation).id
    require(own, "the mandate is that of another organisation")
    days = [one.day for one in over if one.of(found)]
    return replace(found, end=min(days)) if days else found


def confirm_plan(
    receipt: Any, event: str, plan: Mapping[str, Any], connection: PartnerConnection
) -> None:
    """The plan of a succession is the one that this event recorded, each word of it."""
    confirmed = confirm(read_receipt(receipt), connection)
    require(confirmed.event["id"] == event, "the receipt is of another event")
    with raising(EvidenceMismatch, "the plan of the succession is not valid"):
        recorded = mandates.read_plan(confirmed)
    require(recorded == plan, "the succession shown is another one than its event recorded")


def confirm_key_status(
    text: str, organisation: str, kid: str, connection: PartnerConnection
) -> key_history.KeyStatus:
    """The gateway signed that this key of this organisation was not revoked."""
    with raising(EvidenceMismatch, "the status of a key is not valid"):
        found = key_history.read_status(text, connection.trust)
    named = (OrganisationName(organisation).id, kid, connection.home(organisation))
    same = (found.organisation, found.kid, found.gateway) == named
    require(same, "the status is that of another key")
    return found


def confirm_end(page: Mapping[str, Any], connection: PartnerConnection) -> StreamHead:
    """The gateway's signed statement of where this organisation's stream ends."""
    try:
        end = read_head(str(page.get("signed_head")), connection.trust)
    except ValueError as error:
        raise EvidenceMismatch(
            f"the statement of the stream's end does not verify ({error}): keep the answer, and "
            "ask the gateway's operator"
        ) from None
    require(
        (end.organisation, end.stream_number) == (connection.organisation, page.get("head")),
        "the statement of the stream's end is about another stream, or another end",
    )
    return end


def _check_party(confirmed: VerifiedReceipt, connection: PartnerConnection) -> None:
    require(
        bool(confirmed.stream_numbers(connection.organisation)),
        "the receipt does not name this organisation as a party",
    )


def _check_by(write: PendingWrite, confirmed: VerifiedReceipt) -> None:
    require(
        confirmed.details("by") == (write.asked["by"],),
        "the receipt is of a request by somebody else",
    )


def _named_here(write: PendingWrite, connection: PartnerConnection) -> dict[str, Any]:
    """Return what was asked, the recipient by its name here: a signed offer has an id of its
    audience."""
    asked, to = write.asked, write.asked.get("to", {})
    if write.document is None or "organisation" not in to:
        return asked
    audience = sd_jwt.read_own(write.document).claims["aud"]
    named = connection.trust.name_at(audience, to["organisation"], connection.issuer)
    return {**asked, "to": {**to, "organisation": named}}


def _check_documents(
    write: PendingWrite,
    result: Mapping[str, Any],
    event: Mapping[str, Any],
    connection: PartnerConnection,
) -> None:
    """Each document in the result is the one that the event records."""
    asked = _named_here(write, connection)
    if write.action in ("case.submit", "case.revise"):
        case = documents.check_case(result.get("document"), asked, connection)
        _same(event, case_digest=case.document.digest)
        _same(result, digest=case.document.digest)
        _check_own(write, case)
    elif write.action in _STEPS:
        _same(event, case_digest=result.get("digest"))
    elif write.action in ("handoff.offer", "handoff.update"):
        text, handoff = result.get("offer"), str(write.handoff)
        offered = (
            documents.check_offer(text, asked, connection)
            if write.action == "handoff.offer"
            else documents.check_update(text, handoff, asked, connection)
        )
        _same_statement(event, offered)
        _same(result, permitted_disclosures=sorted(offered.claims.disclosures))
        _check_own(write, offered.signed)
    elif write.action == "case.recall":
        _same(event, document_sha256=result.get("digest"))
        if result.get("document") is not None:  # it ended with the case, where that was erased
            recall = documents.check_recall(result["document"], write.path, asked, connection)
            _same(result, digest=recall.document.digest)
            _check_own(write, recall)
    elif write.action in KIND_OF_ACTION:
        text = result.get("document")
        answer = documents.check_answer(text, write.action, asked, connection)
        _same_statement(event, answer)
        _check_own(write, answer.signed)
    elif write.action == "succession.approve" and write.document is not None:
        _same(event, document_sha256=write.document.digest)


def _same_statement(event: Mapping[str, Any], made: VerifiedOffer | VerifiedAnswer) -> None:
    """An offer or an answer is the one that the event records; one that was sent tells of the
    package that the handoff had."""
    of = {"document_sha256": made.digest, "handoff": str(made.claims.handoff)}
    package = {
        "case_digest": made.claims.case_digest,
        "package_digest": made.claims.package_digest,
    }
    _same(event, **of, **({} if event["type"] == SENT else package))


def _check_own(write: PendingWrite, recorded: AuthoredDocument) -> None:
    """Require that what we signed is what was recorded."""
    own = write.document
    if own is not None:
        require(own.digest == recorded.document.digest, "another document was recorded than ours")


def _same(fields: Mapping[str, Any], **expected: Any) -> None:
    for name, value in expected.items():
        require(
            value is not None and fields.get(name) == value,
            f"the answer and its receipt differ in {name}",
        )
