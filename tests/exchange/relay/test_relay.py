"""A handoff between members of two gateways: what is asked is sent, what is decided is followed."""

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.handoff import HandoffState, RecallCode
from gateway.domain.organisation import Status
from gateway.domain.retention import DpoAdvice
from gateway.domain.revision import ChangeKind
from gateway.domain.staff import RegisterRole
from gateway.exchange.handoffs import recalls, updates
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.lifecycle import before_erasure, erasure
from gateway.exchange.lifecycle.before_erasure import EarlyErasure
from gateway.kernel.transact import RecordedRefusal, WriteResult
from tests import answers
from tests.casework import accepted, acknowledged, offered, revised
from tests.each import each
from tests.exchange.relay.two_gateways import (
    BE,
    BE_HOTLINE,
    BE_HOTLINE_THERE,
    FR,
    OFMIN_THERE,
    TwoGateways,
    leaving,
    released,
    two_gateways,
)
from tests.founded_gateway import OFMIN, enter_staff
from tests.log_check import check_log


def test_an_offer_crosses_and_its_acceptance_is_followed() -> None:
    two = two_gateways()
    case = released(two)
    offer = offered(two.be, case, originator=BE_HOTLINE)
    handoff = UUID(offer.result["handoff"])
    two.exchange()
    there = two.fr.handoff(handoff)
    assert there.state is HandoffState.OFFERED
    accepted(two.fr, offer, recipient=OFMIN)
    two.exchange()
    here, there = two.be.handoff(handoff), two.fr.handoff(handoff)
    assert (
        (here.state, here.sequence) == (there.state, there.sequence) == (HandoffState.ACCEPTED, 2)
    )
    check_log(two.fr)
    check_log(two.be)


KEPT = {
    "done": "in_proceedings",
    "reference": "n 1",
    "authority": "a court",
    "until": "2027-01-01",
}
"""A final answer by which a holder keeps the case."""


def crossed(two: TwoGateways, **changes: Any) -> WriteResult:
    """An offer of the Belgian hotline to OFMIN, taken in there."""
    case = changes.pop("case", None) or released(two)
    offer = offered(two.be, case, originator=BE_HOTLINE, **changes)
    two.exchange()
    return offer


def held(two: TwoGateways, **changes: Any) -> UUID:
    """The same, accepted there."""
    handoff = accepted(two.fr, crossed(two, **changes), recipient=OFMIN)
    two.exchange()
    return handoff


def same(two: TwoGateways, handoff: UUID) -> None:
    """The row here is the deciding one, and both logs are whole."""
    names = ("state", "sequence", "package", "held", "accepted_groups", "recall_answer", "due_at")
    here, there = two.be.handoff(handoff), two.fr.handoff(handoff)
    assert [getattr(here, n) for n in names] == [getattr(there, n) for n in names]
    check_log(two.fr)
    check_log(two.be)


def test_a_police_code_never_comes_to_the_originator() -> None:
    two = two_gateways()
    handoff = held(two)
    two.fr.answer(OFMIN, answers.outcome, handoff, code="case_opened", note="secret words")
    two.exchange()
    view = two.be.view(BE_HOTLINE, handoff)
    assert view["answers"][-1]["code"] == "received"
    assert "case_opened" not in str(view)
    same(two, handoff)


def test_a_withdrawal_is_sent_and_counts_when_taken_in() -> None:
    two = two_gateways()
    offer = crossed(two)
    handoff = UUID(offer.result["handoff"])
    two.be.answer(BE_HOTLINE, answers.withdraw, handoff, "a mistake")
    assert two.be.handoff(handoff).state is HandoffState.OFFERED
    two.exchange()
    assert two.be.handoff(handoff).state is HandoffState.WITHDRAWN
    same(two, handoff)


def test_a_withdrawal_that_crosses_an_acceptance_comes_back_with_its_receipt() -> None:
    two = two_gateways()
    offer = crossed(two)
    handoff = accepted(two.fr, offer, recipient=OFMIN)
    two.be.answer(BE_HOTLINE, answers.withdraw, handoff, "a mistake")
    two.exchange()
    assert two.be.handoff(handoff).state is HandoffState.ACCEPTED
    assert "handoff.act_returned" in two.be.types(BE_HOTLINE)
    same(two, handoff)


def test_an_offer_that_policy_refuses_there_is_returned_and_nothing_of_it_stays() -> None:
    two = two_gateways()
    offer = crossed(two, to=OFMIN_THERE)  # OFMIN receives cases only under its mandate
    handoff = UUID(offer.result["handoff"])
    assert two.be.handoff(handoff).state is HandoffState.RETURNED
    assert two.fr.handoff(handoff) is None
    assert two.fr.case(UUID(offer.result["case"]), BE_HOTLINE_THERE) is None
    assert two.be.arrived(handoff)[BE_HOTLINE] == ["handoff.returned"]
    check_log(two.be)
    check_log(two.fr)


