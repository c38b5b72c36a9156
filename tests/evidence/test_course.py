"""The course of a handoff: what is shown is lawful, and a gap is seen as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answers import MOVES
from gateway.domain.handoff import Move, State
from gateway.evidence import course
from gateway.evidence.course import Course, ImpossibleCourse
from tests.each import each

ACCEPTED = course.MOVES_OF_EVENTS["handoff.accepted"]


def test_a_bare_offer_stands_offered():
    assert course.follow([]) == Course(frozenset({State.OFFERED}), 0)


def test_an_acceptance_may_have_been_partial_while_its_groups_are_withheld():
    assert course.follow([ACCEPTED]).states == {State.ACCEPTED, State.PARTLY_ACCEPTED}
    assert course.follow([{Move.ACCEPT_PARTLY}]).states == {State.PARTLY_ACCEPTED}
    assert course.follow([ACCEPTED, {Move.OUTCOME}, {Move.CLOSE}]) == Course(
        frozenset({State.CLOSED}), 0
    )


def test_a_move_that_needs_one_that_is_not_shown_is_a_gap():
    followed = course.follow([{Move.OUTCOME}])
    assert followed == Course(frozenset({State.ACCEPTED, State.PARTLY_ACCEPTED}), 1)


@each("final", [Move.REFUSE, Move.REDIRECT, Move.WITHDRAW])
@each("then", sorted(Move))
def test_nothing_follows_a_final_state(final, then):
    with pytest.raises(ImpossibleCourse, match="number 2"):
        course.follow([{final}, {then}])


def test_an_acceptance_cannot_follow_another():
    with pytest.raises(ImpossibleCourse):
        course.follow([ACCEPTED, ACCEPTED])


@given(st.data())
def test_any_lawful_course_is_followed_and_any_part_of_it_is_possible(data):
    state, moves = State.OFFERED, []
    for _ in range(data.draw(st.integers(0, 6))):
        lawful = sorted(m for s, m in MOVES if s == state)
        if not lawful:
            break
        moves.append(data.draw(st.sampled_from(lawful)))
        state = MOVES[state, moves[-1]]
    assert course.follow([{m} for m in moves]) == Course(frozenset({state}), 0)
    part = [m for m in moves if data.draw(st.booleans())]
    course.follow([{m} for m in part])


def test_every_move_is_recorded_by_some_event():
    assert set().union(*course.MOVES_OF_EVENTS.values()) == set(Move)
