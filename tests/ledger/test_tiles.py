""""""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger import tiles, tree
from gateway.ledger.note import parse_checkpoint
from gateway.ledger.proof import parse as parse_proof
from gateway.ledger.tiles import CopyCorrupt, CopyIncomplete, MissingTile, TileAddress
from tests.each import each
from tests.ledger import rfc6962
from tests.ledger.copies import Served, flipped, signer_of, without

VECTORS = Path(__file__).parents[1] / "vectors"
TLOG600 = VECTORS / "tlog600"
TESSERA = VECTORS / "tessera-log15"

LEAVES = rfc6962.leaves(70_000)


class Store(dict[tuple[int, int], bytes]):
    """Tiles by level and number, as a database keeps them; counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0
        self.reads: Counter[tuple[int, int]] = Counter()

    def read(self, level: int, n: int) -> bytes:
        self.reads[level, n] += 1
        return self.get((level, n), b"")

    def append(self, leaves: Sequence[bytes]) -> bytes:
        changed, root = tiles.append(self.read, self.size, leaves)
        self.update(changed)
        self.size += len(leaves)
        return root


@pytest.fixture(scope="module")
def grown() -> Store:
    """A tree of 70,000 leaves: the specification's example, three levels high."""
    store = Store()
    store.append(LEAVES)
    return store


def entries_of(log: Path) -> list[bytes]:
    bundles = sorted((log / "tile" / "entries").glob("*[0-9]")) + sorted(
        (log / "tile" / "entries").glob("*.p/*")
    )
    return [entry for file in bundles for entry in tiles.decode_entries(file.read_bytes())]


def batches(of: Sequence[bytes]) -> st.SearchStrategy[list[Sequence[bytes]]]:
    cuts = st.lists(st.integers(0, len(of)), max_size=12)
    return cuts.map(
        lambda at: [of[start:end] for start, end in pairwise([0, *sorted(at), len(of)])]
    )


ENTRIES600 = entries_of(TLOG600 / "log")
LEAVES600 = [tree.leaf_hash(entry) for entry in ENTRIES600]


def tiles_below(log: Path) -> list[object]:
    files = [file for file in sorted((log / "tile").rglob("*")) if file.is_file()]
    assert files
    return files


# --- growth, against other implementations' logs


