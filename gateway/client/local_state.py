"""What the client keeps on disk: writes without an answer, and the newest checkpoint of the log.

A crash loses no write: each has one file, named by its idempotency key (UUIDv7: names sort by
time), until its answer arrives. It holds the exact request, so case content too: folder 0700,
files 0600.

A log that shows a smaller tree than before, or another root for the same size, has two histories
or lost entries. The two signed checkpoints prove it.
"""

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway import files
from gateway.client.documents import members_of
from gateway.client.errors import LogForked, SettingsError
from gateway.domain.audit_event import EVENT_TYPES
from gateway.evidence import canonical, sd_jwt
from gateway.evidence.sd_jwt import SdJwt
from gateway.ledger.checkpoint import Checkpoint, open_checkpoint
from gateway.ledger.note import MAX_NOTE_BYTES, NoteError, VerificationKey

MAX_BYTES = 1024 * 1024
"""Four times the longest request body, which the JSON of this file may escape."""

SET_ASIDE = ".set-aside"
"""The suffix of a write that is not to be sent again; the file stays as evidence."""

_KEY = re.compile(r"[A-Za-z0-9_.:~-]{8,100}", re.ASCII)


@dataclass(frozen=True)
class PendingWrite:
    """A request that changes something: ``action`` is the policy's name for it.

    ``handoff`` is the id that its event must name, None where it must name none. ``body`` is the
    exact text that is sent, now and at every retry: JSON, or a signed document.
    """

    action: str
    path: str
    key: str
    body: str
    handoff: str | None = None

    @property
    def document(self) -> SdJwt | None:
        """The signed document that is sent; None where the body is JSON."""
        return None if self.body.startswith("{") else sd_jwt.parse(self.body)

    @property
    def asked(self) -> dict[str, Any]:
        """The members of the body."""
        if self.document is not None:
            return members_of(self.document)
        members: dict[str, Any] = json.loads(self.body)
        return members


class Outbox:
    """A folder of writes without an answer."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; it is made, for its owner alone, when it is missing."""
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"{folder} cannot be made: {error.strerror}") from error

    def keep(self, write: PendingWrite) -> None:
        """Put a write on disk, whole or not at all, before it is sent."""
        try:
            files.replace(self._file(write.key), json.dumps(asdict(write)).encode("ascii"))
        except OSError as error:
            raise SettingsError(
                f"the write cannot be kept in {self._folder} ({error.strerror}): nothing was sent"
            ) from error

    def drop(self, key: str) -> None:
        """Forget a write that is answered."""
        with contextlib.suppress(FileNotFoundError):
            self._file(key).unlink()

    def set_aside(self, key: str) -> PendingWrite:
        """Keep a write, and count it as waiting no more; LookupError when none has this key."""
        file = self._file(key)
        if not _KEY.fullmatch(key) or not file.exists():
            raise LookupError(key)
        write = _read_write(file)
        file.replace(file.with_suffix(SET_ASIDE))
        files.sync_folder(self._folder)
        return write

    def waiting(self) -> Iterator[PendingWrite]:
        """The writes without an answer, oldest first; SettingsError for a file that is none."""
        for file in sorted(self._folder.glob("*.json")):
            with contextlib.suppress(FileNotFoundError):  # another process just got its answer
                yield _read_write(file)

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def _read_write(file: Path) -> PendingWrite:
    with file.open("rb") as opened:
        data = opened.read(MAX_BYTES)
    try:
        write = _write_of(canonical.decode(data))
    except ValueError:
        write = None
    if write is None or write.key != file.stem:
        raise SettingsError(f"{file} is not a write of this client: move it away, then go on")
    return write


def _write_of(members: Any) -> PendingWrite | None:
    fields = {"action", "path", "key", "body", "handoff"}
    if not isinstance(members, dict) or members.keys() != fields:
        return None
    handoff = members["handoff"]
    if not all(isinstance(members[name], str) for name in fields - {"handoff"}):
        return None
    if not (handoff is None or isinstance(handoff, str)):
        return None
    write = PendingWrite(**members)
    own = write.document
    asked = members_of(own) if own else canonical.decode(write.body.encode(), fractions=True)
    known = write.action in EVENT_TYPES and write.path.startswith("/") and _KEY.fullmatch(write.key)
    return write if known and isinstance(asked, dict) else None


