"""What cases say is in no file in clear, and is gone from every copy once its key is."""

import shutil
import sqlite3
from base64 import urlsafe_b64encode
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from gateway.domain.case import CaseState
from gateway.domain.refusals import CaseErased, CaseKeysUnavailable
from gateway.exchange.case import cases
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.handoffs import package_consultation, views
from gateway.exchange.lifecycle import erasure
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.store import key_inventory, tables
from gateway.store.content_encryption import ContentCipher, EnvelopeError
from tests import answers, casework
from tests.casework import accepted, offered, submitted
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, caller, make_change
from tests.founding import founded
from tests.log_check import check_log, rows_are_whole
from tests.ports import ORIGIN, START
from tests.store.samples import case as sample

WORDS = ("hotel-room-12", "looked-at-in-the-night", "nothing-to-be-found", "closed-for-good")
"""In a statement of the case, in a reason, in an answer, in a reason of a step."""


@pytest.fixture
def place(sqlite):
    return sqlite


def opened(place):
    """A founded gateway on SQLite, whose cases are encrypted."""
    return founded(
        lambda origin, _policy, clock, _random: place.open(origin=origin, now=clock),
        keys=place.keyring(),
    )


def told(gateway):
    """A case that says the words, all through its life; its id and its handoff."""
    statement = casework.statement("fact", text=WORDS[0])
    case = submitted(gateway, statements=[statement])
    handoff = accepted(gateway, offered(gateway, case))
    reading = ConsultationRequest("officer-1", "investigation", WORDS[1])
    gateway.do(package_consultation.consult, caller(OFMIN), gateway.key(), handoff, reading)
    outcome = answers.said("officer-1", code="not_illegal", note=WORDS[2])
    gateway.do(answers.outcome, caller(OFMIN), gateway.key(), handoff, outcome)
    gateway.do(answers.close, caller(OFMIN), gateway.key(), handoff, answers.said("officer-1"))
    id_ = UUID(case.result["case"])
    step = CaseStepRequest("agent-1", WORDS[3])
    gateway.do(cases.close, caller(HOTLINE), gateway.key(), id_, step)
    return id_, handoff


def written(folder: Path) -> bytes:
    """All bytes of all databases and journals."""
    return b"".join(file.read_bytes() for file in sorted(folder.glob("*.db*")))


def readable(folder: Path) -> set[str]:
    """Which of the words stand in the files, in clear or as SD-JWTs and the log spell them."""
    data = written(folder)
    spelled = {word: [word.encode(), *_in_base64(word.encode())] for word in WORDS}
    for forms in spelled.values():
        forms += [twice for once in forms[1:] for twice in _in_base64(once)]
    return {word for word, forms in spelled.items() if any(form in data for form in forms)}


def _in_base64(word: bytes) -> list[bytes]:
    """How base64url writes a word, wherever in a text it begins."""
    forms = [urlsafe_b64encode(b"x" * shift + word) for shift in range(3)]
    return [form[4:-4] for form in forms]


def erase(gateway, case):
    values = {"case": str(case), "reason": "asked"}
    change = Change("case.erase", HOTLINE, values)
    return gateway.do(make_change, change, gateway.approve(change))


def test_what_is_looked_for_would_be_found(place, tmp_path, monkeypatch):
    cipher = "gateway.store.content_encryption.ContentCipher"
    monkeypatch.setattr(f"{cipher}.encrypt", lambda _, text, key, cell: text.encode())
    monkeypatch.setattr(f"{cipher}.decrypt", lambda _, stored, cell: stored.decode())
    told(opened(place))
    assert readable(tmp_path) == set(WORDS)


