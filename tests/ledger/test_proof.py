import json
from base64 import b64decode, b64encode
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger import note, tiles, tree
from gateway.ledger.note import Checkpoint, NoteError, NoteSigner, VerificationKey, sign_checkpoint
from gateway.ledger.proof import MAX_PROOF_BYTES, TlogProof, encode, parse, verify
from gateway.ledger.tree import ProofError
from tests.each import each

VECTORS = Path(__file__).parents[1] / "vectors"
TLOG600 = VECTORS / "tlog600"
TLOG600_ORIGIN = "gw.example/audit/vectors"
TLOG600_KEYS = [VerificationKey.parse((TLOG600 / "keys.txt").read_text().split("\n")[1])]
GOOD = (TLOG600 / "proofs" / "511-of-600.tlog-proof").read_bytes()
LEAF = (TLOG600 / "proofs" / "511-of-600.leaf").read_bytes()

ORIGIN = "log.example/one"
SIGNER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
ENTRIES = [str(number).encode() for number in range(300)]
hashes = st.binary(min_size=32, max_size=32)


@cache
def proof_of(index: int, size: int) -> TlogProof:
    """A proof as the gateway makes it: from tiles, with a freshly signed checkpoint."""
    changed, root = tiles.append(lambda _level, _n: b"", 0, [*map(tree.leaf_hash, ENTRIES[:size])])
    path = tiles.inclusion_proof(lambda level, n: changed[level, n], index, size)
    return TlogProof(index, tuple(path), sign_checkpoint(Checkpoint(ORIGIN, size, root), SIGNER))


# --- vectors


@each("file", sorted((TLOG600 / "proofs").glob("*.tlog-proof")))
def test_a_tlog600_proof_verifies_with_its_leaf_alone(file):
    index, size = (int(number) for number in file.stem.split("-of-"))
    entry = file.with_suffix(".leaf").read_bytes()
    proof = parse(file.read_bytes())
    assert proof.index == index
    assert verify(proof, entry, TLOG600_ORIGIN, TLOG600_KEYS).size == size
    assert encode(proof).encode() == file.read_bytes()
    with pytest.raises(ProofError):
        verify(proof, entry + b" ", TLOG600_ORIGIN, TLOG600_KEYS)


@each("file", sorted((TLOG600 / "bad").iterdir()))
def test_a_spoiled_tlog600_proof_is_refused(file):
    assert verify(parse(GOOD), LEAF, TLOG600_ORIGIN, TLOG600_KEYS).size == 600
    with pytest.raises((ProofError, NoteError)):
        verify(parse(file.read_bytes()), LEAF, TLOG600_ORIGIN, TLOG600_KEYS)


REKOR = sorted(path for path in (VECTORS / "rekor2-bundles").iterdir() if path.is_dir())
REKOR_REFUSED = ("rekor2-checkpoint-missing", "rekor2-no-inclusion-proof")


def rekor_proof(bundle: Path) -> tuple[TlogProof, bytes, VerificationKey]:
    """The tlog part of a Sigstore bundle, and the key of its log from the trusted root."""
    content = json.loads((bundle / "bundle.sigstore.json").read_text())
    entry = content["verificationMaterial"]["tlogEntries"][0]
    inclusion = entry.get("inclusionProof", {"hashes": [], "checkpoint": {"envelope": ""}})
    proof = TlogProof(
        int(entry["logIndex"]),
        tuple(b64decode(value) for value in inclusion["hashes"]),
        inclusion["checkpoint"]["envelope"],
    )
    logs = json.loads((bundle / "trusted_root.json").read_text())["tlogs"]
    log = next(log for log in logs if log["publicKey"]["keyDetails"] == "PKIX_ED25519")
    name = log["baseUrl"].removeprefix("https://")
    public = b64decode(log["publicKey"]["rawBytes"])[-32:]
    key = VerificationKey(name, note.key_id(name, note.ED25519, public), note.ED25519, public)
    assert b64decode(log["logId"]["keyId"]).startswith(key.key_id)
    return proof, b64decode(entry["canonicalizedBody"]), key


@each("bundle", REKOR)
def test_a_rekor_bundles_checkpoint_and_inclusion_verify_or_are_refused_as_marked(bundle):
    proof, entry, key = rekor_proof(bundle)
    if bundle.name.startswith(REKOR_REFUSED):
        with pytest.raises((ProofError, NoteError)):
            verify(proof, entry, key.name, [key])
    else:
        assert verify(proof, entry, key.name, [key]).size > proof.index
        with pytest.raises(ProofError):
            verify(proof, entry[:-1], key.name, [key])


