"""Receipts and streams: each party proves its own events, and sees of each only its own part."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.refusals import HighWaterMarkUnavailable, NotFound
from gateway.evidence import event, receipt
from gateway.exchange import handoffs, receipts
from gateway.kernel.results import to_json
from tests import answers
from tests.each import each
from tests.founding import (
    ABROAD,
    HOTLINE,
    OCRVP,
    OFMIN,
    ORIGIN,
    Founded,
    accepted,
    caller,
    consulted,
    fields_of,
    offered,
    shown,
    submitted,
)


def event_of(one: receipt.Receipt) -> UUID:
    return UUID(fields_of(one)["id"])


def stream(gateway: Founded, organisation: str, after: int = 0, limit: int = 100) -> Any:
    return to_json(receipts.stream(gateway.ports, caller(organisation), after, limit))


def test_a_party_gets_the_receipt_again_proved_in_the_log_of_today(gateway):
    written = offered(gateway)
    submitted(gateway)
    again = receipts.look_up(gateway.ports, caller(HOTLINE), event_of(written.receipt))
    first, second = gateway.confirm(written.receipt), gateway.confirm(again)
    assert second.event == first.event
    assert second.index == first.index
    assert second.checkpoint.size == first.checkpoint.size + 1


def test_on_its_own_host_the_gateway_proves_what_was_recorded(gateway):
    written = gateway.administer("organisation.suspend", ABROAD, reason="test")
    again = receipts.of_gateway(gateway.ports, event_of(written.receipt))
    assert gateway.confirm(again).event == gateway.confirm(written.receipt).event
    with pytest.raises(NotFound):
        receipts.of_gateway(gateway.ports, gateway.new_id())


def test_what_stands_without_a_receipt_is_named(gateway, monkeypatch):
    def away(*_: Any) -> str:
        raise HighWaterMarkUnavailable("no")

    size = gateway.size()
    monkeypatch.setattr(gateway.checkpoint_signer, "sign", away)
    with pytest.raises(HighWaterMarkUnavailable) as refused:
        gateway.administer("organisation.suspend", ABROAD, reason="test")
    monkeypatch.undo()
    assert gateway.size() == size + 1
    assert event_of(receipts.of_gateway(gateway.ports, refused.value.recorded))


def test_both_parties_prove_one_event_and_share_no_disclosure_but_the_purpose(gateway):
    written = offered(gateway)
    other = receipts.look_up(gateway.ports, caller(OFMIN), event_of(written.receipt))
    assert gateway.confirm(other).event == gateway.confirm(written.receipt).event
    shared = set(other.disclosures) & set(written.receipt.disclosures)
    assert [event.open_disclosures(other.document, [one]).shown[0][0] for one in shared] == [
        "purpose"
    ]


@each("organisation, people", [(HOTLINE, {"intake-1", "liaison-1"}), (OFMIN, {"officer-1"})])
def test_a_party_sees_its_own_people_and_nobody_else(gateway, organisation, people):
    handoff = accepted(gateway)
    consulted(gateway, handoff)
    seen = [shown(receipt.from_json(o["receipt"])) for o in stream(gateway, organisation)["events"]]
    assert {told["by"] for told in seen if "by" in told} == people
    assert {p["organisation"] for told in seen for p in told["party"]} == {organisation}


def test_a_stream_is_complete_from_one_to_its_head(gateway):
    handoff = accepted(gateway)
    consulted(gateway, handoff)
    gateway.refusal(handoffs.look_up, caller(OFMIN), gateway.new_id())
    found = stream(gateway, OFMIN)
    assert [one["stream_number"] for one in found["events"]] == list(range(1, found["head"] + 1))
    kept = [receipt.from_json(one["receipt"]) for one in found["events"]]
    for stream_number, one in enumerate(kept, start=1):
        gateway.confirm(one)
        assert shown(one)["party"][0]["stream_number"] == stream_number
    types = [fields_of(one)["type"] for one in kept]
    assert types[-4:] == ["handoff.offered", "handoff.accepted", "case.consulted", "handoff.read"]
    assert fields_of(kept[-1])["result"] == "not_found"


def test_a_stream_is_read_on_from_a_counter(gateway):
    accepted(gateway)
    whole = stream(gateway, OFMIN)
    part = stream(gateway, OFMIN, after=2, limit=1)
    assert part["head"] == whole["head"]
    assert [one["stream_number"] for one in part["events"]] == [3]
    assert part["events"][0]["event"] == whole["events"][2]["event"]
    assert stream(gateway, OFMIN, after=whole["head"])["events"] == []


def test_a_stream_has_no_event_of_others(gateway):
    before = {one: stream(gateway, one)["head"] for one in (ABROAD, OCRVP)}
    accepted(gateway)
    assert {one: stream(gateway, one)["head"] for one in (ABROAD, OCRVP)} == before


def test_reading_receipts_and_streams_is_no_event(gateway):
    written = offered(gateway)
    size = gateway.size()
    receipts.look_up(gateway.ports, caller(OFMIN), event_of(written.receipt))
    stream(gateway, OFMIN)
    assert gateway.size() == size


def test_the_documents_of_the_log_name_nobody(gateway):
    handoff = accepted(gateway)
    consulted(gateway, handoff)
    gateway.do(answers.close, caller(OFMIN), gateway.key(), handoff, answers.said("officer-1"))
    names = (HOTLINE, OFMIN, "officer-1", "liaison-1", "intake-1", "investigation", "csam")
    for one in stream(gateway, OFMIN)["events"] + stream(gateway, HOTLINE)["events"]:
        text = one["receipt"]["document"]
        assert ORIGIN in text
        assert not [name for name in names if name in text]


def test_events_are_timed_by_the_clock(gateway):
    first = fields_of(submitted(gateway).receipt)["time"]
    gateway.clock.advance(timedelta(days=1))
    second = fields_of(submitted(gateway).receipt)["time"]
    assert (first[:10], second[:10]) == ("2026-03-02", "2026-03-03")


def test_every_event_names_the_policy_that_decided(gateway):
    revisions = {
        fields_of(receipt.from_json(one["receipt"]))["policy"]
        for one in stream(gateway, HOTLINE)["events"]
    }
    assert revisions == {gateway.ports.policy.revision}
