"""The case endpoints: what they take, what they hand to the actions, what they answer."""

import json
from copy import deepcopy

from gateway.evidence import receipt
from gateway.schemas import schema_fields
from tests.casework import ADDITION, case_content
from tests.each import each
from tests.founded_gateway import ABROAD
from tests.web.listening import Listening, Partner

CLEARANCE = {"assessed_by": "analyst-1", "cleared_by": "approver-1", "confirmed_matches": []}
OPENING = {"by": "analyst-1", "reason_code": "quality", "reason": "a second look"}


def content(line: Listening, **changes):
    return case_content(line.gateway.new_id(), **changes)


def body(line: Listening, **changes):
    return {"by": "intake-1", "content": content(line)} | changes


def submitted(partner: Partner, **changes) -> dict:
    answer = partner.post("/cases", body(partner.listening, **changes))
    assert answer.status_code == 201, answer.text
    return answer.json["result"]


def pointers(answer) -> list[str]:
    assert answer.status_code == 422, answer.text
    assert answer.json["type"].endswith("/problems/validation-failed")
    return [error["pointer"] for error in answer.json["errors"]]


# --- submission ---


def test_a_first_version_is_answered_with_its_document_and_a_receipt(line, hotline):
    asked = body(line)
    answer = hotline.post("/cases", asked)
    assert answer.status_code == 201
    assert answer.content_type == "application/json"
    assert answer.json.keys() == {"result", "receipt"}
    result = answer.json["result"]
    assert result["case"] == asked["content"]["case"]
    assert (result["version"], result["state"]) == (1, "draft")
    assert result["document"].count("~") > 10
    line.gateway.confirm(receipt.from_json(answer.json["receipt"]))


def test_cases_takes_first_versions_alone(line, hotline):
    first = submitted(hotline)
    second = case_content(first["case"], version=2, previous=first["digest"])
    answer = hotline.post("/cases", {"by": "intake-1", "content": second})
    assert pointers(answer) == ["/content/version"]


def test_versions_takes_no_first_version_and_no_other_case(line, hotline):
    other = line.gateway.new_id()
    answer = hotline.post(f"/cases/{other}/versions", {**body(line), "change": ADDITION})
    assert pointers(answer) == ["/content/case", "/content/version"]


def test_all_errors_of_body_and_content_come_at_once(line, hotline):
    wrong = content(line)
    wrong["items"][0]["kind"] = "picture"
    wrong["matter"] = []
    wrong["surprise"] = 1
    asked = {
        "by": "someone@example.org",
        "content": wrong,
        "clearance": {"assessed_by": "a-1", "confirmed_matches": ["not-an-id"]},
        "more": 1,
    }
    found = pointers(hotline.post("/cases", asked))
    assert {
        "/by",
        "/clearance/cleared_by",
        "/clearance/confirmed_matches/0",
        "/content/items/0/kind",
        "/content/matter",
        "/content/surprise",
        "/more",
    } <= set(found)


@each("sent", [[], "x", 1, None, {}, {"by": "intake-1"}, {"by": None}])
def test_a_body_that_is_no_submission_is_refused(line, hotline, sent):
    assert pointers(hotline.post("/cases", sent))


@each("sent", [[], "x", 1, None])
def test_content_that_is_no_object_is_refused(line, hotline, sent):
    assert "/content" in pointers(hotline.post("/cases", body(line, content=sent)))


@each("by", ["", "a", "a b", "someone@example.org", "-ab", "a" * 41, "é1", 7])
def test_a_person_is_named_by_a_pseudonym_alone(line, hotline, by):
    assert pointers(hotline.post("/cases", body(line, by=by))) == ["/by"]


def test_refused_content_leaves_nothing_and_uses_no_key(line, hotline):
    before = line.gateway.size()
    assert hotline.post("/cases", body(line, by=""), key="the-one-key").status_code == 422
    assert line.gateway.size() == before
    assert hotline.post("/cases", body(line), key="the-one-key").status_code == 201


def test_media_in_free_text_is_refused(line, hotline):
    asked = content(line)
    asked["statements"][0]["text"] = "see data:image/png;base64,iVBORw0KGgo="
    answer = hotline.post("/cases", body(line, content=asked))
    assert pointers(answer) == ["/content/statements/0/text"]
    assert "iVBOR" not in answer.text + line.stream.getvalue()


