"""When a member's document key was registered and revoked: two events, each proved by its log.

Also which members require that they sign themselves, and the status of a key as the gateway signs
it.

The registration's ``subject`` holds all that was registered: organisation, key, the proof of
possession, and the countersignature of the earlier key. The revocation's ``key`` detail names
organisation and key only, so every participant may see it. Both rest on the log's key; a file
without a revocation cannot show that there was none.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from gateway.domain.json_values import parse_timestamp
from gateway.domain.organisation import SLUG, organisation_uri
from gateway.evidence import declarations, sd_jwt
from gateway.evidence.dated_statement import KEY_STATUS_TYP
from gateway.evidence.event import KEY
from gateway.evidence.receipt import Receipt, VerifiedReceipt
from gateway.evidence.sd_jwt import BadSignature, DocumentError
from gateway.evidence.signature import DocumentKey, PublicKey, read_document_key
from gateway.verification import approvals
from gateway.verification.dated_statement import read_dated
from gateway.verification.history import SignedTree
from gateway.verification.report import Code, Fact, Incomplete, Mismatch, VerificationFailed
from gateway.verification.sources import Source
from gateway.verification.trust import (
    AuthoredDocument,
    TrustAnchors,
    confirm_receipt,
    of_known,
    require_subject,
)

REGISTERED = "key.registered"
REVOKED = "key.revoked"


@dataclass(frozen=True)
class KeyRegistration:
    """A key as its registration shows it.

    ``issuer`` is the organisation's URI. ``countersigned_by`` is the earlier key that agreed;
    ``countersignature_checked`` whether the verifier has that key. ``decided_by`` are the
    administrators, two at least, who are shown to have approved it; ``lifted``: they, or an earlier
    key that the verifier compared, show whose key it is.
    """

    organisation: str
    issuer: str
    kid: str
    key: DocumentKey
    confirmed: VerifiedReceipt
    countersigned_by: str | None
    countersignature_checked: bool
    decided_by: frozenset[str] = frozenset()
    lifted: bool = False

    def describe(self) -> str:
        """One clause: date, event, log entry, and who countersigned."""
        if self.countersigned_by is None:
            countersigned = "the organisation's first key, without a countersignature"
        else:
            checked = "" if self.countersignature_checked else " (not checked: key not provided)"
            countersigned = f"countersigned with key {self.countersigned_by}{checked}"
        return f"{_recorded(self, 'registered')}, {countersigned}"

    def fact(self) -> Fact:
        """Return who registered it, when."""
        values = {
            "organisation": self.organisation,
            "kid": self.kid,
            "entry": self.confirmed.index,
            "at": self.confirmed.event["time"],
        }
        if self.decided_by:
            return Fact("key.registered.decided", {**values, "persons": sorted(self.decided_by)})
        return Fact("key.registered", values)


@dataclass(frozen=True)
class KeyRevocation:
    """A key that is no longer valid from an entry of the log on."""

    organisation: str
    kid: str
    confirmed: VerifiedReceipt

    def of(self, signed: AuthoredDocument) -> bool:
        """Tell whether the key signed a document."""
        mine = (self.organisation, self.kid) == (signed.author, signed.kid)
        return mine and not signed.attested

    def describe(self) -> str:
        """One clause: date, event and log entry."""
        return _recorded(self, "revoked")


def _recorded(one: KeyRegistration | KeyRevocation, verb: str) -> str:
    event = one.confirmed.event
    return (
        f"key {one.kid} of {one.organisation}: {verb} on {event['time'][:10]} by event "
        f"{event['id']}, entry {one.confirmed.index} of the log {event['log']}"
    )


def verify_registration(receipt: Receipt, trust: TrustAnchors) -> KeyRegistration:
    """Check the registration that a receipt proves, all but the names of the administrators.

    Raises what `trust.confirm_receipt` raises; VerificationFailed for an event that registers no
    key, or registers it on an invalid proof of possession or countersignature.
    """
    confirmed = _confirm(receipt, trust, REGISTERED, "registers no key")
    subject = require_subject(confirmed)
    try:
        return _registration(confirmed, subject, trust)
    except BadSignature:
        raise VerificationFailed(
            Code.BAD_SIGNATURE, "a key was registered on a proof that it did not sign"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise Mismatch(f"the registration of a key is not valid: {error}") from None


def _confirm(receipt: Receipt, trust: TrustAnchors, typ: str, otherwise: str) -> VerifiedReceipt:
    confirmed = confirm_receipt(receipt, trust)
    if confirmed.type != typ or not confirmed.allowed:
        raise Mismatch(f"{confirmed.type} ({confirmed.event['result']}) {otherwise}")
    return confirmed


def _registration(
    confirmed: VerifiedReceipt, subject: Mapping[str, Any], trust: TrustAnchors
) -> KeyRegistration:
    organisation, (kid, key) = subject["organisation"], read_document_key(subject["jwk"])
    if not isinstance(organisation, str) or not SLUG.fullmatch(organisation):
        raise ValueError("it names no organisation")
    issuer = _check(subject["proof"], declarations.POSSESSION, organisation, kid, {kid: key})
    gateway = issuer.partition("/organisations/")[0]
    countersigned_by, checked = None, False
    countersignature = subject.get("countersignature")
    if countersignature is not None:
        countersigned_by = str(sd_jwt.read_unverified(countersignature).header.get("kid"))
        keys = trust.of_gateway(gateway).organisations.get(organisation, {})
        if countersigned_by in keys:
            _check(countersignature, declarations.KEY_SUCCESSION, organisation, kid, keys)
            checked = True
    anchors, by = trust.of_gateway(gateway), approvals.deciding(confirmed, gateway, trust)
    lifted = bool(by) or (checked and (organisation, countersigned_by) not in anchors.vouched)
    return KeyRegistration(
        organisation, issuer, kid, key, confirmed, countersigned_by, checked, by, lifted
    )


def _check(text: str, says: str, organisation: str, kid: str, keys: Mapping[str, PublicKey]) -> str:
    """The URI of the organisation that signed exactly this declaration about the key."""
    gateway = sd_jwt.read_unverified(text).claims.get("aud")
    if not isinstance(gateway, str):
        raise DocumentError("it is for no gateway")
    issuer = organisation_uri(gateway, organisation)
    declarations.verify_declaration(
        text, organisation=issuer, audience=gateway, says=says, kid=kid, keys=keys, now=None
    )
    return issuer


def verify_revocation(receipt: Receipt, trust: TrustAnchors) -> KeyRevocation:
    """Check the revocation that a receipt proves.

    Raises what `trust.confirm_receipt` raises; VerificationFailed for an event that revokes no
    key, or does not disclose which.
    """
    confirmed = _confirm(receipt, trust, REVOKED, "revokes no key")
    match confirmed.details(KEY):
        case ([str(organisation), str(kid)],):
            return KeyRevocation(organisation, kid, confirmed)
        case ():
            raise Incomplete(
                f"the receipt of {REVOKED}, entry {confirmed.index}, does not disclose which key: "
                "ask its parties"
            )
        case _:
            raise Mismatch(f"{REVOKED} does not say which key")


def registrations(
    documents: Sequence[AuthoredDocument], receipts: Iterable[Receipt], trust: TrustAnchors
) -> list[KeyRegistration]:
    """The registrations of the keys that signed ``documents``, each checked against its key.

    Leaves out those of other keys, and what `of_known` does. Raises VerificationFailed for one of
    another key under the same id.
    """
    found: dict[tuple[str, str], KeyRegistration] = {}
    for one in of_known(verify_registration, receipts, trust):
        signed = _signed_with(one, documents, trust)
        if signed is None:
            continue
        anchors = trust.of_gateway(signed.gateway)
        if one.key != anchors.organisations[one.organisation][one.kid]:
            raise Mismatch(f"another key was registered under the id {one.kid}")
        if one.issuer != signed.verified.claims.get("iss"):
            raise Mismatch("a key was registered for another gateway than it signs for")
        found.setdefault((signed.author, one.kid), replace(one, organisation=signed.author))
    return [found[name] for name in sorted(found)]


def revocations(
    documents: Sequence[AuthoredDocument], receipts: Iterable[Receipt], trust: TrustAnchors
) -> list[KeyRevocation]:
    """The revocations of the keys that signed ``documents``, the first of each key in each log.

    Leaves out those of other keys, and what `of_known` does.
    """
    found: dict[tuple[str, str, str], KeyRevocation] = {}
    for one in of_known(verify_revocation, receipts, trust):
        signed = _signed_with(one, documents, trust)
        if signed is None:
            continue
        here = replace(one, organisation=signed.author)
        name = signed.author, one.kid, one.confirmed.checkpoint.origin
        if one.confirmed.index <= found.setdefault(name, here).confirmed.index:
            found[name] = here
    return [found[name] for name in sorted(found)]


def _signed_with(
    one: KeyRegistration | KeyRevocation,
    documents: Sequence[AuthoredDocument],
    trust: TrustAnchors,
) -> AuthoredDocument | None:
    """A document that a key signed of which an event tells, in a log of its author's gateway."""
    signed = (
        s for s in documents if not s.attested and (s.id, s.kid) == (one.organisation, one.kid)
    )
    log = one.confirmed.checkpoint.origin
    return next((s for s in signed if log in trust.of_gateway(s.gateway).origins), None)


