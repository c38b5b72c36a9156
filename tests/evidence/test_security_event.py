"""Notifications as security event tokens: whose they are, and what is refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest

from gateway.evidence import base64url, security_event
from gateway.evidence.security_event import SKEW, EventNotification, NotificationError
from gateway.evidence.signature import public_keys
from gateway.keys import KeyPurpose, SigningKey, generate_key, jwk_set
from tests.each import each

ISSUER = "https://gateway.example"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY, OTHER = generate_key(KeyPurpose.NOTIFICATION), generate_key(KeyPurpose.NOTIFICATION)
KEYS = public_keys(jwk_set([KEY]))
URI = "urn:casegate:event:handoff.offered"
TOLD = EventNotification(
    event=UUID("019f0000-0000-7000-8000-000000000001"),
    stream_number=7,
    type="handoff.offered",
    result="allowed",
    at=NOW,
    handoff=UUID("019f0000-0000-7000-8000-000000000002"),
    urgency="urgent",
    due_at=NOW + timedelta(hours=8),
)


def issued(told: EventNotification = TOLD, *, signer: SigningKey = KEY, **changes: Any) -> str:
    given: dict[str, Any] = {"issuer": ISSUER, "organisation": "hotline", "at": NOW}
    return security_event.issue(told, signer=signer, **given | changes)


def read(text: str, **changes: Any) -> EventNotification:
    given: dict[str, Any] = {"issuer": ISSUER, "organisation": "hotline", "now": NOW}
    return security_event.verify(text, KEYS, **given | changes)


def forged(header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token that the gateway's key signed, with other members."""
    told = issued().split(".")
    parts = [json.loads(base64url.decode(part)) for part in told[:2]]
    parts[0] |= header or {}
    parts[1] |= claims
    signed = ".".join(base64url.encode(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{base64url.encode(KEY.sign(signed.encode()))}"


def test_what_is_issued_is_read_as_it_was() -> None:
    assert read(issued()) == TOLD
    plain = replace(TOLD, handoff=None, urgency=None, due_at=None)
    assert read(issued(plain)) == plain


def test_other_software_verifies_it_as_rfc_8417_says() -> None:
    text = issued()
    assert jwt.get_unverified_header(text)["typ"] == "secevent+jwt"
    audience = f"{ISSUER}/organisations/hotline"
    claims = jwt.decode(
        text,
        KEY.public_key,
        algorithms=["ES256"],
        audience=audience,
        issuer=ISSUER,
        options={"verify_iat": False},
    )
    assert [*claims["events"]] == [URI]
    assert claims["toe"] == int(NOW.timestamp())
    assert "exp" not in claims
    assert "sub" not in claims


def test_a_repetition_has_the_same_id_and_each_receiver_its_own() -> None:
    def jti(text: str) -> str:
        return str(jwt.decode(text, options={"verify_signature": False})["jti"])

    assert jti(issued()) == jti(issued(at=NOW + timedelta(days=1)))
    assert jti(issued()) != jti(issued(organisation="police"))


@each(
    "text",
    [
        forged({"typ": "JWT"}),
        forged({"typ": "at+jwt"}),
        forged({"alg": "none"}),
        forged({"alg": "EdDSA"}),
        forged({"crit": ["b64"], "b64": False}),
        forged(iss="https://another.example"),
        forged(aud=f"{ISSUER}/organisations/police"),
        forged(aud=[f"{ISSUER}/organisations/hotline"]),
        forged(jti="another"),
        forged(iat=(NOW + 2 * SKEW).timestamp() // 1),
        forged(iat="now"),
        forged(events={}),
        forged(events={"urn:casegate:event:handoff.accepted": TOLD.members()}),
        forged(events={URI: {}}),
        forged(events={URI: TOLD.members() | {"event": "x"}}),
        forged(events={URI: TOLD.members() | {"stream_number": 0}}),
        forged(events="handoff.offered"),
        issued()[:-8] + "AAAAAAAA",
        "a.b",
        "a.b.c",
        "",
        "\u00e9.b.c",
        "a" * 9000,
    ],
)
def test_what_is_not_of_this_gateway_for_this_organisation_is_refused(text: str) -> None:
    with pytest.raises(NotificationError):
        read(text)


def test_members_that_are_not_known_are_passed_over() -> None:
    told = TOLD.members() | {"more": [1]}
    assert read(forged(events={URI: told})) == TOLD


def test_an_unknown_key_is_told_apart() -> None:
    with pytest.raises(KeyError):
        read(issued(signer=OTHER))
