"""Status statements: the gateway's dated word that an organisation takes part, as a trust mark.

A JWS (RFC 7515) in the form of a trust mark of OpenID Federation 1.0 (section 7), good for a day
at most. It says what was so when it was signed, and nothing of what became of it since.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from gateway.domain.organisation import MembershipClass, organisation_uri, read_organisation_uri
from gateway.evidence import base64url, canonical, sd_jwt
from gateway.evidence.heading import read_time
from gateway.evidence.sd_jwt import DocumentError, Signer
from gateway.evidence.signature import PublicKey

TYP = "trust-mark+jwt"
LIFETIME = timedelta(hours=24)

_KINDS = {
    MembershipClass.FULL: "member",
    MembershipClass.ASSOCIATE: "member",
    MembershipClass.OBSERVER: "observer",
}
_CLAIMS = frozenset({"iss", "sub", "trust_mark_type", "iat", "exp", "status", "standing"})
_OPTIONAL = frozenset({"simulated_date"})


@dataclass(frozen=True)
class MembershipAttestation:
    """What a status statement says; times are in UTC and whole seconds.

    ``kind`` is ``member`` or ``observer``. ``simulated`` is the legal date of a demonstration.
    """

    issuer: str
    organisation: str
    kind: str
    status: str
    standing: str
    issued: datetime
    ends: datetime
    kid: str
    simulated: date | None = None

    def told(self) -> str:
        """One clause: who says what of whom, when, and until when it is good."""
        simulated = f", on the simulated date {self.simulated}" if self.simulated else ""
        return (
            f"{self.issuer} said on {_spell(self.issued)} that {self.organisation} is "
            f"{self.status}, as {self.kind} with the standing {self.standing}{simulated}; "
            f"good until {_spell(self.ends)}"
        )


def issue(
    *,
    issuer: str,
    organisation: str,
    status: str,
    standing: MembershipClass,
    at: datetime,
    ends: datetime,
    simulated: date | None,
    signer: Signer,
) -> str:
    """Sign a statement about the organisation of that id; ``at`` and ``ends`` are aware times."""
    claims = {
        "iss": issuer,
        "sub": organisation_uri(issuer, organisation),
        "trust_mark_type": _type(issuer, standing),
        "iat": int(at.timestamp()),
        "exp": int(ends.timestamp()),
        "status": status,
        "standing": str(standing),
    }
    if simulated is not None:
        claims["simulated_date"] = simulated.isoformat()
    header = {"alg": signer.alg, "kid": signer.kid, "typ": TYP}
    signed = ".".join(base64url.encode(canonical.encode(part)) for part in (header, claims))
    return f"{signed}.{base64url.encode(signer.sign(signed.encode('ascii')))}"


def is_one(text: str) -> bool:
    """Whether a text claims, in its header, to be such a statement; nothing is verified."""
    try:
        return sd_jwt.read_unverified(_document(text)).header.get("typ") == TYP
    except DocumentError:
        return False


def verify(text: str, keys: Mapping[str, PublicKey]) -> MembershipAttestation:
    """Verify a statement against the gateway's attestation keys; its end is the caller's to judge.

    Raises DocumentError: another type, key or form, a bad signature, an organisation of another
    gateway than the issuer, a type that does not fit the standing, more than a day's life.
    """
    verified = sd_jwt.verify(_document(text), typ=TYP, keys=keys)
    claims = verified.claims
    if not _CLAIMS <= claims.keys() <= _CLAIMS | _OPTIONAL:
        raise DocumentError("the statement does not have the claims of its type")
    issuer, named = claims["iss"], read_organisation_uri(str(claims["sub"]))
    if named is None or named[0] != issuer:
        raise DocumentError("a gateway states the status of its own organisations")
    standing = _standing(claims["standing"])
    if claims["trust_mark_type"] != _type(issuer, standing):
        raise DocumentError("the trust mark's type is not that of the standing")
    issued, ends = read_time(claims), read_time(claims, "exp")
    if not issued < ends <= issued + LIFETIME:
        raise DocumentError("a status statement is good for a day at most")
    return MembershipAttestation(
        issuer=issuer,
        organisation=named[1],
        kind=_KINDS[standing],
        status=str(claims["status"]),
        standing=str(standing),
        issued=issued,
        ends=ends,
        kid=str(verified.header["kid"]),
        simulated=_day(claims.get("simulated_date")),
    )


def _document(text: str) -> str:
    """The text in the form that `sd_jwt` reads: a signed part that has no disclosures."""
    if "~" in text:
        raise DocumentError("a status statement has no disclosures")
    return f"{text}~"


def _type(issuer: str, standing: MembershipClass) -> str:
    return f"{issuer}/trust-marks/{_KINDS[standing]}"


def _standing(value: Any) -> MembershipClass:
    try:
        return MembershipClass(value)
    except ValueError:
        raise DocumentError("the statement names no standing") from None


def _day(value: Any) -> date | None:
    try:
        return None if value is None else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise DocumentError("the simulated date is not a day") from None


def _spell(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")
