"""Signed approvals: an administrator's of one change, an organisation's of one succession.

Each names exactly what it approves. The person who approved a succession is a disclosure, which
the gateway does not keep with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.evidence import base64url, canonical, sd_jwt
from gateway.evidence.heading import HEADING, Heading, read_id, read_time
from gateway.evidence.sd_jwt import DocumentError, SdJwt, Signer
from gateway.evidence.signature import PublicKey

APPROVAL_TYP = "casegate-approval+sd-jwt"


@dataclass(frozen=True)
class AdminApproval:
    """``change`` is the digest of the change that a person approved; ``jti`` makes it unique.

    ``action`` stands beside it for people to read: who counts an approval compares it.
    """

    person: str
    action: str
    change: str
    jti: UUID
    at: datetime


def person_uri(issuer: str, person: str) -> str:
    """The name of a person among the administrators of a gateway."""
    return f"{issuer}/people/{person}"


def digest_of(action: str, organisation: str, change: Mapping[str, Any]) -> str:
    """Name a change: SHA-256 of its canonical JSON (RFC 8785), base64url."""
    named = {"action": action, "organisation": organisation, "change": dict(change)}
    return base64url.digest(canonical.encode(named))


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
    """Sign an approval. It names the change by its digest."""
    heading = Heading(person_uri(audience, person), audience, at, jti, signer, random)
    digest = digest_of(action, organisation, change)
    return heading.sign(APPROVAL_TYP, {"action": action, "change": digest})


def person_of(text: str, audience: str) -> str:
    """The person that an unverified approval names; DocumentError without one."""
    issuer = sd_jwt.read_unverified(text).claims.get("iss")
    prefix = person_uri(audience, "")
    if not isinstance(issuer, str) or not issuer.startswith(prefix):
        raise DocumentError("an approval names its person")
    return issuer.removeprefix(prefix)


def verify(
    text: str, *, person: str, audience: str, keys: Mapping[str, PublicKey]
) -> AdminApproval:
    """Verify an approval with its person's keys; DocumentError when it is not theirs.

    It is for this gateway alone, and has no claim that nobody would compare.
    """
    verified = sd_jwt.verify(
        text, typ=APPROVAL_TYP, keys=keys, audience=audience, issuer=person_uri(audience, person)
    )
    claims = verified.claims
    hidden = len(verified.placed) + verified.withheld - sd_jwt.SMALLEST_PADDING
    if claims.keys() != HEADING | {"action", "change"} or hidden:
        raise DocumentError("an approval names an action and a change, and says nothing else")
    if claims["aud"] != audience:
        raise DocumentError("an approval is for one gateway and no other")
    action, change = claims["action"], claims["change"]
    if not isinstance(action, str) or not isinstance(change, str):
        raise DocumentError("an approval names an action and a change")
    return AdminApproval(person, action, change, read_id(claims), read_time(claims))


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


def issue_succession_approval(heading: Heading, *, shown: Mapping[str, Any], by: str) -> SdJwt:
    """Sign an approval of the succession as it is ``shown``, for the heading's author."""
    return heading.sign(SUCCESSION_TYP, planned(shown), {"by": by})
