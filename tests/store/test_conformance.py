"""Conformance runs are kept apart, compared before they change, and forgotten when they failed."""

from dataclasses import replace

import pytest

from gateway.domain.refusals import AlreadyExists, EditConflict
from gateway.kernel.ports import TransactionMode
from tests.store.samples import NOON, new_id, organisation, run, system


@pytest.fixture
def stored(store):
    made = run()
    with store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.add(organisation())
        work.organisations.add_system(system())
        work.conformance.add(made)
        work.commit()
    return made


def moved(one, **changes):
    return replace(one, revision=one.revision + 1, **changes)


def test_a_run_is_found_as_it_was_stored_and_its_id_is_taken(store, stored):
    with store.begin(TransactionMode.WRITE) as work:
        assert work.conformance.get(stored.id) == stored
        assert work.conformance.get(new_id()) is None
        with pytest.raises(AlreadyExists):
            work.conformance.add(stored)


def test_what_was_done_is_kept_and_whose_run_it_is_stays(store, stored):
    after = moved(stored, marks=frozenset({"sent", "read"}), sandbox="{}", passed_at=NOON)
    with store.begin(TransactionMode.WRITE) as work:
        assert not work.conformance.passed("hotline")
        work.conformance.save(replace(after, system="other", expires_at=NOON))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.conformance.get(stored.id) == after
        assert work.conformance.passed("hotline")
        assert not work.conformance.passed("police")


def test_of_two_changes_of_one_revision_the_second_is_refused(store, stored):
    with store.begin(TransactionMode.WRITE) as work:
        work.conformance.save(moved(stored))
        with pytest.raises(EditConflict):
            work.conformance.save(moved(stored))


def test_an_unknown_run_is_not_saved(store, stored):
    with store.begin(TransactionMode.WRITE) as work, pytest.raises(EditConflict):
        work.conformance.save(moved(run()))


def test_runs_that_ended_are_forgotten_unless_they_were_passed(store, stored):
    passed, later = replace(run(), passed_at=NOON), run(days=2)
    with store.begin(TransactionMode.WRITE) as work:
        work.conformance.add(passed)
        work.conformance.add(later)
        work.conformance.prune(stored.expires_at)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.conformance.get(stored.id) is None
        assert work.conformance.get(passed.id) == passed
        assert work.conformance.get(later.id) == later
