"""Proposals: one person proposes, another one makes it, and until then it can be taken back."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.case import CaseState
from gateway.domain.decision import PolicyDecision
from gateway.domain.refusals import (
    Forbidden,
    InvalidApproval,
    NotFound,
    ValidationFailed,
    WrongState,
)
from gateway.exchange import cases, erasure
from gateway.exchange.cases import CaseStepRequest
from gateway.kernel import changes
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from tests.each import each
from tests.founding import (
    ABROAD,
    ALICE,
    BENOIT,
    HOTLINE,
    approve_change,
    caller,
    fields_of,
    make_change,
    shown,
    submit_change,
    submitted,
)

END = Change("membership.end", ABROAD, {"until": "2026-04-01"})


def proposed(gateway, change=END, by=ALICE):
    written = gateway.do(submit_change, change, *gateway.approve(change, by))
    return UUID(written.result["proposal"])


def approve(gateway, named, change=END, by=BENOIT):
    return gateway.do(approve_change, named, *gateway.approve(change, by))


def withdraw(gateway, named, by=ALICE):
    signed = gateway.approve(changes.withdrawal_of(named), by)
    return gateway.do(changes.withdraw, named, *signed)


def not_withdrawn(gateway, named, by=ALICE):
    signed = gateway.approve(changes.withdrawal_of(named), by)
    return gateway.refusal(changes.withdraw, named, *signed)


def test_its_proposer_withdraws_a_proposal_on_record_and_nobody_makes_it_then(gateway):
    named = proposed(gateway)
    receipt = withdraw(gateway, named).receipt
    assert fields_of(receipt)["type"] == "proposal.withdrawn"
    assert shown(receipt)["by"] == [ALICE]
    with pytest.raises(Exception, match="was withdrawn"):
        approve(gateway, named)
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert str(work.proposals.get(named).withdrawal_event) == str(fields_of(receipt)["id"])


def test_a_proposal_is_forgotten_long_after_its_end(gateway):
    named = proposed(gateway)
    for days, there in ((29, True), (10, False)):
        gateway.clock.advance(timedelta(days=days))
        changes.prune_proposals(gateway.ports)
        with gateway.ports.begin(TransactionMode.READ) as work:
            assert (work.proposals.get(named) is not None) is there


def test_who_withdraws_a_proposal_takes_back_the_approval_wherever_it_is_kept_besides(gateway):
    (kept,) = gateway.approve(END, ALICE)
    named = UUID(gateway.do(submit_change, END, kept).result["proposal"])
    again = UUID(gateway.do(submit_change, END, kept).result["proposal"])
    withdraw(gateway, named)
    (other,) = gateway.approve(END, BENOIT)
    for refused in (
        gateway.refusal(submit_change, END, kept),
        gateway.refusal(make_change, END, [kept, other]),
        gateway.refusal(approve_change, again, other),
    ):
        assert isinstance(refused.refusal, InvalidApproval)
        assert "taken back" in refused.refusal.detail
    withdraw(gateway, again)


def test_nobody_else_withdraws_it_and_the_attempt_is_an_event(gateway):
    named = proposed(gateway)
    refused = not_withdrawn(gateway, named, BENOIT)
    assert isinstance(refused.refusal, InvalidApproval)
    assert shown(refused.receipt)["by"] == [BENOIT]
    approve(gateway, named)


class _Against:
    """The product's policies, but for one action that they are against."""

    def __init__(self, policy, action):
        self._policy, self._action = policy, action

    def decide(self, question):
        if question.action == self._action:
            return PolicyDecision(False, ("R2.own",), ("Not now.",), "caller")
        return self._policy.decide(question)


@pytest.mark.parametrize("action", ["proposal.create", "proposal.withdraw"])
def test_policy_is_asked_before_a_proposal_is_made_or_withdrawn(gateway, action):
    named = proposed(gateway)
    gateway.ports = replace(gateway.ports, policy=_Against(gateway.ports.policy, action))
    if action == "proposal.create":
        refused = gateway.refusal(submit_change, END, *gateway.approve(END, BENOIT))
    else:
        refused = not_withdrawn(gateway, named)
    assert isinstance(refused.refusal, Forbidden)
    approve(gateway, named)


def test_what_was_made_or_withdrawn_is_not_withdrawn(gateway):
    made, taken_back = proposed(gateway), proposed(gateway)
    approve(gateway, made)
    withdraw(gateway, taken_back)
    for named in (made, taken_back):
        assert isinstance(not_withdrawn(gateway, named).refusal, WrongState)
    assert isinstance(not_withdrawn(gateway, gateway.new_id()).refusal, NotFound)


def test_an_erasure_is_proposed_by_one_person_and_made_by_another(gateway):
    case = UUID(submitted(gateway).result["case"])
    gateway.do(cases.close, caller(HOTLINE), gateway.key(), case, CaseStepRequest("agent-1"))
    erase = Change(erasure.ACTION, HOTLINE, {"case": str(case), "reason": "a court's order"})
    named = proposed(gateway, erase)
    assert gateway.case(case).state is CaseState.CLOSED
    own = gateway.refusal(approve_change, named, *gateway.approve(erase, ALICE))
    assert isinstance(own.refusal, InvalidApproval)
    assert gateway.case(case).state is CaseState.CLOSED
    written = approve(gateway, named, erase)
    assert shown(written.receipt)["by"] == [ALICE, BENOIT]
    assert (written.result["state"], written.result["key"]) == ("erased", "destroyed")
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert str(work.proposals.get(named).applied_event) == written.result["event"]


@each(
    "action", ["gateway_key.rotate", "ca.rotate", "log.adopt_mark", "proposal.create", "case.close"]
)
def test_what_takes_a_key_at_hand_does_not_wait_for_anybody(gateway, action):
    change = Change(action, "gateway", {})
    with pytest.raises(ValidationFailed):
        submit_change(gateway.ports, change, *gateway.approve(change, ALICE))


def test_what_one_person_may_do_is_made_and_does_not_wait(gateway):
    stop = Change("organisation.suspend", ABROAD, {"reason": "under review"})
    written = gateway.do(submit_change, stop, *gateway.approve(stop, ALICE))
    assert written.result["status"] == "suspended"
