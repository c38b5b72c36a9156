"""A passkey as a browser and its device would use it (W3C Web Authentication Level 3, 6.3.3)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.evidence import base64url, declarations, passkey
from gateway.evidence.signature import jwk_of, thumbprint
from tests.evidence.ingredients import rsa_key

CONSOLE = "https://console.example"

PRESENT, VERIFIED, SYNCABLE, SYNCED = 0x01, 0x04, 0x08, 0x10


@dataclass
class Authenticator:
    """One passkey; each answer is as the browser's ``toJSON()`` has it."""

    private: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    origin: str = CONSOLE
    flags: int = PRESENT | VERIFIED

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as the registry keeps it."""
        public = jwk_of(self.private.public_key())
        return {**public, "kid": thumbprint(public), passkey.ORIGIN: self.origin}

    def answer(
        self,
        asked: bytes,
        /,
        *,
        host: str | None = None,
        data: Callable[[bytes], bytes] = bytes,
        **client: Any,
    ) -> dict[str, str]:
        """What the browser answers; ``client`` changes what it says, ``data`` the device's."""
        said = {
            "type": "webauthn.get",
            "challenge": base64url.encode(asked),
            "origin": self.origin,
            "crossOrigin": False,
        } | client
        kept = json.dumps({name: one for name, one in said.items() if one is not None}).encode()
        named = (host or self.origin.split("://")[1].split(":")[0]).encode()
        device = data(sha256(named).digest() + bytes([self.flags]) + (7).to_bytes(4, "big"))
        signed = device + sha256(kept).digest()
        return {
            "authenticatorData": base64url.encode(device),
            "clientDataJSON": base64url.encode(kept),
            "signature": base64url.encode(self._sign(signed)),
        }

    def sign(self, typ: str, claims: Mapping[str, Any], **changes: Any) -> str:
        """A statement of these claims; ``changes`` as `answer` takes them."""
        drafted = passkey.draft(typ, self.jwk["kid"], claims)
        return passkey.complete(drafted, self.answer(passkey.challenge(drafted), **changes))

    def approve(
        self,
        issuer: str,
        person: str,
        change: tuple[str, str, Mapping[str, Any]],
        at: datetime,
        jti: UUID,
    ) -> str:
        """What an administrator signs of one change: its action, its organisation, its values."""
        claims = {
            "action": change[0],
            "aud": issuer,
            "change": declarations.change_digest(*change),
            "iat": int(at.timestamp()),
            "iss": declarations.person_uri(issuer, person),
            "jti": str(jti),
        }
        return self.sign(declarations.PASSKEY_APPROVAL_TYP, claims)

    def _sign(self, message: bytes) -> bytes:
        match self.private:
            case ec.EllipticCurvePrivateKey():
                return self.private.sign(message, ec.ECDSA(SHA256()))
            case ed25519.Ed25519PrivateKey():
                return self.private.sign(message)
            case _:
                return self.private.sign(message, PKCS1v15(), SHA256())


RSA = rsa_key()
ED25519 = ed25519.Ed25519PrivateKey.generate()
