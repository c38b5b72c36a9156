"""Conformance runs are kept apart, compared before they change, and forgotten when they failed."""

from dataclasses import replace

import pytest

from gateway.kernel.ports import TransactionMode
from tests.store.samples import NOON, organisation, run, system


@pytest.fixture
def stored(store):
    made = run()
    with store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.add(organisation())
        work.organisations.add_system(system())
        work.conformance.add(made)
        work.commit()
    return made


def test_who_passed_a_run_is_known(store, stored):
    with store.begin(TransactionMode.WRITE) as work:
        assert not work.conformance.passed("hotline")
        work.conformance.save(replace(stored, revision=stored.revision + 1, passed_at=NOON))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.conformance.passed("hotline")
        assert not work.conformance.passed("police")


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
