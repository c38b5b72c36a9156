"""Writes on disk before they are sent: whole, private, in order, and gone when answered."""

import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from gateway.client import GatewayUnavailable, LogForked, SettingsError
from gateway.client.local_state import (
    LONGEST_UNCHECKED,
    CheckpointStore,
    Outbox,
    PendingWrite,
    TakenReports,
)
from gateway.domain import read_only
from gateway.ledger.note import Checkpoint, NoteError, open_checkpoint, sign_checkpoint
from gateway.verification.history import SignedTree, prove_fork
from gateway.verification.report import Code, InputFile
from gateway.verification.trust import TrustAnchors
from tests.each import each
from tests.ledger.copies import Served
from tests.ports import ORIGIN, Ids, note_signer


def write(key: str = "01890000-0000-7000-8000-000000000001", **changes: object) -> PendingWrite:
    parts = {
        "action": "handoff.close",
        "path": "/handoffs/x/closure",
        "key": key,
        "body": '{"by":"officer-1","reason":"fermé \u2603"}',
        "handoff": "x",
    }
    return PendingWrite(**parts | changes)  # type: ignore[arg-type]


def test_a_kept_write_comes_back_as_it_was(tmp_path: Path) -> None:
    Outbox(tmp_path).keep(write())
    assert list(Outbox(tmp_path).waiting()) == [write()]


