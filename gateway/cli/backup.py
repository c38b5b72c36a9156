"""`casegate backup`, `backup-keys` and `restore`: copies of a gateway's database and settings."""

import hashlib
import json
import os
import re
import shlex
import shutil
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeGuard

import click
from sqlalchemy import make_url

from gateway import files, keys, wiring
from gateway.cli.arguments import ANY_FOLDER, folder_option, home_option, plain_errors
from gateway.cli.output import progress, warn, write_new
from gateway.client.errors import raising
from gateway.config import Config
from gateway.domain.refusals import LogFrozen
from gateway.evidence import canonical
from gateway.kernel.log_continuity import require_beginnings, require_prefixes
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import TreeHead
from gateway.maintenance.comparison import rows_proof
from gateway.maintenance.health import REHEARSAL, note_backup
from gateway.maintenance.process import holding
from gateway.store import migrations
from gateway.store.log_integrity import StoredLogCorrupt, verify_log
from gateway.store.sqlite_backup import InUse, copy_database, merge_wal, put_in_place, sync
from gateway.store.unit_of_work import open_for_reading
from gateway.text.numbers import pluralise

FORMAT = "casegate-backup/1"
MANIFEST_FILE = "backup.json"
DATABASE_FILE = "casegate.db"
PUBLISHED = "published"
LARGEST_MANIFEST = 1024 * 1024

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Manifest:
    """What a backup holds: of which log, until where, and the SHA-256 of each file (hex)."""

    made_at: str
    origin: str
    size: int
    root: str
    files: Mapping[str, str]

    @property
    def head(self) -> TreeHead:
        """The head of the log in it."""
        return TreeHead(self.size, bytes.fromhex(self.root))

    def write(self, folder: Path) -> None:
        """Put it beside what it describes."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        write_new(folder / MANIFEST_FILE, f"{text}\n".encode())

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read it; a ClickException when the folder is no whole backup of this format."""
        try:
            text = (folder / MANIFEST_FILE).read_bytes()
            values = canonical.decode(text) if len(text) <= LARGEST_MANIFEST else None
        except (OSError, ValueError):
            values = None
        if not _is_manifest(values):
            raise click.ClickException(f"{folder} is not a backup made by `casegate backup`")
        return cls(**{name: value for name, value in values.items() if name != "format"})


def _is_manifest(values: Any) -> TypeGuard[dict[str, Any]]:
    kinds = {"format": str, "made_at": str, "origin": str, "size": int, "root": str, "files": dict}
    if not isinstance(values, dict) or values.keys() != kinds.keys():
        return False
    if not all(type(values[name]) is kind for name, kind in kinds.items()):
        return False
    hexadecimal = [values["root"], *values["files"].values()]
    return (
        values["format"] == FORMAT
        and all(map(_is_name, values["files"]))
        and all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in hexadecimal)
    )


def _is_name(name: str) -> bool:
    """Tell whether it names a file of the folder, or of `published` in it: no way out of it."""
    *above, last = name.split("/")
    return above in ([], [PUBLISHED]) and last not in ("", ".", "..") and "\\" not in last


