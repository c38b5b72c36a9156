"""Key-encryption keys in files: for their owner alone, read late, gone when they are removed."""

import secrets
import stat
from pathlib import Path

import pytest

from gateway.domain.refusals import CaseKeysUnavailable
from gateway.keys import FileKeyEncryption

KEY, ABOUT = bytes(range(32)), b"a case"


def provider(folder: Path) -> FileKeyEncryption:
    return FileKeyEncryption(folder, secrets.token_bytes)


def test_a_new_key_is_for_its_owner_alone_and_known_by_its_id(tmp_path):
    kek = provider(tmp_path)
    made = kek.make()
    assert kek.known() == [made]
    assert stat.S_IMODE(kek.file(made).stat().st_mode) == 0o600


def test_a_wrapped_key_comes_back_in_another_process_and_only_for_what_it_is_about(tmp_path):
    kek = provider(tmp_path)
    made = kek.make()
    wrapped = kek.wrap(made, KEY, ABOUT)
    assert KEY not in wrapped
    assert wrapped != kek.wrap(made, KEY, ABOUT)
    assert provider(tmp_path).unwrap(made, wrapped, ABOUT) == KEY
    with pytest.raises(CaseKeysUnavailable):
        kek.unwrap(made, wrapped, b"another case")


@pytest.mark.parametrize("wrapped", [b"", b"short", bytes(60)])
def test_what_is_no_wrapped_key_is_refused(tmp_path, wrapped):
    kek = provider(tmp_path)
    with pytest.raises(CaseKeysUnavailable):
        kek.unwrap(kek.make(), wrapped, ABOUT)


def test_a_file_that_others_may_read_opens_nothing(tmp_path):
    made = provider(tmp_path).make()
    wrapped = provider(tmp_path).wrap(made, KEY, ABOUT)
    provider(tmp_path).file(made).chmod(0o640)
    with pytest.raises(CaseKeysUnavailable):
        provider(tmp_path).unwrap(made, wrapped, ABOUT)


def test_a_removed_key_is_gone_for_the_process_that_used_it_too(tmp_path):
    kek = provider(tmp_path)
    made = kek.make()
    wrapped = kek.wrap(made, KEY, ABOUT)
    kek.remove(made)
    kek.remove(made)
    assert kek.known() == []
    with pytest.raises(CaseKeysUnavailable):
        kek.unwrap(made, wrapped, ABOUT)


def test_a_removed_key_is_overwritten_first(tmp_path):
    kek = provider(tmp_path)
    made = kek.make()
    size = kek.file(made).stat().st_size
    (tmp_path / "the-same-blocks").hardlink_to(kek.file(made))
    kek.remove(made)
    assert (tmp_path / "the-same-blocks").read_bytes() == bytes(size)


def test_an_id_leads_to_no_other_file(tmp_path):
    with pytest.raises(ValueError, match="hexadecimal"):
        provider(tmp_path).file("../token")
