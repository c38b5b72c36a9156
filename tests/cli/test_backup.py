"""A backup is whole and without secrets; a restored one tells whether the log goes on."""

import json
import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.backup import Manifest, digest
from gateway.cli.gateway_setup import make
from gateway.kernel.ports import TransactionMode
from gateway.maintenance.health import BACKUPS, last_backup
from gateway.maintenance.process import holding
from gateway.store import sqlite_backup
from tests.each import each
from tests.operating import (
    DUBOIS,
    MARTIN,
    NEW,
    PASSPHRASE,
    PERSONS,
    Operator,
    execute,
    said,
    settings,
)
from tests.postgresql import OwnServer, new_database, own_server
from tests.store.samples import fact


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_backup, "PATIENCE_SECONDS", 0.05)


def backup(gw: Operator, name: str = "backup") -> Path:
    target = gw.folder.parent / name
    result = gw.type("backup", "--home", gw.folder, target)
    assert result.exit_code == 0, result.output
    return target


def test_when_each_backup_was_made_is_noted(gw: Operator) -> None:
    assert {last_backup(gw.config, what) for what in BACKUPS} == {None}
    backup(gw)
    assert last_backup(gw.config, "database") is not None
    assert last_backup(gw.config, "case-keys") is None
    assert gw.type("backup-keys", "--home", gw.folder, gw.folder.parent / "k").exit_code == 0
    assert last_backup(gw.config, "case-keys") is not None


def restore(gw: Operator, source: Path, *words: object, **kwargs: str) -> Result:
    return gw.type("restore", source, "--home", gw.folder, *words, **kwargs)


MEMBER = ["organisation", "admit", "member", "--name", "M", "--kind", "hotline", "--country", "FR"]


def grow(gw: Operator) -> None:
    """A change of the registry, as an administrator makes it: written, signed, marked."""
    gw.done(*MEMBER[:2], f"member-{gw.size()}", *MEMBER[3:])


def mark(gw: Operator, *words: object) -> Result:
    return gw.type("log", *words, "--home", gw.folder)


ADOPT = ("adopt-mark", "--as", MARTIN, "--as", DUBOIS)


def tamper(source: Path, statement: str) -> None:
    """Change the database of a backup, and its digest with it."""
    execute(source / "casegate.db", statement)
    redigest(source)


def redigest(source: Path) -> None:
    file = source / "backup.json"
    values = json.loads(file.read_text())
    values["files"]["casegate.db"] = digest(source / "casegate.db")
    file.write_text(json.dumps(values))


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


# --- Backup --------------------------------------------------------------------------------------


def test_a_backup_has_the_database_the_settings_and_what_is_published(gw: Operator) -> None:
    grow(gw)
    made = backup(gw)
    published = {f"published/{file.name}" for file in gw.config.published.iterdir()}
    assert names(made) == {"backup.json", "casegate.db", "casegate.toml", *published}
    manifest = Manifest.read(made)
    assert manifest.size == gw.size() == NEW + 1
    assert manifest.origin == gw.config.log_origin
    assert manifest.files.keys() == names(made) - {"backup.json"}


def test_a_backup_has_no_key_and_no_mark(gw: Operator) -> None:
    made = backup(gw)
    secrets = [file for file in gw.folder.rglob("*") if file.suffix in {".key", ".secret"}]
    secrets += list(gw.config.keys.rglob("*.pem"))
    held = [file.read_bytes() for file in made.rglob("*") if file.is_file()]
    assert secrets
    for secret in secrets:
        assert not any(secret.read_bytes().strip() in one for one in held), secret
    assert not any(b"PRIVATE KEY" in one for one in held)
    assert not any("mark" in name for name in names(made))


def test_a_backup_is_for_its_owner_alone(gw: Operator) -> None:
    made = backup(gw)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert stat.S_IMODE((made / "casegate.db").stat().st_mode) == 0o600


