"""Copies a gateway's public log into a folder, and believes none of it without the log's key.

A copy only grows. Each step goes from the checkpoint in the folder to a newer one: the files that
are new are fetched, entries are held against leaves and tiles against each other, and the old and
the new root must both follow from the same tiles. Only then is the newer checkpoint written, so an
interrupted run leaves the older copy whole and goes on where it stopped.
"""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import NoReturn, Self

import httpx

from gateway import files
from gateway.client import errors
from gateway.client.local_state import keep_fork
from gateway.client.transport import HttpRequest, HttpTransport
from gateway.domain.peer import ADDRESS
from gateway.evidence import canonical
from gateway.ledger import tiles
from gateway.ledger.cosignature import Cosigner
from gateway.ledger.note import Checkpoint
from gateway.ledger.witness import Refused, add_checkpoint, write_request
from gateway.verification.history import SignedTree
from gateway.verification.log_copy import CHECKPOINT, VerifiedCopy, open_head, read_tile
from gateway.verification.report import VerificationFailed
from gateway.verification.trust import TrustAnchors

Fetch = Callable[[str], bytes]
"""The bytes at a path of the public listener, `/checkpoint` or a tile's; raises ClientError."""

Progress = Callable[[int, int], None]
"""Told how many entries of how many are there."""

FORKED = "forked"
"""The folder that keeps what convicts a log; while it is there, nothing is copied."""


_OTHER_HISTORY = "the log shows another history"


@dataclass(frozen=True)
class MirrorProgress:
    """How far the copy was before, how far it is now, and how many files were fetched."""

    before: Checkpoint | None
    after: Checkpoint
    fetched: int


