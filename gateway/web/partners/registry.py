"""The registry: entries in full and changes, for the operator's systems; one's own staff."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import fields

from gateway.changes import CHANGES
from gateway.domain import refusals
from gateway.domain.json_values import parse_date
from gateway.domain.organisation import HEALTH_SCOPE, NAME, Status
from gateway.domain.staff import RegisterRole
from gateway.evidence.receipt import Receipt
from gateway.exchange.lifecycle import successions
from gateway.exchange.oversight import audit, notifications
from gateway.kernel import changes
from gateway.kernel.changes import Bearer, Change
from gateway.kernel.fields import read_fields, schema_of
from gateway.kernel.transact import RecordedRefusal, WriteResult
from gateway.registry import health, mandates, staff, worklist
from gateway.registry import queries as entries
from gateway.registry.results import Entry, GatewayHealth
from gateway.schemas import schema_fields as field
from gateway.schemas.schema_fields import PersonBody, StrictSchema
from gateway.web.caller import ANY_SCOPE
from gateway.web.endpoint import CONTENT, Call, endpoint, writes
from gateway.web.responses import page

SCOPE = "admin"


class EntriesQuery(StrictSchema):
    """A page of organisations, by id."""

    status = field.word(Status, required=False)
    after = field.name(required=False)
    limit = field.limit()


class EntryQuery(StrictSchema):
    """The day as of which an entry is read."""

    at = field.day(required=False)


class InvitationsQuery(StrictSchema):
    """A page of invitations, the oldest first."""

    after = field.uuid(required=False)
    limit = field.limit()


@endpoint("GET /admin/organisations", "registry.read", SCOPE, "Entries", query=EntriesQuery())
def registry_list(call: Call) -> dict[str, Any]:
    """List organisations of any status, or of one: those `applied` are the open applications."""
    asked = call.query
    status = Status(asked["status"]) if "status" in asked else None
    found = entries.page(call.ports, call.caller, asked.get("after", ""), asked["limit"], status)
    return page("/admin/organisations", found, asked)


@endpoint(
    "GET /admin/organisations/<organisation>", "registry.read", SCOPE, "Entry", query=EntryQuery()
)
def registry_show(call: Call, organisation: str) -> Entry:
    """Read all of an organisation's entry, or what of it held at the end of a day.

    Memberships, mandates, interests, agreements and audit access are those of the day; systems,
    certificates and keys have moments of their own, and are all there.
    """
    if not NAME.fullmatch(organisation):
        raise refusals.NotFound
    at = parse_date(call.query["at"]) if "at" in call.query else None
    return entries.look_up(call.ports, call.caller, organisation, at)


class AdminWorklistQuery(StrictSchema):
    """A page of what waits, for a person: the oldest first in each group."""

    person = field.slug(required=False)
    after = field.place(required=False)
    limit = field.limit()


@endpoint(
    "GET /admin/worklist", "registry.read", SCOPE, "AdminWorklist", query=AdminWorklistQuery()
)
def registry_worklist(call: Call) -> dict[str, Any]:
    """List what waits for administrators: to sign, for others, what ends in 30 days, what is late.

    With `person` a proposal of that administrator waits for others.
    """
    asked = call.query
    person, after = asked.get("person"), asked.get("after")
    found = worklist.page(call.ports, call.caller, person, after, asked["limit"])
    return page("/admin/worklist", found, asked)


@endpoint("GET /admin/health", "health.read", HEALTH_SCOPE, "GatewayHealth")
def health_show(call: Call) -> GatewayHealth:
    """Read how the gateway is: what maintenance found last, and what ends when.

    Nothing is looked at for the request: each finding says when that was. The checks and their
    sentences are those of `casegate doctor`.
    """
    return health.look_up(call.ports, call.caller)


@endpoint("GET /admin/administrators", "registry.read", SCOPE, "Administrators")
def registry_list_administrators(call: Call) -> dict[str, Any]:
    """List the administrators whose approvals count, and those whose did."""
    return {"items": entries.admins(call.ports, call.caller)}


@endpoint(
    "GET /admin/invitations", "registry.read", SCOPE, "OpenInvitations", query=InvitationsQuery()
)
def registry_list_invitations(call: Call) -> dict[str, Any]:
    """List the invitations that can be used still, without their tokens, which nobody keeps."""
    asked = call.query
    after = UUID(asked["after"]) if "after" in asked else None
    return page(
        "/admin/invitations",
        entries.invitations(call.ports, call.caller, after, asked["limit"]),
        asked,
    )


@endpoint("GET /admin/mandates", "registry.read", SCOPE, "MandateReport")
def registry_report_mandates(call: Call) -> dict[str, Any]:
    """List each competence by days: its holders, the days with several, and those with none."""
    return mandates.report(call.ports, call.caller)


@endpoint("GET /admin/log-holds", "registry.read", SCOPE, "LogHolds")
def registry_list_log_holds(call: Call) -> dict[str, Any]:
    """List what keeps details in the log beyond their term, and whose review was missed."""
    return {"items": entries.log_holds(call.ports, call.caller)}


@endpoint("GET /admin/notifications", "registry.read", SCOPE, "NotificationStatuses")
def registry_list_notifications(call: Call) -> dict[str, Any]:
    """List the members to which notifications were delivered, and how far each took them."""
    return {"items": notifications.overview(call.ports, call.caller)}


@endpoint("GET /admin/events/<uuid:event>", "registry.read", SCOPE, "Receipt")
def registry_show_event(call: Call, event: UUID) -> Receipt:
    """Read the receipt of an event of which the gateway is a party, with the details for it.

    Those of others are read by a recorded search (`POST /audit/searches`).
    """
    return audit.of_gateway(call.ports, call.caller, event)


@endpoint("GET /admin/successions", "registry.read", SCOPE, "Successions")
def registry_list_successions(call: Call) -> dict[str, Any]:
    """List all successions, oldest first."""
    return {"items": successions.list_all(call.ports, call.caller)}


@endpoint("GET /admin/successions/<uuid:succession>", "registry.read", SCOPE, "SuccessionReport")
def registry_show_succession(call: Call, succession: UUID) -> dict[str, Any]:
    """Read a succession with what moved, what is to move, and who may read what until when."""
    return successions.report(call.ports, call.caller, succession)


# --- The staff register of the calling organisation: pseudonyms and roles, no names ---


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
    refusals=(refusals.SecondPersonRequired,),
)
def staff_add(call: Call) -> WriteResult:
    """Enter persons, all or none: the gateway draws a pseudonym for each.

    An entry as `approver` or `head` names two others in `approved_by`. A `temporary` entry is made
    by a head, liaison or duty person, holds at once, and ends after 24 hours.
    """
    return staff.add(call.ports, call.caller, call.key, call.body)


class PasskeyInvitationBody(PersonBody):
    """Who invites, by the digest of which token, and who agree."""

    token_sha256 = field.digest()
    approved_by = field.several(field.staff(), required=False)


@writes(
    "POST /staff/<pseudonym>/invitation",
    "staff.invite",
    "staff",
    "StaffInvited",
    body=PasskeyInvitationBody(),
    status=201,
    refusals=(refusals.SecondPersonRequired,),
)
def staff_invite(call: Call, pseudonym: str) -> WriteResult:
    """Invite a person of your register to make a passkey, by which they sign in a browser.

    You draw the token and give it to that person alone: it is good once, for 72 hours, and the
    newest counts. The gateway gets its SHA-256. For an approver or head two agree in `approved_by`.
    """
    asked = call.read_body(staff.PasskeyInvitation)
    return staff.invite(call.ports, call.caller, call.key, _staff(pseudonym), asked)


class NewPasskeyBody(PersonBody):
    """The person's passkey, by which statement it proves itself, and the invitation's token."""

    token = field.free(43)
    jwk = fields.Dict(required=True)
    proof = field.compact()


@writes(
    "POST /staff/<pseudonym>/passkeys",
    "staff.register_passkey",
    "staff",
    "PasskeyChanged",
    body=NewPasskeyBody(),
    status=201,
    refusals=(refusals.InvalidInvitation, refusals.InvitationUnusable),
)
def staff_register_passkey(call: Call, pseudonym: str) -> WriteResult:
    """Register the passkey of a person who was invited, which uses up the invitation.

    The passkey signs an approval of `staff.register_passkey` with the values `pseudonym` and `jwk`.
    """
    asked = call.read_body(staff.NewPasskey)
    return staff.register_passkey(call.ports, call.caller, call.key, _staff(pseudonym), asked)


class RevocationBody(PersonBody):
    """Who revokes it, and who agrees."""

    approved_by = field.several(field.staff(), required=False)


@writes(
    "POST /staff/<pseudonym>/passkeys/<kid>/revocation",
    "staff.revoke_passkey",
    "staff",
    "PasskeyChanged",
    body=RevocationBody(),
    refusals=(refusals.SecondPersonRequired,),
)
def staff_revoke_passkey(call: Call, pseudonym: str, kid: str) -> WriteResult:
    """Revoke a passkey at once: the person whose it is may, and who keeps the register.

    Nothing counts any more that it signs; what was done with it before stays as it is. Where fewer
    than two other approvers or heads would have a passkey, another one agrees in `approved_by`.
    """
    asked = call.read_body(staff.PasskeyRevocation, kid=kid)
    return staff.revoke_passkey(call.ports, call.caller, call.key, _staff(pseudonym), asked)


def _staff(pseudonym: str) -> str:
    """A pseudonym of an address; NotFound for what is none."""
    if _PSEUDONYM.fault(pseudonym):
        raise refusals.NotFound
    return pseudonym


_PSEUDONYM = field.staff()


# --- Changes: each is one request, signed by persons; policy says the rest ---
#
# A change with the approvals that it needs is made; one that lacks a second person waits for
# them. What the values of each change are, and mean, stands in the table of changes.


VALUES: Mapping[str, Mapping[str, Any]] = {
    action: {**schema_of(kind.fields), **({"x-loses": kind.loses} if kind.loses else {})}
    for action, kind in CHANGES.items()
}
"""What a change of each action carries, as JSON Schema; `x-loses` is what nobody can bring back, to
be read before it is signed."""


class ChangeBody(StrictSchema):
    """A change, and the approvals of it; the first is the proposer's."""

    action = field.word(sorted(CHANGES))
    organisation = field.slug()
    values = fields.Dict(required=True)
    approvals = field.several(field.compact(), least=1)