def test_json_with_a_repeated_key_is_refused_before_anything_reads_it(line, hotline):
    text = json.dumps(body(line))[:-1] + ', "by": "other-1"}'
    answer = hotline.call(
        "POST",
        "/cases",
        data=text,
        content_type="application/json",
        headers={"Idempotency-Key": line.key()},
    )
    assert answer.status_code == 400
    assert answer.json["type"].endswith("/problems/malformed-request")


# --- steps ---


def test_a_step_that_the_state_does_not_know_is_a_conflict_with_its_receipt(line, hotline):
    case = submitted(hotline)["case"]
    refused = hotline.post(f"/cases/{case}/clearance", {"by": "approver-1"})
    assert refused.status_code == 409
    assert refused.json["type"].endswith("/problems/invalid-state")
    line.gateway.confirm(receipt.from_json(refused.json["receipt"]))


# --- reading ---


def test_the_case_of_another_is_as_unknown_as_none(line, hotline):
    case = submitted(hotline)["case"]
    abroad = line.partner(ABROAD)
    theirs, none = abroad.get(f"/cases/{case}"), abroad.get(f"/cases/{line.gateway.new_id()}")
    for answer in (theirs, none):
        assert answer.status_code == 404
        assert answer.json.keys() == {"type", "title", "status", "instance", "detail", "receipt"}
        line.gateway.confirm(receipt.from_json(answer.json["receipt"]))


@each("case", ["1", "not-an-id", "018f0000-0000-7000-8000-00000000001", "%00"])
def test_an_address_that_is_no_id_is_not_found_and_no_event(line, hotline, case):
    before = line.gateway.size()
    answer = hotline.get(f"/cases/{case}")
    assert answer.status_code == 404
    assert line.gateway.size() == before


def test_any_day_of_the_calendar_bounds_a_list(hotline):
    submitted(hotline)
    for days, number in (
        ("to=1589-05-07", 0),
        ("from=0001-01-01", 1),
        ("to=9999-12-31", 1),
        ("from=9999-12-31", 0),
    ):
        assert len(hotline.get(f"/cases?{days}").json["items"]) == number, days


def test_cases_are_listed_page_by_page(line, hotline):
    made = [submitted(hotline)["case"] for _ in range(5)]
    seen, path, pages = [], "/cases?limit=2", 0
    while path:
        page = hotline.get(path).json
        assert page.keys() == {"items", "next"}
        assert len(page["items"]) <= 2
        seen += [item["case"] for item in page["items"]]
        path, pages = page["next"], pages + 1
    assert seen == made
    assert pages == 3


