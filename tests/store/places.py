"""Where the contract is tested, SQLite and PostgreSQL; and what holds on both."""

import atexit
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.dialects.sqlite import dialect

from gateway import wiring
from gateway.evidence.event import open_disclosures, read
from gateway.kernel.ports import TransactionMode
from gateway.keys import FileKeyEncryption
from gateway.ledger import tiles, tree
from gateway.ledger.tree import entry_commitment
from gateway.store import tables
from gateway.store.database import open_database
from gateway.store.keyring import SqlKeyring, make_keyring, open_keyring
from gateway.store.log import EventHeader
from gateway.store.migrations import upgrade
from gateway.store.sqlite_backup import merge_wal
from gateway.store.unit_of_work import Store
from tests.postgresql import new_database
from tests.store.samples import HEAD_KEY, NOON, ORIGIN, PERSON_KEY, POLICY


@dataclass
class Place:
    """A database, empty at first, that stores can be opened on."""

    url: str
    lock_path: Path | None = None
    stores: list[Any] = field(default_factory=list)

    folder: Path | None = None

    def keys_folder(self) -> str:
        """Where the keys database is, and `keys/` with the key that wraps them."""
        if self.folder is None:
            self.folder = Path(mkdtemp(prefix="casegate-keys-"))
            atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        if not (self.folder / "keys.db").exists():
            shutil.copyfile(_keys_template(), self.folder / "keys.db")
            shutil.copytree(_keys_template().parent / "keys", self.folder / "keys")
        return str(self.folder)

    def keyring(
        self,
        now: Callable[[], datetime] = lambda: NOON,
        random: Callable[[int], bytes] = secrets.token_bytes,
        *,
        origin: str = ORIGIN,
        url: str | None = None,
    ) -> SqlKeyring:
        """The keys of this place's cases, made where there are none; closed as the stores are."""
        folder = Path(self.keys_folder())
        file = folder / "keys.db"
        keyring = open_keyring(
            url or f"sqlite:///{file}",
            file=None if url else file,
            origin=origin,
            kek=key_encryption(folder),
            now=now,
            new_id=wiring.new_id,
            random=random,
        )
        self.stores.append(keyring)
        return keyring

    def open(
        self,
        *,
        origin: str = ORIGIN,
        now: Callable[[], datetime] = lambda: NOON,
        random: Callable[[int], bytes] = secrets.token_bytes,
        waiters: int = 64,
        head_key: bytes = HEAD_KEY,
    ) -> Any:
        """A store on this database, closed when the test ends."""
        database = open_database(self.url, lock_path=self.lock_path, waiters=waiters)
        event_header = EventHeader(origin, lambda: POLICY, now, random, PERSON_KEY, head_key)
        store = Store(database, event_header, self.keyring(now))
        self.stores.append(store)
        return store

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """The database by another way than the store, as who repairs or breaks it."""
        engine = create_engine(self.url)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def close(self) -> None:
        for store in self.stores:
            store.close()


def sqlite(folder: Path) -> Place:
    """A fresh SQLite database in the folder."""
    file = folder / "casegate.db"
    shutil.copyfile(_sqlite_template(), file)
    return Place(f"sqlite:///{file}", folder / "casegate.db.lock", folder=folder)


def postgresql() -> Place:
    """The one PostgreSQL database of these tests, emptied."""
    engine = _postgresql_engine()
    with engine.begin() as connection:
        connection.exec_driver_sql(_EMPTIED)
    return Place(engine.url.render_as_string(hide_password=False))


# One statement for the server: ten times as fast as one for each table, or as TRUNCATE.
_EMPTIED = "; ".join(
    [
        # What a process began that was killed may still be committed.
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        *(
            f'DELETE FROM "{table.name}"'  # noqa: S608 - our own tables
            for table in reversed(tables.metadata.sorted_tables)
            if table not in (tables.log_head, tables.registry)
        ),
        "UPDATE log_head SET size = 0, origin = NULL, newest = NULL, edge = '',"  # noqa: S608 - our own root
        f" root = '\\x{tree.EMPTY_ROOT.hex()}'",
    ]
)


def key_encryption(folder: Path) -> FileKeyEncryption:
    """The key-encryption keys of a folder of tests."""
    return FileKeyEncryption(folder / "keys", secrets.token_bytes)


@cache
def _keys_template() -> Path:
    """An empty keys database, with its key-encryption key beside it."""
    folder = Path(mkdtemp(prefix="casegate-keys-"))
    atexit.register(shutil.rmtree, folder)
    file = folder / "keys.db"
    kek = key_encryption(folder).make()
    make_keyring(f"sqlite:///{file}", file=file, origin=ORIGIN, kek=kek)
    merge_wal(file)
    return file


@cache
def _sqlite_template() -> Path:
    """A migrated, empty database, to be copied: much faster than migrating each one."""
    folder = mkdtemp(prefix="casegate-sqlite-")
    atexit.register(shutil.rmtree, folder)
    file = Path(folder) / "template.db"
    upgrade(f"sqlite:///{file}")
    return file


@cache
def _postgresql_engine() -> Engine:
    url = new_database()
    upgrade(url)
    # A test may end all sessions of the server, so each connection is tried before it is used.
    engine = create_engine(url, pool_pre_ping=True)
    atexit.register(engine.dispose)
    return engine


def plan(sqlite: Place, statement: Any) -> list[str]:
    """The steps by which SQLite would run a statement."""
    compiled = statement.compile(dialect=dialect(paramstyle="named"))
    values = dict.fromkeys(compiled.bind_names.values(), "1")
    with sqlite3.connect(str(sqlite.url).removeprefix("sqlite:///")) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {compiled}", values).fetchall()
    connection.close()
    return [detail for _, _, _, detail in rows]


def check_log(store: Store) -> int:
    """Verify the whole log from outside, by the ports alone; return its size.

    The tree is built again from the entries; every tile, document, disclosure, proof and counter
    must agree with it.
    """
    with store.begin(TransactionMode.READ) as work:
        head = work.log.head()
        entries = work.log.entries(0, head.size + 1)
        leaves = [tree.leaf_hash(line) for line in entries]
        assert len(entries) == head.size
        assert tree.root(leaves) == head.root
        grown, _ = tiles.append(lambda level, n: b"", 0, leaves)
        assert all(work.log.tile(*address) == data for address, data in grown.items())
        _check_streams(work, entries)
    return head.size


def _check_streams(work: Any, entries: list[bytes]) -> None:
    """Each organisation's counters run without a gap, and each of its events stands in the tree."""
    seen: set[int] = set()
    for name in ("hotline", "police", "abroad", "gateway"):
        stream = work.log.stream(name, 0, len(entries) + 1)
        assert [stream_number for stream_number, _ in stream] == list(range(1, len(stream) + 1))
        assert work.log.last_number(name) == len(stream)
        places = []
        for stream_number, event in stream:
            logged = work.log.logged(event)
            line = entry_commitment(logged.event.document, logged.event.nonce)
            assert entries[logged.index] == line
            tree.verify_inclusion(
                tree.leaf_hash(line),
                logged.index,
                logged.head.size,
                logged.proof,
                logged.head.root,
            )
            assert read(logged.event.document)["id"] == str(event)
            shown = open_disclosures(logged.event.document, logged.event.shown_to(name)).shown
            assert ("party", stream_number) in [
                (kind, value["stream_number"]) for kind, value in shown if kind == "party"
            ]
            places.append(logged.index)
        assert places == sorted(places)
        seen |= set(places)
    assert seen == set(range(len(entries)))
