"""Used assertions are known to all later units of work, until pruned."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from gateway.kernel.ports import TransactionMode
from tests.store.samples import NOON

SOON = NOON + timedelta(minutes=5)


def spend(store, client="hotline.desk", jti="one", at=SOON):
    with store.begin(TransactionMode.WRITE) as work:
        fresh = work.used_assertions.consume(client, jti, at)
        work.commit()
    return fresh


def test_an_id_is_spent_once_by_each_client(store):
    assert [spend(store), spend(store), spend(store, jti="two")] == [True, False, True]
    assert spend(store, client="police.desk")


def test_of_many_that_spend_one_id_at_once_in_two_nodes_one_does(database):
    nodes, together = [database.open() for _ in range(2)], threading.Barrier(8)

    def race(number):
        together.wait()
        return spend(nodes[number % 2])

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(race, range(8))) == [False] * 7 + [True]


def test_what_was_spent_in_a_rolled_back_work_is_not_spent(store):
    with store.begin(TransactionMode.WRITE) as work:
        assert work.used_assertions.consume("hotline.desk", "one", SOON)
    assert spend(store)


def test_pruning_forgets_ids_that_have_ended_and_no_others(store):
    spend(store, jti="one", at=NOON)
    spend(store, jti="two")
    with store.begin(TransactionMode.WRITE) as work:
        work.used_assertions.prune(NOON)
        work.commit()
    assert [spend(store, jti="one"), spend(store, jti="two")] == [True, False]
