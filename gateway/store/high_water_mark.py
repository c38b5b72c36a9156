"""The log's high-water mark: in a file, on one host, or in a PostgreSQL database of its own."""

import fcntl
import json
import os
import threading
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from sqlalchemy import (
    Column,
    Executable,
    LargeBinary,
    MetaData,
    Table,
    bindparam,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from gateway.domain.refusals import Busy, HighWaterMarkUnavailable
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import SignedTreeHead, TreeHead
from gateway.store import database
from gateway.store.columns import NUMBER, TEXT
from gateway.store.transaction import Row, Transaction, counted, driver_errors

# --- In a file of two slots ---
#
# The newer slot whose digest fits is the mark. A move writes the other slot and waits for the
# disk: what a crash tears is a slot that did not count yet, so the mark is the one before or the
# one after, and nothing has left before it was durable (ADR 0010). A copy of the slot is written
# after that, so that a page that goes bad later never turns the mark back: where neither is
# readable, nobody knows the mark. Each slot is a line of text: the SHA-256 of the rest, then
# JSON. The file is opened anew for each use, so that a mark that was brought back, or is gone, is
# seen at once.


SLOT_BYTES = 4096
"""A page of most disks: what is written together is rarely torn."""

FILE_BYTES = 4 * SLOT_BYTES
"""Two slots, then a copy of each."""

_DIGEST_HEX = 64


class HighWaterMarkFile:
    """The HighWaterMark port over a file; one thread at a time compares and writes."""

    def __init__(self, file: Path, origin: str) -> None:
        """Name the file, which `open_file` has made."""
        self._file = file
        self._origin = origin
        self._guard = threading.Lock()
        self._known: tuple[bytes, tuple[int, SignedTreeHead | None]] = b"", (0, None)

    def read(self) -> SignedTreeHead | None:
        """None, too, when the file is gone."""
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HighWaterMarkUnavailable("the log's high-water mark cannot be read") from error
        try:
            _, marked = self._newest(descriptor)
        except OSError as error:
            raise HighWaterMarkUnavailable("the log's high-water mark cannot be read") from error
        finally:
            os.close(descriptor)
        return marked

    def advance(self, seen: SignedTreeHead | None, to: SignedTreeHead) -> bool:
        try:
            with self._guard:
                descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX)  # against other processes of this host
                    number, marked = self._newest(descriptor)
                    if (marked and marked.head) != (seen and seen.head):
                        return False
                    if marked is None:
                        _make_room(descriptor, self._file)
                    self._write(descriptor, number + 1, to)
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise HighWaterMarkUnavailable("the log's high-water mark cannot be raised") from error
        return True

    def of(self, origin: str) -> "HighWaterMarkFile":
        """That of another log, in a file beside this one: how far it was cosigned here."""
        name = f"{self._file.name}.{sha256(origin.encode()).hexdigest()[:16]}"
        return HighWaterMarkFile(self._file.with_name(name), origin)

    def close(self) -> None:
        """Nothing is held between uses."""

    def require_sound(self) -> None:
        """Raise UnsuitableDatabase when the file is damaged, or that of another log."""
        try:
            self.read()
        except HighWaterMarkUnavailable as error:
            raise database.UnsuitableDatabase(
                f"{error.detail}: see [high_water_mark] url"
            ) from error

    def _write(self, descriptor: int, number: int, to: SignedTreeHead) -> None:
        """Write a move to the slot of its number, then to that slot's copy."""
        head = {"size": to.head.size, "root": to.head.root.hex()}
        said = {"number": number, "origin": self._origin, **head, "note": to.note}
        body = json.dumps(said).encode()
        slot = sha256(body).hexdigest().encode() + b" " + body + b"\n"
        if len(slot) > SLOT_BYTES:
            raise HighWaterMarkUnavailable(
                "the note of the log's high-water mark is too long to be kept"
            )
        slot, place = slot.ljust(SLOT_BYTES, b"\0"), number % 2 * SLOT_BYTES
        os.pwrite(descriptor, slot, place)
        try:
            os.fdatasync(descriptor)
        except OSError:
            # What is not on disk must not be read: a note signed on it would outlive it.
            os.pwrite(descriptor, bytes(SLOT_BYTES), place)
            raise
        os.pwrite(descriptor, slot, place + 2 * SLOT_BYTES)
        self._known = os.pread(descriptor, FILE_BYTES, 0), (number, to)

    def _newest(self, descriptor: int) -> tuple[int, SignedTreeHead | None]:
        """The mark and its number in the order of moves; (0, None) where there never was one."""
        data = os.pread(descriptor, FILE_BYTES, 0)
        known, newest = self._known
        if data != known:
            newest = self._judged(data)
            self._known = data, newest
        return newest

    def _judged(self, data: bytes) -> tuple[int, SignedTreeHead | None]:
        if not any(data):
            return 0, None
        pages = [_read(data[at : at + SLOT_BYTES]) for at in range(0, FILE_BYTES, SLOT_BYTES)]
        found = [page for page in pages if page is not None]
        # After the second move both slots were written: then each must be readable, in one copy.
        written = {page[0] % 2 for page in found}
        if len(written) < min(2, max((page[0] for page in found), default=2)):
            raise HighWaterMarkUnavailable(
                "the file of the log's high-water mark is damaged: restore its disk, or adopt the "
                "database as after a loss"
            )
        number, origin, marked = max(found, key=lambda page: page[0])
        if origin != self._origin:
            raise HighWaterMarkUnavailable(f"the high-water mark is that of the log {origin}")
        return number, marked