class ChangeApprovalBody(StrictSchema):
    """An approval, signed by a person's own key."""

    approval = field.compact()


class ChangeRefusalBody(StrictSchema):
    """A no to a change that waits, signed by a person's own key, and why."""

    approval = field.compact()
    reason = field.note(300)


class ProposalsQuery(StrictSchema):
    """A page of changes that wait, the newest first, or of all that ever waited."""

    state = field.word(("waiting", "all"), required=False)
    after = field.uuid(required=False)
    limit = field.limit()


@writes(
    "POST /admin/changes",
    "proposal.create",
    SCOPE,
    "Changed",
    waits="Proposal",
    body=ChangeBody(),
    refusals=(*CONTENT, refusals.InvalidApproval, refusals.InvitationUnusable),
)
def changes_submit(call: Call) -> WriteResult:
    """Make a change, or let it wait for the second person whom policy asks for.

    Each approval signs exactly this change. 202 says that it waits, for 72 hours: another person
    than the proposer approves it then.
    """
    body = call.body
    change = Change(body["action"], body["organisation"], body["values"])
    with _pointing():
        read_fields(CHANGES[change.action].fields, change.values)
        return changes.submit(call.ports, CHANGES, change, body["approvals"], _bearer(call))


@writes(
    "POST /admin/changes/<uuid:proposal>/approvals",
    "proposal.create",
    SCOPE,
    "Changed",
    body=ChangeApprovalBody(),
    refusals=(*CONTENT, refusals.InvalidApproval, refusals.InvitationUnusable),
)
def changes_approve(call: Call, proposal: UUID) -> WriteResult:
    """Approve a change that waits, as another person than its proposer, which makes it."""
    approval = call.body["approval"]
    with _pointing():
        return changes.approve(call.ports, CHANGES, proposal, approval, _bearer(call))


