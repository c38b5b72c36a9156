"""The keys that a verifier brings, and documents and receipts checked with exactly those."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate

from gateway.evidence import event, handoff_documents, receipt, sd_jwt
from gateway.evidence.declarations import ApprovalKey
from gateway.evidence.event import EventError
from gateway.evidence.handoff_documents import AnswerClaims, OfferClaims, RecallClaims
from gateway.evidence.receipt import MalformedReceipt, Receipt, UnknownLog, VerifiedReceipt
from gateway.evidence.sd_jwt import SdJwt, UnknownKey, VerifiedSdJwt
from gateway.evidence.signature import PublicKey
from gateway.ledger.note import VerificationKey
from gateway.verification.report import Incomplete

Proof = TypeVar("Proof")
Found = TypeVar("Found")


@dataclass(frozen=True)
class TrustAnchors:
    """The keys of logs, of one gateway and of its organisations that the verifier believes in.

    ``origins`` are the logs that count. ``gateway_keys`` are the keys that attest documents, by
    key id; ``organisations`` has the document keys of each organisation id, by key id.
    ``registrations`` are receipts of the events that registered such keys, ``revocations`` of those
    that revoked them, ``locks`` of those by which members required their own signature, or ended
    that; they are not believed, but checked against the log. ``key_statuses`` are the gateway's
    statements that keys were not revoked. ``checkpoints`` are notes that the verifier remembers.
    ``vouched`` are the keys of organisations, by organisation and key id, that only the gateway
    named: nobody compared them. ``administrators`` are the keys of the persons who decide at the
    gateway, by the person's id and the key's, ``persons`` those of persons of its members, each by
    ORGANISATION/PSEUDONYM. ``origin_of`` says for the id of each key in which
    file it was.
    ``witnesses`` are the keys of those who confirm checkpoints, ``quorum`` how many are enough;
    ``authorities`` are root certificates of time-stamp authorities.
    ``issuer`` is the gateway's URI, empty where the verifier did not say which gateway it is.
    ``others`` are the anchors of other gateways, each with its issuer; ``alias`` is what their
    members' names have after the @, the gateway's host where it is empty. Members of the gateway
    ``here`` are called by their ids alone; where it is empty, those of a document's audience.
    """

    log_keys: Sequence[VerificationKey]
    origins: Collection[str]
    gateway_keys: Mapping[str, PublicKey] = field(default_factory=dict)
    organisations: Mapping[str, Mapping[str, PublicKey]] = field(default_factory=dict)
    registrations: Sequence[Receipt] = ()
    revocations: Sequence[Receipt] = ()
    locks: Sequence[Receipt] = ()
    key_statuses: Sequence[str] = ()
    checkpoints: Sequence[str] = ()
    vouched: frozenset[tuple[str, str]] = frozenset()
    administrators: Mapping[str, Mapping[str, ApprovalKey]] = field(default_factory=dict)
    persons: Mapping[str, Mapping[str, ApprovalKey]] = field(default_factory=dict)
    origin_of: Mapping[str, str] = field(default_factory=dict)
    witnesses: Sequence[VerificationKey] = ()
    quorum: int = 1
    authorities: Sequence[Certificate] = ()
    issuer: str = ""
    others: Sequence["TrustAnchors"] = ()
    alias: str = ""
    here: str = ""

    def name_at(self, gateway: str, identifier: str, audience: Any) -> str:
        """Return what an organisation of a gateway is called beside a document for ``audience``.

        Two gateways may each have a member of one id: their names differ.
        """
        if gateway == (self.here or audience):
            return identifier
        known = (one.alias for one in (self, *self.others) if one.issuer == gateway)
        return f"{identifier}@{next(known, '') or urlsplit(gateway).netloc}"

    def with_keys(
        self, name: str, keys: Mapping[str, PublicKey], *, place: str = "", vouched: bool = False
    ) -> "TrustAnchors":
        """The same anchors with more document keys of an organisation, by its name here; those that
        are ``vouched`` only its gateway named, and replace none that was compared. ``place`` is
        the file in which they are."""
        identifier, at, alias = name.partition("@")
        if at:
            others = [
                one.with_keys(identifier, keys, place=place, vouched=vouched)
                if one.alias == alias
                else one
                for one in self.others
            ]
            return replace(self, others=others)
        known = self.organisations.get(identifier, {})
        held = {**keys, **known} if vouched else {**known, **keys}
        named = frozenset((identifier, kid) for kid in keys)
        compared = frozenset((identifier, kid) for kid in known) - self.vouched
        found = dict.fromkeys((f"{identifier} {kid}" for kid in keys), place)
        return replace(
            self,
            organisations={**self.organisations, identifier: held},
            origin_of=found | dict(self.origin_of) if vouched else {**self.origin_of, **found},
            vouched=self.vouched | (named - compared) if vouched else self.vouched - named,
        )

    def home(self, name: str) -> "TrustAnchors":
        """The anchors of the gateway where an organisation is a member, by its name here; raises
        UnknownKey for a peer that is not known."""
        _, at, alias = name.partition("@")
        found = (one for one in self.others if one.alias == alias) if at else iter((self,))
        if (one := next(found, None)) is None:
            raise UnknownKey(f"no key was provided for the peer gateway {ascii(alias)[:200]}")
        return one

    def of_gateway(self, issuer: str) -> "TrustAnchors":
        """The anchors of one gateway: no key of another speaks for it or its organisations.

        Raises UnknownKey when the verifier has none.
        """
        for anchors in (self, *self.others):
            if anchors.issuer == issuer or (not anchors.issuer and not self.others):
                return anchors
        raise UnknownKey(f"no key was provided for the gateway {ascii(issuer)[:200]}")

    def of_log(self, origin: str) -> "TrustAnchors":
        """The anchors that trust a log; UnknownLog when none does."""
        for anchors in (self, *self.others):
            if origin in anchors.origins:
                return anchors
        raise UnknownLog(
            f"the event is of the log {ascii(origin)[:200]}, which is not among the trusted ones"
        )

    @property
    def names_persons(self) -> bool:
        """Tell whether the keys of any person of a member were brought."""
        return any(one.persons for one in (self, *self.others))

    def named_keys(self) -> list[dict[str, str]]:
        """Each key that is trusted: whose it is, its id, and in which file it was."""
        found = [
            *(("log", key.name, str(key), str(key)) for key in self.log_keys),
            *(("gateway", self.issuer, kid, kid) for kid in self.gateway_keys),
            *(
                ("organisation", owner, kid, f"{owner} {kid}")
                for owner, keys in self.organisations.items()
                for kid in keys
            ),
            *(
                ("administrator", person, kid, person)
                for person, keys in self.administrators.items()
                for kid in keys
            ),
            *(("witness", key.name, str(key), str(key)) for key in self.witnesses),
            *(
                ("authority", root.subject.rfc4514_string(), kid, kid)
                for root in self.authorities
                for kid in [root.fingerprint(SHA256()).hex()]
            ),
        ]
        mine = [
            {"kind": kind, "of": of, "id": kid, "from": self.origin_of.get(name, "")}
            for kind, of, kid, name in found
        ]
        return [*mine, *(one for other in self.others for one in other.named_keys())]


@dataclass(frozen=True)
class AuthoredDocument:
    """A document whose signature is valid: its author, and whether the gateway signed for them.

    ``gateway`` is the URI of the gateway at which the author is a member, by the ``id`` that its
    name begins with; ``vouched``: only that gateway says whose key signed.
    """

    document: SdJwt
    verified: VerifiedSdJwt
    author: str
    attested: bool
    gateway: str
    vouched: bool = False

    @property
    def id(self) -> str:
        """The id of the author at its own gateway."""
        return self.author.partition("@")[0]

    @property
    def audience(self) -> str:
        """The gateway that the document is for."""
        return str(self.verified.claims.get("aud"))

    @property
    def kid(self) -> str:
        """The key that signed."""
        return str(self.verified.header["kid"])

    def signature(self) -> str:
        """Tell who signed for whom, with which key."""
        if self.attested:
            return f"attested by the gateway for {self.author}, key {self.kid}"
        own = "which only the gateway named" if self.vouched else "which you brought"
        return f"signed with a key of {self.author}, {own}: {self.kid}"


def read_unverified_claims(document: SdJwt) -> VerifiedSdJwt:
    """Return what a document says in clear, while its signature is still unchecked."""
    return sd_jwt.read_unverified(document.present(()).compact())


def open_document(document: SdJwt, typ: str, trust: TrustAnchors) -> AuthoredDocument:
    """Check a document with the keys of the author that it names, and no others.

    Raises what sd_jwt.verify raises, StatementError when it names no author, and UnknownKey when
    no key was provided for that organisation or for the gateway's attestations.
    """
    claims = read_unverified_claims(document).claims
    gateway, identifier = handoff_documents.author_at(claims)
    author = trust.name_at(gateway, identifier, claims.get("aud", gateway))
    attested = "attested_for" in claims
    anchors = trust.of_gateway(gateway)
    keys = anchors.gateway_keys if attested else anchors.organisations.get(identifier)
    if not keys:
        owner = "what the gateway attests" if attested else f"documents of {author}"
        raise UnknownKey(f"no key was provided for {owner}")
    verified = sd_jwt.verify(document.compact(), typ=typ, keys=keys)
    vouched = not attested and (identifier, str(verified.header["kid"])) in anchors.vouched
    return AuthoredDocument(document, verified, author, attested, gateway, vouched)


def read_offer(signed: AuthoredDocument, trust: TrustAnchors) -> OfferClaims:
    """The claims of an offer, with the names of its parties; raises StatementError."""
    offer = handoff_documents.read_offer(signed.verified)
    to = trust.name_at(signed.audience, offer.recipient, signed.audience)
    return replace(offer, author=signed.author, recipient=to)


def read_answer(signed: AuthoredDocument) -> AnswerClaims:
    """The claims of an answer, with the name of its author; raises StatementError."""
    return replace(handoff_documents.read_answer(signed.verified), author=signed.author)


def read_recall(signed: AuthoredDocument) -> RecallClaims:
    """The claims of a recall, with the name of its author; raises StatementError."""
    return replace(handoff_documents.read_recall(signed.verified), author=signed.author)


def confirm_receipt(one: Receipt, trust: TrustAnchors) -> VerifiedReceipt:
    """Check a receipt of any of the trusted logs; raises what receipt.verify raises."""
    try:
        log = event.read(one.document)["log"]
    except EventError as error:
        raise MalformedReceipt(str(error)) from None
    return receipt.verify(one, trust.of_log(log).log_keys, log)


def of_known(
    read: Callable[[Proof, TrustAnchors], Found], proofs: Iterable[Proof], trust: TrustAnchors
) -> Iterator[Found]:
    """Return what each receipt, or statement, proves; raises what ``read`` raises.

    Leaves out those of gateways and logs whose keys were not provided: they prove nothing.
    """
    for one in proofs:
        try:
            found = read(one, trust)
        except (UnknownKey, UnknownLog):
            continue
        yield found


def require_subject(confirmed: VerifiedReceipt) -> Mapping[str, Any]:
    """Return what an event is about; VerificationFailed (INCOMPLETE) where its receipt leaves that
    out."""
    subject = confirmed.subject()
    if not subject:
        raise Incomplete(
            f"the receipt of {confirmed.event['type']}, entry {confirmed.index}, does not disclose "
            "what it is about: ask its parties"
        )
    return subject
