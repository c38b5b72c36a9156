"""Writers in line share one transaction: each keeps its part, nobody leaves before all."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert

from gateway.domain.refusals import Busy, HighWaterMarkUnavailable
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import RetryKey
from gateway.store import database, tables, unit_of_work
from gateway.store.transaction import BrokenRule, Transaction
from tests.store.places import check_log
from tests.store.samples import case, fact, organisation, retry
from tests.waiting import PATIENCE_SECONDS, until


class Commits:
    """Counts the commits of a test, and can make them fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.failure = 0, None
        commit = Transaction._commit_now

        def commit_now(transaction):
            self.count += 1
            if self.failure is not None:
                raise self.failure
            commit(transaction)

        monkeypatch.setattr(Transaction, "_commit_now", commit_now)


@pytest.fixture
def commits(monkeypatch):
    return Commits(monkeypatch)


@pytest.fixture
def store(place, monkeypatch):
    monkeypatch.setattr(unit_of_work, "ROUND_SECONDS", 60.0)
    monkeypatch.setattr(database, "POSTGRESQL_WRITERS", 1)
    return place.open()


def in_line(store, *parts: Callable[[Any], Any], modes=(), key=None) -> list[Any]:
    """Let writers come while the first one works; what each was given, or what it raised."""
    outcomes: list[Any] = [None] * len(parts)
    all_wait = threading.Event()

    def write(number: int) -> None:
        try:
            with store.begin(modes[number] if modes else TransactionMode.SHARED, key) as work:
                if number == 0:
                    assert all_wait.wait(PATIENCE_SECONDS)
                outcomes[number] = parts[number](work)
        except Exception as error:
            outcomes[number] = error

    threads = []
    for number in range(len(parts)):
        thread = threading.Thread(target=write, args=(number,))
        threads.append(thread)
        thread.start()
        until(lambda at=number: _inside(store) and _waiting(store) == at)
    all_wait.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    return outcomes


def _waiting(store) -> int:
    return len(store.database.line._line)


def _inside(store) -> bool:
    return bool(store.database.line._inside)


def storing(made) -> Callable[[Any], Any]:
    def part(work):
        work.cases.add(*made)
        work.log.record(fact())
        return work.commit()

    return part


def stored(store, *cases_) -> list[bool]:
    with store.begin(TransactionMode.READ) as work:
        return [work.cases.get("hotline", one.id) is not None for one, _ in cases_]


def test_who_stands_in_line_together_is_committed_together(store, commits):
    made = [case() for _ in range(5)]
    outcomes = in_line(store, *(storing(one) for one in made))
    assert commits.count == 1
    assert [logged.index for (logged,) in outcomes] == [0, 1, 2, 3, 4]
    assert {logged.head.size for (logged,) in outcomes} == {5}
    assert all(stored(store, *made))
    assert check_log(store) == 5


def test_who_commits_signs_once_for_all_of_them_before_the_next_one_begins(store):
    signed = []

    def sign(base, head):
        with store.begin(TransactionMode.READ) as work:
            assert work.log.head() == head, "it is not committed"
        signed.append((base.size, head.size))
        return f"note of {head.size}"

    store.sign = sign
    outcomes = in_line(store, *(storing(case()) for _ in range(3)))
    assert {logged.note for (logged,) in outcomes} == {"note of 3"}
    with store.begin(TransactionMode.WRITE) as work:
        (logged,) = storing(case())(work)
    assert logged.note == "note of 4"
    assert signed == [(0, 3), (3, 4)]


def test_who_shared_a_commit_that_could_not_be_signed_is_told_that_it_was_stored(store):
    def sign(base, head):
        raise HighWaterMarkUnavailable("the high-water mark is away")

    store.sign = sign
    made = [case() for _ in range(2)]
    for outcome in in_line(store, *(storing(one) for one in made)):
        assert isinstance(outcome, Busy) and "it was stored" in outcome.detail
    assert all(stored(store, *made))


def test_a_lone_writer_waits_for_nobody(store, commits):
    for number in range(3):
        with store.begin(TransactionMode.WRITE) as work:
            (logged,) = storing(case())(work)
        assert logged.index == number
    assert commits.count == 3


