"""Who owes something finds it in one list, and nothing that is kept from it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.duty import DUE
from gateway.domain.vocabulary import Urgency
from gateway.exchange.handoffs import open_duties
from gateway.kernel.results import to_json
from tests import answers
from tests.founding import (
    ABROAD,
    HOTLINE,
    OFMIN,
    Founded,
    accepted,
    caller,
    offered,
    revised,
    submitted,
    updated,
)


def owed(gateway: Founded, by: str, limit: int = 100) -> list[dict[str, Any]]:
    """What an organisation owes, page by page."""
    found, after = [], None
    while True:
        page = open_duties.page(gateway.ports, caller(by), after, limit)
        found += [to_json(one) for one in page.items]
        if page.after is None:
            return found
        after = str(page.after)


def handoff_of(gateway: Founded, urgency: str) -> UUID:
    return UUID(offered(gateway, submitted(gateway, urgency=urgency)).result["handoff"])


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_what_is_owed_comes_by_urgency_then_due_time_whatever_the_page(gateway, limit):
    normal = handoff_of(gateway, "normal")
    urgent = handoff_of(gateway, "urgent")
    gateway.clock.advance(timedelta(minutes=1))
    later = handoff_of(gateway, "urgent")
    found = owed(gateway, OFMIN, limit)
    assert [one["handoff"] for one in found] == [str(urgent), str(later), str(normal)]
    assert {(one["kind"], one["action"]) for one in found} == {("answer", "handoff.accept")}
    assert {(one["originator"], one["recipient"]) for one in found} == {(HOTLINE, OFMIN)}
    assert owed(gateway, HOTLINE) == []


def test_a_duty_is_overdue_from_its_due_time_on_and_gone_once_it_is_fulfilled(gateway):
    handoff = handoff_of(gateway, "urgent")
    gateway.clock.advance(DUE[Urgency.URGENT] - timedelta(seconds=1))
    assert [one["overdue"] for one in owed(gateway, OFMIN)] == [False]
    gateway.clock.advance(timedelta(seconds=1))
    assert [one["overdue"] for one in owed(gateway, OFMIN)] == [True]
    gateway.answer(OFMIN, answers.decline, handoff, "not ours")
    assert owed(gateway, OFMIN) == []


def test_each_party_owes_its_own_part_of_a_correction(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, matter=["csam", "grooming"])
    (update,) = owed(gateway, HOTLINE)
    assert (update["action"], update["handoff"]) == ("handoff.update", str(handoff))
    updated(gateway, handoff)
    (acknowledgement,) = owed(gateway, OFMIN)
    assert acknowledgement["action"] == "handoff.acknowledge"
    assert acknowledgement["case"] == case.result["case"]
    assert owed(gateway, HOTLINE) == []


def test_an_update_that_no_package_can_bring_is_replaced_by_a_notice(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    gateway.answer(OFMIN, answers.decline, handoff, "not ours after all")
    revised(gateway, case, matter=["csam", "grooming"])
    notice, _declined = owed(gateway, HOTLINE)
    assert notice["action"] == "handoff.notify_correction"
    assert notice["acts"] == ["handoff.notify_correction", "handoff.omit_update"]


def test_what_an_interest_keeps_away_is_not_in_the_list(gateway):
    offered(gateway, to=ABROAD)
    assert len(owed(gateway, ABROAD)) == 1
    gateway.interest(ABROAD, "content.example.org")
    assert owed(gateway, ABROAD) == []


def test_a_handoff_whose_row_was_given_to_another_is_passed_over(gateway):
    other, _ = handoff_of(gateway, "normal"), handoff_of(gateway, "urgent")
    give = "UPDATE handoff SET recipient = '{}' WHERE urgency = 1".format
    gateway.store.change(give("ocrvp"))
    assert [one["handoff"] for one in owed(gateway, OFMIN)] == [str(other)]
    gateway.store.change(give("ofmin"))