def test_a_write_is_on_disk_before_it_has_its_name_and_its_name_when_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a power cut after the sending leaves it whole."""
    forced: list[tuple[bool, list[str]]] = []
    fsync = os.fsync

    def force(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        forced.append((is_folder, [file.name for file in tmp_path.glob("*.json")]))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", force)
    Outbox(tmp_path).keep(write())
    assert forced == [(False, []), (True, [f"{write().key}.json"])]


def test_folder_and_files_are_their_owners_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        folder = tmp_path / "deep" / "spool"
        Outbox(folder).keep(write())
    finally:
        os.umask(old)
    (file,) = folder.iterdir()
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_writes_wait_in_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    spool, ids = Outbox(tmp_path), Ids()
    keys = [str(ids()) for _ in range(5)]
    for key in reversed(keys):
        spool.keep(write(key))
    assert [one.key for one in spool.waiting()] == keys


def test_an_answered_write_is_gone_and_may_be_gone_already(tmp_path: Path) -> None:
    spool = Outbox(tmp_path)
    spool.keep(write())
    spool.drop(write().key)
    spool.drop(write().key)
    assert list(tmp_path.iterdir()) == []


def test_half_a_file_of_a_crash_is_not_a_write_and_does_no_harm(tmp_path: Path) -> None:
    spool = Outbox(tmp_path)
    (tmp_path / f"{write().key}.part").write_text('{"action":')
    assert list(spool.waiting()) == []
    spool.keep(write())
    assert list(spool.waiting()) == [write()]


@each("action", read_only.EVENTS)
def test_a_write_of_before_that_nobody_can_do_any_more_still_waits(
    tmp_path: Path, action: str
) -> None:
    spool = Outbox(tmp_path)
    spool.keep(write(action=action))
    assert list(spool.waiting()) == [write(action=action)]


@each(
    "change",
    [
        {"key": "another-key-than-the-name"},
        {"action": "case.destroy"},
        {"path": "https://elsewhere.example/"},
        {"body": "[]"},
        {"body": "{"},
        {"handoff": 5},
        {"extra": "x"},
    ],
)
def test_a_file_that_is_no_write_of_ours_stops_the_resuming(
    tmp_path: Path, change: dict[str, object]
) -> None:
    members = {"action": "case.close", "path": "/x", "key": "a-good-key", "body": '{"by":"x"}'}
    file = tmp_path / "a-good-key.json"
    file.write_text(json.dumps({**members, "handoff": None} | change))
    with pytest.raises(SettingsError):
        list(Outbox(tmp_path).waiting())
    file.write_text(json.dumps({**members, "handoff": None}))
    assert len(list(Outbox(tmp_path).waiting())) == 1


def test_where_nothing_can_be_kept_nothing_is_sent(tmp_path: Path) -> None:
    spool = Outbox(tmp_path / "spool")
    (tmp_path / "spool").rmdir()
    (tmp_path / "spool").touch()
    with pytest.raises(SettingsError):
        spool.keep(write())
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError):
        Outbox(tmp_path / "file" / "spool")


# --- What the log has shown: a smaller tree or another root is an alarm, with its proof ---


KEY = note_signer().key


def note(size: int, root: int = 1, origin: str = ORIGIN) -> str:
    return sign_checkpoint(Checkpoint(origin, size, bytes([root]) * 32), note_signer(origin))


def seen(size: int, root: int = 1, origin: str = ORIGIN) -> SignedTree:
    text = note(size, root, origin)
    return SignedTree(open_checkpoint(text, [note_signer(origin).key], origin), text)


def size_of(sightings: CheckpointStore) -> int:
    newest = sightings.newest()
    assert newest is not None
    return newest.checkpoint.size


def test_a_growing_log_is_remembered_at_its_newest() -> None:
    sightings = CheckpointStore([KEY])
    assert sightings.newest() is None
    for size in (3, 3, 7):
        sightings.observe(seen(size, size), sightings.newest())
    assert size_of(sightings) == 7


@each("size, root, overtaken", [(6, 1, False), (7, 2, False), (7, 2, True)])
def test_a_smaller_tree_or_another_root_is_an_alarm(size: int, root: int, overtaken: bool) -> None:
    sightings = CheckpointStore([KEY])
    sightings.observe(seen(7), None)
    with pytest.raises(LogForked, match=f"7 entries known, {size} shown") as alarm:
        sightings.observe(seen(size, root), None if overtaken else sightings.newest())
    assert alarm.value.notes == (note(7), note(size, root))


def test_an_answer_that_was_overtaken_by_another_is_none() -> None:
    sightings = CheckpointStore([KEY])
    sightings.observe(seen(5), None)
    asked_at_five = sightings.newest()
    sightings.observe(seen(9), asked_at_five)
    sightings.observe(seen(6), asked_at_five)
    assert size_of(sightings) == 9


def test_a_later_process_knows_what_an_earlier_one_has_seen(tmp_path: Path) -> None:
    file = tmp_path / "newest.checkpoint"
    CheckpointStore([KEY], file).observe(seen(7), None)
    assert file.read_text() == note(7)
    assert file.stat().st_mode & 0o777 == 0o600
    later = CheckpointStore([KEY], file)
    with pytest.raises(LogForked):
        later.observe(seen(6), later.newest())


def test_processes_that_run_together_share_what_they_see(tmp_path: Path) -> None:
    one, other = (CheckpointStore([KEY], tmp_path / "newest.checkpoint") for _ in range(2))
    one.observe(seen(7), one.newest())
    assert size_of(other) == 7
    other.observe(seen(8, 8), other.newest())
    assert size_of(one) == 8


def test_clients_of_one_process_that_write_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "newest.checkpoint"
    size = count(1)

    def write() -> None:
        sightings = CheckpointStore([KEY], file)
        for _ in range(20):
            sightings.observe(seen(next(size)), None)

    with ThreadPoolExecutor(4) as clients:
        for done in [clients.submit(write) for _ in range(4)]:
            done.result()
    assert size_of(CheckpointStore([KEY], file)) > 1
    assert {path.name for path in tmp_path.iterdir()} <= {file.name, f"{file.name}.unchecked"}


def test_the_proof_of_a_fork_is_kept_beside_the_state(tmp_path: Path) -> None:
    file = tmp_path / "newest.checkpoint"
    sightings = CheckpointStore([KEY], file)
    sightings.observe(seen(7), None)
    with pytest.raises(LogForked, match=r"newest\.checkpoint\.forked"):
        sightings.observe(seen(6), sightings.newest())
    kept = tmp_path / "newest.checkpoint.forked"
    assert {one.read_text() for one in kept.iterdir()} == {note(7), note(6)}
    assert file.read_text() == note(7), "the known checkpoint stays"


def test_an_alarm_stays_until_a_person_has_moved_its_proof_away(tmp_path: Path) -> None:
    file = tmp_path / "newest.checkpoint"
    first = CheckpointStore([KEY], file)
    first.observe(seen(7, 1), None)
    with pytest.raises(LogForked):
        first.observe(seen(7, 2), None)
    for store in (first, CheckpointStore([KEY], file)):
        with pytest.raises(LogForked):
            store.newest()
        with pytest.raises(LogForked):
            store.observe(seen(9, 1), None)
    (tmp_path / "newest.checkpoint.forked").rename(tmp_path / "cleared")
    assert size_of(CheckpointStore([KEY], file)) == 7
    without_file = CheckpointStore([KEY])
    without_file.observe(seen(7, 1), None)
    with pytest.raises(LogForked):
        without_file.observe(seen(7, 2), None)
    with pytest.raises(LogForked):
        without_file.newest()


def of_log(log: Served) -> SignedTree:
    text = log.note().decode()
    return SignedTree(open_checkpoint(text, [KEY], ORIGIN), text)


@pytest.mark.parametrize("size", [84, 89, 300])
def test_a_fork_is_found_by_the_public_tiles_also_once_it_is_longer(
    tmp_path: Path, size: int
) -> None:
    file = tmp_path / "newest.checkpoint"
    known, fork = Served(note_signer(), 84), Served(note_signer(), size, fork=80)
    honest = Served(note_signer(), size)
    CheckpointStore([KEY], file).observe(of_log(known), None)
    following = CheckpointStore([KEY], file, honest.fetch)
    following.observe(of_log(honest), following.newest())
    assert file.read_text() == honest.note().decode()
    file.write_text(known.note().decode())
    with pytest.raises(LogForked):
        store = CheckpointStore([KEY], file, fork.fetch)
        store.observe(of_log(fork), store.newest())
    assert file.read_text() == known.note().decode(), "the known checkpoint stays"
    kept = [
        InputFile(one.name, one.read_bytes())
        for one in (tmp_path / "newest.checkpoint.forked").iterdir()
    ]
    assert prove_fork(kept, TrustAnchors((KEY,), (ORIGIN,))).code == Code.CONTRADICTION


def test_a_growth_that_cannot_be_checked_now_is_checked_later(tmp_path: Path) -> None:
    """No tile is no proof, and no reason to believe: what was checked last is kept beside."""
    file = tmp_path / "newest.checkpoint"
    known, fork = Served(note_signer(), 84), Served(note_signer(), 93, fork=80)

    def nothing(path: str) -> bytes:
        raise GatewayUnavailable("gone")

    CheckpointStore([KEY], file).observe(of_log(known), None)
    store = CheckpointStore([KEY], file, nothing)
    store.observe(of_log(fork), store.newest())
    assert file.read_text() == known.note().decode()
    assert size_of(CheckpointStore([KEY], file)) == 93
    later = CheckpointStore([KEY], file, fork.fetch)
    with pytest.raises(LogForked):
        later.observe(of_log(fork), later.newest())


def test_no_more_is_written_once_a_growth_stayed_unchecked_for_a_day(tmp_path: Path) -> None:
    file = tmp_path / "newest.checkpoint"
    known, grown, later = (Served(note_signer(), size) for size in (84, 93, 97))
    now = 1_800_000_000.0

    def nothing(path: str) -> bytes:
        raise GatewayUnavailable("gone")

    def store(tile: Callable[[str], bytes], at: float) -> CheckpointStore:
        return CheckpointStore([KEY], file, tile, clock=lambda: now + at)

    CheckpointStore([KEY], file).observe(of_log(known), None)
    day = LONGEST_UNCHECKED
    for log, at in ((grown, 0.0), (later, day / 2)):
        one = store(nothing, at)
        one.refuse_unchecked()
        one.observe(of_log(log), one.newest())
    store(nothing, day - 1).refuse_unchecked()
    with pytest.raises(GatewayUnavailable):
        store(nothing, day + 1).refuse_unchecked()
    assert size_of(store(nothing, day + 1)) == 97, "reads go on"
    store(later.fetch, day + 1).refuse_unchecked()
    assert file.read_text() == later.note().decode()
    store(nothing, 3 * day).refuse_unchecked()


def test_a_client_without_files_counts_the_day_by_itself() -> None:
    times = [0.0]

    def nothing(path: str) -> bytes:
        raise LookupError(path)

    one = CheckpointStore([KEY], None, nothing, clock=lambda: times[-1])
    for log in (Served(note_signer(), 84), Served(note_signer(), 93)):
        one.observe(of_log(log), one.newest())
    one.refuse_unchecked()
    times.append(LONGEST_UNCHECKED + 1)
    with pytest.raises(GatewayUnavailable):
        one.refuse_unchecked()


def test_the_tiles_are_asked_at_most_once_a_minute(tmp_path: Path) -> None:
    times = iter([0.0, 0.0, 30.0, 61.0, 61.0])
    log = Served(note_signer(), 84)
    store = CheckpointStore([KEY], None, log.fetch, lambda: next(times))
    store.observe(of_log(log), None)
    for grown, asks in ((5, True), (6, False), (7, True)):
        log.grow(grown)
        log.asked.clear()
        store.observe(of_log(log), None)
        assert bool(log.asked) is asks


@each(
    "content", ["", "rubbish", note(7).replace("\n7\n", "\n9\n"), note(7, origin="other.example")]
)
def test_a_state_that_the_log_did_not_sign_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "newest.checkpoint"
    file.write_text(content)
    with pytest.raises(SettingsError):
        CheckpointStore([KEY], file).newest()


def test_a_checkpoint_of_another_log_is_never_taken_in() -> None:
    with pytest.raises(NoteError):
        CheckpointStore([KEY]).observe(seen(7, origin="other.example"), None)


def test_a_state_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "newest").mkdir()
    with pytest.raises(SettingsError):
        CheckpointStore([KEY], tmp_path / "newest").observe(seen(7), None)


# --- reports that became cases ---


def test_references_taken_are_remembered_and_a_torn_line_costs_one_request(
    tmp_path: Path,
) -> None:
    taken = TakenReports(tmp_path)
    for reference in ("HA-1", "HA-2"):
        taken.add(reference)
    file = tmp_path / "imported"
    assert "HA" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_bytes(file.read_bytes()[:-5])
    found = TakenReports(tmp_path)
    assert "HA-1" in found
    assert "HA-2" not in found
    found.add("HA-2")
    found.add("HA-3")
    again = TakenReports(tmp_path)
    assert "HA-1" in again and "HA-3" in again


def test_a_memory_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "imported").mkdir()
    with pytest.raises(SettingsError, match="imported cannot be read"):
        TakenReports(tmp_path)
