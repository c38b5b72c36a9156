"""The two offices of a succession, over HTTP: what is planned, each approval, what became of it."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from gateway.exchange import succession_execution
from tests.each import each
from tests.founding import HOTLINE, OCRVP, OFMIN, accepted
from tests.web.listening import Listening, Partner

DAY = date(2026, 4, 1)
PLAN: dict[str, Any] = {
    "successor": OCRVP,
    "competence": "receive/csam/FR",
    "effective_on": "2026-04-01",
    "read_until": "2026-05-01",
    "legal_act": "Decree 2026-1",
    "permissions": False,
}


@pytest.fixture
def offices(line: Listening) -> tuple[Partner, Partner]:
    return line.partner(OFMIN), line.partner(OCRVP)


@pytest.fixture
def succession(line: Listening) -> str:
    return line.gateway.administer("succession.plan", OFMIN, **PLAN).result["succession"]


def approve(office: Partner, succession: str, **body: str) -> Any:
    return office.post(f"/successions/{succession}/approval", body or {"by": "officer-1"})


def test_each_office_sees_the_plan_and_whose_approval_it_waits_for(offices, succession):
    for office in offices:
        (listed,) = office.get("/successions").json["items"]
        assert listed == office.get(f"/successions/{succession}").json
        assert listed["waits_for"] == [OFMIN, OCRVP]
        assert (listed["effective_on"], listed["read_until"]) == ("2026-04-01", "2026-05-01")


def test_an_approval_is_written_once_with_its_receipt(line, offices, succession):
    first, second = offices
    answer = approve(first, succession)
    assert answer.status_code == 200
    assert answer.json["result"]["waits_for"] == [OCRVP]
    assert "receipt" in answer.json
    again = approve(first, succession)
    assert (again.status_code, again.json["type"].rpartition("/")[2]) == (409, "invalid-state")
    assert approve(second, succession).json["result"]["waits_for"] == []


@each("body", [{"by": "a person"}, {"to": "x"}, {"by": "x-1", "more": "y"}])
def test_an_approval_names_a_person_by_pseudonym_and_nothing_else(offices, succession, body):
    assert approve(offices[0], succession, **body).status_code == 422


def test_to_everybody_else_there_is_no_succession(line, succession):
    hotline = line.partner(HOTLINE)
    assert hotline.get("/successions").json == {"items": []}
    assert hotline.get(f"/successions/{succession}").status_code == 404
    assert approve(hotline, succession).status_code == 404


def test_an_approval_takes_the_scope_of_answers(line, succession):
    office = line.partner(OFMIN)
    token = office.token(scope="handoffs.read")
    path = f"/successions/{succession}"
    assert office.get(path, token=token).status_code == 200
    answer = office.post(f"{path}/approval", {"by": "officer-1"}, token=token)
    assert answer.status_code == 403


def test_all_three_see_what_became_of_the_handoff(line, offices, succession):
    handoff = accepted(line.gateway)
    for office in offices:
        approve(office, succession)
    line.gateway.day = DAY
    succession_execution.apply(line.gateway.ports, UUID(succession))
    hotline, (before, after) = line.partner(HOTLINE), offices
    seen = hotline.get(f"/handoffs/{handoff}").json
    assert seen["state"] == "reissued"
    new = seen["reissued_as"]["handoff"]
    assert before.get(f"/handoffs/{handoff}").json["reissued_as"]["handoff"] is None
    assert before.get(f"/handoffs/{new}").status_code == 404
    told = after.get(f"/handoffs/{new}").json
    assert (told["state"], told["reissue_of"]["handoff"]) == ("offered", str(handoff))
    assert after.get(f"/handoffs/{handoff}").status_code == 404
    inbox = after.get("/handoffs?box=in&state=offered").json["items"]
    assert [one["handoff"] for one in inbox] == [new]
