"""Idempotency keys are used once by each organisation; budgets are counted to their limit."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.case import CaseState
from gateway.domain.refusals import EditConflict
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import RetryKey
from tests.store.samples import NOON, case, handoff, retry


def test_a_idempotency_key_is_remembered_for_its_organisation(store):
    mine, theirs = retry(), retry(organisation="abroad")
    with store.begin(TransactionMode.WRITE) as work:
        work.retries.add(mine)
        work.retries.add(theirs)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.retries.get("hotline", "key-1") == mine
        assert work.retries.get("abroad", "key-1") == theirs
        assert work.retries.get("hotline", "key-2") is None


def test_a_write_finds_its_key_where_it_began(store):
    done, key, unused = retry(), RetryKey("hotline", "key-1"), RetryKey("hotline", "key-2")
    with store.begin(TransactionMode.WRITE, key) as work:
        assert work.retries.get(*key) is None
        work.retries.add(done)
        assert work.retries.get(*key) == done
        work.commit()
    for mode in TransactionMode:
        with store.begin(mode, key) as work:
            assert work.retries.get(*key) == done
            assert work.retries.get(*unused) is None
        with store.begin(mode, unused) as work:
            assert work.retries.get(*unused) is None
            assert work.retries.get(*key) == done


def test_a_used_idempotency_key_is_stale_and_nothing_of_its_work_is_stored(store):
    first = retry()
    with store.begin(TransactionMode.WRITE) as work:
        work.retries.add(first)
        work.commit()
    with store.begin(TransactionMode.WRITE) as work:
        work.retries.add(retry("key-2"))
        with pytest.raises(EditConflict):
            work.retries.add(replace(retry(), fingerprint=b"other"))
            work.retries.get("hotline", "key-3")
        with pytest.raises(RuntimeError):
            work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.retries.get("hotline", "key-1") == first
        assert work.retries.get("hotline", "key-2") is None


def test_what_was_asked_about_a_case_is_compared_no_more_once_the_case_is_erased(store):
    """Neither its versions nor its offers and answers; those of another case still are."""
    made, version = case()
    sent, offer = handoff(made)
    kept, other = case()
    asked = [
        replace(retry(f"key-{number}"), event=one.event)
        for number, one in enumerate((version, offer, other))
    ]
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(made, version)
        work.handoffs.add(sent, offer)
        work.cases.add(kept, other)
        for one in asked:
            work.retries.add(one)
        work.commit()
    with store.begin(TransactionMode.WRITE) as work:
        found = work.cases.get(made.originator, made.id)
        work.cases.erase(replace(found, state=CaseState.ERASED, revision=found.revision + 1))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert [work.retries.get("hotline", one.key) for one in asked] == [None, None, asked[2]]


def test_requests_are_forgotten_by_their_age_and_what_counts_once_for_ever_is_not(store):
    old, new = ((NOON + timedelta(days=days)).timestamp() for days in (0, 10))
    ids = [UUID(int=(int(at * 1000) << 80) + 7) for at in (old, new, old)]
    keys = ("old-request", "new-request", "approval/martin/1")
    asked = [replace(retry(key), event=event) for key, event in zip(keys, ids, strict=True)]
    with store.begin(TransactionMode.WRITE) as work:
        for one in asked:
            work.retries.add(one)
        work.commit()
    with store.begin(TransactionMode.WRITE) as work:
        work.retries.prune(NOON + timedelta(days=5))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert [work.retries.get("hotline", key) for key in keys] == [None, *asked[1:]]


def test_a_budget_is_spent_to_its_limit_in_each_window(store):
    spent = []
    for _ in range(2):
        with store.begin(TransactionMode.WRITE) as work:
            spent += [work.budgets.consume("hotline", "denials/1200", 3) for _ in range(2)]
            work.commit()
    assert spent == [True, True, True, False]
    with store.begin(TransactionMode.WRITE) as work:
        assert work.budgets.consume("hotline", "previews/1200", 3)
        assert work.budgets.consume("abroad", "denials/1200", 3)
        assert not work.budgets.consume("police", "denials/1200", 0)
        assert work.budgets.consume("hotline", "denials/1200", 4)


def test_a_window_forgets_the_earlier_ones_of_the_same_thing_alone(store):
    for window in ("denials/1200", "previews/1200", "denials/1201"):
        with store.begin(TransactionMode.WRITE) as work:
            assert work.budgets.consume("hotline", window, 1)
            work.commit()
    with store.begin(TransactionMode.WRITE) as work:
        assert not work.budgets.consume("hotline", "denials/1201", 1)
        assert not work.budgets.consume("hotline", "previews/1200", 1)
        assert work.budgets.consume("hotline", "denials/1200", 1)  # begun anew: it was forgotten


def test_what_a_rolled_back_work_spent_is_not_spent(store):
    for _ in range(3):
        with store.begin(TransactionMode.WRITE) as work:
            assert work.budgets.consume("hotline", "12:00", 1)
