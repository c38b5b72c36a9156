"""Maintenance keeps what the doctor finds, for who is not on the host."""

from contextlib import closing
from datetime import timedelta

import pytest

from gateway import wiring
from gateway.doctor.checks import CHECKS
from gateway.doctor.findings import keep_findings
from gateway.domain.health import RUNBOOKS, Finding, Level
from gateway.domain.out_of_service import SEE_HANDOFF
from gateway.kernel.ports import TransactionMode
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance
from gateway.text import catalogue
from tests.operating import Operator


def kept(gw: Operator, later: timedelta = timedelta()) -> list[Finding]:
    """What is kept after maintenance looked once more, at a later time."""
    with closing(wiring.connect(gw.config)) as gateway:
        upkeep = Maintenance(gateway, wiring.IssuingAuthority(gw.config), TIMETABLE)
        keep_findings(upkeep, wiring.now() + later)
        with gateway.store.begin(TransactionMode.READ) as work:
            (report,) = work.health.reports()
    return [*report.found()]


def test_maintenance_keeps_what_is_found_without_the_long_comparisons(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.doctor.findings.listeners_run_as", set)
    found = kept(gw)
    assert {one.__name__ for one in CHECKS} - {one.check for one in found} == {
        "registry",
        "handoffs",
        "issuing_key",
    }
    assert all(one.at for one in found)
    assert {one.check for one in found} <= RUNBOOKS.keys() == catalogue._TABLES["checks"].keys()


def test_what_takes_longer_is_looked_at_each_hour(gw: Operator) -> None:
    first, soon, late = (
        {one.check: one.at for one in kept(gw, timedelta(minutes=at))} for at in (0, 5, 65)
    )
    assert first["disk"] != soon["disk"]
    assert first["policies"] == soon["policies"] != late["policies"]


def test_what_maintenance_compares_and_cannot_do_is_kept_with_its_time(gw: Operator) -> None:
    with closing(wiring.connect(gw.config)) as gateway:
        upkeep = Maintenance(gateway, wiring.IssuingAuthority(gw.config), TIMETABLE)
        begun = wiring.now()
        upkeep.ended = {"registry": begun, "integrity": begun, "requests": begun}
        upkeep._alarms = {
            "registry": ("the registry's entry of a is not that", f"the case b: {SEE_HANDOFF}"),
            "integrity": ("the stored log is damaged: entry 7",),
            "requests": ("certificate requests are not served: busy",),
        }
        keep_findings(upkeep, begun + timedelta(minutes=5))
        again = Maintenance(gateway, wiring.IssuingAuthority(gw.config), TIMETABLE)
        keep_findings(again, begun + timedelta(minutes=10))
        with gateway.store.begin(TransactionMode.READ) as work:
            (report,) = work.health.reports()
    told = {one.check: (one.level, one.at) for one in report.found()}
    assert told["whole_log"] == (Level.ERROR, begun.isoformat())
    assert told["registry"] == (Level.ERROR, begun.isoformat())
    assert told["handoffs"] == told["registry"], "whose guide says how a case is repaired"
    assert "maintenance" not in told


def test_each_task_of_maintenance_says_in_both_languages_what_is_not_done() -> None:
    for task in TIMETABLE:
        told = f"{task.failing}: why"
        assert catalogue.finding(told, catalogue.FRENCH) != told, told
