"""Audit grants are given and ended."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.actions.registry.desk import (
    NOT_OF_FORM,
    Desk,
    Form,
    Kind,
    must,
    prose,
    slug,
    uuid,
)
from gateway.domain.audit import AuditGrant, CaseName, Reach
from gateway.domain.organisation import Organisation
from gateway.domain.refusals import Invalid, WrongState
from gateway.domain.timestamp import parse_day

_GRANT = Form(
    {"reach": Reach, "from": parse_day, "until": parse_day, "decision_ref": prose},
    {"member": slug, "case": uuid, "person": prose},
)


def _grant(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation, reach, period = must(found), desk.said["reach"], desk.period()
    member = _member(desk, organisation, reach)
    try:
        grant = AuditGrant(
            id=desk.event,
            start=period.start,
            end=desk.said["until"],
            decision_ref=desk.said["decision_ref"],
            member=member if reach is Reach.MEMBER else None,
            case=_case(desk, member) if reach is Reach.CASE and member else None,
            person=desk.said["person"],
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
    member: str = _given(desk, "member")
    if member == auditor.slug:
        raise Invalid((("/member", "is the auditor itself"),))
    if desk.work.organisations.get(member) is None:
        raise Invalid((("/member", "no organisation has that id"),))
    if reach is Reach.MEMBER:
        _refuse_given(desk, "case")
    return member


def _case(desk: Desk, originator: str) -> CaseName:
    case = _given(desk, "case")
    if desk.work.cases.get(originator, case) is None:
        raise Invalid((("/case", "the member has no case of that id"),))
    return CaseName(originator, case)


def _given(desk: Desk, name: str) -> Any:
    """A value that may be left out for another reach, but not for this one."""
    value = desk.said[name]
    if value is None:
        raise Invalid(((f"/{name}", NOT_OF_FORM),))
    return value


def _refuse_given(desk: Desk, *names: str) -> None:
    given = [name for name in names if desk.said[name] is not None]
    if given:
        raise Invalid([(f"/{name}", "does not belong to this reach") for name in given])


def _end(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """End a grant at once; one that is over, or is another's, is not there."""
    organisation, grant = must(found), desk.said["grant"]
    ended = tuple(
        replace(one, ended_at=desk.now) if one.id == grant and one.ended_at is None else one
        for one in organisation.audit_grants
    )
    if ended == organisation.audit_grants:
        raise WrongState("the organisation has no such grant, or it was ended before")
    desk.save(replace(organisation, audit_grants=ended))
    return {"organisation": organisation.slug, "grant": str(grant)}


CHANGES: Mapping[str, Kind] = {
    "audit.grant": Kind(_GRANT, _grant),
    "audit.end": Kind(Form({"grant": uuid, "reason": prose}), _end),
}
