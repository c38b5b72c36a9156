"""Which tokens are taken as ours, and for how long without looking at the signature again."""

import contextlib
import hmac
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import base64url
from gateway.keys import KeyPurpose, generate_key, jwk_set
from gateway.web import tokens as module
from gateway.web.problems import InvalidToken
from gateway.web.tokens import Tokens
from tests.each import each
from tests.founding import ISSUER
from tests.web.listening import PARTNERS, attest_key, listening, token_key

CLIENT = "point-de-contact.desk"
BOUND = base64url.digest(b"a certificate")


@pytest.mark.parametrize("text", ["\udcf4", "a.b.\udcff", "é.é.é", "a" * 5000])
def test_a_text_that_no_token_can_be_is_refused(tokens, text):
    """Half characters: found by the fuzz target."""
    with pytest.raises(InvalidToken):
        tokens.read(text)


@pytest.fixture
def tokens(line):
    return Tokens(line.gate)


def signed(claims: Any, header: Any, key=None) -> str:
    key = key or token_key()
    parts = [base64url.encode(json.dumps(part).encode()) for part in (header, claims)]
    return ".".join([*parts, base64url.encode(key.sign(".".join(parts).encode()))])


def claims(line, **changes: Any) -> dict[str, Any]:
    now = int(line.gate.ports.now().timestamp())
    good = {
        "iss": ISSUER,
        "sub": CLIENT,
        "client_id": CLIENT,
        "aud": PARTNERS,
        "iat": now,
        "exp": now + 300,
        "jti": "one",
        "scope": "cases.read",
        "cnf": {"x5t#S256": BOUND},
    }
    return {k: v for k, v in (good | changes).items() if v is not None}


def header(**changes: Any) -> dict[str, Any]:
    good = {"typ": "at+jwt", "alg": "ES256", "kid": token_key().kid}
    return {k: v for k, v in (good | changes).items() if v is not None}


def assert_refused(tokens: Tokens, token: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.read(token)


def test_what_is_issued_is_read_again(tokens):
    token, _ = tokens.issue(CLIENT, ["cases.read", "cases.write"], BOUND)
    found = tokens.read(token)
    assert found.client_id == CLIENT
    assert found.scopes == {"cases.read", "cases.write"}
    assert found.thumbprint == BOUND


def test_the_pattern_of_these_tests_is_a_good_token(line, tokens):
    assert tokens.read(signed(claims(line), header())).client_id == CLIENT


@each(
    "changes",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": ISSUER},
        {"aud": [PARTNERS]},
        {"aud": None},
        {"exp": 0},
        {"exp": None},
        {"iat": None},
        {"iat": "now"},
        {"exp": "2099-01-01"},
        {"exp": 9999999999.5},
        {"exp": True},
        {"client_id": None},
        {"sub": "ofmin.desk"},
        {"jti": None},
        {"scope": None},
        {"scope": ["cases.read"]},
        {"cnf": None},
        {"cnf": BOUND},
        {"cnf": {}},
        {"cnf": {"x5t#S256": ""}},
        {"cnf": {"x5t#S256": "é" * 43}},
        {"cnf": {"jkt": BOUND}},
    ],
)
def test_rs1_a_token_with_a_wrong_claim_is_refused(line, tokens, changes):
    assert_refused(tokens, signed(claims(line, **changes), header()))


@each(
    "changes",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"typ": "secevent+jwt"},
        {"typ": "casegate-case+sd-jwt"},
        {"kid": None},
        {"kid": "unknown"},
        {"kid": ["a"]},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": None},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
    ],
)
def test_rs1_a_token_with_another_header_is_refused(line, tokens, changes):
    assert_refused(tokens, signed(claims(line), header(**changes)))


def test_rs1_a_token_without_a_signature_is_refused(line, tokens):
    bare = jwt.encode(claims(line), None, "none", headers=header(alg="none"))
    assert_refused(tokens, bare)


def test_rs1_the_public_key_is_no_shared_secret(line, tokens):
    """The classic confusion: a MAC under the published key."""
    secret = token_key().public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    parts = [
        base64url.encode(json.dumps(part).encode()) for part in (header(alg="HS256"), claims(line))
    ]
    mac = hmac.digest(secret, ".".join(parts).encode(), "sha256")
    assert_refused(tokens, ".".join([*parts, base64url.encode(mac)]))


