"""The client over the real app: every action, refusals, and one's own stream of events."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.client import (
    Refused,
    UnexpectedAnswer,
)
from gateway.evidence import receipt
from gateway.evidence.stream import read_head
from tests import founding
from tests.client.desk import Desk, answer, passing, trust_of
from tests.client.story import CLEARED, Tamper, accepted, disbelieved, offer, submit
from tests.founding import (
    ABROAD,
    CSAM_FR,
    HOTLINE,
    OCRVP,
    OFMIN,
    ORIGIN,
    case_content,
    machine_match,
    note_signer,
)
from tests.web.listening import Listening

# --- Every action --------------------------------------------------------------------------------


def test_the_gateway_says_who_it_is_and_who_asks(stage: Listening) -> None:
    desk = Desk(stage)
    assert desk.greet() is None, "no server adds a Date header here"
    told = desk.whoami()
    assert told["organisation"]["organisation"] == HOTLINE
    assert "cases.write" in told["scopes"]


def test_another_gateway_at_the_address_is_refused(stage: Listening) -> None:
    for change in ({"resource": "https://elsewhere.example"}, {"authorization_servers": []}):
        desk = Desk(stage)
        desk.wire.tamper = lambda request, members, change=change: members | change
        with pytest.raises(UnexpectedAnswer, match="not the one of the connection file"):
            desk.greet()


def test_the_directory_is_read_page_by_page(stage: Listening) -> None:
    desk = Desk(stage)
    found = [one["organisation"] for one in desk.organisations()]
    assert found == sorted([ABROAD, HOTLINE, OCRVP, OFMIN])
    assert desk.organisation(OFMIN)["competences"][0]["competence"] == "receive/csam/FR"
    with pytest.raises(ValueError, match="organisation id"):
        desk.organisation("../whoami")


def test_a_case_goes_through_its_steps_by_two_persons(stage: Listening) -> None:
    desk, case = Desk(stage), stage.gateway.new_id()
    content = case_content(case, classifications=[machine_match()])
    submitted = desk.submit(content, "intake-1")
    assert submitted.result["state"] == "draft"
    with pytest.raises(Refused, match="a person must confirm") as refused:
        desk.assess(case, "analyst-1")
    assert refused.value.slug == "unconfirmed-match"
    desk.assess(case, "analyst-1", [founding.element_id("match")], reason="looked at it")
    with pytest.raises(Refused, match="not the one who assessed"):
        desk.clear(case, "analyst-1")
    assert desk.clear(case, "approver-1").result["state"] == "cleared"
    assert desk.case(case)["state"] == "cleared"
    assert desk.close_case(case, "intake-1", "done").result["state"] == "closed"
    assert [one["case"] for one in desk.cases()] == [str(case)]


def test_a_revised_case_names_the_version_before_it(stage: Listening) -> None:
    desk, case = Desk(stage), stage.gateway.new_id()
    first = desk.submit(case_content(case), "intake-1")
    second = case_content(case, version=2, prev=first.result["digest"], urgency="normal")
    assert desk.revise(second, "intake-1", CLEARED).result["version"] == 2
    with pytest.raises(Refused) as refused:
        desk.revise(second, "intake-1")
    assert refused.value.slug == "stale"


def test_one_opens_ones_own_case_as_it_was_written(stage: Listening) -> None:
    desk = Desk(stage)
    case = submit(desk, stage)
    opened = desk.consult_case(case, "analyst-1", "quality", "second look")
    assert opened.content == case_content(case)
    assert (opened.author, opened.assurance, opened.withheld) == (HOTLINE, "attested", ())


def test_a_preview_keeps_nothing_and_has_no_key(stage: Listening) -> None:
    desk = Desk(stage)
    case = submit(desk, stage)
    before = stage.gateway.size()
    found = desk.preview(
        case, "liaison-1", purpose=["remove"], organisation=ABROAD, groups=["items"]
    )
    assert found["to"] == {"organisation": ABROAD}
    assert stage.gateway.size() == before
    assert "idempotency-key" not in desk.wire.requests[-1].headers


def test_a_handoff_goes_from_offer_to_outcome(stage: Listening) -> None:
    hotline, office = Desk(stage), Desk(stage, OFMIN)
    until = datetime(2026, 6, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    handoff = offer(hotline, stage, until=until, note="please look")
    assert [one["handoff"] for one in office.inbox("offered")] == [handoff]
    assert [one["handoff"] for one in hotline.outbox()] == [handoff]
    view = office.handoff(handoff)
    assert office.accept(view, "officer-1").result["state"] == "accepted"
    opened = office.consult(handoff, "officer-1", "investigation", "first look")
    assert opened.content["items"][0]["value"] == "https://content.example.org/page"
    outcome = office.outcome(
        handoff,
        "officer-1",
        "case_opened",
        items=[founding.element_id("url")],
        note="a file is open",
        evidence_ref="2026/7",
        reason="competent",
    )
    assert outcome.result["sequence"] == 3
    assert office.close(handoff, "officer-1").result["state"] == "closed"
    assert [a["kind"] for a in hotline.handoff(handoff)["answers"]] == [
        "offer",
        "accept",
        "outcome",
        "close",
    ]


def test_a_part_of_an_offer_can_be_taken_on(stage: Listening) -> None:
    hotline, office = Desk(stage), Desk(stage, OFMIN)
    handoff = offer(hotline, stage)
    written = office.accept(office.handoff(handoff), "officer-1", ["items"])
    assert written.result["state"] == "partly_accepted"
    opened = office.consult(handoff, "officer-1", "investigation", "first look")
    assert "statements" not in opened.content
    assert "statements" in opened.withheld


def test_an_offer_can_be_refused_redirected_or_withdrawn(stage: Listening) -> None:
    hotline, office = Desk(stage), Desk(stage, OFMIN)
    refused, redirected, withdrawn = (offer(hotline, stage) for _ in range(3))
    assert office.refuse(refused, "officer-1", "no capacity").result["state"] == "refused"
    redirection = office.redirect(redirected, "officer-1", "abroad", "the office in Belgium")
    assert redirection.result["state"] == "redirected"
    assert hotline.withdraw(withdrawn, "liaison-1", "mistaken").result["state"] == "withdrawn"


def test_a_list_of_many_pages_is_read_only_as_far_as_it_is_iterated(stage: Listening) -> None:
    desk = Desk(stage)
    cases = [submit(desk, stage) for _ in range(21)]
    desk.wire.requests.clear()
    listed = desk.cases()
    for _ in range(20):
        next(listed)
    assert desk.wire.paths() == ["/cases"]
    assert next(listed)["case"] == str(cases[-1])
    assert desk.wire.paths() == ["/cases", "/cases"]
    with pytest.raises(StopIteration):
        next(listed)


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/cases?after=1",
        "//elsewhere.example/cases",
        "/whoami?after=1",
        "/cases",
        "cases?after=1",
        "/cases?after=\r\n",
        5,
    ],
)
def test_a_link_that_leads_elsewhere_is_not_followed(stage: Listening, link: Any) -> None:
    desk = Desk(stage)
    desk.wire.tamper = lambda request, members: members | {"next": link}
    with pytest.raises(UnexpectedAnswer, match="next page"):
        list(desk.cases())


def test_an_offer_names_one_recipient_and_a_moment_with_its_zone(stage: Listening) -> None:
    desk = Desk(stage)
    for to in ({}, {"organisation": OFMIN, "competence": CSAM_FR}):
        with pytest.raises(ValueError, match="one of the two"):
            desk.offer(stage.gateway.new_id(), "x", purpose=["remove"], **to)
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="with its zone"):
        desk.offer(stage.gateway.new_id(), "x", purpose=[], organisation=OFMIN, until=naive)
    assert desk.wire.requests == []


# --- Refusals ------------------------------------------------------------------------------------


def test_a_refusal_by_policy_names_its_rules_and_proves_itself(stage: Listening) -> None:
    desk = Desk(stage)
    case = submit(desk, stage)
    with pytest.raises(Refused) as refused:
        desk.offer(
            case, "liaison-1", purpose=["identify_victim"], organisation=OCRVP, groups=["items"]
        )
    assert (refused.value.status, refused.value.slug) == (403, "forbidden")
    assert refused.value.rules == ("R3.seat",)
    assert refused.value.receipt is not None
    told = receipt.verify(refused.value.receipt, [note_signer().key], ORIGIN)
    assert told.event["result"] == "denied"


def test_content_that_breaks_rules_is_told_by_pointer(stage: Listening) -> None:
    desk = Desk(stage)
    content = case_content(stage.gateway.new_id(), urgency="now", matter=[])
    with pytest.raises(Refused) as refused:
        desk.submit(content, "intake-1")
    assert {pointer for pointer, _ in refused.value.errors} == {
        "/content/urgency",
        "/content/matter",
    }
    assert refused.value.receipt is None


def test_what_may_not_be_known_is_not_found(stage: Listening) -> None:
    hotline, abroad = Desk(stage), Desk(stage, ABROAD)
    handoff = offer(hotline, stage)
    for ask in (abroad.handoff, lambda h: abroad.refuse(h, "someone", "no")):
        with pytest.raises(Refused) as refused:
            ask(handoff)
        assert refused.value.slug == "not-found"
        assert refused.value.receipt is not None


def test_a_refusal_that_the_gateway_cannot_word_still_is_one(stage: Listening) -> None:
    desk = Desk(stage)
    desk.wire.faults = [passing, answer(413, Content_Type="text/html")]
    with pytest.raises(Refused, match="status 413"):
        desk.whoami()


# --- Evidence ------------------------------------------------------------------------------------


def test_ones_own_events_are_complete_and_each_is_proved(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    entries = list(office.events())
    assert [entry.pseq for entry in entries] == list(range(1, len(entries) + 1))
    assert [e.confirmed.event["typ"] for e in entries][-2:] == [
        "handoff.offered",
        "handoff.accepted",
    ]
    assert [entry.pseq for entry in office.events(after=2)] == [e.pseq for e in entries[2:]]
    one = office.receipt(entries[-1].event)
    assert (one.pseq, one.event) == (entries[-1].pseq, entries[-1].event)
    assert one.confirmed.event["handoff"] == handoff


def test_a_stream_of_many_pages_goes_on(stage: Listening) -> None:
    desk = Desk(stage)
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
    desk = Desk(stage)
    disbelieved(desk, tamper, lambda: list(desk.events()), match)


def test_the_end_of_a_stream_is_stated_on_every_page(stage: Listening) -> None:
    desk = Desk(stage)
    ends: list[Any] = []
    entries = list(desk.events(0, lambda text, end: ends.append((text, end))))
    ((text, end),) = ends
    assert (end.organisation, end.pseq) == (HOTLINE, len(entries))
    assert read_head(text, trust_of(stage.gateway)) == end


def test_the_end_of_another_members_stream_is_not_taken(stage: Listening) -> None:
    desk, other = Desk(stage), Desk(stage, ABROAD)
    told: list[str] = []
    list(other.events(0, lambda text, end: told.append(text)))
    disbelieved(
        desk,
        lambda members: members.update(statement=told[0]),
        lambda: list(desk.events()),
        "about another stream",
    )


def test_a_receipt_of_an_event_that_is_not_ours_is_not_found(stage: Listening) -> None:
    hotline, abroad = Desk(stage), Desk(stage, ABROAD)
    event = hotline.submit(case_content(stage.gateway.new_id()), "x1").confirmed.event["id"]
    with pytest.raises(Refused) as refused:
        abroad.receipt(event)
    assert refused.value.slug == "not-found"


def test_another_events_receipt_is_not_taken_for_the_one_asked_for(stage: Listening) -> None:
    desk = Desk(stage)
    first, second = (desk.submit(case_content(stage.gateway.new_id()), "x1") for _ in range(2))
    other = receipt.to_json(first.receipt)
    disbelieved(
        desk,
        lambda members: members.update(other),
        lambda: desk.receipt(second.confirmed.event["id"]),
        "of another event",
    )
