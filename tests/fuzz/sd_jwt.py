"""Documents with parts that can be withheld (RFC 9901): only DocumentError escapes.

Oracle: what is parsed is written back character for character; whatever is withheld, what is
clear stays the same and what is shown was sealed; nothing that stands for a digest is left in the
content. No document that verifies has bytes that the profile does not name: header, payload and
disclosures are the JSON of three header members, of the claims, of digests and of salts, which have
their lengths.
"""

import json
import re
from contextlib import suppress

from gateway.evidence import base64url, sd_jwt
from gateway.evidence.sd_jwt import DocumentError
from tests.fuzz import envelope
from tests.fuzz.target import EXAMPLES, VECTORS

TYP = "casegate-case+sd-jwt"
_HEADER = {"alg": "EdDSA", "kid": envelope.KID, "typ": TYP}
_SALT = "A" * 22
_DECOYS = [base64url.digest(bytes([n])) for n in range(12)]


def seeds() -> list[bytes]:
    """Compact documents, and envelopes."""
    compact = [file.read_bytes().strip() for file in sorted(EXAMPLES.glob("*.sd-jwt"))]
    for file in sorted((VECTORS / "sd-jwt").rglob("*.txt")):
        compact.append(file.read_bytes().strip())
    return [*compact, *envelopes()]


def envelopes() -> list[bytes]:
    """Payloads with properties, arrays and disclosures within disclosures."""
    nested = {"_sd": ["@0"], "_sd_alg": "sha-256", "items": [{"...": "@1"}, {"...": "A" * 43}]}
    profile = {"iss": "a", "_sd": ["@0", *_DECOYS[:3]], "_sd_alg": "sha-256"}
    items = [{"...": digest} for digest in ("@1", "@2", *_DECOYS[3:5])]
    return [
        envelope.lines(_HEADER, {"iss": "a", "aud": "b"}),
        envelope.lines(_HEADER, profile, [_SALT, "name", "é"]),
        envelope.lines(
            _HEADER, {**profile, "items": items}, ["A" * 43, "n", 1], [_SALT, {"a": 1}], [_SALT, 2]
        ),
        envelope.lines(_HEADER, nested, [_SALT, "name", {"_sd": []}], [_SALT, {"kind": 1.5}]),
        envelope.lines(_HEADER, {"_sd": ["@0"]}, [_SALT, "a", {"_sd": ["@1"]}], [_SALT, "b", [1]]),
        envelope.lines(_HEADER, {"a": [[{"...": "@0"}]]}, [_SALT, [{"...": "@1"}]], [_SALT, None]),
    ]


def check(data: bytes) -> None:
    """The bytes as a document, then as the lines of an envelope."""
    check_text(data.decode("utf-8", "surrogateescape"))
    text = envelope.seal(data)
    check_text(text)
    _check_profile(text)
    try:
        verified = sd_jwt.read_unverified(text)
    except DocumentError:
        return
    sd_jwt.refuse_reserved(
        [sd_jwt.merge_disclosures(verified), *(p.value for p in verified.placed)]
    )
    assert verified.withheld >= 0
    document = sd_jwt.parse(text)
    for digest in [d.digest for d in document.disclosures]:
        _check_presentation(document, digest, verified)


def _check_presentation(document: sd_jwt.SdJwt, digest: str, whole: sd_jwt.VerifiedSdJwt) -> None:
    shown = {d.digest for d in document.disclosures} - {digest}
    text = document.present(shown).compact()
    try:
        part = sd_jwt.read_unverified(text)
    except sd_jwt.UnmatchedDisclosure:  # it led to one that is still shown
        return
    assert part.claims == whole.claims
    assert {p.digest for p in part.placed} == shown


def _check_profile(text: str) -> None:
    """What verifies is explained to the last byte."""
    try:
        verified = sd_jwt.verify(text, typ=TYP, keys=envelope.public_keys())
    except DocumentError:
        return
    document = sd_jwt.parse(text)
    head, body, signed = document.issuer_signed.split(".")
    assert len(base64url.decode(signed)) == 64
    assert verified.header == _HEADER | {"alg": verified.header["alg"]}
    claims = dict(verified.claims)
    payload = json.loads(base64url.decode(body))
    placed = {one.digest: one for one in verified.placed}
    digests = list(payload.pop("_sd", ()))
    payload.pop("_sd_alg", None)
    for name, value in payload.items():
        listed = [e["..."] for e in value if "..." in e] if _is_array_of_digests(value) else []
        digests += listed
        assert claims.pop(name) == ([] if listed else value)
    assert not claims
    assert all(re.fullmatch(r"[\w-]{43}", one, re.ASCII) for one in digests)
    assert len(digests) - len(placed) == verified.withheld <= sd_jwt.MAX_DIGESTS
    for disclosure in document.disclosures:
        salt, *name, value = json.loads(base64url.decode(disclosure.encoded))
        assert re.fullmatch(r"[\w-]{22,43}", salt, re.ASCII)
        one = placed[disclosure.digest]
        assert (one.value, [one.name]) == (value, name or [one.name])
    for part in (head, body, *(d.encoded for d in document.disclosures)):
        written = base64url.decode(part).decode()
        outside = re.sub(r'"(?:[^"\\]|\\.)*"', "0", written)
        assert not re.search(r"[\t\n\r]|  |^ | $|[\[{] | [\]},:]", outside)
        assert not re.search(r"\\/|\\u00[2-6]", written)


def _is_array_of_digests(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(e, dict) and "..." in e for e in value)


def check_text(text: str) -> None:
    """A text that was not verified."""
    try:
        document = sd_jwt.parse(text)
    except DocumentError:
        return
    assert document.compact() == text
    assert sd_jwt.parse(text).digest == document.digest
    with suppress(DocumentError):
        sd_jwt.read_unverified(text)