def test_no_condition_of_use_stands_in_any_file_and_no_digest_of_it_after_the_erasure(
    place, tmp_path
):
    gateway = opened(place)
    case, handoff = told(gateway)
    conditions = casework.conditions_of(gateway, handoff, OFMIN)
    assert conditions["permitted_actions"].encode() not in written(tmp_path)
    with place.connected() as connection:
        kept = connection.execute(select(tables.handoff.c.conditions_digest)).scalar_one()
    erase(gateway, case)
    with place.connected() as connection:
        left = connection.execute(select(tables.handoff.c.conditions_digest)).scalar_one()
        table = tables.case_version
        (version,) = connection.execute(select(table.c.summary, table.c.document)).all()
    assert kept != left == ""
    assert tuple(version) == (b"", b"")


def test_no_word_of_a_case_stands_in_any_file(place, tmp_path):
    gateway = opened(place)
    case, handoff = told(gateway)
    assert readable(tmp_path) == set()
    reference = f"ref-{case}".encode()
    assert reference not in written(tmp_path)
    shown = to_json(views.look_up(gateway.ports, caller(OFMIN), handoff))
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
    again = place.open(origin=ORIGIN)
    with again.begin(TransactionMode.READ) as work:
        assert work.cases.get(HOTLINE, case).state is CaseState.CLOSED
        with pytest.raises(CaseErased):
            work.cases.version(digest)
        with pytest.raises(CaseErased):
            work.handoffs.answers(handoff)
    assert readable(tmp_path) == set()


def test_the_erased_case_is_erased_again_where_the_database_goes_on(place, tmp_path):
    gateway = opened(place)
    case, _ = told(gateway)
    kept, _ = told(gateway)
    with gateway.ports.begin(TransactionMode.READ) as work:
        key = work.cases.key_of(HOTLINE, case)
    gateway.ports.keys.destroy([key])  # and the decision is not in this database
    assert erasure.erase_restored(gateway.ports) == 1
    assert gateway.case(case).state is CaseState.ERASED
    assert gateway.case(kept).state is CaseState.CLOSED
    assert erasure.destroy_keys(gateway.ports) == 1
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert work.cases.doomed(10) == []
    check_log(gateway)


def test_a_key_that_came_back_with_an_older_keys_database_is_destroyed_again(place, tmp_path):
    gateway = opened(place)
    case, _ = told(gateway)
    with gateway.ports.begin(TransactionMode.READ) as work:
        key = work.cases.key_of(HOTLINE, case)
    ring = place.keyring(now=lambda: START + timedelta(days=30))
    wrapped = _wrapped(tmp_path, key)
    erase(gateway, case)
    with closing(sqlite3.connect(tmp_path / "keys.db")) as older, older:
        older.execute(
            "UPDATE case_key SET wrapped = ?, kek = ? WHERE id = ?",
            [wrapped, ring.key_encryption().current, key.hex],
        )
    assert ring.states([key]) == {key: True}
    ports = replace(gateway.ports, keys=ring)
    erasure.destroy_orphan_keys(ports, None, rows_are_whole)
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
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(*first)
        work.cases.add(*second)
        work.commit()
    with database.connected() as connection:
        table = tables.case_version
        rows = connection.execute(select(table.c.digest, table.c.document)).all()
        connection.execute(
            table.update().where(table.c.digest == rows[0].digest),
            {"document": rows[1].document},
        )
    with store.begin(TransactionMode.READ) as work, pytest.raises(EnvelopeError):
        work.cases.version(rows[0].digest)


def test_a_document_in_clear_is_not_believed(database):
    store = database.open()
    made = sample()
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(*made)
        work.commit()
    with database.connected() as connection:
        connection.execute(tables.case_version.update(), {"document": b"header.payload.s~"})
    with store.begin(TransactionMode.READ) as work, pytest.raises(EnvelopeError):
        work.cases.version(made[1].digest)


def test_without_keys_nothing_is_written(place, tmp_path):
    store = place.open()
    (tmp_path / "keys.db").rename(tmp_path / "away")
    with store.begin(TransactionMode.WRITE) as work, pytest.raises(CaseKeysUnavailable):
        work.cases.add(*sample())
    with store.begin(TransactionMode.READ) as work:
        assert work.cases.page("hotline", None, 10) == []


