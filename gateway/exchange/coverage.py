"""Coverage: the holders of a case, and what is owed to and by each after a change of it.

It is computed from what the originator is a party of, and is no document.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from gateway.domain.answers import UPDATABLE
from gateway.domain.decision import case_entity
from gateway.domain.duty import acknowledgement_due_at, update_due_at
from gateway.domain.handoff import (
    Handoff,
    HandoffAction,
    HandoffAnswer,
    agreed_at,
    offers_of,
)
from gateway.domain.revision import ANSWERED, Announcement
from gateway.domain.vocabulary import Urgency
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.sd_jwt import VerifiedSdJwt
from gateway.exchange.cases import find, view_on
from gateway.exchange.results import CaseCoverage, HolderCoverage, Owed
from gateway.exchange.revisions import touched_groups
from gateway.kernel.ports import Ports
from gateway.kernel.transact import (
    ActionRequest,
    EventSubject,
    RequestContext,
    authorize,
    deny_as_not_found,
    read,
)
from gateway.kernel.values import Caller

APPLIED_WITHIN = timedelta(days=30)
"""After its acknowledgement a correction is applied to the holder's own copy, or disputed."""


def coverage(ports: Ports, caller: Caller, case: UUID) -> CaseCoverage:
    """Each handoff of one's own case: what its recipient has, and what is owed, to or by whom."""

    def query(context: RequestContext) -> CaseCoverage:
        found, version = find(context, case)
        content = sd_jwt.read_stored(version.document)
        view = view_on(content, version, found.state, context.today.day)
        authorize(context, case_entity(view, context.entity()))
        context.about = EventSubject(case_digest=version.digest)
        told = context.work.cases.announced(found.originator, found.id)
        handoffs = context.work.handoffs.of_case(found.originator, found.id)
        lines = [_line(context, one, content, told) for one in handoffs]
        return CaseCoverage(found.id, found.version, found.state, lines)

    return read(ports, caller, ActionRequest("case.read"), query)


def _line(
    context: RequestContext,
    handoff: Handoff,
    content: VerifiedSdJwt,
    told: Announcement | None,
) -> HolderCoverage:
    answers = context.work.handoffs.answers(handoff.id)
    newer = told if told is not None and told.version > handoff.case_version else None
    owed: Owed | None = None
    if handoff.is_held and newer is None:
        owed = _owed_on_update(handoff, answers)
    elif handoff.is_held and newer is not None and _is_touched(context, handoff, content):
        term = context.ports.due[Urgency(content.content["urgency"])]
        owed = _owed_on_announcement(handoff, answers, newer, term)
    said = [one for one in answers if one.move in _ANSWERED_BY]
    return HolderCoverage(
        handoff=handoff.id,
        recipient=handoff.recipient,
        state=handoff.state,
        holds=handoff.is_held,
        package=handoff.package,
        version=handoff.case_version,
        announced_only=newer is not None and handoff.is_held and handoff.state not in UPDATABLE,
        owed=owed,
        late=owed is not None and owed.due < context.now,
        answered=str(said[-1].move) if said else None,
        answered_by_event=said[-1].event if said else None,
    )


def _is_touched(context: RequestContext, handoff: Handoff, content: VerifiedSdJwt) -> bool:
    """Who was offered nothing of what changed heard of it, and owes nothing."""
    version = context.work.cases.version(handoff.case_digest)
    if version is None:
        deny_as_not_found()
    return bool(touched_groups(handoff, sd_jwt.read_stored(version.document), content))


_ANSWERED_BY = (HandoffAction.ACKNOWLEDGE, HandoffAction.APPLY, HandoffAction.DISPUTE)


def _owed_on_announcement(
    handoff: Handoff, answers: Sequence[HandoffAnswer], told: Announcement, term: timedelta
) -> Owed | None:
    """The update, where the handoff takes one; else the acknowledgement of what was announced."""
    if handoff.state in UPDATABLE:
        due = update_due_at(term, told.at)
        return Owed("update", handoff.originator, due, told.event)
    if any(one.move is HandoffAction.ACKNOWLEDGE and one.at >= told.at for one in answers):
        return None
    due = acknowledgement_due_at(term, told.at)
    return Owed("acknowledgement", handoff.recipient, due, told.event)


def _owed_on_update(handoff: Handoff, answers: Sequence[HandoffAnswer]) -> Owed | None:
    """The acknowledgement of a correction or tightening, then what was done after it."""
    changed = [one for one in offers_of(answers)[1:] if _change(one) in ANSWERED]
    if not changed:
        return None
    newest = changed[-1]
    if handoff.acknowledge_by is not None:
        due = handoff.acknowledge_by
        return Owed("acknowledgement", handoff.recipient, due, newest.event)
    agreed: datetime | None = agreed_at(answers, newest.sequence)
    done = any(
        one.move in (HandoffAction.APPLY, HandoffAction.DISPUTE) and one.sequence > newest.sequence
        for one in answers
    )
    if agreed is None or done or newest.sequence < _first_acceptance(answers):
        return None
    return Owed("application", handoff.recipient, agreed + APPLIED_WITHIN, newest.event)


def _first_acceptance(answers: Sequence[HandoffAnswer]) -> int:
    """What came before it was accepted as it then was, and is in no copy of the recipient's."""
    accepted = (HandoffAction.ACCEPT, HandoffAction.ACCEPT_PARTLY)
    return next((one.sequence for one in answers if one.move in accepted), 0)


def _change(offer: HandoffAnswer) -> str | None:
    return handoff_documents.read_offer(sd_jwt.read_stored(offer.document)).change