def test_what_ends_unaccepted_is_erased_there_at_once() -> None:
    two = two_gateways()
    offer = crossed(two)
    handoff = UUID(offer.result["handoff"])
    two.fr.answer(OFMIN, answers.decline, handoff, "not ours")
    assert erasure.erase_due(two.fr.ports) == 1
    assert two.fr.case(UUID(offer.result["case"]), BE_HOTLINE_THERE).state == "erased"
    two.exchange()
    assert two.be.handoff(handoff).state is HandoffState.DECLINED
    check_log(two.be)
    check_log(two.fr)


def test_a_correction_crosses_and_is_acknowledged() -> None:
    two = two_gateways()
    case = released(two)
    handoff = held(two, case=case)
    revised(
        two.be,
        case,
        originator=BE_HOTLINE,
        kind=ChangeKind.CORRECTION,
        marking={"release_to": [two.fr.ports.issuer]},
    )
    two.be.act(BE_HOTLINE, updates.update, handoff, UpdateRequest("liaison-1"))
    assert two.be.handoff(handoff).package == 1
    two.exchange()
    same(two, handoff)
    assert two.be.handoff(handoff).package == 2
    acknowledged(two.fr, handoff)
    two.exchange()
    same(two, handoff)


@each(
    "marking, at",
    [({"release_to": []}, BE), ({"tlp": "RED"}, BE), ({"tlp": "RED"}, FR)],
)
def test_an_update_crosses_within_the_agreement_and_the_release_list_only(
    marking: dict[str, Any], at: str
) -> None:
    two = two_gateways()
    case = released(two)
    handoff = held(two, case=case)
    gateway, peer = (two.be, FR) if at == BE else (two.fr, BE)
    with gateway.past_events(peer) as work:
        found = work.organisations.get(peer)
        assert found is not None
        assert found.peer is not None
        agreed = tuple(replace(one, tlp="AMBER") for one in found.peer.agreements)
        of_peer = replace(found.peer, agreements=agreed)
        work.organisations.save(replace(found, peer=of_peer, version=found.version + 1))
    marked = {**leaving(two), **marking}
    revised(two.be, case, originator=BE_HOTLINE, marking=marked)
    wanted = UpdateRequest("liaison-1")
    if at == BE:
        with pytest.raises(RecordedRefusal) as refused:
            two.be.act(BE_HOTLINE, updates.update, handoff, wanted)
        assert refused.value.refusal.rules[0].startswith("R22.")
    else:
        two.be.act(BE_HOTLINE, updates.update, handoff, wanted)
    two.exchange()
    assert two.fr.handoff(handoff).package == 1


def test_a_recall_crosses_and_is_answered() -> None:
    two = two_gateways()
    case = released(two)
    handoff = held(two, case=case)
    wanted = RecallRequest("liaison-1", RecallCode.UNLAWFUL, "why", approved_by="approver-1")
    two.be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), wanted)
    two.exchange()
    assert two.be.handoff(handoff).recall is not None
    same(two, handoff)
    two.fr.answer(OFMIN, answers.acknowledge_recall, handoff)
    kept = {
        "done": "in_proceedings",
        "reference": "n 1",
        "authority": "a court",
        "until": "2027-01-01",
    }
    two.fr.answer(OFMIN, answers.answer_recall, handoff, **kept)
    two.exchange()
    assert two.be.handoff(handoff).recall_answer == "kept_by_law"
    check_log(two.be)
    check_log(two.fr)


def erased_early(two: TwoGateways, case: UUID) -> None:
    """The hotline brings the erasure of a case forward."""
    early = EarlyErasure(
        "analyst-1", "approver-1", "dpo-1", DpoAdvice.FAVOURABLE, date(2026, 4, 1), "asked"
    )
    enter_staff(two.be.ports.begin, BE_HOTLINE, ["dpo-1"], frozenset({RegisterRole.DPO}))
    two.be.act(BE_HOTLINE, before_erasure.advance_erasure, case, early)


def test_a_suspended_peer_erases_nothing_also_with_a_recall_beside_it() -> None:
    two = two_gateways()
    case = released(two)
    handoff = held(two, case=case)
    at = UUID(case.result["case"])
    erased_early(two, at)
    wanted = RecallRequest("liaison-1", RecallCode.UNLAWFUL, "why", approved_by="approver-1")
    two.be.act(BE_HOTLINE, recalls.of_case, at, wanted)
    with two.fr.past_events(BE) as work:
        found = work.organisations.get(BE)
        assert found is not None
        suspended = replace(found, status=Status.SUSPENDED, version=found.version + 1)
        work.organisations.save(suspended)
    *_, erasing, recalling = two.outgoing(BE, OFMIN_THERE)
    status, answer = two.post(BE, {**erasing.body, "document": recalling.body["document"]})
    assert (status, "suspended" in answer["why"]) == (403, True)
    assert two.fr.case(at, BE_HOTLINE_THERE).erase_on != date(2026, 4, 1)
    assert two.post(BE, recalling.body)[0] == 200
    assert two.fr.handoff(handoff).recall is not None


def test_an_early_erasure_reaches_the_holder_abroad() -> None:
    two = two_gateways()
    case = released(two)
    held(two, case=case)
    at = UUID(case.result["case"])
    erased_early(two, at)
    two.exchange()
    assert two.fr.case(at, BE_HOTLINE_THERE).erase_on == date(2026, 4, 1)
    check_log(two.be)
    check_log(two.fr)
