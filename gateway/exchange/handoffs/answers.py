"""What the two parties answer to a handoff: checked, asked of policy, signed, stored, recorded."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.domain import refusals
from gateway.domain.answers import AnswerKind, FieldType
from gateway.domain.handoff import HandoffAction
from gateway.domain.moves import made_of
from gateway.domain.organisation import OrganisationName
from gateway.domain.standing import Standing
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.sd_jwt import SdJwt
from gateway.exchange import signed_requests
from gateway.exchange.case.versions import spend_texts
from gateway.exchange.handoffs.answer_steps import ANSWER_STEPS, AnswerSteps
from gateway.exchange.handoffs.answering import Answering, AnswerRequest, stale
from gateway.exchange.handoffs.sending import send
from gateway.exchange.results import Answered
from gateway.exchange.standing import access, duties
from gateway.exchange.standing.disclosure import arriving
from gateway.exchange.standing.handoff_standing import standing_of
from gateway.exchange.standing.unaccepted import end_unaccepted
from gateway.kernel import events
from gateway.kernel.request import ActionRequest, RequestContext, authorize, deny_as_not_found
from gateway.kernel.transact import Write
from gateway.kernel.values import LoggedEvent


def answer(key: str, handoff: UUID, request: AnswerRequest) -> Write:
    """The write of an answer to a handoff: policy is asked, the answer checked against what stands
    there, and stored.

    The gateway signs it in the transaction, about the handoff's newest package. What its author
    signed is held against the same.

    Raises ConditionsMismatch when an acceptance does not repeat the conditions, ValidationFailed
    for groups that were not offered, WrongState, EditConflict (it is about an older offer than the
    newest), InvalidDocument, and the policy's denials.
    """
    content: dict[str, Any] = {"handoff": str(handoff), "reply": request.fields}
    if request.offer is not None:
        content["offer"] = request.offer
    if request.signed is not None:
        content["signed"] = True
    signed = signed_requests.digest_of(request.signed)
    asked = ActionRequest(request.kind.action, request.by, key, content, document=signed)
    return Write(asked, lambda context: give(context, handoff, request), _answered_before)


def _answered_before(context: RequestContext, logged: LoggedEvent) -> Answered:
    stored = context.work.handoffs.answer_of(logged.event.id)
    sent = None if stored else context.work.handoffs.sent_by(logged.event.id)
    if sent is not None and (found := context.work.handoffs.get(sent.handoff)):
        return Answered(found.id, found.state, found.sequence, sent.at, sent.document)
    if stored is None:
        deny_as_not_found()
    return Answered(stored.handoff, stored.state, stored.sequence, stored.at, stored.document)


def give(context: RequestContext, handoff: UUID, request: AnswerRequest) -> Answered:
    """Decide, sign and store an answer; where another gateway decides, it is sent there."""
    standing, kind, fields = standing_of(context, handoff), request.kind, request.fields
    signed_requests.check_signed(context, request.signed, standing.handoff.recipient)
    given = Answering(context, standing, request, standing.handoff, fields, kind.move(fields))
    steps, binds = ANSWER_STEPS.get(kind.name, AnswerSteps()), _bound(standing, kind)
    _refuse_late(given)
    _check_newest(given, binds)
    texts = (str(fields.get(one.name, "")) for one in kind.fields if one.longest)
    spend_texts(context, standing.handoff, texts)
    steps.check(given)
    one, other = standing.handoff, ""
    if kind.author is not standing.side:
        party = kind.author.of(one.originator, one.recipient)
        other = f"only the handoff's {kind.author}, {party}, can do that"
    assurance = signed_requests.assurance(request.signed, context.caller)
    facts = {"assurance": assurance, **steps.facts(fields), **standing.barred}
    entity = access.entity_of(context, one)
    authorize(context, entity, facts, otherwise=other, visible=lambda: access.reads(context, one))
    if why := standing.why_not(kind):
        raise refusals.WrongState(why)
    if request.signed is not None:
        signed_requests.require_not_older(request.signed, _recorded_at(standing))
    moved, document = steps.move(given), _document(context, given, binds)
    text = document.compact()
    if OrganisationName(one.recipient).peer:
        send(context, one, kind.action, document)
        return Answered(one.id, one.state, one.sequence, context.now, text)
    made = moved, given.step, text, context.now, context.event
    stored = made_of(*made, confirmed=assurance == signed_requests.CONFIRMED)
    read = arriving(context, standing, kind, fields) if kind.arrives else fields
    duties.store_answer(context.ports, context.work, moved, stored, standing.duties, fields=read)
    steps.follow(given, moved)
    end_unaccepted(context.ports, context.work, moved)
    parties = events.parties_of(moved)
    sequence = events.shared("sequence", str(moved.sequence), parties)
    package, sha256 = moved.package_digest, document.digest
    context.record(parties, sequence, package_digest=package, document_sha256=sha256)
    return Answered(moved.id, moved.state, moved.sequence, context.now, text)


def _recorded_at(standing: Standing) -> datetime:
    """Tell when the newest package of a handoff came into the log."""
    updates = (one.at for one in standing.moves if one.move is HandoffAction.UPDATE)
    return max(updates, default=standing.handoff.offered_at)


def _bound(standing: Standing, kind: AnswerKind) -> dict[str, Any]:
    """The digests that an answer binds: the handoff's newest package, and what it answers beside
    that, the newest correction notice or the recall that stands."""
    handoff, notices = standing.handoff, standing.notices if kind.on_changes else ()
    recall = standing.recall if kind.of_recall else None
    return {
        "handoff": str(handoff.id),
        "case_digest": handoff.case_digest,
        "offer_digest": handoff.offer_digest,
        "package_digest": handoff.package_digest,
        "kind": kind.name,
        "notice_digest": sd_jwt.parse(notices[-1].document).digest if notices else None,
        "recall": None if recall is None else recall.digest,
    }


def _document(context: RequestContext, given: Answering, binds: Mapping[str, Any]) -> SdJwt:
    """The answer as its author signed it, or as the gateway attests it."""
    request = given.request
    if request.signed is not None:
        return request.signed.document
    if request.draft:
        return signed_requests.complete(context, request.draft, binds)
    decides = context.names.home(given.handoff.recipient)
    heading = signed_requests.heading_of(context, request.draft, decides)
    fields = {"by": request.by, **request.fields}
    return handoff_documents.issue_answer(heading, fields=fields, **binds)


def _check_newest(given: Answering, newest: Mapping[str, Any]) -> None:
    """An answer is about the newest offer, and about the newest of what it answers beside that."""
    request, handoff = given.request, given.handoff
    updated = handoff.package > 1
    if request.signed is None:
        # Who does not name what it accepts has not seen the update.
        unseen = request.offer is None and request.kind.accepts and updated
        if unseen or request.offer not in (None, handoff.offer_digest):
            raise stale(handoff)
        return
    bound = request.signed.verified.claims
    if updated and (request.offer or bound.get("offer_digest")) != handoff.offer_digest:
        raise stale(handoff)
    notice = newest["notice_digest"]
    if notice is not None and bound.get("notice_digest") != notice:
        raise refusals.EditConflict(
            f"the newest correction notice of this handoff is {notice}: read it, then answer that "
            "one"
        )
    if any(bound.get(name) != value for name, value in newest.items()):
        raise refusals.InvalidDocument(
            "the answer is bound to another handoff, offer, package, notice, recall or kind"
        )


def _refuse_late(given: Answering) -> None:
    """After the erasure only what outlives the case is answered, and without free text: codes, and
    references."""
    if not given.standing.is_erased:
        return
    if why := given.standing.why_erased(given.request.kind):
        raise refusals.CaseErased(why)
    fields = (one for one in given.request.kind.fields if one.name in given.fields)
    texts = (one for one in fields if one.type is FieldType.TEXT and not one.reference)
    why = "is left out: the case was erased, write no text"
    if errors := tuple((f"/{one.name}", why) for one in texts):
        raise refusals.ValidationFailed(errors)
