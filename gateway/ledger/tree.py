"""RFC 6962 Merkle trees over SHA-256: hashes, roots, and the checks of proofs.

Indices start at 0. A proof starts with the sibling nearest to the leaf and ends with a child of
the root. A bare proof binds leaf, index and root; the size is bound by who signs it with the root.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT: bytes = sha256().digest()

Node = Callable[[int, int], bytes]
"""(height, index) -> the root of the complete subtree over leaves index * 2**height on."""


class ProofError(ValueError):
    """A proof does not show what it is presented for."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry into a leaf (RFC 9162 section 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children into their parent (RFC 9162 section 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def path(node: Node, height: int, index: int, size: int) -> list[bytes]:
    """Siblings on the way from the complete subtree (height, index) to the root of `size` leaves.

    `split` is the height where this way meets the way from the last leaf. Below it all siblings
    are complete, but for the one that holds the last leaf; from there on the way is the right
    edge itself and has siblings on its left only. (The subtree is never one that holds more than
    the last leaf: a consistency proof starts left of it.)
    """
    leaf = index << height
    split = (leaf ^ (size - 1)).bit_length()
    siblings = [node(rise, (leaf >> rise) ^ 1) for rise in range(height, split - 1)]
    if split:
        start = ((size - 1) >> (split - 1)) << (split - 1)
        siblings.append(root_of_edge(node, start, size))
    for rise in range(split, size.bit_length()):
        if leaf >> rise & 1:
            siblings.append(node(rise, (leaf >> rise) - 1))
    return siblings


def root_of_edge(node: Node, start: int, size: int) -> bytes:
    """Root of leaves start to size-1; start is a multiple of a power of two >= their number."""
    rest = size - start
    height = trailing_zeros(rest)
    edge = node(height, (size >> height) - 1)
    while rest := rest & (rest - 1):
        height = trailing_zeros(rest)
        edge = node_hash(node(height, (size >> height) - 1), edge)
    return edge


def trailing_zeros(number: int) -> int:
    """The height of the largest complete subtree that ends a tree of so many leaves."""
    return (number & -number).bit_length() - 1


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
    node, last = index, size - 1
    current = leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        if node & 1 or node == last:
            current = node_hash(sibling, current)
            node, last = _skip_levels_without_sibling(node, last)
        else:
            current = node_hash(current, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofError("the proof is too short")
    if current != expected_root:
        raise ProofError("the proof leads to another root")


def verify_consistency(
    size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree (size1, root1) is a prefix of the tree (size2, root2).

    RFC 9162 section 2.1.4.2. Equal sizes need equal roots and an empty proof. Nothing can be shown
    about an empty tree: size1 = 0 is refused. Raises ProofError.
    """
    _require_hashes(root1, root2, *proof)
    if not 0 < size1 <= size2:
        raise ProofError("the sizes do not fit a consistency proof")
    if size1 == size2:
        _require_same_tree(root1, root2, proof)
        return
    if not proof:
        raise ProofError("the proof is too short")
    node, last = size1 - 1, size2 - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    # node is 0 when size1 is a power of two: then root1 itself is the proof's first, omitted hash.
    path = [root1, *proof] if node == 0 else list(proof)
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("the proof is too long")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            node, last = _skip_levels_without_sibling(node, last)
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofError("the proof is too short")
    if old != root1 or new != root2:
        raise ProofError("the proof leads to other roots")


def _skip_levels_without_sibling(node: int, last: int) -> tuple[int, int]:
    """Rise to where the node is a right child: on the right edge it has no sibling before."""
    while node and not node & 1:
        node, last = node >> 1, last >> 1
    return node, last


def _require_same_tree(root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise ProofError("a proof between equal sizes is empty")
    if root1 != root2:
        raise ProofError("two roots for one size: the log has forked")


def _require_hashes(*values: bytes) -> None:
    for value in values:
        if len(value) != HASH_BYTES:
            raise ProofError("a hash has exactly 32 bytes")
