"""A connection to PostgreSQL runs statements alone or together, and outlives a refusal."""

from uuid import UUID

import psycopg
import pytest

from gateway.store import postgresql_connection
from gateway.store.database import ConnectionPool
from tests.each import each


class _Name(str):
    __slots__ = ()


@pytest.fixture
def driver(postgresql):
    driver = ConnectionPool(postgresql.url).take()
    driver.ask("CREATE TEMPORARY TABLE found (number bigint PRIMARY KEY)")
    yield driver
    driver.close()


def _numbers(driver):
    return [number for (number,) in driver.ask("SELECT number FROM found ORDER BY 1").fetchall()]


def _prepared(driver):
    asked = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT 7%'"
    return driver.execute(asked).fetchone()[0]


@each(
    "kind, value",
    [
        ("text", "\N{EM DASH} %s $1 ' \\"),
        ("text", _Name("hotline")),
        ("bytea", b"\0\xff\\x"),
        ("bigint", -(2**63)),
        ("integer", 0),
        ("boolean", True),
        ("boolean", False),
        ("uuid", UUID(int=2**127 + 1)),
        ("bytea", None),
    ],
)
def test_a_value_comes_back_as_it_was_sent(driver, kind, value):
    assert driver.ask(f"SELECT $1::{kind}", [value]).fetchall() == [(value,)]


def test_a_text_that_the_database_cannot_hold_is_refused(driver):
    with pytest.raises(psycopg.DataError):
        driver.ask("SELECT $1::text", ["a\0b"])


def test_how_many_rows_a_statement_changed_is_told(driver):
    assert driver.ask("INSERT INTO found VALUES (1), (2)").rowcount == 2
    assert driver.ask("DELETE FROM found WHERE number = $1", [3]).rowcount == 0


def test_a_result_that_is_asked_for_in_a_block_is_that_of_its_own_statement(driver):
    with driver.together():
        driver.send("INSERT INTO found VALUES ($1)", [1])
        first = driver.send("SELECT number FROM found")
        driver.send("INSERT INTO found VALUES ($1)", [2])
        assert first.fetchall() == [(1,)]
    assert _numbers(driver) == [1, 2]


def test_the_first_refusal_ends_a_block_and_names_why(driver):
    driver.ask("INSERT INTO found VALUES (1)")
    with pytest.raises(psycopg.errors.UniqueViolation), driver.together():
        driver.send("BEGIN")
        driver.send("INSERT INTO found VALUES (2)")
        driver.send("INSERT INTO found VALUES (1)")
        driver.send("COMMIT")
    driver.rollback()
    assert _numbers(driver) == [1]


def test_who_asks_in_a_block_for_what_was_passed_over_hears_of_the_refusal_before(driver):
    with pytest.raises(psycopg.errors.DivisionByZero), driver.together():
        driver.send("SELECT 1 / 0")
        driver.send("SELECT 1").fetchall()
    assert driver.ask("SELECT 1").fetchall() == [(1,)]


def test_a_block_that_its_caller_leaves_by_an_error_leaves_the_connection_usable(driver):
    with pytest.raises(LookupError), driver.together():
        driver.send("SELECT 1 / 0")
        raise LookupError
    assert driver.ask("SELECT 1").fetchall() == [(1,)]


def test_a_statement_is_prepared_once_and_stays_so_after_a_rollback(driver):
    for _ in range(2):
        driver.ask("BEGIN")
        driver.ask("SELECT 7")
        driver.rollback()
        assert _prepared(driver) == 1


def test_a_statement_that_could_not_be_prepared_is_prepared_anew(driver):
    for _ in range(2):
        with pytest.raises(psycopg.errors.UndefinedTable), driver.together():
            driver.send("SELECT * FROM nowhere")
            driver.send("SELECT 7")
    driver.ask("CREATE TEMPORARY TABLE nowhere ()")
    driver.ask("SELECT * FROM nowhere")
    assert driver.ask("SELECT 7").fetchall() == [(7,)]


def test_beyond_its_bound_no_further_statement_stays_prepared(driver, monkeypatch):
    kept = len(driver._statement_names) + 1
    monkeypatch.setattr(postgresql_connection, "STATEMENTS_KEPT", kept)
    for statement in ("SELECT 7", "SELECT 7 + 1", "SELECT 7 + 2", "SELECT 7 + 1"):
        driver.ask(statement)
    assert driver.ask("SELECT 7 + 2").fetchall() == [(9,)]
    named = "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"
    assert driver.execute(named).fetchone()[0] == kept
