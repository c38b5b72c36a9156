from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger import note
from gateway.ledger.note import NoteError, NoteSigner, VerificationKey, key_id, open_note, sign
from tests.each import each

VECTORS = Path(__file__).parents[1] / "vectors"
VKEYS = (VECTORS / "tlog600" / "keys.txt").read_text().split("\n")
ED25519_VKEY, ML_DSA_VKEY = VKEYS[1], VKEYS[3]
TESSERA_VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"

TEXT = "log.example/one\n42\n"


def signer(name: str, seed: int) -> NoteSigner:
    return NoteSigner(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


ONE = signer("log.example/one", 1)
TWO = signer("witness.example", 2)


def line(name: str, data: bytes) -> str:
    return f"\u2014 {name} {b64encode(data).decode()}\n"


# --- keys


@each(
    "vkey, kind, length",
    [
        pytest.param(ED25519_VKEY, note.ED25519, 32, id="tlog600 Ed25519"),
        pytest.param(ML_DSA_VKEY, note.ML_DSA_44, 1312, id="tlog600 ML-DSA-44"),
        pytest.param(TESSERA_VKEY, note.ED25519, 32, id="tessera-log15"),
    ],
)
def test_a_published_key_is_read_and_written_back(vkey, kind, length):
    key = VerificationKey.parse(vkey)
    assert (key.kind, len(key.public)) == (kind, length)
    assert str(key) == vkey


def test_a_signers_key_is_published_in_the_form_that_verifiers_read():
    assert VerificationKey.parse(ONE.vkey) == ONE.key
    assert ONE.key.name == "log.example/one"
    assert repr(ONE).count("private") == 0


def test_a_witness_key_may_be_spelled_with_either_ed25519_kind_and_has_two_ids():
    public = TWO.key.public
    spelled = [
        VerificationKey("witness.example", key_id("witness.example", kind, public), kind, public)
        for kind in (note.ED25519, note.COSIGNATURE)
    ]
    assert [VerificationKey.parse(str(key)) for key in spelled] == spelled
    assert spelled[0].key_id != spelled[1].key_id


def test_an_ecdsa_key_has_the_id_of_its_spki_alone():
    public = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = VerificationKey("log.example", key_id("any name", note.ECDSA, spki), note.ECDSA, spki)
    assert VerificationKey.parse(str(key)) == key


def vkey_of(name: str, kind: int, public: bytes) -> str:
    material = b64encode(bytes([kind]) + public).decode()
    return f"{name}+{key_id(name, kind, public).hex()}+{material}"


@each(
    "vkey",
    [
        "",
        "log.example",
        "log.example+00000000",
        "+".join(["log.example", "00000000", ""]),
        ED25519_VKEY.replace("fb0ef636", "fb0ef637"),
        ED25519_VKEY.replace("fb0ef636", "FB0EF636"),
        ED25519_VKEY.replace("fb0ef636", "fb0e f636"),
        ED25519_VKEY.replace("vectors", "vector"),
        ED25519_VKEY + "\n",
        ED25519_VKEY + "=",
        ED25519_VKEY[:-4],
        ED25519_VKEY.replace("+", "-"),
        vkey_of("", note.ED25519, bytes(32)),
        vkey_of("two words", note.ED25519, bytes(32)),
        vkey_of("no\u00a0break", note.ED25519, bytes(32)),
        vkey_of("line\u2028break", note.ED25519, bytes(32)),
        vkey_of("bell\x07", note.ED25519, bytes(32)),
        vkey_of("log.example", note.ED25519, bytes(31)),
        vkey_of("log.example", note.COSIGNATURE, bytes(33)),
        vkey_of("log.example", note.ML_DSA_44, bytes(1311)),
        vkey_of("log.example", note.PRIVATE, b""),
        vkey_of("log.example", 0x00, bytes(32)),
        vkey_of("log.example", 0x03, bytes(32)),
        vkey_of("log.example", 0xFA, bytes(32)),
    ],
)
def test_a_key_that_the_format_does_not_allow_is_refused(vkey):
    with pytest.raises(NoteError):
        VerificationKey.parse(vkey)


@each("size", [0, 3, 5])
def test_a_key_id_of_another_length_is_refused(size):
    with pytest.raises(NoteError, match="4 bytes"):
        VerificationKey("log.example", bytes(size), note.PRIVATE, b"key")


# --- opening


def test_a_signed_text_is_read_back_with_who_signed_it():
    opened = open_note(sign(TEXT, [ONE, TWO]), [TWO.key, ONE.key])
    assert opened.text == TEXT
    assert [signature.name for signature in opened.signatures] == [ONE.name, TWO.name]
    assert open_note(sign(TEXT, [ONE]).encode(), [ONE.key]).text == TEXT


def test_lines_of_unknown_keys_are_ignored_wherever_they_stand():
    signed = sign(TEXT, [TWO, ONE])
    assert [s.name for s in open_note(signed, [ONE.key]).signatures] == [ONE.name]
    assert [s.name for s in open_note(signed, [TWO.key]).signatures] == [TWO.name]
    strange = signed + line("elsewhere.example", bytes(9)) + line(ONE.name, bytes(99))
    assert [s.name for s in open_note(strange, [ONE.key]).signatures] == [ONE.name]


def test_a_line_with_a_known_name_or_id_but_not_both_is_ignored():
    signed = sign(TEXT, [ONE])
    signed += line(TWO.name, ONE.key.key_id + bytes(64)) + line(
        ONE.name, TWO.key.key_id + bytes(64)
    )
    assert len(open_note(signed, [ONE.key, TWO.key]).signatures) == 1


def test_a_known_key_with_a_wrong_signature_condemns_the_whole_note():
    signed = sign(TEXT, [ONE]) + line(TWO.name, TWO.key.key_id + bytes(64))
    assert open_note(signed, [ONE.key]).text == TEXT
    with pytest.raises(NoteError, match=r"witness\.example is wrong"):
        open_note(signed, [ONE.key, TWO.key])


@each("length", [1, 63, 65, 96])
def test_a_known_key_with_a_signature_of_another_length_condemns_the_note(length):
    signed = sign(TEXT, [ONE]) + line(ONE.name, ONE.key.key_id + bytes(length))
    with pytest.raises(NoteError):
        open_note(signed, [ONE.key])


def test_a_note_that_no_known_key_has_signed_is_refused():
    for keys in ([], [TWO.key], [signer(ONE.name, 3).key]):
        with pytest.raises(NoteError):
            open_note(sign(TEXT, [ONE]), keys)


def test_a_key_of_another_kind_neither_counts_nor_condemns():
    public = TWO.key.public
    witness = VerificationKey(
        TWO.name, key_id(TWO.name, note.COSIGNATURE, public), note.COSIGNATURE, public
    )
    signed = sign(TEXT, [ONE]) + line(TWO.name, witness.key_id + bytes(72))
    assert [s.name for s in open_note(signed, [ONE.key, witness]).signatures] == [ONE.name]
    with pytest.raises(NoteError):
        open_note(signed, [witness])


def test_a_line_written_twice_counts_once():
    signed = sign(TEXT, [ONE])
    signed += signed.rpartition("\n\n")[2]
    assert len(open_note(signed, [ONE.key, ONE.key]).signatures) == 1


def test_a_stripped_signature_is_only_missed_by_who_asks_for_it():
    stripped = "".join(sign(TEXT, [ONE, TWO]).splitlines(keepends=True)[:-1])
    assert [s.name for s in open_note(stripped, [ONE.key, TWO.key]).signatures] == [ONE.name]


def test_two_keys_under_one_name_and_id_are_refused() -> None:
    # A true collision takes 2**32 tries: this one is made past the constructor's check.
    clash = object.__new__(VerificationKey)
    for field, value in vars(TWO.key).items():
        object.__setattr__(clash, field, value)
    object.__setattr__(clash, "public", bytes(32))
    with pytest.raises(NoteError, match="share"):
        open_note(sign(TEXT, [ONE]), [ONE.key, TWO.key, clash])


def test_the_last_empty_line_parts_the_text_from_the_signatures():
    text = f"first\n\n{line(TWO.name, TWO.key.key_id + bytes(64))}\n\nlast\n\n"
    assert open_note(sign(text, [ONE]), [ONE.key, TWO.key]).text == text


def test_line_separators_of_other_worlds_are_part_of_a_line():
    text = "a\u2028b\u0085c\u00a0d\n"
    assert open_note(sign(text, [ONE]), [ONE.key]).text == text


def test_sixteen_post_quantum_lines_are_room_for_the_verifier():
    signed = sign(TEXT, [ONE])
    signed += "".join(line(f"w{n}.example", bytes(4 + 8 + 2420)) for n in range(16))
    assert open_note(signed, [ONE.key]).text == TEXT


def test_a_note_over_64_kib_is_refused_and_never_signed():
    filler = "x" * (64 * 1024 - len(sign("\n", [ONE]).encode())) + "\n"
    longest = sign(filler, [ONE])
    assert open_note(longest, [ONE.key]).text == filler
    with pytest.raises(NoteError):
        sign("x" + filler, [ONE])
    with pytest.raises(NoteError):
        open_note("x" + longest, [ONE.key])


SIGNED = sign(TEXT, [ONE])
SIGNATURE = SIGNED.rpartition(" ")[2]


@each(
    "spoiled",
    [
        pytest.param("", id="nothing"),
        pytest.param(TEXT, id="no signature"),
        pytest.param(TEXT + "\n", id="no line after the empty line"),
        pytest.param(SIGNED[:-1], id="no final newline"),
        pytest.param(SIGNED + "\n", id="an empty line at the end"),
        pytest.param(SIGNED.replace("\n\n", "\n"), id="no empty line"),
        pytest.param(SIGNED.replace("\n", "\r\n"), id="carriage returns"),
        pytest.param(SIGNED.replace("\n\n", "\n\r\n"), id="a carriage return between"),
        pytest.param(SIGNED.replace("\u2014", "-"), id="a hyphen for the dash"),
        pytest.param(SIGNED.replace("\u2014 ", "\u2014"), id="no space after the dash"),
        pytest.param(SIGNED.replace("\u2014 ", "\u2014  "), id="two spaces after the dash"),
        pytest.param(SIGNED.replace(SIGNATURE, " " + SIGNATURE), id="two spaces after the name"),
        pytest.param(SIGNED.replace(SIGNATURE, ""), id="no signature in the line"),
        pytest.param(SIGNED[:-1] + " \n", id="a space after the signature"),
        pytest.param(SIGNED[:-2] + "\n", id="padding cut"),
        pytest.param(SIGNED + "remark\n", id="another line after"),
        pytest.param(SIGNED + line("a", bytes(9))[2:], id="an unknown line without a dash"),
        pytest.param(SIGNED + line("a+b", bytes(9)), id="an unknown name with a plus"),
        pytest.param(SIGNED + line("a\u00a0b", bytes(9)), id="an unknown name with a hard space"),
        pytest.param(SIGNED + line("a", bytes(4)), id="an unknown line without signature"),
        pytest.param(SIGNED + line("a", bytes(9)).replace("A", "*", 1), id="junk for base64"),
        pytest.param(SIGNED + line("a", bytes(7)).replace("A==", "B=="), id="stray base64 bits"),
        pytest.param(SIGNED.replace("42", "4\t2"), id="a tab"),
        pytest.param(SIGNED.replace("42", "4\x002"), id="a zero character"),
        pytest.param(SIGNED.replace("42", "43"), id="another text"),
        pytest.param(SIGNED.encode() + b"\xff", id="not UTF-8"),
        pytest.param(SIGNED.encode("utf-16"), id="UTF-16"),
        pytest.param(SIGNED.replace("42", "\ud800"), id="half a character"),
    ],
)
def test_a_spoiled_note_is_refused(spoiled):
    assert spoiled != SIGNED
    with pytest.raises(NoteError):
        open_note(spoiled, [ONE.key])


@given(st.integers(0, 8 * len(SIGNED.encode()) - 1))
def test_any_changed_bit_is_refused(bit):
    data = bytearray(SIGNED.encode())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NoteError):
        open_note(bytes(data), [ONE.key])


# --- signing


@each("text", ["", "no newline", "carriage\r\n", "tab\t\n"])
def test_a_text_that_no_verifier_would_accept_is_not_signed(text):
    with pytest.raises(NoteError):
        sign(text, [ONE])


def test_a_note_without_signers_is_not_made():
    with pytest.raises(NoteError, match="signer"):
        sign(TEXT, [])


@each("name", ["", "two words", "plus+sign", "tab\t", "hard\u00a0space", "\n"])
def test_a_signer_has_a_name_that_fits_the_line(name):
    with pytest.raises(NoteError, match="name"):
        signer(name, 1)
