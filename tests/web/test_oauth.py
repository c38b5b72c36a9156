"""The token endpoint by the rules C and K of its profile (FAPI 2.0, RFC 6749, 8705, 8707, 9068)."""

import json
from urllib.parse import urlencode

import jwt
import pytest

from gateway.domain.organisation import SCOPES, SCOPES_WHILE_SUSPENDED, Status
from gateway.evidence import base64url
from gateway.pki.authority import make_issuing, make_root
from gateway.pki.client_certificate import PeerSource
from gateway.web.oauth import InvalidClient
from tests.each import each
from tests.founded_gateway import ABROAD, DESK, HOTLINE, OFMIN
from tests.ports import ISSUER, SHORT_NAME
from tests.web.listening import (
    MADE,
    PARTNERS,
    Listening,
    Partner,
    certificate,
    certificate_by,
    der,
    listening,
    token_key,
)

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def gateway() -> Listening:
    return listening()


@pytest.fixture
def hotline(gateway: Listening) -> Partner:
    return gateway.partner(HOTLINE)


def send_form(partner: Partner, body: str, path: str = "/oauth/token", media: str = FORM):
    return partner.send("POST", path, data=body, content_type=media)


def form_of(partner: Partner, **changes: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": partner.client_id} | changes


def assert_error(answer, error: str, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json["error"] == error
    assert answer.json.keys() <= {"error", "error_description"}
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "WWW-Authenticate" not in answer.headers


def assert_invalid_client(answer) -> None:
    """C6: nothing in the answer tells one reason from another."""
    assert_error(answer, "invalid_client", 401)
    words = InvalidClient.description
    assert answer.json == {"error": "invalid_client", "error_description": words}


# --- what is given ---


def test_a_registered_system_gets_a_token_for_all_its_scopes(hotline):
    answer = hotline.ask_token()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["expires_in"] == 300
    assert answer.json["scope"].split() == sorted(SCOPES)


def test_k2_a_token_has_the_header_and_the_claims_of_rfc_9068(gateway, hotline):
    token = hotline.token(scope="cases.read")
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(
        token,
        token_key().public_key,
        algorithms=["ES256"],
        options={"verify_signature": True, "verify_exp": False, "verify_aud": False},
    )
    assert header == {"typ": "at+jwt", "alg": "ES256", "kid": token_key().kid}
    assert claims.pop("exp") - claims.pop("iat") == 300
    assert len(claims.pop("jti")) == 36
    assert claims == {
        "iss": ISSUER,
        "sub": f"{HOTLINE}.{DESK}",
        "client_id": f"{HOTLINE}.{DESK}",
        "aud": PARTNERS,
        "scope": "cases.read",
        "cnf": {"x5t#S256": base64url.digest(der(certificate(HOTLINE)))},
    }


def test_k2_no_two_tokens_have_the_same_id(hotline):
    ids = {jwt.decode(hotline.token(), options={"verify_signature": False})["jti"] for _ in "abc"}
    assert len(ids) == 3


def test_a_token_issued_is_noted_without_the_token(gateway, hotline):
    token = hotline.token()
    (line,) = gateway.lines()
    assert line["event"] == "token-issued"
    assert line["client"] == hotline.client_id
    assert line["jti"] == jwt.decode(token, options={"verify_signature": False})["jti"]
    assert token not in gateway.stream.getvalue()


# --- C1: one method of authentication, and the registered one ---


@each(
    "extra",
    [
        {"client_secret": "guess"},
        {"client_assertion": "a.b.c"},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
    ],
)
def test_c1_another_method_beside_the_certificate_is_refused(hotline, extra):
    assert_error(hotline.ask_token(**extra), "invalid_request")


def test_c1_credentials_in_the_header_are_refused(hotline):
    answer = hotline.send(
        "POST",
        "/oauth/token",
        data=form_of(hotline),
        headers={"Authorization": "Basic Y2xpZW50OnNlY3JldA=="},
    )
    assert_error(answer, "invalid_request")


# --- C2: exactly the registered name on the certificate ---


def test_c2_a_certificate_of_one_member_gets_no_token_of_another(gateway, hotline):
    gateway.partner(OFMIN)
    assert_invalid_client(hotline.ask_token(client_id=f"{OFMIN}.{DESK}"))


def test_c2_a_certificate_that_no_chain_leads_to_our_root_is_refused(gateway):
    root = make_root(SHORT_NAME, MADE)
    other = certificate_by(make_issuing(SHORT_NAME, root, MADE))
    gateway.register(other, HOTLINE)
    assert_invalid_client(Partner(gateway, HOTLINE, other).ask_token())
    assert gateway.lines()[-1]["reason"] == "no chain leads from the certificate to our root"


def test_c2_a_suspended_member_gets_tokens_for_its_duties_alone(gateway, hotline):
    gateway.gateway.administer("organisation.suspend", HOTLINE, reason="a test")
    assert gateway.gateway.organisation(HOTLINE).status is Status.SUSPENDED
    given = set(hotline.ask_token().json["scope"].split())
    assert given == SCOPES_WHILE_SUSPENDED - {"relay"}  # that is a gateway's
    assert_error(hotline.ask_token(scope="directory.read"), "invalid_scope")


@each("client_id", ["nobody.desk", "point-de-contact", "x" * 500, "é.è", "a..b"])
def test_c2_an_unknown_client_is_told_no_more_than_a_known_one(hotline, client_id):
    assert_invalid_client(hotline.ask_token(client_id=client_id))


def test_c2_the_client_id_is_required(hotline):
    assert_error(hotline.ask_token(client_id=None), "invalid_request")


def test_the_operator_reads_why_a_client_was_refused(gateway, hotline):
    hotline.ask_token(client_id=f"{ABROAD}.{DESK}")
    line = gateway.lines()[-1]
    assert line["event"] == "token-not-issued"
    assert line["reason"] == "the certificate names another system than the client id"
    assert line["thumbprint"] == base64url.digest(der(hotline.certificate))


# --- C5, K5: no token without a certificate on the connection ---


def test_c5_k5_without_a_certificate_there_is_no_token_of_any_kind(gateway):
    assert_error(Partner(gateway, HOTLINE, None).ask_token(), "invalid_request")


def test_a_certificate_in_a_header_that_may_not_be_believed_is_a_bad_request(gateway, hotline):
    direct = listening(gateway.gateway, peer_der=PeerSource.TLS.der)
    claimed = Partner(direct, HOTLINE, None).send(
        "POST", "/oauth/token", data=form_of(hotline), headers={"Client-Cert": ":AAAA:"}
    )
    assert claimed.status_code == 400
    assert claimed.json["type"].endswith("/problems/client-cert-refused")


# --- C6: parameters in the body alone, each once ---


def test_c6_parameters_in_the_query_are_refused(hotline):
    query = urlencode({"client_id": hotline.client_id})
    answer = send_form(hotline, "grant_type=client_credentials", f"/oauth/token?{query}")
    assert_error(answer, "invalid_request")
    beside = send_form(hotline, urlencode(form_of(hotline)), "/oauth/token?scope=cases.read")
    assert_error(beside, "invalid_request")


def test_c6_a_repeated_parameter_is_refused(hotline):
    twice = urlencode(form_of(hotline)) + "&scope=cases.read&scope=cases.write"
    assert_error(send_form(hotline, twice), "invalid_request")


@each("media", ["application/json", "text/plain", "multipart/form-data", ""])
def test_c6_a_body_of_another_type_is_refused(hotline, media):
    body = json.dumps(form_of(hotline)) if media == "application/json" else "grant_type=x"
    assert_error(send_form(hotline, body, media=media), "invalid_request")


@each("body", ["grant_type", "=&=", "grant_type=%ff%fe", "é=1", "&".join("abcdefghijklmnop" * 3)])
def test_c6_a_body_that_cannot_be_read_in_one_way_is_refused(hotline, body):
    assert_error(send_form(hotline, body.encode()), "invalid_request")


def test_c6_a_body_beyond_the_limit_is_refused(hotline):
    assert_error(hotline.ask_token(scope="a" * 9000), "invalid_request")


def test_a_parameter_without_a_value_counts_as_left_out(hotline):
    assert hotline.ask_token(scope="").status_code == 200
    assert_error(hotline.ask_token(grant_type=""), "invalid_request")


def test_unknown_parameters_are_passed_over(hotline):
    assert hotline.ask_token(state="xyz").status_code == 200


def test_the_endpoint_takes_no_other_method(hotline):
    answer = hotline.send("GET", "/oauth/token")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"


# --- K1, K3 ---


@each(
    "grant", ["password", "refresh_token", "authorization_code", "implicit", "client_credentials "]
)
def test_k1_no_other_grant_is_offered(hotline, grant):
    answer = hotline.ask_token(grant_type=grant)
    assert_error(answer, "unsupported_grant_type")
    assert grant not in answer.text.replace("unsupported_grant_type", "")


def test_k1_the_grant_is_required(hotline):
    assert_error(hotline.ask_token(grant_type=None), "invalid_request")


def test_k1_there_is_no_refresh_token(hotline):
    assert "refresh_token" not in hotline.ask_token().json


def test_k3_the_scopes_asked_for_are_given_and_no_others(hotline):
    answer = hotline.ask_token(scope="cases.read directory.read cases.read")
    assert answer.json["scope"] == "cases.read directory.read"


@each("scope", ["admin", "cases.read admin", "cases.read  cases.write", " cases.read", 'a"b', "é"])
def test_k3_a_scope_that_is_not_granted_is_an_error_and_no_silent_cut(hotline, scope):
    answer = hotline.ask_token(scope=scope)
    assert_error(answer, "invalid_scope")
    assert answer.json.keys() == {"error", "error_description"}
    assert "cases.read" not in answer.text, "no words but our own"


def test_k3_the_partners_address_may_be_named_as_resource(hotline):
    token = hotline.token(resource=PARTNERS)
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == PARTNERS


@each(
    "resource",
    ["https://other.example", f"{PARTNERS}/", f"{PARTNERS}#x", ISSUER, "cases", PARTNERS.upper()],
)
def test_k3_any_other_resource_is_an_invalid_target(hotline, resource):
    assert_error(hotline.ask_token(resource=resource), "invalid_target")


def test_authorization_details_are_refused_not_passed_over(hotline):
    """To leave them out would give a wider token than was asked for (RFC 9396 section 5)."""
    wanted = json.dumps([{"type": "case_access", "identifier": "x"}])
    answer = hotline.ask_token(authorization_details=wanted)
    assert_error(answer, "invalid_authorization_details")
