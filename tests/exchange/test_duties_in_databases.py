"""Duties on real databases: two sweepers at once record each step once."""

from gateway.exchange import duties
from tests.exchange.databases import gateway, in_two_threads  # noqa: F401 - a fixture
from tests.exchange.test_duties import MINUTE, TERM, duties_of, sweep, told, urgent
from tests.founding import HOTLINE, OFMIN, check_log

HELD = 4


def test_two_sweepers_at_once_record_each_step_once(gateway):  # noqa: F811 - the fixture
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
    assert all(duties_of(gateway, one)[0].next_at is None for one in sent)
    check_log(gateway)
