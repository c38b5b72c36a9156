"""What the two parties do with a handoff: answer, follow up, open content, read, list."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from gateway.domain.answers import ANSWERS, KIND_OF_MOVE, AnswerKind, FieldType, move
from gateway.domain.audit_event import EventDetail, Party
from gateway.domain.case import ARRAYS, ROUTING_FIELDS, Element, erasure_is_due
from gateway.domain.consultation import informs_originator
from gateway.domain.decision import PolicyEntity, Value, handoff_entity
from gateway.domain.duty import DutyKind, begin
from gateway.domain.handoff import (
    ACCEPTING,
    AGREEMENTS,
    READABLE,
    Handoff,
    HandoffAction,
    HandoffAnswer,
    HandoffPlace,
    HandoffState,
    Package,
    agreed_at,
    offers_of,
)
from gateway.domain.marking import marking_of, strictest
from gateway.domain.measure import Measure, MeasureKind
from gateway.domain.organisation import Organisation, is_derogation, is_transfer_barred
from gateway.domain.outcome import outcome_as_read, outcome_errors
from gateway.domain.recall import RecallAnswer, answer_errors
from gateway.domain.refusals import (
    CaseErased,
    CaseKeysUnavailable,
    ConditionsMismatch,
    EditConflict,
    InvalidDocument,
    SecondPersonRequired,
    ValidationFailed,
    WrongState,
)
from gateway.domain.retention import RetentionGround
from gateway.domain.staff import WORKING, NamedPerson, RegisterRole, person_errors
from gateway.domain.succession import ReissuedHandoff
from gateway.domain.timestamp import parse_date, parse_timestamp
from gateway.domain.vocabulary import Urgency
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.sd_jwt import SdJwt, VerifiedSdJwt
from gateway.exchange import duties
from gateway.exchange.cases import (
    OWN,
    conditions_digest,
    elements,
    has_key,
    in_force,
    sealed_of,
    view_on_measure,
)
from gateway.exchange.civil_day import civil_day
from gateway.exchange.conditions import BindingConditions, binding_conditions
from gateway.exchange.consultations import (
    IMMINENT_DANGER,
    OF_MARKS,
    SUPERSEDED,
    ConsultationRequest,
    record_consultation,
    to_json,
)
from gateway.exchange.disclosure import Reader, select_disclosures, with_strictest_marking
from gateway.exchange.interests import has_conflict
from gateway.exchange.offers import package_of, states_danger
from gateway.exchange.recall_answers import (
    answer_for,
    answer_recall,
    check_answerable,
    consultation_facts,
    recall_of,
)
from gateway.exchange.results import (
    Answered,
    AnswerView,
    ContentPresentation,
    DutyView,
    HandoffSummary,
    HandoffView,
    NoticesView,
    PackageView,
    RetentionView,
    Reviewed,
    SucceededBy,
    Succeeds,
    Superseded,
    TightenedElement,
    WaitingTotals,
)
from gateway.exchange.retention import (
    apply_standing_retention,
    retention_in_force,
    set_retention,
    view_on_retention,
)
from gateway.exchange.signed_requests import VerifiedRequest, assurance, attesting, check_signed
from gateway.exchange.updates import (
    answered_notice,
    check_places,
    check_step,
    stale,
    stale_notice,
)
from gateway.kernel import events
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.recusals import refuse_recused
from gateway.kernel.results import Page, collect_page
from gateway.kernel.results import to_json as to_json_values
from gateway.kernel.transact import (
    ActionRequest,
    EventSubject,
    RequestContext,
    WriteResult,
    allows,
    authorize,
    deny_as_not_found,
    prepare,
    read,
    transact,
)
from gateway.kernel.values import Caller, CaseVersion, HandoffFilter, LoggedEvent


@dataclass(frozen=True)
class HandoffPage(Page[HandoffSummary]):
    """A page of a box; the first one says how many handoffs wait."""

    waiting: WaitingTotals | None = None


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
    signed: VerifiedRequest | None = None
    offer: str | None = None


def answer(
    ports: Ports, caller: Caller, key: str, handoff: UUID, asked: AnswerRequest
) -> WriteResult:
    """Answer a handoff.

    The answer is signed before the transaction, about the handoff's newest package, then decided
    and stored in it, where nothing newer came meanwhile. What its author signed is held against
    the same.

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
    prepared = prepare(ports, caller, request, partial(_offered, handoff, asked))
    act = None
    if prepared is not None:
        offered, beside = prepared
        if asked.signed is not None:
            document = asked.signed.document
        else:
            document = handoff_documents.issue_answer(
                attesting(ports, caller.organisation),
                handoff=offered.id,
                case_digest=offered.case_digest,
                offer_digest=offered.offer_digest,
                package_digest=offered.package_digest,
                kind=asked.kind.name,
                fields={"by": asked.by, **asked.fields},
                **beside,
            )
        act = partial(_store, prepared, asked, document)

    def replay(context: RequestContext, logged: LoggedEvent) -> Answered:
        stored = context.work.handoffs.answer_of(logged.event.id)
        return deny_as_not_found() if stored is None else _answered(stored)

    return transact(ports, caller, request, act, replay)


