"""Proofs of inclusion (C2SP tlog-proof): only ProofError and NoteError escape; one spelling each.

Oracle: what is accepted is written back byte for byte; a changed proof never proves another entry.
"""

from functools import cache

from gateway.ledger import proof
from gateway.ledger.note import NoteError
from gateway.ledger.tree import ProofError
from tests.fuzz import note
from tests.fuzz.target import EXAMPLES, VECTORS


@cache
def example() -> proof.TlogProof:
    """A proof of ours that is good."""
    return proof.parse((EXAMPLES / "receipt.tlog-proof").read_bytes())


def seeds() -> list[bytes]:
    """Proofs that are good, and proofs that are bad."""
    folder = VECTORS / "tlog600"
    files = [f for f in sorted(folder.rglob("*")) if f.is_file() and "proof" in f.name]
    files += [f for f in sorted((folder / "proofs").rglob("*")) if f.is_file()]
    some = [file.read_bytes() for file in files if file.stat().st_size < 8192]
    with_extra = proof.TlogProof(7, (bytes(32),), "note\n", b"extra")
    return [*some[:64], (EXAMPLES / "receipt.tlog-proof").read_bytes(), _written(with_extra)]


def _written(one: proof.TlogProof) -> bytes:
    return proof.encode(one).encode("utf-8")


def check(data: bytes) -> None:
    """See the module."""
    try:
        found = proof.parse(data)
    except ProofError:
        return
    assert _written(found) == data
    assert proof.parse(data.decode("utf-8")) == found
    for key in note.known():
        try:
            proof.verify(found, b"an entry that no log has", key.name, [key])
        except (ProofError, NoteError):
            continue
        raise AssertionError("an entry was proved that no log has")
