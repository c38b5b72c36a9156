"""The doctor tells whether databases keep what they commit, and who reaches them."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import wiring
from gateway.doctor import databases
from gateway.doctor.reading import Examined
from gateway.domain.health import Level
from gateway.store import migrations
from gateway.store.database import Server
from tests.doctor.finding import findings, sentences, the
from tests.operating import NEW, Operator
from tests.postgresql import new_database


@pytest.mark.parametrize(
    ("known", "words"),
    [(["earlier"], "newer version"), ([*migrations.REVISIONS, "later"], "older than this version")],
)
def test_tables_of_another_version_are_a_warning(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, known: list[str], words: str
) -> None:
    monkeypatch.setattr(migrations, "REVISIONS", known)
    assert words in sentences(gw, "schema", Level.WARNING)


def test_a_missing_database_is_an_error_and_is_not_made(gw: Operator) -> None:
    (gw.folder / "casegate.db").unlink()
    assert "is missing" in sentences(gw, "database", Level.ERROR)
    assert not (gw.folder / "casegate.db").exists()


@pytest.mark.parametrize(
    ("kind", "level"), [("nfs4", Level.ERROR), ("tmpfs", Level.WARNING), ("ext4", Level.OK)]
)
def test_where_the_database_is_matters(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, kind: str, level: Level
) -> None:
    monkeypatch.setattr(databases, "_file_system", lambda file: kind)
    assert kind in sentences(gw, "database", level)


def test_a_database_without_a_gateway_is_an_error(gw: Operator) -> None:
    (gw.folder / "casegate.db").unlink()
    sqlite3.connect(gw.folder / "casegate.db").close()
    found = findings(gw)
    assert "holds no gateway" in the(found, "schema", Level.ERROR)
    assert the(found, "database", Level.ERROR)
    assert the(found, "log", Level.ERROR)


def test_the_mounts_tell_on_which_file_system_a_file_is(tmp_path: Path) -> None:
    assert databases._file_system(tmp_path / "file") not in ("", None)


@pytest.mark.slow
def test_a_gateway_on_postgresql_is_looked_over_too(tmp_path: Path) -> None:
    from gateway.cli.gateway_setup import make  # noqa: PLC0415 - this test alone founds one
    from tests.operating import PASSPHRASE, PERSONS, settings  # noqa: PLC0415, execute

    gw = Operator(tmp_path / "gw")
    text = settings(database_url=new_database(), mark_url=new_database())
    make(gw.folder, text, PERSONS, PASSPHRASE)
    found = findings(gw)
    assert not [finding for finding in found if finding.level is Level.ERROR]
    assert "PostgreSQL" in the(found, "database", Level.OK)
    assert the(found, "clock", Level.OK)
    assert f"({NEW} of {NEW})" in the(found, "log", Level.OK)
    assert "GiB on a disk that only its own host sees" in the(found, "servers", Level.OK)
    assert "on one server" in the(found, "servers", Level.WARNING)
    assert "may delete events" in the(found, "servers", Level.WARNING)
    apart = findings(gw, timedelta(seconds=10))
    assert "keep both by NTP" in the(apart, "clock", Level.WARNING)


@pytest.mark.parametrize(
    ("encrypted", "query", "level"),
    [
        (False, "", Level.ERROR),
        (True, "?sslmode=require", Level.ERROR),
        (True, "?sslmode=verify-full", Level.OK),
    ],
)
def test_the_way_to_a_server_on_another_host_must_be_by_tls_to_that_very_server(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, encrypted: bool, query: str, level: Level
) -> None:
    seen = Server("7", encrypted=encrypted, local=False, role="casegate", size=0, deletes=False)
    monkeypatch.setattr(databases, "look_at", lambda url: seen)
    config = replace(gw.config, database_url=f"postgresql+psycopg://casegate@db/casegate{query}")
    assert [found for found, _ in databases.servers(Examined(config, wiring.now()))] == [level]