def digest(file: Path) -> str:
    """SHA-256 of a file, in hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


# --- `casegate backup`: a copy of a gateway's database and settings, taken while it runs ---


@click.command()
@home_option
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--restored-at",
    "restored_at",
    metavar="URL",
    help="With PostgreSQL: check the dump DIR, which you restored into this other database.",
)
@click.option(
    "--rehearsed",
    is_flag=True,
    help="Copy nothing: note that the backup DIR was restored elsewhere today, and found whole.",
)
def backup(folder: Path, target: Path, restored_at: str | None, rehearsed: bool) -> None:
    """Copy the gateway's database, settings and published files to DIR.

    The gateway can run: the copy is of one moment, and its whole log is checked. The copy never
    holds signing keys, the root authority, the keys of cases or the high-water mark, which must
    not go back in time with the database.
    """
    with plain_errors():
        config = wiring.load_config(folder.absolute())
        if restored_at is not None:
            _check_dump(config, target, restored_at)
            return
        if rehearsed:
            if not target.exists():
                raise click.ClickException(f"{target} does not exist: name what was restored")
            note_backup(config, REHEARSAL)
            click.echo("Noted: a restore was rehearsed today. The doctor asks again in 200 days.")
            return
        _require_sqlite(config, target)
        spare = _new_folder(target)
        try:
            manifest = _fill(config, spare)
            spare.rename(target)
            sync(target.absolute().parent)
        except sqlite3.Error as error:
            raise click.ClickException(f"the database cannot be copied: {error}") from error
        except StoredLogCorrupt as error:
            raise click.ClickException(
                f"no backup was made, for the log is damaged: {error}"
            ) from error
        finally:
            shutil.rmtree(spare, ignore_errors=True)
        note_backup(config, "database")
    click.echo(f"Made {target}: {describe_head(manifest.head)}. Its log was checked whole.")
    click.echo("Not in it: keys/, issuing/, people/, offline/ (back them up once, and apart), the")
    click.echo("keys of cases (backup-keys, kept for days only), the high-water mark (never).")


@click.command("backup-keys")
@home_option
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
def backup_keys(folder: Path, target: Path) -> None:
    """Copy the keys of cases to the new FILE, which you keep for days only.

    What is erased can be read for as long as a copy of its key exists: see docs/operators.md.

    \b
    Example: casegate backup-keys --home gw \\
        /srv/backup-keys/2026-01-02
    """
    with plain_errors():
        config = wiring.load_config(folder.absolute())
        file = config.keys_file
        if file is None:
            raise click.ClickException(
                "the keys of cases are in PostgreSQL: copy their database by its own means, apart, "
                "and keep no copy for longer than docs/operators.md says"
            )
        if not file.exists():
            raise click.ClickException(f"{file} is missing: see [case_keys] url")
        if target.exists():
            raise click.ClickException(f"{target} exists and is not overwritten: name a new file")
        try:
            with progress("copying") as tell:
                copy_database(file, target, tell)
        except sqlite3.Error as error:
            target.unlink(missing_ok=True)
            raise click.ClickException(f"the keys database cannot be copied: {error}") from error
        note_backup(config, "case-keys")
    click.echo(f"Made {target}. Now delete the copies before it: what was erased lives in them.")


def _require_sqlite(config: Config, target: Path) -> None:
    if config.database_file is not None:
        return
    # Options of the driver's own URL mean the same to pg_dump; a password has no place in argv.
    url = make_url(config.database_url)._replace(drivername="postgresql", password=None)
    address, file = shlex.quote(url.render_as_string()), shlex.quote(f"{target}.dump")
    raise click.ClickException(
        "the database is in PostgreSQL, which has its own means. Copy casegate.toml and published/"
        f" by hand, and run, with the password in PGPASSFILE:\n"
        f"  umask 077; pg_dump --format=custom --file={file} {address}\n"
        f"  createdb casegate_check; pg_restore --no-owner --dbname=casegate_check {file}\n"
        f"  casegate backup --restored-at postgresql+psycopg:///casegate_check {file}\n"
        "  dropdb casegate_check\n"
        "Never put the high-water mark's database into it."
    )


def _check_dump(config: Config, dump: Path, url: str) -> None:
    """Check the whole log of a restored dump, and that the gateway's own log goes on from it."""
    if not dump.is_file():
        raise click.ClickException(f"{dump} does not exist: name the dump that was restored")
    files.require_private(dump)
    if migrations.current(url) not in migrations.REVISIONS:
        raise click.ClickException("no dump of a gateway was restored at this address")
    with raising(click.ClickException, f"the dump {dump} is damaged", StoredLogCorrupt):
        head = _read_whole(url, config)
    live = open_for_reading(config.database_url, config.log_origin)
    with live as store, store.begin(TransactionMode.READ) as work:
        require_beginnings(work, {head})
    note_backup(config, "database")
    click.echo(f"{dump}: {describe_head(head)}. Its log was checked whole, and goes on here.")


