"""A handoff: every state with every move by every party, and when it is due."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from gateway.domain.answers import MOVES, move, update
from gateway.domain.handoff import (
    AGREEMENTS,
    OPEN,
    READABLE,
    Handoff,
    HandoffAction,
    HandoffPlace,
    HandoffState,
)
from gateway.domain.refusals import WrongState
from gateway.domain.revision import ChangeKind
from tests.each import each
from tests.store import samples

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOTLINE, POLICE = "hotline-a", "police-a"
GROUPS = frozenset({"items"})


def handoff(state: HandoffState = HandoffState.OFFERED) -> Handoff:
    case, _ = samples.case(HOTLINE)
    held = 0 if state is HandoffState.OFFERED else 1
    return samples.handoff(case, POLICE, state=state, sequence=4, held=held)[0]


HELD = (
    "accepted",
    "partially_accepted",
    "closed",
    "declined",
    "redirected",
    "withdrawn",
    "reissued",
)
OF_HOLDERS = ("acknowledge", "apply", "dispute", "propose_correction")

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
for held in HELD:
    ALLOWED[held] = {**ALLOWED.get(held, {}), **dict.fromkeys(OF_HOLDERS, held)}
EVERY_PAIR = [(state, step) for state in HandoffState for step in HandoffAction if step != "update"]


def groups_for(step: HandoffAction) -> frozenset[str] | None:
    return GROUPS if step is HandoffAction.ACCEPT_PARTLY else None


@each("state, step", EVERY_PAIR)
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
        before,
        state=HandoffState(target),
        sequence=5,
        accepted_groups=groups_for(step),
        held=1 if step in AGREEMENTS else before.held,
    )
    assert after == expected


ADDITION, TIGHTENING, CORRECTION = ChangeKind


@each("change", [TIGHTENING, CORRECTION])
def test_a_correction_is_held_at_once(change):
    after = update(handoff(HandoffState.ACCEPTED), change)
    assert (after.package, after.held) == (2, 2)
    known = move(after, HandoffAction.ACKNOWLEDGE, POLICE, under="newest")
    assert (known.held, known.held_under) == (2, after.held_under)


def test_an_addition_is_held_once_it_is_acknowledged():
    after = update(handoff(HandoffState.CLOSED), ADDITION)
    assert (after.package, after.held) == (2, 1)
    known = move(after, HandoffAction.ACKNOWLEDGE, POLICE, under="newest")
    assert (known.held, known.held_under) == (2, "newest")


def test_an_update_of_an_offer_is_the_package_to_accept():
    after = update(handoff(), CORRECTION)
    assert (after.package, after.held) == (2, 0)
    assert move(after, HandoffAction.ACCEPT, POLICE).held == 2


@each("state", HandoffState)
def test_an_ended_handoff_takes_no_update(state):
    if state in ("offered", "accepted", "partially_accepted", "closed"):
        assert update(handoff(state), CORRECTION).state is state
    else:
        with pytest.raises(WrongState):
            update(handoff(state), CORRECTION)


@each("step", OF_HOLDERS)
def test_who_never_accepted_answers_no_update(step):
    declined = replace(handoff(HandoffState.DECLINED), held=0)
    with pytest.raises(WrongState):
        move(declined, HandoffAction(step), POLICE)


@each("state, step", sorted(pair for pair in MOVES if pair[1] != "update"))
@each("who", ["the other party", "a stranger"])
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


@each("step", [HandoffAction.OUTCOME, HandoffAction.CLOSE, HandoffAction.DECLINE])
def test_what_was_taken_on_in_part_stays_so(step):
    partly = move(handoff(), HandoffAction.ACCEPT_PARTLY, POLICE, groups=GROUPS)
    assert move(partly, step, POLICE).accepted_groups == GROUPS


def test_final_states_know_no_move_and_the_open_ones_do():
    beside = {HandoffAction.UPDATE, *map(HandoffAction, OF_HOLDERS)}
    assert {state for state, step in MOVES if step not in beside} == OPEN
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
