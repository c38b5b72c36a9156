"""The auditors' search over HTTP: scope, grant, filters, and problems that say what is wrong."""

from datetime import timedelta

import pytest

from gateway.evidence import receipt
from tests.casework import offered
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, fields_of
from tests.web.listening import Listening, Partner, listening

CASE = "0190a6a0-0000-7000-8000-000000000001"
BODY = {"by": "auditor-1", "reason_code": "lawfulness", "reason": "yearly check"}


@pytest.fixture
def line() -> Listening:
    one = listening()
    offered(one.gateway)
    one.gateway.administer(
        "audit_access.grant",
        ABROAD,
        coverage="all",
        start="2026-03-01",
        until="2026-04-01",
        decision_ref="board 2026-02",
    )
    return one


@pytest.fixture
def auditor(line: Listening) -> Partner:
    return line.partner(ABROAD)


def search(partner: Partner, **body):
    return partner.post("/audit/searches", {**BODY, **body})


def pages(partner: Partner, result) -> list:
    paths = [f"/audit/searches/{result['search']}?page={n + 1}" for n in range(result["pages"])]
    return [one for path in paths for one in partner.get(path).json["events"]]


def test_an_auditor_reads_events_with_receipts(line, auditor):
    answer = search(auditor, filters={"actions": ["handoff.offer"], "organisation": OFMIN})
    assert answer.status_code == 200
    result = answer.json["result"]
    assert (result["events"], result["pages"], result["next"]) == (1, 1, None)
    (one,) = pages(auditor, result)
    assert one.keys() == {"index", "event", "receipt"}
    assert (
        line.gateway.confirm(receipt.from_json(one["receipt"])).event["type"] == "handoff.offered"
    )
    recorded = fields_of(receipt.from_json(answer.json["receipt"]))
    assert (recorded["type"], recorded["id"]) == ("audit.search", result["search"])


def test_a_search_goes_on_where_its_limit_ended_it(auditor):
    first = search(auditor, limit=3).json["result"]
    assert [one["index"] for one in pages(auditor, first)] == [0, 1, 2]
    assert first["next"].keys() == {"after", "before"}
    second = search(auditor, limit=3, next=first["next"]).json["result"]
    assert [one["index"] for one in pages(auditor, second)] == [3, 4, 5]


def test_a_retry_over_http_gives_the_first_record(auditor):
    first, again = (auditor.post("/audit/searches", BODY, key="the-same").json for _ in range(2))
    assert again["result"] == first["result"]
    assert fields_of(receipt.from_json(again["receipt"]))["id"] == first["result"]["search"]


@each(
    "path, status",
    [
        ("?page=0", 422),
        ("?page=2", 422),
        ("?page=x", 422),
        ("?pages=1", 422),
    ],
)
def test_a_page_that_is_not_there_is_told(auditor, path, status):
    found = search(auditor, limit=1).json["result"]
    assert auditor.get(f"/audit/searches/{found['search']}{path}").status_code == status


def test_pages_of_a_search_that_ended_say_to_search_again(line, auditor):
    found = search(auditor).json["result"]
    line.gateway.clock.advance(timedelta(days=1))
    answer = line.partner(ABROAD).get(f"/audit/searches/{found['search']}")
    assert (answer.status_code, answer.json["type"].split("/")[-1]) == (409, "edit-conflict")
    assert "search again" in answer.json["detail"]


def test_a_member_without_a_grant_is_told_the_rule(line):
    answer = search(line.partner(HOTLINE))
    assert answer.status_code == 403
    assert answer.json["rules"] == ["R2.audit.coverage"]
    assert answer.json["receipt"]


@each(
    "body, pointer",
    [
        ({"by": "a@b.org"}, "/by"),
        ({"reason_code": "curiosity"}, "/reason_code"),
        ({"reason": ""}, "/reason"),
        ({"reason": "x" * 201}, "/reason"),
        ({"limit": 0}, "/limit"),
        ({"limit": 5001}, "/limit"),
        ({"limit": "5"}, "/limit"),
        ({"filters": {"name": "x"}}, "/filters/name"),
        ({"filters": {"actions": ["handoff.steal"]}}, "/filters/actions/0"),
        ({"filters": {"results": ["maybe"]}}, "/filters/results/0"),
        ({"filters": {"rule": "x' OR 1"}}, "/filters/rule"),
        ({"filters": {"case": {"case": "x"}}}, "/filters/case/case"),
        ({"filters": {"handoff": "x"}}, "/filters/handoff"),
        ({"filters": {"from": "yesterday"}}, "/filters/from"),
        ({"filters": {"from": "2026-03-02T00:00:00Z", "before": "2026-03-02T00:00:00Z"}},
         "/filters/before"),
        ({"filters": {"reference": {"originator": HOTLINE}}}, "/filters/reference/reference"),
        ({"filters": {"reference": {"originator": HOTLINE, "reference": "1"},
                      "case": {"originator": HOTLINE, "case": CASE}}},
         "/filters/reference"),
        ({"next": {"after": 1}}, "/next/before"),
        ({"next": {"after": -2, "before": 1}}, "/next/after"),
    ],
)  # fmt: skip
def test_a_search_that_cannot_be_read_is_told_where(auditor, body, pointer):
    answer = search(auditor, **body)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json["errors"]]


def test_a_system_without_the_scope_reads_nothing(line, auditor):
    token = auditor.token(scope="directory.read")
    answer = auditor.post("/audit/searches", BODY, token=token)
    assert answer.status_code == 403
    assert answer.json["type"].endswith("/problems/insufficient-scope")
