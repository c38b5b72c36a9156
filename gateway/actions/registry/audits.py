"""Audit grants are given and ended."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from gateway.actions.registry.desk import Apply, Desk, among, must, slug, text
from gateway.domain.audit import AuditGrant, CaseName, Reach
from gateway.domain.organisation import Organisation
from gateway.domain.refusals import Invalid, WrongState
from gateway.domain.timestamp import parse_day


def _grant(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    reach = Reach(desk.read("reach", among([str(one) for one in Reach])))
    period, end = desk.period(), desk.read("until", parse_day)
    member = _member(desk, organisation, reach)
    try:
        grant = AuditGrant(
            id=desk.event,
            start=period.start,
            end=end,
            decision_ref=desk.read("decision_ref", text),
            member=member if reach is Reach.MEMBER else None,
            case=_case(desk, member) if reach is Reach.CASE and member else None,
            person=_given(desk, "person"),
        )
    except ValueError as error:
        raise Invalid((("/until", str(error)),)) from None
    desk.save(replace(organisation, audit_grants=(*organisation.audit_grants, grant)))
    return {"organisation": organisation.slug, "grant": str(grant.id), "reach": str(reach)}


def _member(desk: Desk, auditor: Organisation, reach: Reach) -> str | None:
    """The member, or the case's originator, that the grant is about; nobody audits itself."""
    if reach is Reach.ALL:
        _refuse_given(desk, "member", "case")
        return None
    member = desk.read("member", slug)
    if member == auditor.slug:
        raise Invalid((("/member", "is the auditor itself"),))
    if desk.work.organisations.get(member) is None:
        raise Invalid((("/member", "no organisation has that id"),))
    if reach is Reach.MEMBER:
        _refuse_given(desk, "case")
    return member


def _case(desk: Desk, originator: str) -> CaseName:
    case = desk.read("case", UUID)
    if desk.work.cases.get(originator, case) is None:
        raise Invalid((("/case", "the member has no case of that id"),))
    return CaseName(originator, case)


def _refuse_given(desk: Desk, *names: str) -> None:
    told = [(f"/{n}", "does not belong to this reach") for n in names if n in desk.change.values]
    if told:
        raise Invalid(told)


def _given(desk: Desk, name: str) -> str | None:
    return desk.read(name, text) if name in desk.change.values else None


def _end(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """End a grant at once; one that is over, or is another's, is not there."""
    organisation = must(found)
    grant = desk.read("grant", UUID)
    desk.read("reason", text)
    ended = tuple(
        replace(one, ended_at=desk.now) if one.id == grant and one.ended_at is None else one
        for one in organisation.audit_grants
    )
    if ended == organisation.audit_grants:
        raise WrongState("the organisation has no such grant, or it was ended before")
    desk.save(replace(organisation, audit_grants=ended))
    return {"organisation": organisation.slug, "grant": str(grant)}


CHANGES: Mapping[str, Apply] = {"audit.grant": _grant, "audit.end": _end}
