"""Gateways as shipped that are peers: what crosses between them, and what may go wrong (slow)."""

import random
from collections.abc import Iterator
from dataclasses import replace
from threading import Thread
from time import monotonic, sleep

import pytest

from gateway import relaying, wiring
from gateway.client.errors import RequestRefused
from gateway.domain.notification import DeliveryWay
from gateway.exchange.relay.taking_in import understood
from gateway.kernel.ports import TransactionMode
from tests.journeys.harness import ABROAD, OFMIN, check_log
from tests.journeys.peers import (
    PeerStage,
    accept,
    answer_recall,
    check,
    check_both,
    erased,
    gateways,
    join,
    name_of,
    offer,
    parties,
    recall,
    settle,
    state,
    view,
)
from tests.journeys.processes import kill_node, kill_process
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.slow]

Two = tuple[PeerStage, PeerStage]
HOLD = 35.0
"""Seconds after which the sender gives an answer up."""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """A hotline's gateway and a police office's, which are peers."""
    with gateways(tmp_path_factory.mktemp("peers"), "be", "fr") as (be, fr):
        join(be, fr)
        parties(be, fr)
        yield be, fr


def test_two_gateways_enrol_at_each_other_and_cosign_each_others_logs(two: Two) -> None:
    be, fr = two
    for one, other in ((be, fr), (fr, be)):
        until(lambda one=one, other=other: state(one, other)["cosigned_here"])
        assert set(check(one, other).values()) == {None}
        there = state(other, one)["cosigned_here"]
        assert state(one, other)["cosigned_there"] == there > 0
        assert known_there(one, other) == {*understood()}
        check_log(one)


def known_there(one: PeerStage, other: PeerStage) -> frozenset[str]:
    """Which events the other gateway told that it knows."""
    gateway = wiring.connect(wiring.load_config(one.operator))
    try:
        with gateway.ports.begin(TransactionMode.READ) as work:
            return work.relay.events_told(relaying.pins_of(work, name_of(other)).origin)
    finally:
        gateway.close()


def test_a_recall_reaches_its_holder_abroad_within_a_minute_and_its_answer_comes_back(
    two: Two,
) -> None:
    be, fr = two
    handoff = offer(be, fr)
    accept(fr, handoff)
    until(lambda: view(be, ABROAD, handoff).get("state") == "accepted")
    recall(be, handoff)
    began = monotonic()
    until(lambda: view(fr, OFMIN, handoff).get("recalled"))
    print(f"the recall was there after {monotonic() - began:.1f} s")
    answer_recall(fr, handoff)
    until(lambda: erased(be, handoff))
    check_both(be, fr, handoff)
    for one, other in ((be, fr), (fr, be)):  # what comes again has its first answer
        assert set(check(one, other).values()) == {None}


def test_a_line_that_cuts_and_holds_answers_back_loses_and_doubles_nothing(two: Two) -> None:
    be, fr = two
    with be.line.bad(), fr.line.bad():
        handoffs = [offer(be, fr) for _ in range(3)]
        sleep(20)  # a sender's pauses grow for as long as its line is bad
    settle(be, fr, *handoffs)
    print(f"{fr.line.cuts} and {be.line.cuts} cuts")
    assert fr.line.cuts + be.line.cuts
    check_both(be, fr, *handoffs)


def test_an_answer_that_never_comes_is_asked_for_again_and_its_act_is_there_once(
    two: Two,
) -> None:
    be, fr = two
    fr.line.hold()
    try:
        handoff = offer(be, fr)
        sleep(HOLD)
    finally:
        fr.line.release()
    settle(be, fr, handoff)
    check_both(be, fr, handoff)


def test_deliver_killed_at_any_time_loses_and_doubles_nothing(two: Two) -> None:
    be, fr = two
    killing = Thread(target=kill_deliver, args=(be, fr))
    killing.start()
    try:
        handoffs = [offer(be, fr) for _ in range(3)]
        settle(be, fr, *handoffs)
    finally:
        killing.join()
    check_both(be, fr, *handoffs)


def kill_deliver(*stages: PeerStage) -> None:
    """Kill the sender of each gateway four times: a fifth in a minute ends a supervisor."""
    chance = random.Random(20260104)
    for _ in range(4):
        for stage in stages:
            sleep(chance.uniform(0, 2))
            until(lambda stage=stage: kill_process(stage, "deliver"))


def test_either_gateway_killed_soon_after_each_act_loses_and_doubles_nothing(two: Two) -> None:
    be, fr = two
    chance, handoffs = random.Random(20260105), list[str]()

    def lose_power(stage: PeerStage) -> None:
        sleep(chance.uniform(0, 1.2))
        assert kill_node(stage)
        stage.stop()
        stage.start()

    for one, other in ((be, fr), (fr, be)):
        handoffs.append(handoff := offer(be, fr))
        lose_power(one)
        accept(fr, handoff)
        lose_power(other)
        until(lambda handoff=handoff: view(be, ABROAD, handoff).get("state") == "accepted", 150)
        recall(be, handoff)
        lose_power(one)
        until(lambda handoff=handoff: view(fr, OFMIN, handoff).get("recalled"), 150)
        answer_recall(fr, handoff)
        lose_power(other)
        until(lambda handoff=handoff: erased(be, handoff), 150)
    check_both(be, fr, *handoffs)


def test_a_recall_that_waited_two_days_for_a_peer_goes_on_without_anybodys_act(two: Two) -> None:
    be, fr = two
    handoff = offer(be, fr)
    accept(fr, handoff)
    until(lambda: view(be, ABROAD, handoff).get("state") == "accepted")
    log = be.folder / "gateway.log"
    before = log.stat().st_size
    fr.stop()
    recall(be, handoff)
    silent = b"members of the peer gateway fr: no answer"
    until(lambda: silent in log.read_bytes()[before:])  # it asks each half minute
    until(lambda: _pause_as_after_days(be, f"{OFMIN}@fr"))
    fr.start()
    until(lambda: view(fr, OFMIN, handoff).get("recalled"), 120)
    answer_recall(fr, handoff)
    until(lambda: erased(be, handoff), 120)
    check_both(be, fr, handoff)


def _pause_as_after_days(stage: PeerStage, member: str) -> bool:
    """Let the next attempt for a remote member be as far away as after an outage of days."""
    gateway = wiring.connect(wiring.load_config(stage.operator))
    try:
        with gateway.ports.begin(TransactionMode.WRITE) as work:
            cursor = work.notifications.cursor(member, DeliveryWay.RELAY)
            if cursor.leased_until is not None:
                return False
            now = gateway.ports.now()
            work.notifications.save(replace(cursor, failures=60).fail(now, 0))
            work.commit()
            return True
    finally:
        gateway.close()


def test_a_member_suspended_at_home_is_refused_abroad_within_a_minute(two: Two) -> None:
    be, fr = two
    fr.administer("organisation.suspend", OFMIN, {"reason": "its keys were stolen"})
    began = monotonic()
    try:
        until(lambda: not _takes_offers(be, fr))
        print(f"refused after {monotonic() - began:.1f} s")
    finally:
        fr.administer("organisation.reinstate", OFMIN, {"reason": "it has new keys"})
    until(lambda: _takes_offers(be, fr))


def _takes_offers(be: PeerStage, fr: PeerStage) -> bool:
    """Tell whether the hotline may offer the police office something; it asks now and then."""
    sleep(2)
    try:
        return bool(offer(be, fr))
    except RequestRefused:
        return False
