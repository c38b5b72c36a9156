"""Who is taken for the caller, request by request: the rules RS (RFC 6750, 8705, 9068, 9728)."""

import contextlib
import hmac
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.organisation import (
    ACTIONS_WHILE_SUSPENDED,
    SCOPES_WHILE_SUSPENDED,
    Status,
)
from gateway.evidence import base64url
from gateway.kernel.ports import TransactionMode
from gateway.keys import KeyPurpose, generate_key, jwk_set
from gateway.pki.client_certificate import CertificateRefused
from gateway.web import caller as module
from gateway.web import listeners
from gateway.web.caller import ANY_SCOPE, Tokens
from gateway.web.endpoint import endpoint, register
from gateway.web.problems import InvalidToken, problem_of
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN
from tests.ports import ISSUER
from tests.web.listening import (
    PARTNERS,
    Listening,
    Partner,
    attest_key,
    certificate,
    der,
    listening,
    token_key,
)

METADATA = f'resource_metadata="{PARTNERS}/.well-known/oauth-protected-resource"'


@pytest.fixture
def gateway() -> Listening:
    return listening()


@pytest.fixture
def hotline(gateway: Listening) -> Partner:
    return gateway.partner(HOTLINE)


def assert_invalid_token(answer) -> None:
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"] == f'Bearer error="invalid_token", {METADATA}'
    assert answer.json["type"].endswith("/problems/invalid-token")
    assert answer.json["detail"].endswith(problem_of(InvalidToken("why")).remedy)
    assert answer.headers["Connection"] == "close"


def test_a_bound_token_on_its_connection_is_let_in(hotline):
    assert hotline.get("/whoami").status_code == 200


# --- RS1: the header alone ---


def test_rs1_the_scheme_is_read_in_any_case(hotline):
    for scheme in ("bearer", "BEARER", "BeArEr"):
        sent = {"Authorization": f"{scheme} {hotline.token()}"}
        assert hotline.send("GET", "/whoami", headers=sent).status_code == 200


def test_rs1_a_token_in_the_query_is_refused_also_beside_a_good_one(hotline):
    answer = hotline.get(f"/cases?access_token={hotline.token()}")
    assert answer.status_code == 400
    assert answer.json["type"].endswith("/problems/token-in-query")
    assert answer.headers["WWW-Authenticate"] == f'Bearer error="invalid_request", {METADATA}'
    alone = hotline.send("GET", f"/whoami?access_token={hotline.token()}")
    assert alone.status_code == 400


def test_rs1_a_token_in_a_form_is_not_looked_at(hotline):
    answer = hotline.send("POST", "/cases", data={"access_token": hotline.token()})
    assert answer.status_code == 401


@each("sent", ["Bearer", "Bearer ", "Bearer a b", "Bearer é", "Bearer a,Bearer b", "Bearer =a"])
def test_rs1_a_malformed_token_is_an_invalid_token(hotline, sent):
    answer = hotline.send("GET", "/whoami", headers={"Authorization": sent})
    assert_invalid_token(answer)


def test_rs1_a_good_token_with_anything_behind_it_is_refused(hotline):
    good = hotline.token()
    for more in (" x", f",Bearer {good}", "!", "\t"):
        sent = {"Authorization": f"Bearer {good}{more}x"}
        assert_invalid_token(hotline.send("GET", "/whoami", headers=sent))


def test_rs1_a_token_that_has_ended_is_refused(gateway, hotline):
    assert hotline.get("/whoami").status_code == 200
    gateway.gateway.clock.advance(timedelta(seconds=301))
    assert_invalid_token(hotline.get("/whoami"))


# --- RS2: bound to the certificate of this connection ---


def test_rs2_a_token_on_the_connection_of_another_member_is_refused(gateway, hotline):
    other = gateway.partner(OFMIN)
    assert_invalid_token(other.get("/whoami", token=hotline.token()))


def test_rs2_a_token_on_another_certificate_of_the_same_system_is_refused(gateway, hotline):
    """The binding is to the certificate: a renewed one needs a new token."""
    renewed = certificate(HOTLINE, copy=1)
    gateway.register(renewed, HOTLINE)
    line = Partner(gateway, HOTLINE, renewed)
    assert_invalid_token(line.get("/whoami", token=hotline.token()))
    assert line.get("/whoami", token=line.token()).status_code == 200


def test_rs2_a_token_without_a_certificate_is_refused(gateway, hotline):
    assert_invalid_token(Partner(gateway, HOTLINE, None).get("/whoami", token=hotline.token()))


def test_rs2_a_certificate_without_our_chain_is_refused_whatever_the_token(gateway, hotline):
    held = hotline.token()
    other = listening(gateway.gateway, check_peer=refuse_all)
    assert_invalid_token(Partner(other, HOTLINE, hotline.certificate).get("/whoami", token=held))
    assert other.lines()[-1]["reason"] == "not today"


def refuse_all(der, now):
    raise CertificateRefused("not today")


# --- RS3: no credentials, too few scopes ---


def test_rs3_without_credentials_the_challenge_has_no_error_code(hotline):
    answer = hotline.send("GET", "/whoami")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == f"Bearer {METADATA}"
    assert answer.json["type"].endswith("/problems/token-required")


def test_rs3_another_scheme_counts_as_no_credentials(hotline):
    answer = hotline.send("GET", "/whoami", headers={"Authorization": "Basic YTpi"})
    assert answer.headers["WWW-Authenticate"] == f"Bearer {METADATA}"


