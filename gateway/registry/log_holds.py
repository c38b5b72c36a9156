"""Log holds: proceedings or inquiries for which the log keeps details beyond their term."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from gateway.domain.audit_event import LONGEST_REVIEW, LogHold
from gateway.domain.refusals import NotFound, ValidationFailed, WrongState
from gateway.kernel.changes import UNKNOWN, ChangeContext


def set_hold(context: ChangeContext) -> Mapping[str, Any]:
    """Suspend the terms of the log: for everybody, for a member, or for one of its cases."""
    member, case, review = (context.values[name] for name in ("member", "case", "review_on"))
    if member is None and case is not None:
        raise ValidationFailed((("/member", "name the case's originator"),))
    if member is not None:
        if context.work.organisations.get(member) is None:
            raise NotFound(UNKNOWN)
        context.affected = (member,)
    if case is not None and context.work.cases.get(member, case) is None:
        raise ValidationFailed((("/case", "the member has no case of that id"),))
    if not timedelta(0) < review - context.today <= LONGEST_REVIEW:
        raise ValidationFailed((("/review_on", "is a day after today, within a year"),))
    context.work.log_terms.add_hold(
        LogHold(context.event, member, case, context.values["reference"], review)
    )
    return {"log_hold": str(context.event)}


def end_hold(context: ChangeContext) -> Mapping[str, Any]:
    """End a log hold: what it kept ends with its term, at the earliest by the next day."""
    found = context.work.log_terms.hold(context.values["log_hold"])
    if found is None:
        raise NotFound("there is no log hold with that id")
    if found.ended_at is not None:
        raise WrongState("the log hold was ended before")
    if found.organisation is not None:
        context.affected = (found.organisation,)
    context.work.log_terms.end_hold(found.id, context.now)
    return {"log_hold": str(found.id)}