def _new_folder(target: Path) -> Path:
    if target.exists():
        raise click.ClickException(f"{target} exists and is not overwritten: name a new folder")
    spare = target.with_name(f".{target.name}.part")
    try:
        spare.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise click.ClickException(
            f"{spare} exists: another backup is under way, or one was cut off; then remove it"
        ) from None
    return spare


def _fill(config: Config, spare: Path) -> Manifest:
    made_at = wiring.now()
    database = spare / DATABASE_FILE
    with progress("copying") as tell:
        copy_database(Path(str(config.database_file)), database, tell)
    # A backup that was never read is none. One of an earlier version is read as it is after its
    # upgrade, which the backup waits for.
    read, older = database, database.with_name(f".{database.name}.upgraded")
    if migrations.current(f"sqlite:///{database.absolute()}") != migrations.REVISIONS[-1]:
        shutil.copy(database, older)
        read = older
    head = _read_whole(f"sqlite:///{read.absolute()}", config)
    merge_wal(database)
    for ending in ("", "-wal", "-shm"):
        older.with_name(older.name + ending).unlink(missing_ok=True)
    shutil.copyfile(config.folder / wiring.CONFIG_FILE, spare / wiring.CONFIG_FILE)
    (spare / wiring.CONFIG_FILE).chmod(0o600)
    shutil.copytree(config.published, spare / PUBLISHED)
    names = [DATABASE_FILE, wiring.CONFIG_FILE]
    names += [f"{PUBLISHED}/{file.name}" for file in sorted((spare / PUBLISHED).iterdir())]
    files = {name: digest(spare / name) for name in names}
    stamp = made_at.isoformat(timespec="seconds")
    manifest = Manifest(stamp, config.log_origin, head.size, head.root.hex(), files)
    manifest.write(spare)
    for name in (*names, MANIFEST_FILE, PUBLISHED, ""):
        sync(spare / name)
    return manifest


def _read_whole(url: str, config: Config) -> TreeHead:
    """The head of a copy's log, after all of it was read; where it is older, it is upgraded."""
    if migrations.current(url) != migrations.REVISIONS[-1]:
        migrations.upgrade(url)
    person_key = keys.load_secret(config.keys / wiring.FINGERPRINT_FILE)
    with (
        progress("checking") as tell,
        open_for_reading(url, config.log_origin, person_key=person_key) as store,
        store.begin(TransactionMode.READ) as work,
    ):
        head = verify_log(work, tell)
        for sentence in rows_proof(config, work).registry().sentences():
            warn(sentence)
    return head


# --- `casegate restore`: restore a gateway's database from a backup, after checking it ---


@click.command()
@click.argument("source", metavar="BACKUP", type=ANY_FOLDER)
@folder_option(
    ANY_FOLDER,
    "The operator's folder. A new or empty one gets settings and published files, too.",
)
@click.option("--yes", is_flag=True, help="Do not ask before the database is put in place.")
def restore(source: Path, folder: Path, yes: bool) -> None:
    """Restore the database from BACKUP; the gateway must be stopped.

    The backup's whole log is checked and compared with the high-water mark first: the command says
    whether the gateway will continue, or its log will be frozen because more was signed than the
    backup holds. The previous database is kept under another name. Keys are not in a backup.

    Example: casegate restore /srv/backup/2026-01-02 --home gw
    """
    with plain_errors():
        manifest = Manifest.read(source)
        if DATABASE_FILE not in manifest.files:
            raise click.ClickException(f"{source} holds no database")
        for name, expected in manifest.files.items():
            if digest(source / name) != expected:
                raise click.ClickException(
                    f"{source / name} is not as it was when it was backed up"
                )
        with _settled(source, folder.absolute(), manifest) as config:
            aside = _restore(source, config, manifest, ask=not yes)
    click.echo(f"Restored {config.database_file}.")
    if aside is not None:
        click.echo(f"The database before it is {aside}.")
    if not config.keys.exists():
        click.echo("Put keys/ and issuing/ back from their own backup.")
    if config.keys_file is not None and not config.keys_file.exists():
        click.echo(f"Put the newest keys database there: {config.keys_file}.")
    click.echo(f"Then: casegate doctor --home {config.folder}")


