"""What is signed beside handoffs: approvals of changes and successions, words about keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from gateway.domain.organisation import organisation_uri, read_organisation_uri
from gateway.evidence import base64url, canonical, passkey, sd_jwt
from gateway.evidence.handoff_documents import HEADING, Heading, read_id, read_time
from gateway.evidence.passkey import Passkey, PasskeyStatement
from gateway.evidence.sd_jwt import DocumentError, SdJwt
from gateway.evidence.signature import PublicKey, jwk_of, read_registered_key

# --- Signed approvals: an administrator's of one change, an organisation's of one succession ---
#
# Each names exactly what it approves. The person who approved a succession is a disclosure, which
# the gateway does not keep with it.


APPROVAL_TYP = "casegate-approval+sd-jwt"
PASSKEY_APPROVAL_TYP = "casegate-approval+passkey"
PASSKEY_APPROVALS_TYP = "casegate-approvals+passkey"
"""An administrator's of several changes: its claim ``changes`` lists them as they were read."""

MOST_CHANGES = 24
"""Of one list, which fits with its signature into `passkey.MAX_TEXT`."""

ApprovalKey = PublicKey | Passkey
"""What a person approves with: a key in a file, or a passkey in a browser."""

_NAMED = frozenset({"action", "change"})
_APPROVAL, _APPROVALS = HEADING | _NAMED, HEADING | {"changes"}


@dataclass(frozen=True)
class Approval:
    """``change`` is the digest of the change that a person approved; ``jti`` makes it unique.

    ``action`` stands beside it for people to read: who counts an approval compares it. ``place`` is
    that in a list of changes which were signed at once, from 1; 0 for a change that stands alone.
    """

    person: str
    action: str
    change: str
    jti: UUID
    at: datetime
    place: int = 0


def person_uri(issuer: str, person: str) -> str:
    """The name of a person among the administrators of a gateway, or of an organisation by its
    own."""
    return f"{issuer}/people/{person}"


def issuer_of_persons(issuer: str, organisation: str | None) -> str:
    """In whose name persons sign: the gateway's, or that of an organisation of it."""
    return issuer if organisation is None else organisation_uri(issuer, organisation)


def change_digest(action: str, organisation: str, change: Mapping[str, Any]) -> str:
    """Name a change: SHA-256 of its canonical JSON (RFC 8785), base64url."""
    named = {"action": action, "organisation": organisation, "change": dict(change)}
    return base64url.digest(canonical.encode(named))


def issue_approval(
    heading: Heading, *, action: str, organisation: str, change: Mapping[str, Any]
) -> SdJwt:
    """Sign an approval by the person of the heading (`person_uri`): it names the change by its
    digest."""
    digest = change_digest(action, organisation, change)
    return heading.sign(APPROVAL_TYP, {"action": action, "change": digest})


def person_of(text: str, audience: str) -> str:
    """The person that an unverified approval names; DocumentError without one."""
    issuer = read_unverified_approval(text).get("iss")
    prefix = person_uri(audience, "")
    if not isinstance(issuer, str) or not issuer.startswith(prefix):
        raise DocumentError("an approval names its person")
    return issuer.removeprefix(prefix)


def signer_of(text: str, audience: str) -> tuple[str, str] | None:
    """Return the organisation and the person that an unverified approval names; None for an
    administrator's, or another gateway's. Raises DocumentError."""
    named, people, person = str(read_unverified_approval(text).get("iss")).partition("/people/")
    found = read_organisation_uri(named)
    return (found[1], person) if people and found and found[0] == audience else None


def read_unverified_approval(text: str) -> Mapping[str, Any]:
    """Read what an approval claims, in either form, without a check of its signature.

    Raises DocumentError.
    """
    if passkey.is_passkey_statement(text):
        return passkey.read_unverified(text).claims
    return sd_jwt.read_unverified(text).claims


def read_unverified_changes(text: str) -> list[tuple[str, str]]:
    """The actions and digests that an approval names, in either form, in its order; DocumentError
    for what names none."""
    claims = read_unverified_approval(text)
    if "changes" in claims:
        return _several(claims["changes"])
    return [(str(claims.get("action")), str(claims.get("change")))]


