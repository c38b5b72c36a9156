"""C4: a system with a registered key proves itself with an assertion, once (RFC 7523, FAPI 2.0)."""

import hmac
import json
from datetime import timedelta
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gateway.domain.refusals import ValidationFailed
from gateway.evidence import base64url
from gateway.kernel.authentication import prune_remembered
from gateway.kernel.transact import RecordedRefusal
from tests.each import each
from tests.evidence.ingredients import rsa_key
from tests.founded_gateway import DESK, HOTLINE, OFMIN
from tests.ports import ISSUER
from tests.web.listening import PARTNERS, Listening, Partner, certificate, listening
from tests.web.test_oauth import assert_error, assert_invalid_client

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLIENT = f"{HOTLINE}.{DESK}"


@cache
def private(kid: str) -> Any:
    """A key of the kind that the first letters of its id name."""
    match kid.partition("-")[0]:
        case "rsa":
            return rsa_key()
        case "okp":
            return ed25519.Ed25519PrivateKey.generate()
        case "p384":
            return ec.generate_private_key(ec.SECP384R1())
        case _:
            return ec.generate_private_key(ec.SECP256R1())


def jwk(kid: str) -> dict[str, Any]:
    public = private(kid).public_key()
    kinds = {"rsa": RSAAlgorithm, "okp": OKPAlgorithm}
    made = kinds.get(kid.partition("-")[0], ECAlgorithm).to_jwk(public, as_dict=True)
    return {name: value for name, value in made.items() if name != "key_ops"} | {"kid": kid}


@pytest.fixture
def gateway() -> Listening:
    made = listening()
    made.partner(HOTLINE)
    register(made, jwk("ec-1"))
    return made


@pytest.fixture
def hotline(gateway: Listening) -> Partner:
    return gateway.partner(HOTLINE)


def register(line: Listening, *keys: dict[str, Any], system: str = DESK) -> None:
    line.gateway.administer("system.set_keys", HOTLINE, system=system, keys=list(keys))


def now(line: Listening) -> float:
    return line.gateway.clock().timestamp()


