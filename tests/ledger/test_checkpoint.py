from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger import note
from gateway.ledger.note import (
    Checkpoint,
    NoteError,
    NoteSigner,
    VerificationKey,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from gateway.ledger.tree import EMPTY_ROOT
from tests.each import each

VECTORS = Path(__file__).parents[1] / "vectors"
TLOG600_KEYS = [
    VerificationKey.parse(line)
    for line in (VECTORS / "tlog600" / "keys.txt").read_text().split("\n")
    if "+" in line
]
TESSERA_KEY = VerificationKey.parse(
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
)

ROOT = bytes(range(32))
ROOT64 = b64encode(ROOT).decode()
SIGNER = NoteSigner("log.example/one", Ed25519PrivateKey.from_private_bytes(bytes(32)))


TLOG600 = [
    *sorted((VECTORS / "tlog600" / "checkpoints").iterdir()),
    VECTORS / "tlog600/log/checkpoint",
]


@each("file", TLOG600)
def test_a_tlog600_checkpoint_is_opened_past_a_line_of_another_kind(file):
    size = 600 if file.name == "checkpoint" else int(file.name.removesuffix(".mldsa"))
    for keys in (TLOG600_KEYS, TLOG600_KEYS[:1]):
        checkpoint = open_checkpoint(file.read_bytes(), keys, "gw.example/audit/vectors")
        assert checkpoint.size == size
        assert file.read_text().startswith(checkpoint.text() + "\n\u2014 ")


@each("file", sorted((VECTORS / "tlog600" / "checkpoints").glob("*.mldsa")))
def test_a_key_that_is_not_checked_here_does_not_open_a_checkpoint(file):
    with pytest.raises(NoteError):
        open_checkpoint(file.read_bytes(), TLOG600_KEYS[1:], "gw.example/audit/vectors")


@each("file", sorted((VECTORS / "tessera-log15").glob("checkpoint.*")))
def test_a_tessera_checkpoint_is_opened(file):
    checkpoint = open_checkpoint(file.read_bytes(), [TESSERA_KEY], "example.com/log/testdata")
    assert checkpoint.size == int(file.suffix.removeprefix("."))
    assert file.read_text().startswith(checkpoint.text() + "\n\u2014 ")


def test_a_signed_checkpoint_is_read_back():
    checkpoint = Checkpoint("log.example/one", 42, ROOT)
    signed = sign_checkpoint(checkpoint, SIGNER)
    assert open_checkpoint(signed, [SIGNER.key], "log.example/one") == checkpoint
    assert sign_checkpoint(checkpoint, SIGNER) == signed


def test_a_checkpoint_of_another_log_is_refused_though_its_key_is_known():
    signed = sign_checkpoint(Checkpoint("log.example/one", 42, ROOT), SIGNER)
    with pytest.raises(NoteError):
        open_checkpoint(signed, [SIGNER.key], "log.example/two")


def test_a_known_key_that_is_not_the_logs_does_not_speak_for_the_log():
    other = NoteSigner("log.example/two", Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32))
    signed = note.sign(Checkpoint("log.example/one", 42, ROOT).text(), [other])
    with pytest.raises(NoteError):
        open_checkpoint(signed, [SIGNER.key, other.key], "log.example/one")


def test_a_key_never_signs_for_another_origin():
    with pytest.raises(NoteError):
        sign_checkpoint(Checkpoint("log.example/two", 42, ROOT), SIGNER)


def test_extension_lines_of_other_logs_are_passed_over_and_ours_has_none():
    text = f"log.example/one\n42\n{ROOT64}\nextension\nanother one\n"
    checkpoint = open_checkpoint(note.sign(text, [SIGNER]), [SIGNER.key], "log.example/one")
    assert checkpoint.text() == f"log.example/one\n42\n{ROOT64}\n"


@each(
    "text",
    [
        *("", "\n", "\n\n\n", f"o\n1\n{ROOT64}", f"\n1\n{ROOT64}\n", f"1\n{ROOT64}\n"),
        *(f"o\n{ROOT64}\n", f"o\n1\n{ROOT64}\n\n", f"o\n1\n\n{ROOT64}\n", f"o\n1\n{ROOT64}\n\nx\n"),
        *(f"o\n{size}\n{ROOT64}\n" for size in ("01", "+1", " 1", "1 ", "-1", "1_0", "１", "0x1")),
        *(f"o\n{size}\n{ROOT64}\n" for size in ("9223372036854775808", "1" * 30)),
        *(f"o\n1\r\n{ROOT64}\n", f"o\n1\n{ROOT64}\r\n", f"o\u2028\n1\u2028{ROOT64}\n"),
        *(f"o\n1\n{root}\n" for root in (ROOT64[:-1], ROOT64 + "=", ROOT64 + " ", ROOT64[:40])),
        f"o\n1\n{ROOT64.replace('+', '-').replace('/', '_').replace('Hh8=', 'Hh9=')}\n",
        f"o\n1\n{b64encode(bytes(31)).decode()}\n",
        f"o\n1\n{b64encode(bytes(33)).decode()}\n",
        f"o\x00\n1\n{ROOT64}\n",
        f"o\n0\n{ROOT64}\n",
        f"o\n1\n{ROOT64}\nan extension cut off",
    ],
)
def test_a_checkpoint_written_otherwise_is_refused(text):
    with pytest.raises(NoteError):
        parse_checkpoint(text)


@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1),
    st.integers(1, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
)
def test_every_checkpoint_is_read_back_from_its_text(origin, size, root):
    checkpoint = Checkpoint(origin, size, root)
    assert parse_checkpoint(checkpoint.text()) == checkpoint


@each(
    "origin, size, root",
    [
        *(("", 1, ROOT), ("two\nlines", 1, ROOT), ("o", -1, ROOT), ("o", 2**63, ROOT)),
        *(("o", 1, b""), ("o", 1, bytes(33)), ("o", 0, ROOT)),
    ],
)
def test_values_that_no_log_can_have_are_refused(origin, size, root):
    with pytest.raises(NoteError):
        Checkpoint(origin, size, root)


def test_an_empty_log_has_a_checkpoint():
    empty = Checkpoint("log.example/one", 0, EMPTY_ROOT)
    assert open_checkpoint(sign_checkpoint(empty, SIGNER), [SIGNER.key], empty.origin) == empty
