"""A tree grows from its right edge alone, with the roots and proofs that its tiles give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger import tiles, tree
from gateway.ledger.encoding import MAX_SIZE

LEAVES = [tree.leaf_hash(b"%d" % n) for n in range(700)]


@given(steps=st.lists(st.integers(0, 40) | st.sampled_from([255, 256, 257]), max_size=6))
def test_a_tree_that_grew_by_its_edge_is_the_tree_of_all_its_leaves(steps: list[int]) -> None:
    size, kept = 0, b""
    for count in steps:
        new = LEAVES[size : size + count]
        grown = tree.grow(kept, size, new)
        assert grown.size == size + len(new)
        assert grown.root == tree.root(LEAVES[: grown.size])
        stored, _ = tiles.append(lambda level, n: b"", 0, LEAVES[: grown.size])

        def read(level: int, n: int, stored: dict[tuple[int, int], bytes] = stored) -> bytes:
            return stored.get((level, n), b"")

        for index in range(size, grown.size):
            proof = tiles.inclusion_proof(read, index, grown.size)
            assert list(grown.inclusion_proof(index)) == proof
        size, kept = grown.size, grown.edge
        assert len(kept) == 32 * size.bit_count()


def test_the_edge_of_another_size_is_refused() -> None:
    kept = tree.grow(b"", 0, LEAVES[:3]).edge
    for size in (0, 2, 4, 7):
        with pytest.raises(ValueError, match="edge"):
            tree.grow(kept, size, LEAVES[:1])


def test_what_is_no_leaf_hash_or_outgrows_the_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        tree.grow(b"", 0, [b"short"])
    with pytest.raises(ValueError, match="size"):
        tree.grow(bytes(32 * 63), MAX_SIZE, LEAVES[:1])


def test_a_leaf_outside_of_what_was_appended_is_not_proved() -> None:
    kept = tree.grow(b"", 0, LEAVES[:5]).edge
    grown = tree.grow(kept, 5, LEAVES[5:7])
    for index in (-1, 7):
        with pytest.raises(ValueError, match="outside"):
            grown.inclusion_proof(index)
    with pytest.raises(KeyError):
        grown.inclusion_proof(0)
