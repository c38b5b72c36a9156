"""An originator brings the erasure of its own case forward: two persons, and their DPO's advice."""

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from gateway.domain import case as cases
from gateway.domain.audit_event import Party
from gateway.domain.json_values import Asked
from gateway.domain.retention import DpoAdvice
from gateway.domain.staff import APPROVING, NamedPerson, RegisterRole
from gateway.exchange.cases import find, own_entity
from gateway.exchange.duties import is_holder
from gateway.exchange.interests import is_barred
from gateway.exchange.results import AdvancedErasure
from gateway.kernel import events
from gateway.kernel.ports import Ports
from gateway.kernel.transact import (
    ActionRequest,
    EventSubject,
    RequestContext,
    WriteResult,
    authorize,
    transact,
)
from gateway.kernel.values import Caller

ADVANCE = "case.advance_erasure"


@dataclass(frozen=True)
class EarlyErasure(Asked):
    """Who brings the erasure of a case forward, to which day, and why.

    ``approved_by`` is the second person. ``dpo`` is whose ``advice`` it was: it is recorded, and
    decides nothing.
    """

    by: str
    approved_by: str
    dpo: str
    advice: DpoAdvice
    erase_on: date
    reason: str


def advance_erasure(
    ports: Ports, caller: Caller, key: str, case: UUID, wanted: EarlyErasure
) -> WriteResult:
    """Bring the erasure of one's own case forward (R10.early_erasure).

    Each organisation that holds it, or may take it, hears of the day. Raises ValidationFailed (the
    day), WrongState, and the policy's denials.
    """
    persons = (
        NamedPerson("/approved_by", wanted.approved_by, APPROVING),
        NamedPerson("/dpo", wanted.dpo, frozenset({RegisterRole.DPO})),
    )
    content = {"case": str(case), **wanted.asked()}
    request = ActionRequest(ADVANCE, wanted.by, key, content, persons=persons)
    done = AdvancedErasure(case, wanted.erase_on)

    def act(context: RequestContext) -> AdvancedErasure:
        _advance(context, case, wanted)
        return done

    return transact(ports, caller, request, act, lambda _context, _logged: done)


def _advance(context: RequestContext, case: UUID, wanted: EarlyErasure) -> None:
    found, version = find(context, case)
    context.about = EventSubject(case_digest=found.digest)
    persons = {wanted.by, wanted.approved_by, wanted.dpo}
    authorize(context, own_entity(context, found, version), {"persons": len(persons)})
    moved = cases.advance_erasure(found, context.civil_day, wanted.erase_on)
    context.work.cases.save(replace(moved, revision=found.revision + 1))
    own = (Party(found.originator, "originator"),)
    told = {"erase_on": wanted.erase_on.isoformat()}
    decided = {"approved_by": wanted.approved_by, "dpo": wanted.dpo, "advice": str(wanted.advice)}
    context.record(
        own,
        *events.reason(wanted.reason, *own),
        events.subject({**told, **decided}, *own),
    )
    for one in context.work.handoffs.of_case(found.originator, found.id):
        hears = one.hears or is_holder(context.work, one)
        if not hears or is_barred(context.work, one.id, context.today.day):
            continue
        parties = events.gateway_and(one.recipient, role="recipient")
        events.record_by_gateway(
            context.ports,
            context.work,
            ADVANCE,
            parties,
            events.subject(told, *parties),
            handoff=one.id,
            case_digest=one.case_digest,
        )
