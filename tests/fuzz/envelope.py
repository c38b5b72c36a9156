"""Signed envelopes of fuzzed content: what lies behind a good signature must be reached, too.

The lines of an input are a header, a payload, and disclosures, each JSON as it is sent before its
base64url. They are signed by a fixed key, whatever they say.
"""

import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.evidence import base64url

KID = "fuzz"


@cache
def key() -> Ed25519PrivateKey:
    """A key that everybody may know."""
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def public_keys() -> dict[str, Any]:
    """What verifiers are given."""
    return {KID: key().public_key()}


def sign(header: bytes, payload: bytes) -> str:
    """A compact JWS of two parts that need not be JSON."""
    signed = f"{base64url.encode(header)}.{base64url.encode(payload)}"
    return f"{signed}.{base64url.encode(key().sign(signed.encode('ascii')))}"


def seal(data: bytes) -> str:
    """The compact SD-JWT of the lines of an input; a line `@` of a payload is a digest.

    `@0` in the payload stands for the digest of the first disclosure, and so on, for no fuzzer
    finds a digest by itself.
    """
    header, payload, *rest = [*data.split(b"\n"), b""][: max(2, data.count(b"\n") + 1)]
    encoded = [base64url.encode(line) for line in rest if line]
    for number, one in enumerate(encoded):
        digest = base64url.digest(one.encode("ascii"))
        payload = payload.replace(b"@%d" % number, digest.encode("ascii"))
    return "~".join([sign(header, payload), *encoded, ""])


def lines(header: Any, payload: Any, *disclosures: Any) -> bytes:
    """An input of `seal`."""
    return b"\n".join(json.dumps(one).encode() for one in (header, payload, *disclosures))
