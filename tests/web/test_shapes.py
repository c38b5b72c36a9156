"""What is described is what is answered: one story through every endpoint, each answer held
against the description of it."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.client.enrolment import _verifies, read_presentation
from gateway.domain.organisation import witness_name
from gateway.domain.staff import RegisterRole
from gateway.evidence import base64url
from gateway.exchange.lifecycle import succession_execution
from gateway.exchange.relay.taking_in import understood
from gateway.kernel import changes
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.ledger import note
from gateway.web import listeners
from gateway.web.openapi import document
from tests.authenticator import Authenticator
from tests.casework import (
    ADDITION,
    accepted,
    case_content,
    correction,
    element_id,
    offered,
    revised,
    submitted,
)
from tests.each import each
from tests.exchange.moving_mandates import DAY, PLAN
from tests.founded_gateway import ABROAD, ALICE, BENOIT, DESK, HOTLINE, OCRVP, OFMIN, enter_staff
from tests.peering import peering
from tests.ports import ISSUER, document_key
from tests.registry.test_staff_passkeys import TOKEN, proof
from tests.verification.logbook import witness
from tests.web.listening import Listening, Partner, listening

DESCRIBED = document()
BY = {"by": "officer-1"}
OPENING = {**BY, "reason_code": "quality", "reason": "a look"}

TYPES = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
FORMATS = {
    "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*\+00:00",
    "date": r"\d{4}-\d\d-\d\d",
}


def assert_fits(value: Any, schema: dict[str, Any], where: str) -> None:
    """The part of JSON Schema that the description uses; members it does not name are faults."""
    if not schema:
        return None
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return assert_fits(value, DESCRIBED["components"]["schemas"][name], f"{where}({name})")
    if "anyOf" in schema:
        shapes = [one for one in schema["anyOf"] if (value is None) == (one == {"type": "null"})]
        return assert_fits(value, shapes[0], where)
    if "const" in schema:
        assert value == schema["const"], where
        return None
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert any(type(value) is TYPES[kind] for kind in kinds), f"{where} is {value!r}"
    if isinstance(value, str) and schema.get("format") in FORMATS:
        assert re.fullmatch(FORMATS[schema["format"]], value), f"{where} is {value!r}"
    assert value in schema.get("enum", [value]), f"{where} is {value!r}"
    if isinstance(value, list):
        for index, one in enumerate(value):
            assert_fits(one, schema["items"], f"{where}/{index}")
    if isinstance(value, dict):
        members = schema.get("properties", {})
        others = schema.get("additionalProperties")
        assert set(schema.get("required", ())) <= value.keys(), where
        assert others is not None or value.keys() <= members.keys(), (
            f"{where} has {value.keys() - members}"
        )
        for name, one in value.items():
            assert_fits(one, members.get(name, others or {}), f"{where}/{name}")
    return None


class Story:
    """Calls endpoints and holds each answer against its description."""

    def __init__(self, line: Listening) -> None:
        self.line = line
        self.told: set[tuple[str, str]] = set()
        self.partners = {slug: line.partner(slug) for slug in (HOTLINE, OFMIN, ABROAD)}

    def hold(self, answer, method: str, template: str) -> Any:
        operation = DESCRIBED["paths"][template][method.lower()]
        described = operation["responses"][str(answer.status_code)]
        if "$ref" in described:
            described = DESCRIBED["components"]["responses"][described["$ref"].rpartition("/")[2]]
        media = answer.content_type.partition(";")[0]
        assert media in described["content"], (template, answer.text)
        assert_fits(answer.json, described["content"][media]["schema"], template)
        self.told.add((method, template))
        return answer.json

    def get(self, who: str, template: str, query: str = "", **path: str) -> Any:
        answer = self.partners[who].get(template.format(**path) + query)
        assert answer.status_code == 200, answer.text
        return self.hold(answer, "GET", template)

    def post(self, who: str, template: str, body: Any, **path: str) -> Any:
        answer = self.partners[who].post(template.format(**path), body)
        assert answer.status_code in (200, 201, 202), answer.text
        return self.hold(answer, "POST", template)


def offer_of(line: Listening, **to: Any) -> dict[str, Any]:
    return {
        "handoff": str(line.gateway.new_id()),
        "by": "liaison-1",
        "to": to,
        "groups": ["items", "statements"],
        "purpose": ["identify_victim"],
        "expires_at": "2026-05-01T00:00:00Z",
    }


def tell_of_cases(story: Story) -> str:
    content = case_content(story.line.gateway.new_id())
    first = story.post(HOTLINE, "/cases", {**BY, "content": content})["result"]
    case = first["case"]
    second = case_content(case, version=2, previous=first["digest"])
    revise(story, second, ADDITION)
    story.post(HOTLINE, "/cases/{case}/consultations", OPENING, case=case)
    story.get(HOTLINE, "/cases/{case}", case=case)
    story.get(HOTLINE, "/cases", "?limit=1")
    return case


def tell_of_batches(story: Story) -> None:
    """A case, its offer and the acceptance, each in a batch beside one that is refused."""

    def post(who: str, noun: str, *asked: dict[str, Any]) -> dict[str, Any]:
        requests = [{"key": story.line.key(), **one} for one in asked]
        results = story.post(who, f"/batches/{noun}", {"requests": requests})["results"]
        assert "problem" in results[1] and "problem" not in results[0], results[0]
        return dict(results[0]["result"])

    content = case_content(story.line.gateway.new_id())
    clearance = {"assessed_by": "analyst-1", "cleared_by": "approver-1", "confirmed_matches": []}
    good = {"by": "intake-1", "content": content, "clearance": clearance}
    case = post(HOTLINE, "submissions", {"body": good}, {"body": {}})["case"]
    wanted = {
        "case": case,
        "body": offer_of(story.line, competence={"matter": "csam", "territory": "FR"}),
    }
    handoff = post(HOTLINE, "offers", wanted, {"case": case, "body": {}})["handoff"]
    conditions = story.get(OFMIN, "/handoffs/{handoff}", handoff=handoff)["conditions"]
    accepting = {"handoff": handoff, "body": {**BY, "conditions": conditions}}
    post(OFMIN, "acceptances", accepting, {"handoff": handoff, "body": BY})


def revise(story: Story, content: dict[str, Any], change: dict[str, Any]) -> None:
    case, said = content["case"], {**BY, "content": content, "change": change}
    story.post(HOTLINE, "/cases/{case}/versions", said, case=case)
    story.post(HOTLINE, "/cases/{case}/assessment", {**BY, "confirmed_matches": []}, case=case)
    story.post(HOTLINE, "/cases/{case}/clearance", {"by": "approver-1"}, case=case)


def tell_of_updates(story: Story, case: str, handoff: str) -> None:
    """A correction of what the handoff gave, and what its recipient answers."""
    before = story.get(HOTLINE, "/cases/{case}", case=case)
    third = case_content(case, version=3, previous=before["digest"], urgency="normal")
    revise(story, third, correction("/urgency"))
    story.get(OFMIN, "/handoffs/{handoff}", handoff=handoff)
    story.get(HOTLINE, "/cases/{case}/coverage", case=case)
    at = "/handoffs/{handoff}/"
    story.post(HOTLINE, at + "updates/preview", BY, handoff=handoff)
    story.post(HOTLINE, at + "updates", BY, handoff=handoff)
    story.get(HOTLINE, "/cases/{case}/coverage", case=case)
    older = {"reason_code": "superseded_package", "reason": "a look", "package": 1}
    story.post(OFMIN, at + "consultations", {**BY, **older}, handoff=handoff)
    for kind, said in (
        ("acknowledgement", {}),
        ("application", {"done": "rectified"}),
        ("dispute", {"ground": "other", "reason": "seen by ourselves"}),
        ("onward-by-law", {"article": "CPP 40", "recipient_kind": "prosecutor"}),
        (
            "correction-proposals",
            {"proposal": "other", "reason": "see there", "elements": [element_id("url")]},
        ),
    ):
        story.post(OFMIN, at + kind, {**BY, **said}, handoff=handoff)
    story.post(HOTLINE, at + "proposal-answers", {**BY, "decision": "to_follow"}, handoff=handoff)
    tell_of_omission(story, case, handoff)
    tell_of_notice(story)


def tell_of_omission(story: Story, case: str, handoff: str) -> None:
    """A holder that is left out of an update."""
    before = story.get(HOTLINE, "/cases/{case}", case=case)
    fourth = case_content(case, version=4, previous=before["digest"], urgency="priority")
    revise(story, fourth, correction("/urgency"))
    path = "/handoffs/{handoff}/update-omissions"
    story.post(HOTLINE, path, {**BY, "reason": "suspended"}, handoff=handoff)
    story.get(HOTLINE, "/cases/{case}/coverage", case=case)


def tell_of_notice(story: Story) -> None:
    """A correction of what a recipient accepted, then declined."""
    gateway = story.line.gateway
    case = submitted(gateway)
    handoff = str(accepted(gateway, offered(gateway, case)))
    at = "/handoffs/{handoff}/"
    story.post(OFMIN, at + "decline", {**BY, "reason": "not ours"}, handoff=handoff)
    revised(gateway, case, urgency="normal")
    said = {"code": "inaccurate", "pointers": ["/urgency"]}
    story.post(HOTLINE, at + "correction-notices", {**BY, **said}, handoff=handoff)
    story.get(OFMIN, at + "correction-notices", handoff=handoff)
    story.get(OFMIN, at + "peer-receipts", handoff=handoff)


def tell_of_recalls(story: Story) -> None:
    """Two handoffs of one case: one goes astray, and the case is recalled from the other too."""
    gateway = story.line.gateway
    case = submitted(gateway)
    astray, kept = (str(accepted(gateway, offered(gateway, case, **again))) for again in _TWICE)
    said = {"by": "approver-1", "code": "misdirected", "reason": "wrong address"}
    made = story.post(HOTLINE, "/handoffs/{handoff}/recall", said, handoff=astray)["result"]
    path = "/cases/{case}/recalls/{recall}/approval"
    of = {"case": made["case"], "recall": made["recall"]}
    story.post(HOTLINE, path, {"by": "approver-2"}, **of)
    said |= {"code": "inaccurate", "approved_by": "approver-2"}
    story.post(HOTLINE, "/cases/{case}/recall", said, case=made["case"])
    at = "/handoffs/{handoff}/"
    story.post(OFMIN, at + "recall-acknowledgement", BY, handoff=kept)
    declined = {"done": "declined", "legal_basis": "CSI L. 236-1", "until": "2026-12-31"}
    story.post(OFMIN, at + "recall-answer", {**BY, **declined}, handoff=kept)
    story.get(HOTLINE, "/handoffs/{handoff}", handoff=kept)
    story.get(HOTLINE, "/cases/{case}/coverage", case=made["case"])


_TWICE: tuple[dict[str, str], ...] = ({}, {"again": "to try"})


def tell_of_offers(story: Story, case: str) -> list[str]:
    to = {"competence": {"matter": "csam", "territory": "FR"}}
    asked = offer_of(story.line, **to)
    preview = {k: v for k, v in asked.items() if k != "handoff"} | {"case": case}
    story.post(HOTLINE, "/handoffs/preview", preview)
    made = []
    for address in (to, to, to, {"organisation": ABROAD}):
        asked = offer_of(story.line, **address) | {"again": "test"}
        story.post(HOTLINE, "/cases/{case}/handoffs", asked, case=case)
        made.append(asked["handoff"])
    return made


def tell_of_answers(story: Story, made: list[str]) -> None:
    taken, refused, redirected, withdrawn = made
    conditions = story.get(OFMIN, "/handoffs/{handoff}", handoff=taken)["conditions"]

    def answer(who: str, kind: str, handoff: str, **body: Any) -> None:
        story.post(who, "/handoffs/{handoff}/" + kind, {**BY, **body}, handoff=handoff)

    answer(OFMIN, "acceptance", taken, conditions=conditions, groups=["items"])
    answer(OFMIN, "consultations", taken, reason_code="assessment", reason="a look")
    answer(OFMIN, "outcomes", taken, code="case_opened", items=[element_id("url")])
    answer(HOTLINE, "seen", taken)
    answer(OFMIN, "outcomes", taken, code="victim_identified")
    answer(OFMIN, "closure", taken)
    answer(OFMIN, "delays", refused, code="workload", until="2026-03-20T00:00:00Z")
    answer(OFMIN, "go-ahead", refused)
    answer(OFMIN, "decline", refused, reason="not ours")
    answer(
        OFMIN, "redirection", redirected, reason="not ours", suggested_recipient="another office"
    )
    answer(HOTLINE, "calls", withdrawn, function="duty officer", time="2026-03-02T08:00:00Z")
    answer(HOTLINE, "withdrawal", withdrawn, reason="in error")
    answer(HOTLINE, "seen", refused)
    answer(HOTLINE, "taking", refused)
    answer(OFMIN, "reference", refused, reference="PV 2026/17")
    tell_of_imminent_danger(story)
    for who in (OFMIN, HOTLINE):
        for handoff in (taken, refused, redirected):
            story.get(who, "/handoffs/{handoff}", handoff=handoff)
        for box in ("in", "out"):
            story.get(who, "/handoffs", f"?box={box}&limit=2")


def tell_of_measures(story: Story, case: str, handoff: str) -> None:
    until = story.line.gateway.ports.now() + timedelta(hours=30)
    body = {**BY, "code": "operation", "until": until.strftime("%Y-%m-%dT%H:%M:%SZ")}
    path = "/handoffs/{handoff}/embargo"
    set_ = story.post(OFMIN, path, body, handoff=handoff)["result"]["measure"]
    story.get(HOTLINE, "/handoffs/{handoff}", handoff=handoff)
    path = "/handoffs/{handoff}/measures/{measure}/end"
    story.post(OFMIN, path, BY, handoff=handoff, measure=set_)
    suspension = {**body, "kind": "suspension", "code": "legal_claim"}
    path = "/cases/{case}/processing-restriction"
    set_ = story.post(HOTLINE, path, suspension, case=case)["result"]["measure"]
    story.get(HOTLINE, "/cases/{case}", case=case)
    path = "/cases/{case}/measures/{measure}/end"
    story.post(HOTLINE, path, BY, case=case, measure=set_)
    own = story.line.gateway.new_id()
    story.post(OFMIN, "/cases", {**BY, "content": case_content(own)})
    story.post(OFMIN, "/cases/{case}/embargo", body, case=str(own))


def tell_of_retention(story: Story) -> None:
    """What a holder keeps, of a case whose erasure was brought forward and that was erased."""
    gateway = story.line.gateway
    enter_staff(gateway.ports.begin, HOTLINE, ["dpo-1"], frozenset({RegisterRole.DPO}))
    case = submitted(gateway)
    handoff = str(accepted(gateway, offered(gateway, case)))
    id_ = case.result["case"]
    day = gateway.clock().date() + timedelta(days=9)
    retained = {"legal_basis": "art. 230-8 CPP", "until": "2090-01-01"}
    story.post(OFMIN, "/handoffs/{handoff}/retention", {**BY, **retained}, handoff=handoff)
    for who in (OFMIN, HOTLINE):
        story.get(who, "/handoffs/{handoff}", handoff=handoff)
    story.get(OFMIN, "/handoffs", "?erase_before=2090-01-01")
    story.get(OFMIN, "/worklist", "?limit=2")
    search = {**BY, "reason_code": "quality", "reason": "a look", "hash": "aa", "limit": 1}
    story.post(HOTLINE, "/items/searches", search)
    del search["hash"]
    own = {**BY, "reason_code": "self_monitoring", "reason": "a look"}
    story.post(HOTLINE, "/events/searches", {**own, "filters": {"types": ["case.consulted"]}})
    story.post(HOTLINE, "/items/searches", {**search, "url": "content.example.org/page"})
    asked = {"approved_by": "approver-1", "dpo": "dpo-1", "advice": "favourable"}
    body = {**BY, **asked, "erase_on": day.isoformat(), "reason": "a request"}
    story.post(HOTLINE, "/cases/{case}/early-erasure", body, case=id_)
    story.post(OFMIN, "/handoffs/{handoff}/closure", BY, handoff=handoff)
    story.post(HOTLINE, "/cases/{case}/closure", BY, case=id_)
    gateway.administer("case.erase", HOTLINE, case=id_, reason="a request")
    opening = {**BY, "reason_code": "retention", "reason": "file 4711"}
    path = "/handoffs/{handoff}/consultations"
    assert story.post(OFMIN, path, opening, handoff=handoff)["result"]["retained"]


def tell_of_imminent_danger(story: Story) -> None:
    danger = {"urgency": "imminent_danger", "urgency_reason": "child_located"}
    content = case_content(story.line.gateway.new_id(), **danger)
    case = story.post(HOTLINE, "/cases", {**BY, "content": content})["result"]["case"]
    asked = offer_of(story.line, competence={"matter": "csam", "territory": "FR"})
    story.post(HOTLINE, "/cases/{case}/handoffs", asked, case=case)
    opening = {"by": "officer-1", "reason_code": "imminent_danger", "reason": "a child"}
    handoff = asked["handoff"]
    story.post(OFMIN, "/handoffs/{handoff}/consultations", opening, handoff=handoff)
    story.post(OFMIN, "/handoffs/{handoff}/review", {"by": "officer-2"}, handoff=handoff)


def tell_of_successions(story: Story) -> None:
    """A succession, and a handoff at each of its ends."""
    handoff = accepted(story.line.gateway)
    planned = story.line.gateway.administer("succession.plan", OFMIN, **PLAN)
    succession = planned.result["succession"]
    story.partners[OCRVP] = story.line.partner(OCRVP)
    for slug in (OFMIN, OCRVP):
        story.get(slug, "/successions")
        story.get(slug, "/successions/{succession}", succession=succession)
        story.post(slug, "/successions/{succession}/approval", BY, succession=succession)
    story.line.gateway.day = DAY
    succession_execution.apply(story.line.gateway.ports, UUID(succession))
    story.get(OCRVP, "/successions/{succession}", succession=succession)
    story.get(HOTLINE, "/admin/successions")
    story.get(HOTLINE, "/admin/successions/{succession}", succession=succession)
    seen = story.get(HOTLINE, "/handoffs/{handoff}", handoff=str(handoff))
    story.get(OCRVP, "/handoffs/{handoff}", handoff=seen["reissued_as"]["handoff"])


def tell_of_the_rest(story: Story, case: str) -> None:
    story.post(HOTLINE, "/cases/{case}/closure", BY, case=case)
    for slug in (HOTLINE, OFMIN):
        story.get(slug, "/whoami")
        story.get(HOTLINE, "/organisations/{organisation}", organisation=slug)
    story.get(HOTLINE, "/organisations/{organisation}/attestation", organisation=OFMIN)
    key = document_key("office")
    story.line.gateway.register_key(OFMIN, key)
    path = "/organisations/{organisation}/keys/{kid}"
    story.get(HOTLINE, path, organisation=OFMIN, kid=key.kid)
    shown = story.get(HOTLINE, "/organisations/{organisation}", organisation=OFMIN)
    path = "/organisations/{organisation}/mandates/{event}"
    event = shown["mandates"][0]["registration_event"]
    story.get(HOTLINE, path, organisation=OFMIN, event=event)
    story.get(HOTLINE, "/organisations", "?limit=2")
    story.get(HOTLINE, "/peers")
    told = {"members": peering().tell(), "events": understood()}
    assert_fits(told, {"$ref": "#/components/schemas/ShownMembers"}, "")
    story.told.add(("GET", "/relay/members"))
    heard = {"stream_number": 1, "event": event}
    assert_fits(heard, {"$ref": "#/components/schemas/Heard"}, "")
    story.told.add(("POST", "/relay/events"))
    gateway, by = story.line.gateway, witness(witness_name(ISSUER, HOTLINE))
    line = by.cosign(note.split(story.line.anybody().get("/checkpoint").text)[0], gateway.clock())
    value = {"size": gateway.size(), "cosignature": line.split()[2]}
    story.post(HOTLINE, "/log/cosignatures", {"witness": str(by.key), **value})
    page = story.get(HOTLINE, "/events", "?limit=5")
    story.get(HOTLINE, "/receipts/{event}", event=page["events"][0]["event"])
    first, *_ = story.post(HOTLINE, "/notifications", {"maxEvents": 2})["sets"]
    errors = {first: {"err": "invalid_key"}}
    story.post(HOTLINE, "/notifications", {"setErrs": errors, "returnImmediately": True})
    (kept,) = story.get(HOTLINE, "/notifications")["refused"]
    story.post(HOTLINE, "/notifications/{event}/replay", BY, event=kept["event"])
    term = {"start": "2026-03-01", "until": "2026-04-01", "decision_ref": "board"}
    story.line.gateway.administer("audit_access.grant", HOTLINE, coverage="all", **term)
    story.get(HOTLINE, "/whoami")
    search = {**BY, "reason_code": "security", "reason": "a look"}
    found = story.post(HOTLINE, "/audit/searches", {**search, "limit": 2})["result"]
    story.get(HOTLINE, "/audit/searches/{search}", "?page=1", search=found["search"])
    story.post(HOTLINE, "/audit/searches", {**search, "filters": {"person": "nobody"}})
    topics = {"topics": ["refusals", "members"]}
    month = story.post(HOTLINE, "/audit/searches", {**search, "filters": topics})["result"]
    story.get(HOTLINE, "/audit/searches/{search}/summary", search=month["search"])


def tell_of_a_run(story: Story) -> None:
    runs = "/conformance/runs"
    run = story.post(HOTLINE, runs, BY)["result"]
    name = {"run": run["run"]}

    def answer(noun: str, **body: Any) -> dict[str, Any]:
        return story.post(HOTLINE, f"{runs}/{{run}}/{noun}", {**BY, **body}, **name)["result"]

    answer("cases", content=case_content(story.line.gateway.new_id()))
    answer("acceptance", conditions=run["offers"][0]["conditions"])
    opened = answer("consultations", reason_code="quality", reason="a look")
    digest, package_digest = read_presentation(opened, HOTLINE)
    answer("consultation-report", case_digest=digest, package_digest=package_digest)
    answer(
        "receipt-checks",
        checks={r["name"]: _verifies(r["receipt"], run) for r in run["receipts"]},
    )
    answer("decline", reason="not ours")
    assert story.get(HOTLINE, f"{runs}/{{run}}", **name)["state"] == "passed"


def tell_of_the_registry(story: Story) -> None:
    """What a system with the admin scope does; the addresses of changes differ in values."""
    gateway = story.line.gateway
    action, reason = "organisation.suspend", {"reason": "under review"}

    def signed(who: str) -> str:
        return gateway.approve(Change(action, ABROAD, reason), who)[0]

    end = Change("membership.end", ABROAD, {"until": "2030-01-01"})
    sooner = replace(end, values={"until": "2029-01-01"})

    def waiting(change: Change) -> dict[str, str]:
        said = {"action": change.action, "organisation": ABROAD, "values": change.values}
        body = {**said, "approvals": gateway.approve(change, ALICE)}
        made = story.post(HOTLINE, "/admin/changes", body)
        return {"proposal": made["result"]["proposal"]}

    named = waiting(end)
    story.get(HOTLINE, "/admin/changes/{proposal}", **named)
    path = "/admin/changes/{proposal}/approvals"
    story.post(HOTLINE, path, {"approval": gateway.approve(end, BENOIT)[0]}, **named)
    story.get(HOTLINE, "/admin/changes", "?state=all")
    named = waiting(sooner)
    (taken_back,) = gateway.approve(changes.withdrawal_of(UUID(named["proposal"])), ALICE)
    path = "/admin/changes/{proposal}/withdrawal"
    story.post(HOTLINE, path, {"approval": taken_back}, **named)
    named = waiting(replace(end, values={"until": "2028-01-01"}))
    story.get(HOTLINE, "/admin/worklist")
    no = changes.refusal_of(UUID(named["proposal"]), "too soon")
    (refused,) = gateway.approve(no, BENOIT)
    body = {"approval": refused, "reason": "too soon"}
    story.post(HOTLINE, "/admin/changes/{proposal}/refusal", body, **named)
    said = {"action": action, "organisation": ABROAD, "values": reason}
    story.post(HOTLINE, "/admin/changes", {**said, "approvals": [signed(ALICE)]})
    gateway.administer("organisation.reinstate", ABROAD, reason="test")
    for slug in (ABROAD, OFMIN):
        story.get(HOTLINE, "/admin/organisations/{organisation}", organisation=slug)
    story.get(HOTLINE, "/admin/organisations", "?limit=2")
    story.get(HOTLINE, "/admin/administrators")
    gateway.administer("invitation.create", HOTLINE, system=DESK, token_sha256="t" * 43)
    story.get(HOTLINE, "/admin/invitations")
    held = gateway.administer("log_hold.set", GATEWAY, reference="12/34", review_on="2027-01-01")
    story.get(HOTLINE, "/admin/log-holds")
    story.get(HOTLINE, "/admin/mandates")
    story.get(HOTLINE, "/admin/health")
    story.get(HOTLINE, "/admin/notifications")
    story.get(HOTLINE, "/admin/events/{event}", event=str(held.result["event"]))


def tell_of_passkeys(story: Story, person: str) -> None:
    key, base = Authenticator(), "/staff/{pseudonym}"
    digest = base64url.digest(TOKEN.encode())
    body = {**BY, "token_sha256": digest, "approved_by": ["approver-2"]}
    story.post(ABROAD, f"{base}/invitation", body, pseudonym=person)
    statement = proof(story.line.gateway, person, key, ABROAD)
    body = {"by": person, "token": TOKEN, "jwk": key.jwk, "proof": statement}
    story.post(ABROAD, f"{base}/passkeys", body, pseudonym=person)
    revoked = f"{base}/passkeys/{{kid}}/revocation"
    story.post(ABROAD, revoked, BY, pseudonym=person, kid=key.jwk["kid"])


def tell_of_staff(story: Story) -> None:
    story.line.keeps_staff(ABROAD)
    story.partners[ABROAD].held = None
    body = {**BY, "entries": [{"roles": ["analyst"], "until": "2030-01-01"}]}
    (made,) = story.post(ABROAD, "/staff", body)["result"]["entries"]
    person = made["pseudonym"]
    tell_of_passkeys(story, person)
    story.post(ABROAD, "/staff/{pseudonym}/end", BY, pseudonym=person)
    story.get(ABROAD, "/staff", "?limit=2")


def test_every_answer_of_the_interface_is_as_described():
    line = listening()
    scopes = ["admin", "health"]
    line.gateway.administer("system.set_admin_scopes", HOTLINE, system=DESK, scopes=scopes)
    story = Story(line)
    tell_of_a_run(story)
    case = tell_of_cases(story)
    made = tell_of_offers(story, case)
    tell_of_batches(story)
    tell_of_answers(story, made)
    tell_of_measures(story, case, made[0])
    tell_of_recalls(story)
    tell_of_updates(story, case, made[0])
    tell_of_retention(story)
    tell_of_the_rest(story, case)
    tell_of_the_registry(story)
    tell_of_successions(story)
    tell_of_staff(story)
    api = {
        (one.method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", one.path)) for one in listeners.PARTNERS
    }
    assert story.told == api


def test_a_token_and_its_refusal_are_as_described(line):
    story, hotline = Story(line), line.partner()
    story.hold(hotline.ask_token(), "POST", "/oauth/token")
    story.hold(hotline.ask_token(scope="admin"), "POST", "/oauth/token")


def test_refusals_are_as_described(line):
    story = Story(line)
    hotline: Partner = story.partners[HOTLINE]
    nobody = str(line.gateway.new_id())
    story.hold(hotline.get(f"/cases/{nobody}"), "GET", "/cases/{case}")
    story.hold(hotline.post("/cases", {}), "POST", "/cases")
    story.hold(hotline.send("GET", "/whoami"), "GET", "/whoami")
    for end in ({"by": 5}, {"by": "ab", "reason": "x"}):
        answer = hotline.post(f"/handoffs/{nobody}/decline", end)
        story.hold(answer, "POST", "/handoffs/{handoff}/decline")


@each(
    "value, schema",
    [
        (1, {"type": "string"}),
        (True, {"type": "integer"}),
        (None, {"type": "string"}),
        ("x", {"type": "string", "format": "uuid"}),
        ({}, {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}),
        ({"b": 1}, {"type": "object", "properties": {"a": {"type": "string"}}}),
        ([1], {"type": "array", "items": {"type": "string"}}),
    ],
)
def test_the_comparison_of_these_tests_can_fail(value, schema):
    with pytest.raises(AssertionError):
        assert_fits(value, schema, "here")
