"""What an originator does with its own cases: assess, clear, close, consult, list."""

import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from operator import attrgetter
from typing import Any
from uuid import UUID

from gateway.domain import case as cases
from gateway.domain import refusals
from gateway.domain.audit_event import Party
from gateway.domain.case import Case, CaseState, conditions, embargoed
from gateway.domain.decision import PolicyEntity, Value, case_entity
from gateway.domain.duty import DutyKind
from gateway.domain.json_values import Asked
from gateway.domain.matters import findings
from gateway.domain.measure import Measure, MeasureKind, is_suspended, measures_on
from gateway.domain.organisation import Organisation
from gateway.domain.out_of_service import case_entry
from gateway.domain.staff import ROLES_OF, second_person
from gateway.domain.standing import CaseStanding
from gateway.domain.vocabulary import ONWARD, Urgency
from gateway.evidence import base64url, canonical, event
from gateway.evidence.sd_jwt import VerifiedSdJwt
from gateway.exchange import results
from gateway.exchange.case import versions
from gateway.exchange.case.measure_events import end_suspensions
from gateway.exchange.standing.case_version import (
    OWN,
    elements,
    in_force,
    listed_entity,
    read_version,
)
from gateway.exchange.standing.conditions import BindingConditions
from gateway.exchange.standing.consultations import (
    ConsultationRequest,
    OpenedContent,
    record_consultation,
)
from gateway.exchange.standing.differences import GOES_ON, check_case, is_out_of_service
from gateway.exchange.standing.duties import close_of_case
from gateway.kernel import events
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import Ports
from gateway.kernel.request import (
    ActionRequest,
    RequestContext,
    allows,
    authorize,
    deny_as_not_found,
)
from gateway.kernel.results import Page, collect_page
from gateway.kernel.transact import WriteResult, read, transact
from gateway.kernel.values import (
    EVERY_CASE,
    Caller,
    CaseFilter,
    CaseVersion,
    ListedCase,
    LoggedEvent,
)


@dataclass(frozen=True)
class CaseStepRequest(Asked):
    """A person's step on a case: an assessment, a clearance or a closure."""

    by: str
    reason: str | None = None
    confirmed_matches: tuple[str, ...] = ()
    second_assessor: str | None = None


def assess(
    ports: Ports, caller: Caller, key: str, case: UUID, confirmation: CaseStepRequest
) -> WriteResult:
    """Record an analyst's assessment; UnconfirmedMatch when a match is left (R18).

    SecondPersonRequired where a classification is by two persons, and one is named.
    """
    confirmed = frozenset(confirmation.confirmed_matches)
    second = confirmation.second_assessor

    def step(_: RequestContext, found: Case, content: Mapping[str, Any]) -> Case:
        by_two = cases.assessed_by_two(content)
        return cases.assess(found, confirmation.by, confirmed, second=second, by_two=by_two)

    return _step(ports, caller, key, case, confirmation, action="case.assess", step=step)


def clear(
    ports: Ports, caller: Caller, key: str, case: UUID, confirmation: CaseStepRequest
) -> WriteResult:
    """Another person releases the case for sharing; SecondPersonRequired when it is the analyst.

    Each holder of an older version hears of a correction or tightening.
    """

    def step(_: RequestContext, found: Case, content: Mapping[str, Any]) -> Case:
        return cases.clear(found, confirmation.by)

    return _step(
        ports,
        caller,
        key,
        case,
        confirmation,
        action="case.clear",
        step=step,
        facts=lambda content: _facts_of_clearance(ports, content),
        then=versions.announce_change,
    )


def _facts_of_clearance(ports: Ports, content: Mapping[str, Any]) -> Mapping[str, Value]:
    return {"findings": findings(content, ports.policy.matters, cleared=True)}


def close(
    ports: Ports, caller: Caller, key: str, case: UUID, confirmation: CaseStepRequest
) -> WriteResult:
    """The originator ends its work; OpenHandoffs while a recipient still works on it."""

    def step(context: RequestContext, found: Case, content: Mapping[str, Any]) -> Case:
        if context.work.handoffs.open_of(found.originator, found.id):
            raise refusals.OpenHandoffs(
                "withdraw or recall the open handoffs, or wait until they are closed"
            )
        return cases.close(found)

    return _step(ports, caller, key, case, confirmation, action="case.close", step=step)


