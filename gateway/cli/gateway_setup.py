"""`casegate init`: make the operator's folder of a new gateway."""

import getpass
import json
import os
import secrets
import shutil
import stat
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from gateway import config as config_file
from gateway import files, keys, wiring
from gateway.cli import arguments
from gateway.client.connection import gather_trust
from gateway.client.errors import SettingsError, raising
from gateway.config import DATABASE_VARIABLE, Config
from gateway.domain.organisation import ENOUGH_ADMINISTRATORS, SLUG, Administrator
from gateway.domain.refusals import WrongState
from gateway.evidence import canonical, signature
from gateway.evidence.declarations import POSSESSION, person_uri, verify_declaration
from gateway.evidence.log_predecessor import LogPredecessor
from gateway.kernel.values import TreeHead
from gateway.keys import KeyPurpose
from gateway.ledger.tree import EMPTY_ROOT
from gateway.maintenance.process import holding
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance
from gateway.pki.authority import ROOT_FILE, make_issuing, make_root, publish_chain
from gateway.registry import keys as registry_keys
from gateway.store import migrations
from gateway.store.database import UnsuitableDatabase
from gateway.store.key_inventory import has_content
from gateway.store.keyring import make_keyring
from gateway.verification import log_copy
from gateway.verification.report import VerificationFailed

root_passphrase_option: Callable[[Any], Any] = click.option(
    "--root-passphrase-file",
    type=arguments.FILE,
    help="File with the passphrase of the root key on its one line; asked for when not given.",
)


def read_passphrase(file: Path | None, *, new: bool = False) -> str:
    """Return what the file holds; without one it is asked for, a new one twice."""
    if file is not None:
        try:
            text = files.read_private(file).decode().removesuffix("\n")
        except UnicodeDecodeError:
            text = "\n"
        if "\n" in text:
            raise click.ClickException(f"{file} is not one line of text")
        return text
    try:
        with warnings.catch_warnings():  # without a terminal it would be shown as it is typed
            warnings.simplefilter("error", getpass.GetPassWarning)
            return str(
                click.prompt(
                    "Passphrase of the root key", hide_input=True, confirmation_prompt=new, err=True
                )
            )
    except (click.Abort, getpass.GetPassWarning):
        raise click.ClickException(
            "the root key's passphrase was not given: type it, or name its file with "
            "--root-passphrase-file"
        ) from None


