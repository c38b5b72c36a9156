"""The workload of `make bench`: always the same, and a case that the gateway takes."""

import json
from uuid import UUID

from bench.workload import (
    CASE_BYTES,
    POST,
    RECIPIENT,
    Handoffs,
    Ids,
    Posts,
    case_content,
    filled_id,
)
from gateway.schemas.case_document import load_case


def test_the_case_is_valid_and_has_its_size():
    content = case_content(Ids(0)())
    assert load_case(content) == content
    assert len(json.dumps(content, separators=(",", ":"))) == CASE_BYTES


def test_ids_are_the_same_each_time_and_differ_between_runs():
    first, again, other = Ids(0), Ids(0), Ids(1)
    made = [first() for _ in range(3)]
    assert made == [again() for _ in range(3)] == sorted(made)
    assert not set(made) & {other() for _ in range(3)}


def test_a_request_tells_the_length_of_its_body_and_has_its_own_ids():
    flow = Posts.of(0, "127.0.0.1:1")
    requests = [flow.next("any") for _ in range(2)]
    for request in requests:
        head, _, body = request.data.partition(b"\r\n\r\n")
        assert request.kind == POST
        assert f"Content-Length: {len(body)}".encode() in head
        assert json.loads(body)["content"]["case"] == request.id
    assert requests[0].id != requests[1].id


def test_a_handoff_goes_on_only_from_what_was_answered():
    flow = Handoffs.of(0, "127.0.0.1:1", {"hotline-a": "a", RECIPIENT: "b"})
    assert flow.next(RECIPIENT) is None
    submit = flow.next("hotline-a")
    assert flow.next("hotline-a").kind == "submit"
    flow.done(submit)
    offer = flow.next("hotline-a")
    assert offer.kind == "offer" and f"POST /cases/{submit.id}/handoffs".encode() in offer.data
    assert flow.next(RECIPIENT) is None
    flow.done(offer)
    accept = flow.next(RECIPIENT)
    assert accept.kind == "accept" and f"/handoffs/{offer.id}/acceptance".encode() in accept.data
    assert b"Bearer b" in accept.data and b"Bearer a" in offer.data


def test_what_is_filled_in_comes_before_every_run():
    assert filled_id(999_999, 3) < UUID(Ids(0)())
