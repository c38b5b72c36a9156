"""Before an erasure: two persons bring its day forward; holders hear 14 days and a day before."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.refusals import ValidationFailed, WrongState
from gateway.domain.retention import DpoAdvice
from gateway.domain.staff import RegisterRole
from gateway.exchange.case import cases
from gateway.exchange.handoffs import package_consultation, views
from gateway.exchange.lifecycle import before_erasure, erasure
from gateway.exchange.lifecycle.before_erasure import EarlyErasure
from gateway.exchange.oversight import audit
from gateway.kernel.results import to_json
from tests import answers
from tests.casework import OPENING, accepted, consulted, offered, revised, submitted
from tests.exchange.lifecycle.test_erasure import id_of, in_box, streamed, told
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, caller, enter_staff, shown

DAY = timedelta(days=1)


# --- Two persons bring the erasure of their own case forward, on their DPO's advice (R10) ---


@pytest.fixture
def case(gateway):
    """A case of the hotline that OFMIN accepted."""
    enter_staff(gateway.ports.begin, HOTLINE, ["dpo-1"], frozenset({RegisterRole.DPO}))
    made = submitted(gateway)
    accepted(gateway, offered(gateway, made))
    return made


def wanted(gateway, days=1, **changes):
    day = gateway.clock().date() + timedelta(days=days)
    persons = ("agent-1", "approver-1", "dpo-1")
    asked = EarlyErasure(*persons, DpoAdvice.FAVOURABLE, day, "a request of the person")
    return replace(asked, **changes)


def advanced(gateway, case, asked, **key):
    return gateway.act(HOTLINE, before_erasure.advance_erasure, id_of(case), asked, **key)


def test_a_case_is_erased_on_the_earlier_day_and_not_before(gateway, case):
    asked = wanted(gateway, days=2)
    written = advanced(gateway, case, asked, key="the same")
    assert written.result["erase_on"] == asked.erase_on.isoformat()
    said = json.loads(shown(written.receipt)["subject"])
    named = {"approved_by": "approver-1", "dpo": "dpo-1", "advice": "favourable"}
    assert {name: said[name] for name in named} == named
    size = gateway.size()
    assert advanced(gateway, case, asked, key="the same").result == written.result
    assert gateway.size() == size
    gateway.clock.advance(DAY)
    assert erasure.erase_due(gateway.ports) == 0
    gateway.clock.advance(DAY)
    assert erasure.erase_due(gateway.ports) == 1


def test_both_sides_read_the_earlier_day_and_who_holds_the_case_hears_of_the_day_alone(
    gateway, case
):
    never = UUID(offered(gateway, case, to=ABROAD).result["handoff"])
    gateway.answer(ABROAD, answers.decline, never, "not ours")
    asked = wanted(gateway, days=2)
    advanced(gateway, case, asked)
    (handoff,) = in_box(gateway, OFMIN, "in")
    held = views.look_up(gateway.ports, caller(OFMIN), UUID(handoff["handoff"]))
    own = cases.look_up(gateway.ports, caller(HOTLINE), id_of(case))
    assert held.erase_on == own.erase_on == asked.erase_on
    heard = {who: gateway.types(who)[-1] for who in (OFMIN, ABROAD)}
    assert heard == {OFMIN: "case.erasure_advanced", ABROAD: "handoff.declined"}
    page = to_json(audit.stream(gateway.ports, caller(OFMIN), 0, 1000))
    newest = json.dumps(page["events"][-1])
    assert "dpo-1" not in newest
    assert "a request of the person" not in newest


@pytest.mark.parametrize(
    "changes", [{"days": 0}, {"days": 5000}, {"by": "dpo-1"}, {"dpo": "agent-1"}]
)
def test_the_day_is_between_tomorrow_and_that_of_before_and_a_dpo_decides_nothing(
    gateway, case, changes
):
    with pytest.raises(ValidationFailed):
        advanced(gateway, case, wanted(gateway, **changes))


@pytest.mark.usefixtures("case")
def test_on_the_earlier_day_a_holder_opens_nothing_before_the_erasure_is_done(gateway):
    other = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, other))
    advanced(gateway, other, wanted(gateway))
    assert consulted(gateway, handoff).result
    gateway.clock.advance(DAY)
    gateway.refused(WrongState, OFMIN, package_consultation.consult, handoff, OPENING)


def test_one_person_does_not_do_it(gateway, case):
    asked = id_of(case), wanted(gateway, by="approver-1")
    gateway.denied("R10.early_erasure.own", HOTLINE, before_erasure.advance_erasure, *asked)


def test_no_version_puts_it_off_again_and_one_that_repeats_it_is_no_news(gateway, case):
    asked = wanted(gateway, days=9)
    advanced(gateway, case, asked)
    again = revised(gateway, case, marking={"erase_on": asked.erase_on.isoformat()})
    assert gateway.types(OFMIN)[-1] == "case.erasure_advanced"
    later = gateway.clock().date() + timedelta(days=500)
    revised(gateway, again, marking={"erase_on": later.isoformat()})
    assert gateway.case(id_of(case)).erase_on == asked.erase_on


# --- Holders hear of erasures 14 days and a day before: once for each day, with the number ---


def erased_in(gateway, days):
    """A case of the hotline that is erased in so many days."""
    day = gateway.clock().date() + timedelta(days=days)
    return submitted(gateway, marking={"erase_on": day.isoformat()})


def heard(gateway, organisation):
    """What an organisation heard of erasures: before which day, and how many."""
    found = [told(one) for one in streamed(gateway, organisation, "erasure.announced")]
    return [(one["erase_before"], int(one["handoffs"])) for one in found]


def test_a_holder_hears_a_fortnight_and_a_day_before(gateway):
    last = (gateway.clock().date() + timedelta(days=21)).isoformat()
    first, _ = (accepted(gateway, offered(gateway, erased_in(gateway, 20))) for _ in range(2))
    offered(gateway, erased_in(gateway, 20), to=ABROAD)
    retained = accepted(gateway, offered(gateway, erased_in(gateway, 20)))
    gateway.answer(OFMIN, answers.retain, retained, legal_basis="art. 230-8 CPP")
    before_erasure.announce(gateway.ports)
    assert heard(gateway, OFMIN) == []
    gateway.clock.advance(timedelta(days=6))
    for _ in range(2):
        before_erasure.announce(gateway.ports)
        assert heard(gateway, OFMIN) == [(last, 2)]
    gateway.clock.advance(timedelta(days=13))
    before_erasure.announce(gateway.ports)
    assert heard(gateway, OFMIN) == [(last, 2)] * 2
    assert gateway.arrived(first) == {OFMIN: ["erasure.announced"] * 2}, "until it is seen"
    assert heard(gateway, ABROAD) == heard(gateway, HOTLINE) == []


def test_a_box_lists_what_is_erased_before_a_day(gateway):
    soon = accepted(gateway, offered(gateway, erased_in(gateway, 10)))
    accepted(gateway, offered(gateway, erased_in(gateway, 30)))
    day = gateway.clock().date() + timedelta(days=11)
    for box, organisation in (("in", OFMIN), ("out", HOTLINE)):
        found = in_box(gateway, organisation, box, erase_before=day)
        assert [one["handoff"] for one in found] == [str(soon)]
        assert in_box(gateway, organisation, box, erase_before=day - DAY) == []
