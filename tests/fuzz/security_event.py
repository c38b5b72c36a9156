"""Tokens of notifications: only NotificationError escapes, and KeyError for an unknown key.

Oracle: what is read is what was signed, for this organisation, by the id of its own event.
"""

from datetime import UTC, datetime, timedelta

from gateway.evidence import base64url, canonical, security_event
from gateway.evidence.security_event import NotificationError, jti_of
from tests.fuzz import envelope

_ISSUER, _NOW = "https://gw.example.org", datetime(2026, 3, 2, 12, tzinfo=UTC)
_EVENT = "019f0000-0000-7000-8000-000000000001"
_HEADER = {"alg": "EdDSA", "kid": envelope.KID, "typ": security_event.TYP}
_TOLD = {
    "event": _EVENT,
    "stream_number": 3,
    "type": "handoff.offered",
    "result": "allowed",
    "handoff": "019f0000-0000-7000-8000-000000000002",
    "urgency": "normal",
    "due_at": "2026-03-09T12:00:00+00:00",
}
_CLAIMS = {
    "iss": _ISSUER,
    "aud": f"{_ISSUER}/organisations/hotline",
    "iat": 1,
    "toe": 1,
    "jti": f"{_EVENT}.hotline",
    "events": {"urn:casegate:event:handoff.offered": _TOLD},
}


def seeds() -> list[bytes]:
    """A good token, and ones that lack something."""
    bare = {name: value for name, value in _CLAIMS.items() if name != "events"}
    return [envelope.lines(_HEADER, claims) for claims in (_CLAIMS, bare, {**_CLAIMS, "iat": 2e9})]


def check(data: bytes) -> None:
    """A header and claims, each on a line."""
    header, _, claims = data.partition(b"\n")
    text = envelope.sign(header, claims)
    try:
        told = security_event.verify(
            text, envelope.public_keys(), issuer=_ISSUER, organisation="hotline", now=_NOW
        )
    except (NotificationError, KeyError):
        return
    signed = canonical.decode(base64url.decode(text.split(".")[1]))
    assert signed["jti"] == jti_of(told.event, "hotline")
    assert signed["aud"] == f"{_ISSUER}/organisations/hotline"
    ((uri, members),) = signed["events"].items()
    assert uri == f"urn:casegate:event:{told.type}"
    assert members["stream_number"] == told.stream_number > 0
    assert int(told.at.timestamp()) == signed["toe"]
    assert datetime.fromtimestamp(signed["iat"], UTC) <= _NOW + timedelta(minutes=5)
