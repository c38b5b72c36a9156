"""RFC 6962 trees: hashes, proofs and their verification, and growth from the right edge."""

import json
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger import tiles, tree
from gateway.ledger.tree import (
    EMPTY_ROOT,
    MAX_SIZE,
    ProofError,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from tests.each import each
from tests.ledger import rfc6962

VECTORS = Path(__file__).parents[1] / "vectors" / "merkle-proofs"

LEAVES = rfc6962.leaves(300)
sizes = st.integers(1, len(LEAVES))
bits_of_a_hash = st.integers(0, 8 * 32 - 1)


def vectors(kind: str) -> list[object]:
    files = sorted((VECTORS / kind).rglob("*.json"))
    assert files
    return files


def flip(value: bytes, bit: int) -> bytes:
    return (int.from_bytes(value, "big") ^ 1 << bit).to_bytes(len(value), "big")


@each("file", vectors("inclusion"))
def test_an_inclusion_vector_passes_or_is_refused_as_marked(file):
    vector = json.loads(file.read_text())
    arguments = (
        b64decode(vector["leafHash"]),
        vector["leafIdx"],
        vector["treeSize"],
        [b64decode(value) for value in vector["proof"] or []],
        b64decode(vector["root"]),
    )
    if vector["wantErr"]:
        with pytest.raises(ProofError):
            verify_inclusion(*arguments)
    else:
        verify_inclusion(*arguments)


@each("file", vectors("consistency"))
def test_a_consistency_vector_passes_or_is_refused_as_marked(file):
    vector = json.loads(file.read_text())
    arguments = (
        vector["size1"],
        b64decode(vector["root1"]),
        vector["size2"],
        b64decode(vector["root2"]),
        [b64decode(value) for value in vector["proof"] or []],
    )
    if vector["wantErr"]:
        with pytest.raises(ProofError):
            verify_consistency(*arguments)
    else:
        verify_consistency(*arguments)


def test_the_empty_tree_has_the_hash_of_nothing_as_its_root():
    assert root([]) == EMPTY_ROOT
    assert b64decode("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=") == EMPTY_ROOT


def test_leaves_and_nodes_are_hashed_in_separate_domains():
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)
    assert leaf_hash(b"0") == LEAVES[0]


@each("size", [*range(1, 35), 63, 64, 65, 255, 256, 257, 300])
def test_the_root_is_that_of_the_recursive_definition(size):
    assert root(LEAVES[:size]) == rfc6962.mth(LEAVES[:size])


@given(sizes, st.data())
def test_an_exact_inclusion_proof_is_accepted_and_any_changed_bit_is_refused(size, data):
    index = data.draw(st.integers(0, size - 1))
    path, expected = rfc6962.path(index, LEAVES[:size]), root(LEAVES[:size])
    verify_inclusion(LEAVES[index], index, size, path, expected)

    bit = data.draw(bits_of_a_hash)
    spoiled = [
        (flip(LEAVES[index], bit), index, path, expected),
        (LEAVES[index], index ^ 1 << bit % 10, path, expected),
        (LEAVES[index], index, path, flip(expected, bit)),
        (LEAVES[index], index, path[:-1], expected) if path else (LEAVES[1], 0, [], expected),
        (LEAVES[index], index, [*path, LEAVES[0]], expected),
    ]
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        changed = [*path[:at], flip(path[at], bit), *path[at + 1 :]]
        spoiled.append((LEAVES[index], index, changed, expected))
    for leaf, number, proof, claimed in spoiled:
        with pytest.raises(ProofError):
            verify_inclusion(leaf, number, size, proof, claimed)


def nodes_of(size: int) -> dict[tuple[int, int], bytes]:
    """The roots of all complete subtrees of so many leaves."""
    return {
        (height, n): root(LEAVES[n << height : (n + 1) << height])
        for height in range(size.bit_length())
        for n in range(size >> height)
    }


def test_the_consistency_proof_of_every_pair_is_that_of_the_recursive_definition():
    for size in range(1, 65):
        nodes = nodes_of(size)
        for old in range(1, size + 1):
            proof = tree.consistency(nodes, old, size)
            assert proof == rfc6962.consistency(old, LEAVES[:size])
            verify_consistency(old, root(LEAVES[:old]), size, root(LEAVES[:size]), proof)


