"""Duties on real databases: two sweepers at once record each step once."""

import threading

from gateway.domain.refusals import Busy
from gateway.exchange import duties
from tests.exchange.test_duties import MINUTE, TERM, duties_of, sweep, told, urgent
from tests.exchange.test_succession_in_databases import gateway  # noqa: F401 - a fixture
from tests.founding import HOTLINE, OFMIN, Founded, check_log

HELD = 4


def race(founding: Founded) -> None:
    """Sweep in two threads at once."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            duties.sweep(founding.ports)
        except Busy:
            return  # the other one goes on
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_two_sweepers_at_once_record_each_step_once(gateway):  # noqa: F811 - the fixture
    sent = [urgent(gateway) for _ in range(HELD)]
    duties.sweep(gateway.ports)
    gateway.clock.advance(TERM / 2)
    race(gateway)
    sweep(gateway, TERM / 2 - 8 * MINUTE)
    for _ in range(4):
        gateway.clock.advance(4 * MINUTE)
        race(gateway)
    reminded, overdue = ["handoff.reminded"] * HELD, ["handoff.overdue"] * HELD
    assert sorted(told(gateway, OFMIN)) == sorted(reminded + overdue)
    assert told(gateway, HOTLINE) == overdue
    assert all(duties_of(gateway, one)[0].next_at is None for one in sent)
    check_log(gateway)
