"""Weeks of a case: whatever an organisation owes, it can do."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from gateway.domain.duty import DUTIES, DutyKind, HandoffDuty
from gateway.domain.organisation import may_act
from gateway.exchange.handoffs import package_consultation, recalls
from gateway.exchange.handoffs.package_consultation import ReviewRequest
from gateway.exchange.handoffs.recalls import ApprovalRequest
from gateway.kernel.ports import TransactionMode
from tests import answers
from tests.exchange.living_case import Handoff
from tests.exchange.living_case_weeks import Moves


class Duties(Moves):
    """An open duty can be done by its organisation, by an act that policy lets through."""

    @precondition(lambda self: self.world.handoffs)
    @rule(number=st.integers(0, 30))
    def fulfil(self, number: int) -> None:
        owed = [(duty, one) for one in self.world.handoffs for duty in self._open(one)]
        owed = [pair for pair in owed if self._is_possible(*pair)]
        if owed:
            self._fulfil(*owed[number % len(owed)])

    def _open(self, one: Handoff) -> list[HandoffDuty]:
        with self.gateway.store.begin(TransactionMode.READ) as work:
            return list(work.duties.of(one.id, open_only=True))

    def _is_possible(self, duty: HandoffDuty, one: Handoff) -> bool:
        """Whether its organisation takes part, and its time has not ended it: maintenance closes
        it then. What stays open of a case that was erased shows that it was late."""
        kind, member = duty.kind, self.world.members[duty.organisation]
        erased = one.case.state == "erased"
        if not may_act(member.status, DUTIES[kind].action):
            return False
        if kind is DutyKind.CLEARANCE:
            return not erased
        if kind in (DutyKind.RETENTION, DutyKind.RETENTION_REVIEW) and erased:
            graced = one.graced is not None and self.day < one.graced + timedelta(days=30)
            return one.copy and (one.is_retained(self.day) or graced)
        return True

    def _fulfil(self, duty: HandoffDuty, one: Handoff) -> None:
        if duty.kind is DutyKind.CLEARANCE:
            self._assess_and_clear(one.case)
        else:
            action, where, asked = self._act(duty, one)
            written = self.attempt(duty.organisation, action, where, asked)
            assert written is not None, f"{duty.organisation} cannot do its {duty.kind}"
            self._done(duty, one)
        left = {(other.kind, other.source) for other in self._open(one)}
        assert (duty.kind, duty.source) not in left, f"{duty.kind} is done, and owed still"

    def _act(self, duty: HandoffDuty, one: Handoff) -> tuple[Any, Any, Any]:
        """What fulfils a duty, where, and what is asked with it."""
        said, until = answers.said, (self.day + timedelta(days=60)).isoformat()
        called = (self.now - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        of_handoff = {
            DutyKind.ANSWER: (answers.decline, said("officer-1", "not ours")),
            DutyKind.UPDATE: (answers.omit_update, said("liaison-1", "told by telephone")),
            DutyKind.ACKNOWLEDGEMENT: (answers.acknowledge, said("officer-1")),
            DutyKind.PROPOSAL_ANSWER: (
                answers.answer_proposal,
                said("liaison-1", decision="not_followed"),
            ),
            DutyKind.REVIEW: (package_consultation.review, ReviewRequest("officer-2")),
            DutyKind.CALL: (
                answers.call,
                said("liaison-1", function="the officer on duty", time=called),
            ),
            DutyKind.RETENTION: (
                answers.retain,
                said("officer-1", legal_basis="code, article 1", until=until),
            ),
            DutyKind.RECALL_ACKNOWLEDGEMENT: (answers.acknowledge_recall, said("officer-1")),
            DutyKind.RECALL_ANSWER: (
                answers.answer_recall,
                said("officer-1", done="copies_erased"),
            ),
        }
        of_handoff[DutyKind.RETENTION_REVIEW] = of_handoff[DutyKind.RETENTION]
        if duty.kind is DutyKind.RECALL_APPROVAL:
            return recalls.approve, one.case.id, ApprovalRequest(duty.source, "approver-2")
        action, asked = of_handoff[duty.kind]
        return action, one.id, asked

    def _done(self, duty: HandoffDuty, one: Handoff) -> None:
        """What the oracle knows after that."""
        self.touched.append(one)
        if duty.kind is DutyKind.ANSWER:
            self._moved(one, "decline")
        elif duty.kind is DutyKind.ACKNOWLEDGEMENT and one.held and one.case.state != "erased":
            one.held = len(one.packages)
        elif duty.kind in (DutyKind.RETENTION, DutyKind.RETENTION_REVIEW):
            one.retained_until = self.day + timedelta(days=60)
        elif duty.kind is DutyKind.RECALL_ANSWER:
            one.answer, one.retained_until, one.copy = "copies_erased", None, False