def test_rs1_a_token_by_a_key_of_another_purpose_is_refused(line, tokens):
    assert_refused(tokens, signed(claims(line), header(), key=attest_key()))
    named = header(kid=attest_key().kid)
    assert_refused(tokens, signed(claims(line), named, key=attest_key()))


def test_a_token_by_the_key_that_is_published_beside_the_current_one_is_read(line):
    """Rotation: what the previous key signed lives on until its end."""
    previous = generate_key(KeyPurpose.TOKEN)
    line = listening(line.gateway, token_keys=jwk_set([token_key(), previous]))
    token = signed(claims(line), header(kid=previous.kid), key=previous)
    assert Tokens(line.gate).read(token).client_id == CLIENT


def test_a_token_ends_at_its_second(line, tokens):
    token, _ = tokens.issue(CLIENT, ["cases.read"], BOUND)
    line.gateway.clock.advance(timedelta(seconds=298))
    tokens.read(token)
    line.gateway.clock.advance(timedelta(seconds=2))
    assert_refused(tokens, token)


def test_a_token_remembered_ends_all_the_same(line, tokens):
    line_end = claims(line)["exp"]
    token = signed(claims(line, exp=line_end - 280), header())
    tokens.read(token)
    line.gateway.clock.advance(timedelta(seconds=21))
    assert_refused(tokens, token)


def test_a_signature_is_checked_once_in_a_minute(line, tokens, monkeypatch):
    checked = []
    verify = jwt.decode

    def watched(*args, **kwargs):
        checked.append(args)
        return verify(*args, **kwargs)

    monkeypatch.setattr(module.jwt, "decode", watched)
    token, _ = tokens.issue(CLIENT, ["cases.read"], BOUND)
    tokens.read(token)
    tokens.read(token)
    assert len(checked) == 1
    line.gateway.clock.advance(timedelta(seconds=61))
    tokens.read(token)
    assert len(checked) == 2


def test_a_remembered_token_with_another_signature_is_another_token(tokens):
    token, _ = tokens.issue(CLIENT, ["cases.read"], BOUND)
    tokens.read(token)
    signature = base64url.decode(token.rpartition(".")[2])
    other = token.rpartition(".")[0] + "." + base64url.encode(bytes(64))
    assert signature != bytes(64)
    assert_refused(tokens, other)


def test_a_refused_token_is_not_remembered(line, tokens):
    assert_refused(tokens, signed(claims(line, aud=ISSUER), header()))
    assert not tokens._seen


def test_the_memory_is_bounded(tokens, monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 3)
    for _ in range(5):
        tokens.read(tokens.issue(CLIENT, ["cases.read"], BOUND)[0])
    assert len(tokens._seen) == 3


def test_two_gateways_do_not_take_each_others_tokens(line, tokens):
    other = listening(line.gateway, partners_url="https://partners.other.example")
    token, _ = Tokens(other.gate).issue(CLIENT, ["cases.read"], BOUND)
    assert_refused(tokens, token)


SHARED = listening()


@given(st.text(alphabet="abAB01.-_=~+/ é\n", max_size=60))
def test_no_text_makes_the_reader_fail_otherwise(text):
    assert_refused(Tokens(SHARED.gate), text)


ODD = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from(["typ", "alg", "kid", "crit"]), ODD, min_size=1))
def test_no_header_makes_the_reader_fail_otherwise(odd):
    with contextlib.suppress(InvalidToken):
        Tokens(SHARED.gate).read(signed(claims(SHARED), header() | odd))


@given(st.dictionaries(st.sampled_from(sorted(claims(SHARED))), ODD, min_size=1))
def test_no_claim_makes_the_reader_fail_otherwise(odd):
    with contextlib.suppress(InvalidToken):
        Tokens(SHARED.gate).read(signed(claims(SHARED) | odd, header()))


def test_m4_tokens_of_both_keys_are_read_while_one_takes_the_place_of_the_other(line):
    """Whether a worker has seen the change already or not: each knows the other's key."""
    following = generate_key(KeyPurpose.TOKEN)
    both = jwk_set([token_key(), following])
    before = Tokens(listening(line.gateway, token_keys=both).gate)
    after = Tokens(listening(line.gateway, tokens=following, token_keys=both).gate)
    for one, other in ((before, after), (after, before)):
        token, jti = one.issue(CLIENT, ["cases.read"], BOUND)
        assert other.read(token).jti == jti
