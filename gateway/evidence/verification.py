"""Verify a file in numbered steps, with a conclusion and an exit code.

Exit codes::

     0  verified
    10  the format of the file is unknown
    11  a signature is not valid
    12  no valid proof that the log contains an event, or a document has no receipt
    13  documents in the file do not match each other
    14  cannot decide: a required key was not provided
    15  evidence is missing (streams and copies of the log)
    16  the gateway signed two incompatible documents (streams and copies of the log)

No network, no clock: a report depends only on the file and the trusted keys.
"""

from collections.abc import Callable
from typing import Any

from gateway.evidence import (
    bundle,
    canonical,
    key_history,
    membership_attestation,
    receipt,
    sd_jwt,
    seal,
)
from gateway.evidence.bundle_verification import BundleVerification
from gateway.evidence.handoff_documents import ANSWER_TYP, CASE_TYP, OFFER_TYP
from gateway.evidence.membership_attestation import MembershipAttestation
from gateway.evidence.receipt import (
    MalformedReceipt,
    NotInLog,
    ReceiptError,
    UnknownLog,
    UnmatchedDetail,
    VerifiedReceipt,
)
from gateway.evidence.report import (
    Code,
    StepResult,
    VerificationFailed,
    VerificationReport,
    VerificationStep,
    pluralise,
    run_steps,
)
from gateway.evidence.sd_jwt import DocumentError, SdJwt, UnknownKey
from gateway.evidence.trust import (
    AuthoredDocument,
    TrustAnchors,
    attestation_note,
    confirm_receipt,
    open_document,
    read_unverified_claims,
)

__all__ = [
    "Code",
    "StepResult",
    "TrustAnchors",
    "VerificationReport",
    "VerificationStep",
    "verify",
    "verify_bundle",
    "verify_presentation",
    "verify_receipt",
    "verify_status",
]

_TYPES = {CASE_TYP: "case version", OFFER_TYP: "offer", ANSWER_TYP: "answer"}


def verify(data: bytes, trust: TrustAnchors) -> VerificationReport:
    """Verify a file of any format that Casegate writes."""
    if len(data) > bundle.MAX_BYTES:
        return _unknown(f"the file is longer than {bundle.MAX_BYTES} bytes")
    if not data.lstrip().startswith(b"{"):
        if membership_attestation.looks_like(_text_of(data)):
            return verify_status(data, trust)
        return verify_presentation(data, trust)
    try:
        members = canonical.decode(data)
    except ValueError as error:
        return _unknown(f"the JSON cannot be read: {error}")
    return verify_bundle(data, trust) if "format" in members else verify_receipt(data, trust)


def verify_bundle(data: bytes, trust: TrustAnchors) -> VerificationReport:
    """Verify all documents and receipts of a bundle, each and against each other."""
    exchange = BundleVerification(data, trust)
    return run_steps("bundle", exchange.steps(), exchange.conclude)


def verify_receipt(data: bytes, trust: TrustAnchors) -> VerificationReport:
    """Verify a receipt file (JSON, with the members of receipt.to_json)."""
    try:
        result: VerifiedReceipt | ReceiptError = confirm_receipt(receipt.parse(data), trust)
    except ReceiptError as error:
        result = error

    def unless(
        refusal: type[ReceiptError], found: Callable[[VerifiedReceipt], str]
    ) -> Callable[[], str]:
        def check() -> str:
            if isinstance(result, refusal):
                raise result
            return found(result) if isinstance(result, VerifiedReceipt) else ""

        return check

    steps = [
        ("The file is a receipt", unless(MalformedReceipt, lambda c: f"event {c.event['id']}")),
        ("The log of the event is trusted", unless(UnknownLog, lambda c: str(c.event["log"]))),
        ("Every disclosure belongs to the event", unless(UnmatchedDetail, _disclosed)),
        ("The log contains the event", unless(NotInLog, lambda c: f"entry {c.index}")),
    ]
    return run_steps("receipt", steps, unless(ReceiptError, _receipt_sentence))


