"""What goes wrong between two gateways, and what becomes of it."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from gateway.domain.handoff import HandoffState, RecallCode
from gateway.domain.mandate import Period
from gateway.domain.organisation import Status
from gateway.domain.out_of_service import case_entry
from gateway.exchange.handoffs import recalls, updates
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.lifecycle import erasure
from gateway.exchange.relay import following
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.casework import accepted, consulted, offered, revised
from tests.exchange.relay.two_gateways import (
    BE,
    BE_HOTLINE,
    BE_HOTLINE_THERE,
    FR,
    OFMIN_THERE,
    TwoGateways,
    leaving,
    released,
    two_gateways,
)
from tests.founded_gateway import OFMIN
from tests.log_check import check_log

UNLAWFUL = RecallRequest("liaison-1", RecallCode.UNLAWFUL, "why", approved_by="approver-1")


def held(two: TwoGateways, case: WriteResult) -> UUID:
    """A handoff that OFMIN accepted."""
    offer = offered(two.be, case, originator=BE_HOTLINE)
    two.exchange()
    handoff = accepted(two.fr, offer, recipient=OFMIN)
    two.exchange()
    return handoff


def sound(two: TwoGateways) -> None:
    """Both logs are whole, and so are the rows."""
    check_log(two.be)
    check_log(two.fr)


def suspend(two: TwoGateways, name: str) -> None:
    """Let an entry of the recipients' gateway, or of the originators', be suspended."""
    with (two.be if name == FR else two.fr).past_events(name) as work:
        found = work.organisations.get(name)
        suspended = replace(found, status=Status.SUSPENDED, version=found.version + 1)
        work.organisations.save(suspended)


def test_what_waits_too_long_wakes_its_author_once() -> None:
    two = two_gateways()
    offer = offered(two.be, released(two), originator=BE_HOTLINE)
    handoff = UUID(offer.result["handoff"])
    following.tell_undelivered(two.be.ports)
    assert two.be.view(BE_HOTLINE, handoff)["waiting"][0]["action"] == "handoff.offer"
    two.be.clock.advance(timedelta(hours=5))
    for _ in range(2):
        following.tell_undelivered(two.be.ports)
    assert two.be.types(BE_HOTLINE).count("handoff.undelivered") == 1
    two.exchange()
    assert not two.be.view(BE_HOTLINE, handoff).get("waiting")
    sound(two)


def test_what_is_urgent_is_told_before_whatever_else_waits(monkeypatch: Any) -> None:
    two = two_gateways()
    monkeypatch.setattr(following, "AT_ONCE", 1)
    offered(two.be, released(two, urgency="normal"), originator=BE_HOTLINE)
    urgent = released(two, urgency="urgent")
    handoff = UUID(offered(two.be, urgent, originator=BE_HOTLINE).result["handoff"])
    two.be.clock.advance(timedelta(hours=1))
    following.tell_undelivered(two.be.ports)
    assert two.be.arrived(handoff)[BE_HOTLINE] == ["handoff.undelivered"]
    assert two.be.types(BE_HOTLINE).count("handoff.undelivered") == 1


def test_the_due_time_is_that_of_the_recipients_home_at_both() -> None:
    two = two_gateways()
    two.be.ports = replace(two.be.ports, due={one: timedelta(1) for one in two.be.ports.due})
    offer = offered(two.be, released(two), originator=BE_HOTLINE)
    handoff = UUID(offer.result["handoff"])
    two.exchange()
    assert two.be.handoff(handoff).due_at == two.fr.handoff(handoff).due_at
    sound(two)


def test_a_recall_binds_at_home_at_once_and_abroad_after_the_outage() -> None:
    two = two_gateways()
    case = released(two)
    handoff = held(two, case)
    two.be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), UNLAWFUL)
    two.be.clock.advance(timedelta(days=2))
    two.fr.clock.advance(timedelta(days=2))
    assert two.fr.handoff(handoff).recall is None
    two.exchange()
    two.fr.answer(OFMIN, answers.answer_recall, handoff, done="copies_erased")
    two.exchange()
    assert two.be.handoff(handoff).recall_answer == "copies_erased"
    sound(two)


def test_a_recall_of_a_case_binds_each_handoff_abroad_once() -> None:
    two = two_gateways()
    case = released(two)
    first = held(two, case)
    again = {"again": "for another unit"}
    second = accepted(two.fr, crossed_again(two, case, **again), recipient=OFMIN)
    two.exchange()
    two.be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), UNLAWFUL)
    two.exchange()
    for handoff in (first, second):
        assert two.be.handoff(handoff).recall and two.fr.handoff(handoff).recall
    assert two.fr.types(BE_HOTLINE_THERE).count("handoff.recalled") == 2
    sound(two)


def crossed_again(two: TwoGateways, case: WriteResult, **changes: Any) -> WriteResult:
    """Another offer of a case, taken in."""
    offer = offered(two.be, case, originator=BE_HOTLINE, **changes)
    two.exchange()
    return offer


def test_two_offers_of_one_version_unite_what_they_show() -> None:
    two = two_gateways()
    case = released(two)
    less = crossed_again(two, case, groups=("items",))
    more = crossed_again(two, case, groups=("items", "statements"), again="more is asked for")
    for offer in (less, more):
        handoff = accepted(two.fr, offer, recipient=OFMIN)
        consulted(two.fr, handoff)
        shown = two.fr.handoff(handoff).permitted_disclosures
        assert shown == frozenset(offer.result["permitted_disclosures"])
    two.exchange()
    sound(two)


def test_what_a_second_offer_shows_besides_is_judged_too(monkeypatch: Any) -> None:
    two = two_gateways()
    case = released(two)
    crossed_again(two, case, groups=("items",))

    def of_another_matter(content: Any, *_: Any, **__: Any) -> frozenset[str]:
        shown = {"items", "statements"} <= content.keys()
        return frozenset({"other_matter"} if shown else ())

    monkeypatch.setattr("gateway.exchange.case.submissions.findings", of_another_matter)
    more = crossed_again(two, case, groups=("statements",), again="more is asked for")
    assert two.be.handoff(UUID(more.result["handoff"])).state is HandoffState.RETURNED
    sound(two)


def test_a_version_that_was_never_sent_leaves_a_gap_and_no_harm() -> None:
    two = two_gateways()
    case = released(two)
    handoff = held(two, case)
    second = revised(two.be, case, originator=BE_HOTLINE, urgency="urgent", marking=leaving(two))
    revised(two.be, second, originator=BE_HOTLINE, urgency="normal", marking=leaving(two))
    two.be.act(BE_HOTLINE, updates.update, handoff, UpdateRequest("liaison-1"))
    two.exchange()
    assert two.fr.handoff(handoff).case_version == 3
    assert two.fr.view(OFMIN, handoff)["packages"][-1]["version"] == 3
    sound(two)


def test_a_gateway_that_was_restored_gets_all_again() -> None:
    two = two_gateways()
    held(two, released(two))
    older, reads = two.fr.store.copy(), two.fr.checkpoint_signer.signed.copy()  # type: ignore[attr-defined]
    offered(two.be, released(two), originator=BE_HOTLINE)
    two.deliver(BE, OFMIN_THERE)
    cursor = two.cursors[BE, OFMIN_THERE]
    two.fr.store.put_back(older)  # type: ignore[attr-defined]
    two.fr.checkpoint_signer.signed.clear()
    two.fr.checkpoint_signer.signed.update(reads)
    third = offered(two.be, released(two), originator=BE_HOTLINE)
    two.deliver(BE, OFMIN_THERE)
    assert two.cursors[BE, OFMIN_THERE] == cursor - 1, "it went back, and never forward"
    two.deliver(BE, OFMIN_THERE)
    assert two.fr.handoff(UUID(third.result["handoff"])) is not None


def test_a_suspended_peer_brings_recalls_and_nothing_else() -> None:
    two = two_gateways()
    case = released(two)
    handoff = held(two, case)
    suspend(two, BE)
    other = released(two)
    returned = UUID(offered(two.be, other, originator=BE_HOTLINE).result["handoff"])
    two.be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), UNLAWFUL)
    two.exchange()
    assert two.be.handoff(returned).state is HandoffState.RETURNED
    assert two.fr.handoff(handoff).recall is not None


def test_what_waited_until_the_peer_was_suspended_does_not_leave() -> None:
    two = two_gateways()
    handoff = UUID(offered(two.be, released(two), originator=BE_HOTLINE).result["handoff"])
    suspend(two, FR)
    (one,) = two.outgoing(BE, OFMIN_THERE)
    assert one.body.keys() == {"stream_number", "receipt", "member"}
    two.exchange()
    assert two.fr.handoff(handoff) is None
    assert two.be.handoff(handoff).state is HandoffState.RETURNED
    sound(two)


def test_what_waited_until_its_case_was_recalled_does_not_leave() -> None:
    two = two_gateways()
    case = released(two)
    handoff = UUID(offered(two.be, case, originator=BE_HOTLINE).result["handoff"])
    two.be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), UNLAWFUL)
    assert [set(one.body) & {"case"} for one in two.outgoing(BE, OFMIN_THERE)] == [set(), set()]
    two.exchange()
    assert two.fr.handoff(handoff) is None
    assert two.be.handoff(handoff).state is HandoffState.RETURNED
    sound(two)


def test_an_agreement_that_ended_lets_recalls_through_and_nothing_else() -> None:
    two = two_gateways()
    case = released(two)
    handoff = held(two, case)
    other = UUID(offered(two.be, released(two), originator=BE_HOTLINE).result["handoff"])
    with two.fr.past_events(BE) as work:
        found = work.organisations.get(BE)
        assert found is not None
        assert found.peer is not None
        past = Period(date(2000, 1, 1), date(2026, 1, 1))
        ended = tuple(replace(one, period=past) for one in found.peer.agreements)
        peer = replace(found.peer, agreements=ended)
        work.organisations.save(replace(found, peer=peer, version=found.version + 1))
    two.be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), UNLAWFUL)
    two.exchange()
    assert two.be.handoff(other).state is HandoffState.RETURNED
    assert two.fr.handoff(handoff).recall is not None


def test_a_member_that_is_suspended_there_brings_nothing_but_recalls() -> None:
    two = two_gateways()
    case = released(two)
    handoff = held(two, case)
    suspend(two, BE_HOTLINE_THERE)
    two.be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), UNLAWFUL)
    two.deliver(BE, OFMIN_THERE)
    assert two.fr.handoff(handoff).recall is not None


def test_a_holder_abroad_keeps_by_law_what_was_erased_at_home() -> None:
    two = two_gateways()
    case = released(two)
    handoff = held(two, case)
    basis = {"legal_basis": "CPP 60-1", "until": "2028-01-01"}
    two.fr.answer(OFMIN, answers.retain, handoff, **basis)
    two.exchange()
    assert "CPP 60-1" not in str(two.be.view(BE_HOTLINE, handoff))
    for gateway in (two.be, two.fr):
        gateway.clock.advance(timedelta(days=366))
        erasure.erase_due(gateway.ports)
    with two.fr.ports.begin(TransactionMode.READ) as work:
        assert work.retentions.copy(handoff) is not None
    with two.be.ports.begin(TransactionMode.READ) as work:
        assert work.retentions.copy(handoff) is None
    two.exchange()
    sound(two)


def test_an_event_that_leaves_a_number_out_alarms_and_moves_nothing() -> None:
    two = two_gateways()
    heard: list[Any] = []
    two.be.ports = replace(two.be.ports, differs=lambda *told: heard.append(told))
    offer = offered(two.be, released(two), originator=BE_HOTLINE)
    two.deliver(BE, OFMIN_THERE)
    handoff = accepted(two.fr, offer, recipient=OFMIN)
    two.fr.answer(OFMIN, answers.outcome, handoff, code="received")
    presented, taken_in, accepting, outcome = two.outgoing(FR, BE_HOTLINE_THERE)
    for one in (presented, taken_in):
        two.post(FR, one.body)
    two.post(FR, {**accepting.body, "document": outcome.body["document"]})
    two.post(FR, outcome.body)
    assert two.be.handoff(handoff).state is HandoffState.OFFERED
    assert heard
    check_log(two.be)


def test_a_case_out_of_service_holds_up_no_answer_of_another_gateway() -> None:
    two = two_gateways()
    case = released(two)
    offer = offered(two.be, case, originator=BE_HOTLINE)
    two.exchange()
    with two.be.ports.begin(TransactionMode.REGISTRY) as work:
        out = case_entry(BE_HOTLINE, UUID(case.result["case"]))
        work.organisations.put_out_of_service(frozenset({out}))
        work.commit()
    handoff = accepted(two.fr, offer, recipient=OFMIN)
    two.exchange()
    assert two.be.handoff(handoff).state is HandoffState.ACCEPTED