def test_who_fails_takes_back_its_own_part_alone(store, commits):
    made = [case() for _ in range(3)]

    def failing(work):
        work.cases.add(*made[1])
        work.log.record(fact())
        raise ZeroDivisionError

    first, second, third = in_line(store, storing(made[0]), failing, storing(made[2]))
    assert isinstance(second, ZeroDivisionError)
    assert [first[0].index, third[0].index] == [0, 1]
    assert stored(store, *made) == [True, False, True]
    assert commits.count == 1
    assert check_log(store) == 2


def test_the_last_in_line_commits_for_the_others_though_it_fails_itself(store, commits):
    made = case()

    def failing(work):
        assert work.cases.get("hotline", made[0].id) is not None
        raise ZeroDivisionError

    (logged,), failed = in_line(store, storing(made), failing)
    assert isinstance(failed, ZeroDivisionError)
    assert logged.index == 0
    assert stored(store, made) == [True]
    assert commits.count == 1


def test_a_first_writer_that_fails_leaves_a_transaction_to_nobody(store):
    made = [case(), case()]

    def failing(work):
        work.cases.add(*made[0])
        raise ZeroDivisionError

    failed, (logged,) = in_line(store, failing, storing(made[1]))
    assert isinstance(failed, ZeroDivisionError)
    assert logged.index == 0
    assert stored(store, *made) == [False, True]


def test_a_commit_that_fails_fails_for_all_of_them(store, commits):
    made = [case() for _ in range(3)]
    commits.failure = OSError("the disk is gone")
    outcomes = in_line(store, *(storing(one) for one in made))
    assert all(isinstance(one, Busy) for one in outcomes), outcomes
    commits.failure = None
    assert stored(store, *made) == [False] * 3
    assert check_log(store) == 0
    with store.begin(TransactionMode.WRITE) as work:
        storing(made[0])(work)
    assert check_log(store) == 1


def test_what_was_decided_on_what_could_not_be_kept_is_not_told(store, commits):
    """A refusal may rest on what another one wrote, and that never happened."""
    made = case()
    commits.failure = OSError("the disk is gone")

    def refusing(work):
        assert work.cases.get("hotline", made[0].id) is not None
        raise ZeroDivisionError

    assert [type(one) for one in in_line(store, storing(made), refusing)] == [Busy, Busy]


def test_a_statement_that_the_database_refuses_fails_for_its_writer_alone(store, commits):
    made = [case(), case()]
    row = {"id": 1, "version": 9}  # there is one already

    def breaking(work):
        work._transaction.run(insert(tables.registry), row)

    first, failed, second = in_line(store, storing(made[0]), breaking, storing(made[1]))
    assert isinstance(failed, BrokenRule)
    assert [first[0].index, second[0].index] == [0, 1]
    assert stored(store, *made) == [True, True]
    assert commits.count == 1
    assert check_log(store) == 2


def test_a_transaction_that_the_database_gives_up_fails_for_all_of_them(store, monkeypatch):
    """SQLite may have rolled everything back by itself; nobody may build on what is left."""
    made = [case(), case()]

    def breaking(work):
        work._transaction.driver.rollback()  # as SQLite does when the disk is full
        raise ZeroDivisionError

    outcomes = in_line(store, storing(made[0]), breaking, storing(made[1]))
    assert isinstance(outcomes[0], Busy)
    assert stored(store, made[0]) == [False]
    assert check_log(store) == len([one for one in outcomes if not isinstance(one, Exception)])


def test_a_connection_that_is_lost_fails_for_all_of_them_and_the_line_goes_on(store):
    made = [case(), case()]

    def losing(work):
        work._round.opened.driver.close()
        raise ZeroDivisionError

    outcomes = in_line(store, storing(made[0]), losing)
    assert all(isinstance(one, Busy) for one in outcomes)
    with store.begin(TransactionMode.WRITE) as work:
        storing(made[1])(work)
    assert stored(store, *made) == [False, True]
    assert check_log(store) == 1


