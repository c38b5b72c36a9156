"""A succession on real databases: two that carry it out at once, and a process that dies."""

from typing import Any

import pytest

from gateway.exchange import succession_execution
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import HandoffFilter
from tests.exchange.databases import gateway, in_two_threads  # noqa: F401 - a fixture
from tests.exchange.moving_mandates import DAY, agreed, following
from tests.founding import HOTLINE, accepted, check_log, offered, submitted

HELD = 6


def test_two_that_carry_it_out_at_once_move_each_handoff_once(gateway):  # noqa: F811 - the fixture
    case = submitted(gateway)  # one case for all: its lock is shared, too
    held = [accepted(gateway, offered(gateway, case, again="test")) for _ in range(HELD)]
    succession = agreed(gateway)
    gateway.day = DAY

    def work() -> None:
        for _ in range(20):
            if succession_execution.apply(gateway.ports, succession, limit=2).done:
                return

    in_two_threads(work)
    while not succession_execution.apply(gateway.ports, succession).done:
        pass
    assert len({following(gateway, handoff) for handoff in held}) == HELD
    with gateway.ports.begin(TransactionMode.READ) as work_:
        assert len(work_.successions.moved(succession)) == HELD
        assert len(work_.handoffs.page(HOTLINE, "out", HandoffFilter("offered"), None, 100)) == HELD
    check_log(gateway)


def test_what_was_moved_before_a_crash_is_moved_and_the_rest_follows(gateway, monkeypatch):  # noqa: F811 - the fixture
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
        succession_execution.apply(gateway.ports, succession)
    assert sorted(gateway.handoff(one).state for one in held) == [
        "accepted",
        "accepted",
        "reissued",
    ]
    assert succession_execution.apply(gateway.ports, succession).done
    assert len({following(gateway, one) for one in held}) == 3
    check_log(gateway)