def _several(changes: Any) -> list[tuple[str, str]]:
    """Two or more changes, each once."""
    listed = changes if isinstance(changes, list) else []
    found = [
        (one["action"], one["change"])
        for one in listed
        if isinstance(one, Mapping) and one.keys() == _NAMED and _are_text(*one.values())
    ]
    if len(found) < len(listed) or not 2 <= len({*found}) == len(found) <= MOST_CHANGES:
        raise DocumentError(
            f"an approval of several changes lists 2 to {MOST_CHANGES}, each with its action and "
            "digest, and each once"
        )
    return found


def _are_text(*values: Any) -> bool:
    return all(isinstance(one, str) for one in values)


def read_approval_key(jwk: Any) -> tuple[str, ApprovalKey]:
    """The JWK of a key that verifies approvals, and its id; ValueError for any other, or a private
    one."""
    if isinstance(jwk, Mapping) and passkey.ORIGIN in jwk:
        return passkey.read_passkey(jwk)
    return read_registered_key(jwk)


def jwk_of_approval_key(kid: str, key: ApprovalKey) -> dict[str, str]:
    """The JWK that `read_approval_key` reads as this key."""
    if isinstance(key, Passkey):
        return {**jwk_of(key.key), "kid": kid, passkey.ORIGIN: key.origin}
    return {**jwk_of(key), "kid": kid}


REVOKED = "revoked"
"""The member, true, of a JWK whose approvals count no more: they decided earlier changes."""


def recorded_keys(recorded: Any) -> list[dict[str, Any]]:
    """The JWKs that are recorded of one person: one, or a JWK set of several (RFC 7517)."""
    several = recorded.get("keys") if isinstance(recorded, Mapping) else None
    return several if isinstance(several, list) else [recorded]


def read_approval_keys(recorded: Any, *, revoked: bool) -> dict[str, ApprovalKey]:
    """The keys of one person, by their ids, those that are `REVOKED` only if asked for; ValueError
    for what is no such record, and where an id occurs twice."""
    found: dict[str, ApprovalKey] = {}
    for jwk in recorded_keys(recorded):
        ended = isinstance(jwk, Mapping) and jwk.get(REVOKED) is True
        kid, key = read_approval_key(
            {name: one for name, one in jwk.items() if name != REVOKED} if ended else jwk
        )
        if kid in found:
            raise ValueError("a person has each key once")
        if revoked or not ended:
            found[kid] = key
    return found


def verify_approval(
    text: str,
    *,
    person: str,
    audience: str,
    keys: Mapping[str, ApprovalKey],
    organisation: str | None = None,
) -> Approval:
    """Verify an approval, in either form, with its person's keys; DocumentError when it is not
    theirs. They are one of the administrators, or of an ``organisation`` of the gateway's.

    It is for this gateway alone, and has no claim that nobody would compare. A passkey that may
    have copies on other devices approves nothing of an administrator's: who holds an account of the
    person's would.
    """
    issuer = person_uri(issuer_of_persons(audience, organisation), person)
    named = {"audience": audience, "issuer": issuer}
    claims: Mapping[str, Any]
    if passkey.is_passkey_statement(text):
        copies = organisation is not None
        stated = _verified_passkey(text, PASSKEY_APPROVAL_TYP, keys, copies=copies, **named)
        claims, hidden = stated.claims, 0
    else:
        in_files = {kid: key for kid, key in keys.items() if not isinstance(key, Passkey)}
        verified = sd_jwt.verify(text, typ=APPROVAL_TYP, keys=in_files, **named)
        claims = verified.claims
        hidden = len(verified.placed) + verified.withheld - sd_jwt.SMALLEST_PADDING
    if claims.keys() != _APPROVAL or hidden:
        raise DocumentError("an approval names an action and a change, and says nothing else")
    if claims["aud"] != audience:
        raise DocumentError("an approval is for one gateway and no other")
    action, change = claims["action"], claims["change"]
    if not _are_text(action, change):
        raise DocumentError("an approval names an action and a change")
    return Approval(person, action, change, read_id(claims), read_time(claims))


def verify_approvals(
    text: str, *, person: str, audience: str, keys: Mapping[str, ApprovalKey]
) -> list[Approval]:
    """Verify what an administrator signed at once: one approval of each of its changes, in its
    order. As `verify_approval`, which takes the one alone."""
    if not passkey.is_passkey_statement(text) or (
        passkey.read_unverified(text).typ != PASSKEY_APPROVALS_TYP
    ):
        return [verify_approval(text, person=person, audience=audience, keys=keys)]
    named = {"audience": audience, "issuer": person_uri(audience, person)}
    stated = _verified_passkey(text, PASSKEY_APPROVALS_TYP, keys, copies=False, **named)
    if stated.claims.keys() != _APPROVALS:
        raise DocumentError("an approval of several changes lists them, and says nothing else")
    jti, at = read_id(stated.claims), read_time(stated.claims)
    return [
        Approval(person, action, change, jti, at, place)
        for place, (action, change) in enumerate(_several(stated.claims["changes"]), 1)
    ]