def test_nobody_is_told_before_the_commit(store, commits):
    made, told = [case(), case()], threading.Event()

    def first(work):
        logged = storing(made[0])(work)
        told.set()
        return logged

    def second(work):
        assert not told.wait(0.1)
        return storing(made[1])(work)

    (one,), (other,) = in_line(store, first, second)
    assert (one.index, other.index) == (0, 1)
    assert told.is_set()


@pytest.mark.parametrize("key", [None, RetryKey("hotline", "key-1")])
def test_a_repeated_request_is_told_to_come_again_while_the_first_is_being_stored(store, key):
    event = fact()

    def first(work):
        work.retries.add(replace(retry(), event=event.id))
        work.log.record(event)
        return work.commit()

    def again(work):
        earlier = work.retries.get("hotline", "key-1")
        return work.log.logged(earlier.event)

    (logged,), told = in_line(store, first, again, key=key)
    assert isinstance(told, Busy)
    with store.begin(TransactionMode.READ) as work:
        assert again(work) == logged


def test_a_change_of_the_registry_is_the_last_of_a_transaction(store, commits):
    admitted = organisation()

    def admit(work):
        work.organisations.add(admitted)
        return work.commit()

    def look(work):
        assert work.first
        found = work.organisations.get("hotline")
        work.commit()
        return found

    modes = [TransactionMode.SHARED, TransactionMode.REGISTRY, TransactionMode.SHARED]
    _, _, found = in_line(store, storing(case()), admit, look, modes=modes)
    assert found == admitted
    assert commits.count == (3 if store.database.locks_rows else 2)


def test_a_round_ends_for_the_other_processes(store, commits, monkeypatch):
    monkeypatch.setattr(unit_of_work, "ROUND_WRITERS", 2)
    in_line(store, *(storing(case()) for _ in range(5)))
    assert commits.count == 3
    monkeypatch.setattr(unit_of_work, "ROUND_SECONDS", 0.0)
    in_line(store, *(storing(case()) for _ in range(3)))
    assert commits.count == 6


def test_who_shares_with_nobody_commits_for_those_before_it(store, commits):
    made, firsts = [case() for _ in range(3)], []

    def alone(work):
        firsts.append(work.first)
        return storing(made[1])(work)

    modes = [TransactionMode.SHARED, TransactionMode.WRITE, TransactionMode.SHARED]
    parts = [storing(made[0]), alone, storing(made[2])]
    outcomes = in_line(store, *parts, modes=modes)
    assert [logged.index for (logged,) in outcomes] == [0, 1, 2]
    assert firsts == [store.database.locks_rows]
    assert commits.count == (2 if store.database.locks_rows else 1)
    assert check_log(store) == 3


def test_who_goes_on_in_a_transaction_waits_for_no_row_of_another(postgresql, monkeypatch):
    """What the transaction holds by then, the other may wait for: neither would ever end."""
    monkeypatch.setattr(database, "POSTGRESQL_WRITERS", 1)
    monkeypatch.setattr(unit_of_work, "ROUND_SECONDS", 60.0)
    store, beside = postgresql.open(), postgresql.open()
    held, made = case(), case()
    with beside.begin(TransactionMode.WRITE) as work:
        storing(held)(work)

    def needing(work):
        return work.cases.get("hotline", held[0].id)

    with beside.begin(TransactionMode.WRITE) as other:
        needing(other)
        (logged,), refused = in_line(store, storing(made), needing)
    assert isinstance(refused, Busy)
    assert logged.index == 1
    assert stored(store, made) == [True]


def test_a_shared_transaction_waits_for_the_log_as_others_do(postgresql, monkeypatch):
    monkeypatch.setattr(database, "POSTGRESQL_WRITERS", 1)
    monkeypatch.setattr(unit_of_work, "ROUND_SECONDS", 60.0)
    store, beside = postgresql.open(), postgresql.open()
    settings = []

    def asking(work):
        settings.append(_lock_timeout(work))
        return storing(case())(work)

    commit = Transaction._commit_now

    def commit_now(transaction):
        settings.append(transaction.driver.send("SHOW lock_timeout"))
        commit(transaction)

    monkeypatch.setattr(Transaction, "_commit_now", commit_now)
    in_line(store, storing(case()), asking)
    with beside.begin(TransactionMode.READ) as work:
        usual = _lock_timeout(work)
    assert settings[0] != usual
    assert settings[1].fetchall()[0][0] == usual


