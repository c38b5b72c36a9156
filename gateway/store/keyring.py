"""The keys of cases, wrapped, in a database of their own: what is destroyed there is erased.

Content lies in the first database in envelopes. The key of each case lies here, wrapped by the
key-encryption key, so that a copy of the first database alone opens nothing, and destroying a key
erases the case in every copy of it (ADR 0012). A destroyed key leaves its row without the key:
this distinguishes "erased" from "the keys database is too old".

Keys are made ahead, in batches that are durable before one is used: a case never exists without
its key, and a key that no case came to use is harmless.
"""

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Column,
    Executable,
    Index,
    LargeBinary,
    MetaData,
    Select,
    Table,
    Uuid,
    and_,
    bindparam,
    exists,
    func,
    not_,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from gateway.domain.refusals import Busy, CaseErased, CaseKeysUnavailable, DiskFull
from gateway.kernel.ports import KeyEncryptionProvider, TransactionMode
from gateway.store import database
from gateway.store.columns import TEXT, Instant, id_text
from gateway.store.content_encryption import KEY_BYTES
from gateway.store.transaction import Row, Transaction, counted, driver_errors, translated

BATCH = 64
"""Keys made at a time: one durable write of this database for so many new cases."""

LOW = 16
"""Unused keys below which the next writer makes more, before it waits for the write lock."""

USED_WITHIN = timedelta(hours=1)
"""How long a process keeps a key that it made for no case yet."""

RESTOCKED_AFTER = timedelta(seconds=30)
"""After how long keys are made ahead again when none could be: every writer would wait for it."""

UNUSED_AFTER = timedelta(days=7)
"""After this a key that no case has will never be used: it is destroyed."""

_metadata = MetaData()
key_ring = Table(
    "key_ring",
    _metadata,
    Column("origin", TEXT, primary_key=True),
    Column("kek", TEXT, nullable=False),  # by which new keys are wrapped
    Column("coming", TEXT),  # the next one, while it is given to all who need it
    sqlite_with_rowid=False,
)
case_key = Table(
    "case_key",
    _metadata,
    Column("id", Uuid, primary_key=True),
    Column("origin", TEXT, nullable=False),
    Column("kek", TEXT),  # NULL with the key
    Column("wrapped", LargeBinary),  # NULL once it was destroyed
    Column("made_at", Instant, nullable=False),
    Column("destroyed_at", Instant),
    Index("case_key_by_kek", "origin", "kek", "id"),
    sqlite_with_rowid=False,
)

# Joined with nothing: else SQLite looks by the origin, and so at every key.
_own = case_key.c.origin.concat("") == bindparam("origin")
_RING = select(key_ring.c.kek, key_ring.c.coming).where(key_ring.c.origin == bindparam("origin"))
_RING_HELD = _RING.with_for_update(read=True)
_new_ring = insert(key_ring)
_BEGIN_RING = counted(
    _new_ring.on_conflict_do_update(
        index_elements=[key_ring.c.origin],
        set_={"kek": _new_ring.excluded.kek, "coming": None},
        where=or_(
            key_ring.c.kek == _new_ring.excluded.kek,
            not_(exists().where(case_key.c.origin == key_ring.c.origin)),
        ),
    )
)
_TURN_RING = (
    update(key_ring)
    .where(key_ring.c.origin == bindparam("of_origin"))
    .execution_options(preserve_rowcount=True)
)
_ADD = insert(case_key)
_DESTROY = (
    update(case_key)
    .where(
        case_key.c.id == bindparam("of_id"),
        case_key.c.origin == bindparam("of_origin"),
        case_key.c.wrapped.is_not(null()),
    )
    .values(kek=None, wrapped=None)
    .execution_options(preserve_rowcount=True)
)
_PAGE = (
    select(case_key.c.id)
    .where(_own, case_key.c.id > bindparam("after"))
    .order_by(case_key.c.id)
    .limit(bindparam("limit"))
)
_DESTROYED = _PAGE.where(case_key.c.wrapped.is_(null()))
_OLD = _PAGE.where(case_key.c.wrapped.is_not(null()), case_key.c.made_at < bindparam("before"))
_by_kek = case_key.c.origin == bindparam("origin")
# Two ranges of an index, before and after all that is wrapped by the current one.
_other = or_(
    and_(_by_kek, case_key.c.kek < bindparam("kek")),
    and_(_by_kek, case_key.c.kek > bindparam("kek")),
)
_OTHERS = (
    select(case_key.c.id, case_key.c.kek, case_key.c.wrapped)
    .where(_other)
    .limit(bindparam("limit"))
)
_BETWEEN = select(id_text(case_key.c.id), case_key.c.wrapped.is_not(null()).label("stands")).where(
    _own, case_key.c.id.between(bindparam("first"), bindparam("last"))
)
_LEFT = select(func.count()).select_from(case_key).where(_other)
_REWRAP = (
    update(case_key)
    .where(case_key.c.id == bindparam("of_id"), case_key.c.kek == bindparam("of_kek"))
    .execution_options(preserve_rowcount=True)
)


