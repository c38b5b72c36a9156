"""Verify a file in numbered steps, with a conclusion of facts and an exit code.

Exit codes::

     0  verified
    10  the format of the file is unknown
    11  a signature is not valid
    12  no valid proof that the log contains an event
    13  documents in the file do not match each other
    14  cannot decide: a required key was not provided
    15  evidence is missing
    16  the gateway signed two statements, or two histories of its log, that exclude each other
    17  an act of a party is only the operator's word: its author did not sign it
    18  a demonstration: the reference date was simulated
    19  the gateway let through what was closed

No network, no clock: a report depends only on the files and the trusted keys.
"""

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from gateway.domain.json_values import format_timestamp
from gateway.evidence import (
    canonical,
    handoff_documents,
    membership_attestation,
    receipt,
    sd_jwt,
    seal,
)
from gateway.evidence.handoff_documents import ANSWER_TYP, CASE_TYP, OFFER_TYP, read_time
from gateway.evidence.membership_attestation import MembershipAttestation
from gateway.evidence.sd_jwt import DocumentError, SdJwt, UnknownKey
from gateway.ledger.note import MAX_NOTE_BYTES
from tests.verification.oracle import bundle, history, key_history, report
from tests.verification.oracle.bundle_facts import BundleFacts, sealed_facts, signature_fact
from tests.verification.oracle.history import LogHistory
from tests.verification.oracle.key_history import KeyHistory
from tests.verification.oracle.trust import (
    AuthoredDocument,
    TrustAnchors,
    confirm_receipt,
    of_known,
    open_document,
    read_unverified_claims,
)

_TYPES = {CASE_TYP: "case version", OFFER_TYP: "offer", ANSWER_TYP: "answer"}


def remembered_history(trust: TrustAnchors) -> LogHistory:
    """The history of the logs as far as the verifier remembers checkpoints of them.

    ForkedLog when these contradict each other; NoteError for a note that no trusted log signed.
    """
    keys = [key for one in (trust, *trust.others) for key in one.log_keys]
    notes = [note for one in (trust, *trust.others) for note in one.checkpoints]
    return LogHistory(history.read_tree(note, keys) for note in notes)


def verify(
    data: bytes,
    trust: TrustAnchors,
    *,
    log_history: LogHistory | None = None,
    require_signed: bool = False,
) -> report.VerificationReport:
    """Verify a file of any format that Casegate writes.

    ``log_history`` is what other files said of the logs, and takes in what this one says. With
    ``require_signed`` a document that the gateway signed for its author fails.
    """
    try:
        known = remembered_history(trust) if log_history is None else log_history
        members = _members_of(data)
    except ValueError as error:
        return _unknown(str(error))
    if members is None:
        if membership_attestation.looks_like(_text_of(data)):
            return verify_status(data, trust)
        return verify_presentation(data, trust, require_signed=require_signed)
    if "format" in members:
        return verify_bundle(data, trust, log_history=known, require_signed=require_signed)
    return verify_receipt(data, trust, log_history=known)


def _members_of(data: bytes) -> dict[str, Any] | None:
    """The members of a JSON file, None for a signed text; ValueError says what else it is."""
    start = data.lstrip()[:4]
    if len(data) > bundle.MAX_BYTES:
        raise ValueError(f"the file is longer than {bundle.MAX_BYTES} bytes")
    if start.startswith(b"eyJ"):
        return None
    if start.startswith(b"{"):
        try:
            members: dict[str, Any] = canonical.decode(data)
        except ValueError as error:
            raise ValueError(f"the JSON cannot be read: {error}") from None
        if members.keys() == {"result", "receipt"}:
            raise ValueError(_not_a_proof("an answer: keep its member 'receipt' as a file"))
        return members
    known = {
        b"": "empty",
        b"%PDF": "a PDF",
        b"PK\x03\x04": "a ZIP archive",
        b"\xff\xfe": "UTF-16",
        b"c2sp": "a proof without its event",
    }
    kind = next((name for first, name in known.items() if start[: len(first) or 4] == first), "")
    if not kind and b"\n\n\xe2\x80\x94 " in data[:MAX_NOTE_BYTES]:
        kind = "a checkpoint"
    raise ValueError(_not_a_proof(kind or "something else"))


def _not_a_proof(kind: str) -> str:
    return f"the file is {kind}, not a receipt, a signed document or a bundle"


def verify_bundle(
    data: bytes,
    trust: TrustAnchors,
    *,
    log_history: LogHistory | None = None,
    require_signed: bool = False,
) -> report.VerificationReport:
    """Verify all documents and receipts of a bundle, each and against each other."""
    known = LogHistory() if log_history is None else log_history
    exchange = BundleFacts(data, trust, known)
    steps = exchange.steps()
    if require_signed:
        steps.append((_SIGNED, lambda: _require_signed(exchange.acts())))
    return report.run_steps("bundle", steps, exchange.conclude)


_SIGNED = "Every document is signed by its author"


