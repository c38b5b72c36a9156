"""A version of a remote member's case, of which its gateway presents what was offered.

Not every version comes, and none of them whole: the signed document is kept with the disclosures
that were presented so far. That it was cleared is the word of its gateway.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from gateway.domain import case as cases
from gateway.domain.audit_event import EventDetail, Party
from gateway.domain.case import Case, CaseState
from gateway.domain.refusals import CaseErased, ValidationFailed, WrongState
from gateway.domain.revision import ChangeKind
from gateway.evidence import sd_jwt
from gateway.evidence.sd_jwt import SdJwt, VerifiedSdJwt
from gateway.exchange.case.cases import reference
from gateway.exchange.case.submissions import check_qualifications, facts_of_content
from gateway.exchange.standing.case_version import submitted_entity
from gateway.kernel.events import EventSubject
from gateway.kernel.request import RequestContext, authorize
from gateway.kernel.values import CaseVersion


@dataclass(frozen=True)
class PresentedVersion:
    """A verified presentation, and the case JSON in it, as the profile reads it.

    ``cleared``: two persons cleared it at home. ``change`` and ``reason_code`` are of an update;
    ``assurance`` tells who signed it.
    """

    document: SdJwt
    content: Mapping[str, Any]
    assurance: str
    cleared: bool
    change: ChangeKind | None = None
    reason_code: str | None = None


def store_presented(
    context: RequestContext, presented: PresentedVersion
) -> tuple[Case, CaseVersion]:
    """Store what was presented of the caller's case; the case, and the version as it is here now.

    A version that is here gets the disclosures that it had not. Raises WrongState for an older one
    than the newest here, CaseErased, ValidationFailed, and the policy's denials.
    """
    content, originator = presented.content, context.caller.organisation
    key = originator, UUID(content["case"])
    earlier = context.work.cases.get(*key)
    if earlier is not None and earlier.state is CaseState.ERASED:
        raise CaseErased("the case was erased here: begin another one")
    known = context.work.cases.version(presented.document.digest)
    if known is not None and earlier is not None and known.digest == earlier.digest:
        return earlier, _with_more(context, known, presented, earlier)
    if earlier is not None and content["version"] <= earlier.version:
        raise WrongState(f"version {earlier.version} of the case is here: offer the newest one")
    verified = sd_jwt.read_own(presented.document)
    changed = earlier is not None
    version = CaseVersion(
        originator=context.caller.organisation,
        case=UUID(content["case"]),
        version=content["version"],
        digest=presented.document.digest,
        assurance=presented.assurance,
        event=context.ports.new_id(),
        summary=cases.summary(verified.content),
        document=presented.document.compact(),
        change=presented.change if changed else None,
        reason_code=presented.reason_code if changed else None,
    )
    _authorize(context, presented, verified, version, earlier)
    return _stored(context, presented, version, earlier), version


def _with_more(
    context: RequestContext, known: CaseVersion, presented: PresentedVersion, case: Case
) -> CaseVersion:
    """A version with the disclosures of two presentations, which is judged as a whole."""
    there = sd_jwt.parse(known.document)
    new = [one for one in presented.document.disclosures if one not in there.disclosures]
    if not new:
        return known
    both = replace(there, disclosures=(*there.disclosures, *new))
    verified = sd_jwt.read_own(both)
    more = replace(known, document=both.compact(), summary=cases.summary(verified.content))
    whole = cases.case_from_claims(sd_jwt.merge_disclosures(verified))
    _authorize(context, replace(presented, content=whole), verified, more, case)
    context.work.cases.present(more)
    return more


def _authorize(
    context: RequestContext,
    presented: PresentedVersion,
    verified: VerifiedSdJwt,
    version: CaseVersion,
    earlier: Case | None,
) -> None:
    """Ask what is asked of every case that is submitted here, as far as this one is shown."""
    content = {"legal_basis": (), "intake_channel": "", **presented.content}
    resource = submitted_entity(context, version, content, verified)
    facts = facts_of_content(context, content, cleared=presented.cleared)
    authorize(context, resource, facts, "case.submit")
    check_qualifications(context.organisation, content)
    day = context.today.civil
    if date.fromisoformat(content["marking"]["erase_on"]) <= day and not (
        earlier and earlier.early
    ):
        raise ValidationFailed((("/case/marking/erase_on", "is past: its gateway erases it"),))


def _stored(
    context: RequestContext,
    presented: PresentedVersion,
    version: CaseVersion,
    earlier: Case | None,
) -> Case:
    """Store the version with its case, and record that its originator's gateway presented it."""
    case, by = _case(context, presented, version, earlier), context.caller.owner
    own = frozenset({version.originator})
    details = [EventDetail("purpose", tuple(presented.content["marking"]["purpose"]), own)]
    if presented.cleared:
        case = replace(case, state=CaseState.CLEARED, cleared_by=by, cleared_digest=version.digest)
        details.append(EventDetail("cleared_by", by, own))
    if version.change is not None:
        details.append(EventDetail("change", str(version.change), own))
        details.append(EventDetail("reason_code", str(version.reason_code), own))
    if earlier is None:
        context.work.cases.add(case, version)
    else:
        context.work.cases.save(case, version)
    about, context.about = context.about, EventSubject.of_version(version)
    context.record(
        (Party(version.originator, "originator"),),
        *details,
        action="case.submit" if version.change is None else "case.revise",
        event=version.event,
    )
    context.about = about
    return case


def _case(
    context: RequestContext,
    presented: PresentedVersion,
    version: CaseVersion,
    earlier: Case | None,
) -> Case:
    """The case with this version, as a draft."""
    content, originator = presented.content, version.originator
    erase_on = date.fromisoformat(content["marking"]["erase_on"])
    if earlier is None:
        own = str(content.get("originator_ref", version.case))
        named = reference(context.ports, originator, own)
        number, digest = version.version, version.digest
        return Case(originator, version.case, number, digest, named, erase_on)
    planned = earlier.erase_on if earlier.early else erase_on
    case = cases.revise(earlier, version.version, version.digest, frozenset())
    return replace(case, revision=earlier.revision + 1, erase_on=planned)
