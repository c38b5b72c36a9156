"""Offers and answers (claims of signed documents): only DocumentError and StatementError escape.

Oracle: each value that is read is the claim as it was signed, so no two spellings are one; an
offer's package is that of its list.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.handoff_documents import StatementError
from gateway.evidence.sd_jwt import DocumentError, VerifiedSdJwt
from tests.fuzz import envelope
from tests.fuzz.target import EXAMPLES

_DIGEST = "A" * 43
_ID = "0190a6a0-0000-7000-8000-000000000001"
_HEADING = {
    "iss": "https://gw.example.org/organisations/hotline",
    "aud": "https://gw.example.org",
    "iat": 1,
    "jti": _ID,
    "handoff": _ID,
    "case_digest": _DIGEST,
    "_sd": ["@0"],
    "_sd_alg": "sha-256",
}
_OFFER = {**_HEADING, "to": {"organisation": "office"}, "disclosures": [_DIGEST], "purpose": ["a"]}
_ANSWER = {**_HEADING, "offer_digest": _DIGEST, "package_digest": _DIGEST, "kind": "acceptance"}
_ATTESTED = {"iss": "https://gw.example.org", "attested_for": _HEADING["iss"]}


def _lines(typ: str, payload: Mapping[str, Any], name: str, value: Any) -> bytes:
    header = {"alg": "EdDSA", "kid": envelope.KID, "typ": typ}
    return envelope.lines(header, payload, ["A" * 22, name, value])


def seeds() -> list[bytes]:
    """Envelopes of both types; those of our examples, whose digests are kept."""
    to = {"organisation": "office", "competence": "receive/csam/FR", "mandate_event": _ID}
    made = [
        _lines(handoff_documents.OFFER_TYP, _OFFER, "by", "officer-1"),
        _lines(handoff_documents.OFFER_TYP, {**_OFFER, **_ATTESTED, "to": to}, "note", "n"),
        _lines(handoff_documents.ANSWER_TYP, _ANSWER, "groups", ["items"]),
        _lines(
            handoff_documents.ANSWER_TYP, {**_ANSWER, **_ATTESTED, "kind": "outcome"}, "code", "x"
        ),
    ]
    for name in ("offer", "acceptance"):
        text = (EXAMPLES / f"{name}.sd-jwt").read_text(encoding="ascii").strip()
        payload = sd_jwt.payload_of(sd_jwt.parse(text))
        typ = handoff_documents.OFFER_TYP if name == "offer" else handoff_documents.ANSWER_TYP
        made.append(_lines(typ, payload, "by", "a"))
    return made


def check(data: bytes) -> None:
    """The lines of an envelope, as either type."""
    text = envelope.seal(data)
    for typ, judge in _JUDGES.items():
        try:
            verified = sd_jwt.verify(text, typ=typ, keys=envelope.public_keys())
        except DocumentError:
            continue
        try:
            judge(verified)
        except StatementError:
            continue


def _offer(verified: VerifiedSdJwt) -> None:
    found, claims = handoff_documents.read_offer(verified), verified.claims
    assert str(found.handoff) == claims["handoff"]
    assert found.case_digest == claims["case_digest"]
    assert found.recipient == claims["to"]["organisation"]
    assert found.disclosures == set(claims["disclosures"])
    assert found.package_digest == handoff_documents.package_digest(claims["disclosures"])
    _author(found.author, claims)


def _answer(verified: VerifiedSdJwt) -> None:
    found, claims = handoff_documents.read_answer(verified), verified.claims
    assert str(found.handoff) == claims["handoff"]
    for name in ("kind", "case_digest", "offer_digest", "package_digest"):
        assert getattr(found, name) == claims[name]
    shown = [p.value for p in verified.placed if p.name == "groups"]
    assert found.groups is None or list(found.groups) == [str(g) for g in shown[0]]
    _author(found.author, claims)


def _author(author: str, claims: Mapping[str, Any]) -> None:
    whose = claims.get("attested_for", claims["iss"])
    assert whose.endswith(f"/organisations/{author}")
    assert "attested_for" not in claims or whose.startswith(claims["iss"] + "/")


_JUDGES: Mapping[str, Callable[[VerifiedSdJwt], None]] = {
    handoff_documents.OFFER_TYP: _offer,
    handoff_documents.ANSWER_TYP: _answer,
}
