"""A succession: who approves it, when it may be carried out, whom it lets read, what it moves."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from gateway.domain.handoff import OPEN, Addressee, Handoff, HandoffState
from gateway.domain.refusals import WrongState
from gateway.domain.succession import Disposition, Succession, SuccessionApproval
from tests.domain.test_handoff import handoff
from tests.each import each

BEFORE, DAY, END = date(2023, 8, 30), date(2023, 8, 31), date(2023, 12, 1)
KEY = "receive/csam/FR"
PLANNED = Succession(
    id=UUID(int=1),
    predecessor="ocrvp",
    successor="ofmin",
    competence=KEY,
    day=DAY,
    read_until=END,
    legal_act="Decree",
    permissions=False,
    mandate_event=UUID(int=1),
)
GIVEN = SuccessionApproval("officer-1", UUID(int=2))
AGREED = PLANNED.approve("ocrvp", GIVEN).approve("ofmin", GIVEN)
TO_THE_MANDATE = Addressee("ocrvp", KEY, UUID(int=3))


def to(address: Addressee, state: HandoffState = HandoffState.ACCEPTED) -> Handoff:
    return replace(handoff(state), address=address)


@each("changes", [{"successor": "ocrvp"}, {"read_until": BEFORE}])
def test_a_succession_that_could_not_be_carried_out_is_refused(changes):
    with pytest.raises(ValueError, match=r"mandate|reading"):
        replace(PLANNED, **changes)


def test_both_offices_approve_once_each_in_any_order():
    assert PLANNED.missing == ("ocrvp", "ofmin")
    first = PLANNED.approve("ofmin", GIVEN)
    assert first.missing == ("ocrvp",)
    assert first.approve("ocrvp", GIVEN).missing == ()
    assert AGREED.version == PLANNED.version + 2
    for office in ("ofmin", "hotline-a"):
        with pytest.raises(WrongState):
            first.approve(office, GIVEN)


@each(
    "succession, day, may",
    [
        (AGREED, BEFORE, False),
        (AGREED, DAY, True),
        (AGREED, END, True),
        (PLANNED, DAY, False),
        (PLANNED.approve("ocrvp", GIVEN), DAY, False),
        (AGREED.end(UUID(int=4)), DAY, False),
        (AGREED.cancel(UUID(int=4)), DAY, False),
    ],
)
def test_it_is_carried_out_from_its_day_on_when_both_approved_and_once(succession, day, may):
    assert succession.may_apply(day) is may


@each(
    "address, concerned",
    [
        (TO_THE_MANDATE, True),
        (Addressee("ocrvp"), True),
        (Addressee("ocrvp", "receive/csam/BE", UUID(int=3)), False),
        (Addressee("ofmin", KEY, UUID(int=3)), False),
    ],
)
def test_what_may_have_to_move_is_told_by_its_address(address, concerned):
    assert PLANNED.concerns(to(address)) is concerned
    assert not PLANNED.concerns(to(address, HandoffState.CLOSED))


def test_it_is_called_off_before_its_end_and_once_and_then_nobody_approves_or_reads_by_it():
    cancelled = PLANNED.cancel(UUID(int=4))
    assert (cancelled.over, PLANNED.over, AGREED.end(UUID(int=4)).over) == (True, False, True)
    for again in (cancelled, AGREED.end(UUID(int=4))):
        with pytest.raises(WrongState):
            again.cancel(UUID(int=5))
    with pytest.raises(WrongState, match="cancelled"):
        cancelled.approve("ocrvp", GIVEN)
    held = to(TO_THE_MANDATE)
    assert PLANNED.lets_read(held, was_taken_on=True, day=DAY)
    assert not cancelled.lets_read(held, was_taken_on=True, day=DAY)


@each(
    "state, was_taken_on, reads",
    [
        (HandoffState.ACCEPTED, True, True),
        (HandoffState.PARTIALLY_ACCEPTED, True, True),
        (HandoffState.REISSUED, True, True),
        (HandoffState.REISSUED, False, False),
        (HandoffState.OFFERED, False, False),
        (HandoffState.CLOSED, True, False),
        (HandoffState.WITHDRAWN, True, False),
        (HandoffState.DECLINED, True, False),
        (HandoffState.REDIRECTED, True, False),
    ],
)
def test_the_predecessor_reads_what_it_held_from_the_day_until_the_end(state, was_taken_on, reads):
    held = to(TO_THE_MANDATE, state)

    def may(day: date) -> bool:
        return PLANNED.lets_read(held, was_taken_on=was_taken_on, day=day)

    assert [may(BEFORE), may(DAY), may(END)] == [False, reads, False]


@each(
    "address",
    [
        Addressee("ofmin", KEY, UUID(int=3)),
        Addressee("ocrvp"),
        Addressee("ocrvp", "receive/x/FR"),
    ],
)
def test_nobody_else_and_nothing_else_is_read_on(address):
    assert not PLANNED.lets_read(to(address), was_taken_on=True, day=DAY)


@each("state", list(HandoffState))
def test_what_is_open_moves_and_what_is_at_its_end_stays(state):
    moves = state in OPEN
    assert AGREED.way(to(TO_THE_MANDATE, state), ["csam"]) == (
        Disposition.REISSUE if moves else Disposition.STAY
    )
    own = AGREED.way(to(Addressee("ocrvp"), state), ["csam", "grooming"])
    assert own == (Disposition.NEW_OFFER_NEEDED if moves else Disposition.STAY)


@each(
    "address, matters",
    [
        (Addressee("ocrvp"), ["grooming"]),
        (Addressee("ocrvp", "receive/csam/BE", UUID(int=3)), ["csam"]),
        (Addressee("ofmin", KEY, UUID(int=3)), ["csam"]),
        (Addressee("ofmin"), ["csam"]),
    ],
)
def test_other_matters_mandates_and_offices_are_left_alone(address, matters):
    assert AGREED.way(to(address), matters) is Disposition.STAY
