"""What an originator does with its own cases: submit, revise, assess, clear, close, consult."""

import hmac
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from operator import attrgetter
from typing import Any
from uuid import UUID

from gateway.domain import case as cases
from gateway.domain import refusals
from gateway.domain.audit_event import EventDetail, Party
from gateway.domain.case import Case, CaseState, conditions, embargoed
from gateway.domain.decision import PolicyEntity, Value, case_entity
from gateway.domain.duty import DutyKind
from gateway.domain.json_values import Asked
from gateway.domain.matters import findings, longest_days
from gateway.domain.measure import Measure, MeasureKind, is_suspended, marking_errors, measures_on
from gateway.domain.organisation import Organisation
from gateway.domain.revision import VersionChange
from gateway.domain.staff import APPROVING, ROLES_OF, NamedPerson, second_person
from gateway.domain.standing import CaseStanding
from gateway.domain.vocabulary import ONWARD, Urgency, needs_led_regime
from gateway.evidence import base64url, canonical, event, handoff_documents, sd_jwt, seal
from gateway.evidence.sd_jwt import SdJwt, VerifiedSdJwt
from gateway.exchange import results, signed_requests
from gateway.exchange.case import versions
from gateway.exchange.case.measure_events import end_suspensions
from gateway.exchange.standing import item_index
from gateway.exchange.standing.case_version import (
    OWN,
    elements,
    in_force,
    listed_entity,
    read_version,
    submitted_entity,
)
from gateway.exchange.standing.conditions import BindingConditions
from gateway.exchange.standing.consultations import (
    ConsultationRequest,
    OpenedContent,
    record_consultation,
)
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
from gateway.kernel.transact import Write, WriteResult, read, transact
from gateway.kernel.values import (
    EVERY_CASE,
    Caller,
    CaseFilter,
    CaseVersion,
    ListedCase,
    LoggedEvent,
)


@dataclass(frozen=True)
class Clearance:
    """Who assessed and who cleared a case that a partner's own system has already cleared.

    ``confirmed_matches`` are the ids of the automated matches that the analyst confirms;
    ``second_assessor`` assessed it too.
    """

    assessed_by: str
    cleared_by: str
    confirmed_matches: tuple[str, ...] = ()
    second_assessor: str | None = None

    def persons(self) -> tuple[NamedPerson, ...]:
        """Tell who is named, for the staff register to know them."""
        return (
            NamedPerson("/clearance/assessed_by", self.assessed_by, ROLES_OF["case.assess"]),
            NamedPerson("/clearance/cleared_by", self.cleared_by, ROLES_OF["case.clear"]),
            *second_person(
                "/clearance/second_assessor", self.second_assessor, ROLES_OF["case.assess"]
            ),
        )

    def details(self, originator: str) -> tuple[EventDetail, ...]:
        """Tell who assessed and cleared, as the event tells the originator."""
        own = frozenset({originator})
        assessors = tuple(filter(None, (self.assessed_by, self.second_assessor)))
        return (
            EventDetail("assessors", assessors, own),
            EventDetail("cleared_by", self.cleared_by, own),
        )


@dataclass(frozen=True)
class Submission(Asked):
    """A case (its validated JSON) as an originator hands it in, in JSON or signed by itself.

    ``change`` says what a further version is to the one before. ``draft``: see
    `signed_requests.complete`.
    """

    by: str
    content: Mapping[str, Any]
    clearance: Clearance | None = None
    signed: signed_requests.VerifiedRequest | None = None
    change: VersionChange | None = None
    draft: str | None = None

    def persons(self) -> tuple[NamedPerson, ...]:
        """Tell who is named beside who submits."""
        cleared = () if self.clearance is None else self.clearance.persons()
        second = None if self.change is None else self.change.approved_by
        if second is None:
            return cleared
        return (*cleared, NamedPerson("/change/approved_by", second, APPROVING))

    def by_two_persons(self) -> bool:
        """Tell whether a second person decides a further version with who submits it: the one who
        clears it, or the one who is named for that."""
        second = None if self.change is None else self.change.approved_by
        return self.clearance is not None or second not in (None, self.by)


@dataclass(frozen=True)
class CaseStepRequest(Asked):
    """A person's step on a case: an assessment, a clearance or a closure."""

    by: str
    reason: str | None = None
    confirmed_matches: tuple[str, ...] = ()
    second_assessor: str | None = None


