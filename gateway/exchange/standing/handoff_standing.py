"""The standing of a handoff for the caller, read once in a request."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from gateway.domain.answers import LATER, AnswerAuthor
from gateway.domain.case import Case
from gateway.domain.duty import holds_copies
from gateway.domain.handoff import Handoff
from gateway.domain.organisation import OrganisationName
from gateway.domain.standing import Standing
from gateway.evidence.case_events import told_copy
from gateway.exchange.standing import access
from gateway.exchange.standing.case_version import in_force
from gateway.exchange.standing.differences import (
    differences_of,
    is_copy_kept_as_stated,
    refuse_differing,
)
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.request import RequestContext, authorize, deny_as_not_found


def standing_of(context: RequestContext, handoff: UUID, *, checked: bool = True) -> Standing:
    """The standing of a handoff for the caller, which is one of its parties; else there is none.

    Where an interest of its own bars the caller it is refused as policy says: state or conditions
    would say that the handoff is there. It is what the event, or a refusal, is about. Of recalls,
    measures, retentions and changes nothing is read where the handoff or its case has none.
    ``checked``: it is held against its documents and the log (`differences_of`), before anything
    is done by it. Raises OutOfService.
    """
    work, day = context.work, context.today.civil
    found, case = work.handoffs.with_case(handoff) or deny_as_not_found()
    access.require_party(context, found)
    barred = access.barriers(context, found)
    if barred.get("conflict"):
        authorize(context, access.entity_of(context, found), barred, "handoff.read")
    context.about = EventSubject.of_handoff(found)
    received = context.caller.organisation == found.recipient
    is_current = case.digest == found.case_digest
    standing = stored_standing(
        work,
        found,
        case,
        (context.now, day),
        checked=checked,
        side=AnswerAuthor.RECIPIENT if received else AnswerAuthor.ORIGINATOR,
        newer=None
        if is_current
        else work.cases.announced_after(found.originator, found.case, found.case_version),
        read_access=received and found.held > 0 and _has_read_access(context, found),
        barred=barred,
        unknown_there=_unknown_there(context, found),
    )
    if checked:
        refuse_differing(context, found, differences_of(context.ports, work, standing))
    return standing


def _unknown_there(context: RequestContext, handoff: Handoff) -> frozenset[str]:
    """The answers of later kinds that the gateway of the other party did not tell that it follows:
    no others, for nothing proves what it tells, and by less it would keep our members from acts."""
    if not LATER:
        return LATER
    parties = map(OrganisationName, (handoff.originator, handoff.recipient))
    home = next((context.see(one.peer) for one in parties if one.peer), None)
    if home is None or home.peer is None:
        return frozenset()
    return LATER - context.work.relay.events_told(home.peer.pins.origin)


def stored_standing(
    work: UnitOfWork,
    handoff: Handoff,
    case: Case,
    at: tuple[datetime, date],
    *,
    side: AnswerAuthor = AnswerAuthor.RECIPIENT,
    checked: bool = True,
    **beside: Any,
) -> Standing:
    """The standing of a handoff at a moment and its day, from what is stored; ``beside`` is what
    else is known of it. ``checked``: the caller holds it against the log (`differences_of`)."""
    now, day = at
    duties = tuple(work.duties.of(handoff.id))
    holds = holds_copies(handoff, duties)
    is_erased = not handoff.conditions_digest  # of an erased case no handoff states conditions
    try:
        moves = tuple(work.handoffs.moves(handoff.id))
    except ValueError:  # one is of another handoff: then it has none, which the log denies
        if not checked:
            raise
        moves = ()
    return Standing(
        side=side,
        organisation=side.of(handoff.originator, handoff.recipient),
        now=now,
        day=day,
        handoff=handoff,
        moves=moves,
        case=case,
        holds=holds,
        is_erased=is_erased,
        duties=duties,
        recall=None if handoff.recall is None else work.cases.recall(handoff.recall),
        measures=tuple(in_force(work, case, now)),
        retention=work.retentions.of_handoff(handoff.id) if is_erased or holds else None,
        has_copy=is_erased and work.retentions.has_copy(handoff.id, day),
        **beside,
    )


def stored_differences(ports: Ports, work: UnitOfWork, handoff: Handoff) -> Sequence[str]:
    """Return what `differences_of` finds, for an act of the gateway's own in a writing
    transaction."""
    case = work.cases.get(handoff.originator, handoff.case)
    if case is None:
        return ("row",)
    now = ports.now()
    standing = stored_standing(work, handoff, case, (now, ports.reference_date(now).civil))
    names = differences_of(ports, work, standing)
    copy = work.retentions.copy(handoff.id) if standing.is_erased and not names else None
    if copy is None:
        return names
    told = told_copy(work.cases.course(handoff.originator, handoff.case), handoff.id)
    until = None if standing.retention else told.get("until")
    waits = (copy.grace_until and copy.grace_until.isoformat()) == until
    if waits and is_copy_kept_as_stated(standing, json.loads(copy.content)["documents"]):
        return names
    return ("retention",)


def _has_read_access(context: RequestContext, handoff: Handoff) -> bool:
    """Tell whether a succession lets the recipient open what its mandate, which moved, gave it."""
    competence, today = handoff.address.competence, context.today.day
    reader = context.organisation
    if competence is None or competence in reader.competences_on(today):
        return False
    successions = context.work.successions.of_predecessor(reader.slug, competence)
    held = handoff.is_held
    return any(one.lets_read(handoff, was_taken_on=held, day=today) for one in successions)
