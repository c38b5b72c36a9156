"""The admin API: changes that a system brings and persons sign, in one step or two."""

import json
from datetime import timedelta
from typing import Any

import pytest

from gateway.changes import CHANGES
from gateway.evidence import receipt
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.web.openapi import document
from gateway.web.partners import registry
from tests.each import each
from tests.founded_gateway import ABROAD, ALICE, BENOIT, DESK, HOTLINE, OFMIN, shown
from tests.web.listening import Listening, Partner, listening

SUSPENSION = {"reason": "under review"}
SEAT = {"membership": "associate", "from": "2030-01-01", "decision_ref": "board"}


@pytest.fixture
def line() -> Listening:
    made = listening()
    made.gateway.administer("system.set_admin_scopes", HOTLINE, system=DESK, scopes=["admin"])
    return made


@pytest.fixture
def operator(line: Listening) -> Partner:
    """The operator's own system, here a desk of the hotline's."""
    return line.partner(HOTLINE)


def sign(line: Listening, action: str, slug: str, values: dict[str, Any], *who: str) -> list[str]:
    return line.gateway.approve(Change(action, slug, values), *who)


def change(
    operator: Partner, action: str, slug: str, values: dict[str, Any], *who: str, **kw: Any
) -> Any:
    approvals = sign(operator.listening, action, slug, values, *who)
    said = {"action": action, "organisation": slug, "values": values}
    return operator.post("/admin/changes", {**said, "approvals": approvals}, **kw)


def propose(operator: Partner, slug: str, values: dict[str, Any], who: str) -> Any:
    """Let a change wait that takes two persons, signed by one."""
    answer = change(operator, "membership.end", slug, values, who)
    assert answer.status_code == 202, answer.text
    return answer


def proposal(line: Listening, values: dict[str, Any]) -> dict[str, Any]:
    """The body of a change that ends a membership, signed by one person."""
    approvals = sign(line, "membership.end", ABROAD, values, ALICE)
    said = {"action": "membership.end", "organisation": ABROAD}
    return {**said, "values": values, "approvals": approvals}


def size(line: Listening) -> int:
    return line.gateway.size()


# --- in one step ---------------------------------------------------------------------------------


def test_a_change_with_its_approvals_is_made_and_answered_with_the_gateways_receipt(line, operator):
    answer = change(operator, "organisation.suspend", ABROAD, SUSPENSION, ALICE)
    assert answer.status_code == 200, answer.text
    assert answer.json["result"]["status"] == "suspended"
    told = shown(receipt.from_json(answer.json["receipt"]))
    assert told["by"] == [ALICE]
    assert line.gateway.organisation(ABROAD).status == "suspended"


def test_what_takes_two_persons_waits_when_one_signed_it(line, operator):
    answer = change(operator, "membership.end", ABROAD, {"until": "2026-04-01"}, ALICE)
    assert answer.status_code == 202
    assert answer.json["result"]["action"] == "membership.end"
    assert shown(receipt.from_json(answer.json["receipt"]))["by"] == [ALICE]
    assert line.gateway.organisation(ABROAD).memberships[0].period.end is None


def test_what_policy_is_against_however_many_sign_it_is_refused_to_one_and_does_not_wait(
    line, operator
):
    line.gateway.administer("organisation.leave", ABROAD, reason="over")
    answer = change(operator, "membership.end", ABROAD, {"until": "2026-04-01"}, ALICE)
    assert answer.status_code == 403
    assert "receipt" in answer.json
    assert operator.get("/admin/changes").json["items"] == []


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (("membership.end", ABROAD, {"until": "1990-01-01"}), 409),
        (("membership.grant", ABROAD, {**SEAT, "until": "2029-01-01"}), 422),
        (("membership.grant", "nobody-here", SEAT), 404),
        (("organisation.reinstate", ABROAD, SUSPENSION), 409),
    ],
)
def test_what_the_registry_refuses_is_a_clear_problem_and_an_event(line, operator, asked, status):
    before = size(line)
    answer = change(operator, *asked)
    assert answer.status_code == status, answer.text
    assert "receipt" in answer.json
    assert size(line) == before + 1


