"""RFC 6962 Merkle trees over SHA-256: hashes, roots, the checks of proofs, the right edge.

Indices start at 0. A proof starts with the sibling nearest to the leaf and ends with a child of
the root. A bare proof binds leaf, index and root; the signature over size and root binds the size.
A consistency proof shows that one tree is the beginning of another.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

# Sizes and indices fit a signed 64-bit integer: what databases and other implementations hold.
MAX_SIZE = 2**63 - 1

NONCE_BYTES = 32
# Documents are small by design; the limit keeps hashing and storing under the log's lock short.
MAX_DOCUMENT_BYTES = 16 * 1024

_VERSION = b"\x01"
_DOMAIN = b"casegate-entry-v1\n"

HASH_BYTES = 32
EMPTY_ROOT: bytes = sha256().digest()

Nodes = Mapping[tuple[int, int], bytes]
"""Roots of complete subtrees by height and index: (h, i) holds leaves i*2**h to (i+1)*2**h - 1."""


class ProofError(ValueError):
    """A proof does not show what it is presented for."""


def entry_commitment(document: bytes, nonce: bytes) -> bytes:
    """Return 0x01 || SHA-256("casegate-entry-v1\\n" || nonce || document), 33 bytes.

    The entry of a document: it stays public and reveals nothing about the document, which the nonce
    keeps from being guessed. After both are erased, the entry and all proofs remain valid.
    `document` is hashed as stored, byte for byte, never serialised again. Raises ValueError when
    it is longer than 16 KiB or when `nonce` is not exactly 32 bytes.
    """
    if len(nonce) != NONCE_BYTES:
        raise ValueError("a nonce has exactly 32 bytes")
    if len(document) > MAX_DOCUMENT_BYTES:
        raise ValueError("the document is longer than 16 KiB")
    return _VERSION + sha256(_DOMAIN + nonce + document).digest()


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry into a leaf (RFC 9162 section 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children into their parent (RFC 9162 section 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def path(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """Siblings on the way from leaf `index` to the root of `size` leaves: an inclusion proof."""
    heights = range((size - 1).bit_length())
    return [one for height in heights for one in sibling(nodes, height, index >> height, size)]


def sibling(nodes: Nodes, height: int, index: int, size: int) -> tuple[bytes, ...]:
    """The root beside that of the subtree (height, index); none where the last one rises alone.

    Both may be incomplete: one of them then holds the last of the `size` leaves.
    """
    start = (index ^ 1) << height
    if start + (1 << height) <= size:
        return (nodes[height, index ^ 1],)
    return (root_of_edge(nodes, start, size),) if start < size else ()


def consistency(nodes: Nodes, old: int, size: int) -> list[bytes]:
    """The consistency proof from the first ``old`` leaves to ``size`` (RFC 9162 section 2.1.4.1).

    Nothing has to be shown of an empty tree, nor of the same one.
    """
    if not 0 < old < size:
        return []
    height = (old & -old).bit_length() - 1  # of the largest complete subtree that ends the old tree
    node = (old >> height) - 1
    proof = [] if old == 1 << height else [nodes[height, node]]
    while (size - 1) >> height:
        proof += sibling(nodes, height, node, size)
        height, node = height + 1, node >> 1
    return proof


def root_of_edge(nodes: Nodes, start: int, size: int) -> bytes:
    """Root of leaves start to size-1, EMPTY_ROOT for none; start is a multiple of a power of two
    >= their number."""
    rest, edge = size - start, b""
    while rest:
        height = (rest & -rest).bit_length() - 1  # of the largest complete subtree that ends it
        complete = nodes[height, (size >> height) - 1]
        edge = node_hash(complete, edge) if edge else complete
        rest &= rest - 1
    return edge or EMPTY_ROOT


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over all leaf hashes (RFC 9162 section 2.1.1), EMPTY_ROOT for none."""
    if not leaf_hashes:
        return EMPTY_ROOT
    row = list(leaf_hashes)
    while len(row) > 1:
        # An odd last node rises unhashed: same tree as splitting at the largest power of two.
        odd = row[len(row) & ~1 :]
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)] + odd
    return row[0]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """Check that the leaf hash `leaf` is number `index` of the `size` leaves under the root.

    RFC 9162 section 2.1.3.2. Raises ProofError for anything but a complete, exact proof.
    """
    _require_hashes(leaf, expected_root, *proof)
    if not 0 <= index < size:
        raise ProofError("the index lies outside the tree")
    current = leaf
    for sibling, before in _climb(index, size - 1, proof):
        current = node_hash(sibling, current) if before else node_hash(current, sibling)
    if current != expected_root:
        raise ProofError("the proof leads to another root")