# --- Making the operator's folder of a new gateway: whole, or not at all ---


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
keys.db         the keys of cases, wrapped by keys/kek-*: back it up apart, for days only
high-water-mark the high-water mark of the log: NEVER in a backup, never an older copy
"""


def require_free(folder: Path) -> None:
    """Raise FileExistsError, which says what to do, unless there is nothing, or an empty folder."""
    if (folder / wiring.CONFIG_FILE).exists():
        raise FileExistsError(
            f"{folder} holds a gateway already: start it with `casegate run --home {folder}`,"
            " or name another folder for a new one"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not empty, and nothing is overwritten: name another")


def make(
    folder: Path,
    settings: str,
    persons: Sequence[tuple[str, str]],
    passphrase: bytes,
    predecessor: LogPredecessor | None = None,
    own_keys: Mapping[str, str] = {},
) -> None:
    """Make an operator's folder; nothing of it stays behind when it cannot be made.

    ``folder`` is absolute and its parent exists; ``settings`` is the text of its configuration;
    ``persons`` are ids and names of the first administrators, ``own_keys`` the JWKs of those who
    made their keys themselves; its log continues ``predecessor``.
    Raises FileExistsError when something is there; UnsuitableDatabase, WrongState or AlreadyExists
    when a database cannot be that of a new gateway, or the log has the name of the one before it;
    OSError.
    """
    require_free(folder)
    with _folder_of_its_own(folder):
        unfinished = folder / f".unfinished-{secrets.token_hex(4)}"
        files.create(unfinished / wiring.CONFIG_FILE, settings.encode())
        config = wiring.load_config(unfinished)
        if predecessor is not None and predecessor.log == config.log_origin:
            raise WrongState(
                f"the log {predecessor.log} has ended, and its name is never used again: give the "
                "new gateway another --issuer, from which the name of its log follows"
            )
        with _new_files(config.database_file, config.mark_file, config.keys_file):
            _fill(config, persons, own_keys, passphrase, predecessor)
            last = wiring.CONFIG_FILE  # without the settings it is no gateway to anybody
            for made in sorted(unfinished.iterdir(), key=lambda one: one.name == last):
                made.rename(folder / made.name)
            unfinished.rmdir()


@contextmanager
def _folder_of_its_own(folder: Path) -> Iterator[None]:
    """Have the folder there, for its owner alone; on failure it is as before."""
    before = folder.stat() if folder.exists() else None
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        folder.chmod(0o700)
        yield
    except BaseException:
        for made in folder.iterdir():
            shutil.rmtree(made) if made.is_dir() else made.unlink()
        folder.rmdir() if before is None else folder.chmod(stat.S_IMODE(before.st_mode))
        raise


def _fill(
    config: Config,
    persons: Sequence[tuple[str, str]],
    own_keys: Mapping[str, str],
    passphrase: bytes,
    predecessor: LogPredecessor | None,
) -> None:
    files.create(config.folder / "README", README.encode())
    for purpose in keys.GATEWAYS_OWN:
        keys.write_key(config.keys / purpose / "current.pem", keys.generate_key(purpose))
    wiring.make_witness_key(config)
    for name in (wiring.FINGERPRINT_FILE, wiring.HEAD_KEY_FILE):
        keys.write_secret(config.keys / name, keys.generate_secret())
    _make_authorities(config, passphrase, wiring.now())
    people = []
    for person, name in persons:
        jwk = own_keys.get(person)
        if jwk is None:
            key = keys.generate_key(KeyPurpose.PERSON)
            keys.write_key(config.people / f"{person}.pem", key)
            jwk = json.dumps(key.public_jwk(), sort_keys=True)
        people.append(Administrator(person, name, jwk))
    migrations.upgrade(config.database_url)
    _make_case_keys(config)
    with closing(wiring.connect(config)) as gateway, holding(config):
        nothing, marked = TreeHead(0, EMPTY_ROOT), gateway.mark.read()
        # In a database of the operator's own the first mark may stand from a first attempt.
        if marked is None or marked.head != nothing:
            gateway.checkpoint_signer.adopt(nothing)
        Maintenance(gateway, wiring.IssuingAuthority(config), TIMETABLE).start()
        # Last, because in a database of the operator's own it could not be undone.
        registry_keys.found(gateway.ports, people, config.civil_time_zone.key, predecessor)
        registry_keys.publish_keys(gateway.ports, wiring.own_keys(config))


@contextmanager
def _new_files(*files: Path | None) -> Iterator[None]:
    """Remove on failure the databases that were not there before; they may lie elsewhere."""
    new = [file for file in files if file is not None and not file.exists()]
    try:
        yield
    except BaseException:
        for file in new:
            for beside in ("", "-wal", "-shm", ".lock"):
                file.with_name(file.name + beside).unlink(missing_ok=True)
        raise


def _make_case_keys(config: Config) -> None:
    """Make the key-encryption key, and the keys database that it wraps.

    Raises UnsuitableDatabase when the gateway's database, one of the operator's own, has content:
    new keys would hide that its keys are lost.
    """
    if has_content(config.database_url):
        raise UnsuitableDatabase(
            "the database holds cases of a gateway: name another one in [database] url"
        )
    kek = wiring.key_encryption(config).make()
    make_keyring(config.keys_url, file=config.keys_file, origin=config.log_origin, kek=kek)


def _make_authorities(config: Config, passphrase: bytes, now: datetime) -> None:
    root = make_root(config.name, now)
    issuing = make_issuing(config.name, root, now)
    files.create(config.offline / "root.key", root.key_pem(passphrase))
    files.create(config.offline / "root.pem", root.certificate_pem())
    files.create(config.issuing / f"{issuing.id}.key", issuing.key_pem())
    files.create(config.issuing / f"{issuing.id}.pem", issuing.certificate_pem())
    publish_chain(config.published, root.certificate, [issuing.certificate])
    files.replace(config.published / ROOT_FILE, root.certificate_pem(), mode=0o644)


# --- `casegate init`: make the operator's folder of a new gateway ---


SHORTEST_PASSPHRASE = 12
"""Characters; the root's file leaves its home, and its format slows guessing down only a little."""