def consult(
    ports: Ports, caller: Caller, key: str, case: UUID, opening: ConsultationRequest
) -> WriteResult:
    """Open the content of one's own case, with person and reason (LED Art. 25)."""
    request = ActionRequest("case.consult", opening.by, key, {"case": str(case), **opening.asked()})

    def act(context: RequestContext) -> results.ContentPresentation:
        found, version = _authorized(context, case, lambda _: {**OWN, **_opened_for(opening)})
        if cases.erasure_is_due(found, context.today.civil):
            raise refusals.WrongState("the case is past the day of its erasure")
        return record_consultation(context, opening, _opened(context, version))

    def on_retry(context: RequestContext, logged: LoggedEvent) -> results.ContentPresentation:
        _authorized(context, case, lambda _: {**OWN, **_opened_for(opening)})
        consultation = context.work.handoffs.consultation(logged.event.id)
        if consultation is None:
            deny_as_not_found()
        version = read_version(context.work, consultation.case_digest)
        return _opened(context, version).present()

    return transact(ports, caller, request, act, on_retry)


def _opened(context: RequestContext, version: CaseVersion) -> OpenedContent:
    """A version of the caller's own case: all of it."""
    return OpenedContent(
        version,
        elements(version.said, context.organisation),
        BindingConditions(results.Conditions(conditions(version.said.content))),
        (Party(context.caller.organisation, "originator"),),
    )


def _opened_for(opening: ConsultationRequest) -> Mapping[str, Value]:
    """Its originator looks into a suspended case: nobody else could find out what is right."""
    return {"suspended": False, "copy": False, "reason": opening.reason_code}


def look_up(ports: Ports, caller: Caller, case: UUID) -> results.CaseSummary:
    """The routing fields of one's own case; never its content."""

    def query(context: RequestContext) -> results.CaseSummary:
        found, version = _authorized(context, case, checked=False)
        listed = ListedCase(found, version.assurance, version.event, version.summary, version.event)
        summary = _view(context, listed)
        held = [
            view_on_measure(context.organisation, one)
            for one in in_force(context.work, found, context.now)
        ]
        return replace(summary, measures=held, acts=_acts(context, found, version))

    return read(ports, caller, ActionRequest("case.read"), query)


def _acts(context: RequestContext, case: Case, version: CaseVersion) -> list[results.ActView]:
    """Return what the caller may do about its own case, as far as state and policy go. Of a
    revision and an offer policy asks what is in it, or to whom it goes: these are not asked."""
    content, key = version.said.content, (case.originator, case.id)
    standing = CaseStanding(
        case,
        context.today.civil,
        tuple(context.work.handoffs.of_case(*key)),
        tuple(context.work.duties.open_of_case(*key)),
        content["urgency"] == Urgency.IMMINENT_DANGER and "urgency_reason" in content,
    )
    entity, own, signed = own_entity(context, case, version), context.entity(), "signed"
    asked: Mapping[str, tuple[PolicyEntity, Mapping[str, Value]]] = {
        "case.consult": (entity, {**OWN, "suspended": False, "copy": False, "reason": "quality"}),
        "case.clear": (entity, _facts_of_clearance(context.ports, content)),
        "case.advance_erasure": (entity, {"persons": 3}),
        "case.recall": (own, {"assurance": signed}),
        "case.approve_recall": (own, {}),
    }
    is_out = is_out_of_service(context.ports, context.work, case_entry(*key))
    return [
        results.ActView(one.action, one.due_at)
        for one in standing.acts()
        if (not is_out or one.action in GOES_ON)
        and (
            one.action in ("case.revise", "handoff.offer")
            or allows(context, *asked.get(one.action, (entity, {})), one.action)
        )
    ]


