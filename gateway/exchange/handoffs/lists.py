"""The handoffs that an organisation received or sent, by what is due first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from gateway.domain.handoff import Handoff, HandoffPlace, HandoffState
from gateway.domain.refusals import CaseKeysUnavailable
from gateway.domain.vocabulary import Urgency
from gateway.exchange.cases import has_key
from gateway.exchange.handoffs.access import barriers, entity_of
from gateway.exchange.results import HandoffSummary, WaitingTotals
from gateway.kernel.ports import Ports
from gateway.kernel.results import Page, collect_page, shown
from gateway.kernel.transact import ActionRequest, RequestContext, allows, read
from gateway.kernel.values import Caller, HandoffFilter


@dataclass(frozen=True)
class HandoffPage(Page[HandoffSummary]):
    """A page of a box; the first one says how many handoffs wait."""

    waiting: WaitingTotals | None = None


def page(
    ports: Ports,
    caller: Caller,
    *,
    box: str,
    after: str | None,
    limit: int,
    state: HandoffState | None = None,
    urgency: Urgency | None = None,
    matter: str | None = None,
    overdue: bool = False,
    erase_before: date | None = None,
) -> HandoffPage:
    """A page of the handoffs received (``in``) or sent (``out``), by urgency, then due time.

    ``after`` is the cursor of the page before, None for the first page. ``erase_before``: those
    whose case is erased before that day.
    """

    def query(context: RequestContext) -> HandoffPage:
        filters = HandoffFilter(
            state=None if state is None else str(state),
            urgency=urgency,
            matter=matter,
            overdue_at=context.now if overdue else None,
            erase_before=erase_before,
        )

        def rows(cursor: str, number: int) -> Sequence[Handoff]:
            place = HandoffPlace.read(cursor) if cursor else None
            listed = context.work.handoffs.page
            return listed(caller.organisation, box, filters, place, number)

        view = partial(in_list, context)
        found = collect_page(rows, lambda one: str(one.place), view, after or "", limit)
        waiting = None if after else _waiting(context, box)
        return HandoffPage(found.items, found.after, waiting)

    return read(ports, caller, ActionRequest("handoff.read"), query)


def _waiting(context: RequestContext, box: str) -> WaitingTotals | None:
    """How many wait for an answer; None for who declared an interest: the numbers would tell of
    cases that are kept from it (R9)."""
    day = context.today.day
    if any(one.period.holds(day) for one in context.organisation.interests):
        return None
    found = context.work.handoffs.waiting(context.caller.organisation, box, context.now)
    by_urgency = {str(one): found.by_urgency.get(one, 0) for one in Urgency}
    return WaitingTotals(**by_urgency, overdue=found.overdue)


def in_list(context: RequestContext, handoff: Handoff) -> HandoffSummary | None:
    """One handoff of a list; None when policy keeps it back, or cannot see its case: key lost."""
    try:
        shows = allows(context, entity_of(context, handoff), barriers(context, handoff))
    except CaseKeysUnavailable:
        if has_key(context.ports, context.work, handoff.originator, handoff.case):
            raise
        return None
    return summary(context, handoff) if shows else None


def summary(context: RequestContext, handoff: Handoff) -> HandoffSummary:
    """What lists show of a handoff, and its own view first."""
    return shown(
        HandoffSummary,
        handoff,
        handoff=handoff.id,
        recipient=handoff.recipient,
        competence=handoff.address.competence,
        version=handoff.case_version,
        matter=sorted(handoff.matter),
        overdue=handoff.overdue(context.now),
        ended_by="case_erased" if handoff.state is HandoffState.LAPSED else None,
        recalled=handoff.recall is not None,
    )