def _offered(
    handoff: UUID, asked: AnswerRequest, context: RequestContext
) -> tuple[Handoff, dict[str, str | None]]:
    """The handoff, once the answer fits what was offered in its newest package, and the digest of
    what it answers beside that: a correction notice, or a recall."""
    found = party_to(context, handoff)
    _hide_barred(context, found)
    named = asked.signed.verified.claims.get("offer_digest") if asked.signed else asked.offer
    updated = found.package > 1
    if named != found.offer_digest and updated and (named is not None or asked.kind.accepts):
        raise stale(found)
    _refuse_late(context, found, asked)
    recipient = context.caller.organisation == found.recipient
    if recipient and asked.kind.accepts and found.state is not HandoffState.OFFERED:
        raise WrongState(f"what stands offered is accepted; this handoff is {found.state}")
    beside = _beside(context, found, asked.kind)
    if asked.signed is not None:
        notice = beside["notice_digest"]
        if notice is not None and asked.signed.verified.claims.get("notice_digest") != notice:
            raise stale_notice(notice)
        bound = {
            "handoff": str(found.id),
            "case_digest": found.case_digest,
            "offer_digest": found.offer_digest,
            "package_digest": found.package_digest,
            "kind": asked.kind.name,
            **beside,
        }
        claims = asked.signed.verified.claims
        if any(claims.get(name) != value for name, value in bound.items()):
            raise InvalidDocument(
                "the answer is bound to another handoff, offer, package, notice, recall or kind"
            )
    elif named not in (None, found.offer_digest):
        raise stale(found)
    _check_fields(context, found, asked)
    if not asked.kind.accepts:
        return found, beside
    repeated = asked.fields.get("conditions") or {}
    as_offered = conditions_digest(context.ports, found.case_digest, repeated)
    if as_offered != found.conditions_digest:
        _check_conditions(repeated, versions_of(context.work, found, _newest(found)))
    if "groups" in asked.fields:
        verified = sd_jwt.read_stored(_read(context.work, found.case_digest).document)
        parts = elements(verified, context.require(found.originator))
        groups = {parts[digest].group for digest in found.permitted_disclosures}
        if not asked.fields["groups"] or not set(asked.fields["groups"]) <= groups:
            raise ValidationFailed(
                (("/groups", "name at least one group, of those that were offered"),)
            )
    return found, beside


def _check_fields(context: RequestContext, found: Handoff, asked: AnswerRequest) -> None:
    if asked.kind is ANSWERS["outcome"] and (errors := outcome_errors(asked.fields, context.now)):
        raise ValidationFailed(errors)
    if asked.kind is ANSWERS["recall_answer"]:
        today = civil_day(context.ports, context.now)
        if errors := answer_errors(asked.fields, today):
            raise ValidationFailed(errors)
    for field, arrays in _ABOUT.items():
        if field in asked.fields:
            _check_elements(context, found, field, arrays, asked.fields[field])
    if "pointers" in asked.fields:
        check_places(context, found, asked.fields["pointers"])
    if asked.kind is ANSWERS["call"] and parse_timestamp(asked.fields["time"]) > context.now:
        raise ValidationFailed((("/time", "lies in the future: say it once you have called"),))


def _check_conditions(repeated: Mapping[str, Any], versions: "Versions") -> None:
    """An acceptance repeats what binds at its commit."""
    if repeated != versions.binding.conditions:
        raise ConditionsMismatch("repeat the conditions that the handoff shows, unchanged")


