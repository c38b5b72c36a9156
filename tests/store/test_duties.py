"""Duties are kept with their handoff, whose due time follows them, and are found when due."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain import duty as duties
from gateway.domain.duty import DutyKind, SweepClock
from gateway.domain.handoff import HandoffAction
from gateway.domain.refusals import AlreadyExists, EditConflict
from gateway.domain.vocabulary import Urgency
from gateway.kernel.ports import TransactionMode
from tests.store.samples import NOON, answer_to, case, handoff, new_id

HOUR = timedelta(hours=1)


def owed(made, kind=DutyKind.ANSWER, hours=8):
    return duties.begin(made, kind, new_id(), NOON, NOON + hours * HOUR)


@pytest.fixture
def made(store):
    file, version = case()
    offered, offer = handoff(file, due_at=None)
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(file, version)
        work.handoffs.add(offered, offer)
        work.commit()
    return offered


def stored(store, *added, saved=()):
    with store.begin(TransactionMode.WRITE) as work:
        for one in added:
            work.duties.add(one)
        for one in saved:
            work.duties.save(one)
        work.commit()


def stored_of(store, made):
    with store.begin(TransactionMode.READ) as work:
        return work.handoffs.get(made.id)


def due_at(store, made):
    return stored_of(store, made).due_at


def test_the_due_time_of_a_handoff_is_the_earliest_of_what_its_recipient_owes(store, made):
    late, early = owed(made, hours=8), owed(made, hours=2)
    private = owed(made, DutyKind.REVIEW, hours=1)
    originators = owed(made, DutyKind.CLEARANCE, hours=1)
    assert due_at(store, made) is None
    stored(store, late, early, private, originators)
    assert due_at(store, made) == early.due_at
    stored(store, saved=[early.close(NOON)])
    assert due_at(store, made) == late.due_at
    stored(store, saved=[late.close(NOON)])
    assert due_at(store, made) is None


def test_duties_are_found_by_handoff_and_by_case(store, made):
    first, second = owed(made), owed(made, hours=9)
    stored(store, first, second)
    with store.begin(TransactionMode.READ) as work:
        assert set(work.duties.of(made.id)) == {first, second}
        assert set(work.duties.open_of_case(made.originator, made.case)) == {first, second}
        assert work.duties.open_of_case("police", made.case) == []
    closed = first.close(NOON)
    stored(store, saved=[closed])
    with store.begin(TransactionMode.READ) as work:
        assert work.duties.of(made.id, open_only=True) == [second]
        assert set(work.duties.of(made.id)) == {closed, second}
        assert work.duties.overdue(NOON + 8 * HOUR) == 0
        assert work.duties.overdue(NOON + 9 * HOUR) == 1


def test_what_one_owes_comes_in_order_after_each_place(store, made):
    first, second = owed(made, hours=2), owed(made, hours=4)
    same = owed(made, DutyKind.RECALL_ANSWER, hours=4)
    others = owed(made, DutyKind.CLEARANCE, hours=1)
    done = owed(made, hours=1)
    stored(store, second, same, first, others, done, saved=[done.close(NOON)])

    def found(after):
        with store.begin(TransactionMode.READ) as work:
            return work.duties.owed_by(made.recipient, after, 1)

    listed, after = [], None
    while page := found(after):
        (row,) = page
        duty, its_handoff = row.duty, row.handoff
        listed.append(duty)
        after = duty.place(its_handoff.urgency)
    assert its_handoff.id == made.id
    assert (listed[0], set(listed)) == (first, {first, second, same})
    assert len(listed) == len(set(listed))


def test_the_review_of_a_retention_waits_once_it_was_reminded_of(store, made):
    review = owed(made, DutyKind.RETENTION_REVIEW, hours=8)
    stored(store, review)

    def waits():
        with store.begin(TransactionMode.READ) as work:
            return [one.duty for one in work.duties.owed_by(made.recipient, None, 9)]

    assert waits() == []
    reminded = review.remind(NOON + 4 * HOUR)
    stored(store, saved=[reminded])
    assert waits() == [reminded]


def test_what_is_owed_moves_with_the_urgency_of_its_handoff(store, made):
    file, version = case()
    normal, offer = handoff(file, due_at=None, urgency=Urgency.NORMAL)
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(file, version)
        work.handoffs.add(normal, offer)
        work.commit()
    urgent, less_urgent = owed(made), owed(normal, hours=1)
    stored(store, urgent, less_urgent)

    def waits():
        with store.begin(TransactionMode.READ) as work:
            return [one.duty for one in work.duties.owed_by(made.recipient, None, 9)]

    assert waits() == [urgent, less_urgent]
    told = {"urgency": Urgency.IMMINENT_DANGER, "sequence": 2}
    updated = replace(stored_of(store, normal), **told)
    with store.begin(TransactionMode.WRITE) as work:
        work.handoffs.save(updated, answer_to(updated, HandoffAction.UPDATE))
        work.commit()
    assert waits() == [less_urgent, urgent]


def test_what_arrived_is_never_due_nor_overdue_and_moves_no_due_time(store, made):
    about = {"event_type": "handoff.withdrawn", "source": new_id(), "since": NOON}
    kind, to = DutyKind.RECIPIENT_NEWS, made.recipient
    came = duties.begin_arrival(made.id, to, kind, **about, due_at=NOON + HOUR)
    stored(store, came)
    with store.begin(TransactionMode.READ) as work:
        assert work.duties.due(NOON + 9 * HOUR, 9) == []
        assert work.duties.overdue(NOON + 9 * HOUR) == 0
        (row,) = work.duties.owed_by(made.recipient, None, 9)
        assert (row.duty, row.handoff) == (came, work.handoffs.get(made.id))
        assert work.handoffs.get(made.id).due_at is None


def test_what_is_due_comes_the_longest_due_first_until_nothing_is_left_to_tell(store, made):
    soon, later = owed(made, hours=2), owed(made, hours=4)
    stored(store, later, soon)

    def due(hours):
        with store.begin(TransactionMode.READ) as work:
            return work.duties.due(NOON + hours * HOUR, 9)

    assert (due(0.5), due(1), due(2)) == ([], [soon], [soon, later])
    stored(store, saved=[soon.remind(NOON).record_overdue(NOON), later.close(NOON)])
    assert due(99) == []


def test_a_duty_is_recorded_once_and_a_closed_one_never_changes(store, made):
    one = owed(made)
    stored(store, one)
    with store.begin(TransactionMode.WRITE) as work, pytest.raises(AlreadyExists):
        work.duties.add(replace(one, due_at=NOON))
        work.commit()
    stored(store, saved=[one.close(NOON)])
    with store.begin(TransactionMode.WRITE) as work, pytest.raises(EditConflict):
        work.duties.save(one.remind(NOON))
        work.commit()


def test_the_clock_of_the_sweeper_is_one_row(store):
    first, second = SweepClock(NOON), SweepClock(NOON + HOUR, NOON, NOON + HOUR)
    for clock in (first, second):
        with store.begin(TransactionMode.WRITE) as work:
            work.duties.save_clock(clock)
            work.commit()
        with store.begin(TransactionMode.READ) as work:
            assert work.duties.clock() == clock
