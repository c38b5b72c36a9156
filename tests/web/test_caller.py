"""Who is taken for the caller, request by request: the rules RS (RFC 6750, 8705, 9068, 9728)."""

import re
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.organisation import (
    ACTIONS_WHILE_SUSPENDED,
    SCOPES_WHILE_SUSPENDED,
    Status,
)
from gateway.evidence import base64url
from gateway.kernel.ports import TransactionMode
from gateway.pki.client_certificate import CertificateRefused
from gateway.web import listeners
from gateway.web.caller import ANY_SCOPE
from gateway.web.endpoint import endpoint, register
from gateway.web.problems import InvalidToken, problem_of
from gateway.web.tokens import Tokens
from tests.each import each
from tests.founding import HOTLINE, OFMIN
from tests.web.listening import PARTNERS, Listening, Partner, certificate, der, listening

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


def test_rs1_a_revoked_token_is_refused_at_once_and_others_live_on(gateway, hotline):
    revoked, other = hotline.token(), hotline.token()
    assert hotline.get("/whoami", token=revoked).status_code == 200
    form = {"client_id": hotline.client_id, "token": revoked}
    assert hotline.send("POST", "/oauth/revoke", data=form).status_code == 200
    assert_invalid_token(hotline.get("/whoami", token=revoked))
    assert gateway.lines()[-1]["reason"] == "the token was revoked"
    assert hotline.get("/whoami", token=other).status_code == 200


def test_rs1_a_token_revoked_in_one_worker_is_dead_in_another(gateway, hotline):
    """Though the other has verified it before and remembers that."""
    other = Partner(listening(gateway.gateway), HOTLINE, hotline.certificate)
    token = hotline.token()
    assert other.get("/whoami", token=token).status_code == 200
    form = {"client_id": hotline.client_id, "token": token}
    assert hotline.send("POST", "/oauth/revoke", data=form).status_code == 200
    assert_invalid_token(other.get("/whoami", token=token))


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
    answer = hotline.get("/cases", token=held)
    told = (answer.status_code, answer.json["type"].rpartition("/")[2])
    assert told == (403, "insufficient-scope")
    own = hotline.get("/whoami", token=held).json
    assert (own["status"], set(own["scopes"])) == ("suspended", SCOPES_WHILE_SUSPENDED)
    assert hotline.get("/duties", token=held).status_code == 200


def test_rs5_a_live_token_of_a_member_that_left_is_dead_at_once(gateway, hotline):
    assert hotline.get("/whoami").status_code == 200
    gateway.gateway.administer("organisation.leave", HOTLINE, reason="a test")
    assert_invalid_token(hotline.get("/whoami"))


def test_rs5_a_member_whose_entry_is_out_of_service_is_not_heard_of_its_duties_either(
    gateway, hotline
):
    held = hotline.token()
    with gateway.gateway.ports.begin(TransactionMode.REGISTRY) as work:
        work.organisations.put_out_of_service(frozenset({("organisation", HOTLINE)}))
        work.commit()
    assert_invalid_token(hotline.get("/duties", token=held))


def test_rs5_a_revoked_certificate_s_live_token_is_dead_at_once(gateway, hotline):
    assert hotline.get("/whoami").status_code == 200
    thumbprint = base64url.digest(der(hotline.certificate))
    with gateway.gateway.ports.begin(TransactionMode.REGISTRY) as work:
        known = work.organisations.certificate(thumbprint)
        work.organisations.save_certificate(replace(known, revoked_at=gateway.gateway.clock()))
        work.commit()
    assert_invalid_token(hotline.get("/whoami"))


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
    assert line["endpoint"] == "directory_whoami"
    assert line["thumbprint"] == base64url.digest(der(other.certificate))
    assert line["reason"] == ("the token is bound to another certificate than the connection's")
    assert answer.json["instance"] == f"urn:uuid:{line['request']}"
    assert token not in gateway.stream.getvalue()
