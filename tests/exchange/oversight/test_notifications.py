"""Notifications reach their receiver in order and at least once, by poll and by delivery."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.notification import LEASE, DeliveryWay
from gateway.domain.refusals import NotFound, ValidationFailed, WrongState
from gateway.evidence import event, security_event
from gateway.evidence.security_event import EventNotification, jti_of
from gateway.evidence.signature import public_keys
from gateway.exchange.handoffs import package_consultation
from gateway.exchange.oversight import notifications
from gateway.exchange.oversight.notifications import DeliveryReport, ReceiverError
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal
from gateway.kernel.values import HOST
from gateway.keys import jwk_set
from tests import answers
from tests.casework import accepted, offered, submitted
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, Founded, caller
from tests.ports import ISSUER, key_of

ADDRESS = "https://receiver.example/events"
WAY = DeliveryWay.NOTIFICATION


def polled(
    gateway: Founded, organisation: str = OFMIN, most: int = 100, **asked: Any
) -> list[EventNotification]:
    found = notifications.poll(gateway.ports, caller(organisation), most, **asked)
    keys = public_keys(jwk_set([key_of("notification")]))
    told = [
        security_event.verify(
            text, keys, issuer=ISSUER, organisation=organisation, now=gateway.clock()
        )
        for text in found.sets.values()
    ]
    assert [*found.sets] == [jti_of(one.event, organisation) for one in told]
    return told


def jtis(told: list[EventNotification], organisation: str = OFMIN) -> list[str]:
    return [jti_of(one.event, organisation) for one in told]


def status(gateway: Founded, organisation: str = OFMIN) -> Any:
    return to_json(notifications.status(gateway.ports, caller(organisation)))


def caught_up(gateway: Founded, organisation: str = OFMIN) -> None:
    """Let an organisation have all that there was until now."""
    while told := polled(gateway, organisation):
        polled(gateway, organisation, 0, acknowledged=jtis(told, organisation))


@pytest.fixture
def pushing(gateway: Founded) -> Founded:
    """OFMIN has a receiver, and has nothing to get."""
    gateway.administer("notification.set_push", OFMIN, address=ADDRESS)
    caught_up(gateway)
    return gateway


# --- Poll ---


def test_a_stream_is_told_from_its_first_event_without_a_gap(gateway):
    offered(gateway)
    size = gateway.size()
    told = polled(gateway)
    assert gateway.size() == size, "a poll is no event"
    assert [one.stream_number for one in told] == [*range(1, len(told) + 1)]
    assert told[-1].type == "handoff.offered"
    assert polled(gateway, most=2) == told[:2]
    assert notifications.poll(gateway.ports, caller(OFMIN), 2).more


def test_a_notification_says_how_soon_to_act_and_nothing_of_the_case(gateway):
    caught_up(gateway)
    handoff = UUID(offered(gateway).result["handoff"])
    (told,) = polled(gateway)
    with gateway.ports.begin(TransactionMode.READ) as work:
        found = work.handoffs.get(handoff)
    assert (told.handoff, told.due_at, told.result) == (handoff, found.due_at, "allowed")
    assert told.urgency == "priority"
    known = {"event", "stream_number", "type", "result", "handoff", "urgency", "due_at"}
    assert told.members().keys() == known


def test_what_is_acknowledged_comes_no_more_and_the_rest_again_from_what_is_missing(gateway):
    offered(gateway)
    told = polled(gateway)
    left = polled(gateway, acknowledged=jtis(told[:2]))
    assert left == told[2:]
    assert polled(gateway) == left
    assert polled(gateway, acknowledged=jtis(told[3:])) == left, "the cursor waits"
    assert status(gateway)["acknowledged"] == 2
    assert polled(gateway, acknowledged=jtis(told)) == []
    assert status(gateway)["acknowledged"] == status(gateway)["head"] == len(told)


def test_ids_of_others_and_unknown_ones_acknowledge_nothing(gateway):
    told = polled(gateway)
    others = [*jtis(told, HOTLINE), "unknown", f"{gateway.new_id()}.{OFMIN}"]
    assert polled(gateway, acknowledged=others) == told


def test_what_is_refused_is_passed_over_kept_and_sent_again_when_it_is_asked_for(gateway):
    offered(gateway)
    told = polled(gateway)
    first, *others = told
    refused = {jti_of(first.event, OFMIN): ReceiverError("invalid_key", "which\nkey?" + "x" * 400)}
    assert polled(gateway, refused=refused) == others
    (kept,) = status(gateway)["refused"]
    assert (kept["event"], kept["error"]) == (str(first.event), "invalid_key")
    assert kept["description"].startswith("which?key?")
    assert len(kept["description"]) == 300
    gateway.act(OFMIN, notifications.replay, first.event, notifications.Replay("analyst-1"))
    again = polled(gateway)
    assert again[:-1] == told, "the refused one comes first"
    assert again[-1].type == "notification.replayed"
    polled(gateway, acknowledged=jtis([first]))
    assert status(gateway)["refused"] == []


def test_what_is_refused_ahead_of_a_missing_one_is_not_passed_over(gateway):
    told = polled(gateway)
    refused = {jti_of(told[1].event, OFMIN): ReceiverError("invalid_key")}
    assert polled(gateway, refused=refused) == told
    assert status(gateway)["refused"] == []


def test_what_was_acknowledged_is_sent_again_when_it_is_asked_for(gateway):
    told = polled(gateway)
    polled(gateway, acknowledged=jtis(told))
    gateway.act(OFMIN, notifications.replay, told[0].event, notifications.Replay("analyst-1"))
    again = polled(gateway)
    assert [one.event for one in again[:-1]] == [told[0].event]
    assert polled(gateway, acknowledged=jtis(again)) == []


def test_an_event_of_others_alone_cannot_be_sent_again_and_the_refusal_is_an_event(gateway):
    theirs = {one.event for one in polled(gateway, HOTLINE)} - {
        one.event for one in polled(gateway)
    }
    denied = gateway.refusal(
        notifications.replay,
        caller(OFMIN),
        gateway.key(),
        theirs.pop(),
        notifications.Replay("analyst-1"),
    )
    assert isinstance(denied.refusal, NotFound)
    assert event.read(denied.receipt.document)["type"] == "notification.replayed"


def test_a_suspended_organisation_collects_nothing(gateway):
    gateway.administer("organisation.suspend", ABROAD, reason="test")
    denied = gateway.refusal(notifications.poll, caller(ABROAD), 100)
    assert denied.refusal.rules == ("R2.inactive",)


# --- Delivery ---


def turn(gateway: Founded, way: DeliveryWay = WAY) -> notifications.Delivery:
    delivery = notifications.begin_delivery(gateway.ports, OFMIN, way)
    assert delivery is not None
    return delivery


def test_a_receiver_gets_what_follows_and_only_what_it_took_counts(pushing):
    accepted(pushing)
    delivery = turn(pushing)
    first, *others = delivery.pending
    assert delivery.push_address == ADDRESS
    notifications.end_delivery(pushing.ports, delivery, DeliveryReport([first]))
    assert turn(pushing).pending == others


def test_one_process_at_a_time_delivers_to_a_receiver_and_another_follows_one_that_died(pushing):
    offered(pushing)
    delivery = turn(pushing)
    assert notifications.begin_delivery(pushing.ports, OFMIN, WAY) is None
    pushing.clock.advance(LEASE)
    assert turn(pushing).pending == delivery.pending


def test_who_lost_the_turn_notes_what_was_taken_and_ends_no_other_turn(pushing):
    offered(pushing)
    late = turn(pushing)
    pushing.clock.advance(LEASE)
    turn(pushing)
    notifications.end_delivery(pushing.ports, late, DeliveryReport([*late.pending], failed=True))
    assert notifications.begin_delivery(pushing.ports, OFMIN, WAY) is None, "the other's turn"
    assert polled(pushing) == []
    assert status(pushing)["failures"] == 0


def test_a_receiver_that_fails_has_a_pause_and_loses_nothing(pushing):
    offered(pushing)
    delivery = turn(pushing)
    notifications.end_delivery(pushing.ports, delivery, DeliveryReport(failed=True))
    assert status(pushing)["failures"] == 1
    assert notifications.begin_delivery(pushing.ports, OFMIN, WAY) is None
    pushing.clock.advance(timedelta(seconds=1))
    assert turn(pushing).pending == delivery.pending


def test_a_receiver_that_collects_meanwhile_has_no_pause_any_more(pushing):
    offered(pushing)
    notifications.end_delivery(pushing.ports, turn(pushing), DeliveryReport(failed=True))
    told = polled(pushing)
    polled(pushing, acknowledged=jtis(told))
    assert status(pushing)["failures"] == 0
    assert turn(pushing).pending == []


def test_nothing_is_sent_to_who_has_no_address_or_takes_no_part(pushing):
    offered(pushing)
    assert notifications.begin_delivery(pushing.ports, HOTLINE, WAY) is None
    assert notifications.begin_delivery(pushing.ports, "nobody", WAY) is None
    pushing.administer("organisation.suspend", OFMIN, reason="test")
    assert notifications.begin_delivery(pushing.ports, OFMIN, WAY) is None
    pushing.administer("organisation.reinstate", OFMIN, reason="test")
    assert turn(pushing).pending


@pytest.mark.parametrize("on_duty", [True, False])
def test_mail_begins_with_what_comes_and_tells_who_is_on_duty_or_else_the_liaison(gateway, on_duty):
    reached = {"role": "duty", "name": "Duty officer", "address": "+33 1 23 45 67 89"}
    if on_duty:
        gateway.administer("contact.set", OFMIN, **reached)
    before = turn(gateway, DeliveryWay.MAIL)
    assert before.pending == []
    notifications.end_delivery(gateway.ports, before, DeliveryReport())
    offered(gateway, submitted(gateway, urgency="urgent"))
    offered(gateway, submitted(gateway, urgency="normal"))
    delivery = turn(gateway, DeliveryWay.MAIL)
    urgent, normal = delivery.pending
    assert (urgent.urgency, normal.urgency) == ("urgent", "normal")
    assert delivery.for_mail == {urgent.event: ("duty",) if on_duty else ("liaison", "head")}


def test_mail_tells_the_duty_contact_of_a_danger_that_was_declined(gateway):
    gateway.administer(
        "contact.set", HOTLINE, role="duty", name="Duty", address="+33 1 23 45 67 89"
    )
    case = submitted(gateway, urgency="imminent_danger", urgency_reason="child_located")
    handoff = UUID(offered(gateway, case).result["handoff"])
    before = notifications.begin_delivery(gateway.ports, HOTLINE, DeliveryWay.MAIL)
    notifications.end_delivery(gateway.ports, before, DeliveryReport())
    gateway.answer(OFMIN, answers.decline, handoff, "not ours")
    told = notifications.begin_delivery(gateway.ports, HOTLINE, DeliveryWay.MAIL)
    (declined,) = told.pending
    assert (declined.type, declined.urgency) == ("handoff.declined", "imminent_danger")
    assert told.for_mail == {declined.event: ("duty",)}


def test_mail_tells_both_data_protection_officers_of_what_was_opened_before_its_acceptance(gateway):
    case = submitted(gateway, urgency="imminent_danger", urgency_reason="child_located")
    handoff = UUID(offered(gateway, case).result["handoff"])
    for organisation in (HOTLINE, OFMIN):
        before = notifications.begin_delivery(gateway.ports, organisation, DeliveryWay.MAIL)
        notifications.end_delivery(gateway.ports, before, DeliveryReport())
    opening = ConsultationRequest("officer-1", "imminent_danger", "a child is in danger")
    gateway.act(OFMIN, package_consultation.consult, handoff, opening)
    gateway.answer(OFMIN, answers.decline, handoff, "not ours")
    for organisation, also in ((HOTLINE, ("liaison",)), (OFMIN, ())):
        told = notifications.begin_delivery(gateway.ports, organisation, DeliveryWay.MAIL)
        opened = next(one for one in told.pending if one.type == "case.consulted")
        assert told.for_mail[opened.event] == (*also, "head", "data_protection")


def test_mail_tells_of_what_is_overdue_and_not_of_what_one_did_oneself(gateway):
    for organisation in (HOTLINE, OFMIN):
        begun = notifications.begin_delivery(gateway.ports, organisation, DeliveryWay.MAIL)
        notifications.end_delivery(gateway.ports, begun, DeliveryReport())
    offered(gateway)
    gateway.clock.advance(timedelta(days=8))
    asked = turn(gateway, DeliveryWay.MAIL)
    (offer,) = asked.pending
    assert asked.for_mail == {offer.event: ("liaison",)}
    own = notifications.begin_delivery(gateway.ports, HOTLINE, DeliveryWay.MAIL)
    assert own.for_mail == {}


# --- The registry ---


@each(
    "address",
    [
        "http://receiver.example/",
        "https://user@receiver.example/",
        "https://user:word@receiver.example/",
        "https://Receiver.example/",
        "https://receiver.example/#part",
        "https://receiver.example:x/",
        "https://receiver.example/a b",
        "https:///path",
        "receiver.example",
        "https://receiver.example/" + "a" * 500,
        "",
    ],
)
def test_an_address_that_is_none_is_refused(gateway, address):
    gateway.unmade(ValidationFailed, Change("notification.set_push", OFMIN, {"address": address}))


def test_the_push_is_set_and_ended_as_the_log_says(gateway):
    gateway.administer("notification.set_push", OFMIN, address=ADDRESS)
    assert status(gateway)["push_address"] == ADDRESS
    gateway.administer("notification.end_push", OFMIN, reason="moved")
    assert status(gateway)["push_address"] is None
    with pytest.raises(RecordedRefusal) as again:
        gateway.administer("notification.end_push", OFMIN, reason="moved")
    assert isinstance(again.value.refusal, WrongState)


def test_administrators_see_who_is_behind(pushing):
    offered(pushing)
    (found,) = notifications.overview(pushing.ports, HOST)
    assert (found.organisation, found.push_address) == (OFMIN, ADDRESS)
    assert found.head - found.acknowledged == 1
