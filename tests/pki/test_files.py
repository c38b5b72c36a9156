"""A file that is replaced."""

import os
import stat
from pathlib import Path

import pytest

from gateway.pki.files import replace_file


def test_a_replaced_file_is_another_file_with_the_mode_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "crl.pem"
    replace_file(path, b"one")
    first = path.stat().st_ino
    keep = path.open("rb")  # a reader that opened the old file goes on reading the old one
    replace_file(path, b"two", mode=0o600)
    with keep:
        assert (keep.read(), path.read_bytes()) == (b"one", b"two")
    assert path.stat().st_ino != first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["crl.pem"]


def test_a_failed_replacement_leaves_the_old_file_and_no_spare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "crl.pem"
    replace_file(path, b"one")

    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        replace_file(path, b"two")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"one"]
