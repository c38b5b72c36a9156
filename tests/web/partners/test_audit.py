"""The auditors' search over HTTP: scope, grant, filters, and problems that say what is wrong."""

import pytest

from gateway.evidence import receipt
from tests.each import each
from tests.founding import ABROAD, HOTLINE, OFMIN, fields_of, offered
from tests.web.listening import Listening, Partner, listening

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


def test_an_auditor_reads_events_with_receipts(line, auditor):
    answer = search(auditor, filters={"action": "handoff.offer", "organisation": OFMIN})
    assert answer.status_code == 200
    result = answer.json["result"]
    assert result["next"] is None
    (one,) = result["events"]
    assert one.keys() == {"index", "event", "receipt"}
    assert (
        line.gateway.confirm(receipt.from_json(one["receipt"])).event["type"] == "handoff.offered"
    )
    recorded = fields_of(receipt.from_json(answer.json["receipt"]))
    assert recorded["type"] == "audit.search"


def test_a_search_goes_on_where_its_page_ends(auditor):
    first = search(auditor, limit=3).json["result"]
    assert [one["index"] for one in first["events"]] == [0, 1, 2]
    assert first["next"].keys() == {"after", "before"}
    second = search(auditor, limit=3, page=first["next"]).json["result"]
    assert [one["index"] for one in second["events"]] == [3, 4, 5]


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
        ({"limit": 101}, "/limit"),
        ({"limit": "5"}, "/limit"),
        ({"filters": {"name": "x"}}, "/filters/name"),
        ({"filters": {"action": "handoff.steal"}}, "/filters/action"),
        ({"filters": {"result": "maybe"}}, "/filters/result"),
        ({"filters": {"rule": "x' OR 1"}}, "/filters/rule"),
        ({"filters": {"case": {"case": "x"}}}, "/filters/case/case"),
        ({"filters": {"handoff": "x"}}, "/filters/handoff"),
        ({"filters": {"from": "yesterday"}}, "/filters/from"),
        ({"filters": {"from": "2026-03-02T00:00:00Z", "before": "2026-03-02T00:00:00Z"}},
         "/filters/before"),
        ({"page": {"after": 1}}, "/page/before"),
        ({"page": {"after": -2, "before": 1}}, "/page/after"),
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
