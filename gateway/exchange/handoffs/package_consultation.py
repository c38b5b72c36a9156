"""Open the content of a handoff, after its acceptance or in danger before it; review of that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from gateway.domain.answers import AnswerAuthor
from gateway.domain.audit_event import Party
from gateway.domain.case import Element
from gateway.domain.consultation import OF_MARKS, SUPERSEDED
from gateway.domain.duty import DutyKind, begin
from gateway.domain.handoff import Handoff
from gateway.domain.measure import Measure, MeasureKind
from gateway.domain.organisation import Organisation
from gateway.domain.outcome import informs_originator
from gateway.domain.refusals import CaseErased, SecondPersonRequired, ValidationFailed, WrongState
from gateway.domain.staff import WORKING, NamedPerson, RegisterRole, person_errors
from gateway.domain.standing import Closed, Opens, Standing
from gateway.exchange.handoffs.copy_consultation import open_copy
from gateway.exchange.handoffs.selection import states_danger
from gateway.exchange.results import ContentPresentation, Reviewed
from gateway.exchange.standing import access, consultations
from gateway.exchange.standing.conditions import is_released
from gateway.exchange.standing.differences import check_urgency, is_planned, refuse_differing
from gateway.exchange.standing.disclosure import Reader, select_disclosures, with_strictest_marking
from gateway.exchange.standing.handoff_standing import standing_of
from gateway.kernel import events
from gateway.kernel.ports import Ports
from gateway.kernel.request import ActionRequest, RequestContext, authorize
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult, transact
from gateway.kernel.values import Caller, LoggedEvent


def consult(
    ports: Ports,
    caller: Caller,
    key: str,
    handoff: UUID,
    opening: consultations.ConsultationRequest,
) -> WriteResult:
    """Open the content that was offered and accepted, as policy allows it today; of an erased case
    the copy that the caller retains.

    Unless ``opening`` names a package it is the newest that the recipient holds; an older one is
    superseded, and opens with a reason code of its own.
    """
    request = ActionRequest(
        "case.consult", opening.by, key, {"handoff": str(handoff), **opening.asked()}
    )

    def act(context: RequestContext) -> ContentPresentation:
        opened = _opened(context, handoff, opening)
        if opened.handoff and opened.in_danger:
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
    """Tell whether the originator hears of the next consultation."""
    return informs_originator(
        context.ports.consultations,
        originator_is_public=context.require(handoff.originator).public_authority,
        reader_is_police="led" in reader.regimes,
        embargoed=any(one.kind is MeasureKind.EMBARGO for one in measures),
        informed_before=context.work.handoffs.was_informed_of_consultation(handoff.id),
    )


def _opened(
    context: RequestContext, handoff: UUID, opening: consultations.ConsultationRequest
) -> consultations.OpenedContent:
    """The package that may be opened now; of an erased case, the copy that the caller retains."""
    standing, reason_code = standing_of(context, handoff), opening.reason_code
    opens = standing.opening(reason_code)
    if opens is Closed.NO_COPY:
        raise CaseErased(opens)
    if opens is Closed.NOT_ACCEPTED and standing.side is AnswerAuthor.RECIPIENT:
        check_urgency(context, standing.handoff)
        raise WrongState(f"{opens}; the handoff is {standing.handoff.state}")
    entity = access.entity_of(context, standing.handoff, read_access=standing.read_access)
    facts = standing.facts(reason_code)
    authorize(context, entity, facts, visible=lambda: access.reads(context, standing.handoff))
    if isinstance(opens, Closed):
        raise WrongState(opens)
    if opens is not Opens.COPY:
        return _open_package(context, standing, opening)
    if opening.package is not None:
        raise ValidationFailed((("/package", "is left out: what is retained is one package"),))
    return open_copy(context, standing, reason_code)


def _shown(
    context: RequestContext,
    standing: Standing,
    opened: Handoff,
    parts: Mapping[str, Element],
    reason_code: str,
) -> Mapping[str, Element]:
    """The parts of a package that were accepted, or that a rescue needs, as far as policy lets
    this reader have them."""
    accepted = access.accepted_parts(opened, parts)
    if standing.opening(reason_code) is Opens.DANGER:
        accepted = {n: p for n, p in accepted.items() if access.is_needed(p, opened.recipient)}
    originator = context.entity(context.require(opened.originator))
    found, read_access = standing.handoff, standing.read_access
    competence = found.address.competence
    reader = Reader(context.entity(), competence, found.purpose, read_access, reason_code)
    permitted, _ = select_disclosures(context.ports.policy, accepted, originator, reader)
    return {digest: parts[digest] for digest in permitted}


def _open_package(
    context: RequestContext, standing: Standing, opening: consultations.ConsultationRequest
) -> consultations.OpenedContent:
    """A package, by the strictest of its markings and those under which the recipient agreed to it.

    A tightening that comes later binds by the conditions that are shown, and closes nothing. Only
    groups of the offer are named as withheld: of what was never offered a reader learns nothing,
    which is what the decoys are for.
    """
    found, measures = standing.handoff, standing.measures
    in_danger = standing.opening(opening.reason_code) is Opens.DANGER
    opened = _opened_package(context, found, opening)
    versions = access.versions_of(context.work, opened, standing.case)
    if in_danger:
        _require_danger(context, found, versions)
    if standing.is_past_erasure(date.fromisoformat(versions.offered.said.claims["erase_on"])):
        raise WrongState(Closed.PAST_ERASURE)
    if not is_planned(standing.case, versions.now):
        refuse_differing(context, found, ("erase_on",))
    originator = context.require(found.originator)
    # Nothing was agreed to before an acceptance: then the case as it is now decides.
    agreed = versions.now if in_danger else versions.agreed
    parts = with_strictest_marking(versions.offered, agreed, originator, measures)
    shown = _shown(context, standing, opened, parts, opening.reason_code)
    withheld_groups = {
        parts[digest].group for digest in opened.permitted_disclosures if digest not in shown
    }
    number = versions.offered.version
    told = context.work.cases.announced_after(found.originator, found.case, number)
    superseded = access.superseded_by(told, number)
    return consultations.OpenedContent(
        versions.offered,
        shown,
        access.binding_beside(versions, shown, originator),
        _parties(context, found, measures),
        handoff=found,
        in_danger=in_danger,
        withheld_groups=tuple(withheld_groups),
        beside={"retained": False, "package": opened.package, "superseded": superseded},
    )


def _parties(
    context: RequestContext, handoff: Handoff, measures: Sequence[Measure]
) -> tuple[Party, ...]:
    """Name the parties that hear of a consultation."""
    informed = is_informed(context, handoff, context.organisation, measures)
    return tuple(p for p in events.parties_of(handoff) if informed or p.role != "originator")


def _require_danger(context: RequestContext, handoff: Handoff, versions: access.Versions) -> None:
    """Before its acceptance a case is opened only where it says what the danger is, and where it
    could be offered to the reader still."""
    released = is_released(
        context.names, versions.now.said.content, handoff.originator, handoff.recipient
    )
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
    if code == SUPERSEDED if number == held else code not in (SUPERSEDED, *OF_MARKS):
        named = ", ".join((SUPERSEDED, *OF_MARKS))
        raise ValidationFailed(
            (
                (
                    "/reason_code",
                    f"is '{SUPERSEDED}' for an older package than {held} alone; "
                    f"that one opens with {named}",
                ),
            )
        )
    return access.at_package(context.work, handoff, number)


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
        entries = context.work.staff.named(context.caller.organisation, [asked.by])
        roles = {RegisterRole.DPO} if originates else WORKING
        named = NamedPerson("/by", asked.by, frozenset(roles))
        if errors := list(person_errors([named], {one.pseudonym: one.roles for one in entries})):
            raise ValidationFailed(errors)
        others = [one for one in waiting if one.person != asked.by]
        if not others:
            raise SecondPersonRequired("who consulted does not review it: another person does")
        for one in others:
            context.work.duties.save(one.close(context.now))
        own = Party(caller.organisation, "originator" if originates else "recipient")
        context.record((own,), *events.reason(asked.reason, own))
        return to_json(Reviewed(handoff, [one.source for one in others]))

    return transact(ports, caller, request, act)
