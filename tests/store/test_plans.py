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

import psycopg
import pytest
from sqlalchemy import Executable, create_engine
from sqlalchemy.dialects.sqlite.pysqlite import dialect
from sqlalchemy.sql import Delete, Select, Update

from gateway import store
from gateway.domain.audit import Coverage
from gateway.kernel.values import LogQuery
from gateway.store import cases, event_index, handoffs, high_water_mark, keyring, tables
from gateway.store.columns import RecordTable
from gateway.store.postgresql_connection import NUMBERED
from tests.postgresql import new_database

ROWS = 1_000_000

PARTS = {
    "case_proof": ("TOLD",),
    "duties": ("_CLOSE",),
    "handoff_rows": ("TOLD",),
    "handoffs": (
        "_LISTED",
        "_PAGE",
        "_PAGE_BY_END",
        "_SENT",
    ),
    "log": ("_BYTES",),
    "notifications": ("_refusals",),
    "registry": ("_WITH_COMPETENCES", "_certificates"),
    "retentions": ("_RETENTION", "_retained", "_copied"),
    "unit_of_work": ("_REVISION",),
}
"""What statements are made of: never run themselves, or on no table of ours."""

WHOLE: Mapping[str, str] = {
    "cases._DOOMED": "a page of what is to be destroyed now",
    "duties._END_OF": "the open ones, once, of an organisation that has left",
    "retentions._HAS_COPY": "PostgreSQL may read all retentions, which are few, at once",
    "retentions._ERASE_LATE": "once, of an organisation that has left",
    "retentions._OVER": "of retentions and copies alone, once a day",
    "retentions._OF_HOLDER": "the same, of an organisation that has left",
    "retentions._HOLDERS": "the same",
    "items._SECRETS": "one for each organisation, once in a run of maintenance",
    "handoff_proof._ASTRAY": "the proof goes through all of them",
    "handoff_proof._WITHOUT": "the same",
    "proved._INDEX": "the same",
    "key_inventory._NEWEST": "the end of an index",
    "log_terms._BEGIN_AGAIN": "of members",
    "log_integrity": "`doctor --log` verifies all of it",
    "notifications._STATES": "of receivers",
    "notifications._HEADS": "of members",
    "procedures._PENDING": "a page of an index of what is pending",
    "procedures._PRUNE_RUNS": "of runs that are open",
    "procedures._OLDEST_FIRST": "of successions",
    "procedures._SUCCESSIONS_OF": "of successions",
    "registry.ALL_ORGANISATIONS": "what the registry's proof compares",
    "registry._REMOTE": "of members, at a change of a peer gateway",
    "registry._PEERS": "of members, once a version of the registry",
    "registry._PAGE": "a page of members, and their mandates",
    "registry._SEEN_PAGE": "the same",
    "registry._PERSONS": "of administrators",
    "registry._OUT": "of what is out of service",
    "registry._DROP_OUT": "the same",
}
"""What may read a table, by its beginning, and why."""

SORTED: Mapping[str, str] = {
    "cases._ANNOUNCED_AFTER": "of one case",
    "cases._page of a reference": "of the one case that has it",
    "cases._HELD_OF": "of removals that wait for the police, which are few",
    "handoffs of a case": "of one case, whose handoffs are few",
    "registry._PAGE": "a page of members, with their mandates",
    "registry._SEEN_PAGE": "the same",
}
"""What may sort what it reads a page of, and why: a page costs all that is sorted."""

SMALL = {"log_head", "registry", "log_hold", "sweep", "key_ring", "mark", "health_report"}
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
    yield "keyring._keys", keyring._keys(32)
    yield "cases._page", cases._page("state", "urgency", "counterpart", "since", "until", "after")
    yield "cases._page of a reference", cases._page("reference", "after")
    yield "cases.ends", cases._page("ends", "state", "after_id")
    for box in ("in", "out"):
        yield "handoffs._page", handoffs._page(box, "counterpart", "urgency")
        yield "handoffs of a case", handoffs._page(box, "case")
        yield "handoffs._page", handoffs._page(box)
        yield "handoffs._page", handoffs._page(box, "state", "overdue_at")
        yield "handoffs.ends", handoffs._page(box, "ends")
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
        case tuple():
            for one in value:
                yield from _of(name, one)


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
        for index, table in _indexes(made):
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


