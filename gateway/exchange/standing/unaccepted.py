"""What a gateway does with the case of a remote member that nobody here took: it ends at once."""

from dataclasses import replace

from gateway.domain.case import CaseState, erasure_is_due
from gateway.domain.handoff import Handoff
from gateway.domain.organisation import OrganisationName
from gateway.exchange.standing.duties import is_holder
from gateway.kernel import events
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import Ports, UnitOfWork


def end_unaccepted(ports: Ports, work: UnitOfWork, handoff: Handoff) -> None:
    """Let the case of a handoff end today, where its originator is a remote member, and nobody here
    holds it any more or may take it: maintenance erases what is due."""
    if OrganisationName(handoff.originator).peer is None or handoff.hears:
        return
    day = ports.reference_date(ports.now()).civil
    for one in work.handoffs.of_case(handoff.originator, handoff.case):
        found = handoff if one.id == handoff.id else one
        if found.hears or is_holder(work, found):
            return
    case = work.cases.get(handoff.originator, handoff.case)
    if case is None or case.state is CaseState.ERASED or erasure_is_due(case, day):
        return
    ended = replace(case, erase_on=day, early=True, revision=case.revision + 1)
    work.cases.save(ended)
    events.record_by_gateway(
        ports,
        work,
        "case.advance_erasure",
        events.gateway_and(handoff.originator, role="originator"),
        said={"erase_on": day.isoformat()},
        of=EventSubject.of_case(case),
    )
