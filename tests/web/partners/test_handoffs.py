"""The handoff endpoints, as both parties use them."""

from typing import Any

import pytest

from gateway.evidence import receipt, sd_jwt
from tests.casework import element_id, offered, submitted
from tests.each import each
from tests.founded_gateway import ABROAD, OCRVP, OFMIN
from tests.web.listening import Listening, Partner

OPENING = {"by": "officer-1", "reason_code": "investigation", "reason": "first look"}


@pytest.fixture
def handoff(line: Listening) -> str:
    """An offer of everything to the office that is competent."""
    return offered(line.gateway).result["handoff"]


def pointers(answer) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["pointer"] for error in answer.json["errors"]]


def acceptance(office: Partner, handoff: str, **changes) -> dict[str, Any]:
    conditions = office.get(f"/handoffs/{handoff}").json["conditions"]
    return {"by": "officer-1", "conditions": conditions} | changes


def accept(office: Partner, handoff: str, **changes) -> None:
    answer = office.post(f"/handoffs/{handoff}/acceptance", acceptance(office, handoff, **changes))
    assert answer.status_code == 200, answer.text


def said(answer) -> dict[str, Any]:
    """The disclosures of an answer's statement."""
    document = sd_jwt.parse(answer.json["result"]["document"])
    return {one.name: one.value for one in document.disclosures}


# --- answers ---


def test_an_acceptance_says_what_was_asked(line, office, handoff):
    reservation = {"condition": "erase_on", "legal_basis": "kept for the limitation period"}
    asked = acceptance(office, handoff, groups=["items"], reservation=reservation)
    answer = office.post(f"/handoffs/{handoff}/acceptance", asked)
    assert answer.status_code == 200
    assert answer.json["result"]["state"] == "partially_accepted"
    assert said(answer) == asked
    line.gateway.confirm(receipt.from_json(answer.json["receipt"]))


def test_an_acceptance_repeats_the_reason_of_an_embargo_that_nobody_gives_any_more(line, office):
    terms = {"no_notice_to_host": True, "no_publication": False, "until": "2026-03-16"}
    embargo = {**terms, "reason": "judge", "set_by": OCRVP}
    line.gateway.mandate(OCRVP)
    case = submitted(line.gateway, originator=OCRVP, marking={"embargo": embargo})
    offer = offered(line.gateway, case, originator=OCRVP, organisation=OFMIN)
    handoff = offer.result["handoff"]
    assert acceptance(office, handoff)["conditions"]["embargo_source"]["reason"] == "judge"
    accept(office, handoff)


def test_outcomes_follow_and_the_recipient_closes(office, handoff):
    accept(office, handoff)
    items = [element_id("url")]
    asked = {
        "by": "officer-1",
        "code": "case_opened",
        "items": items,
        "note": "work has begun",
        "evidence_ref": "2026/123",
        "reason": "by protocol",
    }
    answer = office.post(f"/handoffs/{handoff}/outcomes", asked)
    assert answer.status_code == 200, answer.text
    assert answer.json["result"]["state"] == "accepted"
    assert said(answer) == asked
    closed = office.post(f"/handoffs/{handoff}/closure", {"by": "officer-1"})
    assert closed.json["result"]["state"] == "closed"


def test_a_stranger_is_told_that_there_is_nothing(line, handoff):
    stranger = line.partner(ABROAD)
    asked = {"by": "officer-1", "reason": "not ours"}
    for path in ("decline", "withdrawal"):
        assert stranger.post(f"/handoffs/{handoff}/{path}", asked).status_code == 404
    assert stranger.get(f"/handoffs/{handoff}").status_code == 404


# --- opening ---


def test_content_opens_after_acceptance_and_a_retry_shows_the_same(office, handoff):
    before = office.post(f"/handoffs/{handoff}/consultations", OPENING)
    assert before.status_code == 409
    accept(office, handoff)
    first = office.post(f"/handoffs/{handoff}/consultations", OPENING, key="opening-1")
    again = office.post(f"/handoffs/{handoff}/consultations", OPENING, key="opening-1")
    assert first.status_code == again.status_code == 200
    assert first.json["result"] == again.json["result"]
    assert first.json["receipt"]["document"] == again.json["receipt"]["document"]


# --- reading ---


def test_what_was_received_and_what_was_sent_are_two_boxes(line, office, hotline, handoff):
    for partner, query in ((office, ""), (office, "?box=in"), (hotline, "?box=out")):
        (found,) = partner.get(f"/handoffs{query}").json["items"]
        assert found["handoff"] == handoff
    assert hotline.get("/handoffs").json["items"] == []
    assert office.get("/handoffs?box=out").json["items"] == []
    assert line.partner(ABROAD).get("/handoffs").json["items"] == []


def test_a_box_is_read_page_by_page_within_its_filter(line, office):
    made = [offered(line.gateway).result["handoff"] for _ in range(3)]
    first = office.get("/handoffs?state=offered&limit=2").json
    assert [one["handoff"] for one in first["items"]] == made[:2]
    assert "state=offered" in first["next"]
    assert "box=in" in first["next"]
    last = office.get(first["next"]).json
    assert [one["handoff"] for one in last["items"]] == made[2:]
    assert last["next"] is None


@each(
    "query, pointer",
    [("box=both", "/box"), ("state=lost", "/state"), ("after=x", "/after"), ("stat=x", "/stat")],
)
def test_a_query_that_is_not_the_box_s_is_refused(office, query, pointer):
    assert pointers(office.get(f"/handoffs?{query}")) == [pointer]
