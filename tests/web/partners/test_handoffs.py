"""The handoff endpoints, as both parties use them."""

from typing import Any

import pytest

from gateway.domain.handoff import OUTCOMES
from gateway.evidence import receipt, sd_jwt
from tests import founding
from tests.each import each
from tests.founding import ABROAD, element_id, offered
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


def test_an_offer_is_accepted_under_its_conditions(line, office, handoff):
    answer = office.post(f"/handoffs/{handoff}/acceptance", acceptance(office, handoff))
    assert answer.status_code == 200
    assert answer.json["result"]["state"] == "accepted"
    line.gateway.confirm(receipt.from_json(answer.json["receipt"]))


def test_an_offer_is_accepted_in_part_by_naming_groups(office, handoff):
    asked = acceptance(office, handoff, groups=["items"])
    answer = office.post(f"/handoffs/{handoff}/acceptance", asked)
    assert answer.json["result"]["state"] == "partially_accepted"
    assert said(answer)["groups"] == ["items"]


def test_an_acceptance_may_have_one_reservation(office, handoff):
    reservation = {"condition": "erase_on", "legal_basis": "kept for the limitation period"}
    asked = acceptance(office, handoff, reservation=reservation)
    answer = office.post(f"/handoffs/{handoff}/acceptance", asked)
    assert said(answer)["reservation"] == reservation


@each(
    "reservation, pointer",
    [
        ({"condition": "onward"}, "/reservation/legal_basis"),
        ({"condition": "the weather", "legal_basis": "x"}, "/reservation/condition"),
        ({"condition": "onward", "legal_basis": "x" * 301}, "/reservation/legal_basis"),
        ([{"condition": "onward", "legal_basis": "x"}], "/reservation"),
    ],
)
def test_a_reservation_names_one_condition_and_its_legal_basis(
    office, handoff, reservation, pointer
):
    asked = acceptance(office, handoff, reservation=reservation)
    answer = office.post(f"/handoffs/{handoff}/acceptance", asked)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json["errors"]] == [pointer]


ANSWERS: list[tuple[str, dict[str, Any], str]] = [
    ("decline", {"by": "officer-1", "reason": "not ours"}, "declined"),
    ("redirection", {"by": "officer-1", "reason": "not ours",
                     "suggested_recipient": "the other office"}, "redirected"),
    ("redirection", {"by": "officer-1", "reason": "not ours"}, "redirected"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "asked", "state"), ANSWERS)
def test_an_offer_is_declined(office, handoff, kind, asked, state):
    answer = office.post(f"/handoffs/{handoff}/{kind}", asked)
    assert answer.status_code == 200
    assert answer.json["result"]["state"] == state
    assert said(answer).items() >= asked.items()


def test_outcomes_follow_and_the_recipient_closes(office, handoff):
    accept(office, handoff)
    items = [founding.element_id("url")]
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


def test_the_originator_withdraws_with_a_reason(hotline, handoff):
    asked = {"by": "liaison-1", "reason": "sent in error"}
    answer = hotline.post(f"/handoffs/{handoff}/withdrawal", asked)
    assert answer.json["result"]["state"] == "withdrawn"


def test_a_stranger_is_told_that_there_is_nothing(line, handoff):
    stranger = line.partner(ABROAD)
    asked = {"by": "officer-1", "reason": "not ours"}
    for path in ("decline", "withdrawal"):
        assert stranger.post(f"/handoffs/{handoff}/{path}", asked).status_code == 404
    assert stranger.get(f"/handoffs/{handoff}").status_code == 404


def body_of(kind: str, **changes) -> dict[str, Any]:
    conditions = {
        "tlp": "AMBER",
        "handling": [],
        "onward": "ask_originator",
        "permitted_actions": "ask_first",
        "purpose": ["remove"],
        "erase_on": "2027-03-02",
    }
    good: dict[str, dict[str, Any]] = {
        "acceptance": {"conditions": conditions},
        "decline": {"reason": "not ours"},
        "redirection": {"reason": "not ours"},
        "outcomes": {"code": "received"},
        "withdrawal": {"reason": "in error"},
        "closure": {},
        "consultations": {"reason_code": "quality", "reason": "a look"},
    }
    body = {"by": "officer-1", **good[kind]} | changes
    return {k: v for k, v in body.items() if v is not None}


