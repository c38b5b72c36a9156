"""The caller's own events and receipts."""

import pytest

from gateway.evidence import receipt, stream
from gateway.ledger import proof
from tests.client.client_fixture import trust_of
from tests.each import each
from tests.founding import ABROAD, HOTLINE, OFMIN, offered
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


def test_each_party_has_its_own_stream(line, hotline):
    abroad = line.partner(ABROAD)
    theirs = {one["event"] for one in abroad.get("/events").json["events"]}
    ours = {one["event"] for one in hotline.get("/events").json["events"]}
    assert not theirs & ours


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


def test_both_parties_have_a_receipt_and_nobody_else(line, hotline):
    event = last_event(hotline)
    assert line.partner(OFMIN).get(f"/receipts/{event}").status_code == 200
    assert line.partner(ABROAD).get(f"/receipts/{event}").status_code == 404
