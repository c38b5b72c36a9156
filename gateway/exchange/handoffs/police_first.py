"""Where a convention lets the police speak first: until when a removal waits for them (R7)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from gateway.domain.case import Case
from gateway.domain.handoff import OPEN, HandoffAction, HandoffState
from gateway.exchange.handoffs import addressing
from gateway.kernel.ports import UnitOfWork
from gateway.kernel.request import RequestContext
from gateway.kernel.values import HeldRemoval

RULE = "R7.police_first"
"""The rule by which a removal waits."""

_UNHEARD = OPEN | {HandoffState.WITHDRAWN}
"""Where the police may not have spoken yet: who takes its offer back silences nobody by that."""


def held_until(context: RequestContext, case: Case, matters: Sequence[str]) -> datetime | None:
    """Tell until when removals of one's own case wait for the police (R7): from its submission on,
    where there is an authority for its matters, and from its offer to one on. Silence is no
    answer, and ends with the hours of the convention."""
    hours = context.ports.police_first
    if not hours or "led" in context.organisation.regimes:
        return None
    asked = [
        one
        for one in context.work.handoffs.of_case(case.originator, case.id)
        if "led" in context.require(one.recipient).regimes
    ]
    waiting = [
        one.offered_at + hours
        for one in asked
        if one.state in _UNHEARD
        and all(
            answer.move is not HandoffAction.GO_AHEAD
            for answer in context.work.handoffs.answers(one.id)
        )
    ]
    if not asked and addressing.has_police(context, matters):
        submitted = context.work.cases.course(case.originator, case.id)[0]
        waiting = [submitted.at + hours]
    return max((until for until in waiting if until > context.now), default=None)


def hold(
    context: RequestContext, case: Case, recipient: str, matters: Sequence[str]
) -> datetime | None:
    """Tell until when a removal waits; it is kept where nothing else refuses it."""
    until = held_until(context, case, matters)
    if until is None:
        return None
    context.help |= {"held_until": until.isoformat(timespec="seconds")}

    def keep(work: UnitOfWork, rules: tuple[str, ...], now: datetime, _: UUID) -> None:
        if rules == (RULE,):
            held = HeldRemoval(case.originator, case.id, recipient, now)
            work.cases.hold_removal(held)

    context.on_refusal = keep
    return until
