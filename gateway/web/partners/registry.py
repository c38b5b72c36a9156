"""The registry in full, for the operator's systems: entries as of any day, contacts on record."""

from typing import Any
from uuid import UUID

from gateway.domain.json_values import parse_date
from gateway.domain.organisation import SLUG, Status
from gateway.domain.refusals import NotFound
from gateway.kernel.transact import WriteResult
from gateway.registry import queries as entries
from gateway.registry.results import Entry
from gateway.web.endpoint import Call, endpoint, writes
from gateway.web.partners import schema_fields as field
from gateway.web.partners.schema_fields import PersonBody, StrictSchema
from gateway.web.responses import page

SCOPE = "admin"


class EntriesQuery(StrictSchema):
    """A page of organisations, by id."""

    status = field.word(Status, required=False)
    after = field.slug(required=False)
    limit = field.limit()


class EntryQuery(StrictSchema):
    """The day as of which an entry is read."""

    at = field.day(required=False)


class InvitationsQuery(StrictSchema):
    """A page of invitations, the oldest first."""

    after = field.uuid(required=False)
    limit = field.limit()


class ContactsBody(PersonBody):
    """Who opens the contacts, and why."""

    reason = field.free(300)


@endpoint("GET /admin/organisations", "registry.read", SCOPE, "Entries", query=EntriesQuery())
def list_(call: Call) -> dict[str, Any]:
    """List organisations of any status, or of one: those `applied` are the open applications."""
    asked = call.query
    status = Status(asked["status"]) if "status" in asked else None
    found = entries.page(call.ports, call.caller, asked.get("after", ""), asked["limit"], status)
    return page("/admin/organisations", found, asked)


@endpoint(
    "GET /admin/organisations/<organisation>", "registry.read", SCOPE, "Entry", query=EntryQuery()
)
def show(call: Call, organisation: str) -> Entry:
    """Read all of an organisation's entry, or what of it held at the end of a day.

    Memberships, mandates, interests, agreements and audit access are those of the day; systems,
    certificates and keys have moments of their own, and are all there.
    """
    _require_slug(organisation)
    at = parse_date(call.query["at"]) if "at" in call.query else None
    return entries.look_up(call.ports, call.caller, organisation, at)


@writes(
    "POST /admin/organisations/<organisation>/contacts/consultations",
    "registry.consult",
    SCOPE,
    "Contacts",
    body=ContactsBody(),
)
def consult(call: Call, organisation: str) -> WriteResult:
    """Open an organisation's contacts: the organisation finds in its events that it was done."""
    _require_slug(organisation)
    return entries.consult(call.ports, call.caller, call.key, organisation, call.body)


@endpoint("GET /admin/administrators", "registry.read", SCOPE, "Administrators")
def administrators(call: Call) -> dict[str, Any]:
    """List the administrators whose approvals count, and those whose did."""
    return {"items": entries.admins(call.ports, call.caller)}


@endpoint(
    "GET /admin/invitations", "registry.read", SCOPE, "OpenInvitations", query=InvitationsQuery()
)
def invitations(call: Call) -> dict[str, Any]:
    """List the invitations that can be used still, without their tokens, which nobody keeps."""
    asked = call.query
    after = UUID(asked["after"]) if "after" in asked else None
    return page(
        "/admin/invitations",
        entries.invitations(call.ports, call.caller, after, asked["limit"]),
        asked,
    )


def _require_slug(organisation: str) -> None:
    if not SLUG.fullmatch(organisation):
        raise NotFound
