"""The schema's history: brings a database to the tables of this version, in one transaction.

Alembic is imported by who upgrades, so that no worker has it in memory.
"""

import os
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from gateway.store.database import (
    BEGIN_WRITING,
    REGISTRY_LOCK,
    UnsuitableDatabase,
    reading_engine,
    writing_engine,
)

FOLDER = Path(__file__).parent
REVISIONS = ["first_tables"]
"""The migrations in ``versions``, the oldest first; a test compares them."""


def upgrade(url: str) -> None:
    """Bring the database to the newest revision; a new SQLite file is made for its owner alone.

    Two upgrades at once follow one another, and Works wait; one that fails changes nothing.
    Raises UnsuitableDatabase when the database cannot be opened.
    """
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    file = _file(url)
    if file is not None:
        _make_sure_of(file)
    engine = writing_engine(url)
    try:
        with _connect(engine) as connection, connection.begin():
            if file is None:
                _hold_postgresql(connection)
            else:
                connection.exec_driver_sql(BEGIN_WRITING)
            config = Config()
            config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def current(url: str) -> str | None:
    """The revision of the database's schema; None when it was never set up.

    Raises UnsuitableDatabase when the database cannot be opened.
    """
    file = _file(url)
    if file is not None and not file.exists():
        return None
    engine = reading_engine(url)
    try:
        with _connect(engine) as connection:
            return revision_of(connection)
    finally:
        engine.dispose()


def revision_of(connection: Connection) -> str | None:
    """The revision of the schema that a connection sees; None when it was never set up."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _make_sure_of(file: Path) -> None:
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise UnsuitableDatabase(
            f"the database {file} cannot be opened: {error.strerror}"
        ) from error


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        raise UnsuitableDatabase(f"the database cannot be opened: {error.orig}") from error


def _file(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def _hold_postgresql(connection: Connection) -> None:
    """Wait for other upgrades and for Works, and let nothing cut a long migration short."""
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": REGISTRY_LOCK})
