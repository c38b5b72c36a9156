"""A witness of logs (C2SP tlog-witness): it cosigns no two histories of a log, nor a smaller tree.

How far it cosigned each log is kept before its line leaves, so that a crash makes it forget none.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from gateway.ledger import note as notes
from gateway.ledger import tree
from gateway.ledger.cosignature import Cosigner
from gateway.ledger.note import Checkpoint, VerificationKey

SIZE_MEDIA = "text/x.tlog.size"
"""The media type of a refusal that says how many entries the witness saw."""


class Refused(Exception):
    """A request that the witness does not grant, with the status of C2SP tlog-witness; a 409 has
    the ``size`` that it saw. ``forked`` are the note that it cosigned and the one that it refuses,
    where the log signed two trees of one size: they convict it."""

    def __init__(
        self, status: int, detail: str, size: int | None = None, forked: tuple[str, ...] = ()
    ) -> None:
        """``detail`` is one clause without a full stop."""
        super().__init__(detail)
        self.status, self.size, self.forked = status, size, forked


class Witnessed(Protocol):
    """How far a witness cosigned each log, by the notes that it got: they convict a log."""

    def newest(self, origin: str) -> str | None:
        """The largest checkpoint of a log that was ever cosigned."""

    def advance(self, origin: str, seen: str | None, to: str) -> bool:
        """Replace ``seen`` by ``to``; durable when this returns True, False where another did."""


def write_request(old: int, proof: Sequence[bytes], note: str) -> str:
    """Write the request to cosign a note, by whom the witness saw ``old`` entries of."""
    hashes = "".join(f"{notes.encode_base64(one)}\n" for one in proof)
    return f"old {old}\n{hashes}\n{note}"


def add_checkpoint(
    request: str,
    logs: Collection[VerificationKey],
    witness: Cosigner,
    seen: Witnessed,
    at: datetime,
) -> str:
    """The witness's line for the checkpoint of a request, or Refused; ``logs`` are their keys."""
    with _refusing(400):
        old, proof, note = _read_request(request)
        text, asked = _opened(note)
    if not any(one.name == asked.origin for one in logs):
        raise Refused(404, "this witness does not follow that log")
    with _refusing(403):
        notes.open_checkpoint(note, [*logs], asked.origin)
    if old > asked.size:
        raise Refused(400, "the checkpoint is smaller than what it is said to begin with")
    known = seen.newest(asked.origin)
    before = None if known is None else _opened(known)[1]
    size = before.size if before else 0
    forked: tuple[str, ...] = ()
    if known and before and before.size == asked.size and before.root != asked.root:
        forked = (known, note)
    if old != size:
        raise Refused(409, f"this witness saw {size} entries", size, forked)
    with _refusing(422, forked):
        if before and before.size:
            tree.verify_consistency(size, before.root, asked.size, asked.root, proof)
        elif proof:
            raise tree.ProofError("of an empty tree nothing is to be shown")
    if not seen.advance(asked.origin, known, note):
        raise Refused(409, f"this witness saw {size} entries, and more since", size)
    return witness.cosign(text, at)


def _opened(note: str) -> tuple[str, Checkpoint]:
    text, _ = notes.split(note)
    return text, notes.parse_checkpoint(text)


def _read_request(request: str) -> tuple[int, list[bytes], str]:
    header, _, note = request.partition("\n\n")
    old, *proof = header.split("\n")
    if not old.startswith("old ") or len(proof) > 63:
        raise ValueError("a request begins with the old size, and has a short proof")
    return notes.parse_decimal(old[4:]), [*map(notes.decode_base64, proof)], note


@contextmanager
def _refusing(status: int, forked: tuple[str, ...] = ()) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise Refused(status, str(error), None, forked) from None
