"""What the index of items leaves behind, and what its rows tell of one another."""

from uuid import UUID

import pytest
from sqlalchemy import select

from gateway.domain.audit import CaseId
from gateway.domain.searched_item import SearchedKind
from gateway.exchange.handoffs import item_search
from gateway.exchange.handoffs.item_search import ItemSearch
from gateway.exchange.standing import item_index
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.store import tables
from gateway.store.registry import RegistryCache
from tests.casework import accepted, offered, submitted
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, caller
from tests.store.test_contents import erase, opened, told, written
from tests.store.test_rounds import fact

URL = "https://Content.example.org:443/page#part"


@pytest.fixture
def place(sqlite):
    return sqlite


def rows(place, organisation):
    of = tables.indexed_item.c
    with place.connected() as connection:
        return connection.execute(
            select(of.token, of.about).where(of.organisation == organisation)
        ).all()


def search(gateway, organisation, url=URL):
    asked = ItemSearch("officer-1", "quality", "looked for", SearchedKind.URL, url, 20)
    key = gateway.key()
    return item_search.search(gateway.ports, caller(organisation), key, asked).result


def test_no_item_and_no_digest_of_one_is_left_in_any_file_after_the_erasure(place, tmp_path):
    gateway = opened(place)
    case, handoff = told(gateway)
    kept = {*rows(place, HOTLINE), *rows(place, OFMIN)}
    assert {about for _, about in kept} == {case, handoff}
    search(gateway, HOTLINE)
    data = written(tmp_path)
    assert all(token in data for token, _ in kept)
    assert not any(one in data for one in (b"content.example.org", URL.encode()))
    erase(gateway, case)
    gateway.store.database.empty_journal()
    data = written(tmp_path)
    assert not any(token in data for token, _ in kept)
    assert not rows(place, HOTLINE)
    assert not rows(place, OFMIN)


def test_the_same_item_of_another_organisation_is_never_found_and_has_no_digest_in_common(place):
    gateway = opened(place)
    mine = UUID(submitted(gateway).result["case"])
    others = UUID(submitted(gateway, originator=ABROAD).result["case"])
    tokens = [{token for token, _ in rows(place, one)} for one in (HOTLINE, ABROAD)]
    assert all(tokens)
    assert not tokens[0] & tokens[1]
    assert [one.case for one in search(gateway, HOTLINE).items] == [mine]
    assert [one.case for one in search(gateway, ABROAD).items] == [others]
    assert search(gateway, OFMIN).items == []


def test_what_was_there_before_the_index_is_found_once_maintenance_went_over_it(place):
    gateway = opened(place)
    handoff = accepted(gateway, offered(gateway))
    with place.connected() as connection:
        connection.execute(tables.indexed_item.delete())
        connection.execute(tables.case_file.update().values(indexed=False))
    assert search(gateway, OFMIN).items == []
    assert item_index.index_earlier(gateway.ports)
    assert not item_index.index_earlier(gateway.ports)
    assert [one.handoff for one in search(gateway, OFMIN).items] == [handoff]
    assert len(search(gateway, HOTLINE).items) == 1


def test_an_index_whose_key_is_lost_is_made_anew_and_what_is_submitted_meanwhile_is_found(
    place, monkeypatch
):
    gateway = opened(place)
    handoff = accepted(gateway, offered(gateway))
    remembering = gateway.store.memory
    monkeypatch.setattr(gateway.store, "memory", RegistryCache())
    with place.connected() as connection:
        secret = connection.execute(
            select(tables.index_key.c.content_key).where(tables.index_key.c.organisation == OFMIN)
        ).scalar_one()
    gateway.ports.keys.destroy([secret])
    with pytest.raises(RecordedRefusal):
        search(gateway, OFMIN)
    item_index.begin_lost_again(gateway.ports)
    monkeypatch.setattr(gateway.store, "memory", remembering)  # a process that knew the lost key
    submitted(gateway)
    while item_index.index_earlier(gateway.ports):
        pass
    assert [one.handoff for one in search(gateway, OFMIN).items] == [handoff]
    assert len(search(gateway, HOTLINE).items) == 2


def test_a_key_that_was_never_committed_is_not_remembered(place, monkeypatch):
    gateway = opened(place)
    of = CaseId(HOTLINE, UUID(int=1))
    with gateway.ports.begin(TransactionMode.WRITE) as work:
        for number in (1, 2):
            work.items.put(HOTLINE, of, of.case, number, ["url:one"])
    case = UUID(submitted(gateway).result["case"])
    monkeypatch.setattr(gateway.store, "memory", RegistryCache())
    assert [one.case for one in search(gateway, HOTLINE).items] == [case]


def test_a_key_that_one_part_of_a_writer_makes_is_that_of_its_next_parts(place):
    gateway = opened(place)
    of = CaseId(HOTLINE, UUID(submitted(gateway).result["case"]))
    with gateway.ports.begin(TransactionMode.SHARED) as work:
        for number in (1, 2, 3, 4):
            work.items.put(OFMIN, of, of.case, number, ["url:one"])
            work.log.record(fact())
            if number < 4:
                work.next_part()
        work.commit_parts()
    assert len({token for token, _ in rows(place, OFMIN)}) == 1
    assert len(rows(place, OFMIN)) == 3