@given(sizes, st.data())
def test_an_exact_consistency_proof_is_accepted_and_any_changed_bit_is_refused(size, data):
    old, bit = data.draw(st.integers(1, size)), data.draw(bits_of_a_hash)
    proof = rfc6962.consistency(old, LEAVES[:size])
    begun, grown = root(LEAVES[:old]), root(LEAVES[:size])
    verify_consistency(old, begun, size, grown, proof)

    # With another size one proof may fit both, where the two trees have one form.
    spoiled = [
        (flip(begun, bit), grown, proof),
        (begun, flip(grown, bit), proof),
        (begun, grown, [*proof, LEAVES[0]]),
        (begun, grown, [LEAVES[0], *proof]),
        *([(begun, grown, proof[1:]), (begun, grown, proof[:-1])] if proof else []),
        *([(grown, begun, proof)] if old < size else []),
    ]
    for at in range(len(proof)):
        spoiled.append((begun, grown, [*proof[:at], flip(proof[at], bit), *proof[at + 1 :]]))
    for first, second, given_proof in spoiled:
        with pytest.raises(ProofError):
            verify_consistency(old, first, size, second, given_proof)


@each("old, size", [(0, 3), (4, 3), (-1, 3), (0, 0)])
def test_a_larger_or_an_empty_tree_is_shown_to_be_no_beginning(old, size):
    assert tree.consistency({}, old, size) == []
    with pytest.raises(ProofError, match="beginning"):
        verify_consistency(old, LEAVES[0], size, LEAVES[0], [])


@each("index, size", [(-1, 3), (3, 3), (4, 3), (0, 0), (0, -1), (-1, 0)])
def test_an_index_outside_the_tree_is_refused(index, size):
    with pytest.raises(ProofError, match="outside"):
        verify_inclusion(LEAVES[0], index, size, [], LEAVES[0])


def test_hashes_left_over_after_the_root_are_named():
    with pytest.raises(ProofError):
        verify_inclusion(LEAVES[0], 0, 2, [LEAVES[1], LEAVES[2]], root(LEAVES[:2]))


@each("value", [b"", bytes(31), bytes(33), bytes(64)])
def test_a_hash_of_another_length_is_refused_wherever_it_stands(value):
    path, expected = [LEAVES[1]], root(LEAVES[:2])
    for leaf, proof, claimed in [
        (value, path, expected),
        (LEAVES[0], [value], expected),
        (LEAVES[0], path, value),
    ]:
        with pytest.raises(ProofError, match="32 bytes"):
            verify_inclusion(leaf, 0, 2, proof, claimed)


# --- A tree grows from its right edge alone, with the roots and proofs that its tiles give ---


EDGE_LEAVES = [tree.leaf_hash(b"%d" % n) for n in range(700)]


@given(steps=st.lists(st.integers(0, 40) | st.sampled_from([255, 256, 257]), max_size=6))
def test_a_tree_that_grew_by_its_edge_is_the_tree_of_all_its_leaves(steps):
    size, kept = 0, b""
    for count in steps:
        new = EDGE_LEAVES[size : size + count]
        grown = tree.grow(kept, size, new)
        assert grown.size == size + len(new)
        assert grown.root == tree.root(EDGE_LEAVES[: grown.size])
        stored, _ = tiles.append(lambda level, n: b"", 0, EDGE_LEAVES[: grown.size])

        def read(level: int, n: int, stored: dict[tuple[int, int], bytes] = stored) -> bytes:
            return stored.get((level, n), b"")

        for index in range(size, grown.size):
            proof = tiles.inclusion_proof(read, index, grown.size)
            assert list(grown.inclusion_proof(index)) == proof
        size, kept = grown.size, grown.edge
        assert len(kept) == 32 * size.bit_count()


def test_the_edge_of_another_size_is_refused():
    kept = tree.grow(b"", 0, EDGE_LEAVES[:3]).edge
    for size in (0, 2, 4, 7):
        with pytest.raises(ValueError, match="edge"):
            tree.grow(kept, size, EDGE_LEAVES[:1])


def test_what_is_no_leaf_hash_or_outgrows_the_tree_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        tree.grow(b"", 0, [b"short"])
    with pytest.raises(ValueError, match="size"):
        tree.grow(bytes(32 * 63), MAX_SIZE, EDGE_LEAVES[:1])


def test_a_leaf_outside_of_what_was_appended_is_not_proved():
    kept = tree.grow(b"", 0, EDGE_LEAVES[:5]).edge
    grown = tree.grow(kept, 5, EDGE_LEAVES[5:7])
    for index in (-1, 7):
        with pytest.raises(ValueError, match="outside"):
            grown.inclusion_proof(index)
    with pytest.raises(KeyError):
        grown.inclusion_proof(0)
