"""Holders hear of erasures 14 days and a day before: once for each day, with the number."""

import json
from datetime import timedelta

from gateway.evidence import receipt
from gateway.exchange import erasure_notices, handoffs, receipts
from gateway.kernel.results import to_json
from tests import answers
from tests.founding import (
    ABROAD,
    HOTLINE,
    OFMIN,
    accepted,
    caller,
    case_content,
    fields_of,
    offered,
    shown,
    submitted,
)


def erased_in(gateway, days):
    """A case of the hotline that is erased in so many days."""
    day = gateway.clock().date() + timedelta(days=days)
    marking = {**case_content(gateway.new_id())["marking"], "erase_on": day.isoformat()}
    return submitted(gateway, marking=marking)


def heard(gateway, organisation):
    """What an organisation heard of erasures: before which day, and how many."""
    page = to_json(receipts.stream(gateway.ports, caller(organisation), 0, 1000))
    subjects = [
        json.loads(value)
        for one in page["events"]
        for value in _subjects(one)
        if "erase_before" in value
    ]
    return [(one["erase_before"], int(one["handoffs"])) for one in subjects]


def _subjects(event):
    found = receipt.from_json(event["receipt"])
    return [shown(found)["subject"]] if fields_of(found)["type"] == "erasure.announced" else []


def test_a_holder_hears_a_fortnight_and_a_day_before(gateway):
    last = gateway.clock().date() + timedelta(days=21)
    for _ in range(2):
        accepted(gateway, offered(gateway, erased_in(gateway, 20)))
    offered(gateway, erased_in(gateway, 20), to=ABROAD)
    erasure_notices.announce(gateway.ports)
    assert heard(gateway, OFMIN) == []
    gateway.clock.advance(timedelta(days=6))
    for _ in range(2):
        erasure_notices.announce(gateway.ports)
        assert heard(gateway, OFMIN) == [(last.isoformat(), 2)]
    gateway.clock.advance(timedelta(days=13))
    erasure_notices.announce(gateway.ports)
    assert heard(gateway, OFMIN) == [(last.isoformat(), 2)] * 2
    assert heard(gateway, ABROAD) == []
    assert heard(gateway, HOTLINE) == []


def test_what_is_retained_is_not_counted(gateway):
    handoff = accepted(gateway, offered(gateway, erased_in(gateway, 10)))
    said = answers.said("officer-1", legal_basis="art. 230-8 CPP")
    gateway.do(answers.retain, caller(OFMIN), gateway.key(), handoff, said)
    erasure_notices.announce(gateway.ports)
    assert heard(gateway, OFMIN) == []


def test_a_box_lists_what_is_erased_before_a_day(gateway):
    soon = accepted(gateway, offered(gateway, erased_in(gateway, 10)))
    accepted(gateway, offered(gateway, erased_in(gateway, 30)))
    for box, organisation in (("in", OFMIN), ("out", HOTLINE)):
        day = gateway.clock().date() + timedelta(days=11)
        found = handoffs.page(
            gateway.ports, caller(organisation), box=box, after=None, limit=10, erase_before=day
        )
        assert [one.handoff for one in found.items] == [soon]
        first = day - timedelta(days=1)
        none = handoffs.page(
            gateway.ports, caller(organisation), box=box, after=None, limit=10, erase_before=first
        )
        assert none.items == []
