"""A log that lost or changed anything is found."""

import pytest
from sqlalchemy import text

from gateway.domain.refusals import LogFrozen
from gateway.kernel.ports import TransactionMode
from gateway.store.log_integrity import StoredLogCorrupt, newest_document, verify_log
from gateway.store.unit_of_work import open_for_reading
from tests.each import each
from tests.store.samples import ORIGIN, fact

EVENTS = 300  # more than a tile


def filled(place, events=EVENTS):
    store = place.open()
    with store.begin(TransactionMode.WRITE) as work:
        for _ in range(events):
            work.log.record(fact("hotline", "police"))
        work.commit()
    return store


def examined(store):
    heard = []
    with store.begin(TransactionMode.READ) as work:
        return verify_log(work, lambda done, of: heard.append((done, of))), heard


def test_a_whole_log_is_found_whole_with_its_head(database):
    store = filled(database)
    head, heard = examined(store)
    with store.begin(TransactionMode.READ) as work:
        assert head == work.log.head()
    assert heard == [(EVENTS, EVENTS)]


def test_an_empty_log_is_whole(database):
    head, heard = examined(database.open())
    assert (head.size, heard) == (0, [])


def test_a_log_is_looked_at_in_parts(sqlite, monkeypatch):
    monkeypatch.setattr("gateway.store.log_integrity.CHUNK", 128)
    store = filled(sqlite)
    head, heard = examined(store)
    assert head.size == EVENTS
    assert heard == [(128, EVENTS), (256, EVENTS), (300, EVENTS)]


DAMAGES = {
    "a document changed": "UPDATE log_event SET document = nonce WHERE idx = 7",
    "a nonce is gone": "UPDATE log_event SET nonce = NULL WHERE idx = 7",
    "a document is gone": "UPDATE log_event SET document = NULL WHERE idx = 7",
    "an entry changed": "UPDATE log_event SET entry = (SELECT root FROM log_head) WHERE idx = 7",
    "the last entry is missing": "UPDATE log_head SET size = size + 1",
    "a tile changed": "UPDATE log_tile SET data = substr(data, 33) WHERE level = 0 AND n = 0",
    "a tile of the level above is gone": "DELETE FROM log_tile WHERE level = 1",
    "the head is another": "UPDATE log_head SET root = (SELECT nonce FROM log_event LIMIT 1)",
    "the edge is another": "UPDATE log_head SET edge = (SELECT nonce FROM log_event LIMIT 1)",
    "the words of a block are gone": "DELETE FROM log_block",
    "there is a tile too many": "INSERT INTO log_tile SELECT 5, 0, data FROM log_tile LIMIT 1",
    "the head is behind": "UPDATE log_head SET size = size - 1",
    "a document and its nonce are gone": (
        "UPDATE log_event SET document = NULL, nonce = NULL WHERE idx = 7"
    ),
    "details are those of another event": (
        "UPDATE log_event SET disclosures = (SELECT o.disclosures FROM log_event o WHERE o.idx = 8)"
        " WHERE idx = 7"
    ),
    "details are gone": "UPDATE log_event SET disclosures = '[]' WHERE idx = 7",
    "a party's row in the middle is gone": "DELETE FROM party WHERE stream_number = 7",
    "a party's last row is gone": "DELETE FROM party WHERE stream_number = 260",
    "two entries are swapped and the tiles are left": (
        "UPDATE log_event SET (entry, document, nonce, disclosures) = (SELECT o.entry, o.document,"
        " o.nonce, o.disclosures FROM log_event o WHERE o.idx = 15 - log_event.idx)"
        " WHERE idx IN (7, 8)"
    ),
    "a counter went on": "UPDATE stream SET last = last + 1",
    "a party has a row more": "INSERT INTO party VALUES ('hotline', 261, 7)",
    "a party's row is of another event": (
        "UPDATE party SET idx = 8 WHERE organisation = 'police' AND stream_number = 7"
    ),
    "words to search by are others": (
        "UPDATE log_event SET words = replace(words, 'police', 'polise') WHERE idx = 7"
    ),
    "a time to search by is another": "UPDATE log_event SET at = at + 1 WHERE idx = 7",
    "the words of a block are others": (
        "UPDATE log_block SET words = (SELECT nonce FROM log_event LIMIT 1)"
    ),
}


def is_found(place, damage):
    with place.connected() as connection:
        connection.execute(text(DAMAGES[damage]))
    with pytest.raises((StoredLogCorrupt, LogFrozen)):
        examined(place.open())


def test_each_damage_is_found(sqlite, tmp_path):
    filled(sqlite, 260)
    sqlite.close()
    file = tmp_path / "casegate.db"
    whole = file.read_bytes()

    @each("damage", DAMAGES)
    def found_in_a_copy(damage):
        file.write_bytes(whole)
        is_found(sqlite, damage)
        sqlite.close()

    found_in_a_copy()


@pytest.mark.parametrize("damage", ["a document changed", "a tile changed", "a counter went on"])
def test_it_is_found_on_postgresql_as_well(postgresql, damage):
    filled(postgresql, 260)
    is_found(postgresql, damage)


def test_a_missing_entry_is_named(database):
    store = filled(database, 20)
    with database.connected() as connection:
        connection.execute(text("DELETE FROM log_event WHERE idx = 7"))
    with pytest.raises(StoredLogCorrupt, match="entry 7 is missing"):
        examined(store)


def test_a_number_is_not_given_again_after_its_row_was_lost(database):
    store = filled(database, 20)
    with database.connected() as connection:
        connection.execute(text("DELETE FROM party WHERE stream_number = 20"))
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact("hotline", "police"))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert [number for number, _ in work.log.stream("hotline", 18, 9)] == [19, 21]
        assert work.log.last_number("hotline") == 21


def test_a_number_that_a_party_was_given_twice_is_found(database):
    store = filled(database, 20)
    with database.connected() as connection:
        connection.execute(text("DELETE FROM party WHERE stream_number = 20"))
        connection.execute(text("UPDATE stream SET last = 19"))
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact("hotline", "police"))
        work.commit()
    with pytest.raises(StoredLogCorrupt, match=r"number 20 .* after 20"):
        examined(store)


def test_without_the_key_of_persons_the_rest_is_compared(database):
    filled(database, 20)
    with open_for_reading(database.url, ORIGIN) as store:
        assert examined(store)[0].size == 20


def test_the_newest_document_is_that_of_the_last_event_that_was_not_erased(database):
    store = filled(database, 3)
    with store.begin(TransactionMode.READ) as work:
        assert newest_document(work) is not None
    with database.connected() as connection:
        connection.execute(text("UPDATE log_event SET document = NULL, nonce = NULL"))
    with store.begin(TransactionMode.READ) as work:
        assert newest_document(work) is None
