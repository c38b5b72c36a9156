"""A restriction crosses, and its end: by the word of the originator's gateway, for what it gave."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from gateway.domain.measure import MeasureKind
from gateway.exchange.case import measures
from gateway.exchange.case.measures import MeasureEnd, MeasureRequest
from gateway.exchange.handoffs import package_consultation
from gateway.kernel.transact import WriteResult
from tests.casework import accepted, consulted, offered
from tests.exchange.case.test_measures import ON_URL, ON_VICTIM, TWO, opening
from tests.exchange.relay.test_living_case import held
from tests.exchange.relay.test_outages import suspend
from tests.exchange.relay.two_gateways import (
    BE,
    BE_HOTLINE,
    BE_HOTLINE_THERE,
    TwoGateways,
    released,
    two_gateways,
)
from tests.founded_gateway import OFMIN
from tests.log_check import check_log

SUSPENSION, MARK = MeasureKind.SUSPENSION, MeasureKind.MARK


def restrict(two: TwoGateways, case: WriteResult, kind: MeasureKind, **more: Any) -> UUID:
    until = None if kind is MARK else two.be.ports.now() + timedelta(hours=60)
    wanted = MeasureRequest(kind, "officer-1", "objection", until=until, **more)
    made = two.be.act(BE_HOTLINE, measures.on_case, UUID(case.result["case"]), wanted)
    two.exchange()
    return UUID(str(made.result["measure"]))


def lift(two: TwoGateways, case: WriteResult, measure: UUID, **more: Any) -> None:
    wanted = MeasureEnd(measure, "officer-1", **more)
    two.be.act(BE_HOTLINE, measures.on_case, UUID(case.result["case"]), wanted)
    two.exchange()


def there(two: TwoGateways, case: WriteResult) -> list[Any]:
    """The measures in force at the recipient's gateway."""
    with two.fr.past_events(OFMIN) as work:
        found = work.cases.measures(BE_HOTLINE_THERE, UUID(case.result["case"]))
        return [one for one in found if one.holds(two.fr.ports.now())]


def test_a_suspension_closes_the_case_abroad_until_it_ends() -> None:
    two = two_gateways()
    case = released(two)
    handoff = held(two, case)
    measure = restrict(two, case, SUSPENSION)
    consult = (package_consultation.consult, handoff, opening("investigation"))
    two.fr.denied("R13.suspension", OFMIN, *consult)
    assert "case.restricted" in two.fr.arrived(handoff)[OFMIN]
    (set_there,) = there(two, case)
    assert (set_there.setter, set_there.code) == (BE_HOTLINE_THERE, "not_told")
    lift(two, case, measure)
    assert there(two, case) == []
    consulted(two.fr, handoff)
    check_log(two.be)
    check_log(two.fr)


def test_a_mark_crosses_for_the_elements_that_were_given() -> None:
    two = two_gateways()
    case = released(two)
    offer = offered(two.be, case, originator=BE_HOTLINE, groups=("items",))
    two.exchange()
    handoff = accepted(two.fr, offer, recipient=OFMIN)
    two.exchange()
    both = {"elements": (*ON_URL["elements"], *ON_VICTIM["elements"]), **TWO}
    measure = restrict(two, case, MARK, **both)
    (marked,) = there(two, case)
    assert marked.elements == ON_URL["elements"], "of the others nothing crosses"
    opened = two.fr.act(OFMIN, package_consultation.consult, handoff, opening("investigation"))
    kept = two.fr.act(OFMIN, package_consultation.consult, handoff, opening("legal_claim"))
    assert len(str(opened.result)) < len(str(kept.result))
    lift(two, case, measure, **TWO)
    assert there(two, case) == []
    check_log(two.be)
    check_log(two.fr)


def test_one_that_is_renewed_replaces_the_one_before() -> None:
    two = two_gateways()
    case = released(two)
    held(two, case)
    restrict(two, case, SUSPENSION)
    for one in (two.be, two.fr):
        one.clock.advance(timedelta(hours=24))
    measure = restrict(two, case, SUSPENSION, approved_by="approver-1")
    assert len(there(two, case)) == 1
    lift(two, case, measure)
    assert there(two, case) == []
    check_log(two.fr)


def test_a_suspended_peer_restricts_and_ends_that_again() -> None:
    two = two_gateways()
    case = released(two)
    held(two, case)
    suspend(two, BE)
    measure = restrict(two, case, MARK, **ON_URL, **TWO)
    assert len(there(two, case)) == 1
    lift(two, case, measure, **TWO)
    assert there(two, case) == []
    check_log(two.fr)


def test_one_that_is_over_when_it_comes_binds_nothing() -> None:
    two = two_gateways()
    case = released(two)
    held(two, case)
    two.fr.clock.advance(timedelta(hours=80))
    restrict(two, case, SUSPENSION)
    assert there(two, case) == []
