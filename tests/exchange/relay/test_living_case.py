"""A case lives on across two gateways: every answer, changes, danger, a mandate that moves."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from gateway.domain.handoff import HandoffState
from gateway.evidence import sd_jwt
from gateway.exchange.case import submissions
from gateway.exchange.case.submissions import Clearance, Submission
from gateway.exchange.handoffs import offers, updates
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.signed_requests import CASE, OFFER, open_signed
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.casework import accepted, case_content, offer_of, offered, revised
from tests.exchange import moving_mandates
from tests.exchange.relay.two_gateways import (
    BE_HOTLINE,
    BE_HOTLINE_THERE,
    BE_ISSUER,
    BE_ORIGIN,
    TwoGateways,
    leaving,
    released,
    two_gateways,
)
from tests.founded_gateway import OFMIN, caller
from tests.log_check import check_log
from tests.ports import ISSUER, document_key
from tests.signing import signed_case, signed_offer

DANGER = {"urgency": "imminent_danger", "urgency_reason": "child_located"}


def crossed(two: TwoGateways, case: WriteResult, **changes: Any) -> UUID:
    """An offer that was taken in."""
    offer = offered(two.be, case, originator=BE_HOTLINE, **changes)
    two.exchange()
    return UUID(offer.result["handoff"])


def held(two: TwoGateways, case: WriteResult) -> UUID:
    """One that was accepted."""
    offer = offered(two.be, case, originator=BE_HOTLINE)
    two.exchange()
    handoff = accepted(two.fr, offer, recipient=OFMIN)
    two.exchange()
    return handoff


def equal(two: TwoGateways, handoff: UUID) -> None:
    """The rows say the same, and both logs are whole."""
    here, there = two.be.handoff(handoff), two.fr.handoff(handoff)
    names = ("state", "sequence", "package", "held", "due_at", "recall_answer")
    assert [getattr(here, n) for n in names] == [getattr(there, n) for n in names]
    check_log(two.be)
    check_log(two.fr)


def test_each_answer_of_the_recipient_is_followed() -> None:
    two = two_gateways()
    case = released(two)
    handoff = crossed(two, case)
    until = {"code": "workload", "until": "2026-03-20T09:00:00Z"}
    two.fr.answer(OFMIN, answers.delay, handoff, **until)
    two.exchange()
    equal(two, handoff)
    offer = two.be.view(BE_HOTLINE, handoff)
    assert offer["answers"][-1]["kind"] == "delay"
    conditions = two.fr.view(OFMIN, handoff)["conditions"]
    two.fr.answer(OFMIN, answers.accept, handoff, conditions=conditions)
    two.exchange()
    revised(two.be, case, originator=BE_HOTLINE, urgency="urgent", marking=leaving(two))
    two.exchange()
    assert "handoff.change_announced" in two.fr.types(OFMIN)
    assert "handoff.change_announced" in two.fr.arrived(handoff)[OFMIN]
    two.be.act(BE_HOTLINE, updates.update, handoff, UpdateRequest("liaison-1"))
    two.exchange()
    two.fr.answer(OFMIN, answers.acknowledge, handoff)
    two.fr.answer(OFMIN, answers.dispute, handoff, "no", ground="evidence")
    two.fr.answer(OFMIN, answers.apply, handoff, done="rectified")
    two.fr.answer(OFMIN, answers.propose_correction, handoff, "wrong", proposal="inaccurate")
    two.exchange()
    equal(two, handoff)
    two.be.answer(BE_HOTLINE, answers.answer_proposal, handoff, decision="not_followed")
    two.exchange()
    article = {"article": "CPP 40", "recipient_kind": "prosecutor"}
    two.fr.answer(OFMIN, answers.pass_on_by_law, handoff, **article)
    two.fr.answer(OFMIN, answers.go_ahead, handoff)
    two.fr.answer(OFMIN, answers.close, handoff)
    two.exchange()
    assert "CPP 40" not in str(two.be.view(BE_HOTLINE, handoff))
    equal(two, handoff)


def test_a_redirection_and_a_partial_acceptance_are_followed() -> None:
    two = two_gateways()
    first = crossed(two, released(two))
    two.fr.answer(OFMIN, answers.redirect, first, "not ours")
    offer = offered(two.be, released(two), originator=BE_HOTLINE)
    two.exchange()
    second = accepted(two.fr, offer, recipient=OFMIN, groups=("items",))
    two.exchange()
    assert two.be.handoff(first).state is HandoffState.REDIRECTED
    assert two.be.handoff(second).accepted_groups == frozenset({"items"})
    equal(two, first)
    equal(two, second)


def test_in_imminent_danger_an_offer_crosses_before_the_case_is_cleared() -> None:
    two = two_gateways()
    case = released(two, clearance=None, **DANGER)
    handoff = crossed(two, case)
    assert two.fr.handoff(handoff).break_glass
    assert two.fr.case(UUID(case.result["case"]), BE_HOTLINE_THERE).state == "draft"
    called = {"function": "the duty officer", "time": "2026-03-02T09:00:00Z"}
    two.be.answer(BE_HOTLINE, answers.call, handoff, **called)
    two.exchange()
    equal(two, handoff)


def test_a_mandate_that_moves_ends_the_handoff_and_names_no_reissue() -> None:
    two = two_gateways()
    with two.fr.past_events(BE_HOTLINE_THERE) as work:
        found = work.organisations.get(BE_HOTLINE_THERE)
        signing = replace(found, signed_only=True, version=found.version + 1)
        work.organisations.save(signing)
    handoff = crossed(two, released(two))
    succession = moving_mandates.agreed(two.fr)
    two.fr.day = moving_mandates.DAY
    moving_mandates.carry_out(two.fr, succession)
    two.exchange()
    assert two.fr.handoff(handoff).state is HandoffState.REISSUED
    assert two.be.handoff(handoff).state is HandoffState.REISSUED
    assert two.be.view(BE_HOTLINE, handoff)["answers"][-1]["kind"] == "reissue"
    check_log(two.be)


def signed_by_itself(two: TwoGateways) -> tuple[UUID, Any]:
    """A handoff that the hotline offered by documents of its own key, and the offer."""
    key = document_key("be-hotline")
    two.be.register_key(BE_HOTLINE, key)
    content = case_content(two.be.new_id(), marking=leaving(two))
    clearance = {"assessed_by": "analyst-1", "cleared_by": "approver-1"}
    by = {"iss": f"{BE_ISSUER}/organisations/{BE_HOTLINE}"}
    persons = {"by": "intake-1", "clearance": clearance}
    signed = signed_case(
        two.be, BE_HOTLINE, key, content, persons=persons, aud=BE_ISSUER, **by
    ).compact()
    case = two.be.do(submissions.submit, caller(BE_HOTLINE), two.be.key(), opened_case(two, signed))
    wanted = offer_of(two.be)
    seen = to_json(
        offers.preview(two.be.ports, caller(BE_HOTLINE), UUID(case.result["case"]), wanted)
    )
    to = {**seen["to"], "organisation": OFMIN}  # an id of the audience
    offer = signed_offer(two.be, BE_HOTLINE, key, seen, aud=ISSUER, to=to, **by)
    opened = opened_by(two, offer.compact(), "handoff.offer", OFFER)
    body = OFFER.body(opened)
    asked = replace(
        wanted, handoff=UUID(body["handoff"]), digests=tuple(body["digests"]), groups=()
    )
    given = replace(asked, signed=opened)
    at = UUID(case.result["case"])
    two.be.do(offers.offer, caller(BE_HOTLINE), two.be.key(), at, given)
    return asked.handoff, offer


def test_what_a_member_signed_itself_crosses_once_its_key_is_told() -> None:
    two = two_gateways("signed")
    handoff, offer = signed_by_itself(two)
    two.exchange()
    assert two.fr.handoff(handoff) is None, "it is not heard yet"
    two.enter_key(BE_HOTLINE_THERE)
    two.exchange()
    there = two.fr.view(OFMIN, handoff)
    assert there["assurance"] == "signed"
    assert sd_jwt.parse(there["answers"][0]["document"]).digest == offer.digest
    check_log(two.be)
    check_log(two.fr)


def test_a_key_that_is_not_known_is_waited_for_until_its_gateway_was_asked_since() -> None:
    two = two_gateways("signed")
    handoff, _ = signed_by_itself(two)
    for gateway in (two.be, two.fr):
        gateway.clock.advance(timedelta(days=2))  # nobody could be asked
    two.exchange()
    assert two.fr.handoff(handoff) is None
    assert two.be.handoff(handoff).state is HandoffState.OFFERED, "it is not heard yet"
    with two.fr.ports.begin(TransactionMode.WRITE) as work:
        work.relay.tell_members(BE_ORIGIN, two.be.size())
        work.commit()
    two.exchange()
    assert two.be.handoff(handoff).state is HandoffState.RETURNED


def opened_by(two: TwoGateways, text: str, action: str, form: Any) -> Any:
    """A signed document, opened as the gateway does."""
    at = two.be.ports, caller(BE_HOTLINE), text
    return open_signed(*at, typ=form.typ, action=action, key="")


def opened_case(two: TwoGateways, text: str) -> Submission:
    """A signed case, as it is submitted."""
    opened = opened_by(two, text, "case.submit", CASE)
    body = CASE.body(opened)
    return Submission(body["by"], body["content"], Clearance(**body["clearance"]), opened)
