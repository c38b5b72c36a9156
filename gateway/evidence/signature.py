"""The signatures that we accept, each bound to a kind of key, and the public keys that check them.

The message never chooses: its ``alg`` must be one that its key is for. ES256 for P-256 keys,
PS256 for RSA keys of 2048 bits and more, EdDSA or Ed25519 (RFC 8037, RFC 9864) for Ed25519 keys.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAPSSAlgorithm

from gateway.evidence import base64url

DocumentKey = EllipticCurvePublicKey | Ed25519PublicKey
"""What a member's own documents are checked with."""

PublicKey = DocumentKey | RSAPublicKey

MIN_RSA_BITS = 2048
MAX_JWK = 2048
"""Characters of a registered key as canonical JSON."""

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_BESIDE = frozenset({"kid", "use", "alg"})
_THUMBPRINT_MEMBERS = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
}
_KID = re.compile(r"[A-Za-z0-9_.:~-]{1,100}", re.ASCII)


def algorithms_of(key: PublicKey) -> frozenset[str]:
    """The ``alg`` values that may name a signature by this key; none for a key we do not take."""
    match key:
        case EllipticCurvePublicKey() if isinstance(key.curve, SECP256R1):
            return frozenset({"ES256"})
        case RSAPublicKey() if key.key_size >= MIN_RSA_BITS:
            return frozenset({"PS256"})
        case Ed25519PublicKey():
            return frozenset({"EdDSA", "Ed25519"})
        case _:
            return frozenset()


def is_valid(alg: object, key: PublicKey, message: bytes, signature: bytes) -> bool:
    """Tell whether ``signature`` (JOSE form: r||s for ECDSA) is the key's own over ``message``.

    False, too, when ``alg`` is not for this kind of key (RFC 8725 3.1).
    """
    if not isinstance(alg, str) or alg not in algorithms_of(key):
        return False
    if isinstance(key, EllipticCurvePublicKey):
        return ECAlgorithm(ECAlgorithm.SHA256).verify(message, key, signature)
    if isinstance(key, RSAPublicKey):
        return RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256).verify(message, key, signature)
    return OKPAlgorithm().verify(message, key, signature)


def public_keys(key_set: Any) -> dict[str, PublicKey]:
    """Read the signature keys of a JWK set (RFC 7517) by their ``kid``.

    Keys for encryption (``use`` "enc") are passed over. Raises ValueError for anything that is
    not a JWK set, for private or symmetric members, a missing or repeated ``kid``, and keys of
    a kind that algorithms_of does not take.
    """
    if not isinstance(key_set, Mapping) or not isinstance(key_set.get("keys"), list):
        raise ValueError("not a JWK set: an object with a list of keys is expected")
    found: dict[str, PublicKey] = {}
    for member in key_set["keys"]:
        if isinstance(member, Mapping) and member.get("use") == "enc":
            continue
        kid, key = _public_key(member)
        if kid in found:
            raise ValueError(f"the key id {kid} occurs twice in a JWK set")
        found[kid] = key
    return found


