"""A standby that takes over goes on where the primary ended: nothing that was told is lost."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import CalledProcessError

import psycopg
import pytest
from sqlalchemy import make_url

from gateway.kernel.ports import TransactionMode
from gateway.store.migrations import upgrade
from tests.postgresql import OwnServer, own_server
from tests.store.places import Place, check_log
from tests.store.test_processes import require_all_logged, started
from tests.waiting import until


@contextmanager
def standby_of(primary: OwnServer) -> Iterator[Path]:
    """A synchronous copy of a server: the folder of its data and socket."""
    folder = primary.folder.with_name(primary.folder.name + "-standby")
    try:
        primary.run("pg_basebackup", "-h", primary.folder, "-U", "postgres", "-D", folder, "-R")
        (folder / ".s.PGSQL.5432.lock").unlink()  # of the primary's socket
        options = f"-k {folder} -h ''"
        primary.run("pg_ctl", "-w", "-D", folder, "-l", folder / "log", "-o", options, "start")
        yield folder
    finally:
        with suppress(CalledProcessError):  # when it never started
            primary.run("pg_ctl", "-D", folder, "-m", "immediate", "stop")
        shutil.rmtree(folder)


def _ask(url: str, statement: str) -> object:
    address = url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(address, autocommit=True) as connection:
        found = connection.execute(statement)
        return found.fetchone() if found.description else None


@pytest.mark.slow
def test_a_synchronous_standby_that_is_promoted_under_load_has_all_that_was_acknowledged(tmp_path):
    with own_server() as primary, standby_of(primary) as standby:
        upgrade(primary.url)
        _ask(primary.url, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        _ask(primary.url, "SELECT pg_reload_conf()")
        state = "SELECT sync_state FROM pg_stat_replication"
        until(lambda: _ask(primary.url, state) == ("sync",))
        hosts = {"host": (str(primary.folder), str(standby)), "target_session_attrs": "read-write"}
        url = make_url(primary.url).set(query=hosts).render_as_string(hide_password=False)
        place = Place(url, tmp_path / "lock", folder=tmp_path)
        store = place.open()
        writers = started(place)
        until(lambda: sum(len(writer.lines) for writer in writers) > 100)
        primary.kill()
        primary.run("pg_ctl", "-w", "-D", standby, "promote")
        told = sum(len(writer.lines) for writer in writers)
        until(lambda: sum(len(writer.lines) for writer in writers) > told + 100)
        for writer in writers:
            writer.stop()
        require_all_logged(store, [line for writer in writers for line in writer.lines])
        check_log(store)
        with store.begin(TransactionMode.WRITE) as work:
            work.commit()
        place.close()
