"""A peer gateway leaves: nothing stands open towards nobody, and what was received is kept."""

from datetime import date, timedelta
from uuid import UUID

from gateway.domain.handoff import OPEN, HandoffState
from gateway.exchange.lifecycle import erasure
from gateway.exchange.relay.ending import end_with_peers
from gateway.exchange.standing.leaving import left_on
from gateway.kernel.ports import TransactionMode
from tests import answers
from tests.casework import consulted, offered
from tests.exchange.relay.test_living_case import crossed, held
from tests.exchange.relay.two_gateways import (
    BE,
    BE_HOTLINE,
    BE_HOTLINE_THERE,
    FR,
    OFMIN_THERE,
    TwoGateways,
    released,
    two_gateways,
)
from tests.founded_gateway import OFMIN, Founded
from tests.log_check import check_log


def leave(gateway: Founded, peer: str) -> None:
    gateway.administer("organisation.leave", peer, reason="it closes")
    assert not end_with_peers(gateway.ports, set())


def check(gateway: Founded, handoff: UUID, state: HandoffState) -> None:
    """It ended so, nothing of it is due, and its rows are what documents and log say."""
    found = gateway.handoff(handoff)
    assert (found.state, found.due_at) == (state, None)
    assert found.state not in OPEN
    check_log(gateway)


def test_an_offer_to_a_gateway_that_left_is_returned_and_its_originator_hears() -> None:
    two = two_gateways()
    waiting = UUID(offered(two.be, released(two), originator=BE_HOTLINE).result["handoff"])
    handoff = crossed(two, released(two))
    leave(two.be, FR)
    for one in (handoff, waiting):
        check(two.be, one, HandoffState.RETURNED)
        with two.be.ports.begin(TransactionMode.READ) as work:
            assert all(act.ended_at for act in work.handoffs.sent(one))
    assert two.be.types(BE_HOTLINE).count("handoff.returned") == 2
    assert "handoff.returned" in two.be.arrived(handoff)[BE_HOTLINE]
    assert two.be.types(BE_HOTLINE).count("counterpart.left") == 1
    leave_again = two.be.types(BE_HOTLINE)
    end_with_peers(two.be.ports, set())
    assert two.be.types(BE_HOTLINE) == leave_again


def test_what_is_held_at_a_gateway_that_left_is_closed() -> None:
    two = two_gateways()
    handoff = held(two, released(two))
    leave(two.be, FR)
    check(two.be, handoff, HandoffState.CLOSED)
    assert two.be.view(BE_HOTLINE, handoff)["state"] == "closed"


def test_an_offer_of_a_gateway_that_left_ends_and_its_case_is_erased_at_once() -> None:
    two = two_gateways()
    case = released(two)
    handoff = crossed(two, case)
    leave(two.fr, BE)
    check(two.fr, handoff, HandoffState.RETURNED)
    assert erasure.erase_due(two.fr.ports) == 1
    assert two.fr.case(UUID(case.result["case"]), BE_HOTLINE_THERE).state == "erased"
    check(two.fr, handoff, HandoffState.RETURNED)


def test_who_holds_a_case_of_a_gateway_that_left_reads_and_retains_it() -> None:
    two = two_gateways()
    handoff = held(two, released(two))
    leave(two.fr, BE)
    check(two.fr, handoff, HandoffState.CLOSED)
    assert "handoff.returned" in two.fr.arrived(handoff)[OFMIN]
    consulted(two.fr, handoff)
    two.fr.answer(OFMIN, answers.retain, handoff, legal_basis="CPP 40", until="2027-01-01")
    check_log(two.fr)
    two.fr.clock.advance(timedelta(days=3000))
    assert erasure.erase_due(two.fr.ports) == 1
    assert two.fr.handoff(handoff).state is HandoffState.CLOSED
    check_log(two.fr)


def test_nothing_ends_of_a_gateway_that_is_suspended() -> None:
    two = two_gateways()
    handoff = crossed(two, released(two))
    two.be.administer("organisation.suspend", FR, reason="an inquiry")
    end_with_peers(two.be.ports, set())
    assert two.be.handoff(handoff).state is HandoffState.OFFERED
    assert "counterpart.suspended" in two.be.arrived(handoff)[BE_HOTLINE]


def test_a_member_of_a_gateway_that_left_has_left_since_that_day() -> None:
    two = two_gateways()
    assert since(two) is None
    two.be.administer("organisation.leave", FR, reason="it closes")
    assert since(two) == two.be.ports.reference_date(two.be.clock()).civil


def since(two: TwoGateways) -> date | None:
    """Since when the office is gone for the hotline's gateway."""
    with two.be.ports.begin(TransactionMode.READ) as work:
        return left_on(two.be.ports, work, OFMIN_THERE)
