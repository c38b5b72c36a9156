"""Every write that a partner can ask for, each ready to be asked: for tests of what holds for all.

An errand is a function that brings a gateway to where the write is due and returns it: the
action, the caller, and what comes after the idempotency key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from gateway.domain.revision import ChangeKind, VersionChange
from gateway.exchange import cases, handoffs, offers, updates
from gateway.exchange.cases import CaseStepRequest, Submission
from gateway.exchange.consultations import ConsultationRequest
from gateway.exchange.handoffs import ReviewRequest
from gateway.exchange.updates import UpdateRequest
from gateway.kernel.transact import WriteResult
from gateway.kernel.values import Caller
from tests import answers
from tests.founding import (
    CLEARED,
    HOTLINE,
    OFMIN,
    OPENING,
    Founded,
    accepted,
    caller,
    case_content,
    conditions_of,
    machine_match,
    offer_of,
    offered,
    revised,
    submitted,
    updated,
)


@dataclass(frozen=True)
class Errand:
    """A write that is due, all but its idempotency key. ``said`` is the last of ``rest``."""

    action: Callable[..., WriteResult]
    caller: Caller
    rest: tuple[Any, ...]

    @property
    def said(self) -> Any:
        return self.rest[-1]

    def saying(self, **changes: Any) -> "Errand":
        """The same errand with other words."""
        return replace(self, rest=(*self.rest[:-1], replace(self.said, **changes)))

    def do(self, gateway: Founded, key: str) -> WriteResult:
        return gateway.do(self.action, self.caller, key, *self.rest)

    def arguments(self, key: str) -> tuple[Any, ...]:
        return (self.caller, key, *self.rest)


def _submit(gateway: Founded) -> Errand:
    said = Submission("intake-1", case_content(gateway.new_id()), CLEARED)
    return Errand(cases.submit, caller(HOTLINE), (said,))


def _assess(gateway: Founded) -> Errand:
    matches = [machine_match()]
    case = submitted(gateway, clearance=None, classifications=matches).result["case"]
    said = CaseStepRequest("analyst-1", "seen", (matches[0]["id"],))
    return Errand(cases.assess, caller(HOTLINE), (UUID(case), said))


def _clear(gateway: Founded) -> Errand:
    assess = _assess(gateway)
    assess.do(gateway, gateway.key())
    return Errand(
        cases.clear, caller(HOTLINE), (assess.rest[0], CaseStepRequest("approver-1", "ok"))
    )


def _close_case(gateway: Founded) -> Errand:
    case = UUID(submitted(gateway).result["case"])
    return Errand(cases.close, caller(HOTLINE), (case, CaseStepRequest("analyst-1", "done")))


def _consult_own(gateway: Founded) -> Errand:
    case = UUID(submitted(gateway).result["case"])
    return Errand(cases.consult, caller(HOTLINE), (case, OPENING))


def _offer(gateway: Founded) -> Errand:
    case = UUID(submitted(gateway).result["case"])
    return Errand(offers.offer, caller(HOTLINE), (case, offer_of(gateway)))


def _accept(gateway: Founded) -> Errand:
    handoff = UUID(offered(gateway).result["handoff"])
    said = answers.said("officer-1", conditions=conditions_of(gateway, handoff, OFMIN))
    return Errand(answers.accept, caller(OFMIN), (handoff, said))


def _refuse(gateway: Founded) -> Errand:
    handoff = UUID(offered(gateway).result["handoff"])
    return Errand(answers.decline, caller(OFMIN), (handoff, answers.said("officer-1", "not ours")))


def _redirect(gateway: Founded) -> Errand:
    handoff = UUID(offered(gateway).result["handoff"])
    said = answers.said("officer-1", "not ours", suggested_recipient="another office")
    return Errand(answers.redirect, caller(OFMIN), (handoff, said))


def _withdraw(gateway: Founded) -> Errand:
    handoff = UUID(offered(gateway).result["handoff"])
    return Errand(
        answers.withdraw, caller(HOTLINE), (handoff, answers.said("liaison-1", "by mistake"))
    )


def _outcome(gateway: Founded) -> Errand:
    said = answers.said("officer-1", code="case_opened", note="number 7")
    return Errand(answers.outcome, caller(OFMIN), (accepted(gateway), said))


def _delay(gateway: Founded) -> Errand:
    handoff = UUID(offered(gateway).result["handoff"])
    until = (gateway.clock() + timedelta(days=20)).isoformat()
    said = answers.said("officer-1", code="workload", until=until)
    return Errand(answers.delay, caller(OFMIN), (handoff, said))


def _revise(gateway: Founded) -> Errand:
    first = submitted(gateway)
    case, previous = UUID(first.result["case"]), first.result["digest"]
    content = case_content(case, version=2, previous=previous, urgency="normal")
    change = VersionChange(ChangeKind.CORRECTION, "inaccurate", "it was", ("/urgency",))
    return Errand(
        cases.submit, caller(HOTLINE), (Submission("intake-1", content, CLEARED, change=change),)
    )


def _corrected(gateway: Founded) -> UUID:
    """A handoff whose case was corrected after its acceptance."""
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, urgency="normal")
    return handoff


def _update(gateway: Founded) -> Errand:
    asked = UpdateRequest("liaison-1", note="see there")
    return Errand(updates.update, caller(HOTLINE), (_corrected(gateway), asked))


def _acknowledge(gateway: Founded) -> Errand:
    handoff = _corrected(gateway)
    updated(gateway, handoff)
    said = answers.said("officer-1", note="noted")
    return Errand(answers.acknowledge, caller(OFMIN), (handoff, said))


def _close(gateway: Founded) -> Errand:
    return Errand(
        answers.close, caller(OFMIN), (accepted(gateway), answers.said("officer-1", "done"))
    )


def _consult(gateway: Founded) -> Errand:
    return Errand(handoffs.consult, caller(OFMIN), (accepted(gateway), OPENING))


def _review(gateway: Founded) -> Errand:
    case = submitted(gateway, urgency="imminent_danger", urgency_reason="child_located")
    handoff = UUID(offered(gateway, case).result["handoff"])
    opened = ConsultationRequest("officer-1", "imminent_danger", "a child is in danger")
    gateway.act(OFMIN, handoffs.consult, handoff, opened)
    return Errand(handoffs.review, caller(OFMIN), (handoff, ReviewRequest("officer-2", "right")))


ERRANDS: Mapping[str, Callable[[Founded], Errand]] = {
    "submit a case": _submit,
    "revise a case": _revise,
    "assess a case": _assess,
    "clear a case": _clear,
    "close a case": _close_case,
    "consult an own case": _consult_own,
    "offer a case": _offer,
    "accept a handoff": _accept,
    "refuse a handoff": _refuse,
    "redirect a handoff": _redirect,
    "withdraw a handoff": _withdraw,
    "report an outcome": _outcome,
    "close a handoff": _close,
    "update a handoff": _update,
    "acknowledge an update": _acknowledge,
    "consult a handoff": _consult,
    "delay an answer": _delay,
    "review a consultation": _review,
}
