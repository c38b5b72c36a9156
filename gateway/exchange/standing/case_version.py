"""A version of a case as acts on it and on its handoffs read it: its elements and measures."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.domain import case as cases
from gateway.domain.case import Case, CaseState, Element, embargoed
from gateway.domain.decision import PolicyEntity, Value, case_entity
from gateway.domain.measure import Measure, measures_on
from gateway.domain.organisation import Organisation
from gateway.domain.vocabulary import marking_of
from gateway.evidence.sd_jwt import DisclosedValue, VerifiedSdJwt
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.request import RequestContext, deny_as_not_found
from gateway.kernel.values import CaseVersion, ListedCase

OWN: Mapping[str, Value] = {"conflict": False, "third_country": False}
"""The facts about an originator and its own case: nothing keeps it from it."""


def read_version(work: UnitOfWork, digest: str, *known: CaseVersion | None) -> CaseVersion:
    """A version of a case; one that was read is not read again."""
    for version in known:
        if version is not None and version.digest == digest:
            return version
    found = work.cases.version(digest)
    return deny_as_not_found() if found is None else found


def in_force(work: UnitOfWork, case: Case, now: datetime) -> Sequence[Measure]:
    """The measures that hold on a case now."""
    if not case.measured:
        return ()
    return [one for one in work.cases.measures(case.originator, case.id) if one.holds(now)]


def elements(
    verified: VerifiedSdJwt, originator: Organisation, measures: Sequence[Measure] = ()
) -> dict[str, Element]:
    """Every disclosure of a case version, by digest, as policy sees it under ``measures``."""
    own = marking_of(verified.claims)
    police, matter = "led" in originator.regimes, frozenset(verified.content.get("matter", ()))
    found = {
        p.digest: cases.element(p.name, p.in_array, p.value, own, matter, police=police)
        for p in verified.placed
    }
    if measures:
        for part in verified.placed:
            element = part.value["id"] if part.in_array else ""
            held = measures_on(element, measures, verified.claims["version"])
            found[part.digest] = found[part.digest]._replace(measures=held)
    return found


def group_of(part: DisclosedValue) -> str:
    """Return the group that a part of a case belongs to."""
    return part.name if part.in_array else cases.PROPERTIES[part.name]


def identity(part: DisclosedValue) -> tuple[str, str]:
    """Return what a part is in every version of its case: its name, and the id of an element."""
    return part.name, part.value["id"] if part.in_array else ""


def has_key(ports: Ports, work: UnitOfWork, originator: str, case: UUID) -> bool:
    """Tell whether a case's key is there. Raises CaseKeysUnavailable when the key store does not
    answer."""
    key = work.cases.key_of(originator, case)
    return key is not None and key in ports.keys.states([key])


def submitted_entity(
    context: RequestContext, version: CaseVersion, content: Mapping[str, Any], said: VerifiedSdJwt
) -> PolicyEntity:
    """A version that the caller brings as policy sees it, as far as its document shows it."""
    marked = {**said.content, "handling": cases.handling_codes(content)}
    return case_entity(
        context.entity(),
        str(version.case),
        marked,
        assurance=version.assurance,
        state=CaseState.DRAFT,
        embargoed=embargoed(marked, context.today.day),
    )


def listed_entity(context: RequestContext, listed: ListedCase) -> PolicyEntity | None:
    """The caller's own case of a list as policy sees it; None where its key is lost, or it is
    erased."""
    if listed.summary is None:
        return None
    return case_entity(
        context.entity(),
        str(listed.case.id),
        listed.summary,
        assurance=listed.assurance,
        state=listed.case.state,
        embargoed=embargoed(listed.summary, context.today.day),
    )