def test_an_older_keys_database_is_noticed_and_makes_no_keys(place, tmp_path):
    store = place.open()
    shutil.copyfile(tmp_path / "keys.db", tmp_path / "older")
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(*sample())
        work.commit()
    place.close()
    for file in tmp_path.glob("keys.db*"):
        file.unlink()
    shutil.move(tmp_path / "older", tmp_path / "keys.db")
    store, ring = place.open(), place.keyring()
    with pytest.raises(CaseKeysUnavailable):
        key_inventory.require_newest_key(store, ring)
    ring.guard(lambda: key_inventory.require_newest_key(store, ring))
    with pytest.raises(CaseKeysUnavailable):
        ring.take()
    with store.begin(TransactionMode.READ) as work:
        found = key_inventory.take_inventory(work, ring)
    assert (found.readable, found.lost, len(found.missing)) == (0, 1, 1)


def test_a_list_and_an_acceptance_decrypt_no_version_of_a_case(place, monkeypatch):
    gateway = opened(place)
    offer = offered(gateway)
    handoff = UUID(offer.result["handoff"])
    conditions = casework.conditions_of(gateway, handoff, OFMIN)
    decrypt, columns = ContentCipher.decrypt, set()

    def noted(cipher, stored, cell):
        columns.add((cell.table, cell.column))
        return decrypt(cipher, stored, cell)

    monkeypatch.setattr(ContentCipher, "decrypt", noted)
    reply = answers.said("officer-1", conditions=conditions)
    gateway.do(answers.accept, caller(OFMIN), gateway.key(), handoff, reply)
    assert columns == {("answer", "document")}, "its own offer, which its row is held against"
    columns.clear()
    views.page(gateway.ports, caller(OFMIN), box="in", after=None, limit=9)
    assert columns == set()
    (listed,) = cases.page(gateway.ports, caller(HOTLINE), None, 9).items
    assert listed.originator_ref
    assert columns == {("case_version", "summary")}


def test_only_what_a_holder_retains_or_may_still_retain_opens_after_an_erasure(place, tmp_path):
    """A holder that retains, one in its days of grace, and one that may do neither; an old copy of
    the database opens no more than the present one."""
    gateway = opened(place)
    statement = casework.statement("fact", text=WORDS[0])
    case = submitted(gateway, statements=[statement])
    retaining = accepted(gateway, offered(gateway, case))
    graced = accepted(gateway, offered(gateway, submitted(gateway, statements=[statement])))
    private = accepted(gateway, offered(gateway, case, to=ABROAD), recipient=ABROAD)
    basis = answers.said("officer-1", legal_basis="art. 230-8 CPP")
    gateway.do(answers.retain, caller(OFMIN), gateway.key(), retaining, basis)
    backup = tmp_path / "backup.copy"
    with closing(sqlite3.connect(tmp_path / "casegate.db")) as here:
        here.execute(f"VACUUM INTO '{backup}'")
    gateway.clock.advance(timedelta(days=4000))
    assert erasure.erase_due(gateway.ports) == 2
    assert readable(tmp_path) == set()
    with gateway.ports.begin(TransactionMode.READ) as work:
        copies = {one: work.retentions.copy(one) for one in (retaining, graced, private)}
    assert copies[private] is None
    assert copies[retaining].grace_until is None
    assert copies[graced].grace_until is not None
    place.close()
    shutil.move(backup, tmp_path / "casegate.db")
    for journal in tmp_path.glob("casegate.db-*"):
        journal.unlink()
    again = place.open(origin=ORIGIN)
    with again.begin(TransactionMode.READ) as work:
        for handoff in (retaining, graced, private):
            assert work.retentions.copy(handoff) is None
            with pytest.raises(CaseErased):
                work.handoffs.answers(handoff)
