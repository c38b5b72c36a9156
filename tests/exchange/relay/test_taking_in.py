"""Each step of taking in what a peer gateway brings, broken alone (docs/protocol/relay.md)."""

import base64
import json
from copy import deepcopy
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from marshmallow import ValidationError

from gateway.domain.handoff import HandoffState
from gateway.domain.mandate import Period
from gateway.domain.organisation import GatewayNames, Organisation, Status
from gateway.domain.refusals import InvalidDocument
from gateway.exchange.relay import applying, taking_in
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.kernel.values import HOST, Caller, CosignedCheckpoint, HandoffFilter
from gateway.web.partners.relay import RelayedEventBody, relay_message
from tests import answers
from tests.casework import accepted, offered
from tests.each import each
from tests.exchange.relay.two_gateways import (
    BE,
    BE_HOTLINE,
    BE_HOTLINE_THERE,
    BE_ORIGIN,
    FR,
    OFMIN_THERE,
    TwoGateways,
    enter_member,
    released,
    two_gateways,
)
from tests.founded_gateway import HOTLINE, OFMIN
from tests.log_check import check_log

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3).decode()


def one_offer(two: TwoGateways, **changes: Any) -> dict[str, Any]:
    """The body of an offer that is on its way."""
    offered(two.be, released(two, **changes), originator=BE_HOTLINE)
    (first,) = two.outgoing(BE, OFMIN_THERE)[:1]
    return deepcopy(dict(first.body))


def unheard(two: TwoGateways, body: dict[str, Any], kind: str) -> dict[str, Any]:
    """A body that is not heard, by this kind of refusal: it leaves nothing."""
    size = two.fr.size()
    status, answer = two.post(BE, body)
    assert (status, answer.get("kind")) == (409, kind), answer
    assert two.fr.size() == size
    return answer


def refused(two: TwoGateways, body: dict[str, Any], why: str) -> None:
    """A body that is refused on record: nothing of it stays, and it does not come again."""
    status, answer = two.post(BE, body)
    assert status == 403, answer
    assert why in answer["why"]
    with two.fr.ports.begin(TransactionMode.READ) as work:
        assert work.relay.last(BE, OFMIN) == body["stream_number"]
        assert not work.handoffs.page(OFMIN, "in", HandoffFilter(), None, 10)
    check_log(two.fr)


def test_step_1_only_a_peer_gateway_brings_events() -> None:
    two = two_gateways()
    message = relay_message(RelayedEventBody().load(one_offer(two)), "")
    member = Caller(HOTLINE, "desk", frozenset({"relay"}), HOST)
    with pytest.raises(RecordedRefusal):
        taking_in.take_in(two.fr.ports, member, message)


def test_step_1_an_agreement_that_ended_is_no_agreement() -> None:
    two = two_gateways()
    body = one_offer(two)
    with two.fr.past_events(BE) as work:
        found = work.organisations.get(BE)
        (agreed,) = found.peer.agreements
        past = replace(agreed, period=Period(date(2000, 1, 1), date(2026, 1, 1)))
        peer = replace(found.peer, agreements=(past,))
        work.organisations.save(replace(found, peer=peer, version=found.version + 1))
    refused(two, body, "suspended")


def test_a_peer_makes_as_many_offers_in_a_day_as_was_agreed() -> None:
    two = two_gateways()
    with two.fr.past_events(BE) as work:
        found = work.organisations.get(BE)
        assert found is not None
        assert found.peer is not None
        agreed = tuple(replace(one, offers_a_day=1) for one in found.peer.agreements)
        peer = replace(found.peer, agreements=agreed)
        work.organisations.save(replace(found, peer=peer, version=found.version + 1))
    handoffs = [
        UUID(offered(two.be, released(two), originator=BE_HOTLINE).result["handoff"])
        for _ in range(2)
    ]
    two.exchange()
    assert [two.be.handoff(one).state for one in handoffs] == ["offered", "returned"]


def test_step_2_a_member_that_is_not_known_here_is_not_found_and_comes_again() -> None:
    two = two_gateways()
    body = one_offer(two) | {"member": "somebody-else"}
    unheard(two, body, "NotFound")


