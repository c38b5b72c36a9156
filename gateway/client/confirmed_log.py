"""What the public log shows of those who confirm it: for files of evidence, and for an alarm where
they are whom the connection asks for."""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any

from gateway.client import errors
from gateway.client.local_state import ReadPublicTile
from gateway.client.session import list_of
from gateway.evidence import bundle, canonical
from gateway.evidence.evidence_file import MOST_CONFIRMED, MOST_NOTES, ConfirmedCheckpoint
from gateway.evidence.receipt import Receipt
from gateway.ledger import cosignature, proof, tiles, tree
from gateway.ledger.note import (
    UnknownSigner,
    decode_base64,
    open_checkpoint,
    parse_checkpoint,
    split,
    write_signature,
)
from gateway.ledger.proof import TlogProof
from gateway.text import catalogue
from gateway.verification.history import SignedTree
from gateway.verification.log_copy import CHECKPOINT, read_tile
from gateway.verification.trust import TrustAnchors

_Said = tuple[str, dict[str, int]]
"""A sentence of a screen, by its key, and what stands in it."""

COSIGNATURES = "log/cosignatures"
"""The path of the public log at which it shows what witnesses cosigned."""

STAMPS = "log/stamps"
"""The path at which it shows by entry what time-stamp authorities stamped."""

MOST_STAMPS = 64
"""Entries of an export whose first stamps are asked for; the others have those of later ones."""

logger = logging.getLogger(__name__)