@writes(
    "POST /admin/changes/<uuid:proposal>/withdrawal",
    "proposal.withdraw",
    SCOPE,
    "Changed",
    body=ChangeApprovalBody(),
    refusals=(refusals.InvalidApproval,),
)
def changes_withdraw(call: Call, proposal: UUID) -> WriteResult:
    """Withdraw a change that waits, as its proposer, who signs `proposal.withdraw` of `gateway`.

    Its only value is `proposal`, the id.
    """
    return changes.withdraw(call.ports, proposal, call.body["approval"], _bearer(call))


@writes(
    "POST /admin/changes/<uuid:proposal>/refusal",
    "proposal.refuse",
    SCOPE,
    "Changed",
    body=ChangeRefusalBody(),
    refusals=(refusals.InvalidApproval,),
)
def changes_refuse(call: Call, proposal: UUID) -> WriteResult:
    """Refuse a change that waits, as another person than its proposer: nobody makes it then.

    Who refuses signs `proposal.refuse` of `gateway`, with the values `proposal` and `reason`.
    """
    approval, reason = call.body["approval"], call.body["reason"]
    return changes.refuse(call.ports, proposal, approval, reason, _bearer(call))


@endpoint("GET /admin/changes", "registry.read", SCOPE, "Proposals", query=ProposalsQuery())
def changes_list(call: Call) -> dict[str, Any]:
    """List the changes that wait for another person, with `state=all` earlier ones too."""
    asked = call.query
    after = UUID(asked["after"]) if "after" in asked else None
    waiting = asked.get("state") != "all"
    found = changes.page(call.ports, call.caller, after, asked["limit"], waiting=waiting)
    return page("/admin/changes", found, asked)


@endpoint("GET /admin/changes/<uuid:proposal>", "registry.read", SCOPE, "ProposalInFull")
def changes_show(call: Call, proposal: UUID) -> dict[str, Any]:
    """Read a change that waits, with its values: what the second person signs.

    `refusal` says why it could not be made now; `overlaps` names who else would hold the mandate.
    """
    return changes.look_up(call.ports, CHANGES, call.caller, proposal)


@contextmanager
def _pointing() -> Iterator[None]:
    """Point at the values of a change where they stand in its body, whoever refuses them."""
    try:
        yield
    except (refusals.ValidationFailed, RecordedRefusal) as error:
        invalid = error.refusal if isinstance(error, RecordedRefusal) else error
        if isinstance(invalid, refusals.ValidationFailed):
            own = ("/action", "/organisation")
            invalid.errors = tuple(
                (at if at in own else f"/values{at}", why) for at, why in invalid.errors
            )
        raise


def _bearer(call: Call) -> Bearer:
    return Bearer(call.caller, call.key)
