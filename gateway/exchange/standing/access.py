"""Who may do what with a handoff, and with which of its packages: parties, bars, conditions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from gateway.domain.answers import ANSWERS
from gateway.domain.case import Case, Element
from gateway.domain.decision import PolicyEntity, Value, handoff_entity
from gateway.domain.duty import MARK_SEEN, REFER, TAKE
from gateway.domain.handoff import Handoff, is_derogation
from gateway.domain.organisation import Organisation
from gateway.domain.refusals import CaseKeysUnavailable
from gateway.domain.revision import Announcement
from gateway.domain.vocabulary import marking_of, strictest
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.results import Superseded, TightenedElement
from gateway.exchange.standing.case_version import OWN, elements, has_key, read_version
from gateway.exchange.standing.conditions import BindingConditions, binding_conditions
from gateway.exchange.standing.disclosure import with_strictest_marking
from gateway.exchange.standing.interests import has_conflict
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import UnitOfWork
from gateway.kernel.request import RequestContext, allows, authorize, deny_as_not_found
from gateway.kernel.values import CaseVersion


def party_to(context: RequestContext, handoff: UUID) -> Handoff:
    """The handoff, when the caller is one of its two parties; else there is none."""
    found = context.work.handoffs.get(handoff) or deny_as_not_found()
    require_party(context, found)
    return found


def require_party(context: RequestContext, handoff: Handoff) -> None:
    """Refuse who is none of its two parties as if there were no such handoff."""
    if context.caller.organisation not in (handoff.originator, handoff.recipient):
        deny_as_not_found()


def authorized(context: RequestContext, handoff: UUID) -> Handoff:
    """The handoff, when policy allows one of its parties what the request asks; it is what the
    event, or the denial, is about."""
    found = party_to(context, handoff)
    context.about = EventSubject.of_handoff(found)
    authorize(
        context,
        entity_of(context, found),
        barriers(context, found),
        visible=lambda: reads(context, found),
    )
    return found


def reads(context: RequestContext, handoff: Handoff) -> bool:
    """Tell whether the caller may read the handoff, whatever it asks for now."""
    facts = barriers(context, handoff, "handoff.read")
    return allows(context, entity_of(context, handoff), facts, "handoff.read")


def is_listed(context: RequestContext, handoff: Handoff) -> bool:
    """Tell whether a list shows the caller a handoff: policy lets it, and the case's key is there.

    Raises CaseKeysUnavailable when the key store does not answer.
    """
    try:
        return reads(context, handoff)
    except CaseKeysUnavailable:
        if has_key(context.ports, context.work, handoff.originator, handoff.case):
            raise
        return False


_BARRED = {
    "handoff.read",
    MARK_SEEN,
    TAKE,
    REFER,
    "case.consult",
    *(k.action for k in ANSWERS.values() if k.accepts),
}
"""What a recipient may not do where something keeps the case from it; it can still decline."""


def entity_of(
    context: RequestContext, handoff: Handoff, *, read_access: bool = False
) -> PolicyEntity:
    """Describe a handoff and its two parties to policy, as they are now."""
    originator = context.entity(context.require(handoff.originator))
    recipient = context.entity(context.require(handoff.recipient))
    return handoff_entity(handoff, originator, recipient, read_access=read_access)


def barriers(
    context: RequestContext, handoff: Handoff, action: str | None = None
) -> Mapping[str, Value]:
    """Interests (R9) and third countries (R15) of the caller as the recipient, for the request's
    action or another; an originator meets none."""
    if (action or context.request.action) not in _BARRED:
        return {}
    reader, day = context.organisation, context.today.day
    if reader.slug != handoff.recipient:
        return OWN
    conflict = bool(reader.interests) and has_conflict(context.work, reader, handoff, day)
    # R15: no tool covers the transfer now; what came by derogation stays.
    barred = reader.is_transfer_barred_on(day) and not is_derogation(handoff.transfer_tool)
    return {"conflict": conflict, "third_country": barred}


# --- The packages of a handoff, the versions of the case in them, and the conditions that bind ---


@dataclass(frozen=True)
class Versions:
    """The version of a package, the case's current one, that under whose markings the recipient
    agreed, and the conditions that bind."""

    offered: CaseVersion
    now: CaseVersion
    agreed: CaseVersion
    binding: BindingConditions


def versions_of(work: UnitOfWork, handoff: Handoff, case: Case | None = None) -> Versions:
    """The versions that decide about the package of a handoff that it is at."""
    offered = agreed = read_version(work, handoff.case_digest)
    case = case or work.cases.get(handoff.originator, handoff.case)
    now = offered if case is None else read_version(work, case.digest, offered)
    if handoff.held_under is not None and handoff.package == handoff.held:
        agreed = read_version(work, handoff.held_under, offered, now)
    return Versions(offered, now, agreed, binding_conditions(handoff, offered, now))


def at_package(work: UnitOfWork, handoff: Handoff, number: int) -> Handoff:
    """A handoff as it is at one of its packages, by number: what that gave, of which version."""
    if number == handoff.package:
        return handoff
    offer = work.handoffs.offer(handoff.id, number) or deny_as_not_found()
    given = handoff_documents.read_offer(sd_jwt.read_stored(offer.document))
    return replace(
        handoff,
        package=number,
        case_digest=given.case_digest,
        permitted_disclosures=given.disclosures,
        transfer_tool=given.transfer_tool,
    )


def accepted_parts(handoff: Handoff, parts: Mapping[str, Element]) -> Mapping[str, Element]:
    """The parts of a package that its recipient accepted, where it named groups."""
    groups = handoff.accepted_groups
    return {
        digest: part
        for digest, part in parts.items()
        if digest in handoff.permitted_disclosures
        and (groups is None or part.group in {"routing", *groups})
    }


def is_needed(part: Element, reader: str) -> bool:
    """Tell whether a rescue needs a part at once: where it is, facts, and what is sealed to the
    reader, which alone knows a contact."""
    fact = part.group == "statements" and part.category == "fact"
    return fact or part.group in ("routing", "items") or part.sealed_to == reader


def binding_beside(
    versions: Versions, shown: Collection[str], originator: Organisation
) -> BindingConditions:
    """The conditions that bind beside the parts ``shown``, and which of these the case's present
    version marks more strictly than themselves and the conditions say."""
    own = elements(versions.offered.said, originator)
    strict = with_strictest_marking(versions.offered, versions.now, originator)
    told = marking_of(versions.binding.conditions)
    tightened = [
        TightenedElement(UUID(placed.value["id"]), placed.name, now.tlp, sorted(now.handling))
        for placed in versions.offered.said.placed
        if placed.in_array
        and placed.digest in shown
        and (now := strict[placed.digest].marking) != strictest((own[placed.digest].marking, told))
    ]
    return replace(versions.binding, tightened_elements=tightened)


def superseded_by(told: Announcement | None, version: int) -> Superseded | None:
    """The correction or tightening of which the recipient heard after a version that it holds."""
    if told is None or told.version <= version:
        return None
    return Superseded(str(told.change), told.version, told.at)
