"""What the two parties answer to a handoff: one function for every kind in the table."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.domain import refusals
from gateway.domain.answers import ANSWERS, AnswerKind, FieldType, made_of, move
from gateway.domain.case import ARRAYS
from gateway.domain.case_media import bytes_of_texts
from gateway.domain.decision import Value
from gateway.domain.handoff import (
    AGREEMENTS,
    Handoff,
    HandoffAction,
    HandoffAnswer,
    HandoffState,
    recall_answer_errors,
)
from gateway.domain.json_values import parse_date, parse_timestamp
from gateway.domain.outcome import outcome_errors
from gateway.domain.retention import RetentionGround
from gateway.domain.vocabulary import Urgency
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.sd_jwt import SdJwt
from gateway.exchange import duties, signed_requests
from gateway.exchange.cases import conditions_digest, elements
from gateway.exchange.conditions import is_released
from gateway.exchange.course_check import check_course
from gateway.exchange.disclosure import Reader, select_disclosures, with_strictest_marking
from gateway.exchange.handoffs import access
from gateway.exchange.recalls import answer_recall, check_answerable, recall_of
from gateway.exchange.results import Answered
from gateway.exchange.retention import apply_standing_retention, set_retention
from gateway.exchange.updates import (
    FOLLOWING,
    check_places,
    check_step,
    stale,
    stale_notice,
)
from gateway.exchange.versions import owe_announced, read_version, spend_unexplained
from gateway.kernel import events
from gateway.kernel.ports import Ports
from gateway.kernel.transact import (
    ActionRequest,
    RequestContext,
    WriteResult,
    authorize,
    deny_as_not_found,
    transact,
)
from gateway.kernel.values import Caller, LoggedEvent


@dataclass(frozen=True)
class AnswerRequest:
    """An answer of a party: its kind, the person, and those fields of the kind that are there.

    The transport checks which fields a kind takes and of which form, as the table of kinds says.
    ``offer`` is the digest of the offer that it is about, which an answer without a document may
    name. ``signed`` is the document, where its author signed it.
    """

    kind: AnswerKind
    by: str
    fields: Mapping[str, Any]
    signed: signed_requests.VerifiedRequest | None = None
    offer: str | None = None


def answer(
    ports: Ports, caller: Caller, key: str, handoff: UUID, asked: AnswerRequest
) -> WriteResult:
    """Answer a handoff: policy is asked, the answer checked against what stands there, and stored.

    The gateway signs it in the transaction, about the handoff's newest package. What its author
    signed is held against the same.

    Raises ConditionsMismatch when an acceptance does not repeat the conditions, ValidationFailed
    for groups that were not offered, WrongState, EditConflict (it is about an older offer than the
    newest), InvalidDocument, and the policy's denials.
    """
    content: dict[str, Any] = {"handoff": str(handoff), "reply": asked.fields}
    if asked.offer is not None:
        content["offer"] = asked.offer
    if asked.signed is not None:
        content["signed"] = True
    request = ActionRequest(asked.kind.action, asked.by, key, content)
    return transact(
        ports, caller, request, lambda context: _answer(context, handoff, asked), _answered_before
    )


def _answered_before(context: RequestContext, logged: LoggedEvent) -> Answered:
    stored = context.work.handoffs.answer_of(logged.event.id)
    return deny_as_not_found() if stored is None else _answered(stored)


def _answer(context: RequestContext, handoff: UUID, asked: AnswerRequest) -> Answered:
    """Decide, sign and store an answer."""
    kind, fields = asked.kind, asked.fields
    signed_requests.check_signed(context, asked.signed)
    found, barred = access.visible(context, handoff)
    check_course(context, found, of_recall=kind.of_recall)
    _refuse_late(context, found, asked)
    binds = _bound(context, found, asked.kind)
    _check_newest(found, asked, binds)
    current = context.work.handoffs.current_version(found)
    if kind.accepts:
        _check_acceptance(context, found, fields, revised=current != found.case_digest)
    _check_fields(context, found, asked)
    authorize(context, access.entity_of(context, found), {**_facts(asked), **barred})
    if kind.of_recall:
        check_answerable(context, found, kind, fields)
    if kind.accepts:
        access.refuse_expired(context, found)
    if asked.signed is not None:
        signed_requests.require_not_older(asked.signed, _recorded_at(context, found))
    step = kind.move(fields)
    consulted = kind.of_holder and duties.is_holder(context.work, found)
    moved = move(
        found,
        step,
        context.caller.organisation,
        groups=frozenset(fields["groups"]) if step is HandoffAction.ACCEPT_PARTLY else None,
        under=current if step in AGREEMENTS else None,
        consulted=consulted,
    )
    if step in FOLLOWING:
        check_step(context, found, step)
    if step is HandoffAction.ANSWER_RECALL:
        moved = answer_recall(context, moved, fields)
    document = _document(context, asked, binds)
    stored = made_of(moved, step, document.compact(), context.now, context.event)
    duties.store_answer(context.ports, context.work, moved, stored)
    if step is HandoffAction.RETAIN:
        _retain(context, moved, asked)
    if moved.held and not found.held:
        if current != found.case_digest:
            owe_announced(context, moved)
        if context.organisation.retentions:
            apply_standing_retention(context, moved)
    if step is HandoffAction.DELAY:
        duties.delay(context.work, found.id, parse_timestamp(fields["until"]), context.now)
    parties = events.parties_of(found)
    context.record(
        parties,
        events.shared("sequence", str(moved.sequence), parties),
        package_digest=found.package_digest,
        document_sha256=document.digest,
    )
    return _answered(stored)


def _recorded_at(context: RequestContext, found: Handoff) -> datetime:
    """When the newest package of a handoff came into the log."""
    moves = context.work.handoffs.answers(found.id, documents=False)
    updates = (one.at for one in moves if one.move is HandoffAction.UPDATE)
    return max(updates, default=found.offered_at)


def _bound(context: RequestContext, found: Handoff, kind: AnswerKind) -> dict[str, Any]:
    """What an answer binds: the handoff's newest package, and what it answers beside that, the
    newest correction notice or the recall that stands."""
    notices = context.work.handoffs.notices(found.id) if kind.on_changes else ()
    recall = recall_of(context, found) if kind.of_recall else None
    return {
        "handoff": str(found.id),
        "case_digest": found.case_digest,
        "offer_digest": found.offer_digest,
        "package_digest": found.package_digest,
        "kind": kind.name,
        "notice_digest": sd_jwt.parse(notices[-1].document).digest if notices else None,
        "recall": None if recall is None else recall.digest,
    }


def _document(context: RequestContext, asked: AnswerRequest, binds: Mapping[str, Any]) -> SdJwt:
    """The answer as its author signed it, or as the gateway attests it."""
    if asked.signed is not None:
        return asked.signed.document
    heading = signed_requests.attesting(context.ports, context.caller.organisation)
    return handoff_documents.issue_answer(heading, fields={"by": asked.by, **asked.fields}, **binds)


def _check_newest(found: Handoff, asked: AnswerRequest, newest: Mapping[str, Any]) -> None:
    """An answer is about the newest offer, and about the newest of what it answers beside that."""
    updated = found.package > 1
    if asked.signed is None:
        # Who does not name what it accepts has not seen the update.
        unseen = asked.offer is None and asked.kind.accepts and updated
        if unseen or asked.offer not in (None, found.offer_digest):
            raise stale(found)
        return
    bound = asked.signed.verified.claims
    if updated and (asked.offer or bound.get("offer_digest")) != found.offer_digest:
        raise stale(found)
    notice = newest["notice_digest"]
    if notice is not None and bound.get("notice_digest") != notice:
        raise stale_notice(notice)
    if any(bound.get(name) != value for name, value in newest.items()):
        raise refusals.InvalidDocument(
            "the answer is bound to another handoff, offer, package, notice, recall or kind"
        )


def _check_acceptance(
    context: RequestContext, found: Handoff, fields: Mapping[str, Any], *, revised: bool
) -> None:
    """An acceptance is of what stands offered, repeats its conditions, and takes groups of it."""
    recipient = context.caller.organisation == found.recipient
    if recipient and found.state is not HandoffState.OFFERED:
        raise refusals.WrongState(f"what stands offered is accepted; this handoff is {found.state}")
    repeated = fields.get("conditions") or {}
    if revised:
        _check_tightened(context, found, repeated)
    elif conditions_digest(context.ports, found.case_digest, repeated) != found.conditions_digest:
        _check_conditions(repeated, access.versions_of(context.work, found))
    if "groups" in fields:
        offered = read_version(context.work, found.case_digest).said
        parts = elements(offered, context.require(found.originator))
        groups = {parts[digest].group for digest in found.permitted_disclosures}
        if not fields["groups"] or not set(fields["groups"]) <= groups:
            raise refusals.ValidationFailed(
                (("/groups", "name at least one group, of those that were offered"),)
            )


def _check_fields(context: RequestContext, found: Handoff, asked: AnswerRequest) -> None:
    if found.urgency is not Urgency.IMMINENT_DANGER:
        said = [str(asked.fields.get(one.name, "")) for one in asked.kind.fields if one.longest]
        spend_unexplained(context, f"answers {found.id}", bytes_of_texts(said), "")
    if asked.kind is ANSWERS["outcome"] and (errors := outcome_errors(asked.fields, context.now)):
        raise refusals.ValidationFailed(errors)
    if asked.kind is ANSWERS["recall_answer"]:
        today = context.civil_day
        if errors := recall_answer_errors(asked.fields, today):
            raise refusals.ValidationFailed(errors)
    for field, arrays in _ABOUT.items():
        if field in asked.fields:
            _check_elements(context, found, field, arrays, asked.fields[field])
    if "pointers" in asked.fields:
        check_places(context, found, asked.fields["pointers"])
    if asked.kind is ANSWERS["call"] and parse_timestamp(asked.fields["time"]) > context.now:
        raise refusals.ValidationFailed(
            (("/time", "lies in the future: say it once you have called"),)
        )


def _check_conditions(repeated: Mapping[str, Any], versions: access.Versions) -> None:
    """An acceptance repeats what binds at its commit."""
    if repeated != versions.binding.conditions:
        raise refusals.ConditionsMismatch("repeat the conditions that the handoff shows, unchanged")


def _check_tightened(
    context: RequestContext, handoff: Handoff, repeated: Mapping[str, Any]
) -> None:
    """Accept under a case that was revised after its offer: under its conditions of now, and only
    what could be offered now. What was accepted before stays open (`consultations`)."""
    versions = access.versions_of(context.work, handoff)
    _check_conditions(repeated, versions)
    originator = context.require(handoff.originator)
    parts = with_strictest_marking(versions.offered, versions.now, originator)
    offered = {digest: parts[digest] for digest in handoff.permitted_disclosures}
    reader = Reader(context.entity(), handoff.address.competence, handoff.purpose)
    permitted_disclosures, _ = select_disclosures(
        context.ports.policy, offered, context.entity(originator), reader
    )
    released = is_released(versions.now.said.content, handoff.recipient)
    if len(permitted_disclosures) < len(offered) or not released:
        raise refusals.WrongState(
            "the case was marked more strictly after this offer, and could not be offered to you "
            "any more: decline it, and ask its originator for a new offer"
        )


_ABOUT: Mapping[str, Collection[str]] = {"items": ("items",), "elements": ARRAYS}
"""The fields of answers that name elements of a case, and in which arrays these are."""


def _check_elements(
    context: RequestContext,
    handoff: Handoff,
    field: str,
    arrays: Collection[str],
    named: Sequence[str],
) -> None:
    """An answer is about elements that were offered; other ids could be anything (R1)."""
    offered = {
        placed.value["id"]
        for placed in read_version(context.work, handoff.case_digest).said.placed
        if placed.in_array
        and placed.name in arrays
        and placed.digest in handoff.permitted_disclosures
    }
    if not offered.issuperset(named):
        raise refusals.ValidationFailed(
            ((f"/{field}", f"name only {field} that were offered, by their ids"),)
        )


def _facts(asked: AnswerRequest) -> dict[str, Value]:
    """The facts about an answer that policy reads."""
    facts: dict[str, Value] = {"assurance": signed_requests.assurance(asked.signed)}
    if asked.kind.accepts:
        facts["conditions_accepted"] = "conditions" in asked.fields
    if asked.kind is ANSWERS["outcome"]:
        facts["code"] = asked.fields["code"]
    if asked.kind is ANSWERS["recall_answer"]:
        facts["done"] = asked.fields["done"]
    return facts


def _refuse_late(context: RequestContext, handoff: Handoff, asked: AnswerRequest) -> None:
    """After the erasure only what outlives the case is answered, and without free text: codes, and
    references."""
    if not asked.kind.outlives_case:
        access.refuse_erased(context, handoff)
    if handoff.conditions_digest:
        return
    if asked.kind is ANSWERS["retention"] and access.copy_is_gone(context, handoff):
        raise refusals.CaseErased("the case was erased, and nothing of it is kept for you")
    told = [
        one.name
        for one in asked.kind.fields
        if one.type is FieldType.TEXT and not one.reference and one.name in asked.fields
    ]
    if told:
        raise refusals.ValidationFailed(
            tuple((f"/{name}", "is left out: the case was erased, write no text") for name in told)
        )


def _retain(context: RequestContext, handoff: Handoff, asked: AnswerRequest) -> None:
    days = {name: asked.fields.get(name) for name in ("until", "review_on")}
    set_retention(
        context,
        handoff,
        RetentionGround.STATED,
        legal_basis=asked.fields["legal_basis"],
        **{name: day and parse_date(day) for name, day in days.items()},
    )


def _answered(answer: HandoffAnswer) -> Answered:
    return Answered(answer.handoff, answer.state, answer.sequence, answer.at, answer.document)
