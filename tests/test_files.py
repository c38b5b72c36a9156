"""Private files are for their owner alone; what is replaced is replaced whole."""

import os
import stat
from pathlib import Path

import pytest

from gateway import files
from gateway.files import PrivateFileError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_replaced_file_is_another_file_with_the_mode_asked_for(tmp_path):
    path = tmp_path / "crl.pem"
    files.replace(path, b"one", mode=0o644)
    first = path.stat().st_ino
    keep = path.open("rb")  # a reader that opened the old file goes on reading the old one
    files.replace(path, b"two")
    with keep:
        assert (keep.read(), path.read_bytes()) == (b"one", b"two")
    assert path.stat().st_ino != first
    assert mode(path) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["crl.pem"]


def full(_: int) -> None:
    raise OSError("no space left")


def test_a_failed_replacement_leaves_the_old_file_and_no_spare(tmp_path, monkeypatch):
    path = tmp_path / "crl.pem"
    files.replace(path, b"one")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        files.replace(path, b"two")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"one"]


def test_new_files_and_their_folders_are_for_the_owner_alone(tmp_path):
    path = tmp_path / "keys" / "token" / "current.pem"
    before = os.umask(0)
    try:
        files.create(path, b"key")
    finally:
        os.umask(before)
    assert mode(path) == 0o600
    assert (mode(path.parent), mode(path.parent.parent)) == (0o700, 0o700)


def test_a_new_file_never_overwrites_another_nor_follows_a_link(tmp_path):
    path, link = tmp_path / "key.pem", tmp_path / "link.pem"
    files.create(path, b"first")
    link.symlink_to(tmp_path / "elsewhere.pem")
    for taken in (path, link):
        with pytest.raises(PrivateFileError):
            files.create(taken, b"second")
    assert path.read_bytes() == b"first"
    assert not (tmp_path / "elsewhere.pem").exists()


def test_half_a_file_does_not_stay_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PrivateFileError):
        files.create(tmp_path / "key.pem", b"key")
    assert not (tmp_path / "key.pem").exists()


def read(path: Path) -> None:
    files.read_private(path)


READERS = [read, files.require_private]


@pytest.mark.parametrize("use", READERS)
def test_a_private_file_is_one_that_nobody_else_can_open_or_write(tmp_path, monkeypatch, use):
    path = tmp_path / "key.pem"
    files.create(path, b"key")
    use(path)
    for others in (0o640, 0o604, 0o620, 0o610):
        path.chmod(others)
        with pytest.raises(PrivateFileError, match=f"chmod 600 {path}"):
            use(path)
    path.chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    if path.stat().st_uid == 0:
        use(path)  # root can read it anyhow
        os.chown(path, 4243, -1)
    with pytest.raises(PrivateFileError, match=f"chown 4242 {path}"):
        use(path)


@pytest.mark.parametrize("use", READERS)
def test_what_is_missing_or_a_folder_is_no_private_file(tmp_path, use):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(PrivateFileError):
            use(path)


def test_a_destroyed_file_is_overwritten_first(tmp_path):
    path, copy = tmp_path / "secret", tmp_path / "another-name"
    files.create(path, b"secret")
    os.link(path, copy)
    files.destroy(path)
    assert not path.exists()
    assert copy.read_bytes() == bytes(6)
    files.destroy(path)  # once more changes nothing


def test_a_new_folder_has_all_of_its_files_or_is_not_there(tmp_path, monkeypatch):
    folder = tmp_path / "export"
    files.create_folder(folder, {"a.json": b"one", "b.csv": b"two"})
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == {
        "a.json": b"one",
        "b.csv": b"two",
    }
    assert (mode(folder), mode(folder / "a.json")) == (0o700, 0o600)
    with pytest.raises(PrivateFileError, match="exists"):
        files.create_folder(folder, {"a.json": b"other"})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PrivateFileError, match="cannot be"):
        files.create_folder(tmp_path / "full", {"a.json": b"one"})
    assert [one.name for one in tmp_path.iterdir()] == ["export"]
    assert (folder / "a.json").read_bytes() == b"one"