def test_step_3_a_number_ahead_of_the_next_one_names_what_is_expected() -> None:
    two = two_gateways()
    one_offer(two)
    offered(two.be, released(two), originator=BE_HOTLINE)
    _, second = two.outgoing(BE, OFMIN_THERE)
    assert unheard(two, dict(second.body), "UnexpectedNumber")["expected"] == 1


def test_step_3_what_was_heard_gets_its_first_result() -> None:
    two = two_gateways()
    body = one_offer(two)
    first = two.post(BE, body)
    size = two.fr.size()
    assert two.post(BE, body) == first
    assert two.fr.size() == size


def test_step_3_a_refusal_that_was_heard_is_the_first_result_too() -> None:
    two = two_gateways()
    body = one_offer(two) | {"persons": 1}
    body["document"] = body["case"]
    first = two.post(BE, body)
    size = two.fr.size()
    status, answer = two.post(BE, body)
    assert (status, answer["receipt"].document) == (403, first[1]["receipt"].document)
    assert two.fr.size() == size


def test_step_3_another_event_under_a_number_that_was_heard_is_refused() -> None:
    two = two_gateways()
    body = one_offer(two)
    two.post(BE, body)
    offered(two.be, released(two), originator=BE_HOTLINE)
    second = two.outgoing(BE, OFMIN_THERE)[1]
    unheard(two, dict(second.body) | {"stream_number": 1}, "InvalidDocument")


def test_step_4_a_receipt_of_another_log_is_refused() -> None:
    two = two_gateways()
    body = one_offer(two)
    body["receipt"]["proof"] = body["receipt"]["proof"].replace(
        "gateway.be.example", "other.example"
    )
    unheard(two, body, "InvalidDocument")


def test_step_4_a_changed_event_is_refused() -> None:
    two = two_gateways()
    body = one_offer(two)
    body["receipt"]["document"] = body["receipt"]["document"].replace("disclosure", "alteration")
    unheard(two, body, "InvalidDocument")


def test_step_4_a_receipt_that_does_not_show_the_number_is_refused() -> None:
    two = two_gateways()
    body = one_offer(two)
    body["receipt"]["disclosures"] = []
    unheard(two, body, "InvalidDocument")


def test_step_4_who_does_not_show_itself_is_as_one_that_is_not_here() -> None:
    told = []
    for hidden in (True, False):
        two = two_gateways()
        body = one_offer(two)
        with two.fr.past_events(OFMIN) as work:
            found = work.organisations.get(OFMIN)
            gone = {"shown_to": frozenset()} if hidden else {"status": Status.APPLIED}
            work.organisations.save(replace(found, **gone, version=found.version + 1))
        told.append(unheard(two, body, "InvalidDocument"))
    assert told[0] == told[1]


def test_step_5_an_offer_does_not_try_out_who_is_here(monkeypatch: Any) -> None:
    monkeypatch.setattr("gateway.exchange.relay.incoming._whose_stream", lambda *_: OFMIN)
    told = []
    for name in (HOTLINE, "nobody-here"):
        two = two_gateways()
        there, regimes = f"{name}@{FR}", frozenset({"gdpr", "led"})
        made = Organisation(there, there, "police_office", True, regimes, "FR", Status.ACTIVE)
        enter_member(two.be, made)
        offered(two.be, released(two), originator=BE_HOTLINE, to=there)
        (one,) = two.outgoing(BE, there)
        told.append(two.post(BE, one.body)[1]["why"])
    assert told[0] == told[1]
    assert "another organisation" in told[0]


def test_step_4_an_event_of_times_to_come_is_not_heard_yet() -> None:
    two = two_gateways()
    two.be.clock.advance(timedelta(minutes=6))
    body = one_offer(two)
    assert "clock" in unheard(two, body, "InvalidDocument")["why"]
    two.fr.clock.advance(timedelta(minutes=6))
    assert two.post(BE, body)[0] == 200