class Mirror:
    """One folder that follows one log."""

    def __init__(self, fetch: Fetch, folder: Path, trust: TrustAnchors) -> None:
        """``trust`` has the keys of the logs that may be copied."""
        self._fetch, self._folder, self._trust = fetch, folder, trust
        self._looked_at: list[tiles.TileAddress] = []

    def step(self, progress: Progress = lambda done, of: None) -> MirrorProgress:
        """Bring the copy to the log's newest checkpoint.

        Raises LogForked when the log does not continue what the folder has, PublicLogCorrupt when
        what it serves is inconsistent, SettingsError for a folder that cannot be used, and
        what ``fetch`` raises.
        """
        self._refuse_after_alarm()
        known = self._stored()
        try:
            note = self._fetch(CHECKPOINT)
            newest = SignedTree(open_head(note, self._trust), note.decode())
        except LookupError:
            raise errors.PublicLogCorrupt(
                "there is no checkpoint: no log has that address"
            ) from None
        except VerificationFailed as failed:
            raise errors.PublicLogCorrupt(
                f"what the log serves is not its checkpoint: {failed}"
            ) from None
        before, after = known.checkpoint if known else None, newest.checkpoint
        if known is not None:
            self._require_later(known, newest)
        if before == after:
            return MirrorProgress(before, after, 0)
        size = known.size if known else 0
        self._looked_at.clear()
        try:
            fetched = self._copy(newest.size, size, progress)
        except (tiles.CopyCorrupt, tiles.CopyIncomplete) as error:
            # Nobody can tell which of the new files is the false one.
            self._drop(size)
            self._require_continues(known, newest, self._fetch)
            raise errors.PublicLogCorrupt(f"what the log serves is inconsistent: {error}") from None
        self._require_root(size, after)
        self._require_continues(known, newest, self._read)
        self._write(CHECKPOINT, note)
        self._forget(size, newest.size)
        return MirrorProgress(before, after, fetched)

    def cosign(self, witness: Cosigner, seen: "CosignedFile", at: datetime) -> tuple[int, str]:
        """Cosign what the folder has, after a `step`: its size, and the witness's line.

        Raises LogForked where the witness cosigned another history, SettingsError where it cosigned
        more than is here.
        """
        stored = self._stored()
        if stored is None:
            raise errors.SettingsError(f"{self._folder} has no checkpoint yet")
        origin, size = stored.checkpoint.origin, stored.size
        note = seen.newest(origin)
        before = SignedTree(open_head(note.encode(), self._trust), note) if note else None
        old = before.size if before else 0
        if before and old > size:
            raise errors.SettingsError(
                f"this witness cosigned {old} entries of {origin}, and {self._folder} has {size}: "
                "copy the rest first"
            )
        proof = tiles.consistency_proof(partial(read_tile, self._read, size), old, size)
        request = write_request(old, proof, stored.note)
        keys = self._trust.of_log(origin).log_keys
        try:
            return size, add_checkpoint(request, keys, witness, seen, at)
        except Refused as refused:
            if before and refused.status == HTTPStatus.UNPROCESSABLE_ENTITY:
                # With what proves the beginning that the folder's checkpoint shows.
                shown = VerifiedCopy(stored.checkpoint, self._read).tree(stored.note, old - 1)
                self._alarm(_OTHER_HISTORY, before, shown)
            raise errors.SettingsError(f"{seen.file}: {refused}") from None

    # --- what is there ---

    def _stored(self) -> SignedTree | None:
        """The folder's checkpoint; SettingsError when it is of no trusted log."""
        try:
            note = (self._folder / CHECKPOINT).read_bytes()
            return SignedTree(open_head(note, self._trust), note.decode())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise errors.SettingsError(
                f"{self._folder} cannot be read: {error.strerror}"
            ) from error
        except VerificationFailed as failed:
            raise errors.SettingsError(
                f"{self._folder} has a checkpoint that is not of this log ({failed}): give each "
                "log a folder of its own"
            ) from None

    def _require_later(self, known: SignedTree, newest: SignedTree) -> None:
        before, after = known.checkpoint, newest.checkpoint
        if after.origin != before.origin:
            raise errors.SettingsError(
                f"the folder is a copy of {before.origin}, and the log there is {after.origin}: "
                "give each log a folder of its own"
            )
        if after.size < before.size:
            own = VerifiedCopy(before, self._read)
            if after.size and own.root(after.size) != after.root:
                self._alarm(_OTHER_HISTORY, own.tree(known.note, after.size - 1), newest)
            # An earlier state is no fork: it may be an old copy that somebody serves again.
            self._alarm("the log is shorter than before", known, newest)
        if after.size == before.size and after.root != before.root:
            self._alarm(_OTHER_HISTORY, known, newest)

    # --- what is new ---

    def _copy(self, size: int, known: int, progress: Progress) -> int:
        """Fetch the files between two sizes, each checked before it is kept; how many came."""
        fetched = 0
        for bundle in tiles.bundles(size, known):
            fetched += self._copy_bundle(bundle)
            progress(bundle.n * tiles.TILE_WIDTH + bundle.width, size)
        for level in tiles.levels(size)[1:]:
            for tile in tiles.hashes(level, size, known):
                fetched += self._copy_tile(tile)
        return fetched

    def _copy_bundle(self, bundle: tiles.TileAddress) -> int:
        """A bundle and the leaves beside it; what an interrupted run left is not fetched again."""
        tile = tiles.TileAddress(0, bundle.n, bundle.width)
        self._looked_at += (tile, bundle)
        missing = [address for address in (tile, bundle) if not self._has(address)]
        found = {address: self._get(address) for address in (tile, bundle)}
        tiles.check_bundle(bundle, found[bundle], found[tile])
        for address in missing:
            self._write(tiles.path_of(address), found[address])
        return len(missing)

    def _copy_tile(self, tile: tiles.TileAddress) -> int:
        below = (tile.level or 1) - 1
        self._looked_at.append(tile)
        missing = not self._has(tile)
        data = self._get(tile)
        tiles.check_tile(
            tile, data, lambda n: tiles.read_file(self._read, tiles.TileAddress(below, n))
        )
        if missing:
            self._write(tiles.path_of(tile), data)
        return int(missing)

    def _has(self, address: tiles.TileAddress) -> bool:
        return (self._folder / tiles.path_of(address)).exists()

    def _get(self, address: tiles.TileAddress) -> bytes:
        source = self._read if self._has(address) else self._fetch
        return tiles.read_file(source, address)

    def _read(self, path: str) -> bytes:
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            raise LookupError(path) from None
        except OSError as error:
            raise errors.SettingsError(
                f"{self._folder / path} cannot be read: {error.strerror}"
            ) from error

    # --- whether it is one history ---

    def _require_root(self, known: int, newest: Checkpoint) -> None:
        """The tiles lead to the new root."""
        if VerifiedCopy(newest, self._read).root(newest.size) != newest.root:
            self._drop(known)
            raise errors.PublicLogCorrupt(
                f"the tiles from entry {known} on lead to another root than the log signed: they "
                "are not kept; ask again, and tell the operator if it stays so"
            )

    def _require_continues(
        self, known: SignedTree | None, newest: SignedTree, read: tiles.ReadFile
    ) -> None:
        """Raise LogForked, with its proof kept, where the newer tree has another beginning."""
        if known is None or known.size == 0:
            return
        before, after = known.checkpoint, newest.checkpoint
        try:
            copy = VerifiedCopy(after, read)
            same = copy.root(after.size) != after.root or copy.root(before.size) == before.root
            shown = copy.tree(newest.note, before.size - 1)
        except (tiles.CopyCorrupt, tiles.CopyIncomplete, tiles.MissingTile):
            return
        if not same:
            self._drop(before.size)
            self._alarm(_OTHER_HISTORY, known, shown)

    def _refuse_after_alarm(self) -> None:
        folder = self._folder / FORKED
        if folder.exists():
            raise errors.LogForked(
                f"the log contradicted itself before: nothing is copied while {folder} is there. "
                "Show it to the operator; move it away once it is cleared",
                ("", ""),
            )

    def _alarm(self, sentence: str, known: SignedTree, shown: SignedTree) -> NoReturn:
        """Keep what was signed before and now, and say so; the copy stays as it is."""
        folder = self._folder / FORKED
        with errors.raising(errors.SettingsError, f"{folder} cannot be written", OSError):
            keep_fork(folder, [known.encode(), shown.encode()])
        sizes = f"{known.size} entries copied, {shown.size} shown now"
        raise errors.LogForked(
            f"{sentence} ({sizes}): do not go on, keep {folder} (casegate audit prove-fork), and "
            "tell the operator",
            (known.note, shown.note),
        )

    # --- files ---

    def _write(self, path: str, data: bytes) -> None:
        with errors.raising(
            errors.SettingsError, f"{self._folder / path} cannot be written", OSError
        ):
            files.replace(self._folder / path, data, mode=0o644)

    def _forget(self, before: int, after: int) -> None:
        """Remove the partial tiles that fuller ones replace, of interrupted runs as well."""
        for address in _all(after, before):
            file = self._folder / tiles.path_of(address)
            partial = (
                file.parent
                if address.width < tiles.TILE_WIDTH
                else file.with_name(f"{file.name}.p")
            )
            for other in partial.glob("*"):
                if other != file:
                    other.unlink(missing_ok=True)
            if address.width == tiles.TILE_WIDTH:
                with suppress(OSError):
                    partial.rmdir()

    def _drop(self, known: int) -> None:
        """Remove what this step looked at, but not the partial tiles that the copy stands on.

        The size that the log claims says nothing of how much that is.
        """
        kept = {one for one in _all(known, known) if one.width < tiles.TILE_WIDTH}
        for address in self._looked_at:
            if address in kept:
                continue
            file = self._folder / tiles.path_of(address)
            with suppress(OSError):
                file.unlink(missing_ok=True)
                if address.width < tiles.TILE_WIDTH:
                    file.parent.rmdir()