def _verified_passkey(
    text: str, typ: str, keys: Mapping[str, ApprovalKey], *, copies: bool, **named: str
) -> PasskeyStatement:
    passkeys = {kid: key for kid, key in keys.items() if isinstance(key, Passkey)}
    stated = passkey.verify(text, typ=typ, keys=passkeys, **named)
    if stated.synced and not copies:
        raise DocumentError("a passkey that is kept in an account approves nothing")
    return stated


SUCCESSION_TYP = "casegate-succession+sd-jwt"

PLANNED = (
    "succession",
    "predecessor",
    "successor",
    "competence",
    "effective_on",
    "read_until",
    "legal_act",
    "permissions_carry_over",
)
"""What is approved: the fields of a succession as both organisations see it."""


def planned(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The plan in a succession as the gateway shows it; missing fields are None."""
    return {name: shown.get(name) for name in PLANNED}


# --- Key declarations: what an organisation signs about its own keys, for one gateway ---
#
# - ``possession``: a new key proves that the signer has its private half (an administrator's
#   personal key signs this one only);
# - ``succession``: the earlier key countersigns the new one;
# - ``lock``, ``unlock``: any valid key requires signed documents of its organisation, or allows
#   attested ones again;
# - ``show <URI>``: a valid key lets the members of a peer gateway know of its organisation;
# - ``encryption``: an encryption key and a document key both declare the encryption key. It is the
#   only signature that an encryption key ever makes (NIST SP 800-56A rev. 3, 5.6.3.2).


REGISTRATION_TYP = "casegate-key+sd-jwt"

POSSESSION, KEY_SUCCESSION, LOCK, UNLOCK = "possession", "succession", "lock", "unlock"
ENCRYPTION = "encryption"
SHOW = "show "
"""Before a peer gateway's URI: that the members of that one may know of the organisation."""

_CLAIMS = HEADING | {"says", "kid"}

MAX_AGE = timedelta(days=7)
"""How long a declaration may wait for the administrators."""

APPROVAL_LIFE = timedelta(hours=72)
"""How long after its signature an administrator's approval can be used."""

MAX_SKEW = timedelta(minutes=5)
"""How far ahead of the gateway's a partner's clock may be."""


@dataclass(frozen=True)
class KeyDeclaration:
    """A verified declaration: ``signed_by`` says ``says`` about the key ``kid``."""

    says: str
    kid: str
    signed_by: str
    jti: UUID
    at: datetime


def issue_declaration(heading: Heading, *, says: str, kid: str) -> SdJwt:
    """Sign a declaration about the key ``kid``, by an organisation or a person (`person_uri`)."""
    return heading.sign(REGISTRATION_TYP, {"says": says, "kid": kid})


def verify_declaration(
    text: str,
    *,
    organisation: str,
    audience: str,
    says: str,
    kid: str | None,
    keys: Mapping[str, PublicKey],
    now: datetime | None,
) -> KeyDeclaration:
    """Verify a declaration of exactly this kind, about ``kid`` unless that is None.

    Raises DocumentError: another kind, key, organisation or gateway, a bad signature, or a time
    that is not within MAX_AGE before ``now``; None takes one of any age.
    """
    verified = sd_jwt.verify(
        text, typ=REGISTRATION_TYP, keys=keys, audience=audience, issuer=organisation
    )
    claims = verified.claims
    if not claims.keys() <= _CLAIMS or verified.placed:
        raise DocumentError("the declaration has a claim that its type does not have")
    if claims.get("says") != says:
        raise DocumentError(f"the declaration does not say '{says}'")
    about = claims.get("kid")
    if not isinstance(about, str) or (kid is not None and about != kid):
        raise DocumentError("the declaration is about another key")
    at = read_time(claims)
    if now is not None and not -MAX_SKEW <= now - at <= MAX_AGE:
        raise DocumentError(
            "the declaration is older than seven days, or from the future: sign a new one"
        )
    return KeyDeclaration(says, about, str(verified.header["kid"]), read_id(claims), at)