def _lock_timeout(work) -> str:
    return work._transaction.driver.ask("SHOW lock_timeout").fetchall()[0][0]


def test_who_cannot_begin_its_part_leaves_the_line_to_others(store, commits, monkeypatch):
    made = [case() for _ in range(3)]

    def failing(driver, *statements, key):
        raise ZeroDivisionError

    monkeypatch.setattr(unit_of_work, "run_first", failing)
    first, second = in_line(store, storing(made[0]), storing(made[1]))
    assert isinstance(first, Busy)
    assert isinstance(second, ZeroDivisionError | Busy)
    assert stored(store, *made) == [False, False, False]
    with store.begin(TransactionMode.WRITE) as work:
        storing(made[2])(work)
    assert stored(store, *made) == [False, False, True]


def test_parts_of_one_writer_are_committed_together_and_the_last_is_taken_back(store, commits):
    made = [case() for _ in range(4)]
    with store.begin(TransactionMode.SHARED) as work:
        for one in made:
            assert work.cases.get("hotline", one[0].id) is None
            work.cases.add(*one)
            work.log.record(fact())
            if one is not made[-1]:
                work.next_part()
        logged = work.commit_parts()
    assert [one.index for one in logged] == [0, 1, 2]
    assert commits.count == 1
    assert stored(store, *made) == [True, True, True, False]
    assert check_log(store) == 3


def test_a_writer_of_parts_is_given_its_own_events_alone(store, commits):
    made = [case() for _ in range(4)]

    def parts(work):
        for one in made[1:3]:
            work.cases.add(*one)
            work.log.record(fact())
            work.next_part()
        return work.commit_parts()

    first, own, last = in_line(store, storing(made[0]), parts, storing(made[3]))
    assert [[one.index for one in logged] for logged in (first, own, last)] == [[0], [1, 2], [3]]
    assert commits.count == 1
    assert all(stored(store, *made))


def test_who_breaks_off_in_a_later_part_keeps_the_earlier_ones(store, commits):
    made = [case() for _ in range(2)]
    with pytest.raises(ZeroDivisionError), store.begin(TransactionMode.SHARED) as work:
        for one in made:
            work.cases.add(*one)
            work.log.record(fact())
            if one is made[1]:
                raise ZeroDivisionError
            work.next_part()
    assert stored(store, *made) == [True, False]
    assert check_log(store) == 1


def test_a_statement_that_the_database_refuses_leaves_the_parts_before_it(store):
    made = case()
    with store.begin(TransactionMode.SHARED) as work:
        work.cases.add(*made)
        work.log.record(fact())
        work.next_part()
        with pytest.raises(BrokenRule):
            work._transaction.run(insert(tables.registry), {"id": 1, "version": 9})
        assert [one.index for one in work.commit_parts()] == [0]
    assert stored(store, made) == [True]


def test_parts_that_could_not_be_committed_are_told_as_none(store, commits):
    made = case()
    commits.failure = OSError("the disk is gone")
    with pytest.raises(Busy), store.begin(TransactionMode.SHARED) as work:
        work.cases.add(*made)
        work.log.record(fact())
        work.next_part()
        work.commit_parts()
    commits.failure = None
    assert stored(store, made) == [False]


def test_a_connection_that_is_lost_between_two_parts_keeps_none_and_the_line_goes_on(store):
    made = case()
    with pytest.raises(Busy), store.begin(TransactionMode.SHARED) as work:
        work.log.record(fact())
        work._round.opened.driver.close()
        work.next_part()
    with store.begin(TransactionMode.WRITE) as work:
        storing(made)(work)
    assert stored(store, made) == [True]
    assert check_log(store) == 1