def verify_presentation(data: bytes, trust: TrustAnchors) -> VerificationReport:
    """Verify one signed document (compact SD-JWT): a case version, an offer or an answer."""
    presentation = DocumentVerification(data, trust)
    steps = [
        ("The file is a signed document", presentation.read),
        ("The signature is valid", presentation.check),
        ("Every disclosure belongs to the document", presentation.show),
        ("Origin of the key", presentation.trace_key),
        ("Undisclosed elements are counted", presentation.count_withheld),
    ]
    return run_steps("presentation", steps, presentation.conclude)


def verify_status(data: bytes, trust: TrustAnchors) -> VerificationReport:
    """Verify a membership attestation of the gateway."""
    attestation: MembershipAttestation

    def check() -> str:
        nonlocal attestation
        if not trust.gateway_keys:
            raise UnknownKey("no key was provided for what the gateway attests")
        attestation = membership_attestation.verify(_text_of(data), trust.gateway_keys)
        return f"attested by the gateway, key {attestation.kid}"

    def describe() -> str:
        return attestation.describe()

    steps = [
        ("The gateway signed the attestation, and its form is valid", check),
        (
            "The attestation names an organisation and an expiry time",
            describe,
        ),
    ]
    return run_steps(
        "status",
        steps,
        lambda: (
            f"VERIFIED: {attestation.describe()}. Check that it has not expired. It cannot "
            "show later changes, such as a suspension."
        ),
    )


def _text_of(data: bytes) -> str:
    # Two characters more than may be: enough to see that it is too long.
    text = data[: sd_jwt.MAX_TEXT + 2].decode("ascii", errors="replace")
    return text.removesuffix("\n")


def _unknown(detail: str) -> VerificationReport:
    def fail() -> str:
        raise VerificationFailed(Code.UNKNOWN_FORMAT, detail)

    return run_steps("unknown", [("The format of the file is known", fail)], str)


def _receipt_sentence(confirmed: VerifiedReceipt) -> str:
    fields = confirmed.event
    simulated = fields.get("simulated_date")
    details = pluralise(len(confirmed.opened.shown), "detail")
    return (
        f"VERIFIED: the log {fields['log']} contains {fields['type']} ({fields['result']}) of "
        f"{fields['time']} as entry {confirmed.index} of {confirmed.checkpoint.size}. {details} "
        f"disclosed, {confirmed.opened.withheld} not (for other readers, erased, or padding)."
        + (
            f" The reference date was simulated ({simulated}): this is not evidence of a real "
            "exchange."
            if simulated
            else ""
        )
    )


def _disclosed(confirmed: VerifiedReceipt) -> str:
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
    origins: list[key_history.KeyRegistration]
    revoked: list[key_history.KeyRevocation]

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
        names = ", ".join(placed.name for placed in self.signed.verified.placed)
        return "; ".join(filter(None, [names, self._sealed()]))

    def _sealed(self) -> str:
        return seal.describe(seal.shown(self.signed.verified)) if self.typ == CASE_TYP else ""

    def trace_key(self) -> str:
        signed, trust = [self.signed], self._trust
        self.origins = key_history.registrations(signed, trust.registrations, trust)
        self.revoked = key_history.revocations(signed, trust.revocations, trust)
        return key_history.describe(signed, self.origins, self.revoked)

    def count_withheld(self) -> str:
        withheld = self.signed.verified.withheld
        return f"digests without content in this file, padding included: {withheld}"

    def conclude(self) -> str:
        sealed, shown = self._sealed(), pluralise(len(self.signed.verified.placed), "element")
        return " ".join(
            filter(
                None,
                [
                    f"VERIFIED: this {_TYPES[self.typ]} is {self.signed.signature()}; {shown} "
                    f"shown{f'; {sealed}' if sealed else ''}.",
                    attestation_note([self.signed]),
                    key_history.notes([self.signed], self.origins, self.revoked, self.revoked),
                    "This file does not show whether the log contains the document, nor to whom it "
                    "was offered: the evidence bundle of the handoff does.",
                ],
            )
        )