def test_a_backup_is_on_disk_before_it_has_its_name(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[str] = []
    fsync = os.fsync

    def force(descriptor: int) -> None:
        forced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", force)
    made = backup(gw)
    spare = made.with_name(".backup.part")
    whole = {str(spare), *(str(spare / file.relative_to(made)) for file in made.rglob("*"))}
    assert whole <= {*forced}
    assert forced[-1] == str(made.parent)


def test_a_backup_says_what_is_not_in_it(gw: Operator) -> None:
    result = gw.type("backup", "--home", gw.folder, gw.folder.parent / "backup")
    assert f"{NEW} entries" in result.stdout
    assert "keys/, issuing/, people/, offline/" in result.stdout
    assert "high-water mark" in result.stdout


def test_a_backup_of_a_gateway_that_writes_is_of_one_moment(gw: Operator) -> None:
    with gw.opened() as gateway:
        stopped, grown = threading.Event(), threading.Event()

        def write() -> None:
            while not stopped.is_set():
                with gateway.ports.begin(TransactionMode.WRITE) as work:
                    work.log.record(fact("gateway", id_=gateway.ports.new_id()))
                    work.commit()
                grown.set()

        def taken(number: int) -> int:
            grown.clear()
            assert grown.wait(10)
            return Manifest.read(backup(gw, f"backup-{number}")).size

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = [taken(number) for number in range(2)]
        finally:
            stopped.set()
            writer.join()
    assert 1 <= made[0] < made[1]


def test_nothing_is_overwritten_by_a_backup(gw: Operator) -> None:
    made = backup(gw)
    before = digest(made / "backup.json")
    assert "is not overwritten" in said(gw.type("backup", "--home", gw.folder, made))
    assert digest(made / "backup.json") == before


def test_a_damaged_log_gives_no_backup(gw: Operator) -> None:
    execute(gw.folder / "casegate.db", "UPDATE log_head SET root = zeroblob(32)")
    target = gw.folder.parent / "backup"
    assert "the log is damaged" in said(gw.type("backup", "--home", gw.folder, target))
    assert [path.name for path in gw.folder.parent.iterdir()] == ["gw"]


def test_a_backup_that_was_cut_off_is_named(gw: Operator) -> None:
    (gw.folder.parent / ".backup.part").mkdir()
    target = gw.folder.parent / "backup"
    assert ".backup.part exists" in said(gw.type("backup", "--home", gw.folder, target))


def test_for_postgresql_the_command_to_run_is_told_without_its_password(gw: Operator) -> None:
    gw.set("database", "url", '"postgresql+psycopg://gw:hunter2@db.example/cases"')
    result = gw.type("backup", "--home", gw.folder, gw.folder.parent / "my backup")
    assert result.exit_code == 1
    assert "pg_dump --format=custom" in result.stderr
    assert "postgresql://gw@db.example/cases" in result.stderr
    assert "hunter2" not in result.output
    assert "my backup.dump'" in result.stderr


# --- Restore -------------------------------------------------------------------------------------


def test_a_restored_backup_that_is_the_newest_goes_on(gw: Operator) -> None:
    grow(gw)
    made = backup(gw)
    result = restore(gw, made, "--yes")
    assert result.exit_code == 0, result.output
    assert "the log will go on" in result.stdout
    grow(gw)
    assert gw.size() == NEW + 2


def test_a_restored_older_backup_is_frozen_until_the_newer_database_is_back(gw: Operator) -> None:
    made = backup(gw)
    grow(gw)
    result = restore(gw, made, "--yes")
    assert result.exit_code == 0, result.output
    assert (
        f"frozen: the database has {NEW} entries of the log, but {NEW + 1} were signed"
        in result.stdout
    )
    assert gw.size() == NEW
    assert "older copy" in said(gw.admin(*MEMBER))
    assert mark(gw, "status").exit_code == 1
    assert gw.size() == NEW
    (aside,) = gw.folder.glob("casegate.db.before-*Z")
    shutil.move(aside, gw.folder / "casegate.db")
    assert mark(gw, "status").exit_code == 0
    grow(gw)
    assert gw.size() == NEW + 2


def test_nothing_is_restored_without_a_yes(gw: Operator) -> None:
    made = backup(gw)
    grow(gw)
    before = names(gw.folder)
    for answer in ("n\n", ""):
        result = restore(gw, made, input=answer)
        assert result.exit_code == 1
        assert "Put it in place?" in result.stdout
    assert gw.size() == NEW + 1
    assert names(gw.folder) == before
    assert restore(gw, made, input="y\n").exit_code == 0
    assert gw.size() == NEW


def test_a_restored_database_has_the_owner_and_mode_of_the_one_before(gw: Operator) -> None:
    made = backup(gw)
    (gw.folder / "casegate.db").chmod(0o660)
    assert restore(gw, made, "--yes").exit_code == 0
    assert stat.S_IMODE((gw.folder / "casegate.db").stat().st_mode) == 0o660


def test_a_database_in_use_is_not_replaced(gw: Operator) -> None:
    made = backup(gw)
    with gw.opened():
        assert "stop the gateway first" in said_last(restore(gw, made, "--yes"))
    assert restore(gw, made, "--yes").exit_code == 0


def test_a_gateway_that_is_maintained_is_not_restored(gw: Operator) -> None:
    made = backup(gw)
    with holding(gw.config):
        assert "another process maintains" in said(restore(gw, made, "--yes"))


def test_a_damaged_database_is_replaced_and_kept(gw: Operator) -> None:
    made = backup(gw)
    (gw.folder / "casegate.db").write_text("no database " * 100)
    result = restore(gw, made, "--yes")
    assert result.exit_code == 0, result.output
    assert "is damaged; it is kept" in result.stderr
    (aside,) = gw.folder.glob("casegate.db.before-*Z")
    assert aside.read_text().startswith("no database")
    grow(gw)


def _another_whole_log(gw: Operator, made: Path) -> None:
    grow(gw)
    shutil.copyfile(backup(gw, "newer") / "casegate.db", made / "casegate.db")
    redigest(made)


def _append(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\n")


DAMAGE = "UPDATE log_event SET entry = zeroblob(33)"
REFUSED: dict[str, Callable[[Operator, Path], object]] = {
    "the backup is damaged": lambda _, made: tamper(made, DAMAGE),
    "not the one that backup.json names": _another_whole_log,
    "casegate.db is not as it was": lambda _, made: _append(made / "casegate.db"),
    "casegate.toml is not as it was": lambda _, made: _append(made / "casegate.toml"),
    "root.pem is not as it was": lambda _, made: _append(made / "published" / "root.pem"),
    "newer version": lambda _, made: tamper(
        made, "UPDATE alembic_version SET version_num = '9999'"
    ),
    "the backup is of the log": lambda gw, _: gw.set("gateway", "log_origin", '"x.example/log"'),
}


@pytest.mark.parametrize(("words", "spoil"), REFUSED.items(), ids=REFUSED)
def test_a_backup_that_is_not_this_log_whole_replaces_nothing(
    gw: Operator, words: str, spoil: Callable[[Operator, Path], object]
) -> None:
    made = backup(gw)
    spoil(gw, made)
    before, content = names(gw.folder), digest(gw.folder / "casegate.db")
    assert words in said(restore(gw, made, "--yes"))
    assert (names(gw.folder), digest(gw.folder / "casegate.db")) == (before, content)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"format": "casegate-backup/1"}', "no JSON"],
)
def test_what_is_no_backup_is_not_restored(gw: Operator, tmp_path: Path, content: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "backup.json").write_text(content)
    assert "not a backup" in said(restore(gw, tmp_path / "folder", "--yes"))
    assert "not a backup" in said(restore(gw, tmp_path / "nothing", "--yes"))


