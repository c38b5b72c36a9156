"""What the log's receipt must say before an answer is believed.

A receipt proves that an event is in the log. That it is the event of this very request is shown by
its type, result, handoff and person, and by the digests of the documents in the answer.
"""

from collections.abc import Mapping
from typing import Any

from gateway.client import documents
from gateway.client.connection import Connection
from gateway.client.documents import require
from gateway.client.errors import ReceiptMismatch
from gateway.client.outbox import Write
from gateway.domain.answers import KIND_OF_ACTION
from gateway.domain.facts import EVENTS, Result
from gateway.evidence import receipt as receipts
from gateway.evidence import revocation
from gateway.evidence.event import PARTY
from gateway.evidence.origin import Origin, trace
from gateway.evidence.receipt import Confirmed, Receipt, ReceiptError
from gateway.evidence.revocation import Revocation
from gateway.evidence.steps import Failed
from gateway.evidence.stream import StreamHead, read_head
from gateway.evidence.trust import Signed

_STEPS = frozenset({"case.assess", "case.clear", "case.close"})


def confirm(receipt: Receipt, connection: Connection) -> Confirmed:
    """Verify a receipt against the pinned key of the log; ReceiptMismatch when it fails."""
    try:
        return receipts.verify(receipt, connection.trust.log_keys, connection.log_key.name)
    except ReceiptError as error:
        raise ReceiptMismatch(
            f"the receipt does not verify ({error}): what was asked may have been done; keep the "
            "answer, and ask the gateway's operator"
        ) from None


def read_receipt(members: Any) -> Receipt:
    """Read a receipt; ReceiptMismatch when the answer has none that can be read."""
    try:
        return receipts.from_json(members)
    except ReceiptError as error:
        raise ReceiptMismatch(f"the answer comes without a receipt: {error}") from None


def confirm_write(
    write: Write, result: Mapping[str, Any], receipt: Receipt, connection: Connection
) -> Confirmed:
    """The receipt is that of this write, and of the documents in its result."""
    confirmed = confirm(receipt, connection)
    event = confirmed.event
    require(event["result"] == Result.ALLOWED, "the receipt is of a refused request")
    require(event.get("handoff") == write.handoff, "the receipt is of another handoff")
    typ = EVENTS[write.action][0]
    require(event["typ"] == typ, "the receipt is of another kind of request")
    _check_party(confirmed, connection)
    _check_by(write, confirmed)
    _check_documents(write, result, event, connection)
    return confirmed


def confirm_refusal(
    action: str,
    receipt: Receipt,
    connection: Connection,
    write: Write | None = None,
) -> Confirmed:
    """The receipt of a refusal is of this request, and says that nothing was done."""
    confirmed = confirm(receipt, connection)
    event = confirmed.event
    require(event["result"] != Result.ALLOWED, "the receipt of a refusal says that it was allowed")
    require(event["typ"] == EVENTS[action][0], "the receipt is of another kind of request")
    _check_party(confirmed, connection)
    if write is not None:
        own = (None, write.handoff)
        require(event.get("handoff") in own, "the receipt is of another handoff")
        _check_by(write, confirmed)
    return confirmed


def confirm_event(event: str, receipt: Receipt, connection: Connection) -> Confirmed:
    """The receipt is that of the event that was asked for, and this organisation is a party."""
    confirmed = confirm(receipt, connection)
    require(confirmed.event["id"] == event, "the receipt is of another event")
    _check_party(confirmed, connection)
    return confirmed


def confirm_key(receipt: Receipt, organisation: str, kid: str, connection: Connection) -> Origin:
    """The receipt is that of the event that registered this key of this organisation."""
    confirm(receipt, connection)
    try:
        origin = trace(receipt, connection.trust)
    except (ReceiptError, Failed) as error:
        raise ReceiptMismatch(f"the registration of a key is not valid: {error}") from None
    require(
        (origin.organisation, origin.kid) == (organisation, kid),
        "the registration is that of another key",
    )
    return origin


def confirm_revocation(
    receipt: Receipt, organisation: str, kid: str, connection: Connection
) -> Revocation:
    """The receipt is that of the event that revoked this key of this organisation."""
    confirm(receipt, connection)
    try:
        found = revocation.trace(receipt, connection.trust)
    except (ReceiptError, Failed) as error:
        raise ReceiptMismatch(f"the revocation of a key is not valid: {error}") from None
    require(
        (found.organisation, found.kid) == (organisation, kid),
        "the revocation is that of another key",
    )
    return found


def confirm_end(page: Mapping[str, Any], connection: Connection) -> StreamHead:
    """The gateway's signed statement of where this organisation's stream ends."""
    try:
        end = read_head(str(page.get("statement")), connection.trust)
    except ValueError as error:
        raise ReceiptMismatch(
            f"the statement of the stream's end does not verify ({error}): keep the answer, and "
            "ask the gateway's operator"
        ) from None
    require(
        (end.organisation, end.pseq) == (connection.organisation, page.get("head")),
        "the statement of the stream's end is about another stream, or another end",
    )
    return end


def own_place(confirmed: Confirmed, connection: Connection) -> int | None:
    """The event's place in this organisation's own stream; None when the receipt does not say."""
    for kind, value in confirmed.opened.shown:
        if kind == PARTY and value["organisation"] == connection.organisation:
            return int(value["pseq"])
    return None


def _check_party(confirmed: Confirmed, connection: Connection) -> None:
    require(
        own_place(confirmed, connection) is not None,
        "the receipt does not name this organisation as a party",
    )


def _check_by(write: Write, confirmed: Confirmed) -> None:
    by = [value for kind, value in confirmed.opened.shown if kind == "by"]
    require(by == [write.asked["by"]], "the receipt is of a request by somebody else")


def _check_documents(
    write: Write, result: Mapping[str, Any], event: Mapping[str, Any], connection: Connection
) -> None:
    """Each document in the result is the one that the event records."""
    asked = write.asked
    if write.action == "case.submit":
        case = documents.check_case(result.get("document"), asked, connection)
        _same(event, case_digest=case.document.digest)
        _same(result, digest=case.document.digest)
        _check_own(write, case)
    elif write.action in _STEPS:
        _same(event, case_digest=result.get("digest"))
    elif write.action == "handoff.offer":
        offered = documents.check_offer(result.get("offer"), asked, connection)
        _same(
            event,
            stmt_sha256=offered.signed.document.digest,
            case_digest=offered.offer.case_digest,
            package=offered.offer.package,
        )
        _same(result, permitted=sorted(offered.offer.disclosures))
    elif write.action in KIND_OF_ACTION:
        signed, answer = documents.check_answer(
            result.get("statement"), write.action, asked, connection
        )
        _same(
            event,
            stmt_sha256=signed.document.digest,
            case_digest=answer.case_digest,
            package=answer.package,
            handoff=str(answer.handoff),
        )
        _check_own(write, signed)
    elif write.action == "succession.approve" and write.document is not None:
        _same(event, stmt_sha256=write.document.digest)


def _check_own(write: Write, recorded: Signed) -> None:
    """What we signed is what was recorded."""
    own = write.document
    if own is not None:
        require(own.digest == recorded.document.digest, "another document was recorded than ours")


def _same(said: Mapping[str, Any], **expected: Any) -> None:
    for name, value in expected.items():
        require(
            value is not None and said.get(name) == value,
            f"the answer and its receipt differ in {name}",
        )
