"""Numbered verification of what a reader holds, ending in one plain sentence and an exit code.

Exit codes::

     0  verified
    10  the file is not of one of our formats
    11  a signature is not that of the key that it names
    12  the log does not prove that it holds an event, or a document here has no receipt
    13  the parts do not belong together
    14  a key or a log is unknown: the verifier was not given what it needs to decide
    15  something is missing that should be there (streams and copies of the log)
    16  two signed words of the gateway contradict each other (streams and copies of the log)

No network, no clock: a verdict depends on the file and on the trusted keys alone.
"""

from collections.abc import Callable
from typing import Any

from gateway.evidence import (
    bundle,
    canonical,
    key_registration,
    key_revocation,
    receipt,
    sd_jwt,
    seal,
    trust_mark,
)
from gateway.evidence.event import DisclosedDetails
from gateway.evidence.exchange import BundleVerification
from gateway.evidence.handoff_documents import ANSWER_TYP, CASE_TYP, OFFER_TYP
from gateway.evidence.receipt import (
    MalformedReceipt,
    NotInLog,
    Receipt,
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
from gateway.evidence.trust_mark import MembershipAttestation

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

MAX_RECEIPT_BYTES = 512 * 1024
"""A document of 16 KiB, its disclosures and a proof of 128 KiB, written as JSON, with room."""

_TYPES = {CASE_TYP: "case version", OFFER_TYP: "offer", ANSWER_TYP: "answer"}


def verify(data: bytes, trust: TrustAnchors) -> VerificationReport:
    """Verify a file of any of our formats; its content tells which."""
    if len(data) > bundle.MAX_BYTES:
        return _unknown(f"the file is longer than {bundle.MAX_BYTES} bytes")
    if not data.lstrip().startswith(b"{"):
        stated = trust_mark.is_one(_text_of(data))
        return verify_status(data, trust) if stated else verify_presentation(data, trust)
    try:
        members = canonical.decode(data)
    except ValueError as error:
        return _unknown(f"the JSON cannot be read: {error}")
    return verify_bundle(data, trust) if "format" in members else verify_receipt(data, trust)


def verify_bundle(data: bytes, trust: TrustAnchors) -> VerificationReport:
    """Verify all that a bundle holds about one handoff, part by part and against each other."""
    exchange = BundleVerification(data, trust)
    return run_steps("bundle", exchange.steps(), exchange.conclude)


def verify_receipt(data: bytes, trust: TrustAnchors) -> VerificationReport:
    """Verify a receipt file (JSON, with the members of receipt.to_json)."""
    try:
        result: VerifiedReceipt | ReceiptError = confirm_receipt(_read_receipt(data), trust)
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
        ("The event is of a trusted log", unless(UnknownLog, lambda c: str(c.event["log"]))),
        ("What is disclosed belongs to the event", unless(UnmatchedDetail, _disclosed)),
        ("The log holds the event", unless(NotInLog, lambda c: f"entry {c.index}")),
    ]
    return run_steps("receipt", steps, unless(ReceiptError, _receipt_sentence))


def verify_presentation(data: bytes, trust: TrustAnchors) -> VerificationReport:
    """Verify one signed document (compact SD-JWT): a case version, an offer or an answer."""
    presentation = DocumentVerification(data, trust)
    steps = [
        ("The file is a signed document of ours", presentation.read),
        ("The signature is good", presentation.check),
        ("What is shown belongs to the document", presentation.show),
        ("It is said where the key came from", presentation.trace_key),
        ("What is not shown is counted", presentation.count_withheld),
    ]
    return run_steps("presentation", steps, presentation.conclude)


def verify_status(data: bytes, trust: TrustAnchors) -> VerificationReport:
    """Verify the gateway's statement about the status of an organisation (a trust mark)."""
    stated = AttestationVerification(_text_of(data), trust)
    steps = [
        ("The statement has a good signature of the gateway's, and its form", stated.check),
        ("It says of whom it is, and until when it is good", stated.told),
    ]
    return run_steps("status", steps, stated.conclude)


def _text_of(data: bytes) -> str:
    # Two characters more than may be: enough to see that it is too long.
    text = data[: sd_jwt.MAX_TEXT + 2].decode("ascii", errors="replace")
    return text.removesuffix("\n")


def _unknown(detail: str) -> VerificationReport:
    def fail() -> str:
        raise VerificationFailed(Code.NOT_OURS, detail)

    return run_steps("unknown", [("The file is of one of our formats", fail)], str)


