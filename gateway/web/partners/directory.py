"""The directory: the caller itself, and the organisations that take part."""

from typing import Any

from gateway.domain.organisation import KINDS, SLUG
from gateway.domain.refusals import NotFound
from gateway.evidence.base64url import DIGEST
from gateway.registry import directory as organisations
from gateway.registry.directory import DirectoryFilter
from gateway.registry.results import (
    ListedOrganisation,
    MembershipStatement,
    RegisteredDocumentKey,
    Whoami,
)
from gateway.web.caller import ANY_SCOPE
from gateway.web.endpoint import Call, endpoint
from gateway.web.partners import schema_fields as field
from gateway.web.partners.schema_fields import StrictSchema
from gateway.web.responses import page


class OrganisationsQuery(StrictSchema):
    """A page of the directory, by organisation id; of one kind, or holding one competence."""

    after = field.slug(required=False)
    kind = field.word(KINDS, required=False)
    competence = field.competence(required=False)
    limit = field.limit()


@endpoint("GET /whoami", "whoami.read", ANY_SCOPE, "Whoami")
def whoami(call: Call) -> Whoami:
    """Show the caller as the gateway sees it: organisation, system, scopes, certificates."""
    return call.read(organisations.whoami)


@endpoint(
    "GET /organisations",
    "directory.read",
    "directory.read",
    "Organisations",
    query=OrganisationsQuery(),
)
def list_(call: Call) -> dict[str, Any]:
    """List the organisations with their memberships and mandates on the reference date."""
    asked = call.query
    wanted = DirectoryFilter(asked.get("kind"), asked.get("competence"))
    found = call.read(organisations.page, asked.get("after", ""), asked["limit"], wanted)
    return page("/organisations", found, asked)


@endpoint(
    "GET /organisations/<organisation>", "directory.read", "directory.read", "ListedOrganisation"
)
def show(call: Call, organisation: str) -> ListedOrganisation:
    """Read one organisation of the directory."""
    if not SLUG.fullmatch(organisation):
        raise NotFound
    return call.read(organisations.look_up, organisation)


@endpoint(
    "GET /organisations/<organisation>/attestation",
    "directory.read",
    "directory.read",
    "MembershipStatement",
)
def attestation(call: Call, organisation: str) -> MembershipStatement:
    """Read a signed statement that an organisation takes part, as member or as observer.

    A trust mark (OpenID Federation 1.0) of the gateway, good for a day at most; its key is in
    `/keys/attestation`. There is none for an organisation that is not active or not a member.
    """
    if not SLUG.fullmatch(organisation):
        raise NotFound
    return call.read(organisations.issue_attestation, organisation)


@endpoint(
    "GET /organisations/<organisation>/keys/<kid>",
    "directory.read",
    "directory.read",
    "RegisteredDocumentKey",
)
def show_key(call: Call, organisation: str, kid: str) -> RegisteredDocumentKey:
    """Read the receipt of the event that registered a member's document key.

    Its `subject` has the key, the proof of possession, and the declaration by the previous key.
    `revocations` has the receipt of the event that revoked the key, if one did, which shows only
    the key. The log's key is enough to check all of it.
    """
    if not SLUG.fullmatch(organisation) or not DIGEST.fullmatch(kid):
        raise NotFound
    return call.read(organisations.look_up_key, organisation, kid)
