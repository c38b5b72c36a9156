"""The caller's own events and receipts."""

from typing import Any, NoReturn

import pytest

from gateway.evidence import receipt
from gateway.ledger import proof
from gateway.verification import stream
from gateway.web.context import WAIT_FOR
from tests.casework import offered
from tests.client.client_fixture import trust_of
from tests.each import each
from tests.founded_gateway import HOTLINE
from tests.web.listening import Listening, Partner, listening


@pytest.fixture
def line() -> Listening:
    one = listening()
    offered(one.gateway)
    return one


def test_a_stream_runs_from_one_to_its_head_page_by_page(line, hotline):
    seen, path, head = [], "/events?limit=2", None
    while path:
        page = hotline.get(path).json
        assert page.keys() == {"head", "signed_head", "events", "next"}
        end = stream.read_head(page["signed_head"], trust_of(line.gateway))
        assert (end.organisation, end.stream_number) == (HOTLINE, page["head"])
        seen += page["events"]
        path, head = page["next"], page["head"]
    assert [one["stream_number"] for one in seen] == list(range(1, head + 1))
    assert len(seen) > 3
    for one in seen:
        line.gateway.confirm(receipt.from_json(one["receipt"]))


def test_a_stream_goes_on_after_a_counter(hotline):
    head = hotline.get("/events").json["head"]
    found = hotline.get(f"/events?after={head - 1}").json
    assert [one["stream_number"] for one in found["events"]] == [head]
    assert found["next"] is None
    assert hotline.get(f"/events?after={head}").json["events"] == []
    assert hotline.get(f"/events?after={head + 5}").json["next"] is None


@each("query", ["after=-1", "after=x", "after=1.5", "after=" + "9" * 16,
                                   "after=%D9%A1", "limit=0"])  # fmt: skip
def test_a_counter_is_a_number(hotline, query):
    answer = hotline.get(f"/events?{query}")
    assert answer.status_code == 422


def last_event(partner: Partner) -> str:
    head = partner.get("/events").json["head"]
    return partner.get(f"/events?after={head - 1}").json["events"][0]["event"]


def test_a_receipt_is_read_again_as_json(line, hotline):
    answer = hotline.get(f"/receipts/{last_event(hotline)}")
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    line.gateway.confirm(receipt.from_json(answer.json))


def test_a_receipt_s_proof_is_read_as_text(hotline):
    event = last_event(hotline)
    answer = hotline.get(f"/receipts/{event}", headers={"Accept": "text/plain"})
    assert answer.content_type == "text/plain; charset=utf-8"
    assert proof.parse(answer.text).index >= 0
    assert answer.headers["Vary"] == "Accept"


@each("accept", ["*/*", "", "application/json", "text/html", "text/plain;q=0.1, */*"])
def test_json_is_what_others_get(hotline, accept):
    answer = hotline.get(f"/receipts/{last_event(hotline)}", headers={"Accept": accept})
    assert answer.content_type == "application/json"


# --- Notifications over HTTP: the members of RFC 8936, and a wait where the listener offers one ---


NOW = {"returnImmediately": True}


def poll(partner: Partner, **body: Any) -> Any:
    answer = partner.post("/notifications", NOW | body, key=None)
    assert answer.status_code == 200, answer.text
    return answer.json


@pytest.fixture
def waits(line, monkeypatch) -> list[tuple[str, int]]:
    """A listener that can answer later: what requests wait for."""
    asked: list[tuple[str, int]] = []

    class Later(BaseException):
        """The request is served again, some time."""

    def wait_for(organisation: str, known: int) -> NoReturn:
        asked.append((organisation, known))
        raise Later

    serve = line.partners.wsgi_app

    def serving(environ: dict[str, Any], start: Any) -> Any:
        try:
            return serve({**environ, WAIT_FOR: wait_for}, start)
        except Later:
            start("204 No Content", [])
            return []

    monkeypatch.setattr(line.partners, "wsgi_app", serving)
    return asked


def test_the_answer_has_the_members_of_the_standard(hotline):
    page = poll(hotline, maxEvents=2)
    assert page.keys() == {"sets", "moreAvailable"}
    assert (len(page["sets"]), page["moreAvailable"]) == (2, True)
    assert all(jti.endswith(f".{HOTLINE}") for jti in page["sets"])
    assert poll(hotline, maxEvents=0)["sets"] == {}


def test_one_may_acknowledge_and_refuse_without_getting_more(hotline):
    first, second = poll(hotline, maxEvents=2)["sets"]
    errors = {second: {"err": "invalid_key", "description": ""}}
    assert poll(hotline, maxEvents=0, ack=[first], setErrs=errors)["sets"] == {}
    told = hotline.get("/notifications").json
    assert told["acknowledged"] == 2
    assert [one["error"] for one in told["refused"]] == ["invalid_key"]


@each(
    "body",
    [
        {"maxEvents": 101},
        {"maxEvents": -1},
        {"maxEvents": "1"},
        {"returnImmediately": "true"},
        {"ack": "x"},
        {"ack": ["x", "x"]},
        {"ack": [""]},
        {"setErrs": {"x": {}}},
        {"setErrs": {"x": {"err": 1}}},
        {"setErrs": {"x": {"err": "Not a code"}}},
        {"setErrs": {"x": {"err": "x", "description": "x" * 301}}},
        {"setErrs": {"x": {"err": "x", "description": "data:image/png;base64,iVBORw0KGgo="}}},
        {"setErrs": {"x": {"err": "x", "description": "two\nlines"}}},
        {"setErrs": {"": {"err": "x"}}},
        {"setErrs": []},
        {"more": 1},
    ],
)
def test_what_is_not_of_the_standard_is_refused(hotline, body):
    assert hotline.post("/notifications", NOW | body, key=None).status_code == 422


def test_only_a_poll_with_nothing_to_give_waits(line, hotline, waits):
    everything = poll(hotline)["sets"]
    assert hotline.post("/notifications", {}, key=None).json["sets"].keys() == everything.keys()
    assert waits == []
    hotline.post("/notifications", {"maxEvents": 0, "ack": [*everything]}, key=None)
    assert waits == [], "it wanted none"
    assert poll(hotline)["sets"] == {}
    assert waits == [], "it did not want to wait"
    assert hotline.post("/notifications", {}, key=None).status_code == 204
    assert waits == [(HOTLINE, len(everything))]
    offered(line.gateway)
    assert hotline.post("/notifications", {}, key=None).json["sets"]


def test_where_no_listener_can_wait_the_answer_comes_at_once(hotline):
    everything = poll(hotline)["sets"]
    answer = hotline.post("/notifications", {"ack": [*everything]}, key=None)
    assert answer.json == {"sets": {}, "moreAvailable": False}


def test_the_keys_are_shown_by_both_listeners(line, hotline):
    shown = line.anybody().get("/keys/notification")
    assert shown.json["keys"][0]["use"] == "sig"
    assert hotline.get("/keys/notification").json == shown.json