def _require_signed(documents: Iterable[AuthoredDocument]) -> str:
    attested = sorted({one.author for one in documents if one.attested})
    if attested:
        raise report.VerificationFailed(
            report.Code.ATTESTED, f"the gateway signed on behalf of {' and '.join(attested)}"
        )
    return ""


def verify_receipt(
    data: bytes, trust: TrustAnchors, *, log_history: LogHistory | None = None
) -> report.VerificationReport:
    """Verify a receipt file (JSON, with the members of receipt.to_json)."""
    try:
        result: receipt.VerifiedReceipt | receipt.ReceiptError = confirm_receipt(
            receipt.parse(data), trust
        )
    except receipt.ReceiptError as error:
        result = error

    def unless(
        refusal: type[receipt.ReceiptError], found: Callable[[receipt.VerifiedReceipt], str]
    ) -> Callable[[], str]:
        def check() -> str:
            if isinstance(result, refusal):
                raise result
            return found(result) if isinstance(result, receipt.VerifiedReceipt) else ""

        return check

    def compare(confirmed: receipt.VerifiedReceipt) -> str:
        if log_history is not None:
            log_history.add([history.of_receipt(confirmed)])
        return ""

    def conclude() -> report.Conclusion:
        if not isinstance(result, receipt.VerifiedReceipt):
            raise result
        return _receipt_conclusion(result)

    steps = [
        (
            "The file is a receipt",
            unless(receipt.MalformedReceipt, lambda c: f"event {c.event['id']}"),
        ),
        (
            "The log of the event is trusted",
            unless(receipt.UnknownLog, lambda c: str(c.event["log"])),
        ),
        ("Every disclosure belongs to the event", unless(receipt.UnmatchedDetail, _disclosed)),
        ("The log contains the event", unless(receipt.NotInLog, lambda c: f"entry {c.index}")),
        ("The log has one history", unless(receipt.ReceiptError, compare)),
    ]
    return report.run_steps("receipt", steps, conclude)


def verify_presentation(
    data: bytes, trust: TrustAnchors, *, require_signed: bool = False
) -> report.VerificationReport:
    """Verify one signed document (compact SD-JWT): a case version, an offer or an answer."""
    presentation = DocumentVerification(data, trust)
    steps = [
        ("The file is a signed document", presentation.read),
        ("The signature is valid", presentation.check),
        ("Every disclosure belongs to the document", presentation.show),
        ("Origin of the key", presentation.trace_key),
        ("Undisclosed elements are counted", presentation.count_withheld),
    ]
    if require_signed:
        steps.append((_SIGNED, lambda: _require_signed([presentation.signed])))
    return report.run_steps("presentation", steps, presentation.conclude)


def verify_status(data: bytes, trust: TrustAnchors) -> report.VerificationReport:
    """Verify a membership attestation of the gateway."""
    attestation: MembershipAttestation

    def check() -> str:
        nonlocal attestation
        issuer = str(membership_attestation.read_issuer(_text_of(data)))
        keys = trust.of_gateway(issuer).gateway_keys
        if not keys:
            raise UnknownKey("no key was provided for what the gateway attests")
        attestation = membership_attestation.verify(_text_of(data), keys)
        return f"attested by the gateway, key {attestation.kid}"

    def describe() -> str:
        return attestation.describe()

    steps = [
        ("The gateway signed the attestation, and its form is valid", check),
        ("The attestation names an organisation and an expiry time", describe),
    ]
    return report.run_steps("status", steps, lambda: _status_conclusion(attestation))


def _status_conclusion(mark: MembershipAttestation) -> report.Conclusion:
    values = {
        "issuer": mark.issuer,
        "organisation": mark.organisation,
        "status": mark.status,
        "membership": mark.membership,
        "at": format_timestamp(mark.issued),
        "end": format_timestamp(mark.ends),
    }
    simulated = [] if mark.simulated is None else [mark.simulated.isoformat()]
    return report.Conclusion(
        [],
        [report.Fact("membership", values)],
        [
            report.Fact("membership.later"),
            *([report.Fact("simulated", {"dates": simulated})] if simulated else []),
        ],
        report.Code.SIMULATED if simulated else report.Code.VERIFIED,
    )


def _text_of(data: bytes) -> str:
    # Two characters more than may be: enough to see that it is too long.
    text = data[: sd_jwt.MAX_TEXT + 2].decode("ascii", errors="replace")
    return text.removesuffix("\n")


def _unknown(detail: str) -> report.VerificationReport:
    def fail() -> NoReturn:
        raise report.VerificationFailed(report.Code.UNKNOWN_FORMAT, detail)

    return report.run_steps("unknown", [("The format of the file is known", fail)], fail)


