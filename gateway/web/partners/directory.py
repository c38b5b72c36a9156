"""The directory: the caller itself, and the organisations that take part."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from gateway.domain.organisation import KINDS, NAME, SLUG
from gateway.domain.refusals import NotFound, WrongState
from gateway.evidence.base64url import DIGEST
from gateway.registry import directory as organisations
from gateway.registry import results
from gateway.registry.directory import DirectoryFilter
from gateway.schemas import schema_fields as field
from gateway.schemas.schema_fields import StrictSchema
from gateway.web.caller import ANY_SCOPE
from gateway.web.endpoint import Call, endpoint
from gateway.web.responses import page


class OrganisationsQuery(StrictSchema):
    """A page of the directory, by organisation id; of one kind, or holding one competence."""

    after = field.name(required=False)
    kind = field.word(KINDS, required=False)
    competence = field.competence(required=False)
    limit = field.limit()


@endpoint("GET /whoami", "whoami.read", ANY_SCOPE, "Whoami")
def directory_show_caller(call: Call) -> results.Whoami:
    """Show the caller as the gateway sees it: organisation, system, scopes, certificates."""
    return organisations.whoami(call.ports, call.caller)


@endpoint(
    "GET /organisations",
    "directory.read",
    "directory.read",
    "Organisations",
    query=OrganisationsQuery(),
)
def directory_list(call: Call) -> dict[str, Any]:
    """List the organisations with their memberships and mandates on the reference date."""
    asked = call.query
    wanted = DirectoryFilter(asked.get("kind"), asked.get("competence"))
    found = organisations.page(
        call.ports, call.caller, asked.get("after", ""), asked["limit"], wanted
    )
    return page("/organisations", found, asked)


@endpoint(
    "GET /organisations/<organisation>", "directory.read", "directory.read", "ListedOrganisation"
)
def directory_show(call: Call, organisation: str) -> results.ListedOrganisation:
    """Read one organisation of the directory."""
    if not NAME.fullmatch(organisation):
        raise NotFound
    return organisations.look_up(call.ports, call.caller, organisation)


@endpoint("GET /peers", "directory.read", "directory.read", "PeerReceipts")
def directory_list_peers(call: Call) -> results.PeerReceipts:
    """Read the receipts of the events by which keys of peer gateways were compared.

    The `subject` of each has a peer's id here, its issuer, the keys of its log and of its
    attestations: with them a member verifies what its members sign. The log's key is enough to
    check them.
    """
    return organisations.list_peers(call.ports, call.caller)


@endpoint(
    "GET /organisations/<organisation>/attestation",
    "directory.read",
    "directory.read",
    "MembershipStatement",
    refusals=(WrongState,),
)
def directory_attest(call: Call, organisation: str) -> results.MembershipStatement:
    """Read a signed statement that an organisation takes part, as member or as observer.

    A trust mark (OpenID Federation 1.0) of the gateway, good for a day at most; its key is in
    `/keys/attestation`. There is none for an organisation that is not active or not a member.
    """
    if not SLUG.fullmatch(organisation):
        raise NotFound
    return organisations.issue_attestation(call.ports, call.caller, organisation)


@endpoint(
    "GET /organisations/<organisation>/keys/<kid>",
    "directory.read",
    "directory.read",
    "RegisteredDocumentKey",
)
def directory_show_key(
    call: Call, organisation: str, kid: str
) -> results.RegisteredDocumentKey | Mapping[str, Any]:
    """Read the receipt of the event that registered a member's document key.

    Its `subject` has the key, the proof of possession, and the declaration by the previous key.
    `revocations` has the receipt of the event that revoked the key, if one did, which shows only
    the key; otherwise `status` is the gateway's signed statement that it was not revoked up to a
    checkpoint of the log. The log's key is enough to check all but `status`.
    """
    if not NAME.fullmatch(organisation) or not DIGEST.fullmatch(kid):
        raise NotFound
    return organisations.look_up_key(call.ports, call.caller, organisation, kid)


@endpoint(
    "GET /organisations/<organisation>/mandates/<uuid:event>",
    "directory.read",
    "directory.read",
    "MandateRegistration",
)
def directory_show_mandate(
    call: Call, organisation: str, event: UUID
) -> results.MandateRegistration | Mapping[str, Any]:
    """Read the receipt of the event that registered a mandate of a member.

    Its `subject` has the competence, the days and the legal act. An offer to a competence names
    the event as `mandate_event`; the log's key is enough to check that the recipient held it.
    `ends` has the receipts of events that ended a mandate of the member for the same competence.
    """
    if not NAME.fullmatch(organisation):
        raise NotFound
    return organisations.look_up_mandate(call.ports, call.caller, organisation, event)
