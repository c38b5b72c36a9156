"""Submit a version of a case: a first one, or a further one, which says what it changes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from gateway.domain import case as cases
from gateway.domain import refusals
from gateway.domain.audit_event import EventDetail, Party
from gateway.domain.case import Case, CaseState
from gateway.domain.decision import Value
from gateway.domain.json_values import Asked
from gateway.domain.matters import findings, longest_days
from gateway.domain.measure import MeasureKind, marking_errors
from gateway.domain.organisation import Organisation
from gateway.domain.revision import VersionChange
from gateway.domain.staff import APPROVING, ROLES_OF, NamedPerson, second_person
from gateway.domain.vocabulary import needs_led_regime
from gateway.evidence import handoff_documents, sd_jwt, seal
from gateway.evidence.sd_jwt import SdJwt, VerifiedSdJwt
from gateway.exchange import results, signed_requests
from gateway.exchange.case import versions
from gateway.exchange.case.cases import (
    case_digest_of,
    find,
    follow_clearance,
    reference,
    regimes_of,
)
from gateway.exchange.standing import item_index
from gateway.exchange.standing.case_version import (
    group_of,
    read_version,
    submitted_entity,
)
from gateway.kernel.events import EventSubject
from gateway.kernel.request import (
    ActionRequest,
    RequestContext,
    authorize,
    deny_as_not_found,
)
from gateway.kernel.transact import Write
from gateway.kernel.values import (
    CaseVersion,
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
    earlier = _earlier(context, version) if change else None
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
        follow_clearance(context, case)
        if case.state is CaseState.CLEARED:
            versions.announce_change(context, case, version)
    items = item_index.items_of(context.ports, verified)
    known = item_index.known(context, version, items)
    item_index.index_version(context.work, version, items)
    return replace(_submitted(version, verified, case.state), known=known)


def _earlier(context: RequestContext, version: CaseVersion) -> Case | None:
    """The case that a version is the next of, which is held against the log."""
    found = context.work.cases.get(version.originator, version.case)
    if found is not None and found.state is not CaseState.ERASED:
        found, _ = find(context, found.id)
    return found


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
    earlier = earlier or deny_as_not_found()
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
    day = context.today.civil
    by, terms, before, since = context.caller.organisation, context.ports.embargo_terms, None, day
    if earlier is not None and "embargo" in content["marking"]:
        before = read_version(context.work, earlier.digest).summary.get("embargo")
        beside = context.work.cases.measures(earlier.originator, earlier.id)
        set_before = [one for one in beside if (one.kind, one.setter) == (MeasureKind.EMBARGO, by)]
        set_before += versions.stated_embargo(context, earlier)
        chain = [one.since for one in set_before if one.is_renewed(terms, context.now)]
        since = min((context.ports.reference_date(at).civil for at in chain), default=day)
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
    version: CaseVersion, verified: VerifiedSdJwt, state: CaseState
) -> results.Submitted:
    groups: dict[str, list[str]] = {}
    for part in verified.placed:
        groups.setdefault(group_of(part), []).append(part.digest)
    return results.Submitted(
        version.case, version.version, version.digest, state, version.document, groups
    )


def _submitted_again(context: RequestContext, logged: LoggedEvent) -> results.Submitted:
    version = read_version(context.work, case_digest_of(logged))
    cleared = context.request.content["clearance"] is not None
    state = CaseState.CLEARED if cleared else CaseState.DRAFT
    items = item_index.items_of(context.ports, version.said)
    known = item_index.known(context, version, items)
    return replace(_submitted(version, version.said, state), known=known)
