"""The course of a handoff: what is shown is lawful, and a gap is seen as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answers import MOVES
from gateway.domain.handoff import HandoffAction, HandoffState
from gateway.evidence import handoff_history
from gateway.evidence.handoff_history import History, ImpossibleHistory
from tests.each import each

ACCEPTED = handoff_history.MOVES_OF_EVENTS["handoff.accepted"]


def test_a_bare_offer_stands_offered():
    assert handoff_history.replay([]) == History(frozenset({HandoffState.OFFERED}), 0)


def test_an_acceptance_may_have_been_partial_while_its_groups_are_withheld():
    assert handoff_history.replay([ACCEPTED]).states == {
        HandoffState.ACCEPTED,
        HandoffState.PARTIALLY_ACCEPTED,
    }
    assert handoff_history.replay([{HandoffAction.ACCEPT_PARTLY}]).states == {
        HandoffState.PARTIALLY_ACCEPTED
    }
    assert handoff_history.replay(
        [ACCEPTED, {HandoffAction.OUTCOME}, {HandoffAction.CLOSE}]
    ) == History(frozenset({HandoffState.CLOSED}), 0)


def test_a_move_that_needs_one_that_is_not_shown_is_a_gap():
    followed = handoff_history.replay([{HandoffAction.OUTCOME}])
    assert followed == History(
        frozenset({HandoffState.ACCEPTED, HandoffState.PARTIALLY_ACCEPTED}), 1
    )


@each("final", [HandoffAction.REFUSE, HandoffAction.REDIRECT, HandoffAction.WITHDRAW])
@each("then", sorted(HandoffAction))
def test_nothing_follows_a_final_state(final, then):
    with pytest.raises(ImpossibleHistory, match="number 2"):
        handoff_history.replay([{final}, {then}])


def test_an_acceptance_cannot_follow_another():
    with pytest.raises(ImpossibleHistory):
        handoff_history.replay([ACCEPTED, ACCEPTED])


@given(st.data())
def test_any_lawful_course_is_followed_and_any_part_of_it_is_possible(data):
    state, moves = HandoffState.OFFERED, []
    for _ in range(data.draw(st.integers(0, 6))):
        lawful = sorted(m for s, m in MOVES if s == state)
        if not lawful:
            break
        moves.append(data.draw(st.sampled_from(lawful)))
        state = MOVES[state, moves[-1]]
    assert handoff_history.replay([{m} for m in moves]) == History(frozenset({state}), 0)
    part = [m for m in moves if data.draw(st.booleans())]
    handoff_history.replay([{m} for m in part])


def test_every_move_is_recorded_by_some_event():
    assert set().union(*handoff_history.MOVES_OF_EVENTS.values()) == set(HandoffAction)
