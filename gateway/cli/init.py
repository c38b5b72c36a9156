"""`casegate init`: make the operator's folder of a new gateway."""

import json
import secrets
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from gateway import config as config_file
from gateway import keys, maintenance, wiring
from gateway.actions import administration
from gateway.actions.ports import Head
from gateway.config import Config
from gateway.domain.organisation import SLUG, Person
from gateway.keys import Purpose
from gateway.ledger.tree import EMPTY_ROOT
from gateway.pki.authority import make_issuing, make_root
from gateway.pki.files import replace_file
from gateway.pki.publication import publish_chain
from gateway.store import migrations
from gateway.store.database import Unfit

README = """\
The operator's folder of one Casegate gateway. Keep it from everybody else.

casegate.toml   the settings
offline/        the root authority: move it off this machine, to two places, under lock and key
issuing/        the issuing authority; only the maintaining process opens its key
keys/           what the gateway signs with, one key for each purpose
people/         administrators' personal keys: hand each to its person, then remove it here
server/         the listeners' certificates, renewed by themselves
published/      what everybody may read: certificates of the authorities, revocation lists
casegate.db     the database (SQLite): back it up with `casegate backup`
mark.db         how far the log was signed: NEVER part of a backup, never replaced by an older copy
"""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Short name, for ever: it stands in certificates.")
@click.option("--issuer", required=True, help="Public address, for ever: https://host[:port].")
@click.option("--partners-url", required=True, help="Address that partners' systems call.")
@click.option("--public-bind", default="127.0.0.1:8443", show_default=True)
@click.option("--partners-bind", default="127.0.0.1:8444", show_default=True)
@click.option("--database", default=None, help="SQLAlchemy URL; SQLite in the folder by default.")
@click.option("--mark", default=None, help="URL of the log's high-water mark; likewise.")
@click.option(
    "--admin",
    "admins",
    multiple=True,
    required=True,
    metavar="ID=NAME",
    help="An administrator, as in martin='A. Martin'; give two or more.",
)
@click.option(
    "--root-passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the passphrase of the root key; asked for when not given.",
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
    admins: tuple[str, ...],
    root_passphrase_file: Path | None,
) -> None:
    """Make FOLDER: settings, authorities, keys, database, and the first two administrators.

    Nothing is overwritten: FOLDER must not exist, or be empty.
    """
    persons = _persons(admins)
    passphrase = _passphrase(root_passphrase_file)
    values = {
        "name": name,
        "issuer": issuer,
        "partners_url": partners_url,
        "public_bind": public_bind,
        "partners_bind": partners_bind,
        "database_url": database,
        "mark_url": mark,
    }
    try:
        text = config_file.render(**{name: v for name, v in values.items() if v is not None})
        make(folder, text, persons, passphrase)
    except (config_file.ConfigError, FileExistsError, keys.KeyFileError, Unfit) as error:
        raise click.ClickException(str(error)) from error
    _tell(folder, persons)


def make(
    folder: Path, settings: str, persons: Sequence[tuple[str, str]], passphrase: bytes
) -> None:
    """Make an operator's folder, whole or not at all; FileExistsError when something is there."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not empty, and nothing in it is overwritten")
    spare = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    spare.mkdir(mode=0o700, parents=True)
    try:
        _fill(spare, settings, persons, passphrase)
        spare.rename(folder)
    except BaseException:
        shutil.rmtree(spare, ignore_errors=True)
        raise


def _fill(
    folder: Path, settings: str, persons: Sequence[tuple[str, str]], passphrase: bytes
) -> None:
    keys.write_private(folder / wiring.CONFIG_FILE, settings.encode())
    keys.write_private(folder / "README", README.encode())
    config = wiring.load_config(folder)
    _make_keys(config)
    _make_authorities(config, passphrase, wiring.now())
    people = [_make_person(config, *person) for person in persons]
    migrations.upgrade(config.database_url)
    gateway = wiring.connect(config)
    try:
        gateway.notary.adopt(Head(0, EMPTY_ROOT))
        administration.found(gateway.ports, people)
        maintenance.run(gateway, pause=lambda: True, alarm=click.echo, once=True)
    finally:
        gateway.close()


def _make_keys(config: Config) -> None:
    for purpose in (Purpose.TOKEN, Purpose.ATTEST, Purpose.EVENT, Purpose.LOG):
        keys.write_key(config.keys / purpose / "current.pem", keys.generate_key(purpose))
    keys.write_secret(config.keys / wiring.FINGERPRINT_FILE, keys.generate_secret())


def _make_authorities(config: Config, passphrase: bytes, now: datetime) -> None:
    root = make_root(config.name, now)
    issuing = make_issuing(config.name, root, now)
    keys.write_private(config.offline / "root.key", root.key_pem(passphrase))
    replace_file(config.offline / "root.pem", root.certificate_pem())
    keys.write_private(config.issuing / f"{issuing.id}.key", issuing.key_pem())
    replace_file(config.issuing / f"{issuing.id}.pem", issuing.certificate_pem())
    publish_chain(config.published, root.certificate, [issuing.certificate])
    replace_file(config.published / "root.pem", root.certificate_pem())


def _make_person(config: Config, person: str, name: str) -> Person:
    key = keys.generate_key(Purpose.PERSON)
    keys.write_key(config.people / f"{person}.pem", key)
    return Person(person, name, json.dumps(key.public_jwk(), sort_keys=True))


def _persons(admins: tuple[str, ...]) -> list[tuple[str, str]]:
    persons = []
    for admin in admins:
        person, _, name = admin.partition("=")
        if not SLUG.fullmatch(person) or not name:
            raise click.BadParameter(
                f"'{admin}' is not of the form id=name, with an id of a-z, 0-9 and '-'"
            )
        persons.append((person, name))
    if len({person for person, _ in persons}) < 2:
        raise click.BadParameter("a gateway has at least two administrators: give --admin twice")
    return persons


def _passphrase(file: Path | None) -> bytes:
    if file is not None:
        text = file.read_text(encoding="utf-8").removesuffix("\n")
    else:
        text = click.prompt("Passphrase of the root key", hide_input=True, confirmation_prompt=True)
    if len(text) < 12:
        raise click.ClickException("the root key's passphrase has at least 12 characters")
    return text.encode()


def _tell(folder: Path, persons: Sequence[tuple[str, str]]) -> None:
    names = " and ".join(person for person, _ in persons[:2])
    click.echo(f"Made {folder}. Next:")
    click.echo(f"  1. Move {folder / 'offline'} off this machine; it is needed in ceremonies only.")
    click.echo(f"  2. Hand each key in {folder / 'people'} to its person.")
    click.echo(f"  3. casegate run --folder {folder}")
    click.echo(f"  4. Admit members: casegate admin organisation admit ... (as {names})")
