"""Where a member's document key came from: the event that registered it, proved by its log.

The event's ``subject`` holds all that was registered: organisation, key, the proof that its
private half was at hand, and the word of the key before it. The receipt alone shows that the log
has it; so no more need be believed than the log's key, and that two administrators did so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.audit_event import EventResult
from gateway.domain.organisation import SLUG, organisation_uri
from gateway.evidence import canonical, key_declaration, sd_jwt
from gateway.evidence.receipt import Receipt, UnknownLog, VerifiedReceipt
from gateway.evidence.report import Code, VerificationFailed
from gateway.evidence.sd_jwt import BadSignature, DocumentError
from gateway.evidence.signature import DocumentKey, PublicKey, read_document_key
from gateway.evidence.trust import AuthoredDocument, TrustAnchors, confirm_receipt

REGISTERED = "key.registered"
SUBJECT = "subject"


@dataclass(frozen=True)
class KeyRegistration:
    """A key as its registration tells it.

    ``issuer`` is the organisation's URI. ``countersigned_by`` is the key before it that agreed;
    ``countersignature_checked`` whether that key was at hand to check it with.
    """

    organisation: str
    issuer: str
    kid: str
    key: DocumentKey
    confirmed: VerifiedReceipt
    countersigned_by: str | None
    countersignature_checked: bool

    def told(self) -> str:
        """One clause: event, place, day, and who countersigned."""
        event = self.confirmed.event
        told = (
            f"key {self.kid} of {self.organisation}: registered on {event['ts'][:10]} by event "
            f"{event['id']}, entry {self.confirmed.index} of the log {event['log']}, "
        )
        if self.countersigned_by is None:
            return f"{told}as its first, with no key to countersign"
        checked = "" if self.countersignature_checked else ", which was not given to check it"
        return f"{told}countersigned with key {self.countersigned_by}{checked}"


def verify_registration(receipt: Receipt, trust: TrustAnchors) -> KeyRegistration:
    """Check the registration that a receipt proves, all but the names of the administrators.

    Raises what `trust.confirm` raises; Failed for an event that registers no key, or registers it
    on a proof that does not hold.
    """
    confirmed = confirm_receipt(receipt, trust)
    event = confirmed.event
    if event["typ"] != REGISTERED or event["result"] != EventResult.ALLOWED:
        raise VerificationFailed(
            Code.MISMATCH, f"{event['typ']} ({event['result']}) registers no key"
        )
    try:
        return _origin(_subject(confirmed), confirmed, trust)
    except BadSignature:
        raise VerificationFailed(
            Code.BAD_SIGNATURE, "a key was registered on a proof that it did not sign"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationFailed(
            Code.MISMATCH, f"the registration of a key does not hold: {error}"
        ) from None


def _subject(confirmed: VerifiedReceipt) -> Mapping[str, Any]:
    found = [value for kind, value in confirmed.opened.shown if kind == SUBJECT]
    if len(found) != 1 or not isinstance(found[0], str):
        raise ValueError("what was registered is not shown")
    subject = canonical.decode(found[0].encode())
    if not isinstance(subject, dict):
        raise ValueError("what was registered is not told as members")
    return subject


def _origin(
    subject: Mapping[str, Any], confirmed: VerifiedReceipt, trust: TrustAnchors
) -> KeyRegistration:
    slug, (kid, key) = subject["organisation"], read_document_key(subject["jwk"])
    if not isinstance(slug, str) or not SLUG.fullmatch(slug):
        raise ValueError("no organisation is named")
    issuer = _check(subject["proof"], key_declaration.POSSESSION, slug, kid, {kid: key})
    before, checked = None, False
    if subject.get("countersignature") is not None:
        word = subject["countersignature"]
        before = str(sd_jwt.read_unverified(word).header.get("kid"))
        known = trust.organisations.get(slug, {})
        if before in known:
            _check(word, key_declaration.SUCCESSION, slug, kid, known)
            checked = True
    return KeyRegistration(slug, issuer, kid, key, confirmed, before, checked)


def _check(text: str, says: str, slug: str, kid: str, keys: Mapping[str, PublicKey]) -> str:
    """The URI of the organisation that said exactly this about the key."""
    gateway = sd_jwt.read_unverified(text).claims.get("aud")
    if not isinstance(gateway, str):
        raise DocumentError("it is for no gateway")
    issuer = organisation_uri(gateway, slug)
    key_declaration.read(text, organisation=issuer, audience=gateway, says=says, kid=kid, keys=keys)
    return issuer


def origins(
    documents: Sequence[AuthoredDocument], receipts: Iterable[Receipt], trust: TrustAnchors
) -> list[KeyRegistration]:
    """The registrations of the keys that signed ``documents``, each checked against its key.

    Raises Failed for one of another key under the same id; those of other keys are left out, and
    those of logs whose keys were not given.
    """
    used = {(one.author, one.kid): one for one in documents if not one.attested}
    found: dict[tuple[str, str], KeyRegistration] = {}
    for receipt in receipts:
        try:
            origin = verify_registration(receipt, trust)
        except UnknownLog:
            continue  # without the log's key it proves nothing, and is told as if it were not there
        signed = used.get((origin.organisation, origin.kid))
        if signed is None:
            continue
        if origin.key != trust.organisations[origin.organisation][origin.kid]:
            raise VerificationFailed(
                Code.MISMATCH, f"another key was registered under the id {origin.kid}"
            )
        if origin.issuer != signed.verified.claims.get("iss"):
            raise VerificationFailed(
                Code.MISMATCH, "a key was registered for another gateway than it signs for"
            )
        found.setdefault((origin.organisation, origin.kid), origin)
    return [found[name] for name in sorted(found)]


def told(documents: Sequence[AuthoredDocument], known: Sequence[KeyRegistration]) -> str:
    """Where each key came from that signed one of the documents, in one sentence."""
    by_name = {(one.organisation, one.kid): one for one in known}
    used = sorted({(one.author, one.kid) for one in documents if not one.attested})
    if not used:
        return "no member's own key signed anything here"
    return "; ".join(by_name[name].told() if name in by_name else _vouched(*name) for name in used)


def _vouched(organisation: str, kid: str) -> str:
    return (
        f"key {kid} of {organisation}: the key file that you gave vouches for it alone, no "
        "registration of it is proved"
    )


def missing_registration_note(
    documents: Sequence[AuthoredDocument], known: Sequence[KeyRegistration]
) -> str:
    """The sentence that must stand where a key file alone vouches for keys."""
    proved = {(one.organisation, one.kid) for one in known}
    used = {(one.author, one.kid) for one in documents if not one.attested}
    names = " and ".join(sorted({slug for slug, _ in used - proved}))
    return f" That the key of {names} is theirs, your key file alone says." if names else ""
