"""Documents with parts that can be withheld (RFC 9901): only DocumentError escapes.

Oracle: what is parsed is written back character for character; whatever is withheld, what is
clear stays the same and what is shown was sealed; nothing that stands for a digest is left in the
content; the short reader of clear claims agrees with the whole one.
"""

from gateway.evidence import sd_jwt
from gateway.evidence.sd_jwt import DocumentError
from tests.fuzz import envelope
from tests.fuzz.target import EXAMPLES, VECTORS

TYP = "casegate-case+sd-jwt"
_HEADER = {"alg": "EdDSA", "kid": envelope.KID, "typ": TYP}
_SALT = "A" * 22


def seeds() -> list[bytes]:
    """Compact documents, and envelopes."""
    compact = [file.read_bytes().strip() for file in sorted(EXAMPLES.glob("*.sd-jwt"))]
    for file in sorted((VECTORS / "sd-jwt").rglob("*.txt")):
        compact.append(file.read_bytes().strip())
    return [*compact, *envelopes()]


def envelopes() -> list[bytes]:
    """Payloads with properties, arrays and disclosures within disclosures."""
    nested = {"_sd": ["@0"], "_sd_alg": "sha-256", "items": [{"...": "@1"}, {"...": "A" * 43}]}
    return [
        envelope.lines(_HEADER, {"iss": "a", "aud": "b"}),
        envelope.lines(_HEADER, nested, [_SALT, "name", {"_sd": []}], [_SALT, {"kind": 1.5}]),
        envelope.lines(_HEADER, {"_sd": ["@0"]}, [_SALT, "a", {"_sd": ["@1"]}], [_SALT, "b", [1]]),
        envelope.lines(_HEADER, {"a": [[{"...": "@0"}]]}, [_SALT, [{"...": "@1"}]], [_SALT, None]),
    ]


def check(data: bytes) -> None:
    """The bytes as a document, then as the lines of an envelope."""
    check_text(data.decode("utf-8", "surrogateescape"))
    text = envelope.seal(data)
    check_text(text)
    try:
        verified = sd_jwt.verify(text, typ=TYP, keys=envelope.public_keys())
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
        part = sd_jwt.verify(text, typ=TYP, keys=envelope.public_keys())
    except sd_jwt.UnmatchedDisclosure:  # it led to one that is still shown
        return
    assert part.claims == whole.claims
    assert {p.digest for p in part.placed} == shown


def check_text(text: str) -> None:
    """A text that was not verified."""
    try:
        document = sd_jwt.parse(text)
    except DocumentError:
        return
    assert document.compact() == text
    assert sd_jwt.parse(text).digest == document.digest
    try:
        read = sd_jwt.read_unverified(text)
    except DocumentError:
        return
    assert sd_jwt.read_undisclosable_claims(text) == read.claims