class ConfirmedLog:
    """The public log of a connection, which ``tile`` reads; ``newest`` gives the newest checkpoint
    that an answer had."""

    def __init__(
        self,
        trust: TrustAnchors,
        tile: ReadPublicTile | None,
        newest: Callable[[], SignedTree | None],
        compare: Callable[[str, str], None],
    ) -> None:
        """Nothing is read yet. ``compare`` raises LogForked for checkpoints of two histories."""
        self._trust, self._tile, self._newest = trust, tile or _not_read, newest
        self._compare = compare

    def under_one_checkpoint(self, given: Sequence[Receipt]) -> bundle.Joined:
        """The same receipts, each with the path to the largest checkpoint that is known, and the
        other checkpoints that witnesses cosigned, or authorities stamped.

        Paths come from the log's public tiles, where the log grew between two answers;
        GatewayUnavailable while these cannot be read.
        """
        parsed = [proof.parse(one.proof) for one in given]
        own = self._sizes({one.checkpoint_note for one in parsed})
        cosigned = self._cosigned(own.get(max(own, default=0)))
        stamps = self._stamps({one.index for one in parsed})
        notes = own | cosigned
        size = max(notes, default=0)
        shown, long = notes.get(size, ""), len(notes.get(size, "").encode()) * len(parsed)
        if long > MOST_NOTES:  # its witnesses stand beside it, and not once for each entry
            shown = _bare(shown)
        elif len(own) == 1 and not stamps and not cosigned.keys() - own.keys():
            made = [replace(one, checkpoint_note=shown) for one in parsed]
            return _proved(given, made), ()
        try:
            read = partial(read_tile, self._tile, size)
            paths = tiles.InclusionProofs(read, size)
            made = [TlogProof(one.index, paths.of(one.index), shown) for one in parsed]
            confirmed = [
                (one, b"") for old, one in sorted(cosigned.items()) if old and one != shown
            ]
            confirmed = confirmed[-MOST_CONFIRMED:]  # the last ones say the most
            earlier = [
                ConfirmedCheckpoint(note, path, token)
                for note, token in (*confirmed, *stamps)
                if (path := self._joining(note, shown)) is not None
            ]
        except (LookupError, ValueError) as error:
            raise errors.GatewayUnavailable(
                f"the log grew in between, and its public tiles cannot be read ({error}): let this "
                "computer reach the public log, and export again"
            ) from None
        return _proved(given, made), earlier

    def unconfirmed(
        self, now: datetime, within: timedelta, language: str = catalogue.ENGLISH
    ) -> list[str]:
        """Say what is missing, where the log has grown for longer than ``within`` and too few of
        the witnesses, or no time-stamp authority, that the connection asks for confirmed it."""
        found = list[str]()
        missing = [self._unwitnessed] if self._trust.witnesses else []
        for look in missing + ([self._unstamped] if self._trust.authorities else []):
            try:
                # What the log's public page shows may be older than what was answered.
                shown, known = self._sizes([self._tile(CHECKPOINT).decode()]), self._newest()
                size = max(*shown, known.size if known else 0)
                if why := look(size, now - within):
                    key, numbers = why
                    hours = within // timedelta(hours=1)
                    told = catalogue.phrase("screens", key, language, hours=hours, **numbers)
                    found.append(told)
            except (errors.ClientError, LookupError, ValueError) as error:
                found.append(catalogue.phrase("screens", "log_unseen", language, error=error))
        return found

    def _unwitnessed(self, size: int, since: datetime) -> _Said | None:
        found = [
            one.witness
            for cosigned, note in self._cosigned().items()
            for one in cosignature.verify(note, self._trust.witnesses)
            if cosigned == size or one.at >= since
        ]
        number, quorum = cosignature.count(found), self._trust.quorum
        if number >= quorum:
            return None
        return "log_unwitnessed", {"number": number, "quorum": quorum}

    def _unstamped(self, size: int, since: datetime) -> _Said | None:
        # Not above: see `verification.confirmations`.
        from gateway.evidence import time_stamp  # noqa: PLC0415

        for stamped, note, token in self._stamps_at(size - 1):
            with suppress(time_stamp.UnknownAuthority, UnknownSigner):
                self._sizes([note])
                text = time_stamp.stamped_text(note)
                by = time_stamp.verify(token, text, self._trust.authorities)
                if stamped >= size or by.before >= since:
                    return None
        return "log_unstamped", {}

    def _joining(self, note: str, known: str) -> tuple[bytes, ...] | None:
        """The proof that the smaller of two checkpoints begins the tree of the larger; None, and a
        warning, where there is none: in a file it would speak against all that is in it. LogForked
        where the log signed both, and the tiles show that it has two histories."""
        trees = (parse_checkpoint(split(one)[0]) for one in (note, known))
        old, new = sorted(trees, key=attrgetter("size"))
        path = tiles.consistency_proof(partial(read_tile, self._tile, new.size), old.size, new.size)
        try:
            tree.verify_consistency(old.size, old.root, new.size, new.root, path)
        except ValueError as error:
            newest = self._newest()
            for other in (known, newest.note if newest else known):
                self._compare(note, other)
            logger.warning(
                "A confirmed checkpoint of %d entries is left out: it is of no one history with "
                "the log (%s). Ask the operator why.",
                _size(note),
                error,
            )
            return None
        return tuple(path)

    def _sizes(self, notes: Iterable[str]) -> dict[int, str]:
        """Checkpoints of the log by their sizes; NoteError for one that it did not sign."""
        keys = self._trust.log_keys
        return {open_checkpoint(note, keys, keys[0].name).size: note for note in notes}

    def _cosigned(self, known: str | None = None) -> dict[int, str]:
        """The checkpoints that witnesses cosigned, as the public log shows them now, of one history
        with one that is ``known``: without it an export has none, and says so."""
        try:
            found = dict[int, str]()
            answer = canonical.decode(self._tile(COSIGNATURES))
            for note in map(str, list_of(answer, "checkpoints")):
                with suppress(UnknownSigner):  # a witness that is gone saw what a former key signed
                    cosignature.verify(note, self._trust.witnesses)
                    if not known or self._joining(note, known) is not None:
                        found |= self._sizes([note])
            return found
        except errors.LogForked:
            raise
        except (errors.ClientError, LookupError, ValueError) as error:
            logger.warning("Witnesses of the log are not shown: %s.", error)
            return {}

    def _stamps(self, entries: Collection[int]) -> list[tuple[str, bytes]]:
        """The checkpoints that time-stamp authorities stamped, each with its token: of each the
        first after an entry, as the public log shows them; of many entries, after some."""
        found, covered = dict[tuple[str, bytes], None](), 0
        step = -(-len(entries) // MOST_STAMPS) or 1
        try:
            for entry in sorted(entries)[::-1][::step][::-1]:
                if entry < covered:
                    continue
                listed = [one for one in self._stamps_at(entry) if one[0] > entry]
                if not listed:
                    break  # nor has a later entry one
                covered = min(size for size, *_ in listed)
                found |= dict.fromkeys((note, token) for _, note, token in listed)
        except (errors.ClientError, LookupError, ValueError) as error:
            logger.warning("Time stamps of the log are not shown: %s.", error)
        return list(found)[-MOST_CONFIRMED:]

    def _stamps_at(self, entry: int) -> list[tuple[int, str, bytes]]:
        """Of each authority size, checkpoint and token of its first stamp that holds an entry, or
        else of its newest."""
        told = map(_stamp, list_of(canonical.decode(self._tile(f"{STAMPS}/{entry}")), "stamps"))
        return [(_size(note), note, token) for note, token in told]


def _not_read(_: str) -> bytes:
    raise LookupError("the public log is not read here")


def _bare(note: str) -> str:
    """A checkpoint with the log's own lines alone."""
    text, signatures = split(note)
    own = (one for one in signatures if one.name == parse_checkpoint(text).origin)
    return "".join([text, "\n", *map(write_signature, own)])


def _size(note: str) -> int:
    """Return what a checkpoint says of its size."""
    return parse_checkpoint(split(note)[0]).size


def _stamp(told: Any) -> tuple[str, bytes]:
    """A stamped checkpoint, and its token, which is over it: by whom, the verifier asks."""
    # Not above: see `verification.confirmations`.
    from gateway.evidence import time_stamp  # noqa: PLC0415

    note, token = str(told["checkpoint"]), decode_base64(str(told["token"]))
    with suppress(time_stamp.UnknownAuthority):
        time_stamp.verify(token, time_stamp.stamped_text(note), ())
    return note, token


def _proved(given: Sequence[Receipt], proofs: Sequence[TlogProof]) -> list[Receipt]:
    return [replace(one, proof=proof.encode(new)) for one, new in zip(given, proofs, strict=True)]