# --- what a proof proves


@given(st.integers(1, 300), st.data())
def test_a_proof_made_here_verifies_and_survives_its_file(size, data):
    index = data.draw(st.integers(0, size - 1))
    proof = proof_of(index, size)
    assert parse(encode(proof)) == proof
    assert parse(encode(proof).encode()) == proof
    checkpoint = verify(proof, ENTRIES[index], ORIGIN, [SIGNER.key])
    assert (checkpoint.origin, checkpoint.size) == (ORIGIN, size)


@given(st.integers(2, 300), st.data())
def test_a_proof_for_another_entry_or_index_is_refused(size, data):
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index))
    proof = proof_of(index, size)
    with pytest.raises(ProofError):
        verify(proof, ENTRIES[other], ORIGIN, [SIGNER.key])
    moved = TlogProof(other, proof.hashes, proof.checkpoint_note)
    with pytest.raises(ProofError):
        verify(moved, ENTRIES[index], ORIGIN, [SIGNER.key])


def test_the_entry_that_the_caller_rebuilt_counts_and_never_the_proofs_own_copy():
    proof = proof_of(3, 10)
    swapped = TlogProof(3, proof.hashes, proof.checkpoint_note, extra=ENTRIES[3])
    with pytest.raises(ProofError):
        verify(swapped, b"another document", ORIGIN, [SIGNER.key])


def test_the_size_is_bound_by_the_signature_because_the_path_alone_may_fit_two():
    proof = proof_of(0, 3)
    root = tree.root([*map(tree.leaf_hash, ENTRIES[:3])])
    tree.verify_inclusion(tree.leaf_hash(ENTRIES[0]), 0, 4, proof.hashes, root)
    claimed = proof.checkpoint_note.replace("\n3\n", "\n4\n")
    with pytest.raises(NoteError, match="wrong"):
        verify(TlogProof(0, proof.hashes, claimed), ENTRIES[0], ORIGIN, [SIGNER.key])


def test_every_changed_bit_of_a_file_is_refused():
    data = encode(proof_of(1, 2)).encode()
    for bit in range(8 * len(data)):
        spoiled = bytearray(data)
        spoiled[bit // 8] ^= 1 << bit % 8
        with pytest.raises((ProofError, NoteError)):
            verify(parse(bytes(spoiled)), ENTRIES[1], ORIGIN, [SIGNER.key])


def test_a_changed_bit_of_a_long_path_is_refused_in_index_and_hashes():
    for at in range(10):
        for bit in (0, 100, 255):
            path = list(parse(GOOD).hashes)
            path[at] = (int.from_bytes(path[at], "big") ^ 1 << bit).to_bytes(32, "big")
            with pytest.raises(ProofError):
                verify(
                    TlogProof(511, tuple(path), parse(GOOD).checkpoint_note),
                    LEAF,
                    TLOG600_ORIGIN,
                    TLOG600_KEYS,
                )


def test_a_file_may_differ_and_prove_the_same_so_that_it_identifies_nothing():
    proof = proof_of(3, 10)
    witness = NoteSigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32))
    line = note.sign("elsewhere\n", [witness]).rpartition("\n\n")[2]
    other = TlogProof(3, proof.hashes, proof.checkpoint_note + line, extra=b"a remark")
    assert encode(other) != encode(proof)
    assert verify(parse(encode(other)), ENTRIES[3], ORIGIN, [SIGNER.key]) == verify(
        proof, ENTRIES[3], ORIGIN, [SIGNER.key]
    )


@each("origin", ["log.example/two", "log.example/on", "", "log.example/one\n"])
def test_a_proof_of_another_log_is_refused(origin):
    with pytest.raises(NoteError):
        verify(proof_of(3, 10), ENTRIES[3], origin, [SIGNER.key])


def test_a_proof_under_an_unknown_key_is_refused():
    stranger = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32))
    for keys in ([], [stranger.key]):
        with pytest.raises(NoteError):
            verify(proof_of(3, 10), ENTRIES[3], ORIGIN, keys)


# --- the file


@given(
    st.integers(0, 2**63 - 1),
    st.lists(hashes, max_size=63).map(tuple),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    st.none() | st.binary(min_size=1, max_size=50),
)
def test_every_proof_is_read_back_from_its_file(index, path, checkpoint_note, extra):
    proof = TlogProof(index, path, checkpoint_note, extra)
    assert parse(encode(proof)) == proof


