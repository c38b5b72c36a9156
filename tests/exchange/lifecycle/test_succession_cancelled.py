"""A succession is called off while nothing has moved, and each office holds what it held before."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.refusals import NotFound, Refusal, WrongState
from gateway.exchange.handoffs import package_consultation
from gateway.exchange.lifecycle import succession_execution, successions
from gateway.exchange.lifecycle.succession_execution import Progress
from gateway.exchange.lifecycle.successions import SuccessionApprovalRequest
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.kernel.results import to_json
from gateway.kernel.values import HOST
from gateway.registry import mandates
from gateway.registry.directory import look_up_mandate
from tests.casework import OPENING, accepted, offered
from tests.exchange.moving_mandates import (
    DAY,
    KEY,
    ONE_MOVED,
    PLAN,
    agreed,
    approve,
    carry_out,
    following,
    moved,
    planned,
)
from tests.founded_gateway import ABROAD, HOTLINE, OCRVP, OFMIN, Founded, caller

BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=9)
REASON = "the decree was postponed"


def cancel(gateway: Founded, succession: UUID, office: str = OFMIN) -> Any:
    values = {"succession": str(succession), "reason": REASON}
    return gateway.administer("succession.cancel", office, **values).result


def refused(gateway: Founded, kind: type[Refusal], succession: UUID, office: str = OFMIN) -> str:
    values = {"succession": str(succession), "reason": REASON}
    change = Change("succession.cancel", office, values)
    before = gateway.organisation(OFMIN), gateway.organisation(OCRVP)
    found = gateway.unmade(kind, change)
    assert (gateway.organisation(OFMIN), gateway.organisation(OCRVP)) == before
    return found.detail


def end(gateway: Founded, office: str, until: str) -> None:
    gateway.administer("mandate.end", office, competence=KEY, until=until)


def line(gateway: Founded, since: str = "2026-01-01") -> list[tuple[str, str | None, list[str]]]:
    """Who holds the mandate, stretch by stretch, on the days from ``since`` on."""
    (one,) = (
        c for c in mandates.report(gateway.ports, HOST)["competences"] if c["competence"] == KEY
    )
    days = [(s["from"], s["until"], s["holders"]) for s in one["stretches"]]
    return [s for s in days if s[1] is None or s[1] > since]


# --- who, and what is left of it


def test_before_the_day_all_is_as_if_there_had_been_no_plan(gateway):
    before = {s: gateway.organisation(s).mandates for s in (OFMIN, OCRVP)}
    succession = planned(gateway)
    size = gateway.size()
    written = cancel(gateway, succession)
    assert gateway.size() == size + 1
    assert {s: gateway.organisation(s).mandates for s in (OFMIN, OCRVP)} == before
    assert written.keys().isdisjoint({"overlaps", "nobody_from"})
    for office in (OFMIN, OCRVP, GATEWAY):
        assert gateway.types(office)[-1] == "succession.cancelled"
    told = to_json(successions.look_up(gateway.ports, caller(OCRVP), succession))
    assert (told["cancelled"], told["waits_for"]) == (written["event"], [])
    assert to_json(successions.index(gateway.ports, caller(HOTLINE))) == []
    assert gateway.types(HOTLINE)[-1] != "succession.cancelled"


def test_it_is_found_at_its_predecessor_alone(gateway):
    succession = planned(gateway)
    refused(gateway, NotFound, succession, OCRVP)
    refused(gateway, NotFound, gateway.new_id())


@pytest.mark.parametrize("approvals", [(), (OFMIN,), (OFMIN, OCRVP)])
def test_no_approval_and_no_application_comes_after_it(gateway, approvals):
    handoff = accepted(gateway)
    succession = planned(gateway)
    for office in approvals:
        approve(gateway, succession, office)
    cancel(gateway, succession)
    late = succession, SuccessionApprovalRequest("officer-1")
    for office in (OFMIN, OCRVP):
        found = gateway.refused(WrongState, office, successions.approve, *late)
        assert "was cancelled" in found.detail
    gateway.day = AFTER
    assert succession_execution.due_successions(gateway.ports) == ()
    assert carry_out(gateway, succession) == Progress(0, 0, done=True)
    report = successions.report(gateway.ports, HOST, succession)
    told = [(o["way"], o["why"], o["predecessor_reads_until"]) for o in report["open"]]
    assert told == [("stay", "the plan was cancelled", None)]
    assert gateway.handoff(handoff).state == "accepted"
    assert gateway.act(OFMIN, package_consultation.consult, handoff, OPENING)
    assert "cancelled" in refused(gateway, WrongState, succession)


def test_the_mandate_can_be_planned_to_move_on_another_day(gateway):
    cancel(gateway, planned(gateway))
    handoff = accepted(gateway)
    second = agreed(gateway, effective_on="2026-06-01", read_until="2026-07-01")
    gateway.day = date(2026, 6, 1)
    assert carry_out(gateway, second) == ONE_MOVED
    assert gateway.handoff(following(gateway, handoff)).recipient == OCRVP


# --- the days


def test_on_the_day_itself_the_predecessor_holds_it_again_without_a_break(gateway):
    succession = agreed(gateway)
    gateway.day = DAY
    cancel(gateway, succession)
    assert line(gateway) == [("2023-08-31", None, [OFMIN])]


def test_after_the_day_the_predecessor_holds_it_from_today_on(gateway):
    succession = planned(gateway)
    gateway.day = AFTER
    cancel(gateway, succession)
    assert line(gateway) == [
        ("2023-08-31", "2026-04-01", [OFMIN]),
        ("2026-04-01", "2026-04-10", [OCRVP]),
        ("2026-04-10", None, [OFMIN]),
    ]
    first, again = gateway.organisation(OFMIN).mandates
    assert again.id != first.id
    assert again.registration_event == first.registration_event
    assert again.legal_act == "décret 2023-829"
    # Whoever is offered to by that mandate can look up the event, which says what it gave.
    event = first.registration_event
    assert offered(gateway).result["to"]["mandate_event"] == str(event)
    assert look_up_mandate(gateway.ports, caller(HOTLINE), OFMIN, event).event == event


def test_what_was_accepted_before_the_day_is_taken_up_again(gateway):
    handoff = accepted(gateway)
    succession = planned(gateway, read_until="2026-04-01")
    gateway.day = AFTER
    gateway.denied("R3.mandate", OFMIN, package_consultation.consult, handoff, OPENING)
    cancel(gateway, succession)
    assert gateway.act(OFMIN, package_consultation.consult, handoff, OPENING)


@pytest.mark.parametrize(("day", "since"), [(BEFORE, "2023-08-31"), (AFTER, "2026-04-10")])
def test_an_end_that_the_mandate_had_comes_back(gateway, day, since):
    end(gateway, OFMIN, "2026-09-01")
    succession = planned(gateway)
    gateway.day = day
    assert cancel(gateway, succession)["nobody_from"] == "2026-09-01"
    assert line(gateway, "2026-04-10")[0] == (since, "2026-09-01", [OFMIN])


def test_an_end_that_has_passed_meanwhile_gives_nothing_back(gateway):
    end(gateway, OFMIN, "2026-04-05")
    succession = planned(gateway)
    gateway.day = AFTER
    assert cancel(gateway, succession)["nobody_from"] == "2026-04-10"
    assert line(gateway, "2026-04-01") == [
        ("2026-04-01", "2026-04-05", [OCRVP]),
        ("2026-04-05", None, []),
    ]


# --- what the plan had not done is not undone


def test_an_end_that_stood_before_stands_and_the_gap_is_told(gateway):
    end(gateway, OFMIN, "2026-04-01")
    assert cancel(gateway, planned(gateway))["nobody_from"] == "2026-04-01"
    assert line(gateway) == [("2023-08-31", "2026-04-01", [OFMIN]), ("2026-04-01", None, [])]
    assert gateway.organisation(OCRVP).competences_on(DAY) == frozenset()


@pytest.mark.parametrize("day", [BEFORE, AFTER])
def test_a_grant_that_stood_before_stands_and_the_overlap_is_told(gateway, day):
    gateway.mandate(OCRVP, KEY, "2026-04-01")
    succession = planned(gateway)
    gateway.day = day
    assert cancel(gateway, succession)["overlaps"] == [OCRVP]
    assert line(gateway)[-1][2] == [OCRVP, OFMIN]


def test_what_was_changed_by_hand_since_stands(gateway):
    succession = planned(gateway)
    end(gateway, OFMIN, "2026-03-20")
    gateway.mandate(OFMIN, KEY, "2026-04-05")
    assert cancel(gateway, succession)["nobody_from"] == "2026-03-20"
    assert line(gateway) == [
        ("2023-08-31", "2026-03-20", [OFMIN]),
        ("2026-03-20", "2026-04-05", []),
        ("2026-04-05", None, [OFMIN]),
    ]


def test_what_the_predecessor_was_given_anew_is_not_given_twice(gateway):
    succession = planned(gateway)
    gateway.mandate(OFMIN, KEY, "2026-06-01")
    cancel(gateway, succession)
    own = [c.period for c in gateway.organisation(OFMIN).mandates]
    assert [(p.start.isoformat(), p.end and p.end.isoformat()) for p in own] == [
        ("2023-08-31", "2026-06-01"),
        ("2026-06-01", None),
    ]


def test_a_third_office_that_was_given_it_meanwhile_is_warned_of(gateway):
    succession = planned(gateway)
    gateway.mandate(ABROAD, KEY, "2026-06-01")
    assert cancel(gateway, succession)["overlaps"] == [ABROAD]


def test_an_office_that_left_is_given_nothing_back(gateway):
    succession = planned(gateway)
    gateway.day = AFTER
    gateway.administer("organisation.leave", OFMIN, reason="dissolved")
    assert cancel(gateway, succession)["nobody_from"] == "2026-04-10"
    assert gateway.organisation(OFMIN).competences_on(AFTER) == frozenset()


# --- too late


def test_what_has_moved_in_part_is_carried_out(gateway):
    made = [accepted(gateway) for _ in range(2)]
    succession = agreed(gateway)
    gateway.day = DAY
    assert carry_out(gateway, succession, limit=1).moved == 1
    why = refused(gateway, WrongState, succession)
    assert f"plan that the mandate moves back, from {OCRVP} to {OFMIN}" in why
    assert carry_out(gateway, succession).done
    assert {gateway.handoff(handoff).state for handoff in made} == {"reissued"}
    assert "was carried out" in refused(gateway, WrongState, succession)
    values = {**PLAN, "successor": OFMIN, "effective_on": "2026-06-01", "read_until": "2026-06-01"}
    assert gateway.administer("succession.plan", OCRVP, **values)


def test_what_was_carried_out_with_nothing_to_move_is_not_called_off(gateway):
    succession = moved(gateway, expected=Progress(0, 0, done=True))
    assert "was carried out" in refused(gateway, WrongState, succession)


# --- mended by hand


@pytest.mark.parametrize("by", ["a cancellation", "a grant"])
def test_what_was_mended_by_hand_moves_nothing_until_the_plan_is_cancelled_or_fits(gateway, by):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    end(gateway, OCRVP, "2026-04-01")
    gateway.day = DAY
    assert carry_out(gateway, succession) == Progress(0, 1, done=False)
    assert gateway.handoff(handoff).state == "accepted"
    if by == "a grant":
        gateway.mandate(OCRVP, KEY, "2026-04-01")
        assert carry_out(gateway, succession) == ONE_MOVED
        assert gateway.handoff(following(gateway, handoff)).recipient == OCRVP
    else:
        cancel(gateway, succession)
        assert gateway.act(OFMIN, package_consultation.consult, handoff, OPENING)


# --- a successor that left


def test_what_waits_for_a_successor_that_left_is_asked_anew(gateway):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    gateway.administer("organisation.leave", OCRVP, reason="dissolved")
    assert carry_out(gateway, succession) == ONE_MOVED
    assert gateway.handoff(handoff).state == "reissued"
    assert gateway.view(HOTLINE, handoff)["reissued_as"]["handoff"] is None
