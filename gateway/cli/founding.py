"""Making the operator's folder of a new gateway: whole, or not at all."""

import json
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from gateway import files, keys, maintenance, wiring
from gateway.actions import administration
from gateway.actions.records import Head
from gateway.config import Config
from gateway.domain.organisation import Person
from gateway.keys import Purpose
from gateway.ledger.tree import EMPTY_ROOT
from gateway.pki.authority import make_issuing, make_root
from gateway.pki.publication import ROOT_FILE, publish_chain
from gateway.store import migrations
from gateway.store.database import Unfit
from gateway.store.key_inventory import has_content
from gateway.store.keyring import make_keyring

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
mark.db         how far the log was signed: NEVER part of a backup, never replaced by an older copy
"""


def require_free(folder: Path) -> None:
    """Raise FileExistsError, which says what to do, unless there is nothing, or an empty folder."""
    if (folder / wiring.CONFIG_FILE).exists():
        raise FileExistsError(
            f"{folder} holds a gateway already: start it with `casegate run --folder {folder}`,"
            " or name another folder for a new one"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not empty, and nothing is overwritten: name another")


def make(
    folder: Path, settings: str, persons: Sequence[tuple[str, str]], passphrase: bytes
) -> None:
    """Make an operator's folder; nothing of it stays behind when it cannot be made.

    ``folder`` is absolute and its parent exists; ``settings`` is the text of its configuration;
    ``persons`` are ids and names of the first administrators. Raises FileExistsError when
    something is there; Unfit, WrongState or AlreadyExists when a database cannot be that of a new
    gateway; OSError.
    """
    require_free(folder)
    with _folder_of_its_own(folder):
        unfinished = folder / f".unfinished-{secrets.token_hex(4)}"
        files.create(unfinished / wiring.CONFIG_FILE, settings.encode())
        config = wiring.load_config(unfinished)
        with _new_files(config.database_file, config.mark_file, config.keys_file):
            _fill(config, persons, passphrase)
            _move(unfinished, folder)


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


def _fill(config: Config, persons: Sequence[tuple[str, str]], passphrase: bytes) -> None:
    files.create(config.folder / "README", README.encode())
    _make_keys(config)
    _make_authorities(config, passphrase, wiring.now())
    people = [_make_person(config, *person) for person in persons]
    migrations.upgrade(config.database_url)
    _make_case_keys(config)
    with closing(wiring.connect(config)) as gateway, maintenance.holding(config):
        _begin_log(gateway)
        maintenance.Maintenance(gateway, wiring.IssuingAuthority(config)).start()
        # Last, because in a database of the operator's own it could not be undone.
        administration.found(gateway.ports, people)


def _move(unfinished: Path, folder: Path) -> None:
    """Put all into its place; the settings last: without them it is no gateway to anybody."""
    for made in sorted(unfinished.iterdir(), key=lambda one: one.name == wiring.CONFIG_FILE):
        made.rename(folder / made.name)
    unfinished.rmdir()


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


def _begin_log(gateway: wiring.Gateway) -> None:
    """Set the first mark; in a database of the operator's own it may stand from a first attempt."""
    nothing, marked = Head(0, EMPTY_ROOT), gateway.mark.read()
    if marked is None or marked.head != nothing:
        gateway.notary.adopt(nothing)


def _make_keys(config: Config) -> None:
    for purpose in (Purpose.TOKEN, Purpose.ATTEST, Purpose.LOG):
        keys.write_key(config.keys / purpose / "current.pem", keys.generate_key(purpose))
    keys.write_secret(config.keys / wiring.FINGERPRINT_FILE, keys.generate_secret())


def _make_case_keys(config: Config) -> None:
    """Make the key-encryption key, and the keys database that it wraps.

    Raises Unfit when the gateway's database, one of the operator's own, has content: new keys
    would hide that its keys are lost.
    """
    if has_content(config.database_url):
        raise Unfit("the database holds cases of a gateway: name another one in [database] url")
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


def _make_person(config: Config, person: str, name: str) -> Person:
    key = keys.generate_key(Purpose.PERSON)
    keys.write_key(config.people / f"{person}.pem", key)
    return Person(person, name, json.dumps(key.public_jwk(), sort_keys=True))