def claims(line: Listening, **changes: Any) -> dict[str, Any]:
    good = {
        "iss": CLIENT,
        "sub": CLIENT,
        "aud": ISSUER,
        "exp": int(now(line)) + 60,
        "iat": int(now(line)),
        "jti": line.key(),
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(body: dict[str, Any], kid: str = "ec-1", alg: str = "ES256", **header: Any) -> str:
    given = {"kid": kid} | header
    named = {name: value for name, value in given.items() if value is not None}
    return jwt.encode(body, private(kid), algorithm=alg, headers=named)


def ask(partner: Partner, assertion: str, **changes: str | None):
    form = {"client_assertion": assertion, "client_assertion_type": TYPE}
    return partner.ask_token(**form | changes)


def accepted(partner: Partner, assertion: str, **changes: str | None) -> None:
    answer = ask(partner, assertion, **changes)
    assert answer.status_code == 200, answer.text
    assert partner.get("/whoami", token=answer.json["access_token"]).status_code == 200


def refused(line: Listening, partner: Partner, assertion: str, why: str) -> None:
    assert_invalid_client(ask(partner, assertion))
    assert why in line.lines()[-1]["reason"]


def test_c4_an_assertion_beside_the_certificate_gives_a_token_bound_to_it(gateway, hotline):
    accepted(hotline, signed(claims(gateway)))


def test_c4_the_client_id_may_be_left_out_for_the_assertion_has_it(gateway, hotline):
    accepted(hotline, signed(claims(gateway)), client_id=None)


@each("kid, alg", [("ec-1", "ES256"), ("rsa-1", "PS256"), ("okp-1", "EdDSA")])
def test_c4_each_kind_of_key_signs_with_its_algorithm(gateway, hotline, kid, alg):
    register(gateway, jwk(kid))
    accepted(hotline, signed(claims(gateway), kid, alg))


def test_c4_one_registered_key_needs_no_kid(gateway, hotline):
    text = jwt.encode(claims(gateway), private("ec-1"), algorithm="ES256")
    accepted(hotline, text)
    register(gateway, jwk("ec-1"), jwk("okp-1"))
    refused(gateway, hotline, jwt.encode(claims(gateway), private("ec-1"), "ES256"), "registered")


# --- the algorithm is the key's, never the message's choice ---


def test_c4_rs256_with_a_registered_rsa_key_is_refused(gateway, hotline):
    register(gateway, jwk("rsa-1"))
    refused(gateway, hotline, signed(claims(gateway), "rsa-1", "RS256"), "signature")
    refused(gateway, hotline, signed(claims(gateway), "rsa-1", "PS384"), "signature")


def test_c4_an_unsigned_assertion_is_refused(gateway, hotline):
    text = jwt.encode(claims(gateway), None, algorithm="none", headers={"kid": "ec-1"})
    refused(gateway, hotline, text, "signature")


def test_c4_the_public_key_is_no_shared_secret(gateway, hotline):
    header = {"alg": "HS256", "kid": "ec-1"}
    parts = [base64url.encode(json.dumps(part).encode()) for part in (header, claims(gateway))]
    secret = json.dumps(jwk("ec-1")).encode()
    mac = hmac.digest(secret, ".".join(parts).encode(), "sha256")
    text = ".".join([*parts, base64url.encode(mac)])
    refused(gateway, hotline, text, "signature")


def test_c4_a_key_that_is_not_registered_is_refused_under_any_id(gateway, hotline):
    refused(gateway, hotline, signed(claims(gateway), "ec-2"), "not registered")
    text = jwt.encode(claims(gateway), private("ec-2"), "ES256", headers={"kid": "ec-1"})
    refused(gateway, hotline, text, "signature")


@each(
    "header",
    [
        {"jku": "https://keys.example/jwks"},
        {"x5u": "https://keys.example/x"},
        {"jwk": {"kty": "EC"}},
        {"crit": ["exp"], "exp": 1},
        {"typ": "at+jwt"},
        {"typ": "casegate-case+sd-jwt"},
    ],
)
def test_c4_a_header_that_says_more_is_refused(gateway, hotline, header):
    refused(gateway, hotline, signed(claims(gateway), **header), "header")


def test_c4_the_type_of_the_newer_draft_is_taken(gateway, hotline):
    accepted(hotline, signed(claims(gateway), typ="client-authentication+jwt"))


# --- claims ---


@each(
    "aud",
    [
        f"{PARTNERS}/oauth/token",
        PARTNERS,
        [ISSUER],
        [ISSUER, PARTNERS],
        f"{ISSUER}/",
        ISSUER.upper(),
        "",
        None,
    ],
)
def test_c4_the_audience_is_the_issuer_as_one_string(gateway, hotline, aud):
    refused(gateway, hotline, signed(claims(gateway, aud=aud)), "not addressed to the issuer")


@each("changes", [
    {"iss": f"{OFMIN}.{DESK}"}, {"sub": f"{OFMIN}.{DESK}"}, {"iss": None}, {"sub": None},
])  # fmt: skip
def test_c4_issuer_and_subject_are_the_client(gateway, hotline, changes):
    refused(gateway, hotline, signed(claims(gateway, **changes)), "another client")


@each("ahead", [None, -1, 0, 3611, 86_400, 10**12])
def test_c4_the_end_is_ahead_and_by_an_hour_at_most(gateway, hotline, ahead):
    end = None if ahead is None else int(now(gateway)) + ahead
    refused(gateway, hotline, signed(claims(gateway, exp=end)), "ended")


def test_c4_an_hour_is_what_some_clients_take(gateway, hotline):
    accepted(hotline, signed(claims(gateway, exp=int(now(gateway)) + 3600)))


@each("name", ["iat", "nbf"])
def test_c4_a_clock_may_be_ten_seconds_ahead_and_no_minute(gateway, hotline, name):
    accepted(hotline, signed(claims(gateway, **{name: now(gateway) + 9.5})))
    late = signed(claims(gateway, **{name: int(now(gateway)) + 61}))
    refused(gateway, hotline, late, "future")


@each("name", ["exp", "nbf", "iat"])
def test_c4_a_time_is_a_number(gateway, hotline, name):
    body = claims(gateway) | {name: [1]}
    text = jwt.PyJWS().encode(
        json.dumps(body).encode(), private("ec-1"), "ES256", headers={"kid": "ec-1"}
    )
    refused(gateway, hotline, text, "not a time")


@each("jti", [None, "", "x" * 201, "a\x00b", "é"])
def test_c4_an_id_is_required(gateway, hotline, jti):
    refused(gateway, hotline, signed(claims(gateway, jti=jti)), "no id")


def test_c4_an_assertion_is_good_once_in_all_workers(gateway, hotline):
    text = signed(claims(gateway))
    accepted(hotline, text)
    refused(gateway, hotline, text, "used before")
    other = listening(gateway.gateway)
    refused(other, Partner(other, HOTLINE, hotline.certificate), text, "used before")


def test_c4_an_id_is_used_up_for_one_client_alone(gateway, hotline):
    accepted(hotline, signed(claims(gateway, jti="one")))
    other = gateway.partner(OFMIN)
    keys = [jwk("ec-2")]
    gateway.gateway.administer("system.set_keys", OFMIN, system=DESK, keys=keys)
    body = claims(gateway, jti="one", iss=other.client_id, sub=other.client_id)
    accepted(other, signed(body, "ec-2"))


def test_c4_an_assertion_that_was_refused_is_not_used_up(gateway, hotline):
    text = signed(claims(gateway))
    nobody = Partner(gateway, HOTLINE, None)
    assert_error(ask(nobody, text), "invalid_request")
    accepted(hotline, text)


def test_c4_a_stolen_assertion_is_nothing_on_another_certificate(gateway):
    """C5: its certificate must be on the connection, as for `tls_client_auth`."""
    other = gateway.partner(OFMIN)
    assert_invalid_client(ask(other, signed(claims(gateway)), client_id=CLIENT))
    unknown = Partner(gateway, HOTLINE, certificate(HOTLINE, copy=1))
    assert_invalid_client(ask(unknown, signed(claims(gateway))))


@each("text", ["", "a.b.c", "a.b", "....", "é.é.é", "x" * 4097, "e30.e30.e30"])
def test_c4_what_is_no_assertion_is_refused(gateway, hotline, text):
    if text:
        assert_invalid_client(ask(hotline, text))
        assert_invalid_client(ask(hotline, text, client_id=None))
    else:
        assert_error(ask(hotline, text), "invalid_request")


# --- C1: the registered method is the only one ---


def test_c1_a_client_with_a_key_gets_nothing_by_its_certificate_alone(gateway, hotline):
    assert_invalid_client(hotline.ask_token())
    assert "another method" in gateway.lines()[-1]["reason"]


def test_c1_a_client_without_a_key_gets_nothing_by_an_assertion(gateway, hotline):
    register(gateway)
    refused(gateway, hotline, signed(claims(gateway)), "another method")
    assert hotline.ask_token().status_code == 200


@each(
    "changes",
    [
        {"client_assertion_type": None},
        {"client_assertion": None},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_secret": "guess"},
    ],
)
def test_c1_half_an_assertion_or_another_method_beside_it_is_refused(gateway, hotline, changes):
    assert_error(ask(hotline, signed(claims(gateway)), **changes), "invalid_request")


# --- rotation, and what may be registered ---


def test_c4_two_keys_are_good_while_one_takes_the_place_of_the_other(gateway, hotline):
    register(gateway, jwk("ec-1"), jwk("okp-1"))
    accepted(hotline, signed(claims(gateway)))
    accepted(hotline, signed(claims(gateway), "okp-1", "EdDSA"))
    register(gateway, jwk("okp-1"))
    refused(gateway, hotline, signed(claims(gateway)), "not registered")
    accepted(hotline, signed(claims(gateway), "okp-1", "EdDSA"))


@cache
def weak() -> dict[str, Any]:
    key = rsa.generate_private_key(65537, 2048).public_key()
    return RSAAlgorithm.to_jwk(key, as_dict=True) | {"kid": "weak"}


@each(
    "keys",
    [
        lambda: [jwk("ec-1"), jwk("ec-2"), jwk("ec-3")],
        lambda: [jwk("ec-1"), jwk("ec-2") | {"kid": "ec-1"}],
        lambda: [jwk("p384-1")],
        lambda: [weak()],
        lambda: [ECAlgorithm.to_jwk(private("ec-1"), as_dict=True) | {"kid": "ec-1"}],
        lambda: [{"kty": "oct", "k": "AAAA", "kid": "secret"}],
        lambda: [jwk("ec-1") | {"use": "enc"}],
        lambda: [jwk("ec-1") | {"alg": "RS256"}],
        lambda: [jwk("ec-1") | {"kid": "a b"}],
        lambda: [jwk("ec-1") | {"x5c": ["A" * 3000]}],
        lambda: [{name: value for name, value in jwk("ec-1").items() if name != "kid"}],
        lambda: ["key"],
        lambda: "key",
        lambda: None,
    ],
)
def test_c4_only_public_keys_of_ordinary_strength_are_registered(gateway, keys):
    with pytest.raises(RecordedRefusal) as refused:
        gateway.gateway.administer("system.set_keys", HOTLINE, system=DESK, keys=keys())
    assert isinstance(refused.value.refusal, ValidationFailed)
    assert refused.value.refusal.errors[0][0] == "/keys"


def test_an_assertion_is_forgotten_long_after_it_ended(gateway, hotline):
    accepted(hotline, signed(claims(gateway)))
    gateway.gateway.clock.advance(timedelta(hours=1, seconds=59))
    prune_remembered(gateway.gateway.ports)
    assert gateway.gateway.store.tables()["spent_assertion"]
    gateway.gateway.clock.advance(timedelta(seconds=1))
    prune_remembered(gateway.gateway.ports)
    assert not gateway.gateway.store.tables()["spent_assertion"]
