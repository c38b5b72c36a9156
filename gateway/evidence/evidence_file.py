"""casegate-bundle/3: documents, and entries of one or several logs, each log under one checkpoint.

Nothing is verified here. An entry has the path that leads to the checkpoint of its log; with it, it
is the receipt that a verifier knows. So one file cannot hold two histories of a log. What others
confirmed of it are lines in that checkpoint, or earlier checkpoints that are shown to begin it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.evidence import base64url, receipt
from gateway.evidence.receipt import Receipt
from gateway.ledger import proof
from gateway.ledger.note import decode_base64, encode_base64
from gateway.ledger.proof import TlogProof
from gateway.ledger.tree import HASH_BYTES

FORMAT = "casegate-bundle/3"

MOST_NOTES = 64 * 1024 * 1024
"""Bytes of a checkpoint, times the entries that repeat it once they are receipts: else a small file
would take all memory of who reads it."""

MOST_CONFIRMED = 64
"""Checkpoints of a log that others confirmed: a file needs a few."""

_MEMBERS = frozenset({"format", "about", "documents", "logs"})
_ENTRY = frozenset({"index", "document", "nonce", "disclosures", "path"})
_LOG = frozenset({"checkpoint", "entries"})
_CONFIRMED = {
    "earlier": frozenset({"checkpoint", "consistency"}),
    "stamps": frozenset({"checkpoint", "consistency", "token"}),
}
"""Where a log has checkpoints that others confirmed, and the members of each."""


class BundleError(ValueError):
    """The bytes are not a bundle; the message says why."""


class PackageMissing(BundleError):
    """An offer is in the file without its case, or a case without its offer."""


@dataclass(frozen=True)
class ConfirmedCheckpoint:
    """A checkpoint that others confirmed: its note, with the lines of witnesses in it; the proof
    that it begins the tree of the file's own checkpoint, or that one its; and the RFC 3161 token
    over it, empty where none was made."""

    note: str
    consistency: tuple[bytes, ...]
    token: bytes = b""

    @property
    def origin(self) -> str:
        """The log that it says to be of."""
        return self.note.partition("\n")[0]


@dataclass(frozen=True)
class EvidenceFile:
    """What is in such a file: what it is ``about`` (one member, by its kind), documents, one
    receipt for each entry, and checkpoints of their logs that others confirmed."""

    about: Mapping[str, Any]
    documents: tuple[str, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    confirmed: tuple[ConfirmedCheckpoint, ...] = ()


def encode(file: EvidenceFile) -> bytes:
    """Write the file that `read` reads, each entry once with all that is shown of it.

    Raises BundleError where receipts of one log have several checkpoints, or one entry two
    documents.
    """
    logs: dict[str, dict[int, Receipt]] = {}
    notes: dict[str, str] = {}
    for one in file.receipts:
        shown = proof.parse(one.proof)
        origin = shown.checkpoint_note.partition("\n")[0]
        if notes.setdefault(origin, shown.checkpoint_note) != shown.checkpoint_note:
            raise BundleError(f"the receipts of the log {origin} have several checkpoints")
        entries = logs.setdefault(origin, {})
        known = entries.get(shown.index, one)
        if known.document != one.document:
            raise BundleError(f"the entry {shown.index} of the log {origin} has two documents")
        disclosures = dict.fromkeys((*known.disclosures, *one.disclosures))
        entries[shown.index] = Receipt(one.document, one.nonce, tuple(disclosures), one.proof)
    members = {
        "format": FORMAT,
        "about": file.about,
        "documents": file.documents,
        "logs": {
            origin: {
                "checkpoint": notes[origin],
                "entries": [_written(index, one) for index, one in sorted(entries.items())],
                **_written_confirmed([one for one in file.confirmed if one.origin == origin]),
            }
            for origin, entries in sorted(logs.items())
        },
    }
    return (json.dumps(members, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _written(index: int, one: Receipt) -> dict[str, Any]:
    written = receipt.to_json(one)
    path = base64url.encode(b"".join(proof.parse(written.pop("proof")).hashes))
    return {"index": index, **written, "path": path}


def _written_confirmed(confirmed: Sequence[ConfirmedCheckpoint]) -> dict[str, Any]:
    """The checkpoints by their places; a place without any is left out."""
    places: dict[str, Any] = {}
    for one in confirmed:
        path = base64url.encode(b"".join(one.consistency))
        told = {"checkpoint": one.note, "consistency": path}
        if one.token:
            told["token"] = encode_base64(one.token)
        places.setdefault("stamps" if one.token else "earlier", []).append(told)
    return places


def read(members: Mapping[str, Any]) -> EvidenceFile:
    """The file of these members; BundleError for anything but its exact form."""
    if members.keys() != _MEMBERS or members["format"] != FORMAT:
        raise BundleError("a bundle has about, documents and logs")
    about, documents, logs = (members[name] for name in ("about", "documents", "logs"))
    if not isinstance(about, dict) or len(about) != 1:
        raise BundleError("a bundle is about one thing")
    if not isinstance(documents, list) or not all(isinstance(one, str) for one in documents):
        raise BundleError("the documents of a bundle are texts")
    if not isinstance(logs, dict):
        raise BundleError("the logs of a bundle are by name")
    receipts = tuple(one for name, log in logs.items() for one in _read_log(name, log))
    confirmed = tuple(one for name, log in logs.items() for one in _read_confirmed(name, log))
    return EvidenceFile(about, tuple(documents), receipts, confirmed)


def _read_log(origin: str, log: Any) -> Iterable[Receipt]:
    if not isinstance(log, dict) or log.keys() - _CONFIRMED.keys() != _LOG:
        raise BundleError("a log of a bundle has checkpoint and entries")
    note, entries = log["checkpoint"], log["entries"]
    if not isinstance(note, str) or note.partition("\n")[0] != origin:
        raise BundleError("the checkpoint of a bundle is of another log")
    if not isinstance(entries, list):
        raise BundleError("the entries of a bundle are a list")
    if len(note.encode()) * len(entries) > MOST_NOTES:
        raise BundleError("the checkpoint of a bundle is too long for so many entries")
    before = -1
    for one in entries:
        if not isinstance(one, dict) or one.keys() != _ENTRY or type(one["index"]) is not int:
            raise BundleError("an entry of a bundle has index, document, nonce, disclosures, path")
        if one["index"] <= before:
            raise BundleError("the entries of a bundle are not in the order of the log")
        before = one["index"]
        yield _read_entry(one, note)


def _read_confirmed(origin: str, log: Mapping[str, Any]) -> Iterable[ConfirmedCheckpoint]:
    for place, members in _CONFIRMED.items():
        listed = log.get(place, [])
        if not isinstance(listed, list) or len(listed) > MOST_CONFIRMED:
            raise BundleError(f"the {place} of a log in a bundle are a short list")
        for one in listed:
            if not isinstance(one, dict) or one.keys() != members:
                raise BundleError(f"one of the {place} of a log has {', '.join(sorted(members))}")
            try:
                token = decode_base64(one.get("token", ""))
                read = ConfirmedCheckpoint(one["checkpoint"], _hashes(one["consistency"]), token)
                if read.origin != origin or bool(token) is not ("token" in one):
                    raise ValueError("it is of another log, or its token is empty")
            except (AttributeError, TypeError, ValueError) as error:
                raise BundleError(f"one of the {place} cannot be read: {error}") from None
            yield read


def _hashes(path: str) -> tuple[bytes, ...]:
    joined = base64url.decode(path)
    return tuple(joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES))


def _read_entry(entry: Mapping[str, Any], note: str) -> Receipt:
    try:
        shown = proof.encode(TlogProof(entry["index"], _hashes(entry["path"]), note))
        told = {name: entry[name] for name in ("document", "nonce", "disclosures")}
        return receipt.from_json({**told, "proof": shown})
    except (TypeError, ValueError) as error:
        raise BundleError(str(error)) from None
