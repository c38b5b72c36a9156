"""The course of a handoff: what is shown is lawful, and a gap is seen as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answers import ANSWERS, MOVES
from gateway.domain.handoff import HandoffAction, HandoffState
from gateway.evidence.bundle_course import History, follow
from gateway.evidence.bundle_receipts import MOVES_OF_EVENTS
from gateway.evidence.report import VerificationFailed
from tests.each import each

ACCEPTED = MOVES_OF_EVENTS["handoff.accepted"]


def test_a_bare_offer_stands_offered():
    assert follow([]) == History(frozenset({HandoffState.OFFERED}), 0)


def test_an_acceptance_may_have_been_partial_while_its_groups_are_withheld():
    assert follow([ACCEPTED]).states == {
        HandoffState.ACCEPTED,
        HandoffState.PARTIALLY_ACCEPTED,
    }
    assert follow([{HandoffAction.ACCEPT_PARTLY}]).states == {HandoffState.PARTIALLY_ACCEPTED}
    assert follow([ACCEPTED, {HandoffAction.OUTCOME}, {HandoffAction.CLOSE}]) == History(
        frozenset({HandoffState.CLOSED}), 0
    )


def test_a_move_that_needs_one_that_is_not_shown_is_a_gap():
    followed = follow([{HandoffAction.OUTCOME}])
    assert followed == History(
        frozenset({HandoffState.ACCEPTED, HandoffState.PARTIALLY_ACCEPTED}), 1
    )


OF_HOLDERS = {
    HandoffAction.RECALL,
    *(m for k in ANSWERS.values() if k.of_holder or k.of_recall for m in k.moves),
}


@each("final", [HandoffAction.DECLINE, HandoffAction.REDIRECT, HandoffAction.WITHDRAW])
@each("then", sorted(set(HandoffAction) - OF_HOLDERS))
def test_nothing_but_the_answers_of_a_holder_follows_a_final_state(final, then):
    with pytest.raises(VerificationFailed):
        follow([{final}, {then}])


def test_an_acceptance_cannot_follow_another():
    with pytest.raises(VerificationFailed):
        follow([ACCEPTED, ACCEPTED])


@given(st.data())
def test_any_lawful_course_is_followed_and_any_part_of_it_is_possible(data):
    state, moves = HandoffState.OFFERED, []
    for _ in range(data.draw(st.integers(0, 6))):
        lawful = sorted(m for s, m in MOVES if s == state)
        if not lawful:
            break
        moves.append(data.draw(st.sampled_from(lawful)))
        state = MOVES[state, moves[-1]]
    assert follow([{m} for m in moves]) == History(frozenset({state}), 0)
    part = [m for m in moves if data.draw(st.booleans())]
    follow([{m} for m in part])


def test_every_move_is_recorded_by_some_event():
    assert set().union(*MOVES_OF_EVENTS.values()) == set(HandoffAction)
