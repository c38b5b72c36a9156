"""What is run by the drivers themselves is what SQLAlchemy's engine would run."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from gateway.store import tables
from gateway.store.database import writing_engine
from gateway.store.transaction import prepare
from tests.each import each
from tests.store.samples import NOON

ROWS = [
    {"client": "c", "jti": "a", "expires_at": NOON},
    {
        "client": "c",
        "jti": "\N{EM DASH} %s ? :x $1",
        "expires_at": NOON.replace(year=1971, microsecond=1),
    },
]


@pytest.fixture
def connection(database):
    engine = writing_engine(database.url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _run(connection, prepared, values):
    """What the database's own driver gives."""
    driver = connection.connection.driver_connection
    with driver.together():
        sent = driver.send(prepared.sql, prepared.parameters(values))
    return sent.fetchall()


def _dialect(connection):
    return connection.connection.driver_connection.dialect


def test_the_driver_writes_and_reads_what_the_engine_does(connection):
    table = tables.spent_assertion
    connection.execute(table.delete())
    connection.execute(insert(table), ROWS[:1])
    write = prepare(insert(table), ("client", "jti", "expires_at"), _dialect(connection))
    _run(connection, write, ROWS[1])
    query = select(table).order_by(table.c.jti)
    read = prepare(query, (), _dialect(connection))
    found = [read.row(one) for one in _run(connection, read, {})]
    assert [row._asdict() for row in found] == ROWS
    assert [row._asdict() for row in connection.execute(query)] == ROWS


def test_a_value_that_the_statement_brings_stands_in_its_place(connection):
    table = tables.spent_assertion
    statement = select(table.c.jti).where(table.c.jti != "b", table.c.expires_at == NOON)
    prepared = prepare(statement, (), _dialect(connection))
    given = prepared.parameters({})
    assert [given[0], len(given)] == ["b", 2]
    assert not isinstance(given[1], type(NOON))  # converted, as the column stores it


def test_a_statement_whose_text_depends_on_a_value_or_that_lacks_one_is_refused(connection):
    table = tables.spent_assertion
    dialect = _dialect(connection)
    in_list, lacking = select(table).where(table.c.jti.in_(["a", "b"])), insert(table)
    for refused in (in_list, lacking, text("SELECT :x")):
        with pytest.raises(ValueError, match="value"):
            prepare(refused, (), dialect)


@each("library", ["sqlalchemy", "psycopg"])
def test_a_library_whose_inner_parts_are_read_has_an_upper_bound(library):
    """A new minor version may change them: the tests above have to pass with it first."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    wanted = project["project"]["optional-dependencies"]["server"]
    (bounds,) = (line for line in wanted if re.match(rf"{library}\b", line))
    below = re.search(r"<(\d+)\.(\d+)$", bounds)
    major, minor = map(int, version(library).split(".")[:2])
    assert (major, minor + 1) == (int(below[1]), int(below[2]))