@dataclass(frozen=True)
class KeyHistory:
    """What is shown of the members' own keys that signed ``documents``.

    ``undated`` are the revocations before which some document of the key is not shown to be in
    the log; ``unrevoked`` the keys of which the gateway signed that they were not revoked;
    ``own`` is what the file tells of the gateway's own.
    """

    documents: Sequence[AuthoredDocument]
    registered: Sequence[KeyRegistration]
    revoked: Sequence[KeyRevocation]
    undated: Collection[KeyRevocation]
    unrevoked: Collection[tuple[str, str]]
    own: Sequence[Fact] = ()

    def describe(self) -> str:
        """The origin of each key and its revocation: clauses."""
        used = _used_keys(self.documents)
        if not used:
            return "no document here is signed with a member's own key"
        by_name = {(one.organisation, one.kid): one.describe() for one in self.registered}
        alone = "only your key file confirms it, no registration is proved"
        shown = [
            by_name.get((organisation, kid), f"key {kid} of {organisation}: {alone}")
            for organisation, kid in sorted(used)
        ]
        shown += [one.describe() for one in self.revoked]
        shown += [
            f"key {kid} of {organisation}: no evidence whether it was revoked"
            for organisation, kid in sorted(self._open(used))
        ]
        return "; ".join(shown)

    def source(self, signed: AuthoredDocument) -> Source:
        """Tell who answers for a document: its author, where the verifier knows the key to be
        theirs."""
        if signed.attested:
            return Source.OPERATOR
        known = {(one.organisation, one.kid) for one in self.registered if one.lifted}
        vouched = signed.vouched and (signed.author, signed.kid) not in known
        return Source.VOUCHED if vouched else Source.PARTY

    def registered_at(self, signed: AuthoredDocument) -> datetime | None:
        """When the key that signed was registered, by the gateway's clock, where that is shown."""
        name = (signed.author, signed.kid)
        found = (o for o in self.registered if (o.organisation, o.kid) == name)
        return next((one.confirmed.time for one in found), None)

    def facts(self) -> list[Fact]:
        """Return what registrations and revocations show, and what is not shown about the keys."""
        used = _used_keys(self.documents)
        vouched = {(o.author, o.kid) for o in self.documents if self.source(o) is Source.VOUCHED}
        unregistered = used - _names(self.registered) - vouched
        return [
            *self.own,
            *(one.fact() for one in self.registered),
            *(_revoked("key.revoked.after", o) for o in self.revoked if o not in self.undated),
            *_unproved("key.registration.unproved", unregistered),
            *_unproved("key.revocation.unproved", self._open(used)),
            *(_revoked("key.revoked.undated", one) for one in self.undated),
        ]

    def _open(self, used: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those that may have been revoked: nothing says whether."""
        return used - _names(self.revoked) - set(self.unrevoked)


def _revoked(key: str, one: KeyRevocation) -> Fact:
    return Fact(key, {"organisation": one.organisation, "entry": one.confirmed.index})


def _unproved(key: str, keys: set[tuple[str, str]]) -> list[Fact]:
    owners = sorted({organisation for organisation, _ in keys})
    return [Fact(key, {"organisation": organisation}) for organisation in owners]


# --- Members that allowed the gateway no more to sign for them ---

SIGNED_REQUIRED = "organisation.signed_required"
ATTESTED_ALLOWED = "organisation.attested_allowed"


@dataclass(frozen=True)
class SigningRequirement:
    """A member's event that requires its own signature (``stands``), or ends that requirement."""

    organisation: str
    stands: bool
    confirmed: VerifiedReceipt


def signing_requirements(
    receipts: Iterable[Receipt], trust: TrustAnchors
) -> list[SigningRequirement]:
    """The requirements to sign, and their ends, that receipts prove, in the order of their log.

    Leaves out what `of_known` does. VerificationFailed for another event, or one that does not
    disclose whose it is.
    """
    proved: list[tuple[str, VerifiedReceipt]] = []
    for confirmed in of_known(confirm_receipt, receipts, trust):
        event = confirmed.event
        known = confirmed.allowed and confirmed.type in (SIGNED_REQUIRED, ATTESTED_ALLOWED)
        owner = require_subject(confirmed).get("organisation") if known else None
        if not isinstance(owner, str):
            raise Mismatch(f"{event['type']} ({event['result']}) does not say who signs itself")
        proved.append((owner, confirmed))
    found: list[SigningRequirement] = []
    used: set[UUID] = set()
    since: dict[str, datetime] = {}
    for owner, confirmed in sorted(proved, key=lambda one: one[1].index):
        stands = confirmed.type == SIGNED_REQUIRED
        said = declarations.LOCK if stands else declarations.UNLOCK
        declared = _declaration(confirmed, owner, said, trust)
        if stands:
            since[owner] = declared.at if declared else parse_timestamp(confirmed.event["time"])
        elif declared is None or declared.jti in used or declared.at < since.get(owner, _LONG_AGO):
            continue
        if declared is not None:
            used.add(declared.jti)
        found.append(SigningRequirement(owner, stands, confirmed))
    return found


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _declaration(
    confirmed: VerifiedReceipt, organisation: str, says: str, trust: TrustAnchors
) -> declarations.KeyDeclaration | None:
    """Return what the member itself signed, by which alone the gateway may sign for it again.

    Its operator may not say so, nor show again what ended an earlier requirement.
    """
    try:
        statement = str(confirmed.subject()["declaration"])
        gateway = str(sd_jwt.read_unverified(statement).claims.get("aud"))
        keys = trust.of_gateway(gateway).organisations.get(organisation, {})
        return declarations.verify_declaration(
            statement,
            organisation=organisation_uri(gateway, organisation),
            audience=gateway,
            says=says,
            kid=None,
            keys=keys,
            now=None,
        )
    except (DocumentError, KeyError):
        return None


def require_own_signature(
    shown: Sequence[SigningRequirement], signed: AuthoredDocument, record: VerifiedReceipt
) -> None:
    """Raise VerificationFailed (INCOMPLETE) when a member required its own signature before the
    entry ``record`` of a document that its gateway attests, and no end of that is shown.

    A file, or an old key file, may leave the end out: only the member can say that there was none.
    """
    before = [
        one
        for one in shown
        if one.organisation == signed.id
        and one.confirmed.checkpoint.origin == record.checkpoint.origin
        and one.confirmed.index < record.index
    ]
    if before and before[-1].stands:
        raise Incomplete(
            f"entry {record.index} is attested for {signed.author}, which allowed only its own "
            f"signature from entry {before[-1].confirmed.index} on, and no end of that is shown: "
            f"ask {signed.author} for its key file"
        )


def _used_keys(documents: Sequence[AuthoredDocument]) -> set[tuple[str, str]]:
    """The members' own keys that signed, by organisation and key id."""
    return {(one.author, one.kid) for one in documents if not one.attested}


def _names(recorded: Iterable[KeyRegistration | KeyRevocation]) -> set[tuple[str, str]]:
    return {(one.organisation, one.kid) for one in recorded}


# --- Key status: the gateway's signed statement that a key was not revoked up to a tree's size ---
#
# It is the operator's word, and one that convicts: a revocation below that size contradicts it.


@dataclass(frozen=True)
class KeyStatus:
    """A verified statement: at the checkpoint of ``tree`` the key was registered and not revoked.

    ``gateway`` is the URI of the gateway that signed it, ``at`` when.
    """

    gateway: str
    organisation: str
    kid: str
    tree: SignedTree
    at: datetime

    @property
    def log(self) -> str:
        """The log of the checkpoint."""
        return self.tree.checkpoint.origin

    @property
    def size(self) -> int:
        """No entry below it revokes the key."""
        return self.tree.checkpoint.size

    def of(self, signed: AuthoredDocument) -> bool:
        """Tell whether it is about the key that signed a document, at the gateway of its author."""
        mine = (self.organisation.partition("@")[0], self.kid, self.gateway)
        return not signed.attested and mine == (signed.id, signed.kid, signed.gateway)

    def contradicts(self, revoked: KeyRevocation) -> bool:
        """Tell whether the log revoked the key before."""
        names = (one.organisation.partition("@")[0] for one in (revoked, self))
        same = len({*names}) == 1 and revoked.kid == self.kid
        place = revoked.confirmed
        return same and place.checkpoint.origin == self.log and place.index < self.size

    def describe(self) -> str:
        """One clause: key, size and log."""
        return (
            f"key {self.kid} of {self.organisation}: the gateway signed that the first {self.size} "
            f"entries of the log {self.log} do not revoke it"
        )

    def fact(self) -> Fact:
        """The same as a fact."""
        values = {"organisation": self.organisation, "kid": self.kid, "size": self.size}
        return Fact("key.unrevoked", {**values, "log": self.log, "issuer": self.gateway})


def read_status(text: str, trust: TrustAnchors) -> KeyStatus:
    """Verify a statement; raises what `dated_statement.read_dated` raises."""
    dated = read_dated(text, KEY_STATUS_TYP, trust)
    kid = dated.claims.get("kid")
    if not isinstance(kid, str):
        raise DocumentError("the key status names no key")
    tree = SignedTree(dated.checkpoint, dated.note)
    return KeyStatus(str(dated.claims["iss"]), dated.organisation, kid, tree, dated.at)


def newest_status(
    statuses: Iterable[KeyStatus], documents: Sequence[AuthoredDocument]
) -> list[KeyStatus]:
    """Those of keys that signed ``documents``: of each key and log the one of the most entries."""
    found: dict[tuple[str, ...], KeyStatus] = {}
    for one in sorted(statuses, key=lambda status: status.size):
        for signed in filter(one.of, documents):
            here = replace(one, organisation=signed.author)
            found[signed.author, one.kid, one.gateway, one.log] = here
    return [found[name] for name in sorted(found)]


def require_consistent(statuses: Iterable[KeyStatus], revoked: Sequence[KeyRevocation]) -> None:
    """Raise VerificationFailed (CONTRADICTION) when the log revoked a key before a statement."""
    if any(one.contradicts(other) for one in statuses for other in revoked):
        raise VerificationFailed(
            Code.CONTRADICTION, "the gateway signed that a key was not revoked, and it was"
        )
