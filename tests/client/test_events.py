"""One's own stream of events: complete, in order, each with its own receipt."""

from typing import Any

import pytest

from gateway.client import RequestRefused
from gateway.evidence import receipt
from gateway.evidence.stream import read_head
from tests.client.client_fixture import MemberClient, trust_of
from tests.client.scenario import (
    Tamper,
    accepted,
    disbelieved,
    submit,
)
from tests.founding import (
    ABROAD,
    HOTLINE,
    case_content,
)
from tests.web.listening import Listening


def test_ones_own_events_are_complete_and_each_is_proved(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    entries = list(office.events())
    assert [entry.stream_number for entry in entries] == list(range(1, len(entries) + 1))
    assert [e.confirmed.event["typ"] for e in entries][-2:] == [
        "handoff.offered",
        "handoff.accepted",
    ]
    assert [entry.stream_number for entry in office.events(after=2)] == [
        e.stream_number for e in entries[2:]
    ]
    one = office.receipt(entries[-1].event)
    assert (one.stream_number, one.event) == (entries[-1].stream_number, entries[-1].event)
    assert one.confirmed.event["handoff"] == handoff


def test_a_stream_of_many_pages_goes_on(stage: Listening) -> None:
    desk = MemberClient(stage)
    for _ in range(21):
        submit(desk, stage)
    assert len(list(desk.events())) > 21


def _drop(members: dict[str, Any], number: int) -> None:
    del members["events"][number]


@pytest.mark.parametrize(
    ("tamper", "match"),
    [
        (lambda members: _drop(members, 0), "number 1 of the stream"),
        (lambda members: _drop(members, 1), "number 2 of the stream"),
        (lambda members: _drop(members, -1), "the end of the stream"),
        (lambda members: members.update(head=99), "or another end"),
        (lambda members: members.update(statement="x"), "end does not verify"),
        (lambda members: members.pop("statement") and None, "end does not verify"),
        (lambda members: members["events"].reverse(), "number 1 of the stream"),
        (
            lambda members: members["events"][0].update(
                receipt=members["events"][1]["receipt"], event=members["events"][1]["event"]
            ),
            "another event",
        ),
        (
            lambda members: members["events"][0].update(receipt=members["events"][1]["receipt"]),
            "of another event",
        ),
        (lambda members: members["events"].insert(0, "x"), "number 1 of the stream"),
    ],
)
def test_a_stream_with_a_gap_or_a_swap_is_refused(
    stage: Listening, tamper: Tamper, match: str
) -> None:
    desk = MemberClient(stage)
    disbelieved(desk, tamper, lambda: list(desk.events()), match)


def test_the_end_of_a_stream_is_stated_on_every_page(stage: Listening) -> None:
    desk = MemberClient(stage)
    ends: list[Any] = []
    entries = list(desk.events(0, lambda text, end: ends.append((text, end))))
    ((text, end),) = ends
    assert (end.organisation, end.stream_number) == (HOTLINE, len(entries))
    assert read_head(text, trust_of(stage.gateway)) == end


def test_the_end_of_another_members_stream_is_not_taken(stage: Listening) -> None:
    desk, other = MemberClient(stage), MemberClient(stage, ABROAD)
    told: list[str] = []
    list(other.events(0, lambda text, end: told.append(text)))
    disbelieved(
        desk,
        lambda members: members.update(statement=told[0]),
        lambda: list(desk.events()),
        "about another stream",
    )


def test_a_receipt_of_an_event_that_is_not_ours_is_not_found(stage: Listening) -> None:
    hotline, abroad = MemberClient(stage), MemberClient(stage, ABROAD)
    event = hotline.submit(case_content(stage.gateway.new_id()), "x1").confirmed.event["id"]
    with pytest.raises(RequestRefused) as refused:
        abroad.receipt(event)
    assert refused.value.slug == "not-found"


def test_another_events_receipt_is_not_taken_for_the_one_asked_for(stage: Listening) -> None:
    desk = MemberClient(stage)
    first, second = (desk.submit(case_content(stage.gateway.new_id()), "x1") for _ in range(2))
    other = receipt.to_json(first.receipt)
    disbelieved(
        desk,
        lambda members: members.update(other),
        lambda: desk.receipt(second.confirmed.event["id"]),
        "of another event",
    )
