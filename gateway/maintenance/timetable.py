"""All that maintenance does, in the order of one step."""

from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.domain.health import EXAMINED_EVERY
from gateway.exchange.handoffs import retention
from gateway.exchange.lifecycle import before_erasure
from gateway.exchange.relay import following
from gateway.exchange.standing import duties
from gateway.kernel import changes
from gateway.kernel.ports import Ports
from gateway.kernel.transact import AHEAD
from gateway.maintenance.comparison import compare_registry
from gateway.maintenance.ending import (
    apply_successions,
    compare_keys,
    end_log_terms,
    end_with_peers,
    erase,
    index_items,
)
from gateway.maintenance.health import examine, show_health
from gateway.maintenance.issuing import issue_certificates, prune
from gateway.maintenance.log import check_log, publish_keys, verify_log
from gateway.maintenance.published import publish, refresh_authorities, review_published
from gateway.maintenance.suspensions import record_suspensions
from gateway.maintenance.upkeep import Maintenance, Task, TaskReport

_EACH_STEP, _MINUTE = timedelta(0), timedelta(minutes=1)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def check_clock(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Look whether the clock was moved ahead; while it is, nothing is published or recorded."""
    return TaskReport((AHEAD,) if upkeep.gateway.ports.leapt() else ())


def _of_ports(
    run: Callable[[Ports], bool | None],
) -> Callable[["Maintenance", datetime], TaskReport]:
    """A task that needs the ports alone, and may say that work is left for the next step."""
    return lambda upkeep, _: TaskReport(more=bool(run(upkeep.gateway.ports)))


TIMETABLE: tuple[Task, ...] = (
    Task("clock", _EACH_STEP, check_clock, "the clock is not looked at"),
    Task("authorities", _EACH_STEP, refresh_authorities, "authorities are not read again"),
    Task("publication", _EACH_STEP, publish, "lists are not published", vital=True, dated=True),
    Task("review", _EACH_STEP, review_published, "what is published is not reviewed"),
    Task("log", _MINUTE, check_log, "the log is not compared with its high-water mark"),
    Task(
        "registry", _HOUR, compare_registry, "the registry is not compared with the log", vital=True
    ),
    Task(
        "suspensions",
        _EACH_STEP,
        record_suspensions,
        "suspensions are not recorded",
        records=True,
        vital=True,
    ),
    Task("own keys", _HOUR, publish_keys, "the gateway's keys are not recorded", records=True),
    Task("integrity", _DAY, verify_log, "the stored log is not verified", after_start=_HOUR),
    Task("pruning", _HOUR, prune, "ended tokens are not removed", records=True),
    Task(
        "proposals", _DAY, _of_ports(changes.prune_proposals), "ended proposals stay", records=True
    ),
    Task("successions", _MINUTE, apply_successions, "successions are not applied", records=True),
    Task("due", _MINUTE, _of_ports(duties.sweep), "what is due is not reminded of", records=True),
    Task(
        "undelivered",
        _MINUTE,
        _of_ports(following.tell_undelivered),
        "nobody hears of what waits at a peer gateway",
        records=True,
    ),
    Task(
        "peers that left",
        _MINUTE,
        end_with_peers,
        "handoffs with members of a peer gateway that is gone stay open",
        records=True,
    ),
    Task(
        "erasure notices",
        _HOUR,
        _of_ports(before_erasure.announce),
        "holders do not hear of erasures",
        records=True,
    ),
    Task(
        "retentions",
        _MINUTE,
        _of_ports(retention.end_due),
        "retentions are not ended",
        records=True,
    ),
    Task("erasure", _MINUTE, erase, "cases are not erased", records=True),
    Task("items", _HOUR, index_items, "earlier cases are not found by their items", records=True),
    Task(
        "log terms",
        _DAY,
        end_log_terms,
        "details are not erased from the log after their term",
        records=True,
        after_start=_MINUTE,
    ),
    Task("keys", _DAY, compare_keys, "cases are not erased again", records=True),
    Task(
        "requests",
        _EACH_STEP,
        issue_certificates,
        "certificate requests are not served",
        records=True,
        vital=True,
    ),
    Task("health", timedelta(seconds=5), show_health, "the metrics are not updated"),
    Task(
        "examination",
        EXAMINED_EVERY,
        examine,
        "what is found about the gateway is not kept",
        after_start=timedelta(seconds=5),
    ),
)
"""The timetable, in the order of one step."""
