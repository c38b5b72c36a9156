"""Unpadded base64url (RFC 4648 section 5, RFC 7515 section 2), one spelling per value."""

import re
from binascii import a2b_base64, b2a_base64
from hashlib import sha256

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_ALPHABET = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)
"""A SHA-256 digest: 43 characters, the last one with its two spare bits at zero."""


def encode(data: bytes) -> str:
    """Write bytes as base64url without padding."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE, b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Read unpadded base64url; ValueError unless ``text`` is the canonical spelling."""
    if not _ALPHABET.fullmatch(text):
        raise ValueError("a character is outside the base64url alphabet")
    # Padding beyond what is missing is ignored.
    data = a2b_base64(text.encode("ascii").translate(_STANDARD) + b"==")
    # Python drops the spare bits of the last character: two texts would mean one value.
    if encode(data) != text:
        raise ValueError("base64url is not in its canonical form")
    return data


def digest(data: bytes) -> str:
    """The SHA-256 of ``data`` as base64url: how documents are named."""
    # As `encode` does: a request has some fifty.
    hashed = b2a_base64(sha256(data).digest(), newline=False)
    return hashed.translate(_URL_SAFE, b"=").decode("ascii")
