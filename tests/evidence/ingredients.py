"""What evidence is made of, in fixed form: keys that sign, and chance that repeats itself."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256, shake_256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class SoftwareSigner:
    """A key in memory that signs in JOSE form; ``alg`` is only what the header will say."""

    kid: str
    alg: str
    private: PrivateKey

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(message)
        if isinstance(self.private, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
            return self.private.sign(message, pss, hashes.SHA256())
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def keys(self) -> dict:
        """What a verifier is given for this signer."""
        return {self.kid: self.private.public_key()}


@cache
def rsa_key() -> Any:
    """The RSA key of all tests of a process, of 3072 bits: to make one takes longer than most tests
    do."""
    return rsa.generate_private_key(65537, 3072)


def es256(kid: str = "key-1") -> SoftwareSigner:
    """A P-256 key, always the same for one key id."""
    scalar = int.from_bytes(sha256(kid.encode()).digest(), "big") % (2**255) + 1
    return SoftwareSigner(kid, "ES256", ec.derive_private_key(scalar, ec.SECP256R1()))


def ed25519_signer(kid: str = "key-1") -> SoftwareSigner:
    """An Ed25519 key, always the same for one key id."""
    seed = sha256(kid.encode()).digest()
    return SoftwareSigner(kid, "EdDSA", ed25519.Ed25519PrivateKey.from_private_bytes(seed))


@dataclass
class Chance:
    """A source of bytes that look random and are the same for one seed."""

    seed: str = ""
    calls: int = 0

    def __call__(self, size: int) -> bytes:
        block = shake_256(f"{self.seed}/{self.calls}".encode()).digest(size)
        self.calls += 1
        return block


def chance(seed: str = "") -> Callable[[int], bytes]:
    """A source of chance from its beginning."""
    return Chance(seed)
