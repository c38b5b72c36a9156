"""A copy's files: which a log of a size has, and the first index at which they disagree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger import replica, tiles
from gateway.ledger.replica import ReplicaCorrupt, ReplicaIncomplete
from gateway.ledger.tiles import TileAddress
from tests.each import each
from tests.ledger.copies import Served, flipped, signer_of, without

LOG = Served(signer_of("log.example.org"), 600)
LAST = TileAddress(None, 2, 88)


def check(bundle: TileAddress, data: bytes | None = None) -> None:
    leaves = LOG.fetch(tiles.path_of(TileAddress(0, bundle.n, bundle.width)))
    found = LOG.fetch(tiles.path_of(bundle)) if data is None else data
    replica.check_bundle(bundle, found, leaves)


@given(st.integers(0, 2**40))
def test_a_log_has_a_tile_for_every_256_hashes_on_each_level(size):
    levels = replica.levels(size)
    assert len(levels) == (0 if size == 0 else (size.bit_length() - 1) // 8 + 1)
    for level in levels[1:3]:
        count = size >> 8 * level
        if count < 10_000:
            found = list(replica.hashes(level, size))
            assert sum(tile.width for tile in found) == count
            assert all(tiles.is_available(tile, size) for tile in found)


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_what_is_new_between_two_sizes_is_all_that_the_older_copy_lacks(one, other):
    known, size = sorted((one, other))
    before = {a for level in replica.levels(known) for a in replica.hashes(level, known)}
    after = {a for level in replica.levels(size) for a in replica.hashes(level, size)}
    new = {a for level in replica.levels(size) for a in replica.hashes(level, size, known)}
    assert after - before <= new <= after
    bundles = set(replica.bundles(size)) - set(replica.bundles(known))
    assert bundles <= set(replica.bundles(size, known))


def test_the_files_of_a_log_hold_together():
    for bundle in replica.bundles(600):
        check(bundle)
    (top,) = replica.hashes(1, 600)
    data = replica.read_file(LOG.fetch, top)
    replica.check_tile(top, data, lambda n: replica.read_file(LOG.fetch, TileAddress(0, n)))


@each("number", [0, 1, 87])
def test_an_entry_that_does_not_make_its_leaf_is_named(number):
    data = LOG.fetch(tiles.path_of(LAST))
    place = sum(2 + len(one) for one in LOG.entries[512 : 512 + number]) + 3
    with pytest.raises(ReplicaCorrupt) as damaged:
        check(LAST, flipped(data, place))
    assert damaged.value.index == 512 + number


@each("number", [0, 5, 87])
def test_a_bundle_that_lacks_an_entry_is_named_where_it_begins_to_differ(number):
    with pytest.raises(ReplicaCorrupt) as damaged:
        check(LAST, without(LOG.entries[512:600], number))
    assert damaged.value.index == 512 + number


def test_a_bundle_with_an_entry_too_many_or_cut_off_is_refused():
    data = LOG.fetch(tiles.path_of(LAST))
    for changed in (data + b"\0\1x", data[:-1], b"\xff"):
        with pytest.raises(ReplicaCorrupt):
            check(LAST, changed)


@each("offset", [0, 1])
def test_a_hash_above_that_is_not_the_root_of_its_tile_is_named(offset):
    top = TileAddress(1, 0, 2)
    data = flipped(LOG.fetch(tiles.path_of(top)), offset * 32)
    with pytest.raises(ReplicaCorrupt) as damaged:
        replica.check_tile(top, data, lambda n: replica.read_file(LOG.fetch, TileAddress(0, n)))
    assert damaged.value.index == 256 * offset


def test_a_file_that_is_not_there_is_named_with_its_first_entry():
    with pytest.raises(ReplicaIncomplete) as missing:
        replica.read_file(LOG.fetch, TileAddress(0, 3))
    assert (missing.value.index, missing.value.file) == (768, "tile/0/003")


def test_a_tile_of_another_length_is_refused():
    with pytest.raises(ReplicaCorrupt) as damaged:
        replica.read_file(lambda path: b"x" * 31, TileAddress(1, 2))
    assert damaged.value.index == 2 * 256 * 256
