"""How every document of a party begins: who signs, in whose name, for which gateway, when."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from gateway.evidence import sd_jwt
from gateway.evidence.sd_jwt import DocumentError, SdJwt, Signer

HEADING = frozenset({"iss", "aud", "iat", "jti"})
"""The claims of a heading; what the gateway attests has ``attested_for`` besides."""


@dataclass(frozen=True)
class Heading:
    """The heading of one document, and what signs it.

    ``issuer`` is the author's URI, or the gateway's when it attests for the organisation whose
    URI is ``attested_for``; ``audience`` is the gateway's. ``at`` is an aware time, written as
    whole seconds (RFC 7519 2, NumericDate); ``random(n)`` gives n unpredictable bytes.
    """

    issuer: str
    audience: str
    at: datetime
    jti: UUID | str
    signer: Signer
    random: Callable[[int], bytes]
    attested_for: str | None = None

    def claims(self) -> dict[str, Any]:
        """The claims that it begins with; ValueError for a time without a zone."""
        attested = {} if self.attested_for is None else {"attested_for": self.attested_for}
        return {
            "iss": self.issuer,
            **attested,
            "aud": self.audience,
            "iat": seconds(self.at),
            "jti": str(self.jti),
        }

    def sign(
        self,
        typ: str,
        claims: Mapping[str, Any],
        disclosed: Mapping[str, Any] = MappingProxyType({}),
    ) -> SdJwt:
        """Sign a document of a type: its claims in clear, and its disclosures but those that are
        None."""
        document, _ = sd_jwt.issue_read(
            typ=typ,
            claims={**self.claims(), **claims},
            properties=[(name, value) for name, value in disclosed.items() if value is not None],
            arrays=(),
            signer=self.signer,
            random=self.random,
        )
        return document


def seconds(at: datetime) -> int:
    """A time as documents have it; ValueError for one without a zone."""
    if at.tzinfo is None:
        raise ValueError("a document's time has a time zone")
    return int(at.timestamp())


def read_time(claims: Mapping[str, Any], name: str = "iat") -> datetime:
    """When a document was signed, or another time in it; DocumentError unless it is there in whole
    seconds."""
    at = claims.get(name)
    try:
        if not isinstance(at, int) or isinstance(at, bool):
            raise ValueError
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        raise DocumentError(f"the document's {name} is no time in whole seconds") from None


def read_id(claims: Mapping[str, Any]) -> UUID:
    """The id of a document; DocumentError unless it is a UUID in its one spelling."""
    value = claims.get("jti")
    try:
        found = UUID(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or str(found) != value:
        raise DocumentError("the document's jti is a UUID in lower case")
    return found
