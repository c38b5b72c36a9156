"""The life of a participant: every status times every move, and what is left of one that left."""

from dataclasses import replace
from datetime import date
from itertools import product
from uuid import UUID

import pytest

from gateway.domain.lifecycle import (
    FINAL,
    MOVES,
    StatusChange,
    leave_on,
    move_status,
    new_organisation,
)
from gateway.domain.mandate import Mandate, Period
from gateway.domain.organisation import (
    Membership,
    MembershipClass,
    Organisation,
    Status,
    StatusEntry,
)
from gateway.domain.refusals import WrongState
from tests.each import each

DAY, EVE, EVENT = date(2026, 3, 2), date(2026, 3, 1), UUID(int=7)

LEADS = {
    (Status.APPLIED, StatusChange.APPROVE): Status.APPROVED,
    (Status.APPLIED, StatusChange.REJECT): Status.REJECTED,
    (Status.APPROVED, StatusChange.ENROL): Status.ENROLLED,
    (Status.APPROVED, StatusChange.LEAVE): Status.LEFT,
    (Status.ENROLLED, StatusChange.ACTIVATE): Status.ACTIVE,
    (Status.ENROLLED, StatusChange.LEAVE): Status.LEFT,
    (Status.ACTIVE, StatusChange.SUSPEND): Status.SUSPENDED,
    (Status.ACTIVE, StatusChange.LEAVE): Status.LEFT,
    (Status.SUSPENDED, StatusChange.REINSTATE): Status.ACTIVE,
    (Status.SUSPENDED, StatusChange.LEAVE): Status.LEFT,
}
"""Written once more by hand, so that the table of the domain cannot change unseen."""


def organisation(status: Status = Status.ACTIVE, **changes: object) -> Organisation:
    made = Organisation("hotline", "H", "hotline", False, frozenset({"gdpr"}), "FR", status)
    return replace(made, **changes)


@each("status, step", list(product(Status, StatusChange)))
def test_a_status_changes_as_the_table_says_and_in_no_other_way(status, step):
    before = organisation(status)
    after = LEADS.get((status, step))
    if after is None:
        with pytest.raises(WrongState, match=f"is {status}, not"):
            move_status(before, step, DAY, EVENT)
        return
    moved = move_status(before, step, DAY, EVENT)
    assert moved == replace(before, status=after, history=(StatusEntry(after, DAY, EVENT),))


def test_every_move_leads_somewhere_and_the_final_statuses_nowhere():
    assert MOVES.keys() == set(StatusChange)
    assert {status for before, _ in MOVES.values() for status in before} == set(Status) - FINAL


def test_the_history_tells_the_status_of_every_day():
    one = new_organisation(organisation(Status.APPLIED), EVE, EVENT)
    two = move_status(
        move_status(one, StatusChange.APPROVE, DAY, EVENT), StatusChange.ENROL, DAY, EVENT
    )
    assert two.status_on(date(2026, 2, 28)) is None
    assert two.status_on(EVE) is Status.APPLIED
    assert two.status_on(DAY) is Status.ENROLLED
    assert two.status_on(date(2030, 1, 1)) is Status.ENROLLED


def test_who_leaves_holds_nothing_from_that_day_on_and_keeps_what_it_held():
    def mandate(period: Period) -> Mandate:
        return Mandate(EVENT, "hotline", "receive", "csam", "FR", "act", period, EVENT)

    past, present = Period(date(2020, 1, 1), EVE), Period(EVE)
    today, to_come = Period(DAY), Period(date(2027, 1, 1))
    memberships = tuple(
        Membership(MembershipClass.FULL, p, "d") for p in (past, present, today, to_come)
    )
    mandates = tuple(mandate(p) for p in (past, present, today, to_come))
    left = leave_on(organisation(memberships=memberships, mandates=mandates), DAY, EVENT)
    ended = Period(EVE, DAY)
    assert [seat.period for seat in left.memberships] == [past, ended]
    assert [held.period for held in left.mandates] == [past, ended]
    assert (left.membership_on(EVE), left.membership_on(DAY)) == (MembershipClass.FULL, None)
    assert left.status is Status.LEFT
