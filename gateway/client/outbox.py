"""Writes on their way, kept on disk until they are answered, so that a crash loses none.

One file for each write, named by its idempotency key (UUIDv7: names sort by time). It holds the
exact request, so case content too: folder 0700, files 0600, gone when the answer is there.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway import files
from gateway.client.errors import SettingsError
from gateway.client.signing import members_of
from gateway.domain.audit_event import EVENT_TYPES
from gateway.evidence import canonical, sd_jwt
from gateway.evidence.sd_jwt import SdJwt

MAX_BYTES = 1024 * 1024
"""Four times the longest request body, which the JSON of this file may escape."""

SET_ASIDE = ".set-aside"
"""Ends the name of a write that its owner does not want sent any more: evidence, for people."""

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
        write = _read(file)
        file.replace(file.with_suffix(SET_ASIDE))
        files.sync_folder(self._folder)
        return write

    def waiting(self) -> Iterator[PendingWrite]:
        """The writes without an answer, oldest first; SettingsError for a file that is none."""
        for file in sorted(self._folder.glob("*.json")):
            with contextlib.suppress(FileNotFoundError):  # another process just got its answer
                yield _read(file)

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def _read(file: Path) -> PendingWrite:
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
