"""Nothing is served that is not declared: who may call it, for which action and scope, and why."""

import gateway.web.app  # noqa: F401 - loads every module that can define a refusal
from gateway.domain.answers import PARTIES_ANSWERS
from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.organisation import ADMIN_SCOPES, RELAY_SCOPE, SCOPES, STAFF_SCOPE
from gateway.domain.refusals import Refusal
from gateway.domain.staff import ROLES_OF
from gateway.kernel import authentication  # noqa: F401
from gateway.web import listeners, openapi
from gateway.web.caller import ANY_SCOPE
from gateway.web.endpoint import EndpointAccess, declared
from gateway.web.openapi import document
from gateway.web.problems import PROBLEMS, all_problems, problem_of
from tests.founded_gateway import ABROAD, DESK, HOTLINE
from tests.ports import policy
from tests.web.listening import listening

LINE = listening()
APPS = (LINE.partners, LINE.public)

API = {
    **{
        ("POST", f"/handoffs/{{handoff}}/{kind.path}"): (kind.action, "handoffs.answer")
        for kind in PARTIES_ANSWERS
    },
    ("GET", "/whoami"): ("whoami.read", ANY_SCOPE),
    ("GET", "/organisations"): ("directory.read", "directory.read"),
    ("GET", "/organisations/{organisation}"): ("directory.read", "directory.read"),
    ("GET", "/organisations/{organisation}/attestation"): ("directory.read", "directory.read"),
    ("GET", "/organisations/{organisation}/keys/{kid}"): ("directory.read", "directory.read"),
    ("GET", "/organisations/{organisation}/mandates/{event}"): ("directory.read", "directory.read"),
    ("POST", "/cases"): ("case.submit", "cases.write"),
    ("POST", "/batches/submissions"): ("case.submit", "cases.write"),
    ("POST", "/batches/offers"): ("handoff.offer", "handoffs.offer"),
    ("POST", "/batches/acceptances"): ("handoff.accept", "handoffs.answer"),
    ("POST", "/cases/{case}/versions"): ("case.revise", "cases.write"),
    ("GET", "/cases"): ("case.read", "cases.read"),
    ("GET", "/cases/{case}"): ("case.read", "cases.read"),
    ("GET", "/cases/{case}/coverage"): ("case.read", "cases.read"),
    ("POST", "/cases/{case}/consultations"): ("case.consult", "cases.read"),
    ("POST", "/cases/{case}/handoffs"): ("handoff.offer", "handoffs.offer"),
    ("POST", "/handoffs/preview"): ("handoff.offer", "handoffs.offer"),
    ("POST", "/cases/{case}/assessment"): ("case.assess", "cases.write"),
    ("POST", "/cases/{case}/clearance"): ("case.clear", "cases.write"),
    ("POST", "/cases/{case}/closure"): ("case.close", "cases.write"),
    ("POST", "/cases/{case}/early-erasure"): ("case.advance_erasure", "cases.write"),
    ("POST", "/cases/{case}/recall"): ("case.recall", "cases.write"),
    ("POST", "/cases/{case}/recalls/{recall}/approval"): ("case.approve_recall", "cases.write"),
    ("POST", "/handoffs/{handoff}/recall"): ("case.recall", "cases.write"),
    ("POST", "/cases/{case}/embargo"): ("case.embargo", "cases.write"),
    ("POST", "/handoffs/{handoff}/embargo"): ("case.embargo", "handoffs.answer"),
    ("POST", "/cases/{case}/processing-restriction"): ("case.restrict", "cases.write"),
    ("POST", "/cases/{case}/measures/{measure}/end"): ("case.end_measure", "cases.write"),
    ("POST", "/handoffs/{handoff}/measures/{measure}/end"): (
        "case.end_measure",
        "handoffs.answer",
    ),
    ("GET", "/handoffs"): ("handoff.read", "handoffs.read"),
    ("GET", "/worklist"): ("worklist.read", ANY_SCOPE),
    ("POST", "/items/searches"): ("item.search", ANY_SCOPE),
    ("POST", "/events/searches"): ("events.search", "events.read"),
    ("GET", "/handoffs/{handoff}"): ("handoff.read", "handoffs.read"),
    ("POST", "/handoffs/{handoff}/review"): ("handoff.review", "handoffs.answer"),
    ("POST", "/handoffs/{handoff}/seen"): ("handoff.mark_seen", "handoffs.answer"),
    ("POST", "/handoffs/{handoff}/taking"): ("handoff.take", "handoffs.answer"),
    ("POST", "/handoffs/{handoff}/reference"): ("handoff.refer", "handoffs.answer"),
    ("GET", "/handoffs/{handoff}/correction-notices"): ("handoff.read", "handoffs.read"),
    ("GET", "/handoffs/{handoff}/peer-receipts"): ("handoff.read", "handoffs.read"),
    ("POST", "/handoffs/{handoff}/updates"): ("handoff.update", "handoffs.offer"),
    ("POST", "/handoffs/{handoff}/updates/preview"): ("handoff.update", "handoffs.offer"),
    ("POST", "/handoffs/{handoff}/consultations"): ("case.consult", "handoffs.answer"),
    ("GET", "/relay/members"): ("relay.members", "relay"),
    ("GET", "/peers"): ("directory.read", "directory.read"),
    ("GET", "/successions"): ("succession.read", "handoffs.read"),
    ("GET", "/successions/{succession}"): ("succession.read", "handoffs.read"),
    ("POST", "/successions/{succession}/approval"): ("succession.approve", "handoffs.answer"),
    ("GET", "/staff"): ("staff.read", ANY_SCOPE),
    ("POST", "/staff"): ("staff.add", "staff"),
    ("POST", "/staff/{pseudonym}/end"): ("staff.end", "staff"),
    ("POST", "/staff/{pseudonym}/invitation"): ("staff.invite", "staff"),
    ("POST", "/staff/{pseudonym}/passkeys"): ("staff.register_passkey", "staff"),
    ("POST", "/staff/{pseudonym}/passkeys/{kid}/revocation"): ("staff.revoke_passkey", "staff"),
    ("GET", "/events"): ("events.read", "events.read"),
    ("GET", "/receipts/{event}"): ("receipt.read", "events.read"),
    ("POST", "/notifications"): ("notification.poll", "events.read"),
    ("GET", "/notifications"): ("notification.poll", "events.read"),
    ("POST", "/log/cosignatures"): ("witness.register", "log.cosign"),
    ("POST", "/relay/events"): ("relay.deliver", "relay"),
    ("POST", "/notifications/{event}/replay"): ("notification.replay", "events.read"),
    ("GET", "/admin/organisations"): ("registry.read", "admin"),
    ("GET", "/admin/organisations/{organisation}"): ("registry.read", "admin"),
    ("GET", "/admin/health"): ("health.read", "health"),
    ("GET", "/admin/administrators"): ("registry.read", "admin"),
    ("GET", "/admin/worklist"): ("registry.read", "admin"),
    ("GET", "/admin/invitations"): ("registry.read", "admin"),
    ("GET", "/admin/mandates"): ("registry.read", "admin"),
    ("GET", "/admin/log-holds"): ("registry.read", "admin"),
    ("GET", "/admin/notifications"): ("registry.read", "admin"),
    ("GET", "/admin/events/{event}"): ("registry.read", "admin"),
    ("GET", "/admin/successions"): ("registry.read", "admin"),
    ("GET", "/admin/successions/{succession}"): ("registry.read", "admin"),
    ("POST", "/admin/changes"): ("proposal.create", "admin"),
    ("GET", "/admin/changes"): ("registry.read", "admin"),
    ("GET", "/admin/changes/{proposal}"): ("registry.read", "admin"),
    ("POST", "/admin/changes/{proposal}/approvals"): ("proposal.create", "admin"),
    ("POST", "/admin/changes/{proposal}/withdrawal"): ("proposal.withdraw", "admin"),
    ("POST", "/admin/changes/{proposal}/refusal"): ("proposal.refuse", "admin"),
    ("POST", "/audit/searches"): ("audit.search", "audit.search"),
    ("GET", "/audit/searches/{search}"): ("audit.read", "audit.search"),
    ("GET", "/audit/searches/{search}/summary"): ("audit.read", "audit.search"),
    ("POST", "/conformance/runs"): ("conformance.start", ANY_SCOPE),
    ("GET", "/conformance/runs/{run}"): ("conformance.read", ANY_SCOPE),
    ("POST", "/conformance/runs/{run}/cases"): ("conformance.submit", ANY_SCOPE),
    ("POST", "/conformance/runs/{run}/acceptance"): ("conformance.submit", ANY_SCOPE),
    ("POST", "/conformance/runs/{run}/consultations"): ("conformance.submit", ANY_SCOPE),
    ("POST", "/conformance/runs/{run}/consultation-report"): ("conformance.submit", ANY_SCOPE),
    ("POST", "/conformance/runs/{run}/receipt-checks"): ("conformance.submit", ANY_SCOPE),
    ("POST", "/conformance/runs/{run}/decline"): ("conformance.submit", ANY_SCOPE),
}
"""The interface as it was agreed: method and address, action, scope."""

