"""The upkeep of one gateway, a step at a time: what is due, and what went wrong."""

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from gateway.domain.refusals import HighWaterMarkUnavailable, LogFrozen, Refusal
from gateway.pki.authority import AuthorityError
from gateway.web.security_log import failure_place
from gateway.wiring import GatewayRuntime, IssuingAuthority

Show = Callable[[Mapping[str | tuple[str, str], float]], None]
"""Shows the operator's metrics: what is known of the state, by name, or by name and label."""

RETRY_AFTER = timedelta(seconds=5)

_AT_ONCE = datetime.min.replace(tzinfo=UTC)


class TaskReport(NamedTuple):
    """What a task left: alarms for the operator; ``more`` when work is left for the next step;
    ``pause`` until it is due again, where that is sooner than its timetable says."""

    alarms: tuple[str, ...] = ()
    more: bool = False
    pause: timedelta = timedelta.max


class Published(NamedTuple):
    """What the published folder was last made of, and when."""

    at: datetime
    revoked: frozenset[int]
    authorities: tuple[str, ...]
    alarms: tuple[str, ...]


@dataclass
class Maintenance:
    """The upkeep of one gateway, a step at a time. The caller holds the lock.

    ``timetable`` is what is done, in the order of one step (`gateway.maintenance.timetable`).
    ``show`` is given the gateway's state every few seconds; ``examine`` keeps what is found about
    it (`gateway.doctor.findings`).
    """

    gateway: GatewayRuntime
    authority: IssuingAuthority
    timetable: "Sequence[Task]"
    show: Show | None = None
    examine: "Callable[[Maintenance, datetime], None] | None" = None
    log_refusal: LogFrozen | HighWaterMarkUnavailable | None = None
    """Why nothing can be recorded at present; lists and renewals go on."""
    published: Published | None = None
    unused_key: UUID | None = None
    """Where the search for keys that no case has goes on."""
    ended_logs: set[UUID] = field(default_factory=set)
    """The events by which peers' logs began anew with which all has ended."""
    rows_differ: bool = True
    """The rows were not found to be what the log says."""
    signed_size: tuple[int, datetime] | None = None
    """The size that was signed last, and when that was first seen."""
    ended: dict[str, datetime] = field(default_factory=dict)
    """When each task ended last, by its name."""
    _due: dict[str, datetime] = field(default_factory=dict)
    _alarms: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def step(self) -> None:
        """Run each task that is due. What fails is an alarm, and keeps no other task."""
        for task in self.timetable:
            now = self.gateway.ports.now()
            due = self._due.setdefault(task.name, now + task.after_start)
            # A due time that no pause explains was set by a clock that has gone back since.
            if not now < due <= now + max(task.every, task.after_start):
                self._attempt(task)

    def start(self) -> None:
        """Run every task of a start; raise what a gateway cannot start without."""
        for task in self.timetable:
            failure = None if task.after_start else self._attempt(task)
            if failure is not None and task.vital:
                raise failure

    def alarms(self, *names: str) -> list[str]:
        """Return what the operator has to act on, of some tasks or of all."""
        told = names or (*(task.name for task in self.timetable),)
        return [alarm for name in told for alarm in self._alarms.get(name, ())]

    def _attempt(self, task: "Task") -> Exception | None:
        """Run a task and plan the next run; returns why it failed."""
        now = self.gateway.ports.now()
        if task.records and self.log_refusal is not None:
            return None
        if (task.records or task.dated) and self.gateway.ports.leapt():
            return None
        failure: Exception | None = None
        report = TaskReport(more=True)
        try:
            report = task.run(self, now) or TaskReport()
        except (LogFrozen, HighWaterMarkUnavailable) as refusal:
            self.log_refusal = refusal
            frozen = "log frozen: " if isinstance(refusal, LogFrozen) else ""
            self._alarms["log"] = (f"{frozen}{refusal.detail}",)
            self._due["log"] = _AT_ONCE  # looked at in each step, until it goes on
            return None
        except Exception as error:  # a database that restarts, a full disk, a defect
            failure = error
            reason = _reason(error)
            report = TaskReport((f"{task.failing}: {reason}",))
        pause = min(task.every, RETRY_AFTER if failure else report.pause)
        self._due[task.name] = now if report.more else now + pause
        self._alarms[task.name], self.ended[task.name] = report.alarms, now
        return failure


@dataclass(frozen=True)
class Task:
    """One line of the timetable.

    ``failing`` tells the operator what is not done. A task that ``records`` waits while the log is
    frozen, and while the clock was moved ahead, as does one whose work is ``dated``; a gateway does
    not start when a ``vital`` one fails. What takes long comes some time ``after_start``.
    """

    name: str
    every: timedelta
    run: Callable[[Maintenance, datetime], TaskReport | None]
    failing: str
    records: bool = False
    dated: bool = False
    vital: bool = False
    after_start: timedelta = timedelta(0)


def _reason(error: Exception) -> str:
    """Why a task failed; of a failure that nobody foresaw, the place alone."""
    if isinstance(error, Refusal):
        return error.detail
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full: make room ({error.filename or 'a file'})"
    return str(error) if isinstance(error, AuthorityError) else failure_place(error)
