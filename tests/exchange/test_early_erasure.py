"""Two persons bring the erasure of their own case forward; their DPO's advice is recorded (R10)."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.refusals import Forbidden, ValidationFailed
from gateway.domain.retention import DpoAdvice
from gateway.domain.staff import RegisterRole
from gateway.exchange import cases, early_erasure, erasure, handoffs, receipts
from gateway.exchange.early_erasure import EarlyErasure
from gateway.kernel.results import to_json
from tests import answers
from tests.founding import (
    ABROAD,
    HOTLINE,
    OFMIN,
    accepted,
    caller,
    case_content,
    enter_staff,
    offered,
    refused_on_record,
    revised,
    shown,
    submitted,
)


@pytest.fixture
def case(gateway):
    """A case of the hotline that OFMIN accepted."""
    enter_staff(gateway.ports.begin, HOTLINE, ["dpo-1"], frozenset({RegisterRole.DPO}))
    made = submitted(gateway)
    accepted(gateway, offered(gateway, made))
    return made


def wanted(gateway, days=1, **changes):
    day = gateway.clock().date() + timedelta(days=days)
    asked = EarlyErasure(
        "agent-1", "approver-1", "dpo-1", DpoAdvice.FAVOURABLE, day, "a request of the person"
    )
    return replace(asked, **changes)


def id_of(case):
    return UUID(case.result["case"])


def advanced(gateway, case, asked):
    args = (caller(HOTLINE), gateway.key(), id_of(case), asked)
    return gateway.do(early_erasure.advance_erasure, *args)


def test_a_case_is_erased_on_the_earlier_day_and_not_before(gateway, case):
    asked = wanted(gateway, days=2)
    written = advanced(gateway, case, asked)
    assert written.result["erase_on"] == asked.erase_on.isoformat()
    told = json.loads(shown(written.receipt)["subject"])
    assert (told["approved_by"], told["dpo"], told["advice"]) == (
        "approver-1",
        "dpo-1",
        "favourable",
    )
    gateway.clock.advance(timedelta(days=1))
    assert erasure.erase_due(gateway.ports) == 0
    gateway.clock.advance(timedelta(days=1))
    assert erasure.erase_due(gateway.ports) == 1


def test_both_sides_read_the_earlier_day(gateway, case):
    asked = wanted(gateway, days=2)
    advanced(gateway, case, asked)
    ((handoff,),) = [
        handoffs.page(gateway.ports, caller(OFMIN), box="in", after=None, limit=9).items
    ]
    held = handoffs.look_up(gateway.ports, caller(OFMIN), handoff.handoff)
    own = cases.look_up(gateway.ports, caller(HOTLINE), id_of(case))
    assert held.erase_on == own.erase_on == asked.erase_on


def test_who_was_offered_the_case_hears_of_the_day_alone(gateway, case):
    asked = wanted(gateway)
    advanced(gateway, case, asked)
    page = to_json(receipts.stream(gateway.ports, caller(OFMIN), 0, 1000))
    newest = json.dumps(page["events"][-1])
    assert "dpo-1" not in newest
    assert "a request of the person" not in newest


@pytest.mark.parametrize("days", [0, 5000])
def test_the_day_is_from_tomorrow_on_and_earlier_than_before(gateway, case, days):
    asked = wanted(gateway, days)
    with pytest.raises(ValidationFailed):
        advanced(gateway, case, asked)


def test_one_person_does_not_do_it(gateway, case):
    asked = wanted(gateway, by="approver-1")
    args = (caller(HOTLINE), gateway.key(), id_of(case), asked)
    told = refused_on_record(gateway, Forbidden, early_erasure.advance_erasure, *args)
    assert told.rules == ("R10.early_erasure.own",)


@pytest.mark.parametrize("changes", [{"by": "dpo-1"}, {"dpo": "agent-1"}])
def test_a_dpo_advises_and_decides_nothing(gateway, case, changes):
    asked = wanted(gateway, **changes)
    with pytest.raises(ValidationFailed):
        advanced(gateway, case, asked)


def test_no_version_puts_it_off_again(gateway, case):
    asked = wanted(gateway, days=9)
    advanced(gateway, case, asked)
    later = gateway.clock().date() + timedelta(days=500)
    marking = {**case_content(gateway.new_id())["marking"], "erase_on": later.isoformat()}
    revised(gateway, case, marking=marking)
    assert gateway.case(id_of(case)).erase_on == asked.erase_on


def test_who_holds_nothing_does_not_hear_of_it(gateway, case):
    handoff = UUID(offered(gateway, case, to=ABROAD).result["handoff"])
    said = answers.said("analyst-1", "not ours")
    gateway.do(answers.decline, caller(ABROAD), gateway.key(), handoff, said)
    advanced(gateway, case, wanted(gateway))
    heard = {who: gateway.types(who)[-1] for who in (OFMIN, ABROAD)}
    assert heard == {OFMIN: "case.erasure_advanced", ABROAD: "handoff.declined"}


def test_a_version_that_repeats_the_earlier_day_is_no_news_to_its_holders(gateway, case):
    asked = wanted(gateway, days=9)
    advanced(gateway, case, asked)
    marking = {**case_content(gateway.new_id())["marking"], "erase_on": asked.erase_on.isoformat()}
    revised(gateway, case, marking=marking)
    assert gateway.types(OFMIN)[-1] == "case.erasure_advanced"


def test_a_retry_gets_the_first_result(gateway, case):
    asked, key = wanted(gateway), gateway.key()
    first = gateway.do(early_erasure.advance_erasure, caller(HOTLINE), key, id_of(case), asked)
    size = gateway.size()
    again = gateway.do(early_erasure.advance_erasure, caller(HOTLINE), key, id_of(case), asked)
    assert (again.result, gateway.size()) == (first.result, size)