def _check_tightened(
    context: RequestContext, handoff: Handoff, repeated: Mapping[str, Any]
) -> None:
    """Accept under a case that was revised after its offer: under its conditions of now, and only
    what could be offered now. What was accepted before stays open (`_readable`)."""
    versions = versions_of(context.work, handoff, _newest(handoff))
    _check_conditions(repeated, versions)
    originator = context.require(handoff.originator)
    parts = with_strictest_marking(versions.offered, versions.now, originator)
    offered = {digest: parts[digest] for digest in handoff.permitted_disclosures}
    reader = Reader(context.entity(), handoff.address.competence, handoff.purpose)
    permitted_disclosures, _ = select_disclosures(
        context.ports.policy, offered, context.entity(originator), reader
    )
    listed = versions.now.content.get("release_to") or ()
    released = not listed or handoff.recipient in listed
    if len(permitted_disclosures) < len(offered) or not released:
        raise WrongState(
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
    verified = sd_jwt.read_stored(_read(context.work, handoff.case_digest).document)
    offered = {
        placed.value["id"]
        for placed in verified.placed
        if placed.in_array
        and placed.name in arrays
        and placed.digest in handoff.permitted_disclosures
    }
    if not offered.issuperset(named):
        raise ValidationFailed(
            ((f"/{field}", f"name only {field} that were offered, by their ids"),)
        )


def _store(
    prepared: tuple[Handoff, dict[str, str | None]],
    asked: AnswerRequest,
    document: SdJwt,
    context: RequestContext,
) -> Answered:
    offered, beside = prepared
    check_signed(context, asked.signed)
    found = _authorized(context, offered.id, _facts(asked))
    _refuse_late(context, found, asked)
    if asked.kind.of_recall:
        check_answerable(context, found, asked.kind, asked.fields)
    if found.offer_digest != offered.offer_digest:
        raise stale(found)
    if (newest := _beside(context, found, asked.kind)) != beside:
        raise stale_notice(newest["notice_digest"])
    current = context.work.handoffs.current_version(found)
    if asked.kind.accepts:
        _refuse_expired(context, found)
        if current != found.case_digest:
            _check_tightened(context, found, asked.fields["conditions"])
    step = asked.kind.move(asked.fields)
    groups = frozenset(asked.fields["groups"]) if step is HandoffAction.ACCEPT_PARTLY else None
    under = current if step in AGREEMENTS else None
    moved = move(found, step, context.caller.organisation, groups=groups, under=under)
    check_step(context, found, step)
    if step is HandoffAction.WITHDRAW and found.is_held:
        moved = _withdraw_reserved(context, moved)
    if step is HandoffAction.ANSWER_RECALL:
        moved = answer_recall(context, moved, asked.fields)
    stored = HandoffAnswer(
        handoff=found.id,
        sequence=moved.sequence,
        move=step,
        state=moved.state,
        author=context.caller.organisation,
        at=context.now,
        document=document.compact(),
        event=context.event,
    )
    context.work.handoffs.save(moved, stored)
    duties.settle(context.ports, context.work, moved, stored)
    if step is HandoffAction.RETAIN:
        _retain(context, moved, asked)
    if moved.held and not found.held:
        apply_standing_retention(context, moved)
    if step is HandoffAction.DELAY:
        until = parse_timestamp(asked.fields["until"])
        duties.delay(context.work, found.id, until, context.now)
    context.record(
        _parties(found),
        events.shared("sequence", str(moved.sequence), _parties(found)),
        package_digest=found.package_digest,
        document_sha256=document.digest,
    )
    return _answered(stored)


def _facts(asked: AnswerRequest) -> dict[str, Value]:
    """The facts about an answer that policy reads."""
    facts: dict[str, Value] = {"assurance": assurance(asked.signed)}
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
        _refuse_erased(context, handoff)
    if handoff.conditions_digest:
        return
    if asked.kind is ANSWERS["retention"] and _copy_is_gone(context, handoff):
        raise CaseErased("the case was erased, and nothing of it is kept for you")
    told = [
        one.name
        for one in asked.kind.fields
        if one.type is FieldType.TEXT and not one.reference and one.name in asked.fields
    ]
    if told:
        raise ValidationFailed(
            tuple((f"/{name}", "is left out: the case was erased, write no text") for name in told)
        )


def _copy_is_gone(context: RequestContext, handoff: Handoff) -> bool:
    copies = context.work.retentions.copies_of(handoff.originator, handoff.case)
    return handoff.id not in copies


def _retain(context: RequestContext, handoff: Handoff, asked: AnswerRequest) -> None:
    days = {name: asked.fields.get(name) for name in ("until", "review_on")}
    set_retention(
        context,
        handoff,
        RetentionGround.STATED,
        legal_basis=asked.fields["legal_basis"],
        **{name: day and parse_date(day) for name, day in days.items()},
    )


def _beside(context: RequestContext, handoff: Handoff, kind: AnswerKind) -> dict[str, str | None]:
    """What an answer of a kind binds beside the offer, by the name of the claim: the digest of the
    newest correction notice, or of the recall that stands."""
    recall = recall_of(context, handoff) if kind.of_recall else None
    notice = answered_notice(context, handoff, kind)
    return {"notice_digest": notice, "recall": None if recall is None else recall.digest}


def _withdraw_reserved(context: RequestContext, moved: Handoff) -> Handoff:
    """A handoff that is withdrawn after its acceptance: its recipient holds nothing.

    That is possible before the first consultation, where the acceptance has a reservation and the
    originator would hear of a consultation; else only a recall ends what a holder may do.
    """
    made = context.work.handoffs.answers(moved.id)
    accepted = next(one for one in made if one.move in ACCEPTING)
    reserved = "reservation" in sd_jwt.read_stored(accepted.document).content
    recipient = context.require(moved.recipient)
    informed = _is_informed(context, moved, recipient, _measures(context, moved))
    if not (reserved and informed) or context.work.handoffs.was_consulted(moved.id):
        raise WrongState("the handoff was accepted: recall it, with a code and a second person")
    for duty in context.work.duties.of(moved.id, open_only=True):
        if HandoffAction.RECALL in duty.terms.ended_by:
            context.work.duties.save(duty.close(context.now))
    return replace(moved, held=0, held_under=None)


def consult(
    ports: Ports,
    caller: Caller,
    key: str,
    handoff: UUID,
    opening: ConsultationRequest,
) -> WriteResult:
    """Open the content that was offered and accepted, as policy allows it today.

    Unless ``opening`` names a package it is the newest that the recipient holds; an older one is
    superseded, and opens with a reason code of its own.
    """
    request = ActionRequest(
        "case.consult", opening.by, key, {"handoff": str(handoff), **opening.asked()}
    )

    def act(context: RequestContext) -> ContentPresentation:
        found = _readable(context, handoff, opening)
        if _breaks_glass(found.handoff, opening):
            by = context.now + context.ports.follow_up
            owed = begin(found.handoff, DutyKind.REVIEW, context.event, context.now, by)
            context.work.duties.add(replace(owed, person=opening.by))
        opened = record_consultation(
            context,
            opening,
            found.versions.version,
            shown=found.shown,
            withheld_groups=found.withheld_groups,
            binding=found.versions.binding,
            handoff=handoff,
            parties=_parties_of_consultation(context, found.handoff, found.measures),
        )
        return replace(opened, **found.beside())

    def replay(context: RequestContext, logged: LoggedEvent) -> ContentPresentation:
        found = _readable(context, handoff, opening)
        consultation = context.work.handoffs.consultation(logged.event.id)
        if (
            consultation is None
            or consultation.case_digest != found.versions.version.digest
            or set(consultation.shown) != found.shown.keys()
        ):
            raise EditConflict("what may be shown has changed: consult again under a new key")
        version, binding = found.versions.version, found.versions.binding
        opened = to_json(version, tuple(found.shown), found.withheld_groups, binding)
        return replace(opened, **found.beside())

    return transact(ports, caller, request, act, replay)


def _parties_of_consultation(
    context: RequestContext, handoff: Handoff, measures: Sequence[Measure]
) -> tuple[Party, ...]:
    """The recipient, which opens the content, and the originator where it is informed."""
    informed = _is_informed(context, handoff, context.organisation, measures)
    return tuple(p for p in _parties(handoff) if informed or p.role != "originator")


def _is_informed(
    context: RequestContext, handoff: Handoff, reader: Organisation, measures: Sequence[Measure]
) -> bool:
    """Whether the originator hears of the next consultation."""
    return informs_originator(
        context.ports.consultations,
        originator_is_public=context.require(handoff.originator).public_authority,
        reader_is_police="led" in reader.regimes,
        embargoed=any(one.kind is MeasureKind.EMBARGO for one in measures),
        informed_before=context.work.handoffs.was_informed_of_consultation(handoff.id),
    )


@dataclass(frozen=True)
class ReviewRequest:
    """Who reviews a consultation, and what there is to say of it."""

    by: str
    reason: str | None = None


def review(
    ports: Ports, caller: Caller, key: str, handoff: UUID, asked: ReviewRequest
) -> WriteResult:
    """Review, as a second person, what was consulted before acceptance (R16); for the originator,
    as its data protection officer, an offer to a third country by derogation (R15).

    Raises WrongState when nothing waits for a review, SecondPersonRequired, ValidationFailed, and
    the policy's denials.
    """
    content = {"handoff": str(handoff), "reason": asked.reason}
    request = ActionRequest("handoff.review", asked.by, key, content)

    def act(context: RequestContext) -> Any:
        found = _authorized(context, handoff)
        owed = context.work.duties.of(handoff, open_only=True)
        originates = found.originator == caller.organisation
        kind = DutyKind.DEROGATION_REVIEW if originates else DutyKind.REVIEW
        waiting = [one for one in owed if one.kind is kind]
        if not waiting:
            raise WrongState("nothing of this handoff waits for your review")
        _require_reviewer(context, asked.by, {RegisterRole.DPO} if originates else WORKING)
        others = [one for one in waiting if one.person != asked.by]
        if not others:
            raise SecondPersonRequired("who consulted does not review it: another person does")
        for one in others:
            context.work.duties.save(one.close(context.now))
        own = frozenset({caller.organisation})
        why = () if asked.reason is None else (EventDetail("reason", asked.reason, own),)
        role = "originator" if originates else "recipient"
        context.record((Party(caller.organisation, role),), *why)
        return to_json_values(Reviewed(handoff, [one.source for one in others]))

    return transact(ports, caller, request, act)


def _require_reviewer(context: RequestContext, by: str, roles: Collection[RegisterRole]) -> None:
    """Which roles may review depends on what is reviewed."""
    entries = context.work.staff.named(context.caller.organisation, [by])
    named = NamedPerson("/by", by, frozenset(roles))
    if errors := list(person_errors([named], {one.pseudonym: one for one in entries})):
        raise ValidationFailed(errors)


def _breaks_glass(handoff: Handoff, opening: ConsultationRequest) -> bool:
    """Whether it is consulted before its acceptance, in imminent danger by its own urgency."""
    return (
        opening.reason_code == IMMINENT_DANGER
        and handoff.urgency is Urgency.IMMINENT_DANGER
        and handoff.state is HandoffState.OFFERED
    )


def is_needed(part: Element, reader: str) -> bool:
    """Whether a rescue needs a part at once: where it is, facts, and what is sealed to the reader,
    which alone knows a contact."""
    fact = part.group == "statements" and part.category == "fact"
    return fact or part.group in ("routing", "items") or part.sealed_to == reader


@dataclass(frozen=True)
class Versions:
    """The version of a package, as stored and as read, the case's current one and that under whose
    markings the recipient agreed, as read, and the conditions that bind."""

    version: CaseVersion
    offered: VerifiedSdJwt
    now: VerifiedSdJwt
    agreed: VerifiedSdJwt
    binding: BindingConditions


def versions_of(work: UnitOfWork, handoff: Handoff, package: Package) -> Versions:
    """The versions that decide about a package of a handoff."""
    version = _read(work, package.case_digest)
    case = work.cases.get(handoff.originator, handoff.case)
    current = version if case is None else _read(work, case.digest, version)
    agreed = version
    if handoff.held_under is not None and package.number == handoff.held:
        agreed = _read(work, handoff.held_under, version, current)
    offered = sd_jwt.read_stored(version.document)
    now = _content(current, version, offered)
    under = now if agreed is current else _content(agreed, version, offered)
    binding = binding_conditions(handoff.purpose, package, offered, current)
    return Versions(version, offered, now, under, binding)


def _measures(context: RequestContext, handoff: Handoff) -> Sequence[Measure]:
    """The measures on the case that are in force."""
    case = context.work.cases.get(handoff.originator, handoff.case)
    return () if case is None else in_force(context, case)


@dataclass(frozen=True)
class _Readable:
    """A package that may be opened now: which parts of it are shown (by digest), and what its
    reader must know beside it: the conditions that bind today, and whether it is superseded;
    ``measures`` are those in force."""

    handoff: Handoff
    package: int
    versions: Versions
    shown: Mapping[str, Element]
    withheld_groups: Sequence[str]
    superseded: Superseded | None
    measures: Sequence[Measure]

    def beside(self) -> dict[str, Any]:
        """The fields of a consultation's answer that only a handoff has."""
        return {"package": self.package, "superseded": self.superseded}


def _readable(context: RequestContext, handoff: UUID, opening: ConsultationRequest) -> _Readable:
    """A package that may be opened now.

    Decided by the strictest of its markings and those under which the recipient agreed to it. A
    tightening that comes later binds by the conditions that are shown, and closes nothing. Only
    groups of the offer are named as withheld: of what was never offered a reader learns nothing,
    which is what the decoys are for.
    """
    found = party_to(context, handoff)
    _hide_barred(context, found)
    context.about = EventSubject(found.id, found.case_digest)
    _refuse_erased(context, found)
    read_access = _read_access(context, found)
    in_danger = _breaks_glass(found, opening)
    # What a recall withdrew may be open to its holder still: policy decides (R13.recall).
    recalled = found.recall is not None and found.is_held and found.state is HandoffState.WITHDRAWN
    is_open = found.state in READABLE or read_access or in_danger or recalled
    if context.caller.organisation == found.recipient and not is_open:
        raise WrongState(f"content opens after acceptance; the handoff is {found.state}")
    measures = _measures(context, found)
    suspended = any(m.kind is MeasureKind.SUSPENSION and not m.elements for m in measures)
    facts: dict[str, Value] = {"suspended": suspended, "reason": opening.reason_code}
    facts |= {"break_glass": in_danger, **consultation_facts(context, found)}
    entity = entity_of(context, found, read_access=read_access)
    authorize(context, entity, {**facts, **_barriers(context, found)})
    if found.recall_answer is RecallAnswer.COPIES_ERASED:  # a recall passes it over from then on
        raise WrongState("you erased your copies for good: only a new offer opens the case again")
    _refuse_expired(context, found)
    opened = _package(context, found, opening)
    versions = versions_of(context.work, found, opened)
    if in_danger:
        _require_danger(found, versions)
    _refuse_past_erasure(context, found, versions.offered)
    originator = context.require(found.originator)
    # Nothing was agreed to before an acceptance: then the case as it is now decides.
    agreed = versions.now if in_danger else versions.agreed
    parts = with_strictest_marking(versions.offered, agreed, originator, measures)
    accepted = {
        digest: part
        for digest, part in accepted_parts(found, opened, parts).items()
        if not in_danger or is_needed(part, found.recipient)
    }
    reader = Reader(
        context.entity(),
        found.address.competence,
        found.purpose,
        read_access,
        opening.reason_code,
    )
    permitted_disclosures, _ = select_disclosures(
        context.ports.policy, accepted, context.entity(originator), reader
    )
    shown = {digest: parts[digest] for digest in permitted_disclosures}
    withheld_groups = {
        parts[digest].group for digest in opened.permitted_disclosures if digest not in shown
    }
    binding = binding_beside(versions, shown, originator)
    return _Readable(
        found,
        opened.number,
        replace(versions, binding=binding),
        shown,
        sorted(withheld_groups),
        _superseded(context, found, versions.version.version),
        measures,
    )


def accepted_parts(
    handoff: Handoff, package: Package, parts: Mapping[str, Element]
) -> Mapping[str, Element]:
    """The parts of a package that its recipient accepted, where it named groups."""
    groups = handoff.accepted_groups
    return {
        digest: part
        for digest, part in parts.items()
        if digest in package.permitted_disclosures
        and (groups is None or part.group in {"routing", *groups})
    }


def binding_beside(
    versions: Versions, shown: Collection[str], originator: Organisation
) -> BindingConditions:
    """The conditions that bind beside the parts ``shown``, and which of these the case's present
    version marks more strictly than themselves and the conditions say."""
    own = elements(versions.offered, originator)
    strict = with_strictest_marking(versions.offered, versions.now, originator)
    told = marking_of(versions.binding.conditions)
    tightened = [
        TightenedElement(UUID(placed.value["id"]), placed.name, now.tlp, sorted(now.handling))
        for placed in versions.offered.placed
        if placed.in_array
        and placed.digest in shown
        and (now := strict[placed.digest].marking) != strictest((own[placed.digest].marking, told))
    ]
    return replace(versions.binding, tightened_elements=tightened)


def _refuse_past_erasure(context: RequestContext, handoff: Handoff, offered: VerifiedSdJwt) -> None:
    """Refuse from the day of erasure on: the case's, and before it that of the package, which no
    later version puts off unasked, unless the recipient retains it."""
    day = civil_day(context.ports, context.now)
    case = context.work.cases.get(handoff.originator, handoff.case)
    over = case is None or erasure_is_due(case, day)
    agreed = date.fromisoformat(offered.claims["erase_on"])
    if over or (agreed <= day and retention_in_force(context, handoff) is None):
        raise WrongState("the case is past the day of its erasure")


def _require_danger(handoff: Handoff, versions: Versions) -> None:
    """Before its acceptance a case is opened only where it says what the danger is, and where it
    could be offered to the reader still."""
    listed = versions.now.content.get("release_to") or ()
    if not states_danger(versions.offered) or (listed and handoff.recipient not in listed):
        raise WrongState("content opens after acceptance; accept the handoff, or decline it")


def _newest(handoff: Handoff) -> Package:
    given = handoff.case_digest, handoff.permitted_disclosures, handoff.transfer_tool
    return Package(handoff.package, *given)


def _package(context: RequestContext, handoff: Handoff, opening: ConsultationRequest) -> Package:
    """The package to open: the newest that is held, or an older one, as what it is.

    Before an acceptance it is the newest (R16).
    """
    held = handoff.held or handoff.package
    number = held if opening.package is None else opening.package
    if number > held:
        raise WrongState(
            f"package {number} opens after it was acknowledged"
            if number <= handoff.package
            else f"the handoff has no package {number}"
        )
    code = opening.reason_code
    if code == SUPERSEDED if number == held else code not in (SUPERSEDED, *OF_MARKS):
        named = ", ".join((SUPERSEDED, *OF_MARKS))
        raise ValidationFailed(
            (
                (
                    "/reason_code",
                    f"is '{SUPERSEDED}' for an older package than {held} alone; that one opens "
                    f"with {named}",
                ),
            )
        )
    return package_numbered(context.work, handoff, number)


def package_numbered(work: UnitOfWork, handoff: Handoff, number: int) -> Package:
    """A package of a handoff by its number."""
    if number == handoff.package:
        return _newest(handoff)
    offer = work.handoffs.offer(handoff.id, number)
    return deny_as_not_found() if offer is None else package_of(offer, number)


def _read(work: UnitOfWork, digest: str, *known: CaseVersion) -> CaseVersion:
    """A version of a case; one that was read is not read again."""
    for version in known:
        if version.digest == digest:
            return version
    found = work.cases.version(digest)
    return deny_as_not_found() if found is None else found


def _content(wanted: CaseVersion, version: CaseVersion, content: VerifiedSdJwt) -> VerifiedSdJwt:
    """What a version says; ``content`` is what ``version`` says."""
    return content if wanted is version else sd_jwt.read_stored(wanted.document)


def _superseded(context: RequestContext, handoff: Handoff, version: int) -> Superseded | None:
    """The correction or tightening of which the recipient heard after a version that it holds."""
    told = context.work.cases.announced(handoff.originator, handoff.case)
    if told is None or told.version <= version:
        return None
    return Superseded(str(told.change), told.version, told.at)


def _read_access(context: RequestContext, handoff: Handoff) -> bool:
    """Whether a succession lets the recipient open what its mandate, now moved, had given it."""
    competence, today = handoff.address.competence, context.today.day
    if competence is None or competence in context.organisation.competences_on(today):
        return False
    successions = context.work.successions.from_office(context.caller.organisation, competence)
    held = handoff.is_held
    return any(one.lets_read(handoff, was_taken_on=held, day=today) for one in successions)


def _refuse_erased(context: RequestContext, handoff: Handoff) -> None:
    """Refuse what needs the content of a case that was erased: its handoffs state no conditions."""
    if handoff.conditions_digest:
        return
    if context.caller.organisation == handoff.recipient and not _copy_is_gone(context, handoff):
        raise CaseErased("the case was erased: consult what you retain of it")
    raise CaseErased("the case was erased, and the handoff ended with it")


def _refuse_expired(context: RequestContext, handoff: Handoff) -> None:
    if handoff.expires_at is not None and handoff.expires_at <= context.now:
        raise WrongState("the offer has ended: ask its originator for a new one")


def look_up(ports: Ports, caller: Caller, handoff: UUID) -> HandoffView:
    """A handoff as one of its parties may see it: never content.

    Shown are the routing presentation, the conditions, and each document as the caller may read it.
    """

    def query(context: RequestContext) -> HandoffView:
        found = _authorized(context, handoff)
        _refuse_erased(context, found)
        versions = versions_of(context.work, found, _newest(found))
        version, verified = versions.version, versions.offered
        case = context.work.cases.get(found.originator, found.case)
        measures = _measures(context, found)
        originates = context.caller.organisation == found.originator
        told = measures if originates or found.hears else ()
        # Its originator seals anew what was redirected, or went to a successor.
        left = found.state in (HandoffState.REDIRECTED, HandoffState.REISSUED)
        seals = left and originates
        ended = context.work.successions.moved_from(found.id)
        made = context.work.successions.moved_to(found.id)
        answers, groups = context.work.handoffs.answers(found.id), found.accepted_groups
        entity = entity_of(context, found)
        return HandoffView(
            **vars(_summary(context, found)),
            assurance=version.assurance,
            routing=_routing(version, verified, found.permitted_disclosures),
            permitted_disclosures=sorted(found.permitted_disclosures),
            accepted_groups=None if groups is None else sorted(groups),
            answers=[_shown_answer(context, entity, one, measures) for one in answers],
            packages=_packages(context, answers, version, verified),
            superseded=_superseded(context, found, found.case_version) if found.is_held else None,
            measures=[view_on_measure(context.organisation, one) for one in told],
            retention=_retention(context, found),
            interest=_barriers(context, found).get("conflict") is True or None,
            to_reseal=sealed_of(verified, found.permitted_disclosures) if seals else None,
            reissued_as=None if ended is None else _succeeded_by(context, found, ended),
            reissue_of=None if made is None else _succeeds(context, made),
            conditions=versions.binding.conditions,
            erase_on=None if case is None else case.erase_on,
            tightened_by=versions.binding.tightened_by,
            duties=_duties(context, found),
        )

    return read(ports, caller, ActionRequest("handoff.read"), query)


def notices(ports: Ports, caller: Caller, handoff: UUID) -> NoticesView:
    """The correction notices of a handoff; those after the erasure of its case, too."""

    def query(context: RequestContext) -> NoticesView:
        found = _authorized(context, handoff)
        given = context.work.handoffs.notices(handoff)
        entity = entity_of(context, found)
        shown = [_shown_answer(context, entity, one, ()) for one in given]
        return NoticesView(found.id, found.state, shown, _duties(context, found))

    return read(ports, caller, ActionRequest("handoff.read"), query)


def _retention(context: RequestContext, handoff: Handoff) -> RetentionView | None:
    found = retention_in_force(context, handoff)
    if found is None:
        return None
    return view_on_retention(context.organisation, context.require(handoff.recipient), found)


def _duties(context: RequestContext, handoff: Handoff) -> list[DutyView]:
    """What is owed, as the caller may know it: of the other party's, what is shared."""
    own = context.caller.organisation
    return [
        DutyView(
            one.kind,
            one.organisation,
            one.due_at,
            one.closed_at,
            overdue=(one.closed_at or context.now) >= one.due_at,
        )
        for one in context.work.duties.of(handoff.id)
        if one.terms.shared or one.organisation == own
    ]


def _routing(version: CaseVersion, content: VerifiedSdJwt, permitted: Collection[str]) -> str:
    """A version's own document with what says where it belongs, and nothing of content."""
    shown = frozenset(
        p.digest
        for p in content.placed
        if p.name in ROUTING_FIELDS and not p.in_array and p.digest in permitted
    )
    return sd_jwt.parse(version.document).present(shown).compact()


def _packages(
    context: RequestContext,
    answers: Sequence[HandoffAnswer],
    newest: CaseVersion,
    content: VerifiedSdJwt,
) -> list[PackageView]:
    """The chain of packages, oldest first; a later acknowledgement answers all before it."""
    found = []
    for number, offer in enumerate(offers_of(answers), start=1):
        claims = handoff_documents.read_offer(sd_jwt.read_stored(offer.document))
        version = _read(context.work, claims.case_digest, newest)
        found.append(
            PackageView(
                number=number,
                change=claims.change and str(claims.change),
                at=offer.at,
                version=version.version,
                case_digest=version.digest,
                acknowledged=agreed_at(answers, offer.sequence),
                routing=_routing(version, _content(version, newest, content), claims.disclosures),
            )
        )
    return found


def _succeeded_by(context: RequestContext, handoff: Handoff, ended: ReissuedHandoff) -> SucceededBy:
    """What a succession made of a handoff.

    Only the originator learns which handoff follows; the former recipient has no part in it.
    """
    own = context.caller.organisation == handoff.originator
    return SucceededBy(ended.succession, ended.became if own else None)


def _succeeds(context: RequestContext, made: ReissuedHandoff) -> Succeeds:
    """Of which handoff a succession made this one."""
    *_, offer = offers_of(context.work.handoffs.answers(made.handoff))
    document = sd_jwt.parse(offer.document).present(())
    return Succeeds(made.succession, made.handoff, document.compact())


_PERSONS = frozenset({"by", "approved_by"})
"""What documents call the persons of their author."""


def _shown_answer(
    context: RequestContext,
    handoff: PolicyEntity,
    answer: HandoffAnswer,
    measures: Sequence[Measure],
) -> AnswerView:
    """An answer as the caller may read it: of the other party's, not the persons."""
    shown = AnswerView(
        sequence=answer.sequence,
        kind=str(answer.move or "offer"),
        state=answer.state,
        author=answer.author,
        at=answer.at,
        event=answer.event,
        document=answer.document,
    )
    if answer.author == context.caller.organisation:
        return shown
    document = sd_jwt.parse(answer.document)
    readable: Mapping[str, Any] = {
        d.name: d.value for d in document.disclosures if d.name and d.name not in _PERSONS
    }
    seen = None
    if answer.move is HandoffAction.OUTCOME:
        seen, readable = _outcome_for(context, answer, readable, measures)
    elif answer.move is HandoffAction.ANSWER_RECALL:
        seen, readable = answer_for(context, handoff, readable)
    elif answer.move is not None and not _reads_guarded(context, answer):
        kind = KIND_OF_MOVE.get(answer.move)  # none of an update, which is an offer
        guarded = {one.name for one in kind.fields if one.guarded} if kind else ()
        readable = {name: value for name, value in readable.items() if name not in guarded}
    digests = [d.digest for d in document.disclosures if d.name in readable]
    return replace(shown, document=document.present(digests).compact(), code=seen)


def shown_document(answer: HandoffAnswer, reader: str) -> str:
    """A document of a handoff, or an offer, as a party keeps it: the other's without persons."""
    if answer.author == reader:
        return answer.document
    document = sd_jwt.parse(answer.document)
    digests = [one.digest for one in document.disclosures if one.name not in _PERSONS]
    return document.present(digests).compact()


def _reads_guarded(context: RequestContext, answer: HandoffAnswer) -> bool:
    """What an authority says of its own acts is for its like: of the police for police (CPP 11),
    of another one for public authorities."""
    author, reader = context.require(answer.author), context.organisation
    if "led" in author.regimes:
        return "led" in reader.regimes
    return reader.public_authority or not author.public_authority


def _outcome_for(
    context: RequestContext,
    answer: HandoffAnswer,
    fields: Mapping[str, Any],
    measures: Sequence[Measure],
) -> tuple[str, Mapping[str, Any]]:
    """An outcome's code and fields as the caller may read them (R5)."""
    author, reader = context.require(answer.author), context.organisation
    embargoed = any(one.kind is MeasureKind.EMBARGO for one in measures)
    return outcome_as_read(
        fields,
        author_is_police="led" in author.regimes,
        reader_is_police="led" in reader.regimes,
        embargoed=embargoed and not reader.public_authority,
    )


def page(
    ports: Ports,
    caller: Caller,
    *,
    box: str,
    after: str | None,
    limit: int,
    state: HandoffState | None = None,
    urgency: Urgency | None = None,
    matter: str | None = None,
    overdue: bool = False,
    erase_before: date | None = None,
) -> HandoffPage:
    """A page of the handoffs received (``in``) or sent (``out``), by urgency, then due time.

    ``after`` is the cursor of the page before, None for the first page. ``erase_before``: those
    whose case is erased before that day.
    """

    def query(context: RequestContext) -> HandoffPage:
        filters = HandoffFilter(
            state=None if state is None else str(state),
            urgency=urgency,
            matter=matter,
            overdue_at=context.now if overdue else None,
            erase_before=erase_before,
        )

        def rows(cursor: str, number: int) -> Sequence[Handoff]:
            place = HandoffPlace.read(cursor) if cursor else None
            listed = context.work.handoffs.page
            return listed(caller.organisation, box, filters, place, number)

        view = partial(in_list, context)
        found = collect_page(rows, lambda one: str(one.place), view, after or "", limit)
        waiting = None if after else _waiting(context, box)
        return HandoffPage(found.items, found.after, waiting)

    return read(ports, caller, ActionRequest("handoff.read"), query)


def _waiting(context: RequestContext, box: str) -> WaitingTotals | None:
    """How many wait for an answer; None for who declared an interest: the numbers would tell of
    cases that are kept from it (R9)."""
    day = context.today.day
    if any(one.period.holds(day) for one in context.organisation.interests):
        return None
    found = context.work.handoffs.waiting(context.caller.organisation, box, context.now)
    by_urgency = {str(one): found.by_urgency.get(one, 0) for one in Urgency}
    return WaitingTotals(**by_urgency, overdue=found.overdue)


def in_list(context: RequestContext, handoff: Handoff) -> HandoffSummary | None:
    """One handoff of a list; None when policy keeps it back, or cannot see its case: key lost."""
    try:
        shows = allows(context, entity_of(context, handoff), _barriers(context, handoff))
    except CaseKeysUnavailable:
        if has_key(context.ports, context.work, handoff.originator, handoff.case):
            raise
        return None
    return _summary(context, handoff) if shows else None


def party_to(context: RequestContext, handoff: UUID) -> Handoff:
    """The handoff, when the caller is one of its two parties; else there is none."""
    found = context.work.handoffs.get(handoff)
    if found is None or context.caller.organisation not in (found.originator, found.recipient):
        deny_as_not_found()
    refuse_recused(context, found.originator, found.case)
    return found


def _hide_barred(context: RequestContext, handoff: Handoff) -> None:
    """Refuse as not found where an interest of its own bars the caller: the state or the
    conditions of a handoff would say that it is there."""
    facts = _barriers(context, handoff)
    if facts.get("conflict"):
        authorize(context, entity_of(context, handoff), facts, "handoff.read")


def _authorized(
    context: RequestContext, handoff: UUID, facts: Mapping[str, Value] | None = None
) -> Handoff:
    found = party_to(context, handoff)
    context.about = EventSubject(found.id, found.case_digest)
    authorize(context, entity_of(context, found), {**(facts or {}), **_barriers(context, found)})
    return found


_BARRED = {"handoff.read", "case.consult", *(k.action for k in ANSWERS.values() if k.accepts)}
"""What a recipient may not do where something keeps the case from it; it can still refuse."""


def entity_of(
    context: RequestContext, handoff: Handoff, *, read_access: bool = False
) -> PolicyEntity:
    originator = context.entity(context.require(handoff.originator))
    recipient = context.entity(context.require(handoff.recipient))
    return handoff_entity(handoff, originator, recipient, read_access=read_access)


def _barriers(context: RequestContext, handoff: Handoff) -> Mapping[str, Value]:
    """Interests (R9) and third countries (R15) of the caller as the recipient; an originator
    meets none."""
    if context.request.action not in _BARRED:
        return {}
    reader, day = context.organisation, context.today.day
    if reader.slug != handoff.recipient:
        return OWN
    conflict = has_conflict(context.work, reader, handoff, day)
    barred = is_transfer_barred(reader, day) and not is_derogation(handoff.transfer_tool)
    return {"conflict": conflict, "third_country": barred}


def _parties(handoff: Handoff) -> tuple[Party, ...]:
    return (Party(handoff.originator, "originator"), Party(handoff.recipient, "recipient"))


def _answered(answer: HandoffAnswer) -> Answered:
    return Answered(answer.handoff, answer.state, answer.sequence, answer.at, answer.document)


def _summary(context: RequestContext, handoff: Handoff) -> HandoffSummary:
    return HandoffSummary(
        handoff=handoff.id,
        state=handoff.state,
        originator=handoff.originator,
        recipient=handoff.recipient,
        competence=handoff.address.competence,
        case=handoff.case,
        version=handoff.case_version,
        case_digest=handoff.case_digest,
        purpose=handoff.purpose,
        offered_at=handoff.offered_at,
        urgency=handoff.urgency,
        matter=sorted(handoff.matter),
        due_at=handoff.due_at,
        overdue=handoff.overdue(context.now),
        expires_at=handoff.expires_at,
        ended_by="case_erased" if handoff.state is HandoffState.LAPSED else None,
        break_glass=handoff.break_glass,
        package=handoff.package,
        recalled=handoff.recall is not None,
    )