def test_step_4_times_do_not_run_backwards_in_a_stream(monkeypatch: Any) -> None:
    two = two_gateways()
    assert two.post(BE, one_offer(two))[0] == 200
    # A dishonest gateway, whose log takes any time, has a stolen key that is revoked by now.
    monkeypatch.setattr("gateway.store.log._not_before", lambda now, _: now)
    for back, heard in ((4, True), (60, False)):
        two.be.clock.advance(-timedelta(seconds=back))
        offered(two.be, released(two), originator=BE_HOTLINE)
        body = dict(two.outgoing(BE, OFMIN_THERE)[-1].body)
        if heard:
            assert two.post(BE, body)[0] == 200
        else:
            why = unheard(two, body, "InvalidDocument")["why"]
            assert "before the one that precedes it in the stream" in why


def test_step_4_an_answer_is_not_dated_before_what_it_answers(monkeypatch: Any) -> None:
    two = two_gateways()
    two.be.clock.advance(timedelta(minutes=11))
    offer = offered(two.be, released(two), originator=BE_HOTLINE)
    with monkeypatch.context() as patched:  # it takes what it likes
        patched.setattr("gateway.exchange.relay.incoming.MAX_SKEW", timedelta(hours=1))
        patched.setattr("gateway.exchange.relay.documents.MAX_SKEW", timedelta(hours=1))
        two.deliver(BE, OFMIN_THERE)
    accepted(two.fr, offer, recipient=OFMIN)
    two.deliver(FR, BE_HOTLINE_THERE)
    assert "before what it answers" in two.log[-1][2]
    assert two.be.handoff(UUID(offer.result["handoff"])).state is HandoffState.OFFERED


def test_step_4_an_event_is_not_dated_before_its_log_was_cosigned_without_it() -> None:
    two = two_gateways()
    later = two.fr.clock() + timedelta(minutes=11)
    with two.fr.ports.begin(TransactionMode.WRITE) as work:
        before = CosignedCheckpoint(BE_ORIGIN, two.be.size(), bytes(32), later)
        work.witnessed.add(before)
        work.commit()
    assert "cosigned without it" in unheard(two, one_offer(two), "InvalidDocument")["why"]


def test_step_4_a_checkpoint_that_was_not_cosigned_is_not_heard() -> None:
    two = two_gateways()
    body = one_offer(two)
    two.cosigns = False
    unheard(two, body, "NotWitnessed")
    two.cosigns = True
    assert two.post(BE, body)[0] == 200


def test_step_5_a_document_of_another_event_is_refused() -> None:
    two = two_gateways()
    body = one_offer(two)
    offered(two.be, released(two), originator=BE_HOTLINE)
    other = two.outgoing(BE, OFMIN_THERE)[1].body["document"]
    refused(two, body | {"document": other}, "another one than its event")


def test_step_5_a_document_for_another_audience_is_refused(monkeypatch: Any) -> None:
    two = two_gateways()
    with monkeypatch.context() as patched:
        patched.setattr(GatewayNames, "home", lambda names, _: names.issuer)
        both = [two.fr.ports.issuer, two.be.ports.issuer]
        case = released(two, marking={"release_to": both})
        offered(two.be, case, originator=BE_HOTLINE)
    (one,) = two.outgoing(BE, OFMIN_THERE)
    refused(two, dict(one.body), "audience")


def test_step_5_a_gateway_attests_only_where_that_was_agreed() -> None:
    two = two_gateways()
    body = one_offer(two)
    with two.fr.past_events(BE) as work:
        found = work.organisations.get(BE)
        assert found is not None
        assert found.peer is not None
        agreed = tuple(replace(one, assurance="signed") for one in found.peer.agreements)
        peer = replace(found.peer, agreements=agreed)
        work.organisations.save(replace(found, peer=peer, version=found.version + 1))
    refused(two, body, "no key")


def test_step_5_a_peer_does_not_speak_for_another_of_its_members() -> None:
    two = two_gateways()
    body = one_offer(two)
    two.enter_there("be-police")
    refused(two, body | {"member": "be-police"}, "another organisation")


def test_step_6_media_is_accepted_from_nobody() -> None:
    two = two_gateways()
    body = one_offer(two, statements=[statement_of(PNG)])
    refused(two, body, "/case/statements/0/text")


