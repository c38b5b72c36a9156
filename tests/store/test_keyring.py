"""Keys are durable before they are used, end for good, and change their wrapping while in use."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from gateway.domain.refusals import CaseErased, CaseKeysUnavailable, DiskFull
from gateway.store import database
from gateway.store import keyring as keyrings
from gateway.store.database import UnsuitableDatabase
from gateway.store.keyring import make_keyring
from tests.postgresql import emptied_database
from tests.store import places
from tests.store.places import key_encryption
from tests.store.samples import NOON, ORIGIN, new_id


class Clock:
    def __init__(self):
        self.at = NOON

    def __call__(self):
        return self.at


@pytest.fixture(params=["sqlite", "postgresql"])
def ring(request, tmp_path):
    """A keys database of each kind, as two processes see it: `ring` and `ring.other`."""
    clock = Clock()
    place = places.sqlite(tmp_path)
    if request.param == "postgresql":
        url = emptied_database()
        kek = key_encryption(Path(place.keys_folder()))
        make_keyring(url, file=None, origin=ORIGIN, kek=kek.known()[0])
        made = [place.keyring(clock, url=url) for _ in range(2)]
    else:
        made = [place.keyring(clock) for _ in range(2)]
    made[0].other, made[0].clock, made[0].folder = made[1], clock, Path(place.keys_folder())
    yield made[0]
    place.close()


def test_a_key_that_is_taken_is_durable_already(ring):
    id_, key = ring.take()
    assert len(key) == 32
    assert ring.other.key(id_) == key
    assert ring.states([id_, new_id()]) == {id_: True}


def test_where_the_disk_is_full_no_key_is_made_and_the_refusal_says_why(tmp_path, monkeypatch):
    place = places.sqlite(tmp_path)
    with closing(sqlite3.connect(Path(place.keys_folder()) / "keys.db")) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    monkeypatch.setitem(database._SQLITE_SETTINGS, "max_page_count", (pages, pages))
    full = place.keyring(Clock())
    with pytest.raises(DiskFull, match="has to make room"):
        while True:
            full.take()
    full.restock()  # says nothing: not all that is written needs a key
    place.close()


def test_no_key_is_given_twice(ring):
    taken = [one.take() for one in (ring, ring.other) for _ in range(keyrings.BATCH + 1)]
    assert len({id_ for id_, _ in taken}) == len({key for _, key in taken}) == len(taken)


def test_keys_are_made_many_at_a_time_and_only_where_they_are_used(ring):
    ring.restock()
    assert ring.long_made(None, 10) == []
    ring.clock.at += timedelta(days=8)
    assert ring.long_made(None, 1000) == []
    ring.take()
    ring.clock.at += timedelta(days=8)
    assert len(ring.long_made(None, 1000)) == keyrings.BATCH


def test_keys_that_lay_about_for_an_hour_are_not_used_any_more(ring):
    first, _ = ring.take()
    ring.clock.at += timedelta(hours=2)
    second, _ = ring.take()
    assert len(ring.destroyed(None, 10)) == 0
    assert second > first
    assert ring._stock[0].at == ring.clock.at


def test_a_destroyed_key_is_told_from_one_that_was_never_there(ring):
    id_, _ = ring.take()
    kept, key = ring.take()
    assert ring.destroy([id_]) == 1
    assert ring.destroy([id_]) == 0
    with pytest.raises(CaseErased):
        ring.other.key(id_)
    with pytest.raises(CaseKeysUnavailable, match="missing"):
        ring.key(new_id())
    assert ring.destroyed(None, 10) == [id_]
    assert ring.key(kept) == key


def test_a_key_that_a_copy_has_lost_is_destroyed_all_the_same(ring):
    lost = new_id()
    assert ring.destroy([lost]) == 0
    with pytest.raises(CaseErased):
        ring.key(lost)


def test_nothing_of_a_destroyed_key_is_left_in_the_files(sqlite, tmp_path):
    ring = sqlite.keyring()
    id_, _ = ring.take()
    wrapped = _wrapped(tmp_path, id_)
    assert wrapped in _bytes(tmp_path)
    ring.destroy([id_])
    assert wrapped not in _bytes(tmp_path)
    assert id_.hex.encode() in _bytes(tmp_path)


def test_nothing_of_an_earlier_wrapping_is_left_in_the_files(sqlite, tmp_path):
    """Who kept the older key-encryption key opens nothing by a disk of today."""
    ring = sqlite.keyring()
    id_, key = ring.take()
    before = _wrapped(tmp_path, id_)
    ring.activate(key_encryption(tmp_path).make())
    while ring.rewrap():
        pass
    assert before not in _bytes(tmp_path)
    assert _wrapped(tmp_path, id_) in _bytes(tmp_path)
    assert ring.key(id_) == key


def _wrapped(folder: Path, id_: UUID) -> bytes:
    """A key as it is stored now."""
    query = "SELECT wrapped FROM case_key WHERE id = ?"
    with closing(sqlite3.connect(folder / "keys.db")) as connection:
        (wrapped,) = connection.execute(query, [id_.hex]).fetchone()
    return wrapped


def _bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.glob("keys.db*")))


def test_no_key_is_made_when_none_may_be(ring):
    def refuse():
        raise CaseKeysUnavailable("the keys database is older than the content")

    ring.guard(refuse)
    with pytest.raises(CaseKeysUnavailable, match="older"):
        ring.take()


def test_who_needs_no_key_is_not_stopped_where_none_can_be_made(ring):
    asked = []

    def refuse():
        asked.append(ring.clock.at)
        raise CaseKeysUnavailable("the keys database is older than the content")

    ring.guard(refuse)
    with pytest.raises(CaseKeysUnavailable):
        ring.take()
    for _ in range(3):
        ring.restock()
    assert len(asked) == 2
    ring.clock.at += keyrings.RESTOCKED_AFTER
    ring.restock()
    assert len(asked) == 3


def test_another_gateways_keys_are_not_touched(sqlite, tmp_path):
    ring, url = sqlite.keyring(), f"sqlite:///{tmp_path / 'keys.db'}"
    id_, _ = ring.take()
    with pytest.raises(UnsuitableDatabase, match="no keys of this gateway"):
        sqlite.keyring(origin="other.example/log").require()
    make_keyring(url, file=tmp_path / "keys.db", origin="other.example/log", kek="0" * 16)
    other = sqlite.keyring(origin="other.example/log")
    other.destroy([new_id()])
    with pytest.raises(CaseKeysUnavailable):
        other.key(id_)
    assert ring.states([id_]) == {id_: True}


def test_keys_are_begun_anew_only_where_nothing_was_wrapped(sqlite, tmp_path):
    url, file = f"sqlite:///{tmp_path / 'keys.db'}", tmp_path / "keys.db"
    ring = sqlite.keyring()
    named = ring.key_encryption().current
    make_keyring(url, file=file, origin=ORIGIN, kek="0" * 16)
    assert ring.key_encryption().current == "0" * 16
    make_keyring(url, file=file, origin=ORIGIN, kek=named)
    id_, key = ring.take()
    with pytest.raises(UnsuitableDatabase, match="bring keys/kek"):
        make_keyring(url, file=file, origin=ORIGIN, kek="0" * 16)
    make_keyring(url, file=file, origin=ORIGIN, kek=named)
    assert (ring.key_encryption().current, ring.key(id_)) == (named, key)


def test_a_keys_database_that_is_gone_is_not_made_anew(sqlite, tmp_path):
    ring, file = sqlite.keyring(), tmp_path / "keys.db"
    file.unlink()
    with pytest.raises(UnsuitableDatabase, match="missing"):
        ring.require()
    assert not file.exists()


def test_a_database_without_keys_cannot_be_opened_as_that_of_a_gateway(sqlite, tmp_path):
    ring = sqlite.keyring()
    (tmp_path / "keys.db").write_bytes(b"")
    with pytest.raises(UnsuitableDatabase, match=r"no such table.*\[case_keys\] url"):
        ring.require()


def test_all_keys_are_wrapped_anew_in_batches_while_they_are_used(ring):
    taken = [ring.take() for _ in range(5)]
    kek = key_encryption(ring.folder)
    old, new = ring.key_encryption().current, kek.make()
    ring.activate(new)
    assert ring.left() == keyrings.BATCH
    assert ring.rewrap(10) == 10  # and is cut off here
    assert ring.left() == keyrings.BATCH - 10
    made_since, key_since = ring.other.take()
    while ring.rewrap(10):
        pass
    assert ring.left() == 0
    kek.remove(old)
    ring.clock.at += timedelta(minutes=1)
    for id_, key in [*taken, (made_since, key_since)]:
        assert ring.other.key(id_) == key


def test_a_key_that_is_wrapped_anew_while_it_is_read_opens(ring, monkeypatch):
    id_, key = ring.take()
    other, find = ring.other, ring.other._rows

    def overtaken(wanted):
        row = find(wanted)
        monkeypatch.undo()
        kek, old = key_encryption(ring.folder), ring.key_encryption().current
        ring.activate(kek.make())
        while ring.rewrap():
            pass
        kek.remove(old)
        return row

    monkeypatch.setattr(other, "_rows", overtaken)
    assert other.key(id_) == key


def test_a_key_made_ahead_under_an_older_key_encryption_key_is_still_good(ring):
    ring.take()
    kek = key_encryption(ring.folder)
    old = ring.key_encryption().current
    ring.activate(kek.make())
    while ring.rewrap():
        pass
    kek.remove(old)
    ring._kek.remove(old)
    id_, key = ring.take()
    assert ring.other.key(id_) == key


def test_without_its_key_encryption_key_nothing_opens_and_nothing_is_made(ring):
    id_, _ = ring.take()
    ring._kek.remove(ring.key_encryption().current)
    ring.other._stock.clear()
    for attempt in (lambda: ring.key(id_), ring.other.take):
        with pytest.raises(CaseKeysUnavailable, match="operator"):
            attempt()