def _unreachable() -> tuple[type[Exception], ...]:
    return (*driver_errors(), database.UnsuitableDatabase, Busy, OSError)


_NO_ID = UUID(int=0)
AWAY = "the keys of cases cannot be reached now: retry after a moment"
MISSING = "the key of this case is missing: the operator has to bring the newest keys database back"


@lru_cache
def _keys(count: int) -> Select[Any]:
    """Return what is stored of so many keys."""
    wanted = case_key.c.id.in_([bindparam(f"id_{n}", type_=Uuid) for n in range(count)])
    return select(case_key.c.id, case_key.c.kek, case_key.c.wrapped).where(wanted, _own)


class KeyEncryption(NamedTuple):
    """The ids of the key-encryption key that wraps new keys, and of the one that was announced to
    come next."""

    current: str
    coming: str | None


class _Made(NamedTuple):
    """A key that no case has yet, and since when. Where it is taken it is read like any other: so
    nothing lies about in clear, and no change since then is missed."""

    id: UUID
    at: datetime


class SqlKeyring:
    """The keys of one gateway's cases, for all threads of a process."""

    def __init__(
        self,
        connections: database.ConnectionPool,
        file: Path | None,
        origin: str,
        kek: KeyEncryptionProvider,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
        random: Callable[[int], bytes],
    ) -> None:
        """``file`` is SQLite's, beside which processes queue that write, None with PostgreSQL."""
        self._connections, self._file = connections, file
        self._lock = file and database.FileLock(file.with_name(file.name + ".lock"))
        self._origin = origin
        self._kek = kek
        self._now = now
        self._new_id = new_id
        self.random = random
        self._check: Callable[[], None] = lambda: None
        self._writing = threading.Lock()
        self._stock: deque[_Made] = deque()
        self._used = False
        self._restocked_from = now()

    def require(self) -> None:
        """Require that there is a keys database of this log.

        Nothing is made: new keys instead of lost ones would hide the loss. Raises
        UnsuitableDatabase, which says what to do.
        """
        if self._file is not None and not self._file.exists():
            raise database.UnsuitableDatabase(
                f"the keys of cases are missing ({self._file}): {_BRING_BACK}"
            )
        unreadable: tuple[type[Exception], ...] = (*driver_errors(), Busy)
        try:
            with self._connections.lent() as driver:
                reading = Transaction(driver, TransactionMode.READ)
                found = reading.first(_RING, {"origin": self._origin})
        except unreadable as error:
            raise _unopened(error) from error
        if found is None:
            raise database.UnsuitableDatabase(
                f"the keys database has no keys of this gateway: {_BRING_BACK}"
            )

    def guard(self, check: Callable[[], None]) -> None:
        """Have ``check`` run before keys are made: CaseKeysUnavailable when none may be."""
        self._check = check

    def restock(self) -> None:
        """Make keys ahead where this process uses some: before the caller waits for other locks.

        When none can be made this says nothing, and tries again only after a while: not all that
        is written needs one, and `take` raises for what does.
        """
        if not self._used or len(self._stock) >= LOW or self._now() < self._restocked_from:
            return
        try:
            self._make()
        except (CaseKeysUnavailable, DiskFull):
            self._restocked_from = self._now() + RESTOCKED_AFTER

    def take(self) -> tuple[UUID, bytes]:
        """A new key for a new case, durable in its wrapped form. Raises CaseKeysUnavailable."""
        self._used = True
        while True:
            try:
                made = self._stock.popleft()
            except IndexError:
                self._make()
                continue
            if self._now() < made.at + USED_WITHIN:
                return made.id, self.key(made.id)

    def key(self, id_: UUID) -> bytes:
        """The key of a case. Raises CaseErased when it was destroyed, CaseKeysUnavailable."""
        tried = None
        while True:
            rows = self._read(_keys(1), id_0=id_)
            if not rows:
                raise CaseKeysUnavailable(MISSING)
            (row,) = rows
            if row.wrapped is None:
                raise CaseErased("the case was erased: nothing of its content is left")
            try:
                return self._kek.unwrap(row.kek, row.wrapped, self._about(id_))
            except CaseKeysUnavailable:
                # In the midst of a change of the key-encryption key: it is wrapped anew by now.
                if row.kek == tried:
                    raise
                tried = row.kek

    def keys(self, ids: Collection[UUID]) -> Mapping[UUID, bytes]:
        """The keys of several cases, without those that were destroyed or are missing.

        Raises CaseKeysUnavailable.
        """
        found = dict[UUID, bytes]()
        for id_, row in self._rows(ids).items():
            if row.wrapped is not None:
                try:
                    found[id_] = self._kek.unwrap(row.kek, row.wrapped, self._about(id_))
                except CaseKeysUnavailable:
                    found[id_] = self.key(id_)
        return found

    def destroy(self, ids: Collection[UUID]) -> int:
        """Destroy keys for good, also in the journal; how many there were.

        Where a key is not there at all, that it was destroyed is recorded all the same. Raises
        CaseKeysUnavailable; then this has to be done again.
        """
        at = self._now()
        destroyed = 0
        with self._changing() as transaction:
            for id_ in ids:
                values = {"of_id": id_, "of_origin": self._origin, "destroyed_at": at}
                if transaction.run(_DESTROY, values).rowcount:
                    destroyed += 1
                elif not transaction.rows(_keys(1), {"id_0": id_, "origin": self._origin}):
                    gone = {"id": id_, "origin": self._origin, "kek": None, "wrapped": None}
                    transaction.run(_ADD, {**gone, "made_at": at, "destroyed_at": at})
        self._empty_journal()
        return destroyed

    def destroyed(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Ids of destroyed keys, greater than ``after``, in order. Raises CaseKeysUnavailable."""
        return self._ids(_DESTROYED, after, limit)

    def long_made(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Likewise of keys so old that some case has them, or none ever will."""
        return self._ids(_OLD, after, limit, before=self._now() - UNUSED_AFTER)

    def states(self, ids: Collection[UUID]) -> Mapping[UUID, bool]:
        """Of the keys known here: whether each still opens. Raises CaseKeysUnavailable."""
        return {id_: row.wrapped is not None for id_, row in self._rows(ids).items()}

    def states_between(self, first: UUID, last: UUID) -> Mapping[str, bool]:
        """The same of all keys from one id to another, whose ids are texts (`id_text`)."""
        return dict(self._read(_BETWEEN, first=first, last=last))

    def key_encryption(self) -> "KeyEncryption":
        """Which key-encryption keys are in use and to come. Raises CaseKeysUnavailable."""
        return _ring(self._read(_RING))

    def publish(self, kek: str) -> None:
        """Note which key-encryption key is to come next."""
        with self._changing() as transaction:
            transaction.run(_TURN_RING, {"of_origin": self._origin, "coming": kek})

    def activate(self, kek: str) -> None:
        """Let another key-encryption key wrap new keys, in all processes from now on."""
        with self._changing() as transaction:
            turned = {"of_origin": self._origin, "kek": kek, "coming": None}
            transaction.run(_TURN_RING, turned)

    def left(self) -> int:
        """How many keys are wrapped by another key-encryption key than the current one."""
        return int(self._read(_LEFT, kek=self.key_encryption().current)[0][0])

    def rewrap(self, limit: int = 256) -> int:
        """Wrap up to ``limit`` of those keys by the current one; how many were.

        What was done stays done, so it may be interrupted anywhere. Raises CaseKeysUnavailable.
        """
        with self._changing() as transaction:
            kek = _ring(transaction.rows(_RING_HELD, {"origin": self._origin})).current
            values = {"origin": self._origin, "kek": kek, "limit": limit}
            rows = transaction.rows(_OTHERS, values)
            for row in rows:
                key = self._kek.unwrap(row.kek, row.wrapped, self._about(row.id))
                wrapped = self._kek.wrap(kek, key, self._about(row.id))
                named = {"of_id": row.id, "of_kek": row.kek}
                transaction.run(_REWRAP, {**named, "kek": kek, "wrapped": wrapped})
        self._empty_journal()
        return len(rows)

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _make(self) -> None:
        """Make a batch of keys, wrapped by the key-encryption key of this moment."""
        with self._writing:
            if len(self._stock) >= LOW:
                return  # another thread made some meanwhile
            self._check()
            at = self._now()
            with self._changing(held=True) as transaction:
                # Held until the commit: nobody turns to another one in between.
                kek = _ring(transaction.rows(_RING_HELD, {"origin": self._origin}))
                rows = [self._new(kek.current, at) for _ in range(BATCH)]
                transaction.run(_ADD, *rows)
            self._stock.extend(_Made(row["id"], at) for row in rows)

    def _new(self, kek: str, at: datetime) -> Row:
        id_ = self._new_id()
        wrapped = self._kek.wrap(kek, self.random(KEY_BYTES), self._about(id_))
        more = {"kek": kek, "wrapped": wrapped, "made_at": at, "destroyed_at": None}
        return {"id": id_, "origin": self._origin, **more}

    def _about(self, id_: UUID) -> bytes:
        return b"\0".join((b"casegate-key", self._origin.encode(), id_.bytes))

    def _rows(self, ids: Collection[UUID]) -> Mapping[UUID, Any]:
        """Return what is stored of several keys; a page's are read by one statement."""
        wanted = list(ids)
        if not wanted:
            return {}
        # As many as the next power of two, so that few statements are prepared.
        wanted += wanted[-1:] * ((1 << (len(wanted) - 1).bit_length()) - len(wanted))
        asked = {f"id_{n}": id_ for n, id_ in enumerate(wanted)}
        return {row.id: row for row in self._read(_keys(len(wanted)), **asked)}

    def _ids(self, page: Executable, after: UUID | None, limit: int, **more: Any) -> list[UUID]:
        rows = self._read(page, after=after or _NO_ID, limit=limit, **more)
        return [row.id for row in rows]

    def _read(self, query: Executable, **values: Any) -> list[Any]:
        """Return what a query finds among this gateway's keys."""
        with _translating(), self._connections.lent() as driver:
            return Transaction(driver, TransactionMode.READ).rows(
                query, {**values, "origin": self._origin}
            )

    @contextmanager
    def _changing(self, *, held: bool = False) -> Iterator[Transaction]:
        """A writing transaction, committed at the end; ``held`` when this thread has the turn."""
        with (
            _translating(),
            nullcontext() if held else self._writing,
            self._lock or nullcontext(),
            self._connections.lent() as driver,
        ):
            driver.ask(driver.begin_writing)
            yield Transaction(driver, TransactionMode.WRITE)
            driver.ask("COMMIT")

    def _empty_journal(self) -> None:
        """Leave nothing of what was overwritten in SQLite's journal; it must not just age there."""
        queue = self._lock or nullcontext()
        with _translating(), self._writing, queue, self._connections.lent() as driver:
            if not isinstance(driver, sqlite3.Connection):
                return
            busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise CaseKeysUnavailable("the journal of the keys database is in use: try again")


@contextmanager
def _translating() -> Iterator[None]:
    """Tell every failure of the database in the port's words."""
    try:
        yield
    except _unreachable() as error:
        full = translated(error)
        raise full if isinstance(full, DiskFull) else CaseKeysUnavailable(AWAY) from error


def _ring(rows: Sequence[Any]) -> KeyEncryption:
    if not rows:
        raise CaseKeysUnavailable("the keys database is not this gateway's: see [case_keys] url")
    return KeyEncryption(*rows[0])


def make_keyring(url: str, *, file: Path | None, origin: str, kek: str) -> None:
    """Make the keys database of a new gateway.

    One that is there for this log is begun anew as long as it has no keys: a first attempt left
    it. Raises UnsuitableDatabase when it has, by another key-encryption key.
    """
    try:
        if file is not None:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        engine = database.writing_engine(url)
        try:
            with engine.connect() as connection:
                _metadata.create_all(connection)
                begun = connection.execute(_BEGIN_RING, {"origin": origin, "kek": kek}).rowcount
                connection.commit()
        finally:
            engine.dispose()
    except (OSError, DBAPIError) as error:
        raise _unopened(error) from error
    if not begun:
        raise database.UnsuitableDatabase(
            "the keys database has keys of this gateway, and their key-encryption key is not here:"
            " bring keys/kek-* back, or name another database in [case_keys] url for a new gateway"
        )


def open_keyring(
    url: str,
    *,
    file: Path | None,
    origin: str,
    kek: KeyEncryptionProvider,
    now: Callable[[], datetime],
    new_id: Callable[[], UUID],
    random: Callable[[int], bytes],
) -> SqlKeyring:
    """The keys of the log ``origin`` in the database of a SQLAlchemy URL: `require` them first.

    ``file`` is SQLite's, None with PostgreSQL. Nothing is connected before it is used.
    """
    connections = database.ConnectionPool(url)
    return SqlKeyring(connections, file, origin, kek, now=now, new_id=new_id, random=random)


_BRING_BACK = "is [case_keys] url right? Bring the newest copy back"


def _unopened(error: Exception) -> database.UnsuitableDatabase:
    reason = error.orig if isinstance(error, DBAPIError) else getattr(error, "strerror", error)
    return database.UnsuitableDatabase(
        f"the keys database cannot be opened ({reason}): see [case_keys] url"
    )