def test_step_6_media_comes_with_no_answer_either() -> None:
    two = two_gateways()
    handoff = UUID(offered(two.be, released(two), originator=BE_HOTLINE).result["handoff"])
    two.exchange()
    two.fr.answer(OFMIN, answers.decline, handoff, PNG)
    two.exchange()
    assert any("403" in said and "/document/reason" in said for _, _, said in two.log)
    assert two.be.handoff(handoff).state is HandoffState.OFFERED


@each("name", ["code", "reason_code"])
def test_step_6_what_stands_in_place_of_an_answer_is_of_its_words(name: str) -> None:
    body = one_offer(two_gateways()) | {"shown": {name: "whoever reads this"}}
    with pytest.raises(ValidationError):
        RelayedEventBody().load(body)


def test_step_6_a_case_is_presented_with_exactly_what_its_offer_lists() -> None:
    two = two_gateways()
    body = one_offer(two)
    head, *parts = body["case"].split("~")
    refused(two, body | {"case": "~".join([head, *parts[:-2], ""])}, "exactly what the offer lists")


def test_step_6_without_its_case_an_offer_is_refused() -> None:
    two = two_gateways()
    body = one_offer(two)
    del body["case"]
    refused(two, body, "erased")


@each("why", ["x" * 301, "a\u0007bell", PNG[:280], ""])
def test_step_7_why_an_act_was_refused_is_a_sentence_or_nothing(monkeypatch: Any, why: str) -> None:
    two = two_gateways()
    handoff = UUID(offered(two.be, released(two), originator=BE_HOTLINE).result["handoff"])
    refusing = replace(two.fr.organisation(BE), status=Status.SUSPENDED)
    with two.fr.past_events(BE) as work:
        work.organisations.save(replace(refusing, version=refusing.version + 1))
    monkeypatch.setattr(
        "gateway.exchange.relay.taking_in._why",
        lambda incoming, _: json.dumps({"peer_event": [*incoming.peer_event], "why": why}),
    )
    two.exchange()
    assert two.be.handoff(handoff).state is HandoffState.RETURNED
    with two.be.ports.begin(TransactionMode.READ) as work:
        told = work.log.read_stream(BE_HOTLINE, 0, 50)[-1][1].subject
    assert told == {"action": "handoff.offer", "rules": ["R2.inactive"], "why": ""}


@each("told", [{"change": ["x"]}, {"change": ["tightening"], "groups": [["a name of somebody"]]}])
def test_step_7_a_change_is_announced_in_words_that_there_are(told: dict[str, Any]) -> None:
    event = SimpleNamespace(told=SimpleNamespace(details=lambda kind: (*told.get(kind, ()),)))
    with pytest.raises(InvalidDocument):
        applying._announced(event)  # type: ignore[arg-type]


def test_step_7_an_id_that_a_handoff_here_has_is_not_taken() -> None:
    two = two_gateways()
    taken = UUID(offered(two.fr).result["handoff"])
    case = released(two)
    offered(two.be, case, originator=BE_HOTLINE, handoff=taken)
    two.exchange()
    assert two.be.handoff(taken).state is HandoffState.RETURNED
    assert two.fr.handoff(taken).originator == HOTLINE


def test_step_8_what_fails_between_leaves_nothing(monkeypatch: Any) -> None:
    two = two_gateways()
    body = one_offer(two)
    size = two.fr.size()
    with monkeypatch.context() as patched:

        def fail(*_: Any) -> None:
            raise OSError("cut")

        patched.setattr("gateway.store.relay.SqlRelay.hear", fail)
        with pytest.raises(OSError):
            two.post(BE, body)
    assert two.fr.size() == size
    assert two.fr.case(UUID(int=1), BE_HOTLINE_THERE) is None
    assert two.post(BE, body)[0] == 200
    check_log(two.fr)


def statement_of(text: str) -> dict[str, Any]:
    """A statement that says a text."""
    return {
        "id": "018f0000-0000-7000-8000-000000000013",
        "kind": "fact",
        "text": text,
        "made_at": "2026-03-01T21:00:00Z",
        "author_role": "analyst",
    }
