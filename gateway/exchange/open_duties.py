"""What an organisation owes about its handoffs, as it may see it: the list of what waits for it."""

from collections.abc import Sequence

from gateway.domain.answers import takes_update
from gateway.domain.duty import DutyKind, DutyPlace, HandoffDuty
from gateway.domain.handoff import Handoff
from gateway.domain.vocabulary import Urgency
from gateway.exchange.handoffs.lists import in_list
from gateway.exchange.results import OpenDuty
from gateway.kernel.ports import Ports
from gateway.kernel.results import Page, collect_page, shown
from gateway.kernel.transact import ActionRequest, RequestContext, read
from gateway.kernel.values import Caller


def page(ports: Ports, caller: Caller, after: str | None, limit: int) -> Page[OpenDuty]:
    """A page of what the caller owes, by urgency, then due time.

    ``after`` is the cursor of the page before, None for the first page. What the list of handoffs
    keeps back is kept back here. The review of a retention is there from its reminder on.
    """

    def query(context: RequestContext) -> Page[OpenDuty]:
        def rows(cursor: str, number: int) -> Sequence[tuple[HandoffDuty, Urgency]]:
            place = DutyPlace.read(cursor) if cursor else None
            return context.work.duties.owed_by(caller.organisation, context.now, place, number)

        def view(row: tuple[HandoffDuty, Urgency]) -> OpenDuty | None:
            duty, _ = row
            handoff = context.work.handoffs.get(duty.handoff)
            if handoff is None or in_list(context, handoff) is None:
                return None
            return _open_duty(context, duty, handoff)

        return collect_page(rows, lambda row: str(row[0].place(row[1])), view, after or "", limit)

    return read(ports, caller, ActionRequest("handoff.read"), query)


def _open_duty(context: RequestContext, duty: HandoffDuty, handoff: Handoff) -> OpenDuty:
    action, updatable = duty.terms.action, takes_update(handoff, context.now)
    if duty.kind is DutyKind.UPDATE and not updatable:
        action = "handoff.notify_correction"
    return shown(
        OpenDuty,
        handoff,
        kind=duty.kind,
        action=action,
        handoff=handoff.id,
        recipient=handoff.recipient,
        due_at=duty.due_at,
        overdue=duty.due_at <= context.now,
        source=duty.source,
        package=handoff.package if updatable else None,
    )
