"""The staff register of the calling organisation: pseudonyms and roles, no names."""

from typing import Any, ClassVar

from gateway.domain.refusals import NotFound, SecondPersonRequired
from gateway.domain.staff import RegisterRole
from gateway.kernel.transact import WriteResult
from gateway.registry import staff
from gateway.registry.staff import Recusal
from gateway.web.caller import ANY_SCOPE
from gateway.web.endpoint import Call, endpoint, writes
from gateway.web.partners import schema_fields as field
from gateway.web.partners.schema_fields import PersonBody, StrictSchema
from gateway.web.responses import page

PSEUDONYM = field.staff()


class StaffEntryBody(StrictSchema):
    """A person by roles, and the days on which they act; from today on unless told otherwise."""

    class Meta:
        """A field whose name Python has for itself."""

        include: ClassVar = {"from": field.day(required=False)}

    roles = field.words(RegisterRole, least=1)
    until = field.day(required=False)


class StaffBody(PersonBody):
    """Persons to be entered, by whom, and which two agree to those that approve."""

    entries = field.parts(StaffEntryBody, least=1, required=True)
    approved_by = field.several(field.staff(), required=False)
    temporary = field.StrictBoolean(required=False)


class StaffEndBody(PersonBody):
    """Who ends the entry, and which two others agree where it is an approver's or head's."""

    approved_by = field.several(field.staff(), required=False)


class RecusalBody(PersonBody):
    """The case that a person keeps away from, and who says so."""

    originator = field.slug()
    case = field.uuid()


class StaffQuery(StrictSchema):
    """A page of entries, by pseudonym."""

    after = field.staff(required=False)
    limit = field.limit()


@endpoint("GET /staff", "staff.read", ANY_SCOPE, "StaffRegister", query=StaffQuery())
def staff_list(call: Call) -> dict[str, Any]:
    """List the caller's own staff register, with the entries that ended; it holds no names."""
    found = staff.page(call.ports, call.caller, call.query.get("after", ""), call.query["limit"])
    return page("/staff", found, call.query)


@writes(
    "POST /staff",
    "staff.add",
    "staff",
    "StaffAdded",
    body=StaffBody(),
    status=201,
    refusals=(SecondPersonRequired,),
)
def staff_add(call: Call) -> WriteResult:
    """Enter persons, all or none: the gateway draws a pseudonym for each.

    An entry as `approver` or `head` names two others in `approved_by`. A `temporary` entry is made
    by a head, liaison or duty person, holds at once, and ends after 24 hours.
    """
    return staff.add(call.ports, call.caller, call.key, call.body)


@writes(
    "POST /staff/<pseudonym>/end",
    "staff.end",
    "staff",
    "StaffEnded",
    body=StaffEndBody(),
    refusals=(SecondPersonRequired,),
)
def staff_end(call: Call, pseudonym: str) -> WriteResult:
    """End an entry at once; its pseudonym is never used again.

    That of an `approver` or `head` ends by two others, in `approved_by`, who stay.
    """
    if PSEUDONYM.fault(pseudonym):
        raise NotFound
    by, agree = call.body["by"], call.body.get("approved_by", ())
    return staff.end(call.ports, call.caller, call.key, pseudonym, by, approved_by=agree)


@writes(
    "POST /staff/<pseudonym>/recusals",
    "staff.recuse",
    "staff",
    "StaffRecused",
    body=RecusalBody(),
)
def staff_recuse(call: Call, pseudonym: str) -> WriteResult:
    """Keep a person away from a case, for good: no request about it may name them (R9).

    The case is kept as a keyed digest; it need not be known here yet.
    """
    if PSEUDONYM.fault(pseudonym):
        raise NotFound
    recusal = Recusal(call.body["by"], f"{call.body['originator']}/{call.body['case']}")
    return staff.recuse(call.ports, call.caller, call.key, pseudonym, recusal)
