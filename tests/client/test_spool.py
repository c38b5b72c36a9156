"""Writes on disk before they are sent: whole, private, in order, and gone when answered."""

import json
import os
import stat
from pathlib import Path

import pytest

from gateway.client import SettingsError
from gateway.client.local_state import Outbox, PendingWrite
from tests.founding import Ids


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


@pytest.mark.parametrize(
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
