"""Sealed elements: a JWE to an organisation's encryption key, which only its addressee can open.

Compact JWE (RFC 7516), ECDH-ES+A256KW on P-256 and A256GCM, nothing else; no compression, no
critical extensions. The content is padded, so that its length reveals little. A seal encrypts and
does not authenticate: the signature of the document around it does.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)

from gateway.domain.case import SEALABLE, SealedElement, is_sealed, sealed_parts
from gateway.domain.sealed import FORMAT, MAX_BYTES, TYPES, SealedContent, validation_errors
from gateway.evidence import base64url, canonical
from gateway.evidence.sd_jwt import VerifiedSdJwt
from gateway.evidence.signature import ENCRYPTION_ALG

# The library is imported where something is sealed or opened: a gateway does neither.
# ruff: noqa: PLC0415

SEAL_TYP = "casegate-sealed+jwe"
ALG, ENC = ENCRYPTION_ALG, "A256GCM"

MAX_TEXT = 4096
"""Characters: the longest content in base64url, and some six hundred for the rest."""

SIZES = (256, 512, 1024, MAX_BYTES)
"""Content is filled with spaces to one of these lengths, in bytes."""

_HEADER = frozenset({"alg", "enc", "typ", "kid", "epk"})
_EPK = frozenset({"kty", "crv", "x", "y"})
_KEY_BYTES, _IV_BYTES, _TAG_BYTES = 40, 12, 16  # a wrapped 256-bit key (RFC 3394); GCM's own
_FIELDS = {
    "iss": "originator",
    "aud": "addressee",
    "case": "case",
    "id": "element",
    "type": "type",
    "value": "value",
}
"""The fields of the content by their members in JSON."""

_MEMBERS = frozenset({*_FIELDS, "format", "group", "category"})
"""All members: the last two follow from the content."""


class SealError(ValueError):
    """The text is not a valid seal, or does not open; the message says why."""


class NoMatchingKey(SealError):
    """It is sealed to another key."""


class OpeningKey(Protocol):
    """A private encryption key somewhere: its id, and the one thing that it does."""

    @property
    def kid(self) -> str:
        """The RFC 7638 thumbprint of its public half."""

    def decrypt(self, text: str) -> bytes:
        """Return what `decrypt` gives for this key; SealError."""


def seal(contents: SealedContent, kid: str, key: EllipticCurvePublicKey) -> str:
    """Seal content to a key; SealError when R1, its type or its length forbids it.

    The content key, the ephemeral key and the nonce are drawn by the library itself: they must
    never repeat, and so never come from a caller.
    """
    broken = validation_errors(contents.type, contents.value)
    if broken:
        raise SealError("; ".join(f"{pointer} {sentence}" for pointer, sentence in broken))
    plain = canonical.encode(_members(contents))
    if len(plain) > MAX_BYTES:
        raise SealError(f"sealed content has at most {MAX_BYTES} bytes")
    size = next(size for size in SIZES if len(plain) <= size)
    header = {"alg": ALG, "enc": ENC, "typ": SEAL_TYP, "kid": kid}
    from joserfc import jwe
    from joserfc.jwk import ECKey

    public = ECKey.import_key(key)
    return jwe.encrypt_compact(header, plain.ljust(size), public, algorithms=[ALG, ENC])


def key_id(text: Any) -> str:
    """The id of the key that a text is sealed to; SealError unless all that shows is in order.

    This is all that anybody but the addressee can check.
    """
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise SealError(f"a seal is a text of at most {MAX_TEXT} characters")
    parts = text.split(".")
    if len(parts) != 5:
        raise SealError("a seal is a compact JWE of five parts")
    try:
        header = canonical.decode(base64url.decode(parts[0]))
        key, nonce, content, tag = (base64url.decode(part) for part in parts[1:])
    except ValueError as error:
        raise SealError(f"the seal cannot be read: {error}") from None
    if not isinstance(header, dict) or header.keys() != _HEADER:
        raise SealError(f"the seal's header has {', '.join(sorted(_HEADER))}, and no other")
    if (header["alg"], header["enc"], header["typ"]) != (ALG, ENC, SEAL_TYP):
        raise SealError(f"a seal is {SEAL_TYP} by {ALG} and {ENC}, and no other")
    _check_ephemeral(header["epk"])
    kid = header["kid"]
    if not isinstance(kid, str) or not base64url.DIGEST.fullmatch(kid):
        raise SealError("the seal's kid is the thumbprint of a key (RFC 7638)")
    if (len(key), len(nonce), len(tag)) != (_KEY_BYTES, _IV_BYTES, _TAG_BYTES):
        raise SealError("a part of the seal has not the length that its algorithm gives it")
    if len(content) not in SIZES:
        raise SealError(f"sealed content is filled to {', '.join(map(str, SIZES))} bytes")
    return kid


def _check_ephemeral(epk: Any) -> None:
    """A point of P-256: one off the curve could draw a key out of who opens it."""
    try:
        if epk.keys() != _EPK or (epk["kty"], epk["crv"]) != ("EC", "P-256"):
            raise ValueError
        x, y = (base64url.decode(epk[name]) for name in ("x", "y"))
        if len(x) != 32 or len(y) != 32:
            raise ValueError
        numbers = (int.from_bytes(x, "big"), int.from_bytes(y, "big"))
        EllipticCurvePublicNumbers(*numbers, SECP256R1()).public_key()
    except (AttributeError, TypeError, ValueError):
        raise SealError("the seal's ephemeral key is no point of P-256") from None


def decrypt(text: str, kid: str, key: EllipticCurvePrivateKey) -> bytes:
    """The bytes under a seal to this key, filling included; SealError, NoMatchingKey."""
    if key_id(text) != kid:
        raise NoMatchingKey("it is sealed to another key")
    from joserfc import jwe
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey

    try:
        opened = jwe.decrypt_compact(text, ECKey.import_key(key), algorithms=[ALG, ENC])
    except (JoseError, ValueError):
        # One sentence for all of them: which step failed is nobody's business.
        raise SealError("the seal does not open: it was damaged, or made for another key") from None
    return opened.plaintext or b""


def open_sealed(text: str, keys: Mapping[str, OpeningKey]) -> SealedContent:
    """Open a seal with whichever of one's keys it is for, and judge what stands in it.

    Raises NoMatchingKey when it is for none of them, SealError when it does not open, or when its
    content breaks a rule: it is not shown then.
    """
    key = keys.get(key_id(text))
    if key is None:
        raise NoMatchingKey("it is sealed to a key that you do not have")
    try:
        members = canonical.decode(key.decrypt(text))
    except SealError:
        raise
    except ValueError:
        raise SealError("the sealed content is not canonical JSON") from None
    if not isinstance(members, dict) or members.keys() != _MEMBERS or members["format"] != FORMAT:
        raise SealError(f"what was sealed is not of the format {FORMAT}")
    texts = _FIELDS.keys() - {"value"}
    if not all(isinstance(members[name], str) for name in texts) or members["type"] not in TYPES:
        raise SealError("the type of the sealed content is unknown")
    broken = validation_errors(members["type"], members["value"])
    if broken:
        places = ", ".join(sorted({pointer for pointer, _ in broken}))
        raise SealError(f"what was sealed breaks the rules of its type, and is not shown: {places}")
    contents = SealedContent(**{field: members[name] for name, field in _FIELDS.items()})
    if (members["group"], members["category"]) != (contents.group, contents.category):
        raise SealError("what was sealed is labelled as something else than it is")
    return contents


def shown(verified: VerifiedSdJwt) -> tuple[SealedElement, ...]:
    """The sealed elements that a case presentation shows; SealError when one is malformed."""
    parts = sealed_parts({name: _array(verified, name) for name in SEALABLE})
    for part in parts:
        key_id(part.text)
    return parts


def _array(verified: VerifiedSdJwt, name: str) -> list[Any]:
    values = [p.value for p in verified.placed if p.in_array and p.name == name]
    for value in values:
        if not is_sealed(value):
            continue
        named = all(isinstance(value.get(name), str) for name in ("id", "sealed_to"))
        if not named or value.keys() != {"id", "sealed_to", "sealed"}:
            raise SealError("a sealed element has an id, an organisation and a seal, and no more")
    return values


def describe(parts: Sequence[SealedElement]) -> str:
    """Tell who can open sealed elements, as a clause; empty when there are none."""
    if not parts:
        return ""
    owners = " and ".join(sorted({part.sealed_to for part in parts}))
    elements = "1 sealed element" if len(parts) == 1 else f"{len(parts)} sealed elements"
    return f"only {owners} can read {elements}: the gateway's operator cannot"


def _members(contents: SealedContent) -> dict[str, Any]:
    said = {name: getattr(contents, field) for name, field in _FIELDS.items()}
    said |= {"value": dict(contents.value), "group": contents.group, "category": contents.category}
    return {"format": FORMAT, **said}
