"""Membership attestations: the gateway's dated document that an organisation takes part.

A JWS (RFC 7515) in the form of a trust mark of OpenID Federation 1.0 (section 7), valid for a day
at most. It shows the state at its signature and no later change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from gateway.domain.organisation import MembershipClass, organisation_uri, read_organisation_uri
from gateway.evidence import base64url, canonical, sd_jwt
from gateway.evidence.handoff_documents import read_time
from gateway.evidence.sd_jwt import DocumentError, Signer
from gateway.evidence.signature import PublicKey

TYP = "trust-mark+jwt"
LIFETIME = timedelta(hours=24)

_KINDS = {
    MembershipClass.FULL: "member",
    MembershipClass.ASSOCIATE: "member",
    MembershipClass.OBSERVER: "observer",
}
_CLAIMS = frozenset({"iss", "sub", "trust_mark_type", "iat", "exp", "status", "membership"})
_OPTIONAL = frozenset({"simulated_date"})


@dataclass(frozen=True)
class MembershipAttestation:
    """A verified attestation; times are in UTC and whole seconds.

    ``kind`` is ``member`` or ``observer``. ``simulated`` is a demonstration's reference date.
    """

    issuer: str
    organisation: str
    kind: str
    status: str
    membership: str
    issued: datetime
    ends: datetime
    kid: str
    simulated: date | None = None

    def describe(self) -> str:
        """One clause: which gateway attests what about whom, when, and until when."""
        simulated = f", on the simulated date {self.simulated}" if self.simulated else ""
        return (
            f"{self.issuer} attested on {_spell(self.issued)} that {self.organisation} is "
            f"{self.status}, as {self.kind} ({self.membership} membership){simulated}; "
            f"valid until {_spell(self.ends)}"
        )


def issue(
    *,
    issuer: str,
    organisation: str,
    status: str,
    membership: MembershipClass,
    at: datetime,
    ends: datetime,
    simulated: date | None,
    signer: Signer,
) -> str:
    """Sign an attestation for the organisation of that id; ``at`` and ``ends`` are aware times."""
    claims = {
        "iss": issuer,
        "sub": organisation_uri(issuer, organisation),
        "trust_mark_type": _type(issuer, membership),
        "iat": int(at.timestamp()),
        "exp": int(ends.timestamp()),
        "status": status,
        "membership": str(membership),
    }
    if simulated is not None:
        claims["simulated_date"] = simulated.isoformat()
    header = {"alg": signer.alg, "kid": signer.kid, "typ": TYP}
    signed = ".".join(base64url.encode(canonical.encode(part)) for part in (header, claims))
    return f"{signed}.{base64url.encode(signer.sign(signed.encode('ascii')))}"


def looks_like(text: str) -> bool:
    """Tell whether a text claims, in its header, to be an attestation; nothing is verified."""
    try:
        return sd_jwt.read_unverified(_document(text)).header.get("typ") == TYP
    except DocumentError:
        return False


def read_issuer(text: str) -> Any:
    """Which gateway an attestation says it is of; nothing is verified."""
    return sd_jwt.read_unverified(_document(text)).claims.get("iss")


def verify(text: str, keys: Mapping[str, PublicKey]) -> MembershipAttestation:
    """Verify an attestation with the gateway's keys; the caller judges whether it has expired.

    Raises DocumentError: another type, key or form, a bad signature, an organisation of another
    gateway than the issuer, a type that does not fit the membership, valid for more than a day.
    """
    verified = sd_jwt.verify(_document(text), typ=TYP, keys=keys)
    claims = verified.claims
    if not _CLAIMS <= claims.keys() <= _CLAIMS | _OPTIONAL:
        raise DocumentError("the attestation does not have the claims of its type")
    issuer, named = claims["iss"], read_organisation_uri(str(claims["sub"]))
    if named is None or named[0] != issuer:
        raise DocumentError("a gateway attests its own organisations only")
    try:
        membership = MembershipClass(claims["membership"])
    except ValueError:
        raise DocumentError("the attestation names no class of membership") from None
    if claims["trust_mark_type"] != _type(issuer, membership):
        raise DocumentError("the type of the attestation is not that of the membership")
    issued, ends = read_time(claims), read_time(claims, "exp")
    if not issued < ends <= issued + LIFETIME:
        raise DocumentError("an attestation is valid for a day at most")
    return MembershipAttestation(
        issuer=issuer,
        organisation=named[1],
        kind=_KINDS[membership],
        status=str(claims["status"]),
        membership=str(membership),
        issued=issued,
        ends=ends,
        kid=str(verified.header["kid"]),
        simulated=_day(claims.get("simulated_date")),
    )


def _document(text: str) -> str:
    # `sd_jwt` reads a signed part that has no disclosures.
    if "~" in text:
        raise DocumentError("an attestation has no disclosures")
    return f"{text}~"


def _type(issuer: str, membership: MembershipClass) -> str:
    return f"{issuer}/trust-marks/{_KINDS[membership]}"


def _day(value: Any) -> date | None:
    try:
        return None if value is None else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise DocumentError("the simulated date is not a day") from None


def _spell(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")
