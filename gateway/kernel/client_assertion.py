"""How a system proves who it is with a key of its own: `private_key_jwt` (RFC 7523 2.2, FAPI 2.0).

The keys stand in the registry as public JWKs; the assertion is signed by one of them, is addressed
to the issuer and nobody else, lives an hour at most, and is good once.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.evidence import base64url, canonical, signature

ALGORITHMS = ("PS256", "ES256", "EdDSA")
"""What FAPI 2.0 section 5.4.1 leaves; each key takes the one of its kind."""

KEYS_AT_MOST = 2
"""The key in use, and the one that takes its place."""

LIFE_SECONDS = 3600
SKEW_SECONDS = 10
"""How far ahead of ours a client's clock may be."""

_MIN_RSA_BITS = 3072
_MAX_CHARACTERS = 4096
_TYPES = (None, "JWT", "client-authentication+jwt")
_JTI = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)  # what every database can hold


class AssertionRefused(Exception):
    """The assertion does not prove who calls; the message is for the security log."""


@dataclass(frozen=True)
class Assertion:
    """What a verified assertion says: its own id, and when it ends."""

    jti: str
    ends: datetime


def read_keys(value: Any) -> tuple[str, ...]:
    """Public JWKs as they are kept, canonical JSON each; ValueError when one is not acceptable.

    At most two, each with a `kid` of its own: P-256, Ed25519, or RSA of 3072 bits and more.
    """
    if not isinstance(value, list) or len(value) > KEYS_AT_MOST:
        raise ValueError("at most two keys")
    read = [signature.read_registered_key(member) for member in value]
    if len({kid for kid, _ in read}) < len(read):
        raise ValueError("each key has a kid of its own")
    if any(isinstance(key, RSAPublicKey) and key.key_size < _MIN_RSA_BITS for _, key in read):
        raise ValueError("an RSA key has 3072 bits or more")
    return tuple(canonical.encode(member).decode() for member in value)


def claimed_client(text: str) -> str | None:
    """The client that an assertion speaks of, before anything was checked."""
    try:
        claims = _part(text.split(".")[1]) if len(text) <= _MAX_CHARACTERS else {}
    except (IndexError, ValueError):
        return None
    subject = claims.get("sub")
    return subject if isinstance(subject, str) else None


def verify(
    text: str, keys: Sequence[str], *, client_id: str, issuer: str, now: datetime
) -> Assertion:
    """Check an assertion of ``client_id`` by its registered ``keys``; AssertionRefused otherwise.

    That its ``jti`` was not used before is for the caller to find out.
    """
    if len(text) > _MAX_CHARACTERS or text.count(".") != 2:
        raise AssertionRefused("the assertion is too long, or no compact JWS")
    signed, _, mac = text.rpartition(".")
    head, _, body = signed.partition(".")
    try:
        header, claims, given = _part(head), _part(body), base64url.decode(mac)
    except ValueError:
        raise AssertionRefused("the assertion cannot be read") from None
    _check_signature(header, keys, signed.encode("ascii"), given)
    return _judge(claims, client_id, issuer, now.timestamp())


def _part(text: str) -> Mapping[str, Any]:
    value = canonical.decode(base64url.decode(text), fractions=True)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _check_signature(
    header: Mapping[str, Any], keys: Sequence[str], signed: bytes, given: bytes
) -> None:
    if not header.keys() <= {"alg", "kid", "typ"} or header.get("typ") not in _TYPES:
        raise AssertionRefused("the assertion's header says more than alg, kid and typ")
    known = signature.public_keys({"keys": [json.loads(text) for text in keys]})
    kid = header.get("kid")
    if kid is None and len(known) == 1:
        (kid,) = known
    key = known.get(kid) if isinstance(kid, str) else None
    if key is None:
        raise AssertionRefused("the assertion is by a key that is not registered")
    if not signature.is_valid(header.get("alg"), key, signed, given):
        raise AssertionRefused("the assertion's signature is not by its key")


def _judge(claims: Mapping[str, Any], client_id: str, issuer: str, now: float) -> Assertion:
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise AssertionRefused("the assertion speaks of another client")
    if claims.get("aud") != issuer:  # the one string: no list, no other address (CVE-2025-27370)
        raise AssertionRefused("the assertion is not addressed to the issuer and nobody else")
    ends = _time(claims, "exp")
    if ends is None or ends <= now or ends > now + LIFE_SECONDS + SKEW_SECONDS:
        raise AssertionRefused("the assertion has ended, never does, or ends too late")
    for name in ("iat", "nbf"):
        begins = _time(claims, name)
        if begins is not None and begins > now + SKEW_SECONDS:
            raise AssertionRefused(f"the assertion's {name} is in the future")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not _JTI.fullmatch(jti):
        raise AssertionRefused("the assertion has no id, or none of the ordinary form")
    return Assertion(jti, datetime.fromtimestamp(ends, UTC))


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519 2), which may have a fraction; None when it is left out."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AssertionRefused(f"the assertion's {name} is not a time")
    return float(value)
