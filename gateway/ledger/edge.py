"""The right edge of a growing tree: enough to append leaves and to prove them, in a few hashes.

The edge of n leaves is the roots of the largest complete subtrees that n falls into, from left to
right: one hash for each binary digit 1 of n. Every left sibling on the way from a new leaf to the
new root is one of them, or was made by the leaves that came with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.ledger import tree
from gateway.ledger.encoding import MAX_SIZE

Nodes = Mapping[tuple[int, int], bytes]
"""Roots of complete subtrees by height and index: (h, i) holds leaves i*2**h to (i+1)*2**h - 1."""


@dataclass(frozen=True)
class Growth:
    """A tree of ``size`` leaves, as far as it is known from an edge and what was appended to it."""

    size: int
    nodes: Nodes

    @property
    def root(self) -> bytes:
        """The root of the tree (RFC 9162 section 2.1.1)."""
        return tree.root_of_edge(self._node, 0, self.size) if self.size else tree.EMPTY_ROOT

    @property
    def edge(self) -> bytes:
        """The tree's right edge, to be kept for the next `grow`."""
        return b"".join(self.nodes[place] for place in _places(self.size))

    def inclusion_proof(self, index: int) -> tuple[bytes, ...]:
        """The inclusion proof of an appended leaf (RFC 9162 section 2.1.3.1).

        Raises ValueError outside the tree, KeyError for a leaf that was there before.
        """
        if not 0 <= index < self.size:
            raise ValueError("the index lies outside the tree")
        return tuple(tree.path(self._node, 0, index, self.size))

    def _node(self, height: int, index: int) -> bytes:
        return self.nodes[height, index]


def grow(edge: bytes, size: int, leaves: Sequence[bytes]) -> Growth:
    """Append leaf hashes (32 bytes each) to a tree of ``size`` leaves, by its right edge.

    Raises ValueError when the edge is not one of this size, for hashes of another length, or for
    a tree that would outgrow 2**63-1.
    """
    if any(len(leaf) != tree.HASH_BYTES for leaf in leaves):
        raise ValueError("a leaf hash has exactly 32 bytes")
    if not 0 <= size <= MAX_SIZE - len(leaves):
        raise ValueError("the tree's size is out of range")
    places = _places(size)
    if len(edge) != len(places) * tree.HASH_BYTES:
        raise ValueError("the right edge is not that of a tree of this size")
    hashes = (edge[at : at + tree.HASH_BYTES] for at in range(0, len(edge), tree.HASH_BYTES))
    nodes = dict(zip(places, hashes, strict=True))
    for index, leaf in enumerate(leaves, size):
        height, node = 0, leaf
        nodes[height, index] = node
        while index & 1:
            node = tree.node_hash(nodes[height, index - 1], node)
            height, index = height + 1, index >> 1  # noqa: PLW2901 - from a leaf to its ancestors
            nodes[height, index] = node
    return Growth(size + len(leaves), nodes)


def _places(size: int) -> list[tuple[int, int]]:
    """Height and index of each subtree of the edge, from left to right."""
    heights = range(size.bit_length() - 1, -1, -1)
    return [(height, (size >> height) - 1) for height in heights if size >> height & 1]
