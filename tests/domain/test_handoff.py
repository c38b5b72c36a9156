"""A handoff: every state with every move by every party, and when it is due."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from gateway.domain.answers import MOVES, move
from gateway.domain.handoff import (
    OPEN,
    READABLE,
    Handoff,
    HandoffAction,
    HandoffAnswer,
    HandoffPlace,
    HandoffState,
    was_accepted,
)
from gateway.domain.refusals import WrongState
from tests.each import each
from tests.store import samples

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOTLINE, POLICE = "hotline-a", "police-a"
GROUPS = frozenset({"items"})


def handoff(state: HandoffState = HandoffState.OFFERED) -> Handoff:
    case, _ = samples.case(HOTLINE)
    return samples.handoff(case, POLICE, state=state, sequence=4)[0]


# Written out from contracts.md 5, not taken from the table under test.
ALLOWED = {
    "offered": {
        "delay": "offered",
        "accept": "accepted",
        "accept_partly": "partially_accepted",
        "decline": "declined",
        "redirect": "redirected",
        "withdraw": "withdrawn",
        "reissue": "reissued",
        "lapse": "withdrawn",
    },
    "accepted": {
        "outcome": "accepted",
        "decline": "declined",
        "redirect": "redirected",
        "close": "closed",
        "withdraw": "withdrawn",
        "reissue": "reissued",
        "lapse": "withdrawn",
    },
    "partially_accepted": {
        "outcome": "partially_accepted",
        "decline": "declined",
        "redirect": "redirected",
        "close": "closed",
        "withdraw": "withdrawn",
        "reissue": "reissued",
        "lapse": "withdrawn",
    },
}
EVERY_PAIR = [(state, step) for state in HandoffState for step in HandoffAction]


def groups_for(step: HandoffAction) -> frozenset[str] | None:
    return GROUPS if step is HandoffAction.ACCEPT_PARTLY else None


@pytest.mark.parametrize(("state", "step"), EVERY_PAIR, ids=str)
def test_a_move_leads_where_the_contract_says_or_is_refused(state, step):
    before = handoff(state)
    mover = HOTLINE if step is HandoffAction.WITHDRAW else POLICE
    target = ALLOWED.get(state, {}).get(step)
    if target is None:
        with pytest.raises(WrongState, match=f"a handoff that is {state} "):
            move(before, step, mover, groups=groups_for(step))
        return
    after = move(before, step, mover, groups=groups_for(step))
    expected = replace(
        before, state=HandoffState(target), sequence=5, accepted_groups=groups_for(step)
    )
    assert after == expected


@pytest.mark.parametrize(("state", "step"), sorted(MOVES), ids=str)
@pytest.mark.parametrize("who", ["the other party", "a stranger"])
def test_a_move_is_made_by_its_own_party_only(state, step, who):
    other = POLICE if step is HandoffAction.WITHDRAW else HOTLINE
    by = other if who == "the other party" else "stranger-a"
    with pytest.raises(WrongState):
        move(handoff(state), step, by, groups=groups_for(step))


@each("groups", [None, frozenset()])
def test_a_partial_acceptance_names_what_it_takes_on(groups):
    with pytest.raises(ValueError):
        move(handoff(), HandoffAction.ACCEPT_PARTLY, POLICE, groups=groups)


def test_a_full_acceptance_names_no_groups():
    with pytest.raises(ValueError):
        move(handoff(), HandoffAction.ACCEPT, POLICE, groups=GROUPS)


def answers(*moves: HandoffAction | None) -> list[HandoffAnswer]:
    return [
        HandoffAnswer(
            UUID(int=1), n, one, HandoffState.OFFERED, POLICE, AT, "statement", UUID(int=n)
        )
        for n, one in enumerate(moves, 1)
    ]


def test_only_an_acceptance_takes_a_handoff_on() -> None:
    for taking in (HandoffAction.ACCEPT, HandoffAction.ACCEPT_PARTLY):
        assert was_accepted(answers(None, taking, HandoffAction.CLOSE))
    others = [
        one
        for one in HandoffAction
        if one not in (HandoffAction.ACCEPT, HandoffAction.ACCEPT_PARTLY)
    ]
    assert not was_accepted(answers(None, *others))
    assert not was_accepted([])


@each("step", [HandoffAction.OUTCOME, HandoffAction.CLOSE, HandoffAction.DECLINE])
def test_what_was_taken_on_in_part_stays_so(step):
    partly = move(handoff(), HandoffAction.ACCEPT_PARTLY, POLICE, groups=GROUPS)
    assert move(partly, step, POLICE).accepted_groups == GROUPS


def test_final_states_know_no_move_and_the_open_ones_do():
    assert {state for state, _ in MOVES} == OPEN
    assert set(HandoffState) - OPEN == {
        HandoffState.DECLINED,
        HandoffState.REDIRECTED,
        HandoffState.WITHDRAWN,
        HandoffState.CLOSED,
        HandoffState.REISSUED,
        HandoffState.LAPSED,
    }


def test_content_opens_after_acceptance_and_never_after_a_refusal():
    assert sorted(READABLE) == [
        HandoffState.ACCEPTED,
        HandoffState.CLOSED,
        HandoffState.PARTIALLY_ACCEPTED,
    ]


@each(
    "cursor",
    [
        "",
        "1_2",
        "1_2_3",
        "1_x_00000000-0000-0000-0000-000000000001",
        f"1_{10**20}_{UUID(int=1)}",
        f" 1_2_{UUID(int=1)}",
    ],
)
def test_a_place_is_read_as_it_was_written_and_in_no_other_way(cursor):
    place = replace(handoff(), due_at=AT).place
    assert HandoffPlace.read(str(place)) == place
    with pytest.raises(ValueError):
        HandoffPlace.read(cursor)