def described(**changes: object) -> dict[str, object]:
    values: dict[str, object] = {
        "format": "casegate-backup/1",
        "made_at": "2026-01-02T03:04:05+00:00",
        "origin": "log.example",
        "size": 1,
        "root": "0" * 64,
        "files": {"casegate.db": "0" * 64},
    }
    return values | changes


@each(
    "name", ["../casegate.db", "/etc/passwd", "keys/token/current.pem", "published/../x", "..", ""]
)
def test_a_backup_names_no_file_outside_itself(tmp_path: Path, name: str) -> None:
    values = described(files={"casegate.db": "0" * 64, name: "0" * 64})
    (tmp_path / "backup.json").write_text(json.dumps(values))
    with pytest.raises(Exception, match="not a backup"):
        Manifest.read(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(described())), JSON)
def test_no_description_of_a_backup_is_believed_in_part(
    tmp_path_factory: pytest.TempPathFactory, field: str, value: object
) -> None:
    folder = tmp_path_factory.mktemp("manifest")
    (folder / "backup.json").write_text(json.dumps(described(**{field: value})))
    try:
        read = Manifest.read(folder)
    except Exception as error:
        assert "not a backup" in str(error)
    else:
        assert read.head.size == read.size


# --- A new folder --------------------------------------------------------------------------------


