"""What a person signed with a passkey, checked offline (W3C Web Authentication Level 3).

The text is ``header.payload.assertion``, each base64url of canonical JSON. The browser was given
SHA-256 of the first two parts as its challenge, so the assertion is about exactly that payload. It
proves that the person's key, after its device had verified the person, signed this payload on a
page of this origin; not what the screen showed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.evidence import base64url, canonical
from gateway.evidence.sd_jwt import BadSignature, DocumentError, UnknownKey
from gateway.evidence.signature import PublicKey, jwk_of, read_registered_key, thumbprint

ORIGIN = "webauthn"
"""The member of a JWK that makes it a passkey: the origin whose pages may ask it to sign."""

MAX_TEXT = 6000

_ALG = "webauthn"
_HEADER = {"alg", "kid", "typ"}
_ASSERTION = {"authenticatorData", "clientDataJSON", "signature"}
_PRESENT_AND_VERIFIED = 0b0000_0101
_BACKUP_ELIGIBLE, _BACKED_UP = 0b0000_1000, 0b0001_0000
_WITH_KEY = 0b0100_0000
_AUTHENTICATOR_DATA = 37
"""Bytes: the digest of the host, flags, a counter; what has more was not asked for (6.1)."""


@dataclass(frozen=True)
class Passkey:
    """A person's public key, and the origin to which their browser keeps it."""

    key: PublicKey
    origin: str


@dataclass(frozen=True)
class PasskeyStatement:
    """A payload, and by which passkey it was signed; ``synced`` where copies of it may exist."""

    kid: str
    typ: str
    claims: Mapping[str, Any]
    synced: bool


def read_passkey(jwk: Any) -> tuple[str, Passkey]:
    """A passkey as the registry keeps it, and its id, which is its thumbprint (RFC 7638): a public
    P-256, Ed25519 or RSA JWK with the member `ORIGIN`. ValueError for anything else."""
    if not isinstance(jwk, Mapping):
        raise ValueError("a passkey is a JWK")
    origin = jwk.get(ORIGIN)
    kid, key = read_registered_key({name: one for name, one in jwk.items() if name != ORIGIN})
    if jwk.keys() & {"use", "alg"} or kid != thumbprint(jwk):
        raise ValueError("the kid of a passkey is its thumbprint, and it has no use and no alg")
    if not isinstance(origin, str) or not _is_origin(origin):
        raise ValueError(
            "the origin of a passkey is https://host, with a port if need be, and no address of "
            "numbers; or http://localhost"
        )
    return kid, Passkey(key, origin)


