"""A gateway that takes nothing but what its author signed, over the web."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.cedar import policy_folder
from gateway.cedar.policy import SIGNED, CedarPolicy
from tests.casework import case_content, offered, submitted
from tests.founded_gateway import HOTLINE, OFMIN
from tests.founding import founded
from tests.log_check import check_log
from tests.signing import signed_answer, signed_case, signed_offer
from tests.web.listening import Listening, listening
from tests.web.partners.tricks import HOTLINES, OFFICES, send

CLEARANCE = {"assessed_by": "analyst-1", "cleared_by": "approver-1", "confirmed_matches": []}
PERSONS = {"by": "intake-1", "clearance": CLEARANCE}
POLICY = CedarPolicy.load(policy_folder(), SIGNED)
TO = {"competence": {"matter": "csam", "territory": "FR"}}
ASKED = {"by": "liaison-1", "to": TO, "groups": ["items"], "purpose": ["identify_victim"]}


@pytest.fixture
def before() -> dict[str, str]:
    """Ids of a case and of a handoff that the gateway attested, before signatures were demanded."""
    return {}


@pytest.fixture
def line(before: dict[str, str]) -> Listening:
    gateway = founded()
    case = submitted(gateway)
    before["case"] = case.result["case"]
    before["handoff"] = offered(gateway, case).result["handoff"]
    gateway.ports = replace(gateway.ports, policy=POLICY)
    gateway.register_key(HOTLINE, HOTLINES)
    gateway.register_key(OFMIN, OFFICES)
    return listening(gateway)


def denied(answer: Any, *rules: str) -> None:
    assert (answer.status_code, answer.json["rules"]) == (403, list(rules)), answer.text
    assert "application/sd-jwt" in answer.json["detail"]
    assert "receipt" in answer.json


def test_a_case_goes_its_whole_way_by_signatures_alone(line, hotline, office):
    gateway = line.gateway
    document = signed_case(
        gateway, HOTLINE, HOTLINES, case_content(gateway.new_id()), persons=PERSONS
    )
    case = send(hotline, "/cases", document).json["result"]["case"]
    shown = hotline.post("/handoffs/preview", {"case": case, **ASKED}).json
    offer = signed_offer(gateway, HOTLINE, HOTLINES, shown)
    answer = send(hotline, f"/cases/{case}/handoffs", offer)
    assert answer.status_code == 201, answer.text
    handoff = answer.json["result"]["handoff"]
    view = office.get(f"/handoffs/{handoff}").json
    said = {"by": "officer-1", "conditions": view["conditions"]}
    reply = signed_answer(gateway, OFMIN, OFFICES, view, "acceptance", **said)
    assert send(office, f"/handoffs/{handoff}/acceptance", reply).status_code == 200
    opening = {"by": "officer-1", "reason_code": "investigation", "reason": "first look"}
    assert office.post(f"/handoffs/{handoff}/consultations", opening).status_code == 200
    for kind, path, more in (
        ("outcome", "outcomes", {"code": "removed"}),
        ("closure",) * 2 + ({},),
    ):
        said = {"by": "officer-1", **more}
        reply = signed_answer(gateway, OFMIN, OFFICES, view, kind, **said)
        assert send(office, f"/handoffs/{handoff}/{path}", reply).status_code == 200
    check_log(gateway)


def test_an_attested_case_is_a_denial(line, hotline):
    content = case_content(line.gateway.new_id())
    denied(hotline.post("/cases", {"by": "intake-1", "content": content}), "R2.signed.case")
    check_log(line.gateway)


def test_what_was_attested_before_is_not_offered_any_more(line, hotline, before):
    path = f"/cases/{before['case']}/handoffs"
    body = {**ASKED, "handoff": str(line.gateway.new_id())}
    denied(hotline.post(path, body), "R2.signed.case", "R2.signed.offer")
    answer = hotline.post("/handoffs/preview", {"case": before["case"], **ASKED})
    denied(answer, "R2.signed.case")


def test_a_signed_case_is_offered_by_a_signed_offer(line, hotline):
    gateway = line.gateway
    document = signed_case(
        gateway, HOTLINE, HOTLINES, case_content(gateway.new_id()), persons=PERSONS
    )
    case = send(hotline, "/cases", document).json["result"]["case"]
    body = {**ASKED, "handoff": str(gateway.new_id())}
    denied(hotline.post(f"/cases/{case}/handoffs", body), "R2.signed.offer")


def test_an_attested_answer_is_a_denial_and_changes_nothing(line, hotline, office, before):
    path = f"/handoffs/{before['handoff']}"
    conditions = office.get(path).json["conditions"]
    why = {"by": "officer-1", "reason": "not ours"}
    denied(office.post(f"{path}/decline", why), "R2.signed.answer")
    denied(office.post(f"{path}/redirection", why), "R2.signed.answer")
    body = {"by": "officer-1", "conditions": conditions}
    denied(office.post(f"{path}/acceptance", body), "R2.signed.answer")
    denied(hotline.post(f"{path}/withdrawal", why), "R2.signed.answer")
    assert office.get(path).json["state"] == "offered"
    stranger = line.partner("hotline-abroad")
    assert stranger.post(f"{path}/decline", why).status_code == 404
    check_log(line.gateway)


def test_a_signed_answer_to_what_was_attested_before_is_taken(line, office, before):
    path = f"/handoffs/{before['handoff']}"
    said = {"by": "officer-1", "reason": "not ours"}
    view = office.get(path).json
    reply = signed_answer(line.gateway, OFMIN, OFFICES, view, "decline", **said)
    assert send(office, f"{path}/decline", reply).status_code == 200