def _all(size: int, known: int) -> Iterator[tiles.TileAddress]:
    yield from tiles.bundles(size, known)
    for level in tiles.levels(size):
        yield from tiles.hashes(level, size, known)


class CosignedFile:
    """How far a witness's key cosigned each log: a file that goes with the key, and to which any
    copy of a log is held."""

    def __init__(self, key: Path) -> None:
        """The file stands beside the ``key``."""
        self.file = key.with_name(f"{key.name}.cosigned")

    def begin(self) -> None:
        """Begin with no log at all, for a key that cosigned nothing; a file that is there stays."""
        if not self.file.exists():
            with errors.raising(errors.SettingsError, f"{self.file} cannot be written", OSError):
                files.replace(self.file, canonical.encode({}))

    def newest(self, origin: str) -> str | None:
        """The largest checkpoint of a log that was ever cosigned."""
        return self._read().get(origin)

    def advance(self, origin: str, seen: str | None, to: str) -> bool:
        """Replace ``seen`` by ``to``, on disk; False where another process did."""
        busy = errors.SettingsError(f"{self.file} is in use: another process cosigns")
        lock = files.hold(self.file.with_name(f".{self.file.name}.lock"), busy)
        with errors.raising(errors.SettingsError, f"{self.file} cannot be written", OSError), lock:
            known = self._read()
            if known.get(origin) != seen:
                return False
            files.replace(self.file, canonical.encode({**known, origin: to}))
        return True

    def _read(self) -> dict[str, str]:
        # One that is lost, or damaged, is no empty one: the key would sign what it must not.
        if not self.file.exists():
            raise errors.SettingsError(
                f"{self.file} is lost, which says how far this key cosigned each log: bring it "
                "back, or make a new key; --first-time is for a key that never cosigned"
            )
        with errors.raising(
            errors.SettingsError, f"{self.file} cannot be read", (OSError, ValueError)
        ):
            return dict(canonical.decode(self.file.read_bytes()))