def open_file(file: Path, origin: str) -> HighWaterMarkFile:
    """Open the mark of the log ``origin`` in a file, made for its owner alone when it is missing.

    A mark that is not there is a frozen log, not an error. Raises UnsuitableDatabase.
    """
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise database.UnsuitableDatabase(
            f"the log's high-water mark cannot be opened ({error.strerror}): "
            "see [high_water_mark] url"
        ) from error
    mark = HighWaterMarkFile(file, origin)
    mark.require_sound()
    return mark


def _make_room(descriptor: int, file: Path) -> None:
    """Have both slots and the file's name on disk, so that a move changes a slot and nothing else.

    Written, not only reserved: else the first moves would wait for the file system's journal.
    """
    os.pwrite(descriptor, bytes(FILE_BYTES), 0)
    os.fsync(descriptor)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@lru_cache(maxsize=8)  # of four slots a move changes two, which are alike
def _read(slot: bytes) -> tuple[int, str, SignedTreeHead] | None:
    """Return what is written in a slot; None for one that was never written, or was torn."""
    line, newline, padding = slot.partition(b"\n")
    digest, body = line[:_DIGEST_HEX], line[_DIGEST_HEX + 1 :]
    if not newline or padding.strip(b"\0") or sha256(body).hexdigest().encode() != digest:
        return None
    fields = json.loads(body)
    head = TreeHead(fields["size"], bytes.fromhex(fields["root"]))
    return fields["number"], fields["origin"], SignedTreeHead(head, fields["note"])


# --- In PostgreSQL: one row for each log ---


_metadata = MetaData()
mark = Table(
    "mark",
    _metadata,
    Column("origin", TEXT, primary_key=True),
    Column("size", NUMBER, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", TEXT, nullable=False),
)

_READ = select(mark).where(mark.c.origin == bindparam("origin"))
_FIRST = counted(insert(mark).on_conflict_do_nothing())
_NEXT = (
    update(mark)
    .where(
        mark.c.origin == bindparam("of_origin"),
        mark.c.size == bindparam("seen_size"),
        mark.c.root == bindparam("seen_root"),
    )
    .execution_options(preserve_rowcount=True)
)


def _unreachable() -> tuple[type[Exception], ...]:
    return (*driver_errors(), database.UnsuitableDatabase, Busy)


class SqlMark:
    """The HighWaterMark port. Each statement is a transaction of its own."""

    def __init__(self, connections: database.ConnectionPool, origin: str) -> None:
        """Nothing is read yet."""
        self._connections = connections
        self._origin = origin

    def read(self) -> SignedTreeHead | None:
        try:
            with self._connections.lent() as driver:
                row = Transaction(driver, TransactionMode.READ).first(
                    _READ, {"origin": self._origin}
                )
        except _unreachable() as error:
            raise HighWaterMarkUnavailable("the log's high-water mark cannot be read") from error
        return row and SignedTreeHead(TreeHead(row.size, row.root), row.note)

    def advance(self, seen: SignedTreeHead | None, to: SignedTreeHead) -> bool:
        values = {**vars(to.head), "note": to.note}
        if seen is None:
            return self._move(_FIRST, {"origin": self._origin, **values})
        known = {"seen_size": seen.head.size, "seen_root": seen.head.root}
        return self._move(_NEXT, {"of_origin": self._origin, **known, **values})

    def of(self, origin: str) -> "SqlMark":
        """That of another log, in the same database: how far it was cosigned here."""
        return SqlMark(self._connections, origin)

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _move(self, statement: Executable, values: Row) -> bool:
        try:
            with self._connections.lent() as driver:
                done = Transaction(driver, TransactionMode.WRITE).run(statement, values)
                return bool(done.rowcount)
        except _unreachable() as error:
            raise HighWaterMarkUnavailable("the log's high-water mark cannot be raised") from error


def open_mark(url: str, *, file: Path | None, origin: str) -> SqlMark | HighWaterMarkFile:
    """Open the mark of the log ``origin`` in ``file``, or in PostgreSQL at ``url``.

    Where it is missing, its place is made: a mark that is not there is a frozen log, not an error.
    Raises UnsuitableDatabase.
    """
    if file is not None:
        return open_file(file, origin)
    try:
        connections = database.ConnectionPool(url)
        _metadata.create_all(connections.engine)
    except DBAPIError as error:
        raise database.UnsuitableDatabase(
            f"the log's high-water mark cannot be opened ({error.orig}): see [high_water_mark] url"
        ) from error
    return SqlMark(connections, origin)
