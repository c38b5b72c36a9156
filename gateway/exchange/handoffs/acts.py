"""The acts of a party about a handoff that policy allows: asked for one handoff, not for lists."""

from collections.abc import Mapping
from typing import Any

from gateway.domain.answers import KIND_OF_ACTION
from gateway.domain.consultation import REASON_CODES
from gateway.domain.decision import PolicyEntity, Value
from gateway.domain.duty import MARK_SEEN
from gateway.domain.handoff import RecallAnswer
from gateway.domain.standing import Opens, Standing
from gateway.exchange.case.measures import facts_of_end
from gateway.exchange.handoffs.answer_steps import ANSWER_STEPS, AnswerSteps
from gateway.exchange.results import ActView
from gateway.exchange.standing.differences import GOES_ON, entries_of, is_out_of_service
from gateway.kernel.request import RequestContext, allows

_FIELDS: Mapping[str, Any] = {
    "conditions": {},
    "code": "received",
    "done": RecallAnswer.COPIES_ERASED,
}
"""Fields of answers that policy reads, as everybody may give them: others it may deny."""


def acts_allowed(
    context: RequestContext, standing: Standing, entity: PolicyEntity
) -> list[ActView]:
    """List what the caller may do now, what is owed first, as far as state and policy go.

    Policy is asked as if a document were signed, and of a consultation by some reason code.
    """
    is_out = is_out_of_service(context.ports, context.work, *entries_of(standing.handoff))
    return [
        ActView(one.action, one.due_at)
        for one in standing.acts()
        if (not is_out or one.action in GOES_ON) and _allows(context, standing, entity, one.action)
    ]


def _allows(context: RequestContext, standing: Standing, entity: PolicyEntity, action: str) -> bool:
    if action == "case.consult":
        codes = (one for one in REASON_CODES if isinstance(standing.opening(one), Opens))
        return any(allows(context, entity, standing.facts(one), action) for one in codes)
    if action == "case.end_measure":
        case, held = standing.case, standing.handoff
        ends = (facts_of_end(context, one, case, held) for one in standing.measures)
        return any(allows(context, entity, one, action) for one in ends)
    facts: dict[str, Value] = {}
    if (kind := KIND_OF_ACTION.get(action)) is not None:
        steps = ANSWER_STEPS.get(kind.name, AnswerSteps())
        facts = {"assurance": "signed", **steps.facts(_FIELDS)}
        facts |= standing.barred if kind.accepts else {}
    if action == MARK_SEEN:
        facts = {**standing.barred}
    if action == "case.recall":
        return allows(context, context.entity(), {"assurance": "signed"}, action)
    return allows(context, entity, facts, action)
