"""What comes before the erasure of a case: an earlier day, and the notices to who holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from gateway.domain import case as cases
from gateway.domain.answers import AnswerAuthor
from gateway.domain.audit_event import EventDetail, Party
from gateway.domain.case import Case, CaseState
from gateway.domain.json_values import Asked
from gateway.domain.organisation import Status
from gateway.domain.retention import DpoAdvice
from gateway.domain.staff import APPROVING, NamedPerson, RegisterRole
from gateway.exchange.case.cases import find, own_entity
from gateway.exchange.lifecycle.erasure import originators_day
from gateway.exchange.results import AdvancedErasure
from gateway.exchange.standing.duties import arrive, is_holder
from gateway.exchange.standing.interests import is_barred
from gateway.kernel import events
from gateway.kernel.events import NOTHING, EventSubject
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.request import ActionRequest, RequestContext, authorize, deny_as_not_found
from gateway.kernel.transact import WriteResult, transact
from gateway.kernel.values import Caller

# --- Earlier erasure: by two persons of the originator, on the advice of their DPO ---


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

    decided = {"approved_by": wanted.approved_by, "dpo": wanted.dpo, "advice": str(wanted.advice)}

    def act(context: RequestContext) -> AdvancedErasure:
        found, version = find(context, case)
        context.about = EventSubject.of_case(found)
        distinct = {wanted.by, wanted.approved_by, wanted.dpo}
        authorize(context, own_entity(context, found, version), {"persons": len(distinct)})
        moved = cases.advance_erasure(found, context.today.civil, wanted.erase_on)
        own = Party(found.originator, "originator")
        _bring_forward(context, moved, decided, *events.reason(wanted.reason, own))
        return done

    return transact(ports, caller, request, act, lambda _context, _logged: done)


def advance_relayed(context: RequestContext, found: Case, day: date, persons: int) -> None:
    """Bring the erasure of a remote member's case forward, as its gateway says. The event's own
    day may have come meanwhile: then the case is erased at once. Of one that was erased before,
    what its originator did not hear ends on that day; where it came before, by another handoff of
    the case, nothing follows."""
    if found.state is CaseState.ERASED:
        context.work.handoffs.end_unheard(found.originator, found.id, day)
        return
    context.about = EventSubject.of_case(found)
    version = context.work.cases.current(found.originator, found.id) or deny_as_not_found()
    if originators_day(context.work, *version) <= day:
        return
    authorize(context, own_entity(context, *version), {"persons": persons})
    _bring_forward(context, replace(found, erase_on=min(day, found.erase_on), early=True), {})


def _bring_forward(
    context: RequestContext, moved: Case, decided: Mapping[str, str], *why: EventDetail
) -> None:
    """Store the earlier day, record it, and tell whoever holds the case, or may take it."""
    found, own = moved, (Party(moved.originator, "originator"),)
    context.work.cases.save(replace(moved, revision=moved.revision + 1))
    told = {"erase_on": moved.erase_on.isoformat()}
    context.record(own, *why, events.subject({**told, **decided}, *own))
    for one in context.work.handoffs.of_case(found.originator, found.id):
        hears = one.hears or is_holder(context.work, one)
        if not hears or is_barred(context.work, one.id, context.today.day):
            continue
        event, to = context.ports.new_id(), (one.id, one.recipient, AnswerAuthor.RECIPIENT)
        events.record_by_gateway(
            context.ports,
            context.work,
            ADVANCE,
            events.gateway_and(one.recipient, role="recipient"),
            said=told,
            event=event,
            of=EventSubject.of_handoff(one),
        )
        arrive(context.work, ADVANCE, *to, source=event, since=context.now)


# --- The notices before it: 14 days and one day ahead, one event a day with the number ---
#
# Which handoffs these are, the list by ``erase_before`` says. What a holder retains is not
# counted.


ANNOUNCE = "erasure.announce"

DAYS_BEFORE = (14, 1)


def announce(ports: Ports) -> None:
    """Tell each holder how many of its handoffs are erased soon, once for each day of erasure.

    After an interruption one event counts all days that were left out. Raises LogFrozen, Busy.
    """
    day = ports.reference_date(ports.now()).civil
    for days in DAYS_BEFORE:
        last = day + timedelta(days=days)
        with ports.begin(TransactionMode.READ) as work:
            told = work.retentions.announced(days)
            if told is not None and told >= last:
                continue
            erased = _erased_soon(work, told or day, last, day)
        with ports.begin(TransactionMode.WRITE) as work:
            if work.retentions.announce(days, told, last):  # no other node was faster
                _record_notices(ports, work, erased, last + timedelta(days=1))
                work.commit()


def _erased_soon(
    work: UnitOfWork, after: date, last: date, day: date
) -> Mapping[str, Sequence[UUID]]:
    """Return the handoffs of each holder that are erased after a day and by another one."""
    found: dict[str, list[UUID]] = {}
    for holder, handoff in work.retentions.unretained(after, last):
        member = work.organisations.get(holder)
        if member is None or member.status is Status.LEFT:
            continue
        if not (member.interests and is_barred(work, handoff, day)):
            found.setdefault(holder, []).append(handoff)
    return found


def _record_notices(
    ports: Ports, work: UnitOfWork, erased: Mapping[str, Sequence[UUID]], before: date
) -> None:
    """Tell each holder, in an event that waits at the first of these handoffs until it is seen."""
    for holder, handoffs in sorted(erased.items()):
        event, first = ports.new_id(), work.handoffs.get(min(handoffs))
        if first is not None:
            to = (first.id, holder, AnswerAuthor.RECIPIENT)
            arrive(work, ANNOUNCE, *to, source=event, since=ports.now())
        events.record_by_gateway(
            ports,
            work,
            ANNOUNCE,
            events.gateway_and(holder, role="recipient"),
            said={"erase_before": before.isoformat(), "handoffs": str(len(handoffs))},
            event=event,
            of=NOTHING if first is None else EventSubject.of_handoff(first),
        )
