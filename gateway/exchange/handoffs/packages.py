"""The packages of a handoff, the versions of the case in them, and the conditions that bind."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from gateway.domain.case import Element
from gateway.domain.handoff import Handoff, Package
from gateway.domain.organisation import Organisation
from gateway.domain.vocabulary import marking_of, strictest
from gateway.evidence import sd_jwt
from gateway.evidence.sd_jwt import VerifiedSdJwt
from gateway.exchange.cases import elements
from gateway.exchange.conditions import BindingConditions, binding_conditions
from gateway.exchange.disclosure import with_strictest_marking
from gateway.exchange.offers import package_of
from gateway.exchange.results import Superseded, TightenedElement
from gateway.kernel.ports import UnitOfWork
from gateway.kernel.transact import RequestContext, deny_as_not_found
from gateway.kernel.values import CaseVersion


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
    version = read_version(work, package.case_digest)
    case = work.cases.get(handoff.originator, handoff.case)
    current = version if case is None else read_version(work, case.digest, version)
    agreed = version
    if handoff.held_under is not None and package.number == handoff.held:
        agreed = read_version(work, handoff.held_under, version, current)
    offered = sd_jwt.read_stored(version.document)
    now = content_of(current, version, offered)
    under = now if agreed is current else content_of(agreed, version, offered)
    binding = binding_conditions(handoff.purpose, package, offered, current)
    return Versions(version, offered, now, under, binding)


def newest_package(handoff: Handoff) -> Package:
    """The package that a handoff offers now."""
    given = handoff.case_digest, handoff.permitted_disclosures, handoff.transfer_tool
    return Package(handoff.package, *given)


def package_numbered(work: UnitOfWork, handoff: Handoff, number: int) -> Package:
    """A package of a handoff by its number."""
    if number == handoff.package:
        return newest_package(handoff)
    offer = work.handoffs.offer(handoff.id, number)
    return deny_as_not_found() if offer is None else package_of(offer, number)


def read_version(work: UnitOfWork, digest: str, *known: CaseVersion) -> CaseVersion:
    """A version of a case; one that was read is not read again."""
    for version in known:
        if version.digest == digest:
            return version
    found = work.cases.version(digest)
    return deny_as_not_found() if found is None else found


def content_of(wanted: CaseVersion, version: CaseVersion, content: VerifiedSdJwt) -> VerifiedSdJwt:
    """What a version says; ``content`` is what ``version`` says."""
    return content if wanted is version else sd_jwt.read_stored(wanted.document)


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


def superseded_by(context: RequestContext, handoff: Handoff, version: int) -> Superseded | None:
    """The correction or tightening of which the recipient heard after a version that it holds."""
    told = context.work.cases.announced(handoff.originator, handoff.case)
    if told is None or told.version <= version:
        return None
    return Superseded(str(told.change), told.version, told.at)
