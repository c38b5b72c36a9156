"""The high-water mark: compare-and-set, durable, apart from the database, shared by processes."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.refusals import HighWaterMarkUnavailable, LogFrozen
from gateway.kernel.log_continuity import CheckpointSigner, LogContinuity
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import SignedTreeHead, TreeHead
from gateway.ledger import tiles, tree
from gateway.store.database import UnsuitableDatabase
from gateway.store.high_water_mark import SLOT_BYTES, SqlMark, open_file, open_mark
from tests.marks import MemoryMark
from tests.postgresql import emptied_database, new_database
from tests.store import places
from tests.store.mark_program import SIGNER
from tests.store.places import Place
from tests.store.programs import Program
from tests.store.samples import ORIGIN, fact
from tests.waiting import until


def at(size: int, name: str = "") -> SignedTreeHead:
    """A mark as it may be stored: nobody looks into it here."""
    root = tree.leaf_hash(f"{size}{name}".encode())
    return SignedTreeHead(TreeHead(size, root), f"note of {size} \N{EM DASH} {name}\n")


@dataclass
class Kept:
    """Where a mark is kept, to be opened by several."""

    url: str
    file: Path | None
    opened: list[SqlMark] = field(default_factory=list)

    def open(self, origin: str = ORIGIN) -> SqlMark:
        self.opened.append(open_mark(self.url, file=self.file, origin=origin))
        return self.opened[-1]


@pytest.fixture(params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """An empty place of each durable kind."""
    file = tmp_path / "mark" if request.param == "sqlite" else None
    made = Kept(f"file:{file}" if file else emptied_database(), file)
    yield made
    for mark in made.opened:
        mark.close()


@pytest.mark.parametrize("kept", ["sqlite", "postgresql"])
@given(
    moves=st.lists(
        st.tuples(st.none() | st.integers(0, 3), st.integers(0, 3), st.sampled_from("ab"))
    )
)
@example(moves=[])
@example(moves=[(None, 0, "a"), (None, 1, "a")])  # a first mark is made once
@example(moves=[(None, 1, "a"), (1, 3, "a"), (1, 2, "a"), (3, 2, "b")])  # from where it was seen
def test_a_stored_mark_does_what_one_in_memory_does(
    tmp_path_factory: pytest.TempPathFactory, kept: str, moves
) -> None:
    file = tmp_path_factory.mktemp("mark") / "mark" if kept == "sqlite" else None
    origin = f"{ORIGIN}/{next(_numbers)}"
    stored, model = open_mark(_server(), file=file, origin=origin), MemoryMark()
    assert stored.read() is None
    for seen, to, name in moves:
        known = None if seen is None else at(seen, name)
        assert stored.advance(known, at(to, name)) == model.advance(known, at(to, name))
        assert stored.read() == model.read()
    stored.close()


_numbers = count()
_server = cache(new_database)


def test_a_mark_is_there_for_who_opens_it_again(kept) -> None:
    kept.open().advance(None, at(3))
    assert kept.open().read() == at(3)


def test_logs_have_marks_of_their_own_in_one_database() -> None:
    url = new_database()
    one, other = (open_mark(url, file=None, origin=origin) for origin in (ORIGIN, "other/log"))
    one.advance(None, at(3))
    assert other.read() is None
    other.advance(None, at(8))
    assert one.read() == at(3)
    for mark in (one, other):
        mark.close()


def test_the_file_of_a_mark_is_of_one_log_and_for_its_owner_alone(tmp_path) -> None:
    file = tmp_path / "mark"
    open_file(file, ORIGIN).advance(None, at(1))
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UnsuitableDatabase):
        open_file(file, "other.example/log")


def test_a_move_waits_for_the_disk_before_it_returns(tmp_path, monkeypatch) -> None:
    file, done = tmp_path / "mark", []
    mark = open_file(file, ORIGIN)
    mark.advance(None, at(1))
    for name in ("pwrite", "fdatasync"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, n=name, r=real: (done.append(n), r(*a))[1])
    mark.advance(at(1), at(4))
    assert done == ["pwrite", "fdatasync", "pwrite"]
    assert open_file(file, ORIGIN).read() == at(4)


@pytest.mark.parametrize("kept_bytes", [0, 1, 63, 65, 100, 200, SLOT_BYTES // 2, SLOT_BYTES])
@pytest.mark.parametrize("moves", [1, 2, 3])
def test_a_torn_move_leaves_the_mark_of_before_or_is_whole(tmp_path, moves, kept_bytes) -> None:
    """The first bytes of what a move writes are on disk, and the rest of the slot is older."""
    file = tmp_path / "mark"
    mark = open_file(file, ORIGIN)
    mark.advance(None, at(0))
    for size in range(1, moves):
        mark.advance(at(size - 1), at(size))
    before = file.read_bytes()
    mark.advance(at(moves - 1), at(moves))
    after = file.read_bytes()
    (slot,) = (
        n for n in (0, SLOT_BYTES) if before[n : n + SLOT_BYTES] != after[n : n + SLOT_BYTES]
    )
    torn = before[:slot] + after[slot : slot + kept_bytes] + before[slot + kept_bytes :]
    file.write_bytes(torn)
    again = open_file(file, ORIGIN)
    found = again.read()
    assert found in (at(moves - 1), at(moves))
    end = slot + SLOT_BYTES
    assert (found == at(moves)) == (torn[slot:end] == after[slot:end])
    assert again.advance(found, at(9))
    assert open_file(file, ORIGIN).read() == at(9)


@pytest.mark.parametrize("moves", [2, 3, 4])
def test_a_page_of_the_newest_slot_that_goes_bad_does_not_turn_the_mark_back(
    tmp_path, moves
) -> None:
    file = tmp_path / "mark"
    marked = _moved(file, moves)
    for page in range(4):
        bad = file.read_bytes()
        start = page * SLOT_BYTES
        spoilt = bytearray(bad)
        spoilt[start : start + SLOT_BYTES] = bytes(SLOT_BYTES)
        file.write_bytes(spoilt)
        assert open_file(file, ORIGIN).read() == marked
        file.write_bytes(bad)


@pytest.mark.parametrize("filling", [b"\0", b"x"])
def test_a_newest_slot_that_is_bad_in_both_copies_is_an_alarm(tmp_path, filling) -> None:
    file = tmp_path / "mark"
    _moved(file, 4)  # the fourth move wrote the first slot
    spoilt = bytearray(file.read_bytes())
    for start in (0, 2 * SLOT_BYTES):
        spoilt[start : start + SLOT_BYTES] = filling * SLOT_BYTES
    file.write_bytes(spoilt)
    with pytest.raises(UnsuitableDatabase):
        open_file(file, ORIGIN)


def _moved(file, moves):
    mark, seen = open_file(file, ORIGIN), None
    for size in range(1, moves + 1):
        assert mark.advance(seen, at(size))
        seen = at(size)
    return seen


def test_a_crash_before_the_first_move_leaves_no_mark(tmp_path) -> None:
    file = tmp_path / "mark"
    for content in (b"", bytes(100), bytes(2 * SLOT_BYTES)):
        file.write_bytes(content)
        assert open_file(file, ORIGIN).read() is None
    assert open_file(file, ORIGIN).advance(None, at(0))


def test_a_file_with_no_good_slot_is_unfit_and_never_a_first_mark(tmp_path) -> None:
    file = tmp_path / "mark"
    mark = open_file(file, ORIGIN)
    mark.advance(None, at(0))
    mark.advance(at(0), at(1))
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b'"size"', b'"sizf"'))
    with pytest.raises(UnsuitableDatabase):
        open_file(file, ORIGIN)
    with pytest.raises(HighWaterMarkUnavailable):
        mark.read()
    with pytest.raises(HighWaterMarkUnavailable):
        mark.advance(None, at(5))


def test_a_mark_that_is_taken_away_is_missing_and_one_that_comes_back_counts(tmp_path) -> None:
    file = tmp_path / "mark"
    mark = open_file(file, ORIGIN)
    mark.advance(None, at(2))
    kept = file.read_bytes()
    file.unlink()
    assert mark.read() is None
    assert not mark.advance(at(2), at(3))
    file.write_bytes(kept)
    assert mark.advance(at(2), at(3))


@pytest.mark.parametrize("name", ["pwrite", "fdatasync", "fsync"])
def test_a_disk_that_fails_raises_no_mark(tmp_path, monkeypatch, name) -> None:
    mark = open_file(tmp_path / "mark", ORIGIN)

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(os, name, fail)
        with pytest.raises(HighWaterMarkUnavailable):
            mark.advance(None, at(1))


def test_a_move_that_did_not_reach_the_disk_is_not_read(tmp_path, monkeypatch) -> None:
    mark = open_file(tmp_path / "mark", ORIGIN)
    assert mark.advance(None, at(3))
    assert mark.advance(at(3), at(4))

    def fail(_: int) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fail)
        with pytest.raises(HighWaterMarkUnavailable):
            mark.advance(at(4), at(5))
    assert mark.read() == at(4)
    assert mark.advance(at(4), at(5))


def test_a_place_that_cannot_be_opened_is_unfit(tmp_path) -> None:
    file = tmp_path / "missing" / "mark"
    with pytest.raises(UnsuitableDatabase, match="mark"):
        open_mark(f"file:{file}", file=file, origin=ORIGIN)
    other = tmp_path / "text"
    other.write_text("This is no mark.")
    with pytest.raises(UnsuitableDatabase, match="mark"):
        open_mark(f"file:{other}", file=other, origin=ORIGIN)


def test_a_server_that_fails_later_is_unreachable() -> None:
    mark = open_mark(new_database(), file=None, origin=ORIGIN)
    assert isinstance(mark, SqlMark)
    with mark._connections.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE mark")
    with pytest.raises(HighWaterMarkUnavailable):
        mark.read()
    with pytest.raises(HighWaterMarkUnavailable):
        mark.advance(None, at(1))
    mark.close()


def test_of_many_that_move_a_mark_at_once_one_does(kept) -> None:
    marks = [kept.open() for _ in range(4)]
    marks[0].advance(None, at(0))
    barrier = threading.Barrier(8)

    def move(number: int) -> bool:
        barrier.wait()
        return marks[number % 4].advance(at(0), at(number + 1))

    with ThreadPoolExecutor(8) as pool:
        moved = list(pool.map(move, range(8)))
    assert moved.count(True) == 1
    assert marks[0].read() == at(moved.index(True) + 1)


def adopted(place: Place, mark: SqlMark) -> tuple[Any, CheckpointSigner]:
    store = place.open()
    continuity = LogContinuity(mark, store.begin, time.monotonic)
    checkpoint_signer = CheckpointSigner(SIGNER, mark, continuity)
    checkpoint_signer.adopt(TreeHead(0, tree.EMPTY_ROOT))
    return continuity, checkpoint_signer


@pytest.fixture
def database(kept: Kept, tmp_path: Path) -> Iterator[Place]:
    """An empty database of the kind of the mark."""
    made = places.postgresql() if kept.file is None else places.sqlite(tmp_path)
    yield made
    made.close()


@pytest.mark.slow
def test_processes_and_threads_raise_one_mark_to_the_largest_and_sign_one_tree(
    database, kept
) -> None:
    mark = kept.open()
    adopted(database, mark)
    processes = running(database, kept)
    until(lambda: min(len(one.lines) for one in processes) > 5)
    for one in processes:
        one.stop()
    notes = [note for one in processes for note in one.lines]
    with database.open().begin(TransactionMode.READ) as work:
        head = work.log.head()
        for size, root in notes:
            assert tiles.root(work.log.tile, int(size)).hex() == root
    assert mark.read().head == head
    assert max(int(size) for size, _ in notes) == head.size == len(notes)


@pytest.mark.parametrize(
    "kept", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
def test_a_killed_process_has_given_out_nothing_above_the_mark(database, kept) -> None:
    mark = kept.open()
    continuity, checkpoint_signer = adopted(database, mark)
    killed, other = running(database, kept)
    until(lambda: len(killed.lines) > 3)
    killed.kill()
    before = len(other.lines)
    until(lambda: len(other.lines) > before + 3)
    other.stop()
    notes = killed.lines + other.lines
    assert mark.read().head.size >= max(int(size) for size, _ in notes)
    continuity.check()
    with continuity.begin(TransactionMode.WRITE) as work:
        work.log.record(fact())
        (logged,) = work.commit()
    checkpoint_signer.sign(logged.head)
    assert mark.read().head == logged.head


def test_an_older_copy_of_a_real_database_freezes(sqlite, tmp_path) -> None:
    file = tmp_path / "mark"
    mark = open_mark(f"file:{file}", file=file, origin=ORIGIN)
    continuity, checkpoint_signer = adopted(sqlite, mark)
    older = (tmp_path / "casegate.db").read_bytes()
    with continuity.begin(TransactionMode.WRITE) as work:
        work.log.record(fact())
        (logged,) = work.commit()
    checkpoint_signer.sign(logged.head)
    sqlite.close()
    for part in tmp_path.glob("casegate.db-*"):
        part.unlink()
    (tmp_path / "casegate.db").write_bytes(older)
    store = sqlite.open()
    restored = LogContinuity(mark, store.begin, time.monotonic)
    with pytest.raises(LogFrozen), restored.begin(TransactionMode.WRITE):
        pytest.fail("a write began")
    mark.close()


def running(place: Place, kept: Kept) -> list[Program]:
    """Two processes that write and sign."""
    arguments = place.url, place.lock_path, kept.url, kept.file or "", 3
    made = [Program("mark_program", *arguments) for _ in range(2)]
    for one in made:
        one.go()
    return made
