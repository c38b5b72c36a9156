"""`casegate init`: make the operator's folder of a new gateway."""

import os
from collections.abc import Sequence
from pathlib import Path

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from gateway import config as config_file
from gateway.cli.checkup import ENOUGH
from gateway.cli.folder import told_plainly
from gateway.cli.founding import make, require_free
from gateway.cli.passphrase import read_passphrase
from gateway.config import DATABASE_VARIABLE
from gateway.domain.organisation import SLUG

SHORTEST_PASSPHRASE = 12
"""Characters; the root's file leaves its home, and its format slows guessing down only a little."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Short name, for ever: it stands in certificates.")
@click.option("--issuer", required=True, help="Public address, for ever: https://host[:port].")
@click.option("--partners-url", required=True, help="Address that partners' systems call.")
@click.option(
    "--public-bind",
    default="127.0.0.1:8443",
    show_default=True,
    help="Where the public listener listens.",
)
@click.option(
    "--partners-bind",
    default="127.0.0.1:8444",
    show_default=True,
    help="Where the partners' listener listens: host:port, or unix:/path behind a proxy.",
)
@click.option(
    "--database",
    callback=lambda _context, _parameter, given: _without_password(given),
    help="SQLAlchemy URL, without a password; SQLite in the folder by default.",
)
@click.option(
    "--mark",
    callback=lambda _context, _parameter, given: _without_password(given),
    help="URL of the log's high-water mark; likewise.",
)
@click.option(
    "--keys",
    "case_keys",
    callback=lambda _context, _parameter, given: _without_password(given),
    help="URL of the database of the keys of cases; likewise.",
)
@click.option(
    "--admin",
    "admins",
    multiple=True,
    required=True,
    metavar="ID=NAME",
    callback=lambda _context, _parameter, given: _persons(given),
    help="An administrator, as in martin='A. Martin'; give two or more.",
)
@click.option(
    "--root-passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the passphrase of the root key on its one line; asked for when not given.",
)
def init(
    folder: Path,
    name: str,
    issuer: str,
    partners_url: str,
    public_bind: str,
    partners_bind: str,
    database: str | None,
    mark: str | None,
    case_keys: str | None,
    admins: Sequence[tuple[str, str]],
    root_passphrase_file: Path | None,
) -> None:
    """Make FOLDER: settings, authorities, keys, database, and the first two administrators.

    Nothing is overwritten: FOLDER must not exist, or be empty. When it cannot be made, nothing of
    it stays behind.
    """
    values = {
        "name": name,
        "issuer": issuer,
        "partners_url": partners_url,
        "public_bind": public_bind,
        "partners_bind": partners_bind,
        "database_url": database,
        "mark_url": mark,
        "keys_url": case_keys,
    }
    place = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow a link there
    with told_plainly():
        settings = config_file.render(**{k: v for k, v in values.items() if v is not None})
        require_free(place)
        make(place, settings, admins, _passphrase(root_passphrase_file))
    _tell(folder, admins)


def _without_password(given: str | None) -> str | None:
    """A database's address; a password in it would lie in the settings and in their backups."""
    if given is None:
        return None
    try:
        url = make_url(given)
    except ArgumentError:
        return given  # told with the settings, which it is no value of
    if url.password is not None or "password" in url.query:
        raise click.BadParameter(
            "leave the password out: it would stand in casegate.toml, its backups and your "
            "shell's history. Name a password file in the address (?passfile=...), or set "
            f"{DATABASE_VARIABLE} to the database's whole address"
        )
    return given


def _persons(given: Sequence[str]) -> list[tuple[str, str]]:
    persons = [_person(one) for one in given]
    ids = {person for person, _ in persons}
    if len(ids) < len(persons):
        raise click.BadParameter("one id is given twice: each administrator has an id of their own")
    if len(ids) < 2:
        raise click.BadParameter("a gateway has at least two administrators: give --admin twice")
    return persons


def _person(given: str) -> tuple[str, str]:
    person, _, name = given.partition("=")
    if not SLUG.fullmatch(person) or not name.strip() or not name.isprintable():
        raise click.BadParameter(
            f"{given!r} is not of the form id=name, with an id of a-z, 0-9 and '-'"
        )
    return person, name.strip()


def _passphrase(file: Path | None) -> bytes:
    text = read_passphrase(file, new=True)
    if len(text) < SHORTEST_PASSPHRASE:
        raise click.ClickException(
            f"the root key's passphrase has at least {SHORTEST_PASSPHRASE} characters"
        )
    return text.encode()


def _tell(folder: Path, persons: Sequence[tuple[str, str]]) -> None:
    names = " ".join(f"--as {person}" for person, _ in persons[:2])
    click.echo(f"Made {folder}. Next:")
    click.echo(f"  1. Move {folder / 'offline'} off this machine; it is needed in ceremonies only.")
    click.echo(f"  2. Hand each key in {folder / 'people'} to its person.")
    click.echo(f"  3. casegate run --folder {folder}")
    step = 4
    if len(persons) < ENOUGH:
        click.echo(
            "  4. Add a third administrator: of two, neither can be disabled (administrators.md):"
        )
        click.echo(f"     casegate admin --folder {folder} {names} admin add ...")
        step = 5
    click.echo(f"  {step}. Admit members:")
    click.echo(f"     casegate admin --folder {folder} {names} organisation admit ...")
