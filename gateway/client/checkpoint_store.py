"""What the log has shown so far: its newest checkpoint, which no later answer may contradict.

A log that answers with a smaller tree, or with another root for the same size, has two histories
(or lost a part of its one). The two signed checkpoints prove it, to anyone.
"""

import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path

from gateway import files
from gateway.client.errors import LogForked, SettingsError
from gateway.ledger.checkpoint import Checkpoint, open_checkpoint
from gateway.ledger.note import MAX_NOTE_BYTES, NoteError, VerificationKey


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
