"""Key declarations: what an organisation signs about its own keys, for one gateway.

- ``possession``: a new key proves that the signer has its private half (an administrator's
  personal key signs this one only);
- ``succession``: the earlier key countersigns the new one;
- ``lock``, ``unlock``: any valid key requires signed documents of its organisation, or allows
  attested ones again;
- ``encryption``: an encryption key and a document key both declare the encryption key. It is the
  only signature that an encryption key ever makes (NIST SP 800-56A rev. 3, 5.6.3.2).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from gateway.evidence import sd_jwt
from gateway.evidence.heading import HEADING, Heading, read_id, read_time
from gateway.evidence.sd_jwt import DocumentError, SdJwt, Signer
from gateway.evidence.signature import PublicKey

REGISTRATION_TYP = "casegate-key+sd-jwt"

POSSESSION, SUCCESSION, LOCK, UNLOCK = "possession", "succession", "lock", "unlock"
ENCRYPTION = "encryption"

_CLAIMS = HEADING | {"says", "kid"}

MAX_AGE = timedelta(days=7)
"""How long a declaration may wait for the administrators."""

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


def issue(
    *,
    organisation: str,
    audience: str,
    says: str,
    kid: str,
    at: datetime,
    jti: UUID,
    signer: Signer,
    random: Callable[[int], bytes],
) -> SdJwt:
    """Sign a declaration about the key ``kid``.

    ``organisation`` and ``audience`` are URIs; an administrator's is that of `approval.person_uri`.
    """
    heading = Heading(organisation, audience, at, jti, signer, random)
    return heading.sign(REGISTRATION_TYP, {"says": says, "kid": kid})


def verify(
    text: str,
    *,
    organisation: str,
    audience: str,
    says: str,
    kid: str | None,
    keys: Mapping[str, PublicKey],
    now: datetime,
) -> KeyDeclaration:
    """Verify a declaration of exactly this kind, about ``kid`` unless that is None.

    Raises DocumentError: what `read` refuses, or a time that is not within MAX_AGE before ``now``.
    """
    declared = read(
        text, organisation=organisation, audience=audience, says=says, kid=kid, keys=keys
    )
    if not -MAX_SKEW <= now - declared.at <= MAX_AGE:
        raise DocumentError(
            "the declaration is older than seven days, or from the future: sign a new one"
        )
    return declared


def read(
    text: str,
    *,
    organisation: str,
    audience: str,
    says: str,
    kid: str | None,
    keys: Mapping[str, PublicKey],
) -> KeyDeclaration:
    """Verify a declaration of any age.

    Raises DocumentError: another kind, key, organisation or gateway, or a bad signature.
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
    kid_used = str(verified.header["kid"])
    return KeyDeclaration(says, about, kid_used, read_id(claims), read_time(claims))


def is_countersigned(
    text: str, *, organisation: str, audience: str, kid: str, keys: Mapping[str, PublicKey]
) -> bool:
    """Whether one of an organisation's document ``keys`` declared the encryption key ``kid``.

    It is valid for as long as the registry lists the key, so its time does not matter.
    """
    try:
        read(
            text, organisation=organisation, audience=audience, says=ENCRYPTION, kid=kid, keys=keys
        )
    except DocumentError:
        return False
    return True
