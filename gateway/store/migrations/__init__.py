"""The schema's history: brings a database to the tables of this version, in one transaction.

Alembic is imported by who upgrades, so that no worker has it in memory.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from gateway.store import database
from gateway.store.migrations import ending
from gateway.store.migrations.ending import EndsWithUpgrade
from gateway.store.transaction import SqliteConnection

FOLDER = Path(__file__).parent
TRIES, PAUSE_SECONDS = 60, 5.0
"""An upgrade of PostgreSQL that waits for a lock holds everybody up for five seconds, and then
lets them go on for as long: for ten minutes in all."""

LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code (appendix A)."""

REVISIONS = [
    "first_tables",
    "end_what_left",
    "join_search_words",
    "add_arrivals",
    "add_confirmations",
    "drop_arrived_index",
    "add_worklist",
    "add_held_removals",
    "add_counterpart_indexes",
    "order_duties",
    "index_sealed",
    "add_witnessed",
    "index_id_ends",
    "add_item_index",
    "add_member_proofs",
    "add_relay",
    "add_heard_handoff",
    "add_handoff_reference",
    "add_unheard_answer",
    "add_passkeys",
    "follow_offers",
    "add_members_told",
    "add_health_report",
    "drop_counterpart_index",
    "add_confirmed_answers",
    "add_events_told",
]
"""The migrations in ``versions``, the oldest first; a test compares them."""


def upgrade(url: str) -> None:
    """Bring the database to the newest revision; a new SQLite file is made for its owner alone.

    Two upgrades at once follow one another, and units of work wait; one that fails changes nothing.
    An upgrade that waits long for a lock, as for a dump, gives way and tries again: others queue
    behind it. Raises UnsuitableDatabase when the database cannot be opened, or its tables stay
    locked.
    """
    for _ in range(TRIES):
        try:
            return _upgrade(url)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
            time.sleep(PAUSE_SECONDS)
    raise database.UnsuitableDatabase(
        "the tables stay locked: end the dump or other long transaction that holds them"
        " (pg_stat_activity shows it), then start again"
    )


def _upgrade(url: str) -> None:
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    file = _file(url)
    if file is not None:
        _make_sure_of(file)
    engine = database.writing_engine(url)
    try:
        with _connect(engine) as connection, connection.begin():
            if file is None:
                _hold_postgresql(connection)
            else:
                connection.exec_driver_sql(SqliteConnection.begin_writing)
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
    with _reading(url) as connection:
        return revision_of(connection)


def endings(url: str, today: date) -> tuple[EndsWithUpgrade, ...]:
    """Return what an upgrade will end that is open now, for a database that `current` says is
    older."""
    with _reading(url) as connection:
        if revision_of(connection) != REVISIONS[0]:
            return ()
        return tuple(one for one in ending.endings(connection, today) if one.count)


@contextmanager
def _reading(url: str) -> Iterator[Connection]:
    engine = database.reading_engine(url)
    try:
        with _connect(engine) as connection:
            yield connection
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
        raise database.UnsuitableDatabase(
            f"the database {file} cannot be opened: {error.strerror}"
        ) from error


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        raise database.UnsuitableDatabase(f"the database cannot be opened: {error.orig}") from error


def _file(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def _hold_postgresql(connection: Connection) -> None:
    """Keep units of work and other upgrades away, and let nothing cut a long migration short."""
    driver: Any = connection.connection.driver_connection
    driver.answer_seconds = None
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": database.REGISTRY_LOCK})
