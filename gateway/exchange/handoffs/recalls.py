"""Recalls: the originator stops the use of its case at who holds it, and asks for its copies (R13).

The recall binds by one row of the case, each handoff hears of it by an event in the same
transaction. It needs no content, so it reaches the holders of a case that was erased here, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.domain import moves, refusals
from gateway.domain.audit_event import Party
from gateway.domain.case import Case, CaseState
from gateway.domain.duty import DutyKind, begin, holds_copies
from gateway.domain.handoff import (
    ACCEPTING,
    APPROVED_WITHIN,
    Handoff,
    HandoffAction,
    Recall,
    RecallCode,
)
from gateway.domain.json_values import Asked
from gateway.domain.measure import check_persons
from gateway.domain.organisation import OrganisationName
from gateway.domain.staff import second_person
from gateway.domain.vocabulary import Urgency
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.sd_jwt import SdJwt
from gateway.exchange.case.cases import own_case
from gateway.exchange.handoffs.sending import send
from gateway.exchange.results import RecallApproved, Recalled, RecalledHandoff
from gateway.exchange.signed_requests import (
    CONFIRMED,
    DRAFT,
    VerifiedRequest,
    assurance,
    check_signed,
    complete,
    digest_of,
    heading_of,
)
from gateway.exchange.standing import duties
from gateway.exchange.standing.unaccepted import end_unaccepted
from gateway.kernel import events
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import Ports
from gateway.kernel.request import ActionRequest, RequestContext, authorize, deny_as_not_found
from gateway.kernel.results import shown, to_json
from gateway.kernel.transact import Write, WriteResult, transact
from gateway.kernel.values import Caller, LoggedEvent


@dataclass(frozen=True)
class RecallRequest(Asked):
    """Why an originator recalls; ``approved_by`` is the second person. The ``reason`` is in words,
    and left out once the case was erased.

    ``signed`` is the recall itself, where its author signed it; of a remote member's ``persons`` is
    how many decided there. ``draft``: see `signed_requests.complete`; of one that is to be made
    there is a write, for its rehearsal.
    """

    by: str
    code: RecallCode
    reason: str | None = None
    approved_by: str | None = None
    signed: VerifiedRequest | None = None
    persons: int | None = None
    draft: str | None = None


@dataclass(frozen=True)
class ApprovalRequest:
    """Who approves, as the second person, a recall that stands already."""

    recall: UUID
    by: str
    reason: str | None = None


def of_case(
    ports: Ports, caller: Caller, key: str, case: UUID, wanted: RecallRequest
) -> WriteResult | Write:
    """Recall a case from all who were given it; a handoff that is recalled already is passed over.

    Raises SecondPersonRequired, WrongState (nobody is left to recall it from), EditConflict (the
    case has another version than the signed recall covers), InvalidDocument.
    """
    return _recall(ports, caller, key, wanted, {"case": case})


def of_handoff(
    ports: Ports, caller: Caller, key: str, handoff: UUID, wanted: RecallRequest
) -> WriteResult | Write:
    """Recall what one handoff gave, likewise; a second recall of it is refused."""
    return _recall(ports, caller, key, wanted, {"handoff": handoff})


def approve(
    ports: Ports, caller: Caller, key: str, case: UUID, asked: ApprovalRequest
) -> WriteResult:
    """Approve, as the second person, a recall that one person made.

    Raises WrongState when it waits for nobody, SecondPersonRequired, and ValidationFailed for a
    reason in words once the case was erased.
    """
    content = {"case": str(case), "recall": str(asked.recall), "reason": asked.reason}
    request = ActionRequest("case.approve_recall", asked.by, key, content)

    def act(context: RequestContext) -> Any:
        authorize(context, context.entity())
        found = own_case(context, case)
        context.about = EventSubject.of_case(found)
        if asked.reason is not None:
            _refuse_words(found)
        made = context.work.cases.recall(asked.recall)
        if made is None or (made.originator, made.case) != (found.originator, found.id):
            deny_as_not_found()
        owed = context.work.duties.open_of_case(made.originator, made.case)
        named = (DutyKind.RECALL_APPROVAL, made.id)
        waiting = next((one for one in owed if (one.kind, one.source) == named), None)
        if waiting is None:
            raise refusals.WrongState("this recall waits for no second person")
        if waiting.person == asked.by:
            raise refusals.SecondPersonRequired(
                "who recalled does not approve it: another person does"
            )
        context.work.handoffs.get(waiting.handoff)  # locked, as its duties are
        context.work.duties.save(waiting.close(context.now))
        why = events.reason(asked.reason, Party(found.originator, "originator"))
        parties = _parties_of(made)
        context.record(parties, *why, events.subject(_told_of(made), *parties))
        return to_json(RecallApproved(made.id, made.case, made.code))

    return transact(ports, caller, request, act)


def _recall(
    ports: Ports, caller: Caller, key: str, wanted: RecallRequest, where: Mapping[str, UUID]
) -> WriteResult | Write:
    persons = second_person("/approved_by", wanted.approved_by)
    content = {**{name: str(id_) for name, id_ in where.items()}, **wanted.asked()}
    signed = digest_of(wanted.signed)
    request = ActionRequest("case.recall", wanted.by, key, content, persons, document=signed)
    write = Write(request, lambda context: take(context, wanted, where), _again)
    return write if wanted.draft == DRAFT else transact(ports, caller, *write)


def _document(
    context: RequestContext, wanted: RecallRequest, case: Case, handoff: UUID | None
) -> SdJwt:
    """The recall as its originator signed it, or as the gateway attests it."""
    if wanted.signed is not None:
        return wanted.signed.document
    if wanted.draft:
        binds: dict[str, Any] = {"case": str(case.id), "version": case.version}
        binds |= {} if handoff is None else {"handoff": str(handoff)}
        return complete(context, wanted.draft, binds)
    return handoff_documents.issue_recall(
        heading_of(context, wanted.draft),
        case=case.id,
        version=case.version,
        code=wanted.code,
        by=wanted.by,
        approved_by=wanted.approved_by,
        reason=wanted.reason,
        handoff=handoff,
    )


def _recalled_case(
    context: RequestContext, wanted: RecallRequest, where: Mapping[str, UUID]
) -> Case:
    """The case that is recalled, once a signed recall says the same of it."""
    authorize(context, context.entity(), {"assurance": assurance(wanted.signed, context.caller)})
    handoff = where.get("handoff")
    if handoff is None:
        case = own_case(context, where["case"])
    else:
        originator, id_ = context.work.handoffs.case_of(handoff) or deny_as_not_found()
        if originator != context.caller.organisation:
            deny_as_not_found()
        case = own_case(context, id_)
    context.about = replace(EventSubject.of_case(case), handoff=handoff)
    if wanted.reason is not None:  # its holders read it
        _refuse_words(case)
    elif case.state is not CaseState.ERASED:
        raise refusals.ValidationFailed((("/reason", "say why, for its holders"),))
    persons = wanted.code.persons if wanted.approved_by is None else 2
    if wanted.persons is None or wanted.persons < persons:
        check_persons(wanted.by, wanted.approved_by, persons)
    if wanted.signed is not None:
        said = handoff_documents.read_recall(wanted.signed.verified)
        if (said.case, said.handoff, said.code) != (case.id, handoff, wanted.code):
            raise refusals.InvalidDocument("the signed recall is of another case, handoff or code")
        # Not every version comes to another gateway: a recall covers also those that did not.
        older = said.version < case.version
        if older or (said.version != case.version and wanted.persons is None):
            raise refusals.EditConflict(
                f"a recall covers the newest version, which is {case.version}"
            )
    return case


def _refuse_words(case: Case) -> None:
    """Words about an erased case would have no key to end with. Raises ValidationFailed."""
    if case.state is CaseState.ERASED:
        raise refusals.ValidationFailed((("/reason", "is left out: the case was erased"),))


def take(context: RequestContext, wanted: RecallRequest, where: Mapping[str, UUID]) -> Recalled:
    """Decide a recall: it binds those who hold the case here at once, and is sent to others."""
    check_signed(context, wanted.signed)
    case, handoff = _recalled_case(context, wanted, where), where.get("handoff")
    document = _document(context, wanted, case, handoff)
    stated = wanted.signed and int(wanted.signed.verified.claims["version"])
    listed = context.work.handoffs.of_case(case.originator, case.id)
    named = [one for one in listed if handoff in (None, one.id)]
    if wanted.code is RecallCode.CONDITIONS_NOT_MET:
        _require_reservation(context, case, handoff)
    recall = Recall(
        id=context.event,
        originator=case.originator,
        case=case.id,
        handoff=handoff,
        recipient=None if handoff is None else named[0].recipient,
        code=wanted.code,
        version=stated or case.version,
        digest=document.digest,
        at=context.now,
    )
    context.work.cases.save(replace(case, revision=case.revision + 1))
    context.work.cases.add_recall(recall)
    parties = _parties_of(recall)
    context.record(
        parties,
        *events.reason(wanted.reason, Party(recall.originator, "originator")),
        events.subject(_told_of(recall), *parties),
        document_sha256=document.digest,
    )
    moved = (_touch(context, recall, one.id, document, wanted) for one in named)
    touched = [one for one in moved if one]
    if not touched:
        raise refusals.WrongState("nobody has the case by an offer that is not recalled already")
    approve_by = None
    if wanted.approved_by is None and wanted.persons is None:
        approve_by = context.now + APPROVED_WITHIN
        owed = begin(touched[0], DutyKind.RECALL_APPROVAL, recall.id, context.now, approve_by)
        context.work.duties.add(replace(owed, person=wanted.by))
    return _recalled(recall, touched, document.compact(), approve_by)


def _require_reservation(context: RequestContext, case: Case, handoff: UUID | None) -> None:
    """That conditions are not met its recipient said itself, in the acceptance of one handoff.

    Raises ValidationFailed, WrongState.
    """
    if handoff is None:
        raise refusals.ValidationFailed((("/code", "is of one handoff: recall that one"),))
    erased = case.state is CaseState.ERASED
    made = () if erased else reversed(context.work.handoffs.answers(handoff))
    accepted = next((one for one in made if one.move in ACCEPTING), None)
    if accepted is None or "reservation" not in sd_jwt.read_stored(accepted.document).content:
        raise refusals.WrongState(
            "no acceptance of this handoff shows a reservation: recall it by another code"
        )


def _touch(
    context: RequestContext, recall: Recall, handoff: UUID, document: SdJwt, wanted: RecallRequest
) -> Handoff | None:
    """Recall one handoff, with an event of its own; None where there is nothing to recall.

    Also of who is barred from the case (R9): it has copies, and hears of nothing but the recall.
    """
    work, found = context.work, context.work.handoffs.get(handoff)
    if found is None:
        return None
    if OrganisationName(found.recipient).peer:
        return _send(context, found, document)
    every = work.duties.of(found.id)
    moved = moves.recall(found, recall.id, consulted=holds_copies(found, every))
    if moved is None:
        return None
    step, event = HandoffAction.RECALL, context.ports.new_id()
    made = moved, step, document.compact(), recall.at, event
    confirmed = assurance(wanted.signed, context.caller) == CONFIRMED
    stored = moves.made_of(*made, confirmed=confirmed)
    duties.store_answer(context.ports, work, moved, stored, every)
    if moved.recall is not None:
        duties.owe_for_recall(work, moved, stored)
    end_unaccepted(context.ports, context.work, moved)
    about, context.about = context.about, EventSubject.of_handoff(moved)
    parties = events.parties_of(moved)
    context.record(
        parties,
        events.shared("sequence", str(moved.sequence), parties),
        events.subject(_told_of(recall), *parties),
        action="handoff.recall",
        event=stored.event,
        document_sha256=document.digest,
    )
    context.about = about
    return moved


def _send(context: RequestContext, handoff: Handoff, document: SdJwt) -> Handoff | None:
    """Send a recall to the gateway that decides the handoff, unless one is on its way."""
    acts, danger = context.work.handoffs.sent(handoff.id), Urgency.IMMINENT_DANGER
    waits = any(one.action == "case.recall" and one.ended_at is None for one in acts)
    holds = handoff.hears or handoff.urgency is danger
    if waits or not moves.may_be_recalled(handoff, holds=holds):
        return None
    about, context.about = context.about, EventSubject.of_handoff(handoff)
    send(context, handoff, "case.recall", document, context.ports.new_id())
    context.about = about
    return handoff


def _parties_of(recall: Recall) -> tuple[Party, ...]:
    """The originator; of what went astray the administrators hear, for they inform controllers."""
    if recall.code is RecallCode.MISDIRECTED:
        return events.gateway_and(recall.originator, role="originator")
    return (Party(recall.originator, "originator"),)


def _told_of(recall: Recall) -> Mapping[str, Any]:
    return {
        "recall": recall.digest,
        "case": str(recall.case),
        "version": recall.version,
        "code": str(recall.code),
    }


def _recalled(
    recall: Recall, touched: Sequence[Handoff], document: str | None, approve_by: datetime | None
) -> Recalled:
    return shown(
        Recalled,
        recall,
        recall=recall.id,
        document=document,
        handoffs=[
            RecalledHandoff(one.id, one.recipient, one.state, one.recall == recall.id)
            for one in touched
        ],
        approve_by=approve_by,
    )


def _again(context: RequestContext, logged: LoggedEvent) -> Recalled:
    made = context.work.cases.recall(logged.event.id) or deny_as_not_found()
    listed = context.work.handoffs.of_case(made.originator, made.case)
    said = context.work.handoffs.recalls_of(made.originator, made.case)
    by_this = {one.handoff: one for one in said if sd_jwt.parse(one.document).digest == made.digest}
    acts = (act for one in listed for act in context.work.handoffs.sent(one.id))
    sent = [one for one in acts if one.digest == made.digest and one.document]
    if not by_this and sent:
        gone = {one.handoff for one in sent}
        touched = [one for one in listed if one.id in gone or one.recall == made.id]
        return _recalled(made, touched, sent[0].document, _approve_by(context, made, touched))
    if not by_this:  # the document ended with the case, the holders are known still
        touched = [one for one in listed if one.recall == made.id]
        return _recalled(made, touched, None, _approve_by(context, made, touched))
    touched = [replace(one, state=by_this[one.id].state) for one in listed if one.id in by_this]
    document = next(iter(by_this.values())).document
    return _recalled(made, touched, document, _approve_by(context, made, touched))


def _approve_by(
    context: RequestContext, recall: Recall, touched: Sequence[Handoff]
) -> datetime | None:
    """By when its second person had to follow, whatever came of it."""
    named = (DutyKind.RECALL_APPROVAL, recall.id)
    duties_of = (context.work.duties.of(one.id) for one in touched)
    owed = (one for found in duties_of for one in found if (one.kind, one.source) == named)
    return next((one.due_at for one in owed), None)


# --- What a holder answers to a recall, and what the recall leaves open to it meanwhile ---


def recall_of(context: RequestContext, handoff: Handoff) -> Recall | None:
    """The recall that stands on a handoff."""
    return None if handoff.recall is None else context.work.cases.recall(handoff.recall)
