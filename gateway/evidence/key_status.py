"""The gateway's signed statement that a member's document key was not revoked up to a tree's size.

It is the operator's word, and one that convicts: a revocation below that size contradicts it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.organisation import organisation_uri
from gateway.evidence import sd_jwt
from gateway.evidence.history import SignedTree
from gateway.evidence.key_history import KeyRevocation
from gateway.evidence.report import Fact
from gateway.evidence.sd_jwt import DocumentError, SdJwt, Signer
from gateway.evidence.stream import read_dated
from gateway.evidence.trust import TrustAnchors

TYP = "casegate-key-status+sd-jwt"


@dataclass(frozen=True)
class KeyStatus:
    """A verified statement: at the checkpoint of ``tree`` the key was registered and not revoked.

    ``gateway`` is the URI of the gateway that signed it.
    """

    gateway: str
    organisation: str
    kid: str
    tree: SignedTree

    @property
    def log(self) -> str:
        """The log of the checkpoint."""
        return self.tree.checkpoint.origin

    @property
    def size(self) -> int:
        """No entry below it revokes the key."""
        return self.tree.checkpoint.size

    def of(self, revoked: KeyRevocation) -> bool:
        """Whether a revocation contradicts it."""
        same = (revoked.organisation, revoked.kid) == (self.organisation, self.kid)
        place = revoked.confirmed
        return same and place.checkpoint.origin == self.log and place.index < self.size

    def fact(self) -> Fact:
        """The same as a fact."""
        values = {"organisation": self.organisation, "kid": self.kid, "size": self.size}
        return Fact("key.unrevoked", {**values, "log": self.log, "issuer": self.gateway})


def issue(
    *,
    issuer: str,
    organisation: str,
    kid: str,
    note: str,
    at: datetime,
    signer: Signer,
    random: Callable[[int], bytes],
) -> SdJwt:
    """Sign that an organisation's key is not revoked under the signed checkpoint ``note``."""
    claims = {
        "iss": issuer,
        "aud": organisation_uri(issuer, organisation),
        "iat": int(at.timestamp()),
        "kid": kid,
        "checkpoint": note,
    }
    return sd_jwt.issue(
        typ=TYP, claims=claims, properties=(), arrays=(), signer=signer, random=random
    )


def read(text: str, trust: TrustAnchors) -> KeyStatus:
    """Verify a statement; raises what `stream.read_dated` raises."""
    dated = read_dated(text, TYP, trust)
    kid = dated.claims.get("kid")
    if not isinstance(kid, str):
        raise DocumentError("the key status names no key")
    return KeyStatus(
        str(dated.claims["iss"]), dated.organisation, kid, SignedTree(dated.checkpoint, dated.note)
    )
