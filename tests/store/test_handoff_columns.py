"""Every column of the rows that cases and handoffs are made of: whoever changes it alone is found
by the comparison with the log, or the threat model says that nobody finds it."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Table

from gateway.store import tables
from tests.each import each
from tests.log_check import handoffs_compared
from tests.store.test_handoff_proof import NONE, Scene, scene

UNTOLD: Mapping[Table, frozenset[str]] = {
    tables.handoff: frozenset({"conditions_digest", "offered_at"}),
    tables.answer: frozenset({"state", "at"}),
    tables.duty: frozenset({"since", "next_at", "closed_at"}),
    tables.consultation: frozenset(),
    tables.retention: frozenset(),
    tables.case_measure: frozenset({"since"}),
    tables.case_recall: frozenset(),
    tables.case_file: frozenset({"revision", "made", "indexed"}),
    tables.case_version: frozenset({"assurance"}),
    tables.announcement: frozenset(),
}
"""What the log does not say, and the documents are not read for. Nothing of it decides to whom a
handoff is, how it stands or what opens. The urgency of a case may be the highest for all: it was so
in rows of before the column."""


def changed(column: Column[Any], found: list[Any]) -> Any:
    """A value as the column may have it, and the first row has not."""
    value = found[0]
    if others := [one for one in found if one != value]:
        return others[0]
    if isinstance(value, int):
        return 1 - value if value in (0, 1) else value + DAY
    if value.startswith("["):
        return '["x"]' if value == "[]" else "[]"
    return WORDS.get(column.name, f"{int(value, 16) + 1:032x}" if len(value) == 32 else "x")


DAY = 86_400_000_000
WORDS = {
    "kind": "embargo", "code": "other", "ground": "in_proceedings", "until": "2026-12-02",
    "review_on": "2026-12-02", "erase_on": "2026-12-02", "change": "addition",
    "state": "closed",
}  # fmt: skip


def unseen(there: Scene, table: Table, column: Column[Any]) -> bool:
    """Whether the comparison is content after the column was changed in the first row that has a
    value there."""
    names = [one.name for one in table.c]
    place, store = names.index(column.name), there.gateway.store
    rows = [row for row in store.tables(table.name)[table.name] if row[place] is not None]
    if not rows or isinstance(rows[0][place], bytes):
        return False  # no ciphertext is read that is not as it was written
    keys = {one.name: rows[0][names.index(one.name)] for one in table.primary_key}
    where = " AND ".join(f'"{name}" = ?' for name in keys)
    new = changed(column, [row[place] for row in rows])
    try:
        store.change(
            f'UPDATE "{table.name}" SET "{column.name}" = ? WHERE {where}',  # noqa: S608
            new,
            *keys.values(),
        )
    except sqlite3.IntegrityError:  # of another row, which is then gone
        return False
    return handoffs_compared(there.gateway) == NONE


@each("table", UNTOLD)
def test_a_changed_column_is_found_or_named(table):
    there = scene()
    before, found = there.gateway.store.copy(), set()
    for column in table.c:
        if unseen(there, table, column):
            found.add(column.name)
        there.gateway.store.put_back(before)
    assert found == UNTOLD[table]
