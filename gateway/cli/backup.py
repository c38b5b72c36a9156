"""`casegate backup`: a copy of a gateway's database and settings, taken while it runs."""

import shlex
import shutil
import sqlite3
from pathlib import Path

import click
from sqlalchemy import make_url

from gateway import wiring
from gateway.actions.ports import Mode
from gateway.actions.records import Head
from gateway.cli.folder import folder_option, told_plainly
from gateway.cli.manifest import DATABASE_FILE, MANIFEST_FILE, PUBLISHED, Manifest, digest, told
from gateway.cli.screen import progress
from gateway.config import Config
from gateway.store.copies import copy_database, fold, sync
from gateway.store.soundness import Unsound, examine
from gateway.store.work import open_for_reading


@click.command()
@folder_option
@click.option(
    "--keys",
    "case_keys",
    is_flag=True,
    help="Copy the keys of cases alone, to the new file DIR: see docs/operators.md.",
)
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
def backup(folder: Path, case_keys: bool, target: Path) -> None:
    """Copy the gateway's database, settings and published files to the new folder DIR.

    The gateway may run meanwhile: the copy is of one moment. Its log is checked whole before the
    command ends. Never in it: keys, which are backed up once and apart, the root authority, the
    keys of cases, without which nobody reads the content in it, and the high-water mark, which
    must not go back in time with the database.
    """
    with told_plainly():
        config = wiring.load_config(folder.absolute())
        if case_keys:
            _copy_keys(config, target)
            return
        _require_sqlite(config, target)
        spare = _new_folder(target)
        try:
            manifest = _fill(config, spare)
            spare.rename(target)
            sync(target.absolute().parent)
        except sqlite3.Error as error:
            raise click.ClickException(f"the database cannot be copied: {error}") from error
        except Unsound as error:
            raise click.ClickException(
                f"no backup was made, for the log is damaged: {error}"
            ) from error
        finally:
            shutil.rmtree(spare, ignore_errors=True)
    click.echo(f"Made {target}: {told(manifest.head)}. Its log was checked whole.")
    click.echo("Not in it: keys/, issuing/, people/, offline/ (back them up once, and apart), the")
    click.echo("keys of cases (--keys, kept for days only), the high-water mark (never).")


def _copy_keys(config: Config, target: Path) -> None:
    """Copy the keys database, which is erased with its copies: so it goes its own way."""
    file = config.keys_file
    if file is None:
        raise click.ClickException(
            "the keys of cases are in PostgreSQL: copy their database by its own means, apart, and "
            "keep no copy for longer than docs/operators.md says"
        )
    if not file.exists():
        raise click.ClickException(f"{file} is missing: see [keys] url")
    if target.exists():
        raise click.ClickException(f"{target} exists and is not overwritten: name a new file")
    try:
        with progress("copying") as tell:
            copy_database(file, target, tell)
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise click.ClickException(f"the keys database cannot be copied: {error}") from error
    click.echo(f"Made {target}. Now delete the copies before it: what was erased lives in them.")


def _require_sqlite(config: Config, target: Path) -> None:
    if config.database_file is not None:
        return
    # Options of the driver's own URL mean the same to pg_dump; a password has no place in argv.
    url = make_url(config.database_url)._replace(drivername="postgresql", password=None)
    address, file = shlex.quote(url.render_as_string()), shlex.quote(f"{target}.dump")
    raise click.ClickException(
        "the database is in PostgreSQL, which has its own means. Copy casegate.toml and published/"
        f" by hand, and run:\n  pg_dump --format=custom --file={file} {address}\n"
        "with the password in PGPASSFILE. Never put the high-water mark's database into it."
    )


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
    head = _examined(database, config.log_origin)
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


def _examined(database: Path, origin: str) -> Head:
    """The head of a copy whose log is whole: a backup that was never read is none."""
    with (
        progress("checking") as tell,
        open_for_reading(f"sqlite:///{database.absolute()}", origin) as store,
        store.begin(Mode.READ) as work,
    ):
        head = examine(work, tell)
    fold(database)
    return head
