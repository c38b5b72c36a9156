"""The doctor tells what is wrong with folder, policies, clock, backups and disk."""

import shutil
from collections import namedtuple
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway import wiring
from gateway.cedar import policy_folder
from gateway.doctor import host
from gateway.doctor.checks import run_checks
from gateway.domain.health import Level
from gateway.maintenance import comparison
from gateway.maintenance.comparison import PROVED, compare_registry
from gateway.maintenance.health import BACKUPS, note_backup
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance
from tests.doctor.finding import sentences
from tests.operating import Operator

DAY = timedelta(days=1)


def test_a_backup_that_is_missing_or_old_is_a_warning(gw: Operator) -> None:
    assert "never" in sentences(gw, "backups", Level.WARNING)
    for what in BACKUPS:
        note_backup(gw.config, what)
    told = sentences(gw, "backups", Level.OK, DAY)
    assert "database" in told
    assert "case-keys" in told
    assert "run deploy/systemd/back-up daily" in sentences(gw, "backups", Level.WARNING, 3 * DAY)


def test_a_rehearsal_is_asked_for_and_noted(gw: Operator, tmp_path: Path) -> None:
    assert "ever rehearsed" in sentences(gw, "rehearsal", Level.WARNING)
    gw.type("backup", "--home", gw.folder, tmp_path / "copy")
    result = gw.type("backup", "--home", gw.folder, tmp_path / "copy", "--rehearsed")
    assert result.exit_code == 0, result.output
    assert "was rehearsed last" in sentences(gw, "rehearsal", Level.OK, 199 * DAY)
    assert "twice a year" in sentences(gw, "rehearsal", Level.WARNING, 201 * DAY)


def test_a_clock_that_the_system_calls_unsynchronised_is_a_warning(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_is_unsynchronised", lambda: True)
    assert "run an NTP client" in sentences(gw, "clock", Level.WARNING)


def test_a_clock_behind_the_newest_event_is_an_error(gw: Operator) -> None:
    assert "behind the newest event" in sentences(gw, "clock", Level.ERROR, -2 * DAY)
    assert sentences(gw, "clock", Level.OK)


def test_a_simulated_date_is_a_warning(gw: Operator) -> None:
    gw.set("demo", "simulated_reference_date", "2023-10-31")
    assert "simulated" in sentences(gw, "settings", Level.WARNING)


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("free", "level"),
    [(10 * 1024**3, Level.OK), (1024**3, Level.WARNING), (1024**2, Level.ERROR)],
)
def test_little_room_is_told(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    usage = SimpleNamespace(disk_usage=lambda folder: Usage(free, 0, free))
    monkeypatch.setattr(host, "shutil", usage)
    assert "free at" in sentences(gw, "disk", level)


@pytest.mark.parametrize("problems", [(), ("R1 has no case",)])
def test_policies_are_tried_again_unless_maintenance_found_these_whole(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, problems: tuple[str, ...]
) -> None:
    folder = shutil.copytree(policy_folder(), tmp_path / "policies")
    tried = list[str]()

    def check(_: Path, digest: str) -> SimpleNamespace:
        tried.append(digest)
        return SimpleNamespace(problems=problems, policies=7, cases=9)

    monkeypatch.setattr(comparison, "policy_folder", lambda: folder)
    monkeypatch.setattr(comparison, "check_once", check)
    (gw.folder / PROVED).unlink(missing_ok=True)
    with closing(wiring.connect(gw.config)) as gateway:
        upkeep = Maintenance(gateway, wiring.IssuingAuthority(gw.config), TIMETABLE)
        compare_registry(upkeep, wiring.now())
    told = "R1 has no case" if problems else "7 rules hold in 9 cases"
    level = Level.ERROR if problems else Level.OK
    assert told in sentences(gw, "policies", level)
    assert len(tried) == (2 if problems else 1)
    tried.clear()
    list(run_checks(gw.config, wiring.now(), tell=lambda done, of: None))
    (folder / "tests/more.json").write_text("[]")
    assert told in sentences(gw, "policies", level)
    monkeypatch.setattr("gateway.cedar.version", lambda name: "another")
    assert told in sentences(gw, "policies", level)
    assert len(set(tried)) == len(tried) == 3