def _without_password(
    _context: click.Context, _parameter: click.Parameter, given: str | None
) -> str | None:
    """A database's address; a password in it would lie in the settings and in their backups."""
    if given is None:
        return None
    try:
        url = make_url(given)
    except ArgumentError:
        return given  # the check of the settings reports it
    if url.password is not None or "password" in url.query:
        raise click.BadParameter(
            "leave the password out: it would stand in casegate.toml, its backups and your "
            "shell's history. Name a password file in the address (?passfile=...), or set "
            f"{DATABASE_VARIABLE} to the database's whole address"
        )
    return given


def _database_option(flag: str, name: str, about: str) -> Callable[[Any], Any]:
    return click.option(flag, name, callback=_without_password, help=about)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--name",
    required=True,
    callback=arguments.organisation_id,
    help="Short name in certificates; it can never change.",
)
@click.option(
    "--issuer",
    required=True,
    callback=arguments.gateway_address,
    help="Public address, https://host[:port]; it never changes.",
)
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
@_database_option(
    "--database-url",
    "database_url",
    "SQLAlchemy URL, without a password; SQLite in the folder by default.",
)
@_database_option(
    "--high-water-mark-url", "mark_url", "URL of the log's high-water mark; likewise."
)
@_database_option(
    "--case-keys-url", "keys_url", "URL of the database of the keys of cases; likewise."
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
    "--admin-key",
    "admin_keys",
    multiple=True,
    metavar="ID=JWK,PROOF",
    help="The files of a key that this administrator made themselves (`administrator create-key`): "
    "the private key never comes to this machine.",
)
@root_passphrase_option
@click.option(
    "--continues",
    "mirror",
    type=arguments.FOLDER,
    metavar="MIRROR_DIR",
    help="A copy (casegate audit mirror) of a log that was lost, which the new log continues.",
)
@click.option(
    "--continues-key",
    "mirror_key",
    metavar="VKEY|FILE",
    help="The verifier key of the log that was lost.",
)
@click.option(
    "--last-checkpoint",
    "last",
    type=arguments.FILE,
    help="The last checkpoint that it signed, if that is newer than the copy.",
)
def init(
    folder: Path,
    admins: Sequence[tuple[str, str]],
    admin_keys: Sequence[str],
    root_passphrase_file: Path | None,
    mirror: Path | None,
    mirror_key: str | None,
    last: Path | None,
    **settings: str | None,
) -> None:
    """Create FOLDER: settings, authorities, keys, database, administrators.

    FOLDER must not exist or must be empty. If something fails, nothing is left behind.

    A log whose database is lost has ended. With --continues the new gateway's log begins with the
    event log.continued, which names the old log, its key and its last tree, as the copy shows them.

    \b
    Example: casegate init gw --name casegate \\
        --issuer https://gateway.example.org \\
        --partners-url https://partners.example.org \\
        --admin martin='A. Martin' --admin dubois='B. Dubois' \\
        --admin leroy='C. Leroy'
    """
    # Long: its help says how a gateway is made, or goes on with a lost log.
    if (mirror is None) is not (mirror_key is None) or (last and mirror is None):
        raise click.UsageError("a log is continued by --continues DIR and --continues-key together")
    place = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow a link there
    with arguments.plain_errors():
        given = {k: v for k, v in settings.items() if v is not None}
        text = config_file.render(**given)
        require_free(place)
        before = mirror and mirror_key and _predecessor(mirror, mirror_key, last)
        own = _own_keys(admin_keys, dict(admins), str(settings["issuer"]))
        passphrase = read_passphrase(root_passphrase_file, new=True)
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise click.ClickException(
                f"the root key's passphrase must have at least {SHORTEST_PASSPHRASE} characters"
            )
        make(place, text, admins, passphrase.encode(), before or None, own)
    if before:
        click.echo(
            f"Its log continues {before.log}, {before.size} entries, root {before.root[:16]}."
        )
    for person, jwk in own.items():
        kid, _ = signature.read_registered_key(json.loads(jwk))
        click.echo(f"Key of {person}: {kid}. Compare it with them, by telephone.")
    _tell(folder, admins, [person for person, _ in admins if person not in own])


