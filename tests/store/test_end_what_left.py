"""The migration that ends what left after 2d826964: the same on both databases, beside the log."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    MetaData,
    Table,
    Text,
    create_engine,
    inspect,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.engine.reflection import Inspector

from gateway.store import columns
from gateway.store.migrations import endings, upgrade
from gateway.store.tables import metadata
from tests.postgresql import new_database
from tests.upgraded import STOPPED, kept, upgraded

_NEW = ("log_event", "log_confirmation")
LOG = [name for name in metadata.tables if name.startswith("log_") and name not in _NEW]
_APART = ("at", "words", "handoff", "case_digest")
"""The columns of `log_event` that had a table of their own."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """A database as 2d826964 left it."""
    file = _file(kept(tmp_path / "before").folder)
    return file if request.param == "sqlite" else _moved(file)


def _file(folder: Path) -> str:
    return f"sqlite:///{folder / 'casegate.db'}"


def _moved(file: str) -> str:
    """What a file holds, in PostgreSQL, with the tables of then."""
    url, old = new_database(), create_engine(file)
    new, then = create_engine(url), _then(inspect(old))
    with old.connect() as before, new.begin() as after:
        then.create_all(after)
        for one in then.sorted_tables:
            if rows := [dict(row) for row in before.execute(select(one)).mappings()]:
                after.execute(one.insert(), rows)
        after.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
        after.exec_driver_sql("INSERT INTO alembic_version VALUES ('first_tables')")
    old.dispose()
    new.dispose()
    return url


def _then(file: Inspector) -> MetaData:
    """The tables of 2d826964: those of today, without what came later than the file."""
    then = _plain()
    event = then.tables["log_event"]
    apart = [one._copy() for one in event.c if one.name in ("idx", *_APART)]
    for one in [*then.tables.values()]:
        if not file.has_table(one.name):
            then.remove(one)
            continue
        columns_, indexes = file.get_columns(one.name), file.get_indexes(one.name)
        had = {found["name"] for found in (*columns_, *indexes)}
        one.indexes -= {index for index in one.indexes if index.name not in had}
        for column in [column for column in one.c if column.name not in had]:
            one._columns.remove(column)
    Table("log_facet", then, *apart)
    then.tables["staff"].append_column(Column("recusals", Text, nullable=False))
    ends = Column("expires_at", BigInteger, nullable=False)
    Table("revoked_token", then, Column("jti", Text, primary_key=True), ends)
    Index("revoked_token_by_end", ends)
    return then


def _plain() -> MetaData:
    """The tables of today, read as they are stored: a word of then may be none of today."""
    plain = MetaData()
    for one in metadata.sorted_tables:
        for column in one.to_metadata(plain).c:
            if isinstance(column.type, columns._Stored):
                column.type = column.type.impl_instance
    return plain


def rows(url: str, names: Iterable[str]) -> dict[str, list[str]]:
    """What tables hold."""
    engine, plain = create_engine(url), _plain()
    with engine.connect() as connection:
        found = {
            name: sorted(map(str, connection.execute(select(plain.tables[name])))) for name in names
        }
    engine.dispose()
    return found


# Of SQLite's indexes of expressions nothing is read back: tests/store/test_migrations.py.
@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_tables_are_those_of_this_version(url):
    upgrade(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_what_it_ends_is_told_of_both_alike_and_only_before(url, tmp_path):
    file = _file(kept(tmp_path / "file").folder)
    told = [str(one) for one in endings(url, STOPPED.date())]
    assert told == [str(one) for one in endings(file, STOPPED.date())]
    assert len(told) == 8
    upgrade(url)
    assert endings(url, STOPPED.date()) == ()


def test_the_log_stays_as_it_is_and_the_rest_is_the_same_on_both(url, tmp_path):
    log, events, found_by = rows(url, LOG), of_log(url, "log_event"), of_log(url, "log_facet")
    upgrade(url)
    assert rows(url, LOG) == log
    assert of_log(url, "log_event", *events[0]) == events
    assert of_log(url, "log_event", *found_by[0]) == found_by
    assert rows(url, metadata.tables) == rows(
        _file(upgraded(tmp_path / "after").folder), metadata.tables
    )


def of_log(url: str, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """The names of columns of a table of the log, and then its rows in the order of the entries."""
    engine = create_engine(url)
    with engine.connect() as connection:
        wanted = [*map(literal_column, columns or ("*",))]
        found = connection.execute(select(*wanted).select_from(table(name)).order_by(text("idx")))
        told = [tuple(found.keys()), *map(tuple, found)]
    engine.dispose()
    return told