# --- The public listener of a gateway, as anybody may read it: no certificate, no token ---


@dataclass(frozen=True)
class PublicListener:
    """An address, and the root certificates (PEM) to believe; None for the system's own.

    What is read there is verified by the log's key: the certificate only keeps the way quiet.
    ``system_too`` believes the system's authorities beside ``ca``.
    """

    address: str
    ca: Path | None = None
    system_too: bool = False

    def tls(self) -> ssl.SSLContext:
        """TLS 1.3 and the roots; SettingsError when their file cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            raise errors.SettingsError(f"{self.ca} is not a file of certificates in PEM") from error
        if self.system_too:
            context.load_default_certs()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context


class PublicLog:
    """Fetches the log's files. Use it in a ``with`` block."""

    def __init__(
        self,
        url: str,
        ca: Path | None,
        clock: Callable[[], datetime],
        *,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
        system_too: bool = False,
    ) -> None:
        """``url`` is the issuer's address, ``https://host:port``; SettingsError for another."""
        address = url.removesuffix("/")
        if not ADDRESS.fullmatch(address):
            raise errors.SettingsError("the address is https://host or https://host:port, no more")
        listener = PublicListener(address, ca, system_too)
        self._line = HttpTransport(listener, clock, sleep, transport)
        self._frozen = False

    def __enter__(self) -> Self:
        """Begin; the first request connects."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._line.close()

    def fetch(self, path: str) -> bytes:
        """A file of the log by its path (`checkpoint`, `tile/0/000`).

        Raises LookupError when the log does not have it, GatewayUnavailable, TlsNotTrusted,
        UnexpectedAnswer.
        """
        reply = self._line.send(HttpRequest("GET", f"/{path}"))
        if path == CHECKPOINT:
            self._frozen = reply.headers.get("log-state") == "frozen"
        if reply.status == 200:
            return reply.body
        if reply.status == 404 and self._frozen:
            raise errors.GatewayUnavailable(
                "the gateway says that its log is frozen: it has less at present than it signed, "
                "and signs nothing more until its operator brings the rest back; ask again"
            )
        if reply.status == 404:
            raise LookupError(path)
        if reply.status >= 500 or reply.status == 429:
            raise errors.GatewayUnavailable(f"the log cannot answer now (status {reply.status})")
        raise errors.UnexpectedAnswer(f"the log answers with the status {reply.status}")