def _climb(node: int, last: int, siblings: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Go from a node to the root: each sibling, and whether it stands before. ProofError unless
    they are exactly those on the way."""
    for sibling in siblings:
        if last == 0:
            raise ProofError("the proof is too long")
        before = bool(node & 1) or node == last
        yield sibling, before
        while before and node and not node & 1:  # on the right edge it has no sibling before
            node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofError("the proof is too short")


def verify_consistency(
    old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of ``old`` leaves is the beginning of that of ``size``.

    RFC 9162 section 2.1.4.2. Raises ProofError for anything but a complete, exact proof. An empty
    tree has none: it is the beginning of every tree.
    """
    _require_hashes(old_root, root, *proof)
    if not 0 < old <= size:
        raise ProofError("a tree is the beginning of no smaller one, and an empty one is not shown")
    node, last = old - 1, size - 1
    if old == size:
        node = last = 0
    while node & 1:
        node, last = node >> 1, last >> 1
    # A complete old tree is itself the first node of the proof, which leaves it out.
    hashes = iter(proof if node else (old_root, *proof))
    begun = grown = next(hashes, b"")
    for sibling, before in _climb(node, last, hashes):
        if before:
            begun, grown = node_hash(sibling, begun), node_hash(sibling, grown)
        else:
            grown = node_hash(grown, sibling)
    if (begun, grown) != (old_root, root):
        raise ProofError("the proof leads to another root")


Range = tuple[int, int]
"""Leaves start to end-1, under one node of some tree; its hash is the same in every longer tree."""


def halves(leaves: Range) -> tuple[Range, Range]:
    """The two children of a node over at least two leaves (RFC 9162 section 2.1.1)."""
    start, end = leaves
    middle = start + (1 << ((end - start - 1).bit_length() - 1))
    return (start, middle), (middle, end)


def hashes_on_path(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes]
) -> Iterator[tuple[Range, bytes]]:
    """Return what an inclusion proof that verified says of the tree: its siblings, and their
    parents.

    The leaf comes first and the root last.
    """

    def leaves(height: int, node: int) -> Range:
        return node << height, min((node + 1) << height, size)

    height, node, last, current = 0, index, size - 1, leaf
    yield leaves(height, node), current
    for sibling in proof:
        while node == last and not node & 1:
            height, node, last = height + 1, node >> 1, last >> 1
        yield leaves(height, node ^ 1), sibling
        pair = (sibling, current) if node & 1 else (current, sibling)
        height, node, last, current = height + 1, node >> 1, last >> 1, node_hash(*pair)
        yield leaves(height, node), current


def _require_hashes(*values: bytes) -> None:
    for value in values:
        if len(value) != HASH_BYTES:
            raise ProofError("a hash has exactly 32 bytes")


# --- The right edge of a growing tree: enough to append leaves and to prove them ---
#
# The edge of n leaves is the roots of the largest complete subtrees that n falls into, from left to
# right: one hash for each binary digit 1 of n. Every left sibling on the way from a new leaf to the
# new root is one of them, or was made by the leaves that came with it.


@dataclass(frozen=True)
class Growth:
    """A tree of ``size`` leaves, as far as it is known from an edge and what was appended to it.

    ``root`` is that of RFC 9162 section 2.1.1, ``edge`` is kept for the next `grow`.
    """

    size: int
    nodes: Nodes
    root: bytes
    edge: bytes

    def inclusion_proof(self, index: int) -> tuple[bytes, ...]:
        """The inclusion proof of an appended leaf (RFC 9162 section 2.1.3.1).

        Raises ValueError outside the tree, KeyError for a leaf that was there before.
        """
        if not 0 <= index < self.size:
            raise ValueError("the index lies outside the tree")
        return tuple(path(self.nodes, index, self.size))


def grow(edge: bytes, size: int, leaves: Sequence[bytes]) -> Growth:
    """Append leaf hashes (32 bytes each) to a tree of ``size`` leaves, by its right edge.

    Raises ValueError when the edge is not one of this size, for hashes of another length, or for
    a tree that would outgrow 2**63-1.
    """
    if not {*map(len, leaves)} <= {HASH_BYTES}:
        raise ValueError("a leaf hash has exactly 32 bytes")
    if not 0 <= size <= MAX_SIZE - len(leaves):
        raise ValueError("the tree's size is out of range")
    places = _edge_subtrees(size)
    if len(edge) != len(places) * HASH_BYTES:
        raise ValueError("the right edge is not that of a tree of this size")
    nodes = {}
    for at, place in enumerate(places):
        nodes[place] = edge[at * HASH_BYTES : (at + 1) * HASH_BYTES]
    for index, leaf in enumerate(leaves, size):
        height, node = 0, leaf
        nodes[height, index] = node
        while index & 1:
            node = node_hash(nodes[height, index - 1], node)
            height, index = height + 1, index >> 1  # noqa: PLW2901 - from a leaf to its ancestors
            nodes[height, index] = node
    grown = size + len(leaves)
    kept = b"".join(map(nodes.__getitem__, _edge_subtrees(grown)))
    return Growth(grown, nodes, root_of_edge(nodes, 0, grown), kept)


def _edge_subtrees(size: int) -> list[tuple[int, int]]:
    """Height and index of each subtree of the edge, from left to right."""
    heights = range(size.bit_length() - 1, -1, -1)
    return [(height, (size >> height) - 1) for height in heights if size >> height & 1]
