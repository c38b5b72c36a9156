"""The gateway's signed statement that a member's document key was not revoked up to a tree's size.

It is the operator's word, and one that convicts: a revocation below that size contradicts it.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.organisation import organisation_uri
from gateway.evidence import sd_jwt
from gateway.evidence.history import SignedTree
from gateway.evidence.key_history import KeyRevocation
from gateway.evidence.receipt import UnknownLog
from gateway.evidence.report import Code, Fact, VerificationFailed
from gateway.evidence.sd_jwt import DocumentError, SdJwt, Signer, UnknownKey
from gateway.evidence.stream import read_dated
from gateway.evidence.trust import AuthoredDocument, TrustAnchors

TYP = "casegate-key-status+sd-jwt"


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
        """Whether it is about the key that signed a document, at the gateway of its author."""
        mine = (self.organisation, self.kid, self.gateway)
        return not signed.attested and mine == (signed.author, signed.kid, signed.gateway)

    def contradicts(self, revoked: KeyRevocation) -> bool:
        """Whether the log revoked the key before."""
        same = (revoked.organisation, revoked.kid) == (self.organisation, self.kid)
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
    tree = SignedTree(dated.checkpoint, dated.note)
    return KeyStatus(str(dated.claims["iss"]), dated.organisation, kid, tree, dated.at)


def read_kept(texts: Iterable[str], trust: TrustAnchors) -> list[KeyStatus]:
    """Verify the statements of a key file; raises what `read` raises.

    Leaves out those of gateways and logs whose keys were not provided.
    """
    found = []
    for text in texts:
        with suppress(UnknownKey, UnknownLog):  # without these keys it proves nothing
            found.append(read(text, trust))
    return found


def newest(statuses: Iterable[KeyStatus], documents: Sequence[AuthoredDocument]) -> list[KeyStatus]:
    """Those of keys that signed ``documents``: of each key and log the one of the most entries."""
    found: dict[tuple[str, ...], KeyStatus] = {}
    for one in sorted(statuses, key=lambda status: status.size):
        if any(map(one.of, documents)):
            found[one.organisation, one.kid, one.gateway, one.log] = one
    return [found[name] for name in sorted(found)]


def require_consistent(statuses: Iterable[KeyStatus], revoked: Sequence[KeyRevocation]) -> None:
    """Raise VerificationFailed (CONTRADICTION) when the log revoked a key before a statement."""
    if any(one.contradicts(other) for one in statuses for other in revoked):
        raise VerificationFailed(
            Code.CONTRADICTION, "the gateway signed that a key was not revoked, and it was"
        )