@dataclass(frozen=True)
class SeenCheckpoint:
    """A checkpoint and the signed note that stated it."""

    checkpoint: Checkpoint
    note: str


class CheckpointStore:
    """Remembers the newest checkpoint: in this process, and in a file when one is given.

    Clients and processes may share the file: each reads it anew. Two that write it at the same
    moment may leave the older of two checkpoints there, which only remembers less.
    """

    def __init__(self, key: VerificationKey, file: Path | None = None) -> None:
        """``key`` is the log's pinned key; its name is the log's origin."""
        self._key, self._file = key, file
        self._newest: SeenCheckpoint | None = None
        self._lock = threading.Lock()

    def newest(self) -> SeenCheckpoint | None:
        """The largest tree seen so far; SettingsError when the file is not a checkpoint of ours."""
        with self._lock:
            stored = self._stored()
            if stored and (not self._newest or self._size(stored) > self._size(self._newest)):
                self._newest = stored
            return self._newest

    def observe(self, note: str, before: SeenCheckpoint | None) -> None:
        """Take in the checkpoint of an answer; ``before`` is what was newest when it was asked.

        The note's signature must have been checked. Raises LogForked: an answer may only show a
        tree at least as large as the one known before its request left, for whichever order
        concurrent answers arrive in.
        """
        seen = SeenCheckpoint(open_checkpoint(note, [self._key], self._key.name), note)
        newest = self.newest()
        if before and self._size(seen) < self._size(before):
            self._alarm("the log shows a smaller tree than before", before, seen)
        for known in filter(None, (before, newest)):
            same_size = self._size(known) == self._size(seen)
            if same_size and known.checkpoint.root != seen.checkpoint.root:
                self._alarm("the log shows another history than before", known, seen)
        if newest is None or self._size(seen) > self._size(newest):
            self._remember(seen)

    @staticmethod
    def _size(sighting: SeenCheckpoint) -> int:
        return sighting.checkpoint.size

    def _remember(self, seen: SeenCheckpoint) -> None:
        with self._lock:
            if self._newest is not None and self._size(seen) <= self._size(self._newest):
                return  # another thread has seen more meanwhile
            self._newest = seen
            if self._file is not None:
                try:
                    files.replace(self._file, seen.note.encode())
                except OSError as error:
                    raise SettingsError(
                        f"{self._file} cannot be written: {error.strerror}"
                    ) from error

    def _stored(self) -> SeenCheckpoint | None:
        if self._file is None:
            return None
        try:
            with self._file.open("rb") as file:
                note = file.read(MAX_NOTE_BYTES + 1)
            return SeenCheckpoint(open_checkpoint(note, [self._key], self._key.name), note.decode())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SettingsError(f"{self._file} cannot be read: {error.strerror}") from error
        except NoteError as error:
            raise SettingsError(
                f"{self._file} is no checkpoint of the log {self._key.name} ({error}): if the "
                "operator announced a new log, move the file away; if not, ask why it changed"
            ) from None

    def _alarm(self, sentence: str, known: SeenCheckpoint, seen: SeenCheckpoint) -> None:
        sizes = f"{self._size(known)} entries known, {self._size(seen)} shown now"
        kept = "keep the two checkpoints, they are the proof"
        if self._file is not None:
            proof = self._file.with_name(f"{self._file.name}.forked")
            with contextlib.suppress(OSError):  # the alarm matters more than its copy
                files.replace(proof, f"{known.note}\n{seen.note}".encode())
                kept = f"keep {proof}, it is the proof"
        raise LogForked(
            f"{sentence} ({sizes}): do not go on, {kept}, and tell the operator and an auditor",
            (known.note, seen.note),
        )
