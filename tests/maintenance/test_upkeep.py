"""Each task is run when it is due, whatever the clock does and whatever fails."""

import errno
import os
from dataclasses import replace
from datetime import datetime

import pytest

from gateway.kernel.transact import AHEAD
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import RETRY_AFTER, Maintenance, Task, TaskReport
from gateway.pki import authority
from tests.maintenance.upkeeping import (
    DAY,
    HOUR,
    NOW,
    maintained,
    published_at,
)
from tests.operating import Operator, execute


def test_a_full_disk_is_told_as_one(gw: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/srv/casegate/published/crl.pem")

    monkeypatch.setattr(authority, "publish_crls", full)
    with maintained(gw) as (upkeep, _):
        upkeep.step()
        assert (
            "lists are not published: the disk is full: make room (/srv/casegate/published/crl.pem)"
            in upkeep.alarms()
        )


def test_while_the_clock_is_moved_ahead_nothing_is_published_or_recorded(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        upkeep.step()
        moved = [False]
        ports = replace(upkeep.gateway.ports, leapt=lambda: moved[0])
        upkeep.gateway = replace(upkeep.gateway, ports=ports)
        before, size = published_at(gw), gw.size()
        moved[0] = True
        clock.at += 2 * HOUR
        upkeep.step()
        assert upkeep.alarms() == [AHEAD]
        assert (published_at(gw), gw.size()) == (before, size)
        moved[0] = False
        upkeep.step()
        assert upkeep.alarms() == []
        assert published_at(gw) == NOW + 2 * HOUR


def test_what_is_done_each_hour_waits_for_no_clock_that_has_gone_back(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        clock.at = NOW + DAY
        upkeep.step()
        clock.at = NOW
        execute(gw.folder / "casegate.db", "UPDATE person SET enabled = 0 WHERE id = 'martin'")
        upkeep.step()
        assert any("martin" in one for one in upkeep.alarms())


def test_a_task_that_fails_is_told_without_its_words_is_retried_and_keeps_no_other(
    gw: Operator,
) -> None:
    runs: list[datetime] = []

    def fail_twice(_: Maintenance, now: datetime) -> TaskReport:
        runs.append(now)
        if len(runs) < 3:
            raise ZeroDivisionError("a secret")
        return TaskReport()

    task = Task("broken", DAY, fail_twice, "it is not done")
    with maintained(gw) as (upkeep, clock):
        upkeep.timetable = (task, *TIMETABLE)
        for _ in range(4):
            upkeep.step()
            told = upkeep.alarms()
            assert told == [] if len(runs) == 3 else told[0].startswith("it is not done: ZeroDiv")
            assert not any("secret" in sentence for sentence in told)
            clock.at += RETRY_AFTER
        assert runs == [NOW + number * RETRY_AFTER for number in range(3)]
    assert published_at(gw) == NOW


def test_what_has_work_left_goes_on_in_the_next_step(gw: Operator) -> None:
    left = [True, True, False]

    def work(_: Maintenance, now: datetime) -> TaskReport:
        return TaskReport(more=left.pop(0))

    with maintained(gw) as (upkeep, _):
        upkeep.timetable = (Task("work", DAY, work, "stuck"),)
        for _ in range(5):
            upkeep.step()
    assert left == []
