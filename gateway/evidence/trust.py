"""The keys that a verifier brings, and documents and receipts checked with exactly those."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.evidence import event, handoff_documents, receipt, sd_jwt
from gateway.evidence.event import EventError
from gateway.evidence.receipt import MalformedReceipt, Receipt, UnknownLog, VerifiedReceipt
from gateway.evidence.sd_jwt import SdJwt, UnknownKey, VerifiedSdJwt
from gateway.evidence.signature import PublicKey
from gateway.ledger.note import VerificationKey


@dataclass(frozen=True)
class TrustAnchors:
    """The keys of logs, of the gateway and of organisations that the verifier believes in.

    ``origins`` are the logs that count. ``gateway_keys`` are the keys that attest documents, by
    key id; ``organisations`` has the document keys of each organisation id, by key id.
    ``registrations`` are receipts of the events that registered such keys, ``revocations`` of those
    that revoked them; they are not believed, but checked against the log.
    """

    log_keys: Sequence[VerificationKey]
    origins: Collection[str]
    gateway_keys: Mapping[str, PublicKey] = field(default_factory=dict)
    organisations: Mapping[str, Mapping[str, PublicKey]] = field(default_factory=dict)
    registrations: Sequence[Receipt] = ()
    revocations: Sequence[Receipt] = ()


@dataclass(frozen=True)
class AuthoredDocument:
    """A document whose signature is valid: its author, and whether the gateway signed for them."""

    document: SdJwt
    verified: VerifiedSdJwt
    author: str
    attested: bool

    @property
    def kid(self) -> str:
        """The key that signed."""
        return str(self.verified.header["kid"])

    def signature(self) -> str:
        """Who signed for whom, with which key."""
        if self.attested:
            return f"attested by the gateway for {self.author}, key {self.kid}"
        return f"signed by {self.author} itself, key {self.kid}"


def read_unverified_claims(document: SdJwt) -> VerifiedSdJwt:
    """What a document says in clear, while its signature is still unchecked."""
    return sd_jwt.read_unverified(document.present(()).compact())


def open_document(document: SdJwt, typ: str, trust: TrustAnchors) -> AuthoredDocument:
    """Check a document with the keys of the author that it names, and no others.

    Raises what sd_jwt.verify raises, StatementError when it names no author, and UnknownKey when
    no key was provided for that organisation or for the gateway's attestations.
    """
    claims = read_unverified_claims(document).claims
    author = handoff_documents.author(claims)
    attested = "attested_for" in claims
    keys = trust.gateway_keys if attested else trust.organisations.get(author)
    if not keys:
        owner = "what the gateway attests" if attested else f"documents of {author}"
        raise UnknownKey(f"no key was provided for {owner}")
    verified = sd_jwt.verify(document.compact(), typ=typ, keys=keys)
    return AuthoredDocument(document, verified, author, attested)


def confirm_receipt(one: Receipt, trust: TrustAnchors) -> VerifiedReceipt:
    """Check a receipt of any of the trusted logs; raises what receipt.verify raises."""
    try:
        log = event.read(one.document)["log"]
    except EventError as error:
        raise MalformedReceipt(str(error)) from None
    if log not in trust.origins:
        raise UnknownLog(f"the event is of the log {log}, which is not among the trusted ones")
    return receipt.verify(one, trust.log_keys, log)


def attestation_note(documents: Sequence[AuthoredDocument]) -> str:
    """The sentence that goes with documents which an organisation did not sign itself."""
    authors = sorted({document.author for document in documents if document.attested})
    if not authors:
        return ""
    names = " and ".join(authors)
    return (
        f"The gateway signed documents on behalf of {names}; they are only as reliable as the "
        "gateway's operator."
    )