def _public_key(member: Any) -> tuple[str, PublicKey]:
    if not isinstance(member, Mapping) or not isinstance(member.get("kid"), str):
        raise ValueError("a key is a JWK with a kid: its thumbprint (RFC 7638)")
    if _PRIVATE_MEMBERS & member.keys():
        raise ValueError("a set of public keys holds a private or shared key")
    if member.get("use", "sig") != "sig":
        raise ValueError(f"the key {member['kid']} is not for signatures")
    try:
        # Without "alg": the library does not know Ed25519 by its newer name (RFC 9864).
        key = jwt.PyJWK({name: part for name, part in member.items() if name != "alg"}).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"the key {member['kid']} cannot be read") from error
    algorithms = algorithms_of(key)
    if not algorithms or member.get("alg", next(iter(algorithms))) not in tuple(algorithms):
        raise ValueError(f"the key {member['kid']} is of a kind that is not accepted")
    return member["kid"], key


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 thumbprint of an EC, OKP or RSA public key: SHA-256, unpadded base64url.

    KeyError when a required member is missing, ValueError for another key type.
    """
    members = _THUMBPRINT_MEMBERS.get(jwk["kty"])
    if members is None:
        raise ValueError("the thumbprint is defined for EC, OKP and RSA keys only")
    canonical = json.dumps({name: jwk[name] for name in members}, separators=(",", ":"))
    return base64url.digest(canonical.encode())


def jwk_of(public: PublicKey) -> dict[str, str]:
    """The members that define a P-256, RSA or Ed25519 key (RFC 7518 6.2.1, 6.3.1, RFC 8037 2)."""
    if isinstance(public, Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(public.public_bytes_raw())}
    if isinstance(public, RSAPublicKey):
        whole = public.public_numbers()
        n, e = (
            base64url.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
            for number in (whole.n, whole.e)
        )
        return {"kty": "RSA", "n": n, "e": e}
    numbers = public.public_numbers()
    x, y = (base64url.encode(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def read_registered_key(jwk: Any) -> tuple[str, PublicKey]:
    """A public key as the registry keeps it, and its id.

    Beside the members that define it, as ``jwk_of`` spells them, it has ``kid`` and may have
    ``use`` and ``alg``: every member reads the registry, and nothing in it is ever erased. Raises
    ValueError for anything else, for a private key, and for more than MAX_JWK characters.
    """
    kid, key = _public_key(jwk)
    if {name: part for name, part in jwk.items() if name not in _BESIDE} != jwk_of(key):
        raise ValueError(
            "a key has its defining members, spelled as RFC 7518 and RFC 8037 spell them, kid, "
            "use and alg, and no other: remove the rest"
        )
    if not _KID.fullmatch(kid) or len(json.dumps(jwk, separators=(",", ":"))) > MAX_JWK:
        raise ValueError(
            f"a kid is 1 to 100 letters, digits and _.:~-, a key at most {MAX_JWK} characters"
        )
    return kid, key


def read_document_key(jwk: Any) -> tuple[str, DocumentKey]:
    """A member's document key and its id, which is its thumbprint: P-256 or Ed25519.

    Raises ValueError as ``read_registered_key`` does, and when the JWK is of another kind, or its
    ``kid`` is not its thumbprint (RFC 7638).
    """
    kid, key = read_registered_key(jwk)
    if isinstance(key, RSAPublicKey):
        raise ValueError("a document key is a P-256 or an Ed25519 key")
    if kid != thumbprint(jwk):
        raise ValueError("the kid of a document key is its thumbprint (RFC 7638)")
    return kid, key


ENCRYPTION_ALG = "ECDH-ES+A256KW"


def read_encryption_key(jwk: Any) -> tuple[str, EllipticCurvePublicKey]:
    """The key to which others seal, and its id, which is its thumbprint: P-256, ``use`` "enc".

    Raises ValueError as ``read_document_key`` does, and when the JWK is for another use or
    algorithm.
    """
    if not isinstance(jwk, Mapping) or jwk.get("use") != "enc":
        raise ValueError("an encryption key has the use 'enc'")
    if jwk.get("alg", ENCRYPTION_ALG) != ENCRYPTION_ALG:
        raise ValueError(f"an encryption key is for {ENCRYPTION_ALG}")
    named = {name: part for name, part in jwk.items() if name not in ("use", "alg")}
    kid, key = read_document_key(named)
    if not isinstance(key, EllipticCurvePublicKey):
        raise ValueError("an encryption key is a P-256 key")
    return kid, key


def encryption_keys(key_set: Any) -> dict[str, EllipticCurvePublicKey]:
    """The keys of a JWK set (RFC 7517) with the ``use`` "enc", by their ``kid``; no others.

    Raises ValueError as ``read_encryption_key`` does, and for anything that is not a JWK set.
    """
    if not isinstance(key_set, Mapping) or not isinstance(key_set.get("keys"), list):
        raise ValueError("not a JWK set: an object with a list of keys is expected")
    members = [one for one in key_set["keys"] if isinstance(one, Mapping)]
    return dict(read_encryption_key(one) for one in members if one.get("use") == "enc")
