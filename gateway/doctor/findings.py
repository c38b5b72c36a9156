"""What maintenance keeps of the checks, for who is not on the host."""

import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.doctor.checks import run_checks
from gateway.doctor.keys import issuing_key, listeners_run_as
from gateway.domain.health import FORGOTTEN, Finding, HealthReport, Level
from gateway.domain.json_values import parse_timestamp
from gateway.domain.out_of_service import SEE_HANDOFF
from gateway.kernel.ports import TransactionMode
from gateway.maintenance.published import certificates_end
from gateway.maintenance.upkeep import Maintenance

_PROVED_BY: Mapping[str, str] = {"registry": "registry", "whole_log": "integrity"}
"""What takes long, and the task of maintenance that does it anyway; `handoffs` is in the first."""

_PARTED: Mapping[str, str] = {"registry": "handoffs"}
"""Under which check stand the findings of another that lead to the guide of cases and handoffs."""

_SELDOM = ("case_keys", "policies")

_SELDOM_EVERY = timedelta(hours=1)

_LIST = "revocation list"
"""What is made again each hour, and ends in two days."""

_WHOLE: Mapping[str, str] = {
    "registry": "registry, cases and handoffs are what the log and their documents say",
    "whole_log": "all entries have their documents, streams and search words",
}


def keep_findings(upkeep: Maintenance, now: datetime) -> None:
    """Keep what the checks find; of what takes long, what was found last, and when."""
    gateway, node = upkeep.gateway, socket.gethostname()
    with gateway.store.begin(TransactionMode.READ) as work:
        last = [one for kept in work.health.reports() if kept.node == node for one in kept.found()]
    recent = [
        one
        for one in last
        if one.check in _SELDOM and one.at and now < parse_timestamp(one.at) + _SELDOM_EVERY
    ]
    left_out = {*_PROVED_BY, "handoffs", *(one.check for one in recent)}
    if not listeners_run_as():  # the sandbox of a unit hides them: nothing is to be told
        left_out.add(issuing_key.__name__)
    at = now.isoformat()
    found = [
        *_alarms(upkeep, last),
        *(replace(one, at=at) for one in run_checks(gateway.config, now, without=left_out)),
        *recent,
    ]
    known = {one.sentence for one in found}
    others = (one for one in upkeep.alarms() if one not in known)
    found += [Finding("maintenance", Level.WARNING, one, at) for one in others]
    ends = certificates_end(gateway.config)
    said = {name: end.isoformat() for name, end in ends.items() if not name.startswith(_LIST)}
    report = HealthReport.of(node, now, found, said)
    with gateway.store.begin(TransactionMode.WRITE) as work:
        work.health.keep(report, now - FORGOTTEN)
        work.commit()


def _alarms(upkeep: Maintenance, last: Iterable[Finding]) -> Iterator[Finding]:
    """Return what maintenance's own long comparisons found; until they end, what was found before
    this process began."""
    for check, task in _PROVED_BY.items():
        ended = upkeep.ended.get(task)
        if ended is None:
            yield from (one for one in last if one.check in (check, _PARTED.get(check)))
            continue
        told, at = upkeep.alarms(task), ended.isoformat()
        for one in told:
            part = _PARTED.get(check, check) if one.endswith(SEE_HANDOFF) else check
            yield Finding(part, Level.ERROR, one, at)
        if not told:
            yield Finding(check, Level.OK, _WHOLE[check], at)
