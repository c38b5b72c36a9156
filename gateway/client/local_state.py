"""What the client keeps on disk: writes without an answer, and the newest checkpoint of the log.

A crash loses no write: each has one file, named by its idempotency key (UUIDv7: names sort by
time), until its answer arrives. It holds the exact request, so case content too: folder 0700,
files 0600.

A log that shows a smaller tree than before has lost entries. One that grows must show that it
continues the tree before: by the receipt itself, or by its public tiles. What contradicts is kept
beside the checkpoint, and nothing is asked of that log until a person has moved it away.
"""

import contextlib
import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

from gateway import files
from gateway.client.errors import ClientError, GatewayUnavailable, LogForked, SettingsError, raising
from gateway.domain.audit_event import READABLE_EVENTS
from gateway.evidence import canonical, sd_jwt
from gateway.evidence.handoff_documents import request_in
from gateway.evidence.sd_jwt import SdJwt
from gateway.ledger import tree
from gateway.ledger.note import MAX_NOTE_BYTES, NoteError, VerificationKey, open_checkpoint
from gateway.ledger.proof import TlogProof
from gateway.ledger.tiles import entry_proof
from gateway.verification.history import CHECKPOINT_SUFFIX, ForkedLog, LogHistory, SignedTree
from gateway.verification.log_copy import read_tile

logger = logging.getLogger(__name__)

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
            return request_in(sd_jwt.read_own(self.document))
        members: dict[str, Any] = json.loads(self.body)
        return members


