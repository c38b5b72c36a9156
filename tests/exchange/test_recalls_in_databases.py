"""Recalls on real databases: one binds once, and no consultation overlaps it."""

from contextlib import suppress
from uuid import UUID

from gateway.domain.handoff import HandoffState
from gateway.exchange import handoffs, recalls
from gateway.kernel.transact import RecordedRefusal
from tests.exchange.databases import gateway, in_two_threads  # noqa: F401 - a fixture
from tests.exchange.test_recalls import UNLAWFUL, acknowledge, answer, erased, given, owed
from tests.exchange.test_recalls import RecallAnswer as Answer
from tests.founding import ABROAD, HOTLINE, OFMIN, OPENING, caller, check_log, submitted


def test_two_recalls_at_once_touch_each_handoff_once(gateway):  # noqa: F811 - the fixture
    case = submitted(gateway)
    held = [given(gateway, case, to) for to in (OFMIN, ABROAD)]
    at = UUID(case.result["case"])

    def recall() -> None:
        with suppress(RecordedRefusal):  # the other one was first
            gateway.act(HOTLINE, recalls.of_case, at, UNLAWFUL)

    in_two_threads(recall)
    told = [one["handoff"] for one in check_log(gateway) if one["type"] == "handoff.recalled"]
    assert sorted(told) == sorted(map(str, held))
    assert {gateway.handoff(one).state for one in held} == {HandoffState.WITHDRAWN}


def test_a_consultation_is_before_a_recall_or_refused(gateway):  # noqa: F811 - the fixture
    handoff = given(gateway, submitted(gateway), OFMIN)
    acts = [
        (recalls.of_handoff, caller(HOTLINE), gateway.key(), handoff, UNLAWFUL),
        (handoffs.consult, caller(OFMIN), gateway.key(), handoff, OPENING),
    ]

    def act() -> None:
        with suppress(RecordedRefusal):  # the recall was first
            gateway.do(*acts.pop())

    in_two_threads(act)
    logged = [one["type"] for one in check_log(gateway) if one["result"] == "allowed"]
    if "case.consulted" in logged and "handoff.recalled" in logged:
        assert logged.index("case.consulted") < logged.index("handoff.recalled")


def test_answers_are_kept_after_the_erasure_of_the_case(gateway):  # noqa: F811 - the fixture
    handoff = given(gateway, submitted(gateway), OFMIN)
    gateway.act(HOTLINE, recalls.of_handoff, handoff, UNLAWFUL)
    erased(gateway)
    acknowledge(gateway, handoff)
    answer(gateway, handoff, Answer.COPIES_ERASED)
    assert not owed(gateway, handoff)
