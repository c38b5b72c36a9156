"""`private_key_jwt` of the client: what the gateway takes, once each, and no byte sent twice."""

from typing import Any
from urllib.parse import parse_qsl

import jwt
import pytest

from gateway.client import TokenRefused
from gateway.client.transport import LIFE_SECONDS, Assertions
from gateway.kernel import client_assertion as assertions
from gateway.keys import ED25519, ES256, KeyPurpose, SigningKey, generate_key
from tests.client.client_fixture import MemberClient, answer, lose_answer
from tests.each import each
from tests.founding import HOTLINE, ISSUER, START, Ids
from tests.web.listening import PARTNERS, Listening, listening

CLIENT = f"{HOTLINE}.desk"


def register(line: Listening, *keys: SigningKey) -> None:
    line.gateway.administer(
        "system.set_keys", HOTLINE, system="desk", keys=[k.public_jwk() for k in keys]
    )


def applied_event(key: SigningKey) -> Assertions:
    return Assertions(ISSUER, CLIENT, key, lambda: START, Ids())


def sent(desk: MemberClient) -> list[dict[str, Any]]:
    """The assertions in the token requests of a desk, unverified."""
    forms = [dict(parse_qsl(r.content.decode())) for r in desk.wire.requests]
    texts = [form["client_assertion"] for form in forms if "client_assertion" in form]
    return [jwt.decode(text, options={"verify_signature": False}) for text in texts]


@each("alg", [ES256, ED25519])
def test_an_assertion_is_the_one_that_the_gateway_takes(alg: str) -> None:
    key = generate_key(KeyPurpose.CLIENT, alg)
    (kept,) = assertions.read_keys([key.public_jwk()])
    text = applied_event(key).make()
    assertions.verify(text, [kept], client_id=CLIENT, issuer=ISSUER, now=START)
    assert jwt.get_unverified_header(text)["alg"] in assertions.ALGORITHMS


def test_an_assertion_is_for_the_issuer_alone_and_for_a_minute_and_new_each_time() -> None:
    source = applied_event(generate_key(KeyPurpose.CLIENT))
    one, other = (jwt.decode(source.make(), options={"verify_signature": False}) for _ in range(2))
    assert one["aud"] == ISSUER != PARTNERS
    assert one["exp"] - one["iat"] == LIFE_SECONDS == 60
    assert one.pop("jti") != other.pop("jti")
    assert one == other


def test_a_system_with_a_key_is_let_in_by_it_and_not_without_it() -> None:
    line, key = listening(), generate_key(KeyPurpose.CLIENT)
    line.partner(HOTLINE)
    register(line, key)
    with MemberClient(line, client_key=key) as desk:
        assert desk.whoami()["system"] == "desk"
    with MemberClient(line) as desk, pytest.raises(TokenRefused, match="invalid_client"):
        desk.whoami()


@each("fault", [lose_answer, answer(503)])
def test_a_token_request_is_sent_again_with_another_assertion(fault: Any) -> None:
    """The first one may have been taken: the same again would be refused as used."""
    line, key = listening(), generate_key(KeyPurpose.CLIENT)
    line.partner(HOTLINE)
    register(line, key)
    with MemberClient(line, client_key=key) as desk:
        desk.wire.faults = [fault]
        desk.whoami()
        ids = [one["jti"] for one in sent(desk)]
        assert len(ids) == len(set(ids)) == 2


def test_one_key_takes_the_place_of_another_while_both_work() -> None:
    line = listening()
    line.partner(HOTLINE)
    former, new = generate_key(KeyPurpose.CLIENT), generate_key(KeyPurpose.CLIENT)
    register(line, former)
    with (
        MemberClient(line, client_key=former) as desk,
        MemberClient(line, client_key=new) as next_desk,
    ):
        desk.whoami()
        asked = count_tokens(desk)
        register(line, former, new)
        desk.whoami()
        assert count_tokens(desk) == asked  # nothing ended: the token goes on
        next_desk.whoami()
        register(line, new)
        next_desk.whoami()
        with pytest.raises(TokenRefused, match="invalid_client"):
            desk.whoami()


def count_tokens(desk: MemberClient) -> int:
    return desk.wire.paths().count("/oauth/token")


def test_what_was_had_by_a_withdrawn_key_ends_with_it() -> None:
    line = listening()
    hotline = line.partner(HOTLINE)
    key = generate_key(KeyPurpose.CLIENT)
    register(line, key)
    form = Assertions(ISSUER, CLIENT, key, line.gateway.clock, Ids()).members()
    stolen = hotline.token(**form)
    assert hotline.get("/whoami", token=stolen).status_code == 200
    register(line)  # by certificate alone again
    assert hotline.get("/whoami", token=stolen).status_code == 401
    assert "a key of its client was withdrawn" in line.lines()[-1]["reason"]
    about = {"client_id": CLIENT, "token": stolen}
    assert hotline.send("POST", "/oauth/introspect", data=about).json == {"active": False}
    assert hotline.get("/whoami", token=hotline.token()).status_code == 200