def page(
    ports: Ports,
    caller: Caller,
    after: UUID | None,
    limit: int,
    filters: CaseFilter = EVERY_CASE,
    *,
    matter: str | None = None,
) -> Page[results.CaseSummary]:
    """A page of one's own cases by age, routing fields only; of those that fit the ``filters``, and
    are about a ``matter``, if named. The filters' reference is as its originator writes it."""
    if filters.reference is not None:
        named = reference(ports, caller.organisation, filters.reference)
        filters = replace(filters, reference=named)

    def query(context: RequestContext) -> Page[results.CaseSummary]:
        def rows(place: UUID | None, number: int) -> Sequence[ListedCase]:
            return context.work.cases.page(caller.organisation, place, number, filters)

        def view(listed: ListedCase) -> results.CaseSummary | None:
            said = listed.summary or {"matter": (), "urgency": None}
            if filters.urgency not in (None, said["urgency"]) or (
                matter is not None and matter not in said["matter"]
            ):
                return None
            if not listed.case.id.hex.endswith(filters.ends or ""):
                return None
            # None: its key is lost, which keeps no other case from its originator.
            resource = listed_entity(context, listed)
            allowed = resource is not None and allows(context, resource)
            return _view(context, listed) if allowed else None

        return collect_page(rows, attrgetter("case.id"), view, after, limit)

    return read(ports, caller, ActionRequest("case.read"), query)


def entity_on(
    version: CaseVersion,
    state: CaseState,
    day: date,
    originator: PolicyEntity,
    measures: Sequence[Measure] = (),
) -> PolicyEntity:
    """A case version as policy sees it on a day, under the ``measures`` in force."""
    content = version.said.content
    items = [part["id"] for part in content.get("items", ())]
    held = [MeasureKind.EMBARGO in measures_on(item, measures, version.version) for item in items]
    whole = any(one.kind is MeasureKind.EMBARGO and not one.elements for one in measures)
    # Of no items, all are under an embargo.
    embargo = whole or (bool(held) and all(held))
    return case_entity(
        originator,
        str(version.case),
        content,
        assurance=version.assurance,
        state=state,
        embargoed=embargo or embargoed(content, day),
        suspended=is_suspended(measures),
    )


def own_entity(context: RequestContext, case: Case, version: CaseVersion) -> PolicyEntity:
    """The caller's own case, in this version, as policy sees it."""
    return entity_on(version, case.state, context.today.day, context.entity())


def erased_entity(context: RequestContext, case: Case) -> PolicyEntity:
    """The caller's own case, which was erased: policy knows nothing but whose it was."""
    unknown = {"tlp": "RED", "handling": (), "onward": ONWARD[-1], "purpose": (), "matter": ()}
    own = context.entity()
    return case_entity(own, str(case.id), unknown, assurance="attested", state=case.state)


def view_on_measure(reader: Organisation, measure: Measure) -> results.MeasureView:
    """A measure as a party of the case may see it: who set it, and why, is for its setter, and for
    the originator where that is a public authority."""
    originates = reader.slug == measure.originator
    setter = measure.setter == reader.slug
    until = measure.until if originates or setter else measure.until_for(reader.kind)
    kind = measure.kind_for(private=not (originates or setter or reader.public_authority))
    shown = results.MeasureView(measure.id, kind, until, measure.ended_at, measure.before)
    if not setter and not (originates and reader.public_authority):
        return shown
    return replace(shown, setter=measure.setter, code=measure.code, elements=list(measure.elements))


def regimes_of(content: Mapping[str, Any]) -> frozenset[str]:
    """The regimes of the legal bases on which a case rests."""
    return frozenset(basis["regime"] for basis in content.get("legal_basis", ()))


def sealed_of(verified: VerifiedSdJwt, digests: Collection[str]) -> list[results.SealedReference]:
    """Which of some disclosures are sealed, in their order."""
    return [
        results.SealedReference(UUID(p.value["id"]), p.name, p.value["sealed_to"])
        for p in verified.placed
        if p.digest in digests and p.in_array and cases.is_sealed(p.value)
    ]


def find(context: RequestContext, case: UUID, *, checked: bool = True) -> tuple[Case, CaseVersion]:
    """The caller's own case and its current version; a denial when there is none. ``checked``: it
    is held against the log, before anything is done by it. Raises OutOfService."""
    own = context.caller.organisation
    if not checked:
        return context.work.cases.current(own, case) or deny_as_not_found()
    found, version, steps = context.work.cases.with_course(own, case) or deny_as_not_found()
    check_case(context, found, version, steps)
    return found, version


def own_case(context: RequestContext, case: UUID) -> Case:
    """The caller's own case, erased or not; a denial when there is none."""
    return context.work.cases.get(context.caller.organisation, case) or deny_as_not_found()


def reference(ports: Ports, originator: str, text: str) -> str:
    """The keyed digest of an originator's reference, for use outside the encrypted content: equal
    for equal references, and telling nothing of them without the operator's key."""
    named = canonical.encode({"originator": originator, "reference": text})
    return base64url.encode(hmac.digest(ports.fingerprint_key, named, "sha256"))