@each(
    "query, pointer",
    [
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=x", "/limit"),
        ("limit=1.0", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=%D9%A1", "/limit"),
        ("after=1", "/after"),
        ("offset=3", "/offset"),
    ],
)
def test_a_query_that_is_not_the_list_s_is_refused(hotline, query, pointer):
    assert pointers(hotline.get(f"/cases?{query}")) == [pointer]


@each("query", ["limit=1&limit=2", "limit", "limit=%ff"])
def test_a_query_with_two_readings_is_refused(hotline, query):
    answer = hotline.get(f"/cases?{query}")
    assert answer.status_code == 400
    assert answer.json["type"].endswith("/problems/malformed-request")


def test_an_endpoint_without_a_query_takes_none(line, hotline):
    case = submitted(hotline)["case"]
    assert pointers(hotline.get(f"/cases/{case}?fields=all")) == ["/fields"]


def test_content_opens_with_person_and_reason_alone(line, hotline):
    case = submitted(hotline)["case"]
    answer = hotline.post(f"/cases/{case}/consultations", OPENING)
    assert answer.status_code == 200
    assert answer.json["result"]["presentation"].count("~") > 10
    assert hotline.get(f"/cases/{case}/consultations").status_code == 405


@each(
    "change, pointer",
    [
        ({"reason_code": "curiosity"}, "/reason_code"),
        ({"reason": ""}, "/reason"),
        ({"reason": "  "}, "/reason"),
        ({"reason": "a" * 201}, "/reason"),
        ({"reason": "look\u202eback"}, "/reason"),
        ({"reason": "nul\x00"}, "/reason"),
        ({"reason": 5}, "/reason"),
        ({"reason": r"C:\pictures\one.jpg"}, "/reason"),
        ({"by": None}, "/by"),
    ],
)
def test_a_reason_is_words(line, hotline, change, pointer):
    case = submitted(hotline)["case"]
    answer = hotline.post(f"/cases/{case}/consultations", OPENING | change)
    assert pointers(answer) == [pointer]


# --- offers ---


def offer(line: Listening, **changes) -> dict:
    wanted = {
        "handoff": str(line.gateway.new_id()),
        "by": "liaison-1",
        "to": {"competence": {"matter": "csam", "territory": "FR"}},
        "groups": ["items", "statements"],
        "purpose": ["identify_victim"],
    } | changes
    return {k: v for k, v in wanted.items() if v is not None}


def test_single_parts_are_offered_by_their_digests(line, hotline):
    made = submitted(hotline, clearance=CLEARANCE)
    chosen = made["groups"]["items"][:1]
    asked = offer(line, groups=None, digests=chosen)
    answer = hotline.post(f"/cases/{made['case']}/handoffs", asked)
    assert answer.status_code == 201
    routing = set(made["groups"]["routing"])
    assert set(answer.json["result"]["permitted_disclosures"]) == {*chosen, *routing}


@each(
    "change, pointer",
    [
        ({"handoff": None}, "/handoff"),
        ({"handoff": "1"}, "/handoff"),
        ({"to": None}, "/to"),
        ({"to": {}}, "/to"),
        ({"to": {"organisation": "OFMIN"}}, "/to/organisation"),
        ({"to": {"competence": {"matter": "csam"}}}, "/to/competence/territory"),
        ({"to": {"competence": {"matter": "fraud", "territory": "FR"}}}, "/to/competence/matter"),
        (
            {"to": {"competence": {"function": "judge", "matter": "csam", "territory": "FR"}}},
            "/to/competence/function",
        ),
        ({"groups": None}, ""),
        ({"groups": []}, ""),
        ({"groups": ["everything"]}, "/groups/0"),
        ({"groups": ["items", "items"]}, "/groups"),
        ({"groups": None, "digests": ["short"]}, "/digests/0"),
        ({"purpose": []}, "/purpose"),
        ({"purpose": ["curiosity"]}, "/purpose/0"),
        ({"expires_at": "tomorrow"}, "/expires_at"),
        ({"expires_at": "2026-04-01T00:00:00"}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, "/expires_at"),
        ({"handoff": "00000000-0000-0000-0000-000000000000"}, "/handoff"),
        ({"handoff": "018f0000-0000-4000-8000-000000000011"}, "/handoff"),
        ({"handoff": "018f0000-0000-7000-0000-000000000011"}, "/handoff"),
        ({"note": "a" * 301}, "/note"),
        ({"again": True}, "/again"),
        ({"country_reason": ""}, "/country_reason"),
        ({"case": "018f0000-0000-7000-8000-000000000011"}, "/case"),
    ],
)
def test_an_offer_that_is_none_is_refused(line, hotline, change, pointer):
    case = submitted(hotline, clearance=CLEARANCE)["case"]
    answer = hotline.post(f"/cases/{case}/handoffs", offer(line, **change))
    assert pointers(answer) == [pointer]


def test_a_refusal_by_policy_names_its_rules_to_the_caller(line, hotline):
    case = submitted(hotline, clearance=CLEARANCE)["case"]
    answer = hotline.post(f"/cases/{case}/handoffs", offer(line, purpose=["prosecute"]))
    assert answer.status_code == 403
    assert answer.json["type"].endswith("/problems/policy-denied")
    assert answer.json["rules"]
    assert answer.json["detail"]


def test_a_preview_shows_what_an_offer_would_give_and_keeps_nothing(line, hotline):
    case = submitted(hotline, clearance=CLEARANCE)["case"]
    before = line.gateway.size()
    asked = offer(line, handoff=None) | {"case": case}
    answer = hotline.post("/handoffs/preview", asked, key=None)
    assert answer.status_code == 200
    assert answer.json.keys() >= {"case", "to", "permitted_disclosures", "withheld_groups"}
    assert line.gateway.size() == before
    assert hotline.get("/handoffs?box=out").json["items"] == []


def test_a_preview_takes_no_id_of_a_handoff(line, hotline):
    case = submitted(hotline, clearance=CLEARANCE)["case"]
    assert pointers(hotline.post("/handoffs/preview", offer(line) | {"case": case})) == ["/handoff"]


# --- what is never built per request ---


def test_no_schema_is_made_while_requests_are_answered(line, hotline, monkeypatch):
    hotline.token()
    asked = deepcopy(body(line, clearance=CLEARANCE))
    made = []
    real = schema_fields.StrictSchema.__init__

    def watched(self, *args, **kwargs):
        made.append(type(self))
        real(self, *args, **kwargs)

    monkeypatch.setattr(schema_fields.StrictSchema, "__init__", watched)
    assert hotline.post("/cases", asked).status_code == 201
    assert made == []
