"""The workload of `make bench`: always the same, and a case that the gateway takes."""

import json
from uuid import UUID

from bench.workload import (
    CASE_BYTES,
    POST,
    RECIPIENT,
    Handoffs,
    Ids,
    Inbox,
    Posts,
    Submissions,
    case_content,
    filled_id,
    signed_cases,
)
from gateway.evidence import sd_jwt
from gateway.evidence.handoff_documents import CASE_TYP
from gateway.keys import KeyPurpose, generate_key, write_key
from gateway.web.partners.case_document import load_case


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


def test_attested_submissions_never_end_and_carry_a_retry_key():
    flow = Submissions.attested(3, "127.0.0.1:1", "a")
    first, second = flow.next("any"), flow.next("any")
    assert first.id != second.id
    assert f"Idempotency-Key: submit.{first.id}".encode() in first.data


def test_signed_submissions_are_signed_cases_and_end(tmp_path):
    key = generate_key(KeyPurpose.DOCUMENT)
    write_key(tmp_path / "document.pem", key)
    documents = signed_cases(0, 2, "https://gateway.example", tmp_path / "document.pem")
    flow = Submissions.signed(documents, "127.0.0.1:1", "a")
    request = flow.next("any")
    head, _, body = request.data.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    verified = sd_jwt.verify(body.decode(), typ=CASE_TYP, keys={key.kid: key.public_key})
    assert verified.claims["case"] == request.id == documents[0][0]
    assert flow.next("any") is not None and flow.next("any") is None


def test_pages_of_the_inbox_begin_within_what_was_filled_in():
    flow = Inbox.of("127.0.0.1:1", "b", spread=100)
    places = {UUID(flow.next("any").id) for _ in range(200)}
    assert places <= {filled_id(number, 1) for number in range(80)}
    assert len(places) > 20


def test_what_is_filled_in_comes_before_every_run():
    assert filled_id(999_999, 3) < UUID(Ids(0)())
