"""`casegate restore`: put a backup's database in the place of a gateway's, after checking it."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gateway import maintenance, wiring
from gateway.actions.continuity import require_beginnings
from gateway.actions.ports import Mode
from gateway.cli.folder import told_plainly
from gateway.cli.manifest import DATABASE_FILE, PUBLISHED, Manifest, digest, told
from gateway.cli.mark import read_mark
from gateway.cli.screen import progress
from gateway.config import Config
from gateway.domain.refusals import Frozen
from gateway.store import migrations
from gateway.store.copies import InUse, fold, put_in_place
from gateway.store.soundness import Unsound, examine
from gateway.store.work import open_for_reading


@click.command()
@click.argument("source", metavar="BACKUP", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="this folder",
    help="The operator's folder. A new or empty one gets settings and published files, too.",
)
@click.option("--yes", is_flag=True, help="Do not ask before the database is put in place.")
def restore(source: Path, folder: Path, yes: bool) -> None:
    """Put the database of BACKUP in the place of the gateway's, which must be stopped.

    First the backup's log is checked whole, and held against the high-water mark: the command says
    whether the gateway will go on, or be FROZEN because more was signed than the backup has. The
    database that stood there is kept beside it, under another name; if it is the newer one, you
    may need it. Keys are not in a backup.
    """
    with told_plainly():
        manifest = Manifest.read(source)
        _require_files(source, manifest)
        with _settled(source, folder.absolute(), manifest) as config:
            aside = _restore(source, config, manifest, ask=not yes)
    click.echo(f"Restored {config.database_file}.")
    if aside is not None:
        click.echo(f"The database before it is {aside}.")
    if not config.keys.exists():
        click.echo("Put keys/ and issuing/ back from their own backup.")
    if config.keys_file is not None and not config.keys_file.exists():
        click.echo(f"Put the newest keys database there: {config.keys_file}.")
    click.echo(f"Then: casegate doctor --folder {config.folder}")


def _require_files(source: Path, manifest: Manifest) -> None:
    if DATABASE_FILE not in manifest.files:
        raise click.ClickException(f"{source} holds no database")
    for name, expected in manifest.files.items():
        if digest(source / name) != expected:
            raise click.ClickException(f"{source / name} is not as it was when it was backed up")


@contextmanager
def _settled(source: Path, folder: Path, manifest: Manifest) -> Iterator[Config]:
    """The folder's settings, those of the backup in a new one; held as who maintains it.

    A new folder is removed again when it does not come to a database.
    """
    new = not folder.exists() or not any(folder.iterdir())
    try:
        if new:
            _settle(source, folder, manifest)
        config = wiring.load_config(folder)
        if config.log_origin != manifest.origin:
            raise click.ClickException(
                f"the backup is of the log {manifest.origin}, the settings of {config.log_origin}"
            )
        with maintenance.holding(config):
            yield config
    except BaseException:
        if new:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _settle(source: Path, folder: Path, manifest: Manifest) -> None:
    (folder / PUBLISHED).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in manifest.files.keys() - {DATABASE_FILE}:
        shutil.copyfile(source / name, folder / name)
        (folder / name).chmod(0o644 if name.startswith(PUBLISHED) else 0o600)


def _restore(source: Path, config: Config, manifest: Manifest, *, ask: bool) -> Path | None:
    """Check, tell, ask, put in place; where the database before is kept, if there was one."""
    file = config.database_file
    if file is None:
        raise click.ClickException(
            "the settings name a database in PostgreSQL: put a dump back with pg_restore, and see "
            "by `casegate mark show` whether the log goes on"
        )
    spare = file.with_name(f".{file.name}.restoring")
    try:
        _copy(source / DATABASE_FILE, spare)
        frozen = _checked(spare, config, manifest)
        click.echo(f"The backup of {manifest.made_at} has {told(manifest.head)}; its log is whole.")
        click.echo(_meaning(frozen))
        if ask:
            click.confirm("Put it in place?", abort=True)
        return _put(spare, file)
    except Unsound as error:
        raise click.ClickException(f"nothing was changed, the backup is damaged: {error}") from None
    except InUse as error:
        raise click.ClickException(f"nothing was changed: {error}") from None
    finally:
        for ending in ("", "-wal", "-shm", ".lock"):
            spare.with_name(spare.name + ending).unlink(missing_ok=True)


def _copy(backup: Path, spare: Path) -> None:
    spare.unlink(missing_ok=True)
    spare.touch(mode=0o600)
    shutil.copyfile(backup, spare)
    url = f"sqlite:///{spare}"
    found = migrations.current(url)
    if found is None or not migrations.knows(found):
        raise click.ClickException("the backup is of a newer version of the gateway, or of none")
    migrations.upgrade(url)


def _checked(spare: Path, config: Config, manifest: Manifest) -> Frozen | None:
    """Why the log will be frozen with this database, whose log is whole; None when it goes on."""
    marked = read_mark(config)
    url = f"sqlite:///{spare}"
    with open_for_reading(url, manifest.origin) as store, store.begin(Mode.READ) as work:
        with progress("checking") as tell:
            head = examine(work, tell)
        if head != manifest.head:
            raise Unsound("its log is not the one that backup.json names")
        try:
            require_beginnings(work, marked, ())
        except Frozen as frozen:
            return frozen
    return None


def _meaning(frozen: Frozen | None) -> str:
    if frozen is None:
        return "Nothing that was signed is missing in it: the log will go on."
    return (
        f"With it the log will be FROZEN: {frozen.detail}.\n"
        "The gateway then starts and answers what needs no receipt; it writes and signs nothing.\n"
        "docs/operators.md, 'The log is frozen', says what can be done."
    )


def _put(spare: Path, file: Path) -> Path | None:
    """Put the checked copy in place; the name under which the database before it is kept."""
    fold(spare)
    if not file.exists():
        put_in_place(spare, file, file)
        return None
    try:
        fold(file)
    except sqlite3.DatabaseError:
        click.echo(f"{file} is damaged; it is kept as it is.", err=True)
    before = file.stat()
    spare.chmod(stat.S_IMODE(before.st_mode))
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(spare, before.st_uid, before.st_gid)
    aside = file.with_name(f"{file.name}.before-{wiring.now():%Y%m%dT%H%M%SZ}")
    put_in_place(spare, file, aside)
    return aside
