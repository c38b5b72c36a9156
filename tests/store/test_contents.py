"""What cases say is in no file in clear, and is gone from every copy once its key is."""

import shutil
import sqlite3
from base64 import urlsafe_b64encode
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from gateway.actions import cases, erasure, handoffs
from gateway.actions.administration import Change
from gateway.actions.cases import Confirmation
from gateway.actions.opening import Opening
from gateway.actions.ports import Mode
from gateway.domain.case import CaseState
from gateway.domain.refusals import Erased, KeysUnavailable
from gateway.store import cases as sql_cases
from gateway.store import encryption, log, tables
from gateway.store import handoffs as sql_handoffs
from gateway.store.contents import Contents
from gateway.store.copies import rewrite
from gateway.store.database import Unfit
from gateway.store.envelope import EnvelopeError, is_envelope
from tests import answers, founding
from tests.answers import to_json
from tests.founding import HOTLINE, OFMIN, accepted, caller, check_log, founded, offered, submitted
from tests.store import places
from tests.store.samples import case as sample

WORDS = ("hotel-room-12", "looked-at-in-the-night", "nothing-to-be-found", "closed-for-good")
"""In a statement of the case, in a reason, in an answer, in a reason of a step."""


@pytest.fixture
def place(tmp_path):
    made = places.sqlite(tmp_path)
    yield made
    made.close()


def opened(place):
    """A founded gateway on SQLite, whose cases are encrypted."""
    store = place.open(origin=founding.ORIGIN)
    return founded(store, keys=place.keyring())


def told(gateway):
    """A case that says the words, all through its life; its id and its handoff."""
    statement = founding._statement("fact", text=WORDS[0])
    case = submitted(gateway, statements=[statement])
    handoff = accepted(gateway, offered(gateway, case))
    reading = Opening("officer-1", "investigation", WORDS[1])
    gateway.do(handoffs.consult, caller(OFMIN), gateway.key(), handoff, reading)
    outcome = answers.said("officer-1", code="not_illegal", note=WORDS[2])
    gateway.do(answers.outcome, caller(OFMIN), gateway.key(), handoff, outcome)
    gateway.do(answers.close, caller(OFMIN), gateway.key(), handoff, answers.said("officer-1"))
    id_ = UUID(case.result["case"])
    step = Confirmation("agent-1", WORDS[3])
    gateway.do(cases.close, caller(HOTLINE), gateway.key(), id_, step)
    return id_, handoff


def written(folder: Path) -> bytes:
    """All bytes of all databases and journals."""
    return b"".join(file.read_bytes() for file in sorted(folder.glob("*.db*")))


def readable(folder: Path) -> set[str]:
    """Which of the words stand in the files, in clear or as SD-JWTs spell them."""
    data = written(folder)
    spelled = {word: [word.encode(), *_in_base64(word)] for word in WORDS}
    return {word for word, forms in spelled.items() if any(form in data for form in forms)}


def _in_base64(word: str) -> list[bytes]:
    """How base64url writes a word, wherever in a text it begins."""
    forms = [urlsafe_b64encode(b"x" * shift + word.encode()) for shift in range(3)]
    return [form[4:-4] for form in forms]


def erase(gateway, case):
    values = {"case": str(case), "reason": "asked"}
    change = Change("case.erase", HOTLINE, values)
    return gateway.do(erasure.erase, change, gateway.approve(change))