def test_a_new_folder_gets_settings_and_says_what_is_missing(gw: Operator, tmp_path: Path) -> None:
    made = backup(gw)
    new = Operator(tmp_path / "elsewhere" / "gw")
    result = restore(new, made, "--yes")
    assert result.exit_code == 0, result.output
    assert "high-water mark is missing" in result.stdout
    assert "Put keys/ and issuing/ back" in result.stdout
    assert stat.S_IMODE(new.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((new.folder / "casegate.toml").stat().st_mode) == 0o600
    assert f"newest keys database there: {new.config.keys_file}" in result.stdout
    for name in ("keys", "issuing", "people"):
        shutil.copytree(gw.folder / name, new.folder / name)
    shutil.copyfile(gw.folder / "keys.db", new.folder / "keys.db")
    assert "no high-water mark" in mark(new, "status").stdout
    assert mark(new, *ADOPT, "--largest-size", NEW).exit_code == 0
    grow(new)
    assert new.size() == NEW + 2


def test_the_keys_of_cases_are_never_in_a_backup_and_are_copied_alone(gw: Operator) -> None:
    made = backup(gw)
    assert "keys.db" not in {file.name for file in made.rglob("*")}
    copy = gw.folder.parent / "keys-today.db"
    result = gw.type("backup-keys", "--home", gw.folder, copy)
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM key_ring").fetchone() == (1,)
    assert "is not overwritten" in said(gw.type("backup-keys", "--home", gw.folder, copy))


def test_a_new_folder_that_cannot_be_filled_leaves_nothing(gw: Operator, tmp_path: Path) -> None:
    made = backup(gw)
    tamper(made, DAMAGE)
    new = Operator(tmp_path / "new")
    assert "the backup is damaged" in said(restore(new, made, "--yes"))
    assert not new.folder.exists()


# --- The mark ------------------------------------------------------------------------------------


def said_last(result: Result) -> str:
    assert result.exit_code == 1, result.output
    return result.stderr.splitlines()[-1]


# --- A dump of PostgreSQL, restored aside


def _dumped(server: OwnServer, dump: Path) -> str:
    """Dump a server's database and restore it into another; the address of that one."""
    live, inside = server.url.replace("+psycopg", ""), server.folder / "casegate.dump"
    aside = live.replace("/postgres?", "/casegate_check?")
    server.run("pg_dump", "--format=custom", f"--file={inside}", live)
    with psycopg.connect(live, autocommit=True) as connection:
        connection.execute("CREATE DATABASE casegate_check")
    server.run("pg_restore", "--no-owner", f"--dbname={aside}", inside)
    shutil.copyfile(inside, dump)
    dump.chmod(0o600)
    return aside.replace("postgresql:", "postgresql+psycopg:")


@pytest.mark.slow
def test_a_dump_that_was_restored_aside_is_checked_whole_and_noted(tmp_path: Path) -> None:
    gw, dump = Operator(tmp_path / "gw"), tmp_path / "casegate.dump"
    with own_server() as server:
        make(gw.folder, settings(database_url=server.url), PERSONS, PASSPHRASE)
        told = gw.type("backup", "--home", gw.folder, dump).stderr
        for step in ("umask 077; pg_dump", "createdb", "pg_restore", "backup --restored-at"):
            assert step in told
        aside = _dumped(server, dump)
        grow(gw)  # the gateway goes on meanwhile
        words = ("backup", "--home", gw.folder, "--restored-at", aside, dump)
        done = gw.type(*words)
        assert done.exit_code == 0, done.output
        assert f"{NEW} entries" in done.stdout
        assert "checked whole, and goes on here" in done.stdout
        assert last_backup(gw.config, "database") is not None
        (gw.folder / "last-backup-database").unlink()
        empty = new_database()
        nothing = gw.type("backup", "--home", gw.folder, "--restored-at", empty, dump)
        assert "no dump of a gateway was restored" in said(nothing)
        dump.chmod(0o644)
        assert "chmod 600" in said(gw.type(*words))
        dump.chmod(0o600)
        with psycopg.connect(aside.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("UPDATE log_event SET document = document || ' ' WHERE idx = 0")
        assert "is damaged" in said(gw.type(*words))
        assert last_backup(gw.config, "database") is None
