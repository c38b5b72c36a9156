"""Migrations lead to the very tables that the store works with, all at once or not at all."""

import re
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from gateway.actions.ports import Mode
from gateway.domain.facts import Detail, Result
from gateway.ledger.tree import EMPTY_ROOT
from gateway.store import migrations, tables
from gateway.store.migrations import current, upgrade
from gateway.store.tables import metadata
from tests.postgresql import new_database
from tests.store.samples import fact, new_id


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    return _sqlite(tmp_path) if request.param == "sqlite" else new_database()


def _sqlite(folder):
    return f"sqlite:///{folder / 'casegate.db'}"


def test_a_database_that_was_never_set_up_has_no_revision(url):
    assert current(url) is None


def test_asking_for_the_revision_makes_no_file(tmp_path):
    assert current(_sqlite(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_migrations_make_the_tables_of_this_version(url):
    upgrade(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        head = connection.exec_driver_sql("SELECT id, size, root, origin FROM log_head").all()
    engine.dispose()
    assert [tuple(row) for row in head] == [(1, 0, EMPTY_ROOT, None)]


def test_migrated_tables_are_spelled_as_the_page_of_tables_spells_them(tmp_path):
    """Stricter than a comparison of columns: table options, conditions and orders count too."""
    upgrade(_sqlite(tmp_path))
    made = create_engine("sqlite://")
    metadata.create_all(made)
    with made.connect() as connection:
        wanted = _definitions(connection.connection.driver_connection)
    made.dispose()
    with sqlite3.connect(tmp_path / "casegate.db") as connection:
        found = _definitions(connection)
    connection.close()
    del found["alembic_version"]
    assert found == wanted


def _definitions(connection):
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: _parts(sql) for name, sql in rows}


def _parts(sql):
    """The lines of a definition; a column that was added later stands behind the last of them."""
    later = (
        "document_keys|signed_only|encryption_keys|tokens_from|reminded|history|application"
        "|interests|agreements|erase_on|content_key|audit_grants|withdrawn_by|former_end|cancelled"
        "|predecessor_signed|successor_signed|asked_on"
    )
    lines = re.split(rf"\n|, (?={later})", sql.replace("\t", ""))
    return sorted(filter(None, (line.strip(" ,") for line in lines)))


def test_an_upgrade_of_a_current_database_changes_nothing(url):
    upgrade(url)
    revision = current(url)
    upgrade(url)
    assert current(url) == revision == migrations.newest()


def test_a_new_file_is_for_its_owner_alone(tmp_path):
    upgrade(_sqlite(tmp_path))
    assert (tmp_path / "casegate.db").stat().st_mode & 0o777 == 0o600


def test_a_failing_migration_changes_nothing(url, monkeypatch):
    def fail(config, revision):
        command = migrations.command
        monkeypatch.undo()
        command.upgrade(config, revision)
        raise ZeroDivisionError

    monkeypatch.setattr(migrations.command, "upgrade", fail)
    with pytest.raises(ZeroDivisionError):
        upgrade(url)
    assert current(url) is None
    upgrade(url)
    assert current(url) == migrations.newest()


def test_migrations_travel_with_the_package():
    folder = Path(migrations.__file__).parent
    assert (folder / "env.py").is_file()
    assert list((folder / "versions").glob("*.py"))


_LOGGED = (tables.log_entry, tables.log_document, tables.log_disclosure, tables.party)


@pytest.mark.parametrize("older", ["sqlite", "postgresql"])
def test_events_of_before_are_found_after_the_upgrade_as_after_their_writing(
    sqlite, older, tmp_path
):
    """All but persons, whom the migration has no key to name: they are left open, never lost."""
    rules = Detail("rules", ("R3.seat", "R2.offer"), frozenset({"police"}))
    (tmp_path / "older").mkdir()
    url = _sqlite(tmp_path / "older") if older == "sqlite" else new_database()
    with sqlite.open().begin(Mode.WRITE) as work:
        work.log.record(fact("hotline", "police", handoff=new_id(), case_digest="A" * 43))
        work.log.record(fact("police", result=Result.DENIED, details=(rules,)))
        work.log.record(fact("police", details=(Detail("by", "intake-1", frozenset()),)))
        work.log.record(fact("hotline"))
        work.commit()
    with sqlite.connected() as connection:
        rows = {table: connection.execute(table.select()).mappings().all() for table in _LOGGED}
        written = _facets(connection)
    _upgrade_to(url, "case_keys")
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in _LOGGED:
            connection.execute(table.insert(), [dict(row) for row in rows[table]])
        last = written[-1]["event"]
        erased = tables.log_document.update().where(tables.log_document.c.event == last)
        connection.execute(erased.values(doc=None, nonce=None))
    upgrade(url)
    with engine.connect() as connection:
        found = _facets(connection)
    engine.dispose()
    assert found == [{**row, "persons": None} for row in written[:-1]]


def test_a_succession_of_before_gives_no_mandate_back_when_it_is_called_off(tmp_path):
    url = _sqlite(tmp_path)
    _upgrade_to(url, "proposals")
    with sqlite3.connect(tmp_path / "casegate.db") as connection:
        connection.execute(
            "INSERT INTO succession (id, predecessor, successor, competence, day, read_until,"
            " legal_act, consents, resolved_by, version) VALUES (?, 'police', 'abroad',"
            " 'receive/csam/FR', '2026-04-01', '2026-05-01', 'act', 0, ?, 1)",
            (new_id().hex, new_id().hex),
        )
    connection.close()
    upgrade(url)
    with sqlite3.connect(tmp_path / "casegate.db") as connection:
        found = connection.execute("SELECT former_end, cancelled FROM succession").fetchall()
    connection.close()
    assert found == [("2026-04-01", None)]


def _facets(connection):
    """The rows by which events are found, words of a column in any order."""
    rows = connection.execute(tables.log_facet.select().order_by(tables.log_facet.c.idx)).mappings()
    words = ("parties", "rules")
    return [{**row, **{name: sorted(row[name].split("|")) for name in words}} for row in rows]


def _upgrade_to(url, revision):
    file = migrations._file(url)
    if file is not None:
        file.touch(0o600)
    engine = create_engine(url)
    with engine.begin() as connection:
        migrations.command.upgrade(migrations._config(connection), revision)
    engine.dispose()
