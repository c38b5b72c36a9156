"""Open the content of a handoff, after its acceptance or in danger before it; review of that."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import Party
from gateway.domain.case import Element, erasure_is_due
from gateway.domain.decision import Value
from gateway.domain.duty import DutyKind, begin
from gateway.domain.handoff import READABLE, Handoff, HandoffState, RecallAnswer
from gateway.domain.measure import Measure, MeasureKind, is_suspended
from gateway.domain.organisation import Organisation
from gateway.domain.outcome import informs_originator
from gateway.domain.refusals import SecondPersonRequired, ValidationFailed, WrongState
from gateway.domain.staff import WORKING, NamedPerson, RegisterRole, person_errors
from gateway.domain.vocabulary import Urgency
from gateway.exchange import consultations
from gateway.exchange.conditions import is_released
from gateway.exchange.course_check import check_course
from gateway.exchange.disclosure import Reader, select_disclosures, with_strictest_marking
from gateway.exchange.handoffs import access
from gateway.exchange.offers import states_danger
from gateway.exchange.recalls import consultation_facts
from gateway.exchange.results import ContentPresentation, Reviewed
from gateway.exchange.retention import retention_in_force
from gateway.kernel import events
from gateway.kernel.ports import Ports
from gateway.kernel.results import to_json
from gateway.kernel.transact import (
    ActionRequest,
    RequestContext,
    WriteResult,
    authorize,
    transact,
)
from gateway.kernel.values import Caller, CaseVersion, LoggedEvent


def consult(
    ports: Ports,
    caller: Caller,
    key: str,
    handoff: UUID,
    opening: consultations.ConsultationRequest,
) -> WriteResult:
    """Open the content that was offered and accepted, as policy allows it today.

    Unless ``opening`` names a package it is the newest that the recipient holds; an older one is
    superseded, and opens with a reason code of its own.
    """
    request = ActionRequest(
        "case.consult", opening.by, key, {"handoff": str(handoff), **opening.asked()}
    )

    def act(context: RequestContext) -> ContentPresentation:
        opened = _opened(context, handoff, opening)
        if opened.handoff and _breaks_glass(opened.handoff, opening):
            by = context.now + context.ports.follow_up
            owed = begin(opened.handoff, DutyKind.REVIEW, context.event, context.now, by)
            context.work.duties.add(replace(owed, person=opening.by))
        return consultations.record_consultation(context, opening, opened)

    def on_retry(context: RequestContext, logged: LoggedEvent) -> ContentPresentation:
        return consultations.repeat_consultation(
            context, logged, _opened(context, handoff, opening)
        )

    return transact(ports, caller, request, act, on_retry)


def is_informed(
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


def _breaks_glass(handoff: Handoff, opening: consultations.ConsultationRequest) -> bool:
    """Whether it is consulted before its acceptance, in imminent danger by its own urgency."""
    return (
        opening.reason_code == consultations.IMMINENT_DANGER
        and handoff.urgency is Urgency.IMMINENT_DANGER
        and handoff.state is HandoffState.OFFERED
    )


def is_needed(part: Element, reader: str) -> bool:
    """Whether a rescue needs a part at once: where it is, facts, and what is sealed to the reader,
    which alone knows a contact."""
    fact = part.group == "statements" and part.category == "fact"
    return fact or part.group in ("routing", "items") or part.sealed_to == reader


def _opened(
    context: RequestContext, handoff: UUID, opening: consultations.ConsultationRequest
) -> consultations.OpenedContent:
    """A package that may be opened now.

    Decided by the strictest of its markings and those under which the recipient agreed to it. A
    tightening that comes later binds by the conditions that are shown, and closes nothing. Only
    groups of the offer are named as withheld: of what was never offered a reader learns nothing,
    which is what the decoys are for.
    """
    found, barred = access.visible(context, handoff)
    check_course(context, found)
    access.refuse_erased(context, found)
    read_access = _read_access(context, found)
    in_danger = _breaks_glass(found, opening)
    # What a recall withdrew may be open to its holder still: policy decides (R13.recall).
    recalled = found.recall is not None and found.is_held and found.state is HandoffState.WITHDRAWN
    is_open = found.state in READABLE or read_access or in_danger or recalled
    if context.caller.organisation == found.recipient and not is_open:
        raise WrongState(f"content opens after acceptance; the handoff is {found.state}")
    measures = access.measures_on(context, found)
    facts: dict[str, Value] = {"suspended": is_suspended(measures), "reason": opening.reason_code}
    facts |= {"break_glass": in_danger, **consultation_facts(context, found)}
    entity = access.entity_of(context, found, read_access=read_access)
    authorize(context, entity, {**facts, **barred})
    if found.recall_answer is RecallAnswer.COPIES_ERASED:  # a recall passes it over from then on
        raise WrongState("you erased your copies for good: only a new offer opens the case again")
    access.refuse_expired(context, found)
    opened = _opened_package(context, found, opening)
    versions = access.versions_of(context.work, opened)
    if in_danger:
        _require_danger(found, versions)
    _refuse_past_erasure(context, found, versions.offered)
    originator = context.require(found.originator)
    # Nothing was agreed to before an acceptance: then the case as it is now decides.
    agreed = versions.now if in_danger else versions.agreed
    parts = with_strictest_marking(versions.offered, agreed, originator, measures)
    accepted = {
        digest: part
        for digest, part in access.accepted_parts(opened, parts).items()
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
    superseded = access.superseded_by(context, found, versions.offered.version)
    informed = is_informed(context, found, context.organisation, measures)
    parties = tuple(p for p in events.parties_of(found) if informed or p.role != "originator")
    return consultations.OpenedContent(
        versions.offered,
        shown,
        access.binding_beside(versions, shown, originator),
        parties,
        handoff=found,
        withheld_groups=tuple(withheld_groups),
        beside={"package": opened.package, "superseded": superseded},
    )


def _refuse_past_erasure(context: RequestContext, handoff: Handoff, offered: CaseVersion) -> None:
    """Refuse from the day of erasure on: the case's, and before it that of the package, which no
    later version puts off unasked, unless the recipient retains it."""
    day = context.civil_day
    case = context.work.cases.get(handoff.originator, handoff.case)
    over = case is None or erasure_is_due(case, day)
    agreed = date.fromisoformat(offered.said.claims["erase_on"])
    if over or (agreed <= day and retention_in_force(context, handoff) is None):
        raise WrongState("the case is past the day of its erasure")


def _require_danger(handoff: Handoff, versions: access.Versions) -> None:
    """Before its acceptance a case is opened only where it says what the danger is, and where it
    could be offered to the reader still."""
    released = is_released(versions.now.said.content, handoff.recipient)
    if not (states_danger(versions.offered) and released):
        raise WrongState("content opens after acceptance; accept the handoff, or decline it")


def _opened_package(
    context: RequestContext, handoff: Handoff, opening: consultations.ConsultationRequest
) -> Handoff:
    """The handoff at the package to open: the newest that is held, or an older one, as what it is.

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
    if (
        code == consultations.SUPERSEDED
        if number == held
        else code not in (consultations.SUPERSEDED, *consultations.OF_MARKS)
    ):
        named = ", ".join((consultations.SUPERSEDED, *consultations.OF_MARKS))
        raise ValidationFailed(
            (
                (
                    "/reason_code",
                    f"is '{consultations.SUPERSEDED}' for an older package than {held} alone; "
                    f"that one opens with {named}",
                ),
            )
        )
    return access.at_package(context.work, handoff, number)


def _read_access(context: RequestContext, handoff: Handoff) -> bool:
    """Whether a succession lets the recipient open what its mandate, now moved, had given it."""
    competence, today = handoff.address.competence, context.today.day
    if competence is None or competence in context.organisation.competences_on(today):
        return False
    successions = context.work.successions.of_predecessor(context.caller.organisation, competence)
    held = handoff.is_held
    return any(one.lets_read(handoff, was_taken_on=held, day=today) for one in successions)


# --- A second person's review of what one person did alone ---


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
        found = access.authorized(context, handoff)
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
        own = Party(caller.organisation, "originator" if originates else "recipient")
        context.record((own,), *events.reason(asked.reason, own))
        return to_json(Reviewed(handoff, [one.source for one in others]))

    return transact(ports, caller, request, act)


def _require_reviewer(context: RequestContext, by: str, roles: Collection[RegisterRole]) -> None:
    """Which roles may review depends on what is reviewed."""
    entries = context.work.staff.named(context.caller.organisation, [by])
    named = NamedPerson("/by", by, frozenset(roles))
    if errors := list(person_errors([named], {one.pseudonym: one for one in entries})):
        raise ValidationFailed(errors)
