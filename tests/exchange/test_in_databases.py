"""What two do at once on a real database of each kind, or one that dies in the middle of it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.handoff import HandoffState, RecallAnswer
from gateway.domain.refusals import Busy
from gateway.domain.retention import GRACE_DAYS
from gateway.exchange.handoffs import (
    arrivals,
    package_consultation,
    recalls,
    retention,
)
from gateway.exchange.handoffs.arrivals import SeenRequest, TakeRequest
from gateway.exchange.lifecycle import before_erasure, erasure, succession_execution, worklist
from gateway.exchange.standing import duties
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.kernel.values import HandoffFilter
from tests import answers
from tests.casework import OPENING, accepted, offered, submitted
from tests.exchange.handoffs.test_recalls import UNLAWFUL, acknowledge, answer, erased, given
from tests.exchange.handoffs.test_retention import consult, has_copy, retain
from tests.exchange.lifecycle.test_before_erasure import erased_in, heard
from tests.exchange.moving_mandates import DAY, agreed, carry_out, following
from tests.exchange.standing.test_duties import MINUTE, TERM, sweep, told, urgent
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, Founded, caller, fields_of
from tests.founding import founded, founded_at
from tests.log_check import check_log
from tests.store import places

HELD = 4


@pytest.fixture(params=["sqlite", "postgresql"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Founded]:
    """The founded gateway on a database of each kind; its log must hold together."""
    if request.param == "sqlite":
        made = founded()
        yield made
        check_log(made)
        return
    place = places.postgresql()
    made = founded_at(place)
    yield made
    check_log(made)
    place.close()


def in_two_threads(work: Callable[[], object]) -> None:
    """Do it in two threads at once; one that finds the gateway busy leaves it to the other."""

    def run(_: int) -> None:
        with suppress(Busy):
            work()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(2)))  # raises what a thread raised


def test_what_arrives_waits_by_urgency_then_time_until_it_is_seen(gateway):
    held = accepted(gateway)
    gateway.answer(OFMIN, answers.outcome, held, code="case_opened")
    asked = {"code": "more_needed", "what": "other", "text": "which?"}
    gateway.answer(OFMIN, answers.outcome, held, **asked, until="2026-03-09T09:00:00Z")
    case = submitted(gateway, urgency="imminent_danger", urgency_reason="child_located")
    danger = UUID(offered(gateway, case).result["handoff"])
    gateway.answer(OFMIN, answers.decline, danger, "not ours")
    listed = worklist.page(gateway.ports, caller(HOTLINE), None, 9).items
    assert [one.arrived or one.kind for one in listed] == [
        "handoff.declined", "case_offer", "handoff.outcome_reported", "handoff.outcome_reported"
    ]  # fmt: skip
    assert [one.due_at is None for one in listed] == [False, True, False, True]
    for person in ("analyst-1", "officer-1"):
        gateway.act(HOTLINE, arrivals.take, held, TakeRequest(person))
    late, _, *others = worklist.page(gateway.ports, caller(HOTLINE), None, 9).items
    assert (late.taken_by, {one.taken_by for one in others}) == (None, {"officer-1"})
    for handoff in (held, danger):
        gateway.act(HOTLINE, arrivals.mark_seen, handoff, SeenRequest("officer-1"))
    (left,) = worklist.page(gateway.ports, caller(HOTLINE), None, 9).items
    assert (left.kind, str(left.case)) == ("case_offer", case.result["case"])


def test_two_sweepers_at_once_record_each_step_once(gateway):
    sent = [urgent(gateway) for _ in range(HELD)]
    duties.sweep(gateway.ports)
    gateway.clock.advance(TERM / 2)
    in_two_threads(lambda: duties.sweep(gateway.ports))
    sweep(gateway, TERM / 2 - 8 * MINUTE)
    for _ in range(4):
        gateway.clock.advance(4 * MINUTE)
        in_two_threads(lambda: duties.sweep(gateway.ports))
    reminded, overdue = ["handoff.reminded"] * HELD, ["handoff.overdue"] * HELD
    assert sorted(told(gateway, OFMIN)) == sorted(reminded + overdue)
    assert told(gateway, HOTLINE) == overdue
    assert all(gateway.duties(one)[0].next_at is None for one in sent)


def test_two_recalls_at_once_touch_each_handoff_once(gateway):
    case = submitted(gateway)
    held = [given(gateway, case, to) for to in (OFMIN, ABROAD)]

    def recall() -> None:
        with suppress(RecordedRefusal):  # the other one was first
            gateway.act(HOTLINE, recalls.of_case, UUID(case.result["case"]), UNLAWFUL)

    in_two_threads(recall)
    told = [one["handoff"] for one in check_log(gateway) if one["type"] == "handoff.recalled"]
    assert sorted(told) == sorted(map(str, held))
    assert {gateway.handoff(one).state for one in held} == {HandoffState.WITHDRAWN}


def test_a_consultation_is_before_a_recall_or_refused(gateway):
    handoff = given(gateway, submitted(gateway), OFMIN)
    acts = [
        (HOTLINE, recalls.of_handoff, handoff, UNLAWFUL),
        (OFMIN, package_consultation.consult, handoff, OPENING),
    ]

    def act() -> None:
        with suppress(RecordedRefusal):  # the recall was first
            gateway.act(*acts.pop())

    in_two_threads(act)
    logged = [one["type"] for one in check_log(gateway) if one["result"] == "allowed"]
    if "case.consulted" in logged and "handoff.recalled" in logged:
        assert logged.index("case.consulted") < logged.index("handoff.recalled")


def test_answers_to_a_recall_are_kept_after_the_erasure_of_the_case(gateway):
    handoff = given(gateway, submitted(gateway), OFMIN)
    gateway.act(HOTLINE, recalls.of_handoff, handoff, UNLAWFUL)
    erased(gateway)
    acknowledge(gateway, handoff)
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)
    assert not gateway.owed(handoff)


def test_two_nodes_at_once_keep_end_and_tell_of_a_retention_once(gateway):
    kept, waiting = (accepted(gateway, offered(gateway, erased_in(gateway, 10))) for _ in range(2))
    in_two_threads(lambda: before_erasure.announce(gateway.ports))
    assert [number for _, number in heard(gateway, OFMIN)] == [2]
    retain(gateway, kept)
    gateway.clock.advance(timedelta(days=10))
    in_two_threads(lambda: erasure.erase_due(gateway.ports))
    assert erasure.erase_due(gateway.ports) == 0
    assert has_copy(gateway, kept)
    assert has_copy(gateway, waiting)
    gateway.clock.advance(timedelta(days=GRACE_DAYS))
    size = gateway.size()
    in_two_threads(lambda: retention.end_due(gateway.ports))
    assert gateway.size() == size + 1
    assert not has_copy(gateway, waiting)
    assert fields_of(consult(gateway, kept).receipt)["type"] == "case.consulted"


def test_two_that_carry_out_a_succession_at_once_move_each_handoff_once(gateway):
    case = submitted(gateway)  # one case for all: its lock is shared, too
    held = [accepted(gateway, offered(gateway, case, again="test")) for _ in range(6)]
    succession = agreed(gateway)
    gateway.day = DAY

    def work() -> None:
        for _ in range(20):
            if carry_out(gateway, succession, limit=2).done:
                return

    in_two_threads(work)
    while not carry_out(gateway, succession).done:
        pass
    assert len({following(gateway, handoff) for handoff in held}) == len(held)
    with gateway.ports.begin(TransactionMode.READ) as work_:
        assert len(work_.successions.moved(succession)) == len(held)
        sent = work_.handoffs.page(HOTLINE, "out", HandoffFilter("offered"), None, 100)
        assert len(sent) == len(held)


def test_what_was_moved_before_a_crash_is_moved_and_the_rest_follows(gateway, monkeypatch):
    held = [accepted(gateway) for _ in range(3)]
    succession = agreed(gateway)
    gateway.day = DAY
    record, calls = succession_execution._record, []

    def crash(*arguments: Any, **named: Any) -> None:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt  # in the middle of the second transaction: two events each
        record(*arguments, **named)

    monkeypatch.setattr(succession_execution, "_record", crash)
    with pytest.raises(KeyboardInterrupt):
        carry_out(gateway, succession)
    states = sorted(gateway.handoff(one).state for one in held)
    assert states == ["accepted", "accepted", "reissued"]
    assert carry_out(gateway, succession).done
    assert len({following(gateway, one) for one in held}) == 3


def test_who_leaves_is_told_to_its_counterparts_and_owes_nothing_more(gateway):
    sent, held = submitted(gateway), accepted(gateway)
    offer = UUID(offered(gateway, sent).result["handoff"])
    gateway.administer("organisation.leave", OFMIN, reason="it closes")
    assert gateway.owed(offer) == []
    arrived = {**gateway.arrived(offer), **gateway.arrived(held)}
    assert arrived == {HOTLINE: ["counterpart.left"]}
    assert all(one.due_at is None for one in map(gateway.handoff, (offer, held)))
