"""Successions are planned in the registry, approved by comparing, and remember what they moved."""

from dataclasses import replace
from uuid import UUID

import pytest

from gateway.domain.refusals import AlreadyExists
from gateway.domain.succession import ReissuedHandoff
from gateway.kernel.ports import TransactionMode
from tests.store import samples
from tests.store.samples import NOON, new_id, succession


@pytest.fixture
def kept(store):
    """A store with three organisations."""
    with store.begin(TransactionMode.REGISTRY) as work:
        for slug in ("hotline", "police", "abroad"):
            work.organisations.add(samples.organisation(slug, mandates=()))
        work.commit()
    return store


def planned(store, *successions):
    with store.begin(TransactionMode.REGISTRY) as work:
        for one in successions:
            work.successions.add(one)
        work.commit()


def test_a_succession_is_found_by_its_offices_and_its_mandate(kept):
    first, second = succession(), succession("abroad", "hotline", competence="receive/csam/BE")
    planned(kept, second, first)
    with kept.begin(TransactionMode.READ) as work:
        assert list(work.successions.all()) == [first, second]
        assert list(work.successions.of("abroad")) == [first, second]
        assert list(work.successions.of("police")) == [first]
        assert list(work.successions.of_predecessor("police", "receive/csam/FR")) == [first]
        assert list(work.successions.of_predecessor("police", "receive/csam/BE")) == []


def test_a_moved_handoff_is_found_from_both_ends(kept):
    one = succession()
    planned(kept, one)
    case, version = samples.case()
    old, new, lost = (samples.handoff(case) for _ in range(3))
    moved = ReissuedHandoff(old[0].id, one.id, new[0].id, True, new_id(), NOON)
    asked_anew = ReissuedHandoff(lost[0].id, one.id, None, False, new_id(), NOON)
    with kept.begin(TransactionMode.WRITE) as work:
        work.cases.add(case, version)
        for handoff in (old, new, lost):
            work.handoffs.add(*handoff)
        work.successions.add_moved(asked_anew)
        work.successions.add_moved(moved)
        with pytest.raises(AlreadyExists):
            work.successions.add_moved(replace(moved, became=None))
        work.commit()
    with kept.begin(TransactionMode.READ) as work:
        assert list(work.successions.moved(one.id)) == [moved, asked_anew]
        assert work.successions.moved_from(old[0].id) == moved
        assert work.successions.moved_to(new[0].id) == moved
        assert work.successions.moved_from(new[0].id) is None
        assert work.successions.moved_to(old[0].id) is None


def test_a_handoff_is_moved_by_a_succession_that_exists(kept):
    case, version = samples.case()
    old = samples.handoff(case)
    with kept.begin(TransactionMode.WRITE) as work:
        work.cases.add(case, version)
        work.handoffs.add(*old)
        with pytest.raises(RuntimeError):
            work.successions.add_moved(
                ReissuedHandoff(old[0].id, UUID(int=5), None, True, new_id(), NOON)
            )