MAGIC = "c2sp.org/tlog-proof@v1\n"
HASH = b64encode(bytes(range(32))).decode()
TAIL = proof_of(3, 10).checkpoint_note


@each(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(MAGIC, id="nothing after the first line"),
        pytest.param(f"{MAGIC}\n{TAIL}", id="no index"),
        pytest.param(
            f"{MAGIC}index 3\n{HASH}\n{TAIL.replace(chr(10) * 2, chr(10))}", id="no empty line"
        ),
        pytest.param(f" {MAGIC}index 3\n\n{TAIL}", id="a space before the first line"),
        pytest.param(f"\ufeff{MAGIC}index 3\n\n{TAIL}", id="a byte order mark"),
        pytest.param(f"{MAGIC}Index 3\n\n{TAIL}", id="a capital letter"),
        pytest.param(f"{MAGIC}index  3\n\n{TAIL}", id="two spaces"),
        pytest.param(f"{MAGIC}index\t3\n\n{TAIL}", id="a tab"),
        pytest.param(f"{MAGIC}index +3\n\n{TAIL}", id="a sign"),
        pytest.param(f"{MAGIC}index 03\n\n{TAIL}", id="a leading zero"),
        pytest.param(f"{MAGIC}index 3 \n\n{TAIL}", id="a space after the index"),
        pytest.param(f"{MAGIC}index ３\n\n{TAIL}", id="a digit of another script"),
        pytest.param(f"{MAGIC}index 1_0\n\n{TAIL}", id="an underscore"),
        pytest.param(f"{MAGIC}index -1\n\n{TAIL}", id="a negative index"),
        pytest.param(f"{MAGIC}index {2**63}\n\n{TAIL}", id="an index past the largest"),
        pytest.param(f"{MAGIC}index 3\nextra QQ==\n\n{TAIL}", id="extra after the index"),
        pytest.param(f"{MAGIC}extra QQ==\nextra QQ==\nindex 3\n\n{TAIL}", id="extra twice"),
        pytest.param(f"{MAGIC}extra \nindex 3\n\n{TAIL}", id="an empty extra"),
        pytest.param(f"{MAGIC}extra QR==\nindex 3\n\n{TAIL}", id="stray bits in extra"),
        pytest.param(f"{MAGIC}extra Q\nindex 3\n\n{TAIL}", id="junk in extra"),
        pytest.param(f"{MAGIC}index 3\nindex 3\n\n{TAIL}", id="the index twice"),
        pytest.param(f"{MAGIC}index 3\n{HASH[:-1]}\n\n{TAIL}", id="no padding"),
        pytest.param(f"{MAGIC}index 3\n{HASH[:-2]}9=\n\n{TAIL}", id="stray bits in a hash"),
        pytest.param(f"{MAGIC}index 3\n{HASH} \n\n{TAIL}", id="a space after a hash"),
        pytest.param(f"{MAGIC}index 3\n{HASH}\u2028{HASH}\n\n{TAIL}", id="a line separator"),
        pytest.param(f"{MAGIC}index 3\n{b64encode(bytes(31)).decode()}\n\n{TAIL}", id="31 bytes"),
        pytest.param(f"{MAGIC}index 3\n" + f"{HASH}\n" * 64 + f"\n{TAIL}", id="64 hashes"),
        pytest.param(f"{MAGIC}index 3\n\ud800\n{TAIL}", id="half a character"),
        pytest.param(f"{MAGIC}index 3\n\n".encode() + b"\xff", id="not UTF-8"),
        pytest.param(f"{MAGIC}index 3\n\n" + "x" * MAX_PROOF_BYTES, id="too long"),
    ],
)
def test_a_proof_written_otherwise_is_refused(text):
    with pytest.raises(ProofError):
        parse(text)


@each(
    "index, path, extra",
    [
        (-1, (), None),
        (2**63, (), None),
        (0, (b"",), None),
        (0, (bytes(32),) * 64, None),
        (0, (), b""),
    ],
)
def test_values_that_no_proof_can_have_are_refused(index, path, extra):
    with pytest.raises(ProofError):
        TlogProof(index, path, TAIL, extra)


def test_a_proof_too_long_to_be_read_is_not_written():
    with pytest.raises(ProofError):
        encode(TlogProof(0, (), TAIL, extra=bytes(MAX_PROOF_BYTES)))


def test_a_tree_of_one_leaf_has_an_empty_path():
    proof = proof_of(0, 1)
    assert proof.hashes == ()
    assert verify(parse(encode(proof)), ENTRIES[0], ORIGIN, [SIGNER.key]).size == 1
