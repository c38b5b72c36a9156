"""The doctor tells what is wrong with folder, clock, backups and disk."""

from collections import namedtuple
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.doctor import host
from gateway.domain.health import Level
from gateway.maintenance.health import BACKUPS, note_backup
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
