"""Coverage: what is owed by and to each holder of a case after a change of it."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.exchange.handoffs import open_duties
from tests import answers
from tests.casework import accepted, acknowledged, offered, revised, submitted, updated
from tests.exchange.handoffs.updating import (
    CORRECTED,
    FIRST,
    announced,
    covered,
    held,
)
from tests.founded_gateway import HOTLINE, OFMIN, Founded, caller
from tests.founding import founded


@pytest.fixture
def gateway() -> Founded:
    return founded()


def test_coverage_follows_a_correction_from_the_announcement_to_what_was_done(gateway):
    case, handoff = held(gateway)

    def owed() -> list[tuple[str, str, bool]]:
        return [(one["what"], one["by"], one["late"]) for one in covered(gateway, case)["owed"]]

    assert owed() == []
    revised(gateway, case, items=CORRECTED)
    assert owed() == [("update", HOTLINE, False)]
    updated(gateway, handoff)
    assert owed() == [("acknowledgement", OFMIN, False)]
    gateway.clock.advance(timedelta(days=4))
    assert owed() == [("acknowledgement", OFMIN, True)]
    assert gateway.view(OFMIN, handoff)["overdue"]
    acknowledged(gateway, handoff)
    assert owed() == []
    gateway.answer(OFMIN, answers.apply, handoff, done="rectified")
    line = covered(gateway, case)
    assert (line["owed"], line["answered"], line["package"]) == ([], "apply", 2)


def test_coverage_names_the_open_duty_and_is_late_from_the_moment_on_when_it_is_due(gateway):
    case, handoff = held(gateway)
    second = revised(gateway, case, items=CORRECTED)
    first = updated(gateway, handoff)
    gateway.clock.advance(timedelta(days=1))
    revised(gateway, second, items=FIRST)
    again = updated(gateway, handoff)
    due = gateway.handoff(handoff).due_at
    by = covered(gateway, case)["owed"][0]["due"]
    assert by == first.result["acknowledge_by"] == again.result["acknowledge_by"]
    for at, late in ((due - timedelta(microseconds=1), False), (due, True)):
        ports = replace(gateway.ports, now=lambda at=at: at)
        found = open_duties.coverage(ports, caller(HOTLINE), UUID(case.result["case"]))
        assert [one.late for line in found.handoffs for one in line.owed] == [late]


def test_who_was_offered_nothing_of_what_changed_owes_nothing(gateway):
    case = submitted(gateway, items=FIRST)
    accepted(gateway, offered(gateway, case, groups=("statements",)))
    revised(gateway, case, items=CORRECTED)
    assert len(announced(gateway)) == 1
    assert covered(gateway, case)["owed"] == []