def _is_origin(text: str) -> bool:
    """Tell whether this is the one spelling of an origin to which browsers keep passkeys."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme != "https" and (parts.scheme, host) != ("http", "localhost"):
        return False
    plain = {"https": 443, "http": 80}[parts.scheme]
    spelled = f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, plain) else "")
    return text == spelled and text.isascii() and 0 < len(host) < 254 and not _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_passkey_statement(text: str) -> bool:
    """Tell the form apart from an SD-JWT, which has a tilde; nothing is checked."""
    return "~" not in text


def draft(typ: str, kid: str, claims: Mapping[str, Any]) -> str:
    """Write what a passkey is asked to sign: the first two parts of the text."""
    header = {"alg": _ALG, "kid": kid, "typ": typ}
    return ".".join(base64url.encode(canonical.encode(one)) for one in (header, dict(claims)))


def challenge(drafted: str) -> bytes:
    """The 32 bytes that a browser is given for a draft."""
    return sha256(drafted.encode("ascii")).digest()


def complete(drafted: str, response: Mapping[str, str]) -> str:
    """A draft with what the browser answered: the members of `AuthenticatorAssertionResponse` as
    its ``toJSON()`` has them (5.1.8). KeyError where one is missing."""
    kept = {name: response[name] for name in sorted(_ASSERTION)}
    return f"{drafted}.{base64url.encode(canonical.encode(kept))}"


def read_unverified(text: str) -> PasskeyStatement:
    """Read a statement whose signature nobody checked; DocumentError for what is none."""
    return _split(text)[0]


def verify(
    text: str, *, typ: str, keys: Mapping[str, Passkey], audience: str, issuer: str
) -> PasskeyStatement:
    """Verify a statement of a person, ``issuer``, for a gateway, ``audience`` (7.2).

    Raises UnknownKey where its key is none of ``keys``; BadSignature; and DocumentError for another
    type, person or gateway, another origin or host, where nobody was verified as present, and for
    what has a second spelling.
    """
    stated, assertion = _split(text)
    if stated.typ != typ:
        raise DocumentError(f"the statement is not of the type {typ}")
    if stated.kid not in keys:
        raise UnknownKey("no passkey of its person was given for the statement")
    synced = verify_answer(keys[stated.kid], assertion, challenge(text.rpartition(".")[0]))
    if (stated.claims.get("iss"), stated.claims.get("aud")) != (issuer, audience):
        raise DocumentError("the statement is another person's, or for another gateway")
    return PasskeyStatement(stated.kid, typ, stated.claims, synced)


def verify_answer(passkey: Passkey, answer: Mapping[str, str], challenged: bytes) -> bool:
    """Verify what a browser answered to a challenge, and tell whether the passkey may have copies
    (7.2). Raises BadSignature; DocumentError; KeyError where a member is missing."""
    data, client_data, signature = (
        _bytes(answer[name]) for name in ("authenticatorData", "clientDataJSON", "signature")
    )
    _check_client(client_data, "webauthn.get", passkey.origin, challenged)
    synced = _check_authenticator(data, urlsplit(passkey.origin).hostname or "")
    if not _is_signed(passkey.key, signature, data + sha256(client_data).digest()):
        raise BadSignature("the signature is not that of the passkey")
    return synced


def read_new_passkey(answer: Mapping[str, str], origin: str, challenged: bytes) -> dict[str, str]:
    """The JWK of a passkey that a browser made on a page of this origin (7.1): it is believed once
    the passkey has signed something. DocumentError; KeyError where a member is missing."""
    data, client_data, key = (
        _bytes(answer[name]) for name in ("authenticatorData", "clientDataJSON", "publicKey")
    )
    _check_client(client_data, "webauthn.create", origin, challenged)
    _check_authenticator(data, urlsplit(origin).hostname or "", _WITH_KEY)
    try:
        public = jwk_of(load_der_public_key(key))  # type: ignore[arg-type] # read_passkey checks
        jwk = {**public, "kid": thumbprint(public), ORIGIN: origin}
        read_passkey(jwk)
    except (ValueError, AttributeError, OverflowError, UnsupportedAlgorithm):
        raise DocumentError("the device made a key that is not taken here") from None
    return jwk


def _split(text: str) -> tuple[PasskeyStatement, Mapping[str, Any]]:
    try:
        if len(text) > MAX_TEXT:
            raise ValueError
        header, claims, assertion = (_member(part) for part in text.split("."))
    except ValueError:
        raise DocumentError(
            "a statement by a passkey is three parts, each base64url of canonical JSON"
        ) from None
    if header.keys() != _HEADER or header["alg"] != _ALG or assertion.keys() != _ASSERTION:
        raise DocumentError("a statement by a passkey has a part that is not in its form")
    if not all(isinstance(one, str) for one in (*header.values(), *assertion.values())):
        raise DocumentError("a statement by a passkey has a part that is not in its form")
    return PasskeyStatement(header["kid"], header["typ"], claims, synced=False), assertion


def _member(part: str) -> dict[str, Any]:
    data = base64url.decode(part)
    value = canonical.decode(data)
    if not isinstance(value, dict) or canonical.encode(value) != data:
        raise ValueError
    return value


def _bytes(text: str) -> bytes:
    try:
        return base64url.decode(text)
    except ValueError:
        raise DocumentError("what the browser answered is not base64url") from None


def _check_client(client_data: bytes, asked: str, origin: str, challenged: bytes) -> None:
    """Check on which page the browser was asked, and for what (5.8.1); it may say more."""
    try:
        said = canonical.decode(client_data)
    except ValueError:
        said = None
    if not isinstance(said, dict) or said.get("type") != asked:
        raise DocumentError("the browser was not asked to sign")
    if said.get("origin") != origin or said.get("crossOrigin", False) is not False:
        raise DocumentError("the statement was signed on a page of another origin")
    if "topOrigin" in said:
        raise DocumentError("the statement was signed in a page within another one")
    if said.get("challenge") != base64url.encode(challenged):
        raise DocumentError("the browser was asked to sign something else")


def _check_authenticator(data: bytes, host: str, more: int = 0) -> bool:
    """Check for which host the device signed, and that it verified its person (6.1); whether the
    passkey may have copies on other devices. ``more`` are flags of what follows those bytes."""
    whole = len(data) > _AUTHENTICATOR_DATA if more else len(data) == _AUTHENTICATOR_DATA
    if not whole or data[:32] != sha256(host.encode("ascii")).digest():
        raise DocumentError("the device answered for another host")
    flags = data[32]
    if flags & _PRESENT_AND_VERIFIED != _PRESENT_AND_VERIFIED:
        raise DocumentError("the device verified nobody as present")
    if flags & more != more or flags & ~(
        _PRESENT_AND_VERIFIED | _BACKUP_ELIGIBLE | _BACKED_UP | more
    ):
        raise DocumentError("the device answered more than it was asked for")
    if flags & _BACKED_UP and not flags & _BACKUP_ELIGIBLE:
        raise DocumentError("the device says of a key bound to it that it has copies")
    return bool(flags & _BACKUP_ELIGIBLE)


def _is_signed(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Tell whether a signature as authenticators make it (6.5.5: ES256 in DER, EdDSA, RS256) is
    the key's."""
    try:
        match key:
            case EllipticCurvePublicKey():
                key.verify(signature, message, ECDSA(SHA256()))
            case Ed25519PublicKey():
                key.verify(signature, message)
            case _:
                key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
