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
from gateway.exchange.case import cases, submissions
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.case.submissions import Submission
from gateway.exchange.handoffs import offers, package_consultation, updates
from gateway.exchange.handoffs.package_consultation import ReviewRequest
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.transact import WriteResult
from gateway.kernel.values import Caller
from tests import answers
from tests.casework import (
    CLEARED,
    OPENING,
    accepted,
    case_content,
    conditions_of,
    machine_match,
    offer_of,
    offered,
    revised,
    submitted,
    updated,
)
from tests.founded_gateway import HOTLINE, OFMIN, Founded, caller


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


def _due(party: str, action: Callable[..., WriteResult], *rest: Any) -> Errand:
    return Errand(action, caller(party), rest)


def _case(gateway: Founded, **content: Any) -> UUID:
    return UUID(submitted(gateway, **content).result["case"])


def _sent(gateway: Founded, **content: Any) -> UUID:
    """A handoff to OFMIN that waits for its answer."""
    return UUID(offered(gateway, submitted(gateway, **content)).result["handoff"])


def _assess(gateway: Founded) -> Errand:
    match = machine_match()
    case = _case(gateway, clearance=None, classifications=[match])
    return _due(HOTLINE, cases.assess, case, CaseStepRequest("analyst-1", "seen", (match["id"],)))


def _clear(gateway: Founded) -> Errand:
    assess = _assess(gateway)
    assess.do(gateway, gateway.key())
    return _due(HOTLINE, cases.clear, assess.rest[0], CaseStepRequest("approver-1", "ok"))


def _accept(gateway: Founded) -> Errand:
    handoff = _sent(gateway)
    said = answers.said("officer-1", conditions=conditions_of(gateway, handoff, OFMIN))
    return _due(OFMIN, answers.accept, handoff, said)


def _revise(gateway: Founded) -> Errand:
    first = submitted(gateway)
    case, previous = UUID(first.result["case"]), first.result["digest"]
    content = case_content(case, version=2, previous=previous, urgency="normal")
    change = VersionChange(ChangeKind.CORRECTION, "inaccurate", "it was", ("/urgency",))
    return _due(
        HOTLINE, submissions.submit, Submission("intake-1", content, CLEARED, change=change)
    )


def _corrected(gateway: Founded) -> UUID:
    """A handoff whose case was corrected after its acceptance."""
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, urgency="normal")
    return handoff


def _acknowledge(gateway: Founded) -> Errand:
    handoff = _corrected(gateway)
    updated(gateway, handoff)
    return _due(OFMIN, answers.acknowledge, handoff, answers.said("officer-1", note="noted"))


def _review(gateway: Founded) -> Errand:
    handoff = _sent(gateway, urgency="imminent_danger", urgency_reason="child_located")
    opened = ConsultationRequest("officer-1", "imminent_danger", "a child is in danger")
    gateway.act(OFMIN, package_consultation.consult, handoff, opened)
    return _due(OFMIN, package_consultation.review, handoff, ReviewRequest("officer-2", "right"))


def _in_twenty_days(gateway: Founded) -> dict[str, str]:
    return {"code": "workload", "until": (gateway.clock() + timedelta(days=20)).isoformat()}


_said = answers.said
_REDIRECTED = {"reason": "not ours", "suggested_recipient": "another office"}
_OPENED = {"code": "case_opened", "note": "number 7"}

ERRANDS: Mapping[str, Callable[[Founded], Errand]] = {
    "submit a case": lambda g: _due(
        HOTLINE, submissions.submit, Submission("intake-1", case_content(g.new_id()), CLEARED)
    ),
    "revise a case": _revise,
    "assess a case": _assess,
    "clear a case": _clear,
    "close a case": lambda g: _due(
        HOTLINE, cases.close, _case(g), CaseStepRequest("analyst-1", "done")
    ),
    "consult an own case": lambda g: _due(HOTLINE, cases.consult, _case(g), OPENING),
    "offer a case": lambda g: _due(HOTLINE, offers.offer, _case(g), offer_of(g)),
    "accept a handoff": _accept,
    "refuse a handoff": lambda g: _due(
        OFMIN, answers.decline, _sent(g), _said("officer-1", "not ours")
    ),
    "redirect a handoff": lambda g: _due(
        OFMIN, answers.redirect, _sent(g), _said("officer-1", **_REDIRECTED)
    ),
    "withdraw a handoff": lambda g: _due(
        HOTLINE, answers.withdraw, _sent(g), _said("liaison-1", "by mistake")
    ),
    "report an outcome": lambda g: _due(
        OFMIN, answers.outcome, accepted(g), _said("officer-1", **_OPENED)
    ),
    "close a handoff": lambda g: _due(
        OFMIN, answers.close, accepted(g), _said("officer-1", "done")
    ),
    "update a handoff": lambda g: _due(
        HOTLINE, updates.update, _corrected(g), UpdateRequest("liaison-1", note="see there")
    ),
    "acknowledge an update": _acknowledge,
    "consult a handoff": lambda g: _due(OFMIN, package_consultation.consult, accepted(g), OPENING),
    "delay an answer": lambda g: _due(
        OFMIN, answers.delay, _sent(g), _said("officer-1", **_in_twenty_days(g))
    ),
    "review a consultation": _review,
}
