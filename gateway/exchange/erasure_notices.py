"""Holders hear before a case is erased, 14 days and a day before: one event a day, with the number.

Which handoffs these are, the list by ``erase_before`` says. What a holder retains is not counted.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta

from gateway.domain.organisation import Status
from gateway.exchange.interests import is_barred
from gateway.kernel import events
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork

ACTION = "erasure.announce"

DAYS_BEFORE = (14, 1)


def announce(ports: Ports) -> None:
    """Tell each holder how many of its handoffs are erased soon, once for each day of erasure.

    After an interruption one event counts all days that were left out. Raises LogFrozen, Busy.
    """
    day = ports.civil_day(ports.now())
    for days in DAYS_BEFORE:
        last = day + timedelta(days=days)
        with ports.begin(TransactionMode.READ) as work:
            told = work.retentions.announced(days)
            if told is not None and told >= last:
                continue
            numbers = _numbers(work, told or day, last, day)
        with ports.begin(TransactionMode.WRITE) as work:
            if work.retentions.announce(days, told, last):  # no other node was faster
                _record(ports, work, numbers, last + timedelta(days=1))
                work.commit()


def _numbers(work: UnitOfWork, after: date, last: date, day: date) -> Mapping[str, int]:
    """How many handoffs of each holder are erased after a day and by another one."""
    counted = Counter[str]()
    for holder, handoff in work.retentions.unretained(after, last):
        found = work.organisations.get(holder)
        if found is None or found.status is Status.LEFT:
            continue
        if found.interests and is_barred(work, handoff, day):
            continue
        counted[holder] += 1
    return counted


def _record(ports: Ports, work: UnitOfWork, numbers: Mapping[str, int], before: date) -> None:
    for holder, number in sorted(numbers.items()):
        parties = events.gateway_and(holder)
        subject = {"erase_before": before.isoformat(), "handoffs": str(number)}
        events.record_by_gateway(ports, work, ACTION, parties, events.subject(subject, *parties))
