"""A second person's review of what one person did alone."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import Party
from gateway.domain.duty import DutyKind
from gateway.domain.refusals import SecondPersonRequired, ValidationFailed, WrongState
from gateway.domain.staff import WORKING, NamedPerson, RegisterRole, person_errors
from gateway.exchange.handoffs.access import authorized
from gateway.exchange.results import Reviewed
from gateway.kernel import events
from gateway.kernel.ports import Ports
from gateway.kernel.results import to_json as to_json_values
from gateway.kernel.transact import ActionRequest, RequestContext, WriteResult, transact
from gateway.kernel.values import Caller


@dataclass(frozen=True)
class ReviewRequest:
    """Who reviews a consultation, and what there is to say of it."""

    by: str
    reason: str | None = None


def review(
    ports: Ports, caller: Caller, key: str, handoff: UUID, asked: ReviewRequest
) -> WriteResult:
    """Review, as a second person, what was consulted before acceptance (R16); for the originator,
    as its data protection officer, an offer to a third country by derogation (R15).

    Raises WrongState when nothing waits for a review, SecondPersonRequired, ValidationFailed, and
    the policy's denials.
    """
    content = {"handoff": str(handoff), "reason": asked.reason}
    request = ActionRequest("handoff.review", asked.by, key, content)

    def act(context: RequestContext) -> Any:
        found = authorized(context, handoff)
        owed = context.work.duties.of(handoff, open_only=True)
        originates = found.originator == caller.organisation
        kind = DutyKind.DEROGATION_REVIEW if originates else DutyKind.REVIEW
        waiting = [one for one in owed if one.kind is kind]
        if not waiting:
            raise WrongState("nothing of this handoff waits for your review")
        _require_reviewer(context, asked.by, {RegisterRole.DPO} if originates else WORKING)
        others = [one for one in waiting if one.person != asked.by]
        if not others:
            raise SecondPersonRequired("who consulted does not review it: another person does")
        for one in others:
            context.work.duties.save(one.close(context.now))
        own = Party(caller.organisation, "originator" if originates else "recipient")
        context.record((own,), *events.reason(asked.reason, own))
        return to_json_values(Reviewed(handoff, [one.source for one in others]))

    return transact(ports, caller, request, act)


def _require_reviewer(context: RequestContext, by: str, roles: Collection[RegisterRole]) -> None:
    """Which roles may review depends on what is reviewed."""
    entries = context.work.staff.named(context.caller.organisation, [by])
    named = NamedPerson("/by", by, frozenset(roles))
    if errors := list(person_errors([named], {one.pseudonym: one for one in entries})):
        raise ValidationFailed(errors)
