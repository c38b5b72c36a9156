"""A handoff: every state with every move by every party, and when it is due."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from gateway.domain.answers import MOVES
from gateway.domain.handoff import (
    ACCEPTING,
    OPEN,
    READABLE,
    Handoff,
    HandoffAction,
    HandoffPlace,
    HandoffState,
    RecallAnswer,
)
from gateway.domain.moves import answer_recall, move, recall, update
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
    "offered",  # where it was consulted in imminent danger
    "accepted",
    "partially_accepted",
    "closed",
    "declined",
    "redirected",
    "withdrawn",
    "reissued",
)
OF_HOLDERS = ("acknowledge", "apply", "dispute", "propose_correction", "onward_by_law")
OF_RECALL = ("acknowledge_recall", "answer_recall")
OF_ORIGINATORS = ("notify_correction", "omit_update", "answer_proposal")

# Written out, and not taken from the table under test.
ALLOWED = {
    "offered": {
        "go_ahead": "offered",
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
        "go_ahead": "accepted",
        "outcome": "accepted",
        "decline": "declined",
        "redirect": "redirected",
        "close": "closed",
        "reissue": "reissued",
        "lapse": "withdrawn",
    },
    "partially_accepted": {
        "go_ahead": "partially_accepted",
        "outcome": "partially_accepted",
        "decline": "declined",
        "redirect": "redirected",
        "close": "closed",
        "reissue": "reissued",
        "lapse": "withdrawn",
    },
}
ALLOWED["closed"] = {}
for opened in ("offered", "accepted", "partially_accepted", "closed"):
    ALLOWED[opened]["call"] = opened
AS_BEFORE = (*OF_HOLDERS, *OF_RECALL, *OF_ORIGINATORS, "retain")
for held in HELD:
    ALLOWED[held] = {**ALLOWED.get(held, {}), **dict.fromkeys(AS_BEFORE, held)}
AFTER_ERASURE = ("acknowledge", "apply", "dispute", "notify_correction", "retain", *OF_RECALL)
ALLOWED["lapsed"] = dict.fromkeys(AFTER_ERASURE, "lapsed")
BY_OTHER_WAYS = ("update", "recall")
EVERY_PAIR = [
    (state, step) for state in HandoffState for step in HandoffAction if step not in BY_OTHER_WAYS
]


def groups_for(step: HandoffAction) -> frozenset[str] | None:
    return GROUPS if step is HandoffAction.ACCEPT_PARTLY else None


@each("state, step", EVERY_PAIR)
def test_a_move_leads_where_the_contract_says_or_is_refused(state, step):
    before = handoff(state)
    mover = HOTLINE if step in ("withdraw", "call", *OF_ORIGINATORS) else POLICE
    target = ALLOWED.get(state, {}).get(step)
    if target is None:
        with pytest.raises(WrongState, match=f"the handoff is {state}[ ;]"):
            move(before, step, mover, groups=groups_for(step), consulted=True)
        return
    after = move(before, step, mover, groups=groups_for(step), consulted=True)
    expected = replace(
        before,
        state=HandoffState(target),
        sequence=5,
        accepted_groups=groups_for(step),
        held=1 if step in ACCEPTING else before.held,
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


RECALL = UUID(int=7)
# The table of living-case.md 1: the state after a recall, by the state before, of what is held.
AFTER_RECALL = {
    "accepted": "withdrawn",
    "partially_accepted": "withdrawn",
    **{
        state: state
        for state in ("closed", "declined", "redirected", "withdrawn", "reissued", "lapsed")
    },
}


@each("state", AFTER_RECALL)
def test_a_recall_stands_on_what_is_held_wherever_that_is(state):
    before = handoff(HandoffState(state))
    after = recall(before, RECALL, consulted=False)
    expected = {"state": HandoffState(AFTER_RECALL[state]), "recall": RECALL, "sequence": 5}
    assert after == replace(before, **expected)
    assert recall(after, UUID(int=8), consulted=False) is None


@each("state", HandoffState)
def test_a_recall_withdraws_an_offer_and_leaves_what_else_was_never_held(state):
    after = recall(replace(handoff(state), held=0), RECALL, consulted=False)
    if state is HandoffState.OFFERED:
        assert (after.state, after.recall) == (HandoffState.WITHDRAWN, None)
    else:
        assert after is None


def test_what_was_consulted_before_acceptance_is_recalled():
    after = recall(handoff(), RECALL, consulted=True)
    assert (after.state, after.recall) == (HandoffState.WITHDRAWN, RECALL)


@each("first", RecallAnswer)
@each("second", RecallAnswer)
def test_one_final_answer_is_given_and_an_erasure_may_follow(first, second):
    answered = answer_recall(handoff(HandoffState.WITHDRAWN), first)
    erased = RecallAnswer.COPIES_ERASED
    assert answered.is_held is (first is not erased)
    if second is erased and first is not erased:
        assert answer_recall(answered, second).recall_answer is second
    else:
        with pytest.raises(WrongState):
            answer_recall(answered, second)


def test_who_erased_its_copies_is_recalled_no_more():
    erased = answer_recall(handoff(HandoffState.CLOSED), RecallAnswer.COPIES_ERASED)
    assert recall(erased, RECALL, consulted=False) is None


def test_a_recalled_handoff_takes_no_update():
    recalled = recall(handoff(HandoffState.CLOSED), RECALL, consulted=False)
    with pytest.raises(WrongState):
        update(recalled, CORRECTION)


@each("step", OF_HOLDERS)
def test_who_never_accepted_answers_no_update(step):
    declined = replace(handoff(HandoffState.DECLINED), held=0)
    with pytest.raises(WrongState):
        move(declined, HandoffAction(step), POLICE)


@each("state, step", sorted(pair for pair in MOVES if pair[1] not in BY_OTHER_WAYS))
@each("who", ["the other party", "a stranger"])
def test_a_move_is_made_by_its_own_party_only(state, step, who):
    other = POLICE if step in ("withdraw", "call", *OF_ORIGINATORS) else HOTLINE
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
    beside = set(map(HandoffAction, (*BY_OTHER_WAYS, *AS_BEFORE, "call")))
    assert {state for state, step in MOVES if step not in beside} == OPEN
    assert set(HandoffState) - OPEN == {
        HandoffState.DECLINED,
        HandoffState.REDIRECTED,
        HandoffState.WITHDRAWN,
        HandoffState.CLOSED,
        HandoffState.REISSUED,
        HandoffState.LAPSED,
        HandoffState.RETURNED,
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
        f"{2**63}_2_{UUID(int=1)}",
        f"-2_2_{UUID(int=1)}",
    ],
)
def test_a_place_is_read_as_it_was_written_and_in_no_other_way(cursor):
    place = replace(handoff(), due_at=AT).place
    assert HandoffPlace.read(str(place)) == place
    with pytest.raises(ValueError):
        HandoffPlace.read(cursor)
