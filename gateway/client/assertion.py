"""How this system proves who it is by a key of its own: `private_key_jwt`, beside its certificate.

RFC 7523 section 2.2 as FAPI 2.0 narrows it: addressed to the issuer as one string, good for a
minute, and each with an id of its own, for the gateway takes no id twice.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from gateway.evidence import base64url

KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

LIFE_SECONDS = 60


class ClientKey(Protocol):
    """The private key of a system, such as `gateway.keys.load_key` reads."""

    @property
    def kid(self) -> str:
        """The id under which the gateway has registered its public half."""

    @property
    def alg(self) -> str:
        """ES256 or Ed25519."""

    def sign(self, data: bytes) -> bytes:
        """The signature in JOSE form."""


@dataclass(frozen=True)
class Assertions:
    """Makes the assertions of one system for one gateway."""

    issuer: str
    client_id: str
    key: ClientKey
    now: Callable[[], datetime]
    ids: Callable[[], UUID]

    def members(self) -> dict[str, str]:
        """The members of a form that carry a new assertion (RFC 7521 section 4.2)."""
        return {"client_assertion_type": KIND, "client_assertion": self.make()}

    def make(self) -> str:
        """A new assertion, as a compact JWS."""
        now = int(self.now().timestamp())
        # RFC 8037's name for the algorithm: the one in the gateway's metadata.
        alg = "EdDSA" if self.key.alg == "Ed25519" else self.key.alg
        header = {"typ": "client-authentication+jwt", "alg": alg, "kid": self.key.kid}
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.issuer,
            "iat": now,
            "exp": now + LIFE_SECONDS,
            "jti": str(self.ids()),
        }
        signed = f"{_encoded(header)}.{_encoded(claims)}"
        return f"{signed}.{base64url.encode(self.key.sign(signed.encode('ascii')))}"


def _encoded(value: Mapping[str, Any]) -> str:
    return base64url.encode(json.dumps(value, separators=(",", ":")).encode("utf-8"))