def conditions_digest(ports: Ports, case_digest: str, conditions: Mapping[str, Any]) -> str:
    """The keyed digest of the conditions of use of a case version for an offer, likewise."""
    named = canonical.encode({"case": case_digest, "conditions": conditions})
    return base64url.encode(hmac.digest(ports.fingerprint_key, named, "sha256"))


_STATES: Mapping[str, CaseState] = {
    "case.assess": CaseState.ASSESSED,
    "case.clear": CaseState.CLEARED,
    "case.close": CaseState.CLOSED,
}


def _step(
    ports: Ports,
    caller: Caller,
    key: str,
    case: UUID,
    confirmation: CaseStepRequest,
    *,
    action: str,
    step: Callable[[RequestContext, Case, Mapping[str, Any]], Case],
    facts: Callable[[Mapping[str, Any]], Mapping[str, Value]] = lambda _: {},
    then: Callable[[RequestContext, Case, CaseVersion], None] = lambda *_: None,
) -> WriteResult:
    """A person's step, no new version; policy asks ``facts``, ``then`` follows its event."""
    request = ActionRequest(
        action,
        confirmation.by,
        key,
        {"case": str(case), **confirmation.asked()},
        second_person("/second_assessor", confirmation.second_assessor, ROLES_OF["case.assess"]),
    )

    def act(context: RequestContext) -> results.CaseStep:
        found, version = _authorized(context, case, facts)
        moved = replace(step(context, found, version.said.content), revision=found.revision + 1)
        context.work.cases.save(moved)
        own = Party(found.originator, "originator")
        said = events.reason(confirmation.reason, own)
        assessors = tuple(filter(None, (moved.assessed_by, moved.second_assessor)))
        if confirmation.second_assessor:
            said = (events.shared("assessors", assessors, (own,)), *said)
        context.record((own,), *said)
        follow_clearance(context, moved)
        then(context, moved, version)
        return results.CaseStep(version.case, version.version, version.digest, _STATES[action])

    def on_retry(context: RequestContext, logged: LoggedEvent) -> results.CaseStep:
        version = read_version(context.work, case_digest_of(logged))
        return results.CaseStep(version.case, version.version, version.digest, _STATES[action])

    return transact(ports, caller, request, act, on_retry)


def follow_clearance(context: RequestContext, case: Case) -> None:
    """End what a clearance ends: suspensions, and what was owed for offers before it (R16)."""
    if case.state is not CaseState.CLEARED:
        return
    close_of_case(context.work, case.originator, case.id, context.now, DutyKind.CLEARANCE)
    end_suspensions(context, case)


def case_digest_of(logged: LoggedEvent) -> str:
    """Return the digest of the version of a case that an event is about."""
    return str(event.read(logged.event.document)["case_digest"])


def _authorized(
    context: RequestContext,
    case: UUID,
    facts: Callable[[Mapping[str, Any]], Mapping[str, Value]] = lambda _: {},
    *,
    checked: bool = True,
) -> tuple[Case, CaseVersion]:
    """The caller's own case, after policy allowed the request's action on it. ``facts`` of its
    content are asked besides; ``checked``: see `find`."""
    found, version = find(context, case, checked=checked)
    own = own_entity(context, found, version)
    authorize(
        context,
        own,
        facts(version.said.content),
        visible=lambda: allows(context, own, action="case.read"),
    )
    context.about = EventSubject.of_version(version)
    return found, version


def _view(context: RequestContext, listed: ListedCase) -> results.CaseSummary:
    """The routing fields of a case: where it is, under which conditions; nothing of content."""
    case, claims = listed.case, listed.summary or {}
    return results.CaseSummary(
        case=case.id,
        version=case.version,
        digest=case.digest,
        state=case.state,
        originator_ref=claims["originator_ref"],
        assurance=listed.assurance,
        unconfirmed_matches=sorted(map(UUID, case.unconfirmed_matches)),
        matter=claims["matter"],
        urgency=claims["urgency"],
        conditions=results.Conditions(conditions(claims)),
        erase_on=case.erase_on,
        event=listed.event,
        out_of_service=is_out_of_service(
            context.ports, context.work, case_entry(case.originator, case.id)
        )
        or None,
    )