def test_what_is_looked_for_would_be_found(place, tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.store.envelope.close", lambda text, *_: text)
    monkeypatch.setattr("gateway.store.envelope.is_envelope", lambda text: False)
    monkeypatch.setattr("gateway.store.contents.Contents.open", lambda _, stored, place: stored)
    told(opened(place))
    assert readable(tmp_path) == set(WORDS)


def test_no_word_of_a_case_stands_in_any_file(place, tmp_path):
    gateway = opened(place)
    case, handoff = told(gateway)
    assert readable(tmp_path) == set()
    reference = f"ref-{case}".encode()
    assert reference not in written(tmp_path)
    shown = to_json(handoffs.look_up(gateway.ports, caller(OFMIN), handoff))
    assert len(shown["answers"]) == 4
    check_log(gateway)


def test_an_erased_case_is_unreadable_in_a_copy_of_before_though_its_database_comes_back(
    place, tmp_path
):
    gateway = opened(place)
    case, handoff = told(gateway)
    digest = gateway.case(case).digest
    backup = tmp_path / "backup.copy"
    with closing(sqlite3.connect(tmp_path / "casegate.db")) as here:
        here.execute(f"VACUUM INTO '{backup}'")
    erase(gateway, case)
    check_log(gateway)
    place.close()

    for file in tmp_path.glob("casegate.db*"):
        file.unlink()
    shutil.move(backup, tmp_path / "casegate.db")
    again = place.open(origin=founding.ORIGIN)
    with again.begin(Mode.READ) as work:
        assert work.cases.get(HOTLINE, case).state is CaseState.CLOSED
        with pytest.raises(Erased):
            work.cases.version(digest)
        with pytest.raises(Erased):
            work.handoffs.answers(handoff)
    assert readable(tmp_path) == set()


def test_the_erased_case_is_erased_again_where_the_database_goes_on(place, tmp_path):
    gateway = opened(place)
    case, _ = told(gateway)
    kept, _ = told(gateway)
    with gateway.ports.begin(Mode.READ) as work:
        key = work.cases.key_of(HOTLINE, case)
    gateway.ports.keys.destroy([key])  # and the decision is not in this database
    assert erasure.erase_again(gateway.ports) == 1
    assert gateway.case(case).state is CaseState.ERASED
    assert gateway.case(kept).state is CaseState.CLOSED
    assert erasure.destroy_keys(gateway.ports) == 1
    with gateway.ports.begin(Mode.READ) as work:
        assert work.cases.doomed(10) == []
    check_log(gateway)


def test_a_key_that_came_back_with_an_older_keys_database_is_destroyed_again(place, tmp_path):
    gateway = opened(place)
    case, _ = told(gateway)
    with gateway.ports.begin(Mode.READ) as work:
        key = work.cases.key_of(HOTLINE, case)
    ring = place.keyring(now=lambda: founding.START + timedelta(days=30))
    wrapped = _wrapped(tmp_path, key)
    erase(gateway, case)
    with closing(sqlite3.connect(tmp_path / "keys.db")) as older, older:
        older.execute(
            "UPDATE case_key SET wrapped = ?, kek = ? WHERE id = ?",
            [wrapped, ring.current(), key.hex],
        )
    assert ring.states([key]) == {key: True}
    ports = replace(gateway.ports, keys=ring)
    erasure.destroy_unused(ports, None)
    assert ring.states([key]) == {key: False}


def _wrapped(folder: Path, key: UUID) -> bytes:
    with closing(sqlite3.connect(folder / "keys.db")) as connection:
        (wrapped,) = connection.execute(
            "SELECT wrapped FROM case_key WHERE id = ?", [key.hex]
        ).fetchone()
    return wrapped


def test_a_document_that_was_put_into_another_row_does_not_open(database):
    store = database.open()
    first, second = sample(), sample()
    with store.begin(Mode.WRITE) as work:
        work.cases.add(*first)
        work.cases.add(*second)
        work.commit()
    with database.connected() as connection:
        table = tables.case_version
        rows = connection.execute(table.select().order_by(table.c.digest)).all()
        connection.execute(
            table.update().where(table.c.digest == rows[0].digest),
            {"document": rows[1].document},
        )
    with store.begin(Mode.READ) as work, pytest.raises(EnvelopeError):
        work.cases.version(rows[0].digest)


def test_a_document_in_clear_is_not_believed(database):
    store = database.open()
    made = sample()
    with store.begin(Mode.WRITE) as work:
        work.cases.add(*made)
        work.commit()
    with database.connected() as connection:
        connection.execute(tables.case_version.update(), {"document": "header.payload.s~"})
    with store.begin(Mode.READ) as work, pytest.raises(KeysUnavailable, match="casegate encrypt"):
        work.cases.version(made[1].digest)


def test_without_keys_nothing_is_written(place, tmp_path):
    store = place.open()
    (tmp_path / "keys.db").rename(tmp_path / "away")
    with store.begin(Mode.WRITE) as work, pytest.raises(KeysUnavailable):
        work.cases.add(*sample())
    with store.begin(Mode.READ) as work:
        assert work.cases.page("hotline", None, 10) == []


def test_an_older_keys_database_is_noticed_and_makes_no_keys(place, tmp_path):
    store = place.open()
    shutil.copyfile(tmp_path / "keys.db", tmp_path / "older")
    with store.begin(Mode.WRITE) as work:
        work.cases.add(*sample())
        work.commit()
    place.close()
    for file in tmp_path.glob("keys.db*"):
        file.unlink()
    shutil.move(tmp_path / "older", tmp_path / "keys.db")
    store, ring = place.open(), place.keyring()
    with pytest.raises(KeysUnavailable, match="older than the content"):
        encryption.require_newest_key(store, ring)
    ring.guard(lambda: encryption.require_newest_key(store, ring))
    with pytest.raises(KeysUnavailable):
        ring.take()
    with store.begin(Mode.READ) as work:
        found = encryption.tally(work, ring)
    assert (found.readable, found.lost, len(found.missing)) == (0, 1, 1)


def in_clear(place, ring, case):
    """Make the database what it was before cases were encrypted."""
    contents = Contents(ring)
    texts = (
        (tables.case_version, "document", lambda row: sql_cases.place_of(row.digest)),
        (tables.answer, "statement", lambda row: sql_handoffs.place_of(row.handoff, row.sequence)),
        (tables.log_disclosure, "disclosure", lambda row: log.place_of(row.event, row.position)),
    )
    with place.connected() as connection:
        for table, column, place_of in texts:
            for row in connection.execute(table.select()).all():
                stored = getattr(row, column)
                if is_envelope(stored):
                    its = (key == getattr(row, key.name) for key in table.primary_key)
                    text = contents.open(stored, place_of(row))
                    connection.execute(table.update().where(*its), {column: text})
        plain = {"content_key": None, "erase_on": None, "originator_ref": f"ref-{case}"}
        connection.execute(tables.case_file.update(), plain)


def test_cases_in_clear_are_refused_and_encrypted_once(place, tmp_path):
    gateway = opened(place)
    case, handoff = told(gateway)
    before = to_json(handoffs.look_up(gateway.ports, caller(HOTLINE), handoff))
    erase_on, reference = gateway.case(case).erase_on, gateway.case(case).originator_ref
    in_clear(place, place.keyring(), case)
    assert readable(tmp_path) == set(WORDS)
    with pytest.raises(Unfit, match="casegate encrypt"):
        encryption.require_encrypted(gateway.store)

    heard = []
    for _ in range(2):  # once more changes nothing
        encryption.encrypt(
            gateway.store.begin,
            place.keyring(),
            partial(cases.reference, gateway.ports),
            lambda *at: heard.append(at),
        )
    assert heard == [(1, 1)]
    encryption.require_encrypted(gateway.store)
    place.close()
    rewrite(tmp_path / "casegate.db")
    assert readable(tmp_path) == set()

    again = replace(gateway.ports, begin=place.open(origin=founding.ORIGIN).begin)
    assert to_json(handoffs.look_up(again, caller(HOTLINE), handoff)) == before
    with again.begin(Mode.READ) as work:
        found = work.cases.get(HOTLINE, case)
    assert (found.erase_on, found.originator_ref) == (erase_on, reference)
