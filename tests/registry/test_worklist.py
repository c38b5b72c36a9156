"""What waits for administrators, for whom, and in which order."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.organisation import Status
from gateway.kernel import changes
from gateway.kernel.changes import Change
from gateway.kernel.results import to_json
from gateway.kernel.values import HOST
from gateway.registry import worklist
from tests.casework import offered
from tests.exchange.moving_mandates import PLAN
from tests.founded_gateway import ABROAD, ALICE, BENOIT, OFMIN, Founded, submit_change
from tests.founding import founded
from tests.newcomers import NEWCOMER, Newcomer

END = Change("membership.end", ABROAD, {"until": "2026-12-01"})


@pytest.fixture
def gateway() -> Founded:
    return founded()


def waits(gateway: Founded, person: str | None = None, limit: int = 100) -> list[Any]:
    found, after = [], None
    while True:
        page = worklist.page(gateway.ports, HOST, person, after, limit)
        found += [to_json(one) for one in page.items]
        if page.after is None:
            return found
        after = str(page.after)


def said(gateway: Founded, person: str | None = None, limit: int = 100) -> list[tuple[str, str]]:
    return [(one["group"], one["kind"]) for one in waits(gateway, person, limit)]


def test_ones_own_proposal_waits_for_others_and_is_no_act(gateway):
    gateway.do(submit_change, END, *gateway.approve(END, ALICE))
    (own,), (other,) = waits(gateway, ALICE), waits(gateway, BENOIT)
    assert (own["group"], own["command"]) == ("others", None)
    assert (other["group"], other["command"]) == ("sign", f"proposal approve {other['proposal']}")
    assert (other["name"], other["values"]) == (gateway.organisation(ABROAD).name, END.values)
    assert (other["proposer"], other["since"] < other["due_at"]) == (ALICE, True)


def test_its_proposer_is_told_of_a_refusal_until_the_same_is_proposed_again_or_two_weeks_later(
    gateway,
):
    def refuse() -> None:
        made = gateway.do(submit_change, END, *gateway.approve(END, ALICE))
        proposal, why = UUID(made.result["proposal"]), "the statutes say otherwise"
        (signed,) = gateway.approve(changes.refusal_of(proposal, why), BENOIT)
        gateway.do(changes.refuse, proposal, signed, why)

    refuse()
    (told,) = waits(gateway, ALICE)
    assert (told["group"], told["kind"], told["about"]) == ("sign", END.action, "refused")
    assert waits(gateway, BENOIT) == []
    gateway.clock.advance(timedelta(days=15))
    assert waits(gateway, ALICE) == []
    refuse()
    gateway.do(submit_change, END, *gateway.approve(END, ALICE))
    assert [one["group"] for one in waits(gateway, ALICE)] == ["others"]


def test_the_oldest_proposal_is_first_whatever_the_page(gateway):
    later = Change("membership.end", OFMIN, {"until": "2026-12-01"})
    for change in (END, later):
        gateway.do(submit_change, change, *gateway.approve(change, ALICE))
        gateway.clock.advance(timedelta(minutes=1))
    for limit in (1, 100):
        assert [o["organisation"] for o in waits(gateway, BENOIT, limit)] == [ABROAD, OFMIN]


def test_each_step_of_an_admission_waits_until_it_is_proposed(gateway):
    Newcomer(gateway).arrive(Status.APPROVED)
    assert {(group, kind) for group, kind in said(gateway)} == {
        ("sign", "membership.grant"), ("sign", "invitation.create")
    }  # fmt: skip
    values = {"membership": "full", "from": "2026-01-01", "decision_ref": "d"}
    grant = Change("membership.grant", NEWCOMER, values)
    gateway.do(submit_change, grant, *gateway.approve(grant, ALICE))
    rows = [one for one in waits(gateway, BENOIT) if one["kind"] == "membership.grant"]
    assert [one["proposer"] for one in rows] == [ALICE]


def test_an_applicant_waits_for_the_decision(gateway):
    Newcomer(gateway).arrive(Status.APPLIED)
    (row,) = waits(gateway)
    assert (row["kind"], row["command"]) == (
        "organisation.approve", f"organisation approve {NEWCOMER}"
    )  # fmt: skip


def test_what_ends_within_thirty_days_is_listed_with_its_day(gateway):
    gateway.administer("membership.end", ABROAD, until="2026-03-20")
    (row,) = waits(gateway)
    assert (row["group"], row["kind"], row["due_at"][:10]) == ("ends", "membership", "2026-03-20")
    assert row["command"] == f"membership grant {ABROAD}"


def test_a_succession_without_its_approvals_waits_for_offices_and_is_late_from_its_day(gateway):
    gateway.administer("succession.plan", OFMIN, **PLAN)
    assert ("others", "succession") in said(gateway)
    gateway.clock.advance(timedelta(days=60))
    assert ("overdue", "succession") in said(gateway)


def test_what_members_owe_and_is_overdue_is_counted(gateway):
    offered(gateway)
    gateway.clock.advance(timedelta(days=10))
    rows = [one for one in waits(gateway) if one["kind"] == "duties"]
    assert [(one["group"], one["about"]) for one in rows] == [("overdue", "1")]
