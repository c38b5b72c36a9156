"""Migrations lead to the very tables that the store works with, all at once or not at all."""

import ast
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Index, MetaData, Table, create_engine

from gateway.ledger.tree import EMPTY_ROOT
from gateway.store import database, migrations, tables
from gateway.store.database import UnsuitableDatabase
from gateway.store.migrations import current, upgrade
from gateway.store.tables import metadata
from tests.postgresql import new_database


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


# SQLite's indexes of expressions are compared by their spelling, below.
@pytest.mark.filterwarnings("ignore:.*expression-based index")
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
    return dict(rows.fetchall())


def test_an_upgrade_of_a_current_database_changes_nothing(url):
    upgrade(url)
    revision = current(url)
    upgrade(url)
    assert current(url) == revision == migrations.REVISIONS[-1]


def test_a_new_file_is_for_its_owner_alone(tmp_path):
    upgrade(_sqlite(tmp_path))
    assert (tmp_path / "casegate.db").stat().st_mode & 0o777 == 0o600


def test_a_failing_migration_changes_nothing(url, monkeypatch):
    def fail(config, revision):
        monkeypatch.undo()
        command.upgrade(config, revision)
        raise ZeroDivisionError

    monkeypatch.setattr(command, "upgrade", fail)
    with pytest.raises(ZeroDivisionError):
        upgrade(url)
    assert current(url) is None
    upgrade(url)
    assert current(url) == migrations.REVISIONS[-1]


def test_an_upgrade_gives_way_to_a_dump_and_goes_on_after_it(monkeypatch):
    url = new_database()
    upgrade(url)
    settings = {**database._POSTGRESQL_SETTINGS, "lock_timeout": "50ms"}
    monkeypatch.setattr(database, "_POSTGRESQL_SETTINGS", settings)
    monkeypatch.setattr(migrations, "TRIES", 5)
    engine = create_engine(url)
    dump = engine.connect()
    dump.exec_driver_sql("LOCK TABLE registry IN ACCESS SHARE MODE")
    asked: list[float] = []

    def alter(config, revision):
        config.attributes["connection"].exec_driver_sql("ALTER TABLE registry ADD COLUMN more int")

    def pause(seconds):
        asked.append(seconds)
        with engine.connect() as reader:  # meanwhile others go on
            assert reader.exec_driver_sql("SELECT version FROM registry").one() is not None
        if len(asked) == 2:
            dump.rollback()

    monkeypatch.setattr(command, "upgrade", alter)
    monkeypatch.setattr(migrations.time, "sleep", pause)
    upgrade(url)
    assert len(asked) == 2
    dump.exec_driver_sql("SELECT more FROM registry")
    dump.exec_driver_sql("LOCK TABLE registry IN ACCESS SHARE MODE")
    with pytest.raises(UnsuitableDatabase):
        upgrade(url)
    assert len(asked) == 2 + migrations.TRIES
    dump.close()
    engine.dispose()


def test_the_migrations_of_the_package_are_those_it_names():
    walked = ScriptDirectory(str(migrations.FOLDER)).walk_revisions()
    assert [one.revision for one in walked][::-1] == migrations.REVISIONS


def test_a_migration_takes_of_the_tables_of_this_version_only_what_it_makes_whole():
    """A condition or a column of today may name what a database of then does not have."""
    for file in (migrations.FOLDER / "versions").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gateway.store"):
                if node.module == "gateway.store.columns":
                    continue
                assert node.module == "gateway.store.tables", file.name
                for one in node.names:
                    made = getattr(tables, one.name)
                    whole = isinstance(made, MetaData | Table) or {*map(type, made)} == {Index}
                    assert whole, f"{file.name} takes {one.name}"


def test_migrations_travel_with_the_package():
    folder = Path(migrations.__file__).parent
    assert (folder / "env.py").is_file()
    assert list((folder / "versions").glob("*.py"))