@contextmanager
def _settled(source: Path, folder: Path, manifest: Manifest) -> Iterator[Config]:
    """The folder's settings, those of the backup in a new one; held as who maintains it.

    A new folder is removed again when it does not come to a database.
    """
    new = not folder.exists() or not any(folder.iterdir())
    try:
        if new:
            (folder / PUBLISHED).mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            for name in manifest.files.keys() - {DATABASE_FILE}:
                shutil.copyfile(source / name, folder / name)
                (folder / name).chmod(0o644 if name.startswith(PUBLISHED) else 0o600)
        config = wiring.load_config(folder)
        if config.log_origin != manifest.origin:
            raise click.ClickException(
                f"the backup is of the log {manifest.origin}, the settings of {config.log_origin}"
            )
        with holding(config):
            yield config
    except BaseException:
        if new:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _restore(source: Path, config: Config, manifest: Manifest, *, ask: bool) -> Path | None:
    """Check, tell, ask, put in place; where the database before is kept, if there was one."""
    file = config.database_file
    if file is None:
        raise click.ClickException(
            "the settings name a database in PostgreSQL: put a dump back with pg_restore, and see "
            "by `casegate log status` whether the log goes on"
        )
    spare = file.with_name(f".{file.name}.restoring")
    try:
        frozen = _copied(source / DATABASE_FILE, spare, config, manifest)
        click.echo(
            f"Backup of {manifest.made_at}: {describe_head(manifest.head)}; its log is whole."
        )
        if frozen is None:
            click.echo("Nothing that was signed is missing in it: the log will go on.")
        else:
            click.echo(
                f"With it the log will be frozen: {frozen.detail}.\nThe gateway then starts and "
                "answers what needs no receipt; it writes and signs nothing.\n"
                "docs/operators.md, 'The log is frozen', says what can be done."
            )
        if ask:
            click.confirm("Put it in place?", abort=True)
        return _put(spare, file)
    except StoredLogCorrupt as error:
        raise click.ClickException(f"nothing was changed, the backup is damaged: {error}") from None
    except InUse as error:
        raise click.ClickException(f"nothing was changed: {error}") from None
    finally:
        for ending in ("", "-wal", "-shm", ".lock"):
            spare.with_name(spare.name + ending).unlink(missing_ok=True)


def _copied(backup: Path, spare: Path, config: Config, manifest: Manifest) -> LogFrozen | None:
    """Copy the database, and check its whole log: why it will be frozen; None when it goes on."""
    spare.unlink(missing_ok=True)
    spare.touch(mode=0o600)
    shutil.copyfile(backup, spare)
    url = f"sqlite:///{spare}"
    if migrations.current(url) not in migrations.REVISIONS:
        raise click.ClickException("the backup is of a newer version of the gateway, or of none")
    migrations.upgrade(url)
    marked = wiring.read_mark(config)
    with open_for_reading(url, manifest.origin) as store, store.begin(TransactionMode.READ) as work:
        with progress("checking") as tell:
            head = verify_log(work, tell)
        if head != manifest.head:
            raise StoredLogCorrupt("its log is not the one that backup.json names")
        try:
            require_prefixes(work, marked, ())
        except LogFrozen as frozen:
            return frozen
    return None


def _put(spare: Path, file: Path) -> Path | None:
    """Put the checked copy in place; the name under which the database before it is kept."""
    merge_wal(spare)
    if not file.exists():
        put_in_place(spare, file, file)
        return None
    try:
        merge_wal(file)
    except sqlite3.DatabaseError:
        click.echo(f"{file} is damaged; it is kept as it is.", err=True)
    before = file.stat()
    spare.chmod(stat.S_IMODE(before.st_mode))
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(spare, before.st_uid, before.st_gid)
    aside = file.with_name(f"{file.name}.before-{wiring.now():%Y%m%dT%H%M%SZ}")
    put_in_place(spare, file, aside)
    return aside


def describe_head(head: TreeHead) -> str:
    """A head in words."""
    return f"{pluralise(head.size, 'entry')}, root {head.root.hex()[:16]}"