@given(batches(LEAVES600))
def test_tlog600_is_rebuilt_byte_for_byte_whatever_the_batches(cut):
    store = Store()
    for leaves in cut:
        root = store.append(leaves)
        assert root == tree.root(LEAVES600[: store.size])
    written = {
        tiles.tile_path(level, n, len(data) // 32): data for (level, n), data in store.items()
    }
    shipped = {
        str(file.relative_to(TLOG600 / "log")): file.read_bytes()
        for file in (TLOG600 / "log" / "tile").rglob("*")
        if file.is_file() and "entries" not in file.parts
    }
    assert len(shipped) == 4
    assert written == shipped


@each("size", [0, 1, 255, 256, 257, 512, 600])
def test_tlog600_has_its_checkpoints_roots_at_every_published_size(size):
    text = (TLOG600 / "checkpoints" / str(size)).read_text()
    published = parse_checkpoint(text[: text.rindex("\n\n") + 1])
    store = Store()
    assert published.size == size
    assert store.append(LEAVES600[:size]) == published.root
    store.append(LEAVES600[size:])
    assert tiles.root(store.read, size) == published.root


@each("size", range(8))
def test_tessera_log15_is_rebuilt_with_its_tiles_bundles_and_roots(size):
    text = (TESSERA / f"checkpoint.{size}").read_text()
    words = [b"one", b"two", b"three", b"four", b"five", b"six", b"seven"][:size]
    store = Store()
    root = store.append([tree.leaf_hash(word) for word in words])
    assert root == parse_checkpoint(text[: text.rindex("\n\n") + 1]).root
    assert len(store) == (1 if size else 0)
    if size:
        assert store[0, 0] == (TESSERA / tiles.tile_path(0, 0, size)).read_bytes()
        bundle = (TESSERA / tiles.entries_path(0, size)).read_bytes()
        assert tiles.encode_entries(words) == bundle


@each("file", [*tiles_below(TLOG600 / "log"), *tiles_below(TESSERA)])
def test_every_tile_of_a_foreign_log_is_named_as_we_name_it_and_available(file):
    address = tiles.parse_tile_path("/".join(file.parts[file.parts.index("tile") :]))
    size = 600 if TLOG600 in file.parents else 7
    assert tiles.is_available(address, size)
    if address.level is not None:
        assert file.stat().st_size == address.width * 32
    else:
        assert len(tiles.decode_entries(file.read_bytes())) == address.width


# --- growth, by property


@given(st.integers(0, 1200).flatmap(lambda count: batches(LEAVES[:count])))
def test_any_batching_gives_the_root_of_the_leaves_and_reads_each_edge_tile_once(cut):
    store = Store()
    for leaves in cut:
        before = store.size
        store.reads.clear()
        assert store.append(leaves) == tree.root(LEAVES[: store.size])
        assert set(store.reads.values()) <= {1}
        edge = {(level, before >> 8 * (level + 1)) for level in range(3)}
        edge |= {(level, store.size >> 8 * (level + 1)) for level in range(3)}
        assert set(store.reads) <= edge


def test_one_more_leaf_changes_one_tile_and_reads_one_a_level(grown):
    reads: list[tuple[int, int]] = []

    def read(level: int, n: int) -> bytes:
        reads.append((level, n))
        return grown[level, n]

    changed, _ = tiles.append(read, 70_000, [LEAVES[0]])
    assert changed == {(0, 273): grown[0, 273] + LEAVES[0]}
    assert sorted(reads) == [(0, 273), (1, 1), (2, 0)]


def test_a_tree_of_70000_leaves_has_the_tiles_of_the_specifications_example(grown):
    widths = Counter((level, len(data) // 32) for (level, _), data in grown.items())
    assert widths == {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1}
    assert tiles.root(grown.read, 70_000) == tree.root(LEAVES)


def test_an_append_takes_hashes_and_neither_entries_nor_impossible_sizes():
    store = Store()
    for leaf in (bytes(33), bytes(31), b""):
        with pytest.raises(ValueError, match="32 bytes"):
            tiles.append(store.read, 0, [LEAVES[0], leaf])
    for size in (-1, 2**63 - 1):
        with pytest.raises(ValueError, match="out of range"):
            tiles.append(store.read, size, [LEAVES[0]])


def test_a_hole_in_the_store_stops_appends_and_proofs():
    store = Store()
    store.append(LEAVES[:600])
    store[0, 2] = store[0, 2][:-1]
    with pytest.raises(MissingTile):
        tiles.append(store.read, 600, [LEAVES[0]])
    with pytest.raises(MissingTile):
        tiles.root(store.read, 600)
    del store[0, 1]
    with pytest.raises(MissingTile):
        tiles.inclusion_proof(store.read, 256, 512)


def test_the_past_is_read_from_wider_tiles_than_it_had(grown):
    for size in (1, 2, 255, 256, 257, 4_711, 65_535, 65_536, 65_537, 69_999):
        assert tiles.root(grown.read, size) == tree.root(LEAVES[:size])
    changed, root = tiles.append(grown.read, 300, [LEAVES[300]])
    assert changed == {(0, 1): grown[0, 1][: 45 * 32]}
    assert root == tree.root(LEAVES[:301])


# --- proofs


@given(st.integers(1, 700), st.data())
def test_proofs_from_tiles_are_those_of_the_recursive_definition(grown, size, data):
    index = data.draw(st.integers(0, size - 1))
    assert tiles.inclusion_proof(grown.read, index, size) == rfc6962.path(index, LEAVES[:size])


@given(st.integers(1, 700), st.data())
def test_proofs_that_share_their_upper_parts_are_those_made_one_by_one(grown, size, data):
    proofs = tiles.InclusionProofs(grown.read, size)
    for index in data.draw(st.lists(st.integers(0, size - 1), max_size=9)):
        assert list(proofs.of(index)) == rfc6962.path(index, LEAVES[:size])


@given(st.integers(1, 70_000), st.data())
def test_every_proof_from_tiles_verifies(grown, size, data):
    index = data.draw(st.integers(0, size - 1))
    root = tiles.root(grown.read, size)
    tree.verify_inclusion(
        LEAVES[index], index, size, tiles.inclusion_proof(grown.read, index, size), root
    )


class EndlessStore:
    """A tree of 2**63-1 equal leaves: any tile of a level is 256 times the level's one hash."""

    def __init__(self) -> None:
        self.leaf = LEAVES[0]
        self.rows = [self.leaf * 256]
        while len(self.rows) < 8:
            self.rows.append(tree.root([self.rows[-1][:32]] * 256) * 256)

    def read(self, level: int, n: int) -> bytes:
        return self.rows[level]


@given(st.integers(1, 2**63 - 1), st.data())
def test_proofs_reach_to_the_largest_size(size, data):
    index = data.draw(st.integers(0, size - 1))
    store = EndlessStore()
    root = tiles.root(store.read, size)
    path = tiles.inclusion_proof(store.read, index, size)
    tree.verify_inclusion(store.leaf, index, size, path, root)


@each("file", sorted((TLOG600 / "proofs").glob("*.tlog-proof")))
def test_tlog600s_inclusion_proofs_are_generated_hash_for_hash(file):
    index, size = (int(number) for number in file.stem.split("-of-"))
    store = Store()
    store.append(LEAVES600)
    path = tiles.inclusion_proof(store.read, index, size)
    assert ENTRIES600[index] == file.with_suffix(".leaf").read_bytes()
    assert tuple(path) == parse_proof(file.read_bytes()).hashes


@each("index, size", [(-1, 5), (5, 5), (0, 0), (6, 5)])
def test_no_inclusion_proof_is_made_for_an_index_outside_the_tree(index, size):
    with pytest.raises(ValueError, match="outside"):
        tiles.inclusion_proof(Store().read, index, size)


def test_an_empty_tree_has_the_empty_root_and_a_negative_size_is_refused():
    assert tiles.append(Store().read, 0, []) == ({}, tree.EMPTY_ROOT)
    with pytest.raises(ValueError, match="negative"):
        tiles.root(Store().read, -1)


# --- paths


@each(
    "path, address",
    [
        ("tile/0/000", TileAddress(0, 0, 256)),
        ("tile/0/x001/x234/067", TileAddress(0, 1_234_067, 256)),
        ("tile/63/x001/000.p/255", TileAddress(63, 1_000, 255)),
        ("tile/1/002.p/1", TileAddress(1, 2, 1)),
        ("tile/entries/999", TileAddress(None, 999, 256)),
        ("tile/entries/x001/000.p/16", TileAddress(None, 1_000, 16)),
        ("tile/0/x036/x028/x797/x018/x963/967", TileAddress(0, 2**55 - 1, 256)),
    ],
)
def test_a_path_names_its_tile(path, address):
    assert tiles.parse_tile_path(path) == address
    written = (
        tiles.entries_path(address.n, address.width)
        if address.level is None
        else tiles.tile_path(address.level, address.n, address.width)
    )
    assert written == path


@each(
    "path",
    [
        *("", "tile", "tile/0", "tile/0/", "/tile/0/000", "tile/0/000/", "tile//000"),
        *("tile/64/000", "tile/00/000", "tile/-1/000", "tile/100/000", "tile/x/000"),
        *("tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/1000", "tile/0/x000/000"),
        *("tile/0/x00/000", "tile/0/001/000", "tile/0/x001", "tile/0/X001/000", "tile/0/-01"),
        *("tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/256"),
        *("tile/0/000.p/01", "tile/0/000.p/257", "tile/0/000.p/+1", "tile/0/000.p/1/"),
        *("tile/0/000\n", "tile/0/000.p/1\n", " tile/0/000", "tile/0/０００", "tile/٣/000"),
        *(
            "tile/entries",
            "tile/entries/",
            "tile/entries/0",
            "tile/entries/000.p/0",
            "tile/data/000",
        ),
        *("tile/0/../0/000", "tile/0/%30%30%30", "tile/0/x036/x028/x797/x018/x963/968"),
        "tile/0/" + "x999/" * 6 + "999",
        "tile/0/" + "x001/" * 7 + "000",
    ],
)
def test_a_path_written_otherwise_is_refused(path):
    with pytest.raises(ValueError, match=r"tile"):
        tiles.parse_tile_path(path)


@given(
    st.none() | st.integers(0, 63),
    st.integers(0, 2**55 - 1) | st.integers(0, 2000),
    st.integers(1, 256),
)
def test_every_address_is_read_back_from_its_path(level, n, width):
    path = tiles.entries_path(n, width) if level is None else tiles.tile_path(level, n, width)
    assert tiles.parse_tile_path(path) == TileAddress(level, n, width)


@given(
    st.text(max_size=30)
    | st.from_regex(r"tile/([0-9]{1,3}|entries)/(x?[0-9]{2,4}/)*[0-9]{3}(\.p/[0-9]{1,4})?\n?")
)
def test_a_text_is_a_canonical_tile_path_or_refused(path):
    try:
        address = tiles.parse_tile_path(path)
    except ValueError:
        return
    if address.level is None:
        assert tiles.entries_path(address.n, address.width) == path
    else:
        assert tiles.tile_path(address.level, address.n, address.width) == path


@each(
    "level, n, width",
    [(-1, 0, 256), (64, 0, 256), (0, -1, 256), (0, 2**55, 256), (0, 0, 0), (0, 0, 257)],
)
def test_no_path_is_written_for_an_impossible_address(level, n, width):
    with pytest.raises(ValueError, match="a tile's"):
        tiles.tile_path(level, n, width)


# --- availability


def test_a_full_tile_is_available_only_once_it_is_full():
    assert not tiles.is_available(TileAddress(0, 0), 255)
    assert tiles.is_available(TileAddress(0, 0), 256)
    assert not tiles.is_available(TileAddress(None, 1), 511)
    assert tiles.is_available(TileAddress(None, 1), 512)
    assert not tiles.is_available(TileAddress(1, 0), 65_535)
    assert tiles.is_available(TileAddress(1, 0), 65_536)


def test_a_partial_tile_stays_available_in_every_width_it_has_had():
    for size in range(600):
        for width in range(1, 256):
            assert tiles.is_available(TileAddress(0, 1, width), size) == (size >= 256 + width)
    assert tiles.is_available(TileAddress(1, 0, 2), 767)
    assert not tiles.is_available(TileAddress(1, 0, 3), 767)


def test_an_empty_tree_and_a_level_above_the_tree_have_no_tile():
    assert not tiles.is_available(TileAddress(0, 0, 1), 0)
    assert not tiles.is_available(TileAddress(None, 0, 1), 0)
    assert not tiles.is_available(TileAddress(63, 0, 1), 2**63 - 1)


@given(st.integers(0, 70_000), st.integers(0, 2), st.integers(0, 280), st.integers(1, 256))
def test_what_is_available_is_stored_wide_enough(grown, size, level, n, width):
    if tiles.is_available(TileAddress(level, n, width), size):
        assert len(grown[level, n]) >= width * 32


# --- entries


@given(st.lists(st.binary(max_size=40), max_size=256))
def test_every_bundle_is_read_back(entries):
    assert tiles.decode_entries(tiles.encode_entries(entries)) == entries


def test_tlog600s_bundles_hold_an_empty_and_a_binary_entry_and_are_written_alike():
    assert len(ENTRIES600) == 600
    assert ENTRIES600[5] == b""
    assert len(ENTRIES600[6]) == 256
    bundle = (TLOG600 / "log" / tiles.entries_path(0)).read_bytes()
    assert tiles.encode_entries(ENTRIES600[:256]) == bundle


@each("data", [b"\x00", b"\x00\x01", b"\x00\x03ab", b"\x00\x01a\x00"])
def test_a_bundle_that_is_cut_off_is_refused(data):
    with pytest.raises(ValueError, match="cut off"):
        tiles.decode_entries(data)


def test_bundles_are_limited_to_256_entries_of_65535_bytes():
    longest = bytes(65_535)
    assert tiles.decode_entries(tiles.encode_entries([longest])) == [longest]
    with pytest.raises(ValueError, match="65535"):
        tiles.encode_entries([bytes(65_536)])
    with pytest.raises(ValueError, match="256"):
        tiles.encode_entries([b""] * 257)
    with pytest.raises(ValueError, match="256"):
        tiles.decode_entries(bytes(2 * 257))


# --- A copy's files: which a log of a size has, and the first index at which they disagree ---


LOG = Served(signer_of("log.example.org"), 600)
LAST = TileAddress(None, 2, 88)


def check(bundle: TileAddress, data: bytes | None = None) -> None:
    leaves = LOG.fetch(tiles.path_of(TileAddress(0, bundle.n, bundle.width)))
    found = LOG.fetch(tiles.path_of(bundle)) if data is None else data
    tiles.check_bundle(bundle, found, leaves)


@given(st.integers(0, 2**40))
def test_a_log_has_a_tile_for_every_256_hashes_on_each_level(size):
    levels = tiles.levels(size)
    assert len(levels) == (0 if size == 0 else (size.bit_length() - 1) // 8 + 1)
    for level in levels[1:3]:
        count = size >> 8 * level
        if count < 10_000:
            found = list(tiles.hashes(level, size))
            assert sum(tile.width for tile in found) == count
            assert all(tiles.is_available(tile, size) for tile in found)


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_what_is_new_between_two_sizes_is_all_that_the_older_copy_lacks(one, other):
    known, size = sorted((one, other))
    before = {a for level in tiles.levels(known) for a in tiles.hashes(level, known)}
    after = {a for level in tiles.levels(size) for a in tiles.hashes(level, size)}
    new = {a for level in tiles.levels(size) for a in tiles.hashes(level, size, known)}
    assert after - before <= new <= after
    bundles = set(tiles.bundles(size)) - set(tiles.bundles(known))
    assert bundles <= set(tiles.bundles(size, known))


def test_the_files_of_a_log_hold_together():
    for bundle in tiles.bundles(600):
        check(bundle)
    (top,) = tiles.hashes(1, 600)
    data = tiles.read_file(LOG.fetch, top)
    tiles.check_tile(top, data, lambda n: tiles.read_file(LOG.fetch, TileAddress(0, n)))


@each("number", [0, 1, 87])
def test_an_entry_that_does_not_make_its_leaf_is_named(number):
    data = LOG.fetch(tiles.path_of(LAST))
    place = sum(2 + len(one) for one in LOG.entries[512 : 512 + number]) + 3
    with pytest.raises(CopyCorrupt) as damaged:
        check(LAST, flipped(data, place))
    assert damaged.value.index == 512 + number


@each("number", [0, 5, 87])
def test_a_bundle_that_lacks_an_entry_is_named_where_it_begins_to_differ(number):
    with pytest.raises(CopyCorrupt) as damaged:
        check(LAST, without(LOG.entries[512:600], number))
    assert damaged.value.index == 512 + number


def test_a_bundle_with_an_entry_too_many_or_cut_off_is_refused():
    data = LOG.fetch(tiles.path_of(LAST))
    for changed in (data + b"\0\1x", data[:-1], b"\xff"):
        with pytest.raises(CopyCorrupt):
            check(LAST, changed)


@each("offset", [0, 1])
def test_a_hash_above_that_is_not_the_root_of_its_tile_is_named(offset):
    top = TileAddress(1, 0, 2)
    data = flipped(LOG.fetch(tiles.path_of(top)), offset * 32)
    with pytest.raises(CopyCorrupt) as damaged:
        tiles.check_tile(top, data, lambda n: tiles.read_file(LOG.fetch, TileAddress(0, n)))
    assert damaged.value.index == 256 * offset


def test_a_file_that_is_not_there_is_named_with_its_first_entry():
    with pytest.raises(CopyIncomplete) as missing:
        tiles.read_file(LOG.fetch, TileAddress(0, 3))
    assert (missing.value.index, missing.value.file) == (768, "tile/0/003")


def test_a_tile_of_another_length_is_refused():
    with pytest.raises(CopyCorrupt) as damaged:
        tiles.read_file(lambda path: b"x" * 31, TileAddress(1, 2))
    assert damaged.value.index == 2 * 256 * 256
