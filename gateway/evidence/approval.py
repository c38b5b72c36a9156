"""An administrator's approval of one change of the registry, signed by their personal key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.evidence import base64url, canonical, sd_jwt
from gateway.evidence.heading import Heading, read_id, read_time
from gateway.evidence.sd_jwt import DocumentError, SdJwt, Signer
from gateway.evidence.signature import PublicKey

APPROVAL_TYP = "casegate-approval+sd-jwt"


@dataclass(frozen=True)
class AdminApproval:
    """What a person approved, and when: ``change`` is the digest of the change; ``jti`` makes it
    single."""

    person: str
    change: str
    jti: UUID
    at: datetime


def person_uri(issuer: str, person: str) -> str:
    """The name of a person among the administrators of a gateway."""
    return f"{issuer}/people/{person}"


def digest_of(action: str, organisation: str, change: Mapping[str, Any]) -> str:
    """Name a change: SHA-256 of its canonical JSON (RFC 8785), base64url."""
    said = {"action": action, "organisation": organisation, "change": dict(change)}
    return base64url.digest(canonical.encode(said))


def issue(
    *,
    person: str,
    audience: str,
    action: str,
    organisation: str,
    change: Mapping[str, Any],
    at: datetime,
    jti: UUID,
    signer: Signer,
    random: Callable[[int], bytes],
) -> SdJwt:
    """Sign an approval. The change stands in it by its digest; the gateway keeps the change."""
    heading = Heading(person_uri(audience, person), audience, at, jti, signer, random)
    digest = digest_of(action, organisation, change)
    return heading.sign(APPROVAL_TYP, {"action": action, "change": digest})


def person_of(text: str, audience: str) -> str:
    """Whose approval a text claims to be, before it is verified; DocumentError when nobody's."""
    issuer = sd_jwt.read_unverified(text).claims.get("iss")
    prefix = person_uri(audience, "")
    if not isinstance(issuer, str) or not issuer.startswith(prefix):
        raise DocumentError("an approval names the person whose word it is")
    return issuer.removeprefix(prefix)


def verify(
    text: str, *, person: str, audience: str, keys: Mapping[str, PublicKey]
) -> AdminApproval:
    """Verify an approval against its person's keys; DocumentError when it is not theirs."""
    verified = sd_jwt.verify(
        text, typ=APPROVAL_TYP, keys=keys, audience=audience, issuer=person_uri(audience, person)
    )
    change = verified.claims.get("change")
    if not isinstance(change, str):
        raise DocumentError("an approval names a change")
    return AdminApproval(person, change, read_id(verified.claims), read_time(verified.claims))
