"""Coverage: the holders of a case, and what is owed to and by each after a change of it.

It is read from what the originator is a party of, and is no document. What is owed are the open
duties; that a correction was applied is no duty, and is computed.
"""

from collections.abc import Sequence
from uuid import UUID

from gateway.domain.answers import takes_update
from gateway.domain.case import CaseState
from gateway.domain.decision import case_entity
from gateway.domain.duty import APPLIED_WITHIN, DutyKind
from gateway.domain.handoff import (
    ACCEPTING,
    Handoff,
    HandoffAction,
    HandoffAnswer,
    agreed_at,
    offers_of,
)
from gateway.domain.revision import ANSWERED, Announcement
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.cases import find, view_on, view_on_erased
from gateway.exchange.handoffs import entity_of
from gateway.exchange.recall_answers import answer_for, recall_of
from gateway.exchange.results import CaseCoverage, HolderCoverage, Owed, RecallCoverage
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


def coverage(ports: Ports, caller: Caller, case: UUID) -> CaseCoverage:
    """Each handoff of one's own case: what its recipient has, and what is owed, to or by whom."""

    def query(context: RequestContext) -> CaseCoverage:
        found = context.work.cases.get(context.caller.organisation, case)
        if found is None:
            deny_as_not_found()
        if found.state is CaseState.ERASED:
            view = view_on_erased(found)
        else:
            _, version = find(context, case)
            content = sd_jwt.read_stored(version.document)
            view = view_on(content, version, found.state, context.today.day)
        authorize(context, case_entity(view, context.entity()))
        context.about = EventSubject(case_digest=found.digest)
        told = context.work.cases.announced(found.originator, found.id)
        handoffs = context.work.handoffs.of_case(found.originator, found.id)
        erased = found.state is CaseState.ERASED
        lines = [_line(context, one, told, erased=erased) for one in handoffs]
        return CaseCoverage(found.id, found.version, found.state, lines)

    return read(ports, caller, ActionRequest("case.read"), query)


def _line(
    context: RequestContext, handoff: Handoff, told: Announcement | None, *, erased: bool
) -> HolderCoverage:
    """One handoff; of an erased case no document is left, and no package follows."""
    answers = context.work.handoffs.answers(handoff.id, documents=not erased)
    newer = told is not None and told.version > handoff.case_version
    owed = _owed_on_change(context, handoff)
    if owed is None and handoff.is_held and not newer and not erased:
        owed = _owed_application(handoff, answers)
    said = [one for one in answers if one.move in _ANSWERED_BY]
    return HolderCoverage(
        handoff=handoff.id,
        recipient=handoff.recipient,
        state=handoff.state,
        holds=handoff.is_held,
        package=handoff.package,
        version=handoff.case_version,
        announced_only=newer and handoff.is_held and not takes_update(handoff, context.now),
        owed=owed,
        late=owed is not None and owed.due <= context.now,
        answered=str(said[-1].move) if said else None,
        answered_by_event=said[-1].event if said else None,
        recall=_recall(context, handoff),
    )


def _recall(context: RequestContext, handoff: Handoff) -> RecallCoverage | None:
    """The recall of a handoff, and its holder's final answer as the originator may read it."""
    recall = recall_of(context, handoff)
    if recall is None:
        return None
    done = handoff.recall_answer
    entity = entity_of(context, handoff)
    seen = None if done is None else answer_for(context, entity, {"done": str(done)})[0]
    return RecallCoverage(recall.id, recall.code, seen)


_ANSWERED_BY = (
    HandoffAction.ACKNOWLEDGE,
    HandoffAction.APPLY,
    HandoffAction.DISPUTE,
    HandoffAction.ACKNOWLEDGE_RECALL,
    HandoffAction.ANSWER_RECALL,
)
_OWED = (
    DutyKind.UPDATE,
    DutyKind.ACKNOWLEDGEMENT,
    DutyKind.RECALL_ACKNOWLEDGEMENT,
    DutyKind.RECALL_ANSWER,
)


def _owed_on_change(context: RequestContext, handoff: Handoff) -> Owed | None:
    """The update, an acknowledgement or the answer to a recall, whichever is due first."""
    duties = context.work.duties.of(handoff.id, open_only=True)
    owed = [one for one in duties if one.kind in _OWED]
    if not owed:
        return None
    first = min(owed, key=lambda one: one.due_at)
    return Owed(str(first.kind), first.organisation, first.due_at, first.source)


def _owed_application(handoff: Handoff, answers: Sequence[HandoffAnswer]) -> Owed | None:
    """What was done after the acknowledgement of a correction or tightening."""
    changed = [one for one in offers_of(answers)[1:] if _change(one) in ANSWERED]
    if not changed:
        return None
    newest = changed[-1]
    agreed = agreed_at(answers, newest.sequence)
    done = any(
        one.move in (HandoffAction.APPLY, HandoffAction.DISPUTE) and one.sequence > newest.sequence
        for one in answers
    )
    if agreed is None or done or newest.sequence < _first_acceptance(answers):
        return None
    return Owed("application", handoff.recipient, agreed + APPLIED_WITHIN, newest.event)


def _first_acceptance(answers: Sequence[HandoffAnswer]) -> int:
    """What came before it was accepted as it then was, and is in no copy of the recipient's."""
    return next((one.sequence for one in answers if one.move in ACCEPTING), 0)


def _change(offer: HandoffAnswer) -> str | None:
    return handoff_documents.read_offer(sd_jwt.read_stored(offer.document)).change