@each(
    "organisation, values, pointer",
    [
        (ABROAD, {**SEAT, "colour": "red"}, "/values/colour"),
        (ABROAD, {**SEAT, "until": "2020-01-01"}, "/values/until"),  # what the registry refuses
        (GATEWAY, SEAT, "/organisation"),
    ],
)
def test_what_a_change_may_not_have_is_told_by_its_place_in_the_body(
    line, operator, organisation, values, pointer
):
    answer = change(operator, "membership.grant", organisation, values)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json["errors"]] == [pointer]


def test_a_system_that_nobody_entrusted_brings_no_change_and_reads_nothing(line):
    other = line.partner(OFMIN)
    assert change(other, "organisation.suspend", ABROAD, SUSPENSION, ALICE).status_code == 403
    for path in (
        "/admin/organisations",
        "/admin/administrators",
        "/admin/changes",
        "/admin/invitations",
    ):
        answer = other.get(path)
        assert answer.status_code == 403
        assert answer.json["type"].endswith("insufficient-scope")


def test_a_system_that_is_no_longer_entrusted_is_refused_with_the_token_of_before(line, operator):
    operator.token()
    assert operator.get("/admin/administrators").status_code == 200
    line.gateway.administer("system.set_admin_scopes", HOTLINE, system=DESK, scopes=[])
    assert operator.get("/admin/administrators").status_code == 403


def test_an_administrator_is_added_over_the_network(line, operator):
    values = line.gateway.newcomer("c-bernard")
    answer = change(operator, "admin.add", GATEWAY, values)
    assert answer.status_code == 200, answer.text
    listed = operator.get("/admin/administrators").json["items"]
    assert [(one["person"], one["enabled"]) for one in listed] == [
        (ALICE, True),
        (BENOIT, True),
        ("c-bernard", True),
    ]


def test_the_values_of_every_change_are_described_in_the_api():
    schemas = document()["components"]["schemas"]

    def read(reference):
        return schemas[reference.rpartition("/")[2]]

    told = schemas["ChangeBody"]["discriminator"]["mapping"]
    assert [one["$ref"] for one in schemas["ChangeBody"]["oneOf"]] == list(told.values())
    forms = {action: read(place)["properties"] for action, place in told.items()}
    assert all(form["action"]["const"] == action for action, form in forms.items())
    values = {action: read(form["values"]["$ref"]) for action, form in forms.items()}
    for action, kind in CHANGES.items():
        assert values[action]["properties"].keys() == {one.name for one in kind.fields}
        required = [one.name for one in kind.fields if one.required]
        assert values[action].get("required", []) == required
        assert values[action]["additionalProperties"] is False


# --- in two steps --------------------------------------------------------------------------------


def test_a_proposal_is_made_by_another_persons_approval(line, operator):
    end = {"until": "2026-04-01"}
    made = propose(operator, ABROAD, end, ALICE)
    named = made.json["result"]["proposal"]
    assert made.json["result"]["applied_event"] is None
    assert line.gateway.organisation(ABROAD).memberships[0].period.end is None
    read = operator.get(f"/admin/changes/{named}").json
    assert (read["action"], read["values"], read["proposer"]) == ("membership.end", end, ALICE)
    (second,) = sign(line, read["action"], read["organisation"], read["values"], BENOIT)
    done = operator.post(f"/admin/changes/{named}/approvals", {"approval": second})
    assert done.status_code == 200, done.text
    assert shown(receipt.from_json(done.json["receipt"]))["by"] == [ALICE, BENOIT]
    assert str(line.gateway.organisation(ABROAD).memberships[0].period.end) == "2026-04-01"
    assert operator.get("/admin/changes").json["items"] == []
    (listed,) = operator.get("/admin/changes?state=all").json["items"]
    assert listed["applied_event"] == done.json["result"]["event"]


