"""The recursive definitions of RFC 6962 section 2.1, as an oracle for the product's own tree."""

from hashlib import sha256


def leaves(count: int) -> list[bytes]:
    """Distinct leaf hashes for a tree of `count` entries."""
    return [sha256(b"\x00" + str(number).encode()).digest() for number in range(count)]


def mth(hashes: list[bytes]) -> bytes:
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = _split(len(hashes))
    return sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def path(index: int, hashes: list[bytes]) -> list[bytes]:
    if len(hashes) == 1:
        return []
    k = _split(len(hashes))
    if index < k:
        return [*path(index, hashes[:k]), mth(hashes[k:])]
    return [*path(index - k, hashes[k:]), mth(hashes[:k])]


def consistency(old: int, hashes: list[bytes]) -> list[bytes]:
    """PROOF(m, D[n]) of section 2.1.2."""
    return _subproof(old, hashes, whole=True)


def _subproof(old: int, hashes: list[bytes], *, whole: bool) -> list[bytes]:
    if old == len(hashes):
        return [] if whole else [mth(hashes)]
    k = _split(len(hashes))
    if old <= k:
        return [*_subproof(old, hashes[:k], whole=whole), mth(hashes[k:])]
    return [*_subproof(old - k, hashes[k:], whole=False), mth(hashes[:k])]


def _split(count: int) -> int:
    """The largest power of two smaller than `count`."""
    return 1 << (count - 1).bit_length() - 1
