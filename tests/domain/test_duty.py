"""A duty: reminded at half of its term, overdue once, and given time after an interruption."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from gateway.domain import duty as duties
from gateway.domain.answers import ANSWERS, KIND_OF_ACTION, MOVES, UPDATABLE
from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.duty import (
    DUE,
    DUTIES,
    ENDS_PACKAGES,
    LONGEST_DELAY,
    LONGEST_PAUSE,
    NOTICE,
    NOTICE_IN_DANGER,
    DutyKind,
    SweepClock,
    WorkPlace,
)
from gateway.domain.handoff import HandoffAction
from gateway.domain.refusals import WrongState
from gateway.domain.vocabulary import Urgency
from tests.each import each
from tests.store import samples

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def owed(hours=8):
    offered, _ = samples.handoff(samples.case()[0])
    due_at = START + hours * HOUR
    return duties.begin(offered, DutyKind.ANSWER, UUID(int=2), START, due_at)


@each("kind", list(DutyKind))
def test_every_kind_of_duty_names_an_action_that_fulfils_it(kind):
    action = DUTIES[kind].action
    assert action in EVENT_TYPES
    if action in KIND_OF_ACTION and DUTIES[kind].ended_by:
        assert DUTIES[kind].ended_by & KIND_OF_ACTION[action].moves.keys()


@each(
    "cursor",
    ["", "1_2_3_4", "1_x_{0}_{0}_answer", "1_2_{0}_{0}_nap", "1_2_{0}_urn:uuid:{0}_answer"],
)
def test_a_place_is_read_as_it_was_written_and_in_no_other_way(cursor):
    place = owed().place(Urgency.URGENT)
    assert WorkPlace.read(str(place)) == place
    with pytest.raises(ValueError):
        WorkPlace.read(cursor.format(UUID(int=1)))


def test_the_more_urgent_the_shorter_is_the_term():
    assert [DUE[urgency] for urgency in Urgency] == sorted(DUE.values())


@each("kind", list(DutyKind))
def test_a_duty_is_owed_by_the_party_that_the_table_names(kind):
    offered, _ = samples.handoff(samples.case()[0])
    duty = duties.begin(offered, kind, UUID(int=2), START, START + HOUR)
    assert duty.organisation == DUTIES[kind].owes.value.replace("originator", "hotline").replace(
        "recipient", "police"
    )


def test_an_offer_is_answered_by_what_ends_its_state_of_offered():
    moves = {move for kind in ANSWERS.values() for move, ways in kind.moves.items()}
    ends = {
        move
        for kind in ANSWERS.values()
        for move, ways in kind.moves.items()
        if any(before == "offered" and after != "offered" for before, after in ways.items())
    }
    assert DUTIES[DutyKind.ANSWER].ended_by == ends | {HandoffAction.RECALL}
    assert ends < moves


def test_no_package_follows_what_leaves_the_states_of_an_update():
    ends = {
        step
        for (state, step), after in MOVES.items()
        if state in UPDATABLE and after not in UPDATABLE and step is not HandoffAction.RECALL
    }
    assert ends == ENDS_PACKAGES
    assert ENDS_PACKAGES.isdisjoint(DUTIES[DutyKind.UPDATE].ended_by)


def test_a_duty_is_told_of_at_half_of_its_term_and_at_its_end_and_then_no_more():
    duty = owed()
    assert duty.next_at == START + 4 * HOUR
    reminded = duty.remind(START + 5 * HOUR)
    assert reminded.next_at == duty.due_at
    overdue = reminded.record_overdue(START + 9 * HOUR)
    assert (overdue.next_at, overdue.close(START).next_at, duty.close(START).next_at) == (None,) * 3


def test_a_delay_moves_the_due_time_and_what_is_told_of_it():
    duty, later = owed(), START + 20 * HOUR
    assert duty.delay(later, START).next_at == START + 10 * HOUR
    assert duty.remind(START).delay(later, START).next_at == later
    overdue = duty.remind(START).record_overdue(START + 9 * HOUR)
    delayed = overdue.delay(later, START + 9 * HOUR)
    assert (delayed.due_at, delayed.next_at) == (later, None)


def test_an_earlier_due_time_moves_what_is_told_of_it_and_a_later_one_nothing():
    duty, sooner = owed(), START + 2 * HOUR
    assert (duty.hasten(sooner).due_at, duty.hasten(sooner).next_at) == (sooner, START + HOUR)
    assert duty.remind(START).hasten(sooner).next_at == sooner
    assert duty.hasten(START + 9 * HOUR) == duty


@each("hours", [7, 8])
def test_a_delay_is_later_than_the_due_time(hours):
    with pytest.raises(WrongState):
        owed().delay(START + hours * HOUR, START)


def test_a_delay_is_later_than_now_and_not_endless():
    with pytest.raises(WrongState):
        owed().delay(START + 9 * HOUR, START + 9 * HOUR)
    with pytest.raises(WrongState):
        owed().delay(START + LONGEST_DELAY + HOUR, START)


def test_short_pauses_of_the_sweeper_are_no_interruption():
    clock = SweepClock(START).sweep(START + LONGEST_PAUSE)
    assert clock == SweepClock(START + LONGEST_PAUSE)
    assert clock.overdue_from(owed(), Urgency.NORMAL) == owed().due_at
    assert clock.interrupted(owed()) == timedelta(0)


def test_what_fell_due_in_an_interruption_gets_time_after_it():
    resumed = START + 10 * HOUR
    clock = SweepClock(START + 6 * HOUR).sweep(resumed)
    assert clock.overdue_from(owed(8), Urgency.URGENT) == resumed + NOTICE
    assert clock.overdue_from(owed(8), Urgency.IMMINENT_DANGER) == resumed + NOTICE_IN_DANGER
    for hours in (6, 11):
        assert clock.overdue_from(owed(hours), Urgency.URGENT) == owed(hours).due_at
    assert clock.interrupted(owed(8)) == 2 * HOUR
    assert clock.interrupted(owed(12)) == 4 * HOUR
    assert clock.interrupted(owed(5)) == timedelta(0)


def test_an_interruption_within_the_time_given_after_another_counts_as_the_same():
    first = SweepClock(START).sweep(START + 2 * HOUR)
    again = first.sweep(START + 2 * HOUR + timedelta(minutes=10))
    assert again.stopped_at == START
    far = replace(first, swept_at=START + 9 * HOUR).sweep(START + 11 * HOUR)
    assert far.stopped_at == START + 9 * HOUR


def test_a_clock_that_is_set_back_does_not_make_an_interruption():
    clock = SweepClock(START).sweep(START - HOUR)
    assert clock == SweepClock(START)
