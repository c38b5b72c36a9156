"""How every statement of the store finds its rows, on both databases.

A request costs what it shows, however many rows there are: nothing that a request runs reads a
whole table that grows, or looks by an index all of whose rows are alike. What may read on is named
here, with the reason. SQLite is asked as it runs, without statistics, and with those of a million
rows in each table; PostgreSQL, which weighs how large tables are now, whether an index can serve.
"""

import pkgutil
import re
import sqlite3
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import Executable, create_engine
from sqlalchemy.dialects.sqlite.pysqlite import dialect
from sqlalchemy.sql import Delete, Select, Update

from gateway import store
from gateway.domain.audit import Coverage
from gateway.kernel.values import LogQuery
from gateway.store import event_index, handoffs, high_water_mark, keyring, log, tables
from gateway.store.columns import RecordTable

ROWS = 1_000_000

PARTS = {
    "handoffs": ("_PAGE", "_RETENTION", "_retained", "_copied"),
    "notifications": ("_refusals",),
    "registry": ("_WITH_COMPETENCES", "_certificates"),
    "unit_of_work": ("_REVISION",),
}
"""What statements are made of: never run themselves, or on a table of another's."""

WHOLE: Mapping[str, str] = {
    "cases._DOOMED_APART": "what is to be destroyed now, a page of it",
    "handoffs._OVER": "of retentions and copies alone, once a day",
    "handoffs._OF_HOLDER": "the same, of an organisation that has left",
    "handoffs._HOLDERS": "the same",
    "key_inventory._NEWEST_COPY": "the end of an index",
    "log_integrity": "`doctor --log` verifies all of it",
    "notifications._STATES": "of receivers",
    "notifications._HEADS": "of members",
    "procedures._PENDING": "a page of an index of what is pending",
    "procedures._PRUNE_RUNS": "of runs that are open",
    "procedures._OLDEST_FIRST": "of successions",
    "procedures._SUCCESSIONS_OF": "of successions",
    "registry.ALL_ORGANISATIONS": "what the registry's proof compares",
    "registry._PAGE": "a page of members, and their mandates",
    "registry._SEEN_PAGE": "the same",
    "registry._PERSONS": "of administrators",
    "registry._OUT": "of what is out of service",
}
"""What may read a table, by its beginning, and why."""

SMALL = {"log_head", "registry", "log_hold", "sweep", "key_ring", "mark"}
"""Tables of a row, or of a few."""

ALIKE = {"origin"}
"""Columns that have one value in a database: an index that begins there finds nothing."""

SHARED = {"originator", "recipient", "organisation", "holder", "state", "urgency", "kind", "kek"}
"""Columns of which many rows have the same value."""


def statements() -> Iterator[tuple[str, Executable]]:
    """Every query and change that is named in a module of the store."""
    for module in pkgutil.iter_modules(store.__path__):
        for name, value in vars(import_module(f"gateway.store.{module.name}")).items():
            if name not in PARTS.get(module.name, ()):
                yield from _of(f"{module.name}.{name}", value)
    yield "log._counters", log._counters(2)
    yield "keyring._keys", keyring._keys(32)
    for box in ("in", "out"):
        yield "handoffs._page", handoffs._page(box)
        yield "handoffs._page", handoffs._page(box, "state", "overdue_at")
    query = LogQuery(coverage=Coverage(whole=True), limit=20, before=ROWS)
    for statement, _ in event_index.search(query, b"", ROWS):
        yield "event_index.search", statement


def _of(name: str, value: Any) -> Iterator[tuple[str, Executable]]:
    match value:
        case Select() | Update() | Delete():
            yield name, value
        case RecordTable():
            yield f"{name}.one", value.one
            yield f"{name}.update", value.update
        case dict():
            for key, one in value.items():
                yield from _of(f"{name}[{key}]", one)


@pytest.fixture(params=[False, True], ids=["as it runs", "with statistics"])
def connection(request, tmp_path) -> Iterator[sqlite3.Connection]:
    url = f"sqlite:///{tmp_path / 'casegate.db'}"
    engine = create_engine(url)
    for metadata in (tables.metadata, keyring._metadata, high_water_mark._metadata):
        metadata.create_all(engine)
    engine.dispose()
    made = sqlite3.connect(tmp_path / "casegate.db")
    if request.param:
        made.execute("ANALYZE")
        for index, table in made.execute("PRAGMA index_list").fetchall() or _indexes(made):
            made.execute(
                "INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", (table, index, _told(made, index))
            )
        made.execute("ANALYZE sqlite_schema")
    yield made
    made.close()


def _indexes(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    rows = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'"
    return connection.execute(rows).fetchall()


def _told(connection: sqlite3.Connection, index: str) -> str:
    """Statistics of an index: how many rows are alike in its first column, in its first two..."""
    alike, numbers = ROWS, [ROWS]
    for _, _, column in connection.execute(f"PRAGMA index_info({index})"):
        if column not in ALIKE:
            alike = max(1, alike // (10 if column in SHARED else ROWS))
        numbers.append(alike)
    return " ".join(map(str, numbers))


def test_no_statement_reads_a_whole_table_that_grows(connection):
    found = []
    for name, statement in statements():
        if name.startswith(tuple(WHOLE)):
            continue
        compiled = statement.compile(dialect=dialect())
        asked = f"EXPLAIN QUERY PLAN {compiled}"
        for *_, step in connection.execute(asked, [None] * len(compiled.positiontup or ())):
            searched = re.fullmatch(
                r"(SCAN|SEARCH) (\w+)(?: .*?(?:INDEX|KEY) ?\w* ?\((.*)\))?.*", step
            )
            if (
                searched is None
                or searched[2] in {*SMALL, "CONSTANT"}
                or searched[2].startswith("anon_")
            ):
                continue
            by = set(re.findall(r"(\w+)[=<>]", searched[3] or ""))
            if searched[1] == "SCAN" or by <= ALIKE:
                found.append(f"{name}: {step}")
    assert found == []