class Outbox:
    """A folder of writes without an answer."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; it is made, for its owner alone, when it is missing."""
        self.folder = folder
        with raising(SettingsError, f"{folder} cannot be made", OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def keep(self, write: PendingWrite) -> None:
        """Put a write on disk, whole or not at all, before it is sent."""
        try:
            files.replace(self._file(write.key), json.dumps(asdict(write)).encode("ascii"))
        except OSError as error:
            raise SettingsError(
                f"the write cannot be kept in {self.folder} ({error.strerror}): nothing was sent"
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
        files.sync_folder(self.folder)
        return write

    def waiting(self) -> Iterator[PendingWrite]:
        """The writes without an answer, oldest first; SettingsError for a file that is none."""
        for file in sorted(self.folder.glob("*.json")):
            with contextlib.suppress(FileNotFoundError):  # another process just got its answer
                yield _read_write(file)

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.json"


class TakenReports:
    """The references of reports that became cases, so that an import goes on where it ended.

    The gateway takes no reference twice: a line that is lost here costs one request.
    """

    def __init__(self, folder: Path) -> None:
        """Keep them in a file of the outbox's folder, each as its digest."""
        self._file = folder / "imported"
        with raising(SettingsError, f"{self._file} cannot be read", OSError):
            text = self._file.read_text() if self._file.exists() else ""
        self._digests = {*re.findall("^[0-9a-f]{64}$", text, re.MULTILINE)}

    def __contains__(self, reference: str) -> bool:
        """Tell whether the report with this reference is a case."""
        return sha256(reference.encode()).hexdigest() in self._digests

    def add(self, reference: str) -> None:
        """Remember it."""
        digest = sha256(reference.encode()).hexdigest()
        self._digests.add(digest)
        with (
            raising(SettingsError, f"{self._file} cannot be written", OSError),
            open(self._file, "a", opener=lambda name, flags: os.open(name, flags, 0o600)) as file,
        ):
            file.write(f"{digest}\n")


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
    signed = write.document is not None
    asked = write.asked if signed else canonical.decode(write.body.encode(), fractions=True)
    known = (
        write.action in READABLE_EVENTS and write.path.startswith("/") and _KEY.fullmatch(write.key)
    )
    return write if known and isinstance(asked, dict) else None


FORKED = ".forked"
"""The suffix of the folder that keeps what proves a fork; while it is there, nothing is asked."""


def keep_fork(folder: Path, proof: Sequence[tuple[str, str]]) -> None:
    """Keep the files of a proof (suffix and text), beside what is there; OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for suffix, text in proof:
        name = sha256(text.encode()).hexdigest()[:16]
        files.replace(folder / f"{name}{suffix}", text.encode())


ReadPublicTile = Callable[[str], bytes]
"""A tile of the public log by its path; raises LookupError, ClientError."""

CHECK_EVERY = 60.0
"""Seconds between two checks of a growth by the public tiles."""


LONGEST_UNCHECKED = 24 * 3600.0
"""Seconds for which a growth may stay unchecked before no more is written."""


class CheckpointStore:
    """Remembers the newest checkpoint that continues all before: here, and in a file if given.

    A larger one that is not shown to continue it lies beside it, until that is shown. Clients and
    processes may share the files: each reads them anew. Two that write at the same moment may
    leave the older of two checkpoints there, which only remembers less.
    """

    def __init__(
        self,
        keys: Sequence[VerificationKey],
        file: Path | None = None,
        tile: ReadPublicTile | None = None,
        timer: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``keys`` are those of the log: the pinned one first, whose name is the log's origin.

        Without ``tile`` a growth is checked only as far as receipts show it.
        """
        self._keys, self._file, self._tile = keys, file, tile
        self._origin = keys[0].name
        self._timer, self._clock = timer, clock
        self._newest: SignedTree | None = None
        self._unchecked: SignedTree | None = None
        self._unchecked_since = clock()
        self._checked_at = -CHECK_EVERY
        self._alarm_raised: LogForked | None = None
        self._alarm_kept = False
        self._lock = threading.RLock()

    def newest(self) -> SignedTree | None:
        """The largest tree seen so far, to be compared with what is asked next.

        Raises SettingsError when the file is not a checkpoint of this log, LogForked while an
        alarm stands.
        """
        with self._lock:
            self._refuse_after_alarm()
            self._newest = _larger(self._newest, self._stored(self._file))
            self._unchecked = _larger(self._unchecked, self._stored(self._unchecked_file))
            if self._newest and self._unchecked and self._unchecked.size <= self._newest.size:
                self._unchecked = None  # another client has checked it since
            return _larger(self._newest, self._unchecked)

    def refuse_unchecked(self) -> None:
        """Before a write: raise GatewayUnavailable once a growth stayed unchecked for a day.

        Reads go on, and each looks again.
        """
        with self._lock:
            self.newest()
            if self._unchecked is None or self._tile is None:
                return
            self._check_growth(self._tile)
            if self._unchecked and self._clock() - self._since() > LONGEST_UNCHECKED:
                raise GatewayUnavailable(
                    "for a day the public log has not shown that it continues what this client "
                    "knows, so nothing was sent: let this computer reach the public log, or have "
                    f"an auditor compare {self._unchecked_file or 'the log'} with a copy, and move "
                    "it away"
                )

    def observe(
        self, seen: SignedTree, before: SignedTree | None, shown: Iterable[SignedTree] = ()
    ) -> None:
        """Take in the checkpoint of an answer; ``before`` is what was newest when it was asked.

        The note's signature must have been checked. ``shown`` is what verified receipts say of
        the tree. Raises LogForked: an answer may only show a tree at least as large as the one
        known before its request left, for whichever order concurrent answers arrive in, and one
        that continues every tree before it.
        """
        if seen.checkpoint.origin != self._origin:
            raise NoteError("the checkpoint is of another log")
        with self._lock:
            self.newest()
            if before and seen.size < before.size:
                # Entries are gone; no fork is proved, for the smaller tree may be an earlier one.
                notes = [(CHECKPOINT_SUFFIX, one.note) for one in (before, seen)]
                sentence = "the log shows a smaller tree than before (no proof of a fork yet)"
                self._convict(sentence, notes, before, seen)
            known = [one for one in (self._newest, self._unchecked, before) if one is not None]
            try:
                history = LogHistory([*known, seen, *shown])
            except ForkedLog as forked:
                self._convict(str(forked), forked.proof, _larger(*known) or seen, seen)
            if self._newest is None:
                self._remember(seen)
            elif seen.size > self._newest.size:
                if history.continues(self._origin, self._newest.size, seen.size):
                    self._remember(seen)
                else:
                    self._leave_unchecked(seen)
            if self._unchecked is not None and self._tile is not None:
                self._check_growth(self._tile)

    def _check_growth(self, tile: ReadPublicTile) -> None:
        """Require that the tree that was seen since continues the one that is remembered."""
        before, seen = self._newest, self._unchecked
        if before is None or seen is None or seen.size <= before.size or before.size == 0:
            return
        if self._timer() - self._checked_at < CHECK_EVERY:
            return
        self._checked_at = self._timer()
        try:
            shown = _beginning(tile, before.size, seen)
        except (LookupError, ClientError, ValueError) as error:
            logger.warning(
                "the growth of the log from %d to %d entries could not be checked (%s): it is "
                "checked again; if this stays so, tell the operator and an auditor",
                before.size,
                seen.size,
                error,
            )
            return
        self._require_one(before, shown)
        self._remember(seen)

    def compare(self, note: str, other: str) -> None:
        """Hold two checkpoints of the log against each other, by the public tiles as well.

        LogForked, with the proof kept, where they are of two histories. What the log did not sign,
        and what no tile proves, convicts nobody.
        """
        with self._lock:
            try:
                opened = [
                    SignedTree(open_checkpoint(one, self._keys, self._origin), one)
                    for one in (note, other)
                ]
                old, new = sorted(opened, key=lambda one: one.size)
                if self._tile is not None and 0 < old.size < new.size:
                    new = _beginning(self._tile, old.size, new)
            except (LookupError, ClientError, ValueError):
                return
            self._require_one(old, new)

    def _require_one(self, before: SignedTree, shown: SignedTree) -> None:
        try:
            LogHistory([before, shown])
        except ForkedLog as forked:
            self._convict(str(forked), forked.proof, before, shown)

    def _remember(self, seen: SignedTree) -> None:
        self._newest = seen
        self._write(self._file, seen)
        if self._unchecked is not None and self._unchecked.size <= seen.size:
            self._unchecked = None
            if self._unchecked_file is not None:
                self._unchecked_file.unlink(missing_ok=True)

    def _leave_unchecked(self, seen: SignedTree) -> None:
        """Keep a larger tree that is not shown to continue the known one, and since when."""
        since = self._clock() if self._unchecked is None else self._since()
        self._unchecked, self._unchecked_since = _larger(self._unchecked, seen), since
        self._write(self._unchecked_file, self._unchecked)
        if self._unchecked_file is not None:
            with contextlib.suppress(FileNotFoundError):  # another client has checked it since
                os.utime(self._unchecked_file, (since, since))

    def _since(self) -> float:
        """Since when a growth is unchecked: the time of its file, which clients share."""
        if self._unchecked_file is not None:
            with contextlib.suppress(FileNotFoundError):
                return self._unchecked_file.stat().st_mtime
        return self._unchecked_since

    @staticmethod
    def _write(file: Path | None, seen: SignedTree | None) -> None:
        if file is None or seen is None:
            return
        with raising(SettingsError, f"{file} cannot be written", OSError):
            files.replace(file, seen.note.encode())

    def _stored(self, file: Path | None) -> SignedTree | None:
        if file is None:
            return None
        try:
            with file.open("rb") as opened:
                note = opened.read(MAX_NOTE_BYTES + 1)
            return SignedTree(open_checkpoint(note, self._keys, self._origin), note.decode())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
        except NoteError as error:
            raise SettingsError(
                f"{file} is no checkpoint of the log {self._origin} ({error}): if the "
                "operator announced a new log, move the file away; if not, ask why it changed"
            ) from None

    @property
    def _unchecked_file(self) -> Path | None:
        return self._file and self._file.with_name(f"{self._file.name}.unchecked")

    @property
    def _kept(self) -> Path | None:
        return self._file and self._file.with_name(f"{self._file.name}{FORKED}")

    def _refuse_after_alarm(self) -> None:
        """An alarm stands until a person has moved its folder away."""
        if self._kept is not None and self._kept.exists():
            notes = [one.read_text() for one in sorted(self._kept.glob(f"*{CHECKPOINT_SUFFIX}"))]
            first, second, *_ = *notes, "", ""
            raise LogForked(
                f"the log contradicted itself before: nothing is asked of it while {self._kept} "
                "is there. Show it to the operator and an auditor; move it away once it is cleared",
                (first, second),
            )
        if self._alarm_raised is not None and not self._alarm_kept:
            raise self._alarm_raised

    def _convict(
        self,
        sentence: str,
        proof: Sequence[tuple[str, str]],
        known: SignedTree,
        seen: SignedTree,
    ) -> NoReturn:
        sizes = f"{known.size} entries known, {seen.size} shown now"
        keep = "keep the two checkpoints"
        if self._kept is not None:
            with contextlib.suppress(OSError):  # the alarm matters more than its copy
                keep_fork(self._kept, proof)
                keep, self._alarm_kept = f"keep {self._kept}", True
        raised = LogForked(
            f"{sentence} ({sizes}): do not go on, {keep}, and tell the operator and an auditor",
            (known.note, seen.note),
        )
        self._alarm_raised = raised
        raise raised from None


def _beginning(tile: ReadPublicTile, old: int, seen: SignedTree) -> SignedTree:
    """The tree with what proves its first ``old`` entries, by the public tiles."""
    leaf, path = entry_proof(partial(read_tile, tile, seen.size), old - 1, seen.size)
    proof = TlogProof(old - 1, tuple(path), seen.note)
    tree.verify_inclusion(leaf, proof.index, seen.size, path, seen.checkpoint.root)
    return SignedTree(seen.checkpoint, seen.note, leaf, proof)


def _larger(*seen: SignedTree | None) -> SignedTree | None:
    there = [one for one in seen if one is not None]
    return max(there, key=lambda one: one.size, default=None)
