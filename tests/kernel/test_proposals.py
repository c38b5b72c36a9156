"""Proposals: one person proposes, another one makes it, and until then it can be taken back."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.changes import CHANGES
from gateway.domain.case import CaseState
from gateway.domain.decision import PolicyDecision
from gateway.domain.organisation import Status
from gateway.domain.refusals import (
    Forbidden,
    InvalidApproval,
    NotFound,
    ValidationFailed,
    WrongState,
)
from gateway.exchange.case import cases
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.lifecycle import erasure
from gateway.kernel import changes
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import HOST
from tests.casework import submitted
from tests.each import each
from tests.founded_gateway import (
    ABROAD,
    ALICE,
    BENOIT,
    HOTLINE,
    approve_change,
    fields_of,
    make_change,
    shown,
    submit_change,
)
from tests.newcomers import NEWCOMER, Newcomer

END = Change("membership.end", ABROAD, {"until": "2026-04-01"})
OWN_END = Change("membership.end", HOTLINE, {"until": "2026-04-01"})


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


def test_a_proposal_may_depend_on_what_waits_before_it_about_the_same_organisation(gateway):
    Newcomer(gateway).arrive()
    values = {"membership": "full", "from": "2026-03-01", "decision_ref": "board"}
    grant = Change("membership.grant", NEWCOMER, values)
    end = Change("membership.end", NEWCOMER, {"until": "2026-06-01"})
    refused = gateway.refusal(submit_change, end, *gateway.approve(end, ALICE)).refusal
    assert isinstance(refused, WrongState), "there is nothing that it could depend on"
    granted, ended = proposed(gateway, grant), proposed(gateway, end)
    told = changes.look_up(gateway.ports, CHANGES, HOST, ended)
    assert told["refusal"] is None
    signed = gateway.approve(end, BENOIT)
    refused = gateway.refusal(approve_change, ended, *signed).refusal
    assert isinstance(refused, WrongState), "it is made in its order alone"
    approve(gateway, granted, grant)
    approve(gateway, ended, end)
    (held,) = gateway.organisation(NEWCOMER).memberships
    assert str(held.period.end) == "2026-06-01"


NEVER = {
    "an organisation that nobody knows": ("membership.end", "nobody", {"until": "2026-04-01"}),
    "a membership that it does not have": ("membership.end", ABROAD, {"until": "1990-04-01"}),
    "an end before the beginning": (
        "agreement.record",
        ABROAD,
        {"kind": "transfer", "description": "d", "reference": "r"}
        | {"from": "2026-04-01", "until": "2026-03-01"},
    ),
    "a person who administers nothing": (
        "admin.disable",
        GATEWAY,
        {"person": "nobody", "reason": "r"},
    ),
    "one administrator too few": ("admin.disable", GATEWAY, {"person": BENOIT, "reason": "r"}),
}


@each("action, organisation, values", NEVER.values())
def test_what_two_persons_could_not_make_is_not_proposed(action, organisation, values, gateway):
    change = Change(action, organisation, values)
    alone = gateway.refusal(submit_change, change, *gateway.approve(change, ALICE)).refusal
    both = gateway.refusal(submit_change, change, *gateway.approve(change, ALICE, BENOIT)).refusal
    assert (type(alone), alone.detail) == (type(both), both.detail)
    assert changes.page(gateway.ports, HOST, None, 100, waiting=True).items == []


def test_a_proposed_change_is_rehearsed_and_not_proposed_again_while_it_waits(gateway):
    before = gateway.organisation(ABROAD)
    named = proposed(gateway)
    assert gateway.organisation(ABROAD) == before
    refused = gateway.refusal(submit_change, END, *gateway.approve(END, BENOIT)).refusal
    assert isinstance(refused, WrongState)
    assert str(named) in refused.detail
    withdraw(gateway, named)
    assert proposed(gateway) != named


def test_one_person_hears_of_the_state_before_the_number_of_persons(gateway):
    Newcomer(gateway).arrive(Status.APPLIED)
    change = Change("organisation.leave", NEWCOMER, {"reason": "r"})
    refused = gateway.refusal(submit_change, change, *gateway.approve(change, ALICE)).refusal
    assert isinstance(refused, Forbidden)
    assert "R10.two_persons" not in refused.rules
    assert "applied" in refused.detail


def test_a_proposal_tells_while_it_waits_why_it_cannot_be_made_any_more(gateway):
    named = proposed(gateway)
    assert changes.look_up(gateway.ports, CHANGES, HOST, named)["refusal"] is None
    gateway.administer("organisation.leave", ABROAD, reason="over")
    size = gateway.size()
    assert "left" in changes.look_up(gateway.ports, CHANGES, HOST, named)["refusal"]
    assert gateway.size() == size
    withdraw(gateway, named)
    assert changes.look_up(gateway.ports, CHANGES, HOST, named)["refusal"] is None


def test_a_proposal_of_what_nobody_changes_any_more_is_never_made_and_withdrawn(gateway):
    named = proposed(gateway)
    left = {action: kind for action, kind in CHANGES.items() if action != END.action}
    assert "no such change" in changes.look_up(gateway.ports, left, HOST, named)["refusal"]
    with pytest.raises(ValidationFailed):
        changes.approve(gateway.ports, left, named, *gateway.approve(END, BENOIT))
    withdraw(gateway, named)


def test_a_proposal_of_a_person_who_was_disabled_since_is_said_to_count_no_more(gateway):
    named = proposed(gateway)
    gateway.administer("admin.add", GATEWAY, **gateway.newcomer("c-bernard"))
    gateway.administer("admin.disable", GATEWAY, person=ALICE, reason="left")
    assert changes.look_up(gateway.ports, CHANGES, HOST, named)["refusal"] is not None


def test_its_proposer_withdraws_a_proposal_on_record_and_nobody_makes_it_then(gateway):
    named = proposed(gateway)
    receipt = withdraw(gateway, named).receipt
    assert fields_of(receipt)["type"] == "proposal.withdrawn"
    assert shown(receipt)["by"] == [ALICE]
    with pytest.raises(Exception, match="was withdrawn"):
        approve(gateway, named)
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert str(work.proposals.get(named).withdrawal_event) == str(fields_of(receipt)["id"])


def refused_by(gateway, named, person, reason="the act is of 2025"):
    signed = gateway.approve(changes.refusal_of(named, reason), person)
    return changes.refuse, named, *signed, reason


def test_another_person_refuses_a_proposal_with_a_reason_and_nobody_makes_it_then(gateway):
    named = proposed(gateway)
    receipt = gateway.do(*refused_by(gateway, named, BENOIT)).receipt
    assert fields_of(receipt)["type"] == "proposal.refused"
    assert shown(receipt)["by"] == [BENOIT]
    told = changes.look_up(gateway.ports, CHANGES, HOST, named)
    assert told["refused_because"] == "the act is of 2025"
    with pytest.raises(Exception, match="refused by another"):
        approve(gateway, named)
    assert proposed(gateway) != named


def test_its_proposer_does_not_refuse_a_proposal(gateway):
    named = proposed(gateway)
    refused = gateway.refusal(*refused_by(gateway, named, ALICE)).refusal
    assert isinstance(refused, InvalidApproval)
    assert "withdraws it" in refused.detail
    approve(gateway, named)


def test_a_refusal_is_signed_with_its_reason(gateway):
    named = proposed(gateway)
    action, of, signed, _ = refused_by(gateway, named, BENOIT)
    refused = gateway.refusal(action, of, signed, "another reason").refusal
    assert isinstance(refused, InvalidApproval)


def test_a_proposal_is_forgotten_long_after_its_end(gateway):
    named = proposed(gateway)
    for days, there in ((29, True), (10, False)):
        gateway.clock.advance(timedelta(days=days))
        changes.prune_proposals(gateway.ports)
        with gateway.ports.begin(TransactionMode.READ) as work:
            assert (work.proposals.get(named) is not None) is there


def test_who_withdraws_a_proposal_takes_back_the_approval_wherever_it_is_kept_besides(gateway):
    (kept,) = gateway.approve(END, ALICE)
    withdraw(gateway, UUID(gateway.do(submit_change, END, kept).result["proposal"]))
    (other,) = gateway.approve(END, BENOIT)
    for refused in (
        gateway.refusal(submit_change, END, kept),
        gateway.refusal(make_change, END, [kept, other]),
    ):
        assert isinstance(refused.refusal, InvalidApproval)
        assert "taken back" in refused.refusal.detail


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


@pytest.mark.parametrize("action", ["proposal.create", "proposal.withdraw", "proposal.refuse"])
def test_policy_is_asked_before_a_proposal_is_made_or_withdrawn(gateway, action):
    named = proposed(gateway)
    gateway.ports = replace(gateway.ports, policy=_Against(gateway.ports.policy, action))
    if action == "proposal.create":
        refused = gateway.refusal(submit_change, OWN_END, *gateway.approve(OWN_END, BENOIT))
    elif action == "proposal.refuse":
        refused = gateway.refusal(*refused_by(gateway, named, BENOIT))
    else:
        refused = not_withdrawn(gateway, named)
    assert isinstance(refused.refusal, Forbidden)
    approve(gateway, named)


def test_what_was_made_or_withdrawn_is_not_withdrawn(gateway):
    made, taken_back = proposed(gateway), proposed(gateway, OWN_END)
    approve(gateway, made)
    withdraw(gateway, taken_back)
    for named in (made, taken_back):
        assert isinstance(not_withdrawn(gateway, named).refusal, WrongState)
    assert isinstance(not_withdrawn(gateway, gateway.new_id()).refusal, NotFound)


def test_an_erasure_is_proposed_by_one_person_and_made_by_another(gateway):
    case = UUID(submitted(gateway).result["case"])
    gateway.act(HOTLINE, cases.close, case, CaseStepRequest("agent-1"))
    erase = Change(erasure.ERASE, HOTLINE, {"case": str(case), "reason": "a court's order"})
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