def test_rs3_a_missing_scope_is_named(hotline):
    answer = hotline.get("/cases", token=hotline.token(scope="cases.write"))
    assert answer.status_code == 403
    assert answer.json["type"].endswith("/problems/insufficient-scope")
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer error="insufficient_scope", scope="cases.read", {METADATA}'
    )
    assert "receipt" not in answer.json


def test_an_endpoint_for_any_scope_takes_a_token_with_any(hotline):
    token = hotline.token(scope="handoffs.answer")
    assert hotline.get("/whoami", token=token).status_code == 200


def test_a_system_of_few_scopes_reads_no_receipt_of_its_organisation(hotline):
    """Events say who did what and why: least privilege is a scope of its own."""
    token = hotline.token(scope="directory.read")
    for path in ("/events", f"/receipts/{UUID(int=1)}"):
        answer = hotline.get(path, token=token)
        assert answer.status_code == 403
        assert answer.json["type"].endswith("/problems/insufficient-scope")


# --- RS5: rights come from the registry, on each request ---


def test_rs5_a_suspended_member_s_live_token_is_for_its_duties_alone_at_once(gateway, hotline):
    held = hotline.token()
    gateway.gateway.administer("organisation.suspend", HOTLINE, reason="a test")
    assert gateway.gateway.organisation(HOTLINE).status is Status.SUSPENDED
    answer = hotline.get("/organisations", token=held)
    told = (answer.status_code, answer.json["type"].rpartition("/")[2])
    assert told == (403, "insufficient-scope")
    own = hotline.get("/whoami", token=held).json
    assert (own["status"], set(own["scopes"])) == ("suspended", SCOPES_WHILE_SUSPENDED - {"relay"})
    assert hotline.get("/worklist", token=held).status_code == 200


def test_rs5_a_member_whose_entry_is_out_of_service_is_not_heard_of_its_duties_either(
    gateway, hotline
):
    held = hotline.token()
    with gateway.gateway.ports.begin(TransactionMode.REGISTRY) as work:
        work.organisations.put_out_of_service(frozenset({("organisation", HOTLINE)}))
        work.commit()
    assert_invalid_token(hotline.get("/worklist", token=held))


def test_rs5_a_scope_that_the_registry_no_longer_grants_is_gone_from_the_token(gateway, hotline):
    held = hotline.token()
    with gateway.gateway.ports.begin(TransactionMode.REGISTRY) as work:
        organisation, name = hotline.client_id.split(".")
        system = work.organisations.system(organisation, name)
        work.organisations.save_system(replace(system, scopes=frozenset({"directory.read"})))
        work.commit()
    answer = hotline.get("/cases", token=held)
    assert (answer.status_code, answer.json["type"].rpartition("/")[2]) == (
        403,
        "insufficient-scope",
    )
    assert hotline.get("/whoami", token=held).json["scopes"] == ["directory.read"]
    assert hotline.get("/organisations", token=held).status_code == 200
    assert hotline.get("/organisations?limit=0", token=held).status_code == 422


def test_rs5_only_duties_are_open_to_a_suspended_member_whatever_it_sends(gateway, hotline):
    held = hotline.token()
    gateway.gateway.administer("organisation.suspend", HOTLINE, reason="a test")
    for one in listeners.PARTNERS:
        if one.action in ACTIONS_WHILE_SUSPENDED:
            assert one.scope in (ANY_SCOPE, *SCOPES_WHILE_SUSPENDED)
            continue
        path = re.sub("<uuid:.*?>", str(UUID(int=0)), one.path)
        path = re.sub("<.*?>", HOTLINE, path)
        for body in ({}, {"by": "analyst-7", "reason_code": "assessment", "reason": "a test"}):
            headers = {"Idempotency-Key": "key-12345"}
            sent = body if one.body is not None else None
            answer = hotline.call(one.method, path, token=held, json=sent, headers=headers)
            assert answer.status_code in (403, 422), path


def test_rs5_a_view_without_a_transaction_answers_registered_systems_only(gateway, hotline):
    @endpoint("GET /constant", "whoami.read", ANY_SCOPE, "Whoami")
    def constant(call):
        return {"constant": True}

    register(gateway.partners, [constant], gateway.gate, Tokens(gateway.gate))
    held = hotline.token()
    assert hotline.get("/constant", token=held).json == {"constant": True}
    gateway.gateway.administer("organisation.leave", HOTLINE, reason="a test")
    assert_invalid_token(hotline.get("/constant", token=held))


# --- what the operator reads ---


def test_a_refusal_is_noted_with_its_reason_and_without_the_token(gateway, hotline):
    other = gateway.partner(OFMIN)
    token = hotline.token()
    answer = other.get("/whoami", token=token)
    line = gateway.lines()[-1]
    assert line["event"] == "invalid-token"
    assert line["endpoint"] == "directory_show_caller"
    assert line["thumbprint"] == base64url.digest(der(other.certificate))
    assert line["reason"] == ("the token is bound to another certificate than the connection's")
    assert answer.json["instance"] == f"urn:uuid:{line['request']}"
    assert token not in gateway.stream.getvalue()


# --- Which tokens are taken as ours, and for how long without looking at the signature again ---


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


def test_k2_a_token_that_lives_longer_than_tokens_do_is_refused(line, tokens):
    """An earlier version gave tokens for an hour, and let them be revoked."""
    ends = claims(line)["exp"] + 1
    assert_refused(tokens, signed(claims(line, exp=ends), header()))
    line.gateway.clock.advance(timedelta(seconds=200))
    assert_refused(tokens, signed(claims(line, iat=ends - 301, exp=ends), header()))


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
        token, _ = one.issue(CLIENT, ["cases.read"], BOUND)
        assert other.read(token).client_id == CLIENT