def grows(name: str, table: str, by: str | None) -> bool:
    """Whether a step costs more the more rows there are; ``by`` says what it looks for."""
    if name.startswith(tuple(WHOLE)) or table in SMALL:
        return False
    if name.endswith(".ends") and table in ("case_file", "handoff"):
        return by is None or not re.search("<expr>=|right", by)
    return by is None or {*re.findall(r"([\w)]+) ?[=<>]", by)} <= ALIKE


def is_page(name: str, statement: Executable) -> bool:
    """Whether a statement reads a page, in an order that an index must have."""
    return name not in SORTED and getattr(statement, "_limit_clause", None) is not None


@pytest.mark.parametrize("connection", [False], indirect=True, ids=["as it runs"])
def test_a_page_is_read_in_the_order_of_an_index(connection):
    found = []
    for name, statement in statements():
        if is_page(name, statement):
            compiled = statement.compile(dialect=dialect())
            values = [None] * len(compiled.positiontup or ())
            steps = connection.execute(f"EXPLAIN QUERY PLAN {compiled}", values)
            found += [name for *_, step in steps if step.startswith("USE TEMP B-TREE FOR")]
    assert found == []


def test_no_statement_reads_a_whole_table_that_grows(connection):
    found = []
    for name, statement in statements():
        compiled = statement.compile(dialect=dialect())
        asked = f"EXPLAIN QUERY PLAN {compiled}"
        for *_, step in connection.execute(asked, [None] * len(compiled.positiontup or ())):
            read = re.fullmatch(r"(SCAN|SEARCH) (\w+)( [^(]*\((.*)\))?.*", step)
            if (
                read
                and not read[2].startswith(("anon_", "CONSTANT"))
                and grows(name, read[2], read[4])
            ):
                found.append(f"{name}: {step}")
    assert not found, "\n".join(found)


def test_an_index_of_postgresql_serves_every_statement_in_its_order():
    """It takes none for a few rows: reading a whole table is made dear, and sorting a page."""
    url = new_database()
    engine = create_engine(url)
    for metadata in (tables.metadata, keyring._metadata, high_water_mark._metadata):
        metadata.create_all(engine)
    engine.dispose()
    found = []
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as asked:
        asked.execute("SET enable_seqscan = off")
        asked.execute("SET plan_cache_mode = force_generic_plan")
        for name, statement in statements():
            compiled, page = statement.compile(dialect=NUMBERED), is_page(name, statement)
            asked.execute(f"SET enable_sort = {'off' if page else 'on'}")
            asked.execute(f"PREPARE it AS {compiled}")
            places = ", ".join(["NULL"] * len(compiled.positiontup or ()))
            run = f"EXPLAIN (FORMAT JSON) EXECUTE it{places and f'({places})'}"
            plan = asked.execute(run).fetchone()[0][0]["Plan"]
            asked.execute("DEALLOCATE it")
            steps = [*_steps(plan)]
            found += [f"{name}: {one}" for step in steps if (one := _read(name, step))]
            if page:
                found += [f"{name}: sorts" for step in steps if "Sort" in step["Node Type"]]
    assert not found, "\n".join(found)


def _steps(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The steps of a plan."""
    yield node
    for below in node.get("Plans", ()):
        yield from _steps(below)


def _read(name: str, node: Mapping[str, Any]) -> str | None:
    """What a step reads that grows."""
    table = node.get("Relation Name")
    read = table and node["Node Type"] not in ("Bitmap Heap Scan", "ModifyTable")
    if read and grows(name, str(table), node.get("Index Cond")):
        return f"{node['Node Type']} of {table} by {node.get('Index Cond')}"
    return None
