"""One process maintains a folder, upgrades its tables first, and tells each alarm once."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from gateway.domain.refusals import Busy
from gateway.maintenance import issuing, process
from gateway.maintenance.process import LOCK_FILE, AlreadyRunning, holding, upgrade_schema
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance
from gateway.pki.authority import (
    CHAIN_FILE,
    ROOT_FILE,
)
from gateway.store import migrations
from gateway.store.database import UnsuitableDatabase
from gateway.wiring import IssuingAuthority
from tests.maintenance.upkeeping import NOW, published_at
from tests.operating import NEW, Operator, execute


def test_two_maintainers_refuse_each_other(gw: Operator) -> None:
    with holding(gw.config):
        with pytest.raises(AlreadyRunning):
            process.run(gw.config, lambda: True, pytest.fail)
        with pytest.raises(AlreadyRunning), holding(gw.config):
            pass
    process.run(gw.config, lambda: True, pytest.fail)


def test_a_maintainer_that_was_killed_holds_up_nobody(gw: Operator) -> None:
    program = (
        "import sys, time; from pathlib import Path; from gateway import wiring\n"
        "from gateway.maintenance.process import holding\n"
        "with holding(wiring.load_config(Path(sys.argv[1]))):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(gw.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning), holding(gw.config):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    with holding(gw.config):
        pass


def test_the_lock_is_nobody_else_s_to_take(gw: Operator) -> None:
    with holding(gw.config):
        assert (gw.folder / LOCK_FILE).stat().st_mode & 0o777 == 0o600


def run_steps(gw: Operator, *between: Callable[[], Any]) -> list[str]:
    """Maintain one step more than there are events between; what the operator was told."""
    told: list[str] = []
    events = iter(between)

    def pause() -> bool:
        try:
            next(events)()
        except StopIteration:
            return True
        return False

    process.run(gw.config, pause, told.append)
    return told


def test_an_alarm_is_told_once_and_again_when_it_comes_back(gw: Operator) -> None:
    chain = gw.config.published / CHAIN_FILE
    kept = chain.read_bytes()
    told = run_steps(
        gw,
        chain.unlink,
        lambda: None,
        lambda: chain.write_bytes(kept),
        chain.unlink,
    )
    assert told == [f"{chain} cannot be read: every client is refused"] * 2


def test_a_start_fails_with_what_it_cannot_do_without(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any) -> None:
        raise Busy("the database is locked: retry after a moment")

    monkeypatch.setattr(issuing, "serve_requests", busy)
    with pytest.raises(Busy):
        process.run(gw.config, pytest.fail, pytest.fail, once=True)
    with holding(gw.config):
        pass


def test_a_single_step_tells_its_alarms_and_does_not_wait(gw: Operator) -> None:
    (gw.config.published / ROOT_FILE).unlink()
    told: list[str] = []
    process.run(gw.config, pytest.fail, told.append, once=True)
    assert [sentence.endswith("put it back") for sentence in told] == [True]
    assert published_at(gw) > NOW  # the lists went out all the same


def test_a_gateway_with_another_civil_time_zone_than_at_its_founding_does_not_start(
    gw: Operator,
) -> None:
    former = gw.config.civil_time_zone
    gw.set("gateway", "civil_time_zone", '"America/Cayenne"')
    with pytest.raises(UnsuitableDatabase, match=former.key), gw.opened():
        pass
    gw.set("gateway", "civil_time_zone", f'"{former.key}"')
    with gw.opened() as gateway:
        upkeep = Maintenance(gateway, IssuingAuthority(gateway.config), TIMETABLE)
        upkeep.start()
        assert not upkeep.alarms()


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The product as it will be with one migration more."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "later.py").write_text(
        f'revision, down_revision = "later", "{migrations.REVISIONS[-1]}"\n'
        "def upgrade():\n"
        "    from alembic import op\n"
        "    op.execute('CREATE TABLE later (id INTEGER)')\n"
    )
    monkeypatch.setattr(migrations, "FOLDER", folder)
    monkeypatch.setattr(migrations, "REVISIONS", [*migrations.REVISIONS, "later"])


def tables(gw: Operator) -> set[str]:
    engine = create_engine(gw.config.database_url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
        names = {row.name for row in found}
    engine.dispose()
    return names


@pytest.mark.usefixtures("next_version")
def test_an_older_database_is_upgraded_before_anything_else_and_told(gw: Operator) -> None:
    assert "later" not in tables(gw)
    told: list[str] = []
    process.run(gw.config, pytest.fail, told.append, once=True)
    assert "later" in tables(gw)
    assert told == ["the database schema was upgraded to this version"]
    assert not upgrade_schema(gw.config)
    assert gw.size() == NEW


@pytest.mark.usefixtures("next_version")
def test_no_schema_is_upgraded_beside_another_maintainer(gw: Operator) -> None:
    with holding(gw.config), pytest.raises(AlreadyRunning):
        process.run(gw.config, pytest.fail, pytest.fail, once=True)
    assert "later" not in tables(gw)


def test_a_database_of_a_newer_version_is_left_as_it_is(gw: Operator) -> None:
    execute(gw.folder / "casegate.db", "UPDATE alembic_version SET version_num = 'later'")
    process.run(gw.config, pytest.fail, pytest.fail, once=True)
    assert migrations.current(gw.config.database_url) == "later"


@pytest.mark.parametrize("emptied", [True, False])
def test_no_second_log_is_begun_where_the_database_is_gone(gw: Operator, emptied: bool) -> None:
    database = gw.config.database_file
    assert database is not None
    database.unlink()
    if emptied:
        database.touch()
    with pytest.raises(UnsuitableDatabase, match=r"holds no gateway: is \[database\] url right"):
        process.run(gw.config, pytest.fail, pytest.fail, once=True)
    assert database.exists() == emptied
    assert tables(gw) == set() if emptied else True


def test_a_file_that_is_no_database_is_said(gw: Operator) -> None:
    database = gw.config.database_file
    assert database is not None
    database.write_bytes(os.urandom(4096))
    with pytest.raises(UnsuitableDatabase, match="file is not a database"):
        process.run(gw.config, pytest.fail, pytest.fail, once=True)
