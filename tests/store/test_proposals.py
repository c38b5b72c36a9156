"""Proposals are kept until they are made, once, or over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.refusals import EditConflict
from gateway.kernel.ports import TransactionMode
from tests.store.samples import NOON, new_id, proposal


def kept(store, *made):
    with store.begin(TransactionMode.REGISTRY) as work:
        for one in made:
            work.proposals.add(one)
        work.commit()


@pytest.mark.parametrize(
    ("end", "field"), [("close", "applied_event"), ("withdraw", "withdrawal_event")]
)
def test_a_proposal_is_made_or_withdrawn_once(store, end, field):
    made, event = proposal(), new_id()
    kept(store, made)
    with store.begin(TransactionMode.REGISTRY) as work:
        getattr(work.proposals, end)(made.id, event)
        for other in (made.id, new_id()):
            with pytest.raises(EditConflict):
                work.proposals.close(other, new_id())
            with pytest.raises(EditConflict):
                work.proposals.withdraw(other, new_id())
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.proposals.get(made.id) == replace(made, **{field: event})


def test_proposals_come_in_pages_the_newest_first(store):
    made = [proposal() for _ in range(5)]
    kept(store, *made)
    newest_first = made[::-1]
    with store.begin(TransactionMode.READ) as work:
        assert work.proposals.page(None, 2) == newest_first[:2]
        assert work.proposals.page(newest_first[1].id, 10) == newest_first[2:]


def test_those_that_wait_are_found_beneath_those_that_are_over(store):
    waiting = [proposal() for _ in range(3)]
    over = proposal(expires_at=NOON - timedelta(seconds=1))
    made, withdrawn = proposal(), proposal()
    kept(store, *waiting, over, made, withdrawn)
    with store.begin(TransactionMode.REGISTRY) as work:
        work.proposals.close(made.id, new_id())
        work.proposals.withdraw(withdrawn.id, new_id())
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.proposals.page(None, 2, NOON) == [waiting[2], waiting[1]]
        assert work.proposals.page(waiting[1].id, 2, NOON) == [waiting[0]]
        assert len(work.proposals.page(None, 10)) == 6


def test_proposals_that_ended_long_ago_are_forgotten(store):
    old, new = proposal(expires_at=NOON - timedelta(days=1)), proposal()
    kept(store, old, new)
    with store.begin(TransactionMode.REGISTRY) as work:
        work.proposals.prune(NOON)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.proposals.page(None, 10) == [new]