def test_a_proposal_is_withdrawn_by_its_proposer_and_by_no_other(line, operator):
    values = {"until": "2026-04-01"}
    named = propose(operator, ABROAD, values, ALICE).json["result"]["proposal"]
    path = f"/admin/changes/{named}/withdrawal"
    said = ("proposal.withdraw", GATEWAY, {"proposal": named})
    (other,) = sign(line, *said, BENOIT)
    assert operator.post(path, {"approval": other}).json["type"].endswith("invalid-approval")
    (own,) = sign(line, *said, ALICE)
    done = operator.post(path, {"approval": own}, key="withdraw-once")
    assert done.status_code == 200, done.text
    again = operator.post(path, {"approval": own}, key="withdraw-once")
    assert again.json["result"] == done.json["result"]
    assert operator.get("/admin/changes").json["items"] == []
    (second,) = sign(line, "membership.end", ABROAD, values, BENOIT)
    late = operator.post(f"/admin/changes/{named}/approvals", {"approval": second})
    assert (late.status_code, "withdrawn" in late.json["detail"]) == (409, True)


def test_a_proposal_is_made_once(line, operator):
    values = {"until": "2026-04-01"}
    named = propose(operator, ABROAD, values, ALICE).json["result"]["proposal"]
    path = f"/admin/changes/{named}/approvals"
    (second,) = sign(line, "membership.end", ABROAD, values, BENOIT)
    first = operator.post(path, {"approval": second}, key="approve-once")
    again = operator.post(path, {"approval": second}, key="approve-once")
    assert again.json["result"]["event"] == first.json["result"]["event"]
    (third,) = sign(line, "membership.end", ABROAD, values, BENOIT)
    late = operator.post(path, {"approval": third})
    assert late.status_code == 409
    assert "made before" in late.json["detail"]


def test_a_proposal_is_over_after_72_hours(line, operator):
    values = {"until": "2026-04-01"}
    named = propose(operator, ABROAD, values, ALICE).json["result"]["proposal"]
    line.gateway.clock.advance(timedelta(hours=73))
    operator.held = None
    (second,) = sign(line, "membership.end", ABROAD, values, BENOIT)
    answer = operator.post(f"/admin/changes/{named}/approvals", {"approval": second})
    assert answer.status_code == 403
    assert "72 hours" in answer.json["detail"]


def test_a_repeated_proposal_is_kept_once(line, operator):
    values = {"until": "2026-04-01"}
    body = proposal(line, values)
    first = operator.post("/admin/changes", body, key="propose-once")
    again = operator.post("/admin/changes", body, key="propose-once")
    assert first.json["result"] == again.json["result"]
    assert len(operator.get("/admin/changes?state=all").json["items"]) == 1
    used = operator.post("/admin/changes", {**body, "organisation": OFMIN}, key="propose-once")
    assert used.json["type"].endswith("key-reused")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"action": "case.submit"}, 422),
        ({"organisation": GATEWAY}, 422),
        ({"approvals": ["x"]}, 403),
        ({"values": {"\u00e9": 1}}, 400),
        ({"values": {"until": [[[[[[[[[1]]]]]]]]]}}, 422),
    ],
)
def test_what_is_no_change_or_no_approval_is_no_proposal(line, operator, changes, status):
    values = {"until": "2026-04-01"}
    body = proposal(line, values)
    assert operator.post("/admin/changes", body | changes).status_code == status
    assert operator.get("/admin/changes").json["items"] == []


def test_there_is_no_proposal_of_an_unknown_id(operator):
    unknown = "018f0000-0000-7000-8000-000000000000"
    assert operator.get(f"/admin/changes/{unknown}").status_code == 404
    answer = operator.post(f"/admin/changes/{unknown}/approvals", {"approval": "x"})
    assert answer.status_code == 404


# --- reading -------------------------------------------------------------------------------------


