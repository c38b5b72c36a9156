"""What is owed by and to each holder of a case after a change of it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from gateway.domain.answers import ANSWERS, ON_CHANGES
from gateway.domain.case import CaseState
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import OF_RECALL, Handoff, HandoffAction, HandoffAnswer
from gateway.domain.moves import takes_update
from gateway.domain.revision import Announcement
from gateway.evidence import sd_jwt
from gateway.exchange import results
from gateway.exchange.case.cases import erased_entity, own_case, own_entity
from gateway.exchange.handoffs.recalls import recall_of
from gateway.exchange.standing.case_version import read_version
from gateway.exchange.standing.disclosure import answer_as_read
from gateway.exchange.standing.duties import is_holder
from gateway.kernel import transact
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import Ports
from gateway.kernel.request import ActionRequest, RequestContext, authorize
from gateway.kernel.values import Caller

# --- Coverage: the holders of a case, and what is owed to and by each after a change of it ---
#
# It is read from what the originator is a party of, and is no document. What is owed are the open
# duties.


def coverage(ports: Ports, caller: Caller, case: UUID) -> results.CaseCoverage:
    """Each handoff of one's own case: what its recipient has, and what is owed, to or by whom."""

    def query(context: RequestContext) -> results.CaseCoverage:
        found = own_case(context, case)
        erased = found.state is CaseState.ERASED
        if erased:
            resource = erased_entity(context, found)
        else:
            resource = own_entity(context, found, read_version(context.work, found.digest))
        authorize(context, resource)
        context.about = EventSubject.of_case(found)
        told = context.work.cases.announced(found.originator, found.id)
        handoffs = context.work.handoffs.of_case(found.originator, found.id)
        lines = [_line(context, one, told, erased=erased) for one in handoffs]
        return results.CaseCoverage(found.id, found.version, found.state, lines)

    return transact.read(ports, caller, ActionRequest("case.read"), query)


def _line(
    context: RequestContext, handoff: Handoff, told: Announcement | None, *, erased: bool
) -> results.HolderCoverage:
    """One handoff; of an erased case no document is left, and no package follows."""
    answers = context.work.handoffs.answers(handoff.id, documents=not erased)
    newer = told is not None and told.version > handoff.case_version
    takes = takes_update(handoff, context.now)
    duties = context.work.duties.of(handoff.id, open_only=True)
    said = [one for one in answers if one.move in _ANSWERS]
    omitted = [one for one in answers if one.move is HandoffAction.OMIT_UPDATE and not erased]
    holds = is_holder(context.work, handoff)
    left_out = omitted[-1] if newer and omitted and told and omitted[-1].at >= told.at else None
    return results.HolderCoverage(
        handoff=handoff.id,
        recipient=handoff.recipient,
        state=handoff.state,
        holds=holds,
        package=handoff.package,
        version=handoff.case_version,
        announced_only=newer and holds and (left_out is not None or not takes),
        left_out=None if left_out is None else _omission(left_out),
        owed=[
            results.Owed(
                # Where no package can follow, a notice replaces the update.
                "correction_notice" if one.kind is DutyKind.UPDATE and not takes else str(one.kind),
                one.organisation,
                one.due_at,
                one.source,
                one.due_at <= context.now,
            )
            for one in sorted(duties, key=lambda one: one.due_at)
            if one.kind in _COVERED
        ],
        answered=str(said[-1].move) if said else None,
        answered_by_event=said[-1].event if said else None,
        recall=_recall(context, handoff, answers),
        left=bool(context.work.organisations.left(handoff.recipient)),
    )


def _recall(
    context: RequestContext, handoff: Handoff, answers: Sequence[HandoffAnswer]
) -> results.RecallCoverage | None:
    """The recall of a handoff, and its holder's final answer as the originator may read it; its
    days are in a document, of which an erasure leaves nothing."""
    recall = recall_of(context, handoff)
    if recall is None:
        return None
    done, seen, fields = handoff.recall_answer, None, dict[str, Any]()
    if done is not None:
        given = [one.document for one in answers if one.move is HandoffAction.ANSWER_RECALL]
        told = sd_jwt.read_stored(given[-1]).content if given and given[-1] else {}
        said = {**told, "done": str(done)}
        recorded = context.work.cases.measures(handoff.originator, handoff.case)
        measures = [one for one in recorded if one.holds(context.now)]
        seen, read = answer_as_read(
            context,
            ANSWERS["recall_answer"],
            said,
            measures,
            author=handoff.recipient,
            reader=handoff.originator,
            shown=str(done),
        )
        fields = dict(read)
    days = [fields.get(name) for name in ("until", "backups_until")]
    return results.RecallCoverage(recall.id, recall.code, seen, *days)


_ANSWERS = ON_CHANGES | OF_RECALL - {HandoffAction.RECALL}
_COVERED = frozenset(
    {
        DutyKind.UPDATE,
        DutyKind.ACKNOWLEDGEMENT,
        DutyKind.PROPOSAL_ANSWER,
        DutyKind.RECALL_ACKNOWLEDGEMENT,
        DutyKind.RECALL_ANSWER,
        DutyKind.CORRECTION_NOTICE,
        DutyKind.COPIES_ERASED,
    }
)


def _omission(omitted: HandoffAnswer) -> results.LeftOut:
    """Why a holder was left out of an update, as its originator said."""
    reason = sd_jwt.read_stored(omitted.document).content["reason"]
    return results.LeftOut(str(reason), omitted.event)