def _receipt_conclusion(confirmed: receipt.VerifiedReceipt) -> report.Conclusion:
    fields, withheld = confirmed.event, confirmed.opened.withheld
    simulated = fields.get("simulated_date")
    names = ("type", "result", "handoff", "case_digest", "document_sha256", "id")
    values = {
        "log": fields["log"],
        "at": fields["time"],
        "entry": confirmed.index,
        "size": confirmed.checkpoint.size,
        **{name: fields[name] for name in names if name in fields},
    }
    extra: dict[str, Any] = {}
    for kind, value in confirmed.opened.shown:
        extra.setdefault(kind, []).append(value)
    return report.Conclusion(
        [report.Fact("recorded" if confirmed.allowed else "recorded.attempt", values, extra)],
        [report.Fact("recorded.word"), report.Fact("times")],
        [
            *([report.Fact("withheld.event", {"number": withheld})] if withheld else []),
            *([report.Fact("simulated", {"dates": [simulated]})] if simulated else []),
        ],
        report.Code.SIMULATED if simulated else report.Code.VERIFIED,
    )


def _disclosed(confirmed: receipt.VerifiedReceipt) -> str:
    return "; ".join(f"{kind}: {_text(value)}" for kind, value in confirmed.opened.shown)


def _text(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{name} {_text(member)}" for name, member in value.items())
        case list():
            return ", ".join(_text(element) for element in value)
        case _:
            return str(value)


class DocumentVerification:
    """One signed document; a method for each step."""

    document: SdJwt
    typ: str
    signed: AuthoredDocument
    act: report.Fact
    content: dict[str, Any]
    keys: KeyHistory
    statuses: list[key_history.KeyStatus]

    def __init__(self, data: bytes, trust: TrustAnchors) -> None:
        self._data, self._trust = data, trust

    def read(self) -> str:
        self.document = sd_jwt.parse(_text_of(self._data))
        self.typ = str(read_unverified_claims(self.document).header.get("typ"))
        if self.typ not in _TYPES:
            raise DocumentError("the type of the document is unknown")
        return f"{_TYPES[self.typ]}, digest {self.document.digest}"

    def check(self) -> str:
        return open_document(self.document.present(()), self.typ, self._trust).signature()

    def show(self) -> str:
        self.signed = open_document(self.document, self.typ, self._trust)
        self.act, self.content = self._act(), sd_jwt.merge_disclosures(self.signed.verified)
        names = ", ".join(placed.name for placed in self.signed.verified.placed)
        return "; ".join(filter(None, [names, self._sealed()]))

    def _sealed(self) -> str:
        return seal.describe(seal.shown(self.signed.verified)) if self.typ == CASE_TYP else ""

    def trace_key(self) -> str:
        signed, trust = [self.signed], self._trust
        registered = key_history.registrations(signed, trust.registrations, trust)
        revoked = key_history.revocations(signed, trust.revocations, trust)
        found = key_history.newest_status(
            of_known(key_history.read_status, trust.key_statuses, trust), signed
        )
        key_history.require_consistent(found, revoked)
        # What was signed of a key before the document says nothing of the day of the document.
        signed_at = read_time(self.signed.verified.claims)
        self.statuses = [one for one in found if one.at >= signed_at]
        unrevoked = {(one.organisation, one.kid) for one in self.statuses}
        # When the document came into the log, it does not show by itself.
        self.keys = KeyHistory(signed, registered, revoked, revoked, unrevoked)
        return self.keys.describe()

    def count_withheld(self) -> str:
        return str(self.signed.verified.withheld)

    def conclude(self) -> report.Conclusion:
        """Whose document it is, what it says, and what it does not show."""
        signed = self.signed
        statuses = [one.fact() for one in self.statuses]
        placed = len(signed.verified.placed)
        facts = [self.act, signature_fact(signed, None)]
        proved = [*self.keys.proved(), report.Fact("elements.document", {"shown": placed})]
        if self.typ == CASE_TYP:
            proved += sealed_facts(signed)
        return report.Conclusion(
            [*([] if signed.attested else facts), *proved],
            [*(facts if signed.attested else []), *statuses, report.Fact("times")],
            [
                *self.keys.not_proved(),
                report.Fact("unlogged"),
                report.Fact("withheld.document", {"number": signed.verified.withheld}),
            ],
            report.Code.ATTESTED if signed.attested else report.Code.VERIFIED,
            shown=self.content,
        )

    def _act(self) -> report.Fact:
        """What its author says with the document."""
        signed, claims = self.signed, self.signed.verified.claims
        values: dict[str, Any] = {
            "at": format_timestamp(read_time(claims)),
            "by": signed.author,
            "digest": signed.document.digest,
        }
        if self.typ == CASE_TYP:
            values |= {"case": str(claims.get("case")), "version": claims.get("version", 1)}
            return report.Fact("case", values)
        values["handoff"] = str(claims.get("handoff"))
        extra = signed.verified.disclosed
        if self.typ == OFFER_TYP:
            values["to"] = handoff_documents.read_offer(signed.verified).recipient
            return report.Fact("offer.alone", values, extra)
        kind = handoff_documents.read_answer(signed.verified).kind
        partial = kind == "acceptance" and "groups" in extra
        return report.Fact("acceptance.partial" if partial else kind, values, extra)