@each(
    "kind, changes, pointer",
    [
        ("acceptance", {"by": None}, "/by"),
        ("acceptance", {"conditions": None}, "/conditions"),
        ("acceptance", {"conditions": []}, "/conditions"),
        ("acceptance", {"groups": []}, "/groups"),
        ("acceptance", {"groups": ["all"]}, "/groups/0"),
        ("acceptance", {"reason": "why"}, "/reason"),
        ("decline", {"reason": None}, "/reason"),
        ("decline", {"code": "received"}, "/code"),
        ("redirection", {"suggested_recipient": {"organisation": "ofmin"}}, "/suggested_recipient"),
        ("redirection", {"suggested_recipient": "a" * 201}, "/suggested_recipient"),
        ("outcomes", {"code": None}, "/code"),
        ("outcomes", {"code": "solved"}, "/code"),
        ("outcomes", {"items": []}, "/items"),
        ("outcomes", {"items": ["x"]}, "/items/0"),
        ("outcomes", {"note": "a" * 501}, "/note"),
        ("outcomes", {"note": "data:image/gif;base64,R0lGODlhAQABAAAAACw="}, "/note"),
        ("withdrawal", {"reason": None}, "/reason"),
        ("closure", {"by": "a b"}, "/by"),
        ("closure", {"reason": ""}, "/reason"),
        ("closure", {"state": "closed"}, "/state"),
        ("consultations", {"reason_code": None}, "/reason_code"),
        ("consultations", {"reason": None}, "/reason"),
    ],
)
def test_an_answer_that_is_none_is_refused(office, handoff, kind, changes, pointer):
    answer = office.post(f"/handoffs/{handoff}/{kind}", body_of(kind, **changes))
    assert pointers(answer) == [pointer]


@each("name", ["tlp", "handling", "onward", "permitted_actions", "purpose", "erase_on"])
def test_each_condition_must_be_there_and_of_its_words(office, handoff, name):
    conditions = body_of("acceptance")["conditions"]
    short = {k: v for k, v in conditions.items() if k != name}
    path = f"/handoffs/{handoff}/acceptance"
    assert pointers(office.post(path, body_of("acceptance", conditions=short))) == [
        f"/conditions/{name}"
    ]
    odd = conditions | {name: "whatever" if isinstance(conditions[name], str) else ["whatever"]}
    (pointer,) = pointers(office.post(path, body_of("acceptance", conditions=odd)))
    assert pointer.startswith(f"/conditions/{name}")


NEEDED_WITH = {
    "more_needed": {"what": "other", "text": "which", "until": "2026-03-09T09:00:00Z"},
    "assessment_not_confirmed": {"items": [element_id("url")]},
}


def test_every_outcome_is_taken(office, handoff):
    accept(office, handoff)
    for code in sorted(OUTCOMES):
        needs = NEEDED_WITH.get(code, {})
        body = body_of("outcomes", code=code, **needs)
        answer = office.post(f"/handoffs/{handoff}/outcomes", body)
        assert answer.status_code == 200, answer.text


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


def test_a_handoff_shows_its_routing_fields_and_never_content(office, handoff):
    accept(office, handoff)
    answer = office.get(f"/handoffs/{handoff}")
    assert answer.status_code == 200
    assert answer.json["state"] == "accepted"
    shown = {one.name for one in sd_jwt.parse(answer.json["routing"]).disclosures}
    assert shown == {"matter", "urgency", "attribution"}


def test_what_was_received_and_what_was_sent_are_two_boxes(line, office, hotline, handoff):
    for partner, query in ((office, ""), (office, "?box=in"), (hotline, "?box=out")):
        (found,) = partner.get(f"/handoffs{query}").json["items"]
        assert found["handoff"] == handoff
    assert hotline.get("/handoffs").json["items"] == []
    assert office.get("/handoffs?box=out").json["items"] == []
    assert line.partner(ABROAD).get("/handoffs").json["items"] == []


def test_a_box_can_be_narrowed_to_a_state(line, office, handoff):
    accept(office, handoff)
    other = offered(line.gateway).result["handoff"]
    accepted = office.get("/handoffs?state=accepted").json["items"]
    waiting = office.get("/handoffs?state=offered").json["items"]
    assert [one["handoff"] for one in accepted] == [handoff]
    assert [one["handoff"] for one in waiting] == [other]


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