def _read_receipt(data: bytes) -> Receipt:
    if len(data) > MAX_RECEIPT_BYTES:
        raise MalformedReceipt(f"a receipt is not longer than {MAX_RECEIPT_BYTES} bytes")
    try:
        members = canonical.decode(data)
    except ValueError as error:
        raise MalformedReceipt(f"the file is not JSON as we write it: {error}") from None
    return receipt.from_json(members)


def _receipt_sentence(confirmed: VerifiedReceipt) -> str:
    fields = confirmed.event
    simulated = fields.get("simulated_date")
    legal = f", with the legal date set to {simulated} for a demonstration" if simulated else ""
    return (
        f"Verified: the log {fields['log']} holds {fields['typ']} ({fields['result']}) of "
        f"{fields['ts']} as entry {confirmed.index} of {confirmed.checkpoint.size}{legal}; "
        f"{_seals(confirmed.opened)}."
    )


def _seals(opened: DisclosedDetails) -> str:
    return (
        f"{pluralise(len(opened.shown), 'detail')} shown, {opened.withheld} sealed "
        "(for other readers, erased, or only padding)"
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


class AttestationVerification:
    """The reading of one status statement, a method for each step."""

    mark: MembershipAttestation

    def __init__(self, text: str, trust: TrustAnchors) -> None:
        self._text, self._trust = text, trust

    def check(self) -> str:
        if not self._trust.gateway_keys:
            raise UnknownKey("no key was given for what the gateway attests")
        self.mark = trust_mark.verify(self._text, self._trust.gateway_keys)
        return f"attested by the gateway, key {self.mark.kid}"

    def told(self) -> str:
        return self.mark.told()

    def conclude(self) -> str:
        return (
            f"Verified: {self.mark.told()}. Compare that end with the time: what came after the "
            "signature, a suspension too, it cannot say."
        )


class DocumentVerification:
    """The reading of one signed document, a method for each step."""

    document: SdJwt
    typ: str
    signed: AuthoredDocument
    origins: list[key_registration.KeyRegistration]
    revoked: list[key_revocation.KeyRevocation]

    def __init__(self, data: bytes, trust: TrustAnchors) -> None:
        self._data, self._trust = data, trust

    def read(self) -> str:
        self.document = sd_jwt.parse(_text_of(self._data))
        self.typ = str(read_unverified_claims(self.document).header.get("typ"))
        if self.typ not in _TYPES:
            raise DocumentError("the document is of no type that we know")
        return f"{_TYPES[self.typ]}, digest {self.document.digest}"

    def check(self) -> str:
        return open_document(self.document.present(()), self.typ, self._trust).signature()

    def show(self) -> str:
        self.signed = open_document(self.document, self.typ, self._trust)
        names = ", ".join(placed.name for placed in self.signed.verified.placed)
        return f"{names}; {self._sealed()}" if self._sealed() else names

    def _sealed(self) -> str:
        return seal.told(seal.shown(self.signed.verified)) if self.typ == CASE_TYP else ""

    def trace_key(self) -> str:
        signed, trust = [self.signed], self._trust
        self.origins = key_registration.origins(signed, trust.registrations, trust)
        self.revoked = key_revocation.revocations(signed, trust.revocations, trust)
        ends = key_revocation.told(signed, self.revoked)
        return "; ".join(filter(None, [key_registration.told(signed, self.origins), ends]))

    def _revoked(self) -> str:
        unshown = key_revocation.missing_revocation_note([self.signed], self.revoked)
        return f"{unshown}{key_revocation.undated_revocation_note(self.revoked, self.revoked)}"

    def count_withheld(self) -> str:
        withheld = self.signed.verified.withheld
        return f"digests without content here, padding included: {withheld}"

    def conclude(self) -> str:
        shown = pluralise(len(self.signed.verified.placed), "part") + " shown"
        told = f"{shown}; {self._sealed()}" if self._sealed() else shown
        return (
            f"Verified: this {_TYPES[self.typ]} is {self.signed.signature()}; {told}."
            f"{attestation_note([self.signed])}{key_registration.missing_registration_note([self.signed], self.origins)}"
            f"{self._revoked()}"
            f" Alone it shows neither that it was logged nor to whom "
            "it was offered: that takes the handoff's bundle."
        )