def submit(key: str, submission: Submission) -> Write:
    """The write that takes a first or a further version of a case, which says what it changes.

    The gateway attests it unless its originator signed it.

    Raises ValidationFailed (also for a change that is called milder than it is), AlreadyExists (id
    or reference taken), EditConflict (not the next version, or ``previous`` is not the current
    one's digest), UnconfirmedMatch and SecondPersonRequired for its clearance.
    """
    action = "case.submit" if submission.change is None else "case.revise"
    request = ActionRequest(
        action,
        submission.by,
        key,
        submission.asked(),
        submission.persons(),
        document=signed_requests.digest_of(submission.signed),
    )
    return Write(request, lambda context: _submit(context, submission), _submitted_again)


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
        if cases.erasure_is_due(found, context.civil_day):
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
        found, version = _authorized(context, case)
        listed = ListedCase(found, version.assurance, version.event, version.summary, version.event)
        summary = _view(listed)
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
        context.civil_day,
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
    return [
        results.ActView(one.action, one.due_at)
        for one in standing.acts()
        if one.action in ("case.revise", "handoff.offer")
        or allows(context, *asked.get(one.action, (entity, {})), one.action)
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
            return _view(listed) if resource is not None and allows(context, resource) else None

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


def find(context: RequestContext, case: UUID) -> tuple[Case, CaseVersion]:
    """The caller's own case and its current version; a denial when there is none."""
    return context.work.cases.current(context.caller.organisation, case) or deny_as_not_found()


def own_case(context: RequestContext, case: UUID) -> Case:
    """The caller's own case, erased or not; a denial when there is none."""
    found = context.work.cases.get(context.caller.organisation, case)
    if found is None:
        deny_as_not_found()
    return found


def _document(
    context: RequestContext, submission: Submission
) -> tuple[sd_jwt.SdJwt, VerifiedSdJwt]:
    """The case as its originator signed it, or as the gateway attests it; and what it says."""
    signed_requests.check_signed(context, submission.signed)
    if submission.signed is not None:
        document = signed_requests.stored_case(submission.signed)
        return document, sd_jwt.read_own(document)
    if submission.draft:
        content = submission.content
        binds = {name: content.get(name) for name in ("case", "version", "previous")}
        document = signed_requests.complete(context, submission.draft, binds)
        verified = sd_jwt.read_own(document)
        if cases.case_from_claims(verified.content) != content:
            raise refusals.EditConflict("the case is another one than was shown: read it again")
        return document, verified
    heading = signed_requests.heading_of(context, submission.draft)
    return handoff_documents.issue_case(heading, submission.content)


def facts_of_content(
    context: RequestContext, content: Mapping[str, Any], *, cleared: bool
) -> dict[str, Value]:
    """Collect what policy is asked of the content of a version, beside the case itself."""
    forces = content["marking"].get("force", {}).values()
    return {
        "states_law": any(one["force"] == "law" for one in forces),
        "basis": regimes_of(content),
        "findings": findings(content, context.ports.policy.matters, cleared=cleared),
    }


def _submit(context: RequestContext, submission: Submission) -> results.Submitted:
    content, change = submission.content, submission.change
    document, verified = _document(context, submission)
    version = _made_version(context, submission, document, verified)
    earlier = context.work.cases.get(version.originator, version.case) if change else None
    resource = submitted_entity(context, version, content, verified)
    facts = facts_of_content(context, content, cleared=submission.clearance is not None)
    if change is not None:
        facts["loosens"] = versions.loosens_cleared(context, earlier, verified)
        facts["two_persons"] = submission.by_two_persons()
    authorize(context, resource, facts)
    check_qualifications(context.organisation, content)
    _check_seals(context, content)
    context.about = EventSubject.of_version(version)
    case = _store(context, submission, version, verified, earlier)
    own = frozenset({version.originator})
    basis = tuple(f"{one['regime']} {one['article']}" for one in content["legal_basis"])
    context.record(
        (Party(version.originator, "originator"),),
        EventDetail("purpose", tuple(content["marking"]["purpose"]), own),
        EventDetail("basis", basis, own),
        *(submission.clearance.details(version.originator) if submission.clearance else ()),
        *(_change_details(change, own) if change else ()),
    )
    if change is not None:
        _follow(context, case)
        if case.state is CaseState.CLEARED:
            versions.announce_change(context, case, version)
    items = item_index.items_of(context.ports, verified)
    known = item_index.known(context, version, items)
    item_index.index_version(context.work, version, items)
    return replace(_submitted(version, verified, context.organisation, case.state), known=known)


def _made_version(
    context: RequestContext, submission: Submission, document: SdJwt, verified: VerifiedSdJwt
) -> CaseVersion:
    content, change = submission.content, submission.change
    return CaseVersion(
        originator=context.caller.organisation,
        case=UUID(content["case"]),
        version=content["version"],
        digest=document.digest,
        assurance=signed_requests.assurance(submission.signed, context.caller),
        event=context.event,
        summary=cases.summary(verified.content),
        document=document.compact(),
        change=change.kind if change else None,
        reason_code=change.reason_code if change else None,
        unlawful=change.unlawful if change else (),
    )


def _store(
    context: RequestContext,
    submission: Submission,
    version: CaseVersion,
    verified: VerifiedSdJwt,
    earlier: Case | None,
) -> Case:
    """Store a first version, or the next one of the case that is there; the case with it."""
    content, change = submission.content, submission.change
    if change is None:
        named = reference(context.ports, version.originator, content["originator_ref"])
        first = _first(version.originator, content, digest=version.digest, originator_ref=named)
        case = _cleared(first, submission.clearance, content)
        _check_dates(context, content)
        context.work.cases.add(case, version)
        return case
    if earlier is None:
        deny_as_not_found()
    case = _cleared(_next(context, earlier, version, content), submission.clearance, content)
    _check_dates(context, content, earlier)
    versions.check_change(context, earlier, verified, change)
    context.work.cases.save(case, version)
    return case


def _change_details(change: VersionChange, readers: frozenset[str]) -> Iterator[EventDetail]:
    yield EventDetail("change", str(change.kind), readers)
    yield EventDetail("reason_code", change.reason_code, readers)
    yield EventDetail("reason", change.reason, readers)
    if change.approved_by is not None:
        yield EventDetail("approved_by", change.approved_by, readers)
    if change.pointers:
        yield EventDetail("pointers", change.pointers, readers)


def validate_first_version(
    context: RequestContext, content: Mapping[str, Any], clearance: Clearance | None
) -> CaseState:
    """Return what a first version must pass beside its form, as `submit` asks it; nothing is kept.

    Raises Forbidden, ValidationFailed, UnconfirmedMatch, SecondPersonRequired.
    """
    check_qualifications(context.organisation, content)
    _check_seals(context, content)
    _check_dates(context, content)
    case = _first(context.caller.organisation, content, digest="", originator_ref="")
    return _cleared(case, clearance, content).state


def _first(
    originator: str, content: Mapping[str, Any], *, digest: str, originator_ref: str
) -> Case:
    return Case(
        originator=originator,
        id=UUID(content["case"]),
        version=1,
        digest=digest,
        originator_ref=originator_ref,
        unconfirmed_matches=cases.unconfirmed_matches(content),
        erase_on=date.fromisoformat(content["marking"]["erase_on"]),
    )


def reference(ports: Ports, originator: str, text: str) -> str:
    """The keyed digest of an originator's reference, for use outside the encrypted content: equal
    for equal references, and telling nothing of them without the operator's key."""
    return _keyed_digest(ports, {"originator": originator, "reference": text})


def conditions_digest(ports: Ports, case_digest: str, conditions: Mapping[str, Any]) -> str:
    """The keyed digest of the conditions of use of a case version for an offer, likewise."""
    return _keyed_digest(ports, {"case": case_digest, "conditions": conditions})


def _keyed_digest(ports: Ports, value: Mapping[str, Any]) -> str:
    named = canonical.encode(value)
    return base64url.encode(hmac.digest(ports.fingerprint_key, named, "sha256"))


def _next(
    context: RequestContext, case: Case, version: CaseVersion, content: Mapping[str, Any]
) -> Case:
    """The case with its next version; ``previous`` ties it to the one that its author has read."""
    if case.state is CaseState.ERASED:
        raise refusals.CaseErased("the case was erased: begin another one")
    if case.version + 1 != version.version or content.get("previous") != case.digest:
        raise refusals.EditConflict(
            f"the case is at version {case.version}: a new version carries its number plus one "
            "and its digest as 'previous'"
        )
    if case.originator_ref != reference(context.ports, case.originator, content["originator_ref"]):
        raise refusals.ValidationFailed(
            (("/originator_ref", "a case keeps its reference in every version"),)
        )
    revised = cases.revise(
        case, version.version, version.digest, cases.unconfirmed_matches(content)
    )
    erase_on = date.fromisoformat(content["marking"]["erase_on"])
    planned = case.erase_on if case.early else erase_on
    return replace(revised, revision=case.revision + 1, erase_on=planned)


def _cleared(case: Case, clearance: Clearance | None, content: Mapping[str, Any]) -> Case:
    if clearance is None:
        return case
    assessed = cases.assess(
        case,
        clearance.assessed_by,
        frozenset(clearance.confirmed_matches),
        second=clearance.second_assessor,
        by_two=cases.assessed_by_two(content),
    )
    return cases.clear(assessed, clearance.cleared_by)


def check_qualifications(organisation: Organisation, content: Mapping[str, Any]) -> None:
    """An organisation says of no person what another found, and only under the led regime that one
    is a suspect, a convict, a witness or an informant (R12)."""
    clear = [s for s in content.get("subjects", ()) if not cases.is_sealed(s)]
    led = "led" in organisation.regimes
    if not led and any(needs_led_regime(s["category"]) for s in clear):
        raise refusals.Forbidden(
            "only a police or judicial authority qualifies a person as suspect, convicted, witness "
            "or informant: send the person as unqualified or victim",
            ("R12.qualification",),
        )
    if any(s.get("qualified_by", organisation.slug) != organisation.slug for s in clear):
        raise refusals.Forbidden(
            "a person is qualified by the organisation that sends the case: name it in "
            "'qualified_by', or send the person as unqualified",
            ("R12.qualified_by",),
        )


def _check_dates(
    context: RequestContext, content: Mapping[str, Any], earlier: Case | None = None
) -> None:
    """No date destroys what others hold, and nothing was done in the future."""
    planned = None if earlier is None else earlier.erase_on
    longest = longest_days(context.ports.policy.matters, content["matter"])
    day = context.civil_day
    by, terms, before, since = context.caller.organisation, context.ports.embargo_terms, None, day
    if earlier is not None and "embargo" in content["marking"]:
        before = read_version(context.work, earlier.digest).summary.get("embargo")
        beside = context.work.cases.measures(earlier.originator, earlier.id)
        set_before = [one for one in beside if (one.kind, one.setter) == (MeasureKind.EMBARGO, by)]
        set_before += versions.stated_embargo(context, earlier)
        chain = [one.since for one in set_before if one.is_renewed(terms, context.now)]
        since = min(map(context.ports.civil_day, chain), default=day)
    found = (
        *cases.date_errors(content, context.now, day, planned, longest),
        *marking_errors(content["marking"], before, by, since, terms),
    )
    if errors := tuple((f"/content{pointer}", sentence) for pointer, sentence in found):
        raise refusals.ValidationFailed(errors)


def _check_seals(context: RequestContext, content: Mapping[str, Any]) -> None:
    """Each seal is for a valid encryption key of the organisation that its element names."""
    errors = []
    for part in cases.sealed_parts(content):
        pointer = f"/content/{part.group}/{part.place}"
        addressee = context.see(part.sealed_to)
        key = None if addressee is None else addressee.encryption_key(seal.key_id(part.text))
        if addressee is None:
            why = "no organisation of this gateway has that id"
            errors.append((f"{pointer}/sealed_to", why))
        elif key is None:
            why = "is not sealed to a key of the organisation in sealed_to"
            errors.append((f"{pointer}/sealed", why))
        elif not key.holds(context.now):
            why = "is sealed to a revoked key: seal it to a valid one"
            errors.append((f"{pointer}/sealed", why))
    if errors:
        raise refusals.ValidationFailed(tuple(errors))


def _submitted(
    version: CaseVersion, verified: VerifiedSdJwt, originator: Organisation, state: CaseState
) -> results.Submitted:
    groups: dict[str, list[str]] = {}
    for digest, part in elements(verified, originator).items():
        groups.setdefault(part.group, []).append(digest)
    return results.Submitted(
        version.case, version.version, version.digest, state, version.document, groups
    )


def _submitted_again(context: RequestContext, logged: LoggedEvent) -> results.Submitted:
    version = read_version(context.work, _case_digest(logged))
    cleared = context.request.content["clearance"] is not None
    state = CaseState.CLEARED if cleared else CaseState.DRAFT
    items = item_index.items_of(context.ports, version.said)
    known = item_index.known(context, version, items)
    return replace(_submitted(version, version.said, context.organisation, state), known=known)


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
        _follow(context, moved)
        then(context, moved, version)
        return results.CaseStep(version.case, version.version, version.digest, _STATES[action])

    def on_retry(context: RequestContext, logged: LoggedEvent) -> results.CaseStep:
        version = read_version(context.work, _case_digest(logged))
        return results.CaseStep(version.case, version.version, version.digest, _STATES[action])

    return transact(ports, caller, request, act, on_retry)


def _follow(context: RequestContext, case: Case) -> None:
    """End what a clearance ends: suspensions, and what was owed for offers before it (R16)."""
    if case.state is not CaseState.CLEARED:
        return
    close_of_case(context.work, case.originator, case.id, context.now, DutyKind.CLEARANCE)
    end_suspensions(context, case)


def _case_digest(logged: LoggedEvent) -> str:
    return str(event.read(logged.event.document)["case_digest"])


def _authorized(
    context: RequestContext,
    case: UUID,
    facts: Callable[[Mapping[str, Any]], Mapping[str, Value]] = lambda _: {},
) -> tuple[Case, CaseVersion]:
    """The caller's own case, after policy allowed the request's action on it. ``facts`` of its
    content are asked besides."""
    found, version = find(context, case)
    own = own_entity(context, found, version)
    authorize(
        context,
        own,
        facts(version.said.content),
        visible=lambda: allows(context, own, action="case.read"),
    )
    context.about = EventSubject.of_version(version)
    return found, version


def _view(listed: ListedCase) -> results.CaseSummary:
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
    )