def test_an_entry_is_read_as_of_any_day(line, operator):
    line.gateway.administer("membership.end", ABROAD, until="2026-02-01")
    line.gateway.administer("organisation.suspend", ABROAD, reason="test")
    now = operator.get(f"/admin/organisations/{ABROAD}").json
    assert (now["status"], len(now["memberships"]), now["at"]) == ("suspended", 1, None)
    assert [step["status"] for step in now["history"]] == ["active", "suspended"]
    assert now["systems"][0]["system"] == DESK
    before = operator.get(f"/admin/organisations/{ABROAD}?at=2026-01-31").json
    assert (before["status"], len(before["memberships"])) == (None, 1)
    after = operator.get(f"/admin/organisations/{ABROAD}?at=2026-02-01").json
    assert after["memberships"] == []
    office = operator.get(f"/admin/organisations/{OFMIN}?at=2023-08-30").json
    assert office["mandates"] == []
    assert operator.get("/admin/organisations/nobody-here").status_code == 404
    assert operator.get(f"/admin/organisations/{ABROAD}?at=someday").status_code == 422


def test_organisations_are_listed_by_status_in_pages(operator):
    first = operator.get("/admin/organisations?limit=3").json
    second = operator.get(first["next"]).json
    assert len(first["items"]) == 3
    assert len(second["items"]) == 1
    assert second["next"] is None
    assert operator.get("/admin/organisations?status=applied").json["items"] == []


CONTACT = {"role": "head", "name": "E. One", "address": "x@y.example"}
WHY = {"reason": "an urgent case"}


def consultation(line: Listening) -> dict[str, Any]:
    said = {"action": "contact.consult", "organisation": ABROAD, "values": WHY}
    return {**said, "approvals": sign(line, "contact.consult", ABROAD, WHY, ALICE)}


def test_contacts_are_consulted_by_an_administrator_and_the_organisation_reads_why(line, operator):
    line.gateway.administer("contact.set", ABROAD, **CONTACT)
    asked = consultation(line)
    answer = operator.post("/admin/changes", asked, key="contacts-once")
    assert answer.status_code == 200, answer.text
    assert answer.json["result"]["contacts"] == [CONTACT]
    again = operator.post("/admin/changes", asked, key="contacts-once")
    assert again.json["result"] == answer.json["result"]
    kept = line.gateway.store.tables("retry")["retry"]
    assert "x@y.example" not in str(kept), "no result keeps what ends with the contacts"
    (*_, newest) = line.partner(ABROAD).get("/events").json["events"]
    told = shown(receipt.from_json(newest["receipt"]))
    assert json.loads(told["subject"]) == {"organisation": ABROAD, **WHY}
    assert "by" not in told
    answer = change(operator, "contact.consult", "nobody-here", WHY, ALICE)
    assert answer.status_code == 404


def test_contacts_that_changed_are_not_told_under_the_record_of_an_earlier_reading(line, operator):
    line.gateway.administer("contact.set", ABROAD, **CONTACT)
    asked = consultation(line)
    assert operator.post("/admin/changes", asked, key="contacts-once").status_code == 200
    line.gateway.administer("contact.set", ABROAD, **{**CONTACT, "name": "E. Two"})
    again = operator.post("/admin/changes", asked, key="contacts-once")
    assert (again.status_code, again.json["type"].rpartition("/")[2]) == (409, "edit-conflict")
    anew = change(operator, "contact.consult", ABROAD, WHY, ALICE, key="contacts-twice")
    assert anew.json["result"]["contacts"][0]["name"] == "E. Two"


def test_a_changes_schema_says_what_is_signed_by_default_and_what_is_lost_for_good():
    assert registry.VALUES["mandate.grant"]["properties"]["function"]["default"] == "receive"
    assert "never takes part again" in registry.VALUES["organisation.leave"]["x-loses"]
    emptied = [
        one["x-emptied"]
        for values in registry.VALUES.values()
        for one in values["properties"].values()
        if "x-emptied" in one
    ]
    assert emptied == ["this takes away all scopes of the operator's that the system has"]
