"""Cosignatures of witnesses: what counts, and what is passed over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.ledger import cosignature, note, tree
from gateway.ledger.cosignature import Cosigner
from gateway.ledger.note import Checkpoint, NoteSigner, VerificationKey
from tests.each import each

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
LOG = NoteSigner("log.example.org/casegate", Ed25519PrivateKey.from_private_bytes(bytes(32)))
NOTE = note.sign_checkpoint(Checkpoint(LOG.name, 1, tree.leaf_hash(b"entry")), LOG)
TEXT = NOTE.partition("\n\n")[0] + "\n"


def witness(name: str = "witness.example.org") -> Cosigner:
    seed = sha256(name.encode()).digest()
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return Cosigner(name, private.public_key().public_bytes_raw(), private.sign)


def test_a_line_says_who_cosigned_and_when_and_its_note_is_still_the_logs() -> None:
    line = witness().cosign(TEXT, AT)
    (found,) = cosignature.verify(NOTE + line, [witness().key])
    assert (found.witness, found.at, found.line) == (witness().key, AT, line)
    assert note.open_checkpoint(NOTE + line, [LOG.key], LOG.name).size == 1
    assert VerificationKey.parse(str(witness().key)) == witness().key


def test_the_line_is_that_of_the_specification() -> None:
    """Made by hand as c2sp.org/tlog-cosignature says it."""
    signed = f"cosignature/v1\ntime {int(AT.timestamp())}\n{TEXT}".encode()
    name, public = witness().name, witness().public
    key_id = sha256(name.encode() + b"\n\x04" + public).digest()[:4]
    value = key_id + int(AT.timestamp()).to_bytes(8, "big") + witness().sign(signed)
    expected = f"\N{EM DASH} {name} {note.encode_base64(value)}\n"
    assert witness().cosign(TEXT, AT + timedelta(milliseconds=900)) == expected


def test_lines_of_others_count_for_nothing_and_of_one_witness_one_does() -> None:
    lines = [witness(one).cosign(TEXT, AT) for one in ("b.example", "c.example", "a.example")]
    again = witness("b.example").cosign(TEXT, AT + timedelta(days=1))
    broken = witness("d.example").cosign("another text\n", AT)
    known = [witness(one).key for one in ("a.example", "b.example", "e.example")]
    found = cosignature.verify("".join([NOTE, *lines, again, broken]), known)
    assert [(one.witness.name, one.at) for one in found] == [("b.example", AT), ("a.example", AT)]


@each("at", range(3))
def test_a_line_that_a_known_witness_did_not_make_counts_for_nothing_and_is_named(at: int) -> None:
    wrong = (
        witness().cosign(TEXT.replace("\n1\n", "\n2\n"), AT),
        replace(witness(), sign=witness("another").sign).cosign(TEXT, AT),
        witness().cosign(TEXT, datetime(1970, 1, 1, tzinfo=UTC)),
    )[at]
    if at == 1:  # under the id of the right key
        name, key_id = witness().name, witness().key.key_id
        _, (line,) = note.split("a\n\n" + wrong)
        wrong = note.write_signature(replace(line, name=name, key_id=key_id))
    good = witness("b.example").cosign(TEXT, AT)
    known = [witness().key, witness("b.example").key]
    assert [one.line for one in cosignature.verify(NOTE + wrong + good, known)] == [good]
    assert cosignature.wrong(NOTE + wrong + good, known) == [witness().name]
    later = witness().cosign(TEXT, AT)
    assert len(cosignature.verify(NOTE + wrong + later, known)) == 1


def test_a_time_that_no_calendar_has_is_none() -> None:
    seconds = 1 << 60
    signed = f"cosignature/v1\ntime {seconds}\n{TEXT}".encode()
    value = seconds.to_bytes(8) + witness().sign(signed)
    line = note.write_signature(note.Signature(witness().name, witness().key.key_id, value))
    assert cosignature.verify(NOTE + line, [witness().key]) == []


def test_a_key_of_another_kind_cosigns_nothing() -> None:
    line = witness().cosign(TEXT, AT)
    assert cosignature.verify(NOTE + line, [LOG.key]) == []