def _own_keys(given: Sequence[str], persons: Collection[str], issuer: str) -> dict[str, str]:
    """The JWKs that administrators brought, by person, each with its proof of possession."""
    found = {}
    for person, _, named in (one.partition("=") for one in given):
        jwk, _, proof = named.partition(",")
        if person not in persons or not proof:
            raise click.UsageError(
                "--admin-key is ID=JWK,PROOF: the id of an --admin, and the files key.jwk and "
                "key.proof that `casegate admin administrator create-key` made"
            )
        wrong = f"{named}: no key of {person} with its proof for {issuer}"
        with raising(click.ClickException, wrong):
            value = canonical.decode(Path(jwk).read_bytes())
            kid, key = signature.read_registered_key(value)
            verify_declaration(
                Path(proof).read_text(encoding="ascii").strip(),
                organisation=person_uri(issuer, person),
                audience=issuer,
                says=POSSESSION,
                kid=kid,
                keys={kid: key},
                now=wiring.now(),
            )
        found[person] = canonical.encode(value).decode()
    return found


def _predecessor(mirror: Path, key: str, last: Path | None) -> LogPredecessor:
    """The log of a mirror, verified whole by its key; a ClickException says what is wrong."""
    try:
        trust = gather_trust((), (key,), (), ())
        if len(trust.log_keys) != 1:
            raise click.UsageError("--continues-key names one key")
        report, copy = log_copy.check_copy(arguments.reader(mirror), trust)
        if copy is None:
            raise click.ClickException(f"{mirror} cannot be continued: {report.sentence}")
        known = copy.checkpoint
        note = (last or mirror / log_copy.CHECKPOINT).read_bytes()
        newest = log_copy.open_head(note, trust)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    except VerificationFailed as failed:
        raise click.ClickException(f"{last}: {failed}") from failed
    same = newest.size > known.size or newest == known
    if newest.origin != known.origin or not same:
        raise click.ClickException(f"{last} is not a newer checkpoint of the log in {mirror}")
    (signer,) = trust.log_keys
    root, text = known.root.hex(), note.decode("utf-8")
    return LogPredecessor(known.origin, str(signer), known.size, root, text)


def _persons(given: Sequence[str]) -> list[tuple[str, str]]:
    persons = []
    for one in given:
        person, _, name = one.partition("=")
        if not SLUG.fullmatch(person) or not name.strip() or not name.isprintable():
            raise click.BadParameter(
                f"{one!r} is not of the form id=name, with an id of 2 to 40 characters: a-z, 0-9 "
                "and '-', a letter first"
            )
        persons.append((person, name.strip()))
    ids = {person for person, _ in persons}
    if len(ids) < len(persons):
        raise click.BadParameter("one id is given twice: each administrator has an id of their own")
    if len(ids) < 2:
        raise click.BadParameter("a gateway has at least two administrators: give --admin twice")
    return persons


def _tell(folder: Path, persons: Sequence[tuple[str, str]], made_here: Sequence[str]) -> None:
    names = " ".join(f"--as {person}" for person, _ in persons[:2])
    click.echo(f"Made {folder}. Next:")
    click.echo(f"  1. Move {folder / 'offline'} off this machine; it is needed in ceremonies only.")
    click.echo(f"  2. casegate run --home {folder}")
    own = "Admit your own organisation, and a system for each administrator:"
    steps = {own: "organisation admit"}
    if len(persons) < ENOUGH_ADMINISTRATORS:
        third = "Add a third administrator: of two, neither can be disabled (administrators.md):"
        steps = {third: "administrator add", **steps}
    for step, (what, command) in enumerate(steps.items(), start=3):
        click.echo(f"  {step}. {what}")
        click.echo(f"     casegate admin --home {folder} {names} {command} ...")
    click.echo("     (docs/administrators.md, 'A system for each administrator')")
    if made_here:
        give = f"Give {', '.join(made_here)} their key in {folder / 'people'}, for --approver-key,"
        click.echo(f"  {len(steps) + 3}. {give}\n     and delete it here.")
