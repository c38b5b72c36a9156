"""What is remembered of the registry is never older than the registry."""

from dataclasses import replace

from gateway.domain.organisation import Status
from gateway.kernel.ports import TransactionMode
from gateway.store.registry import RegistryCache
from tests.store.samples import certificate, competence, organisation, system


def admitted(store):
    with store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.add(organisation(mandates=(competence("hotline"),)))
        work.organisations.add_system(system())
        work.organisations.add_certificate(certificate())
        work.commit()


def seen(store, mode=TransactionMode.READ):
    with store.begin(mode) as work:
        found = work.organisations
        return (
            found.get("hotline"),
            found.system("hotline", "intake"),
            found.certificate(certificate().thumbprint),
            [one.id for one in found.holders("receive", "csam")],
        )


def test_a_change_counts_for_the_next_work_of_every_process(database):
    one, other = database.open(), database.open()
    admitted(one)
    before = seen(one), seen(other)
    assert before[0] == before[1]
    with other.begin(TransactionMode.REGISTRY) as work:
        found = work.organisations.get("hotline")
        suspended = replace(found, status=Status.SUSPENDED, version=found.version + 1)
        work.organisations.save(suspended)
        work.commit()
    for store in (one, other):
        for mode in (TransactionMode.READ, TransactionMode.WRITE):
            member, _, _, receivers = seen(store, mode)
            assert member.status is Status.SUSPENDED
            assert receivers == []


def test_a_change_that_was_not_committed_is_forgotten(database):
    store = database.open()
    admitted(store)
    before = seen(store)
    with store.begin(TransactionMode.REGISTRY) as work:
        found = work.organisations.get("hotline")
        suspended = replace(found, status=Status.SUSPENDED, version=found.version + 1)
        work.organisations.save(suspended)
        assert work.organisations.get("hotline").status is Status.SUSPENDED
    assert seen(store) == before


def test_an_organisation_that_is_not_there_is_looked_for_again(database):
    store = database.open()
    assert seen(store)[0] is None
    admitted(store)
    assert seen(store)[0] is not None


def test_a_reader_of_an_older_state_gets_what_was_true_then(database):
    store = database.open()
    admitted(store)
    with store.begin(TransactionMode.READ) as reader:
        before = reader.organisations.system("hotline", "intake")
        with store.begin(TransactionMode.REGISTRY) as work:
            found = work.organisations.get("hotline")
            left = replace(found, status=Status.LEFT, version=found.version + 1)
            work.organisations.save(left)
            work.commit()
        assert seen(store)[0].status is Status.LEFT
        assert reader.organisations.get("hotline").status is Status.ACTIVE
        assert reader.organisations.system("hotline", "intake") == before
    assert seen(store)[0].status is Status.LEFT


def test_entries_of_an_older_version_are_not_kept():
    memory = RegistryCache()
    memory.at(2)["organisation", "a"] = "new"
    memory.at(1)["organisation", "a"] = "old"
    assert memory.at(1) == {}
    assert memory.at(2) == {("organisation", "a"): "new"}
    assert memory.at(3) == {}