OPEN_TO_CERTIFICATES = {
    ("POST", "/oauth/token"),
    ("GET", "/.well-known/est/cacerts"),
    ("POST", "/.well-known/est/simplereenroll"),
    ("GET", "/.well-known/oauth-protected-resource"),
    ("GET", "/keys/notification"),
    ("GET", "/log/keys"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
}
OPEN_TO_ANYBODY = {
    ("GET", "/"),
    ("GET", "/reference"),
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/.well-known/openid-configuration"),
    ("GET", "/.well-known/security.txt"),
    ("GET", "/jwks.json"),
    ("GET", "/keys/attestation"),
    ("GET", "/keys/notification"),
    ("GET", "/log/vkey"),
    ("GET", "/log/keys"),
    ("GET", "/log/predecessor"),
    ("GET", "/log/stamps/{entry}"),
    ("GET", "/log/cosignatures"),
    ("POST", "/witness/add-checkpoint"),
    ("GET", "/witness/vkey"),
    ("GET", "/checkpoint"),
    ("GET", "/tile/{path}"),
    ("GET", "/ca.pem"),
    ("GET", "/.well-known/est/cacerts"),
    ("POST", "/.well-known/est/simpleenroll"),
    ("POST", "/enrolments"),
    ("GET", "/crl.pem"),
    ("GET", "/crl/{authority}.crl"),
    ("GET", "/problems"),
    ("GET", "/problems/{name}"),
    ("GET", "/openapi.json"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
}


def address(path: str) -> str:
    return openapi._PATH_PARTS.sub(r"{\2}", path)


def routes(app):
    """Every rule that the framework would answer, with what was declared for it."""
    for rule in app.url_map.iter_rules():
        methods = rule.methods - {"HEAD"}
        assert len(methods) == 1, rule
        yield methods.pop(), address(rule.rule), declared(app).get(rule.endpoint)


def test_every_route_is_declared():
    for app in APPS:
        for method, path, one in routes(app):
            assert one is not None, (method, path)
            assert (one.method, address(one.path)) == (method, path)


def test_partners_have_the_agreed_interface_and_no_more():
    with_token = {
        (method, path): (one.action, one.scope)
        for method, path, one in routes(LINE.partners)
        if one.access is EndpointAccess.TOKEN
    }
    assert with_token == API


def test_what_asks_for_no_token_is_a_short_list():
    partners = {
        (method, path)
        for method, path, one in routes(LINE.partners)
        if one.access is not EndpointAccess.TOKEN
    }
    public = {(method, path) for method, path, _ in routes(LINE.public)}
    assert partners == OPEN_TO_CERTIFICATES
    assert public == OPEN_TO_ANYBODY


def test_only_an_invitation_or_a_peer_log_changes_anything_on_the_public_listener():
    changing = {(method, path) for method, path, _ in routes(LINE.public) if method != "GET"}
    assert changing == {
        ("POST", "/.well-known/est/simpleenroll"),
        ("POST", "/enrolments"),
        ("POST", "/witness/add-checkpoint"),
    }
    for method, path in changing:
        answer = LINE.anybody().open(path, method=method, json={"csr": "none"})
        assert answer.status_code in (401, 404, 415, 422), path


def test_every_route_with_a_token_refuses_a_call_without_one():
    hotline = LINE.partner()
    for one in listeners.PARTNERS:
        path = openapi._PATH_PARTS.sub("018f0000-0000-7000-8000-000000000011", one.path)
        answer = hotline.send(one.method, path)
        assert answer.status_code == 401, path
        assert answer.json["type"].endswith("/problems/token-required")


def test_every_route_with_a_scope_refuses_a_token_without_it():
    hotline = LINE.partner()
    for one in listeners.PARTNERS:
        if one.scope == ANY_SCOPE:
            continue
        others = " ".join(scope for scope in SCOPES if scope != one.scope)
        path = openapi._PATH_PARTS.sub("018f0000-0000-7000-8000-000000000011", one.path)
        answer = hotline.call(one.method, path, token=hotline.token(scope=others))
        assert answer.status_code == 403, path
        assert answer.json["type"].endswith("/problems/insufficient-scope")


def test_every_write_asks_for_a_idempotency_key():
    LINE.gateway.administer("system.set_admin_scopes", HOTLINE, system=DESK, scopes=[*ADMIN_SCOPES])
    LINE.keeps_staff(ABROAD)
    hotline, keeper = LINE.partner(), LINE.partner(ABROAD)
    for one in listeners.PARTNERS:
        reads = one.path.endswith("/preview") or one.path in ("/notifications", "/log/cosignatures")
        reads |= one.path.startswith("/batches/")  # each of their requests has its own
        assert one.writes == (one.method == "POST" and not reads)
        if one.writes:
            path = openapi._PATH_PARTS.sub("018f0000-0000-7000-8000-000000000011", one.path)
            if one.scope == RELAY_SCOPE:
                continue  # of peer gateways alone
            partner = keeper if one.scope == STAFF_SCOPE else hotline
            answer = partner.post(path, {}, key=None)
            assert answer.json["type"].endswith("/problems/idempotency-key-required")


def test_every_action_that_names_a_person_says_which_roles_it_allows():
    naming = {one.action for one in listeners.PARTNERS if one.body and "by" in one.body.fields}
    assert naming == ROLES_OF.keys()


def test_every_action_is_one_of_policy_and_of_the_log():
    for one in listeners.PARTNERS:
        assert one.action in policy().actions
        assert one.action in EVENT_TYPES


def test_every_action_of_partners_can_be_asked_for():
    asked = {one.action for one in listeners.PARTNERS}
    partners = {a for a in policy().actions if a.partition(".")[0] in ("case", "handoff")}
    by_others = {
        "case.disclose",
        "case.erase",
        "case.lift_embargo",
        "case.repair",
        "case.repair_handoff",
        "handoff.break_glass",
        "handoff.read_guarded",
    }
    assert partners - asked == by_others, "what policy asks by itself, and administrators"


def test_every_scope_is_used():
    assert {one.scope for one in listeners.PARTNERS} == {
        *SCOPES,
        STAFF_SCOPE,
        RELAY_SCOPE,
        *ADMIN_SCOPES,
        ANY_SCOPE,
    }


def test_every_endpoint_says_what_it_does():
    for app in APPS:
        for _, path, one in routes(app):
            assert len(one.about) > 20, path


def test_every_endpoint_is_described():
    described = document()["paths"]
    for app in APPS:
        for method, path, one in routes(app):
            operation = described[path][method.lower()]
            assert operation.get("x-policy-action") == one.action


def refusals(cls: type[Refusal] = Refusal):
    for below in cls.__subclasses__():
        if below.__module__.startswith("gateway."):
            yield below
            yield from refusals(below)


def test_every_refusal_has_a_row():
    found = set(refusals())
    assert len(found) > 20
    for cls in found:
        assert cls in PROBLEMS, cls
    assert set(PROBLEMS) == found


def test_every_row_has_a_page():
    for slug in all_problems():
        assert LINE.anybody().get(f"/problems/{slug}").status_code == 200


def test_a_row_is_found_by_class():
    assert all(problem_of(cls.__new__(cls)) is row for cls, row in PROBLEMS.items())
