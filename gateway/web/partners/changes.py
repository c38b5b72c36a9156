"""Changes of the registry by the operator's systems: one address for each action of policy.

A change is the JSON in ``values``; each approval signs exactly it. ``values`` are described here
for those that read the description; what they mean is judged where changes are made.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate

from gateway.actions import proposals
from gateway.actions.administration import administer
from gateway.actions.authorization import Written
from gateway.actions.errand import Errand
from gateway.actions.registry import CHANGES
from gateway.actions.registry.desk import Change
from gateway.domain.audit import Reach
from gateway.domain.organisation import (
    AGREEMENT_KINDS,
    CONTACT_ROLES,
    FUNCTIONS,
    INTEREST_KINDS,
    INTEREST_SCOPES,
    KINDS,
    OPERATOR_SCOPES,
    SCOPES,
    SLUG,
    Standing,
)
from gateway.domain.refusals import NotFound
from gateway.domain.vocabulary import Matter, Purpose, Regime
from gateway.web.endpoint import Call, Endpoint, endpoint
from gateway.web.partners import schema_fields as field
from gateway.web.partners.pages import page
from gateway.web.partners.schema_fields import Flag, Part

SCOPE = "admin"


class ReasonValues(Part):
    """Why."""

    reason = field.free(2000)


class WhyValues(Part):
    """Perhaps why."""

    reason = field.free(2000, required=False)


class ContactValues(Part):
    """Whom to reach, in a role."""

    role = field.word(CONTACT_ROLES)
    name = field.free(2000)
    address = field.free(2000)


class EntryValues(Part):
    """Who an organisation is."""

    name = field.free(2000)
    kind = field.word(KINDS)
    public_authority = Flag(required=True)
    regimes = field.several(field.word(Regime), least=1)
    country = field.territory()


class ApplicationValues(EntryValues):
    """What an organisation asks for."""

    standing = field.word(Standing)
    purposes = field.several(field.word(Purpose), least=1)
    about = field.free(2000)
    received_on = field.day()
    contacts = fields.List(fields.Nested(ContactValues()), required=True)


class ResolutionValues(Part):
    """What the governing body decided."""

    decision_ref = field.free(2000)
    decided_on = field.day()
    document_sha256 = field.digest()


class SeatValues(Part):
    """A seat, for a time."""

    standing = field.word(Standing)
    decision_ref = field.free(2000)


class CompetenceValues(Part):
    """A legal mandate, for a time."""

    function = field.word(FUNCTIONS)
    matter = field.word(Matter)
    territory = field.territory()
    legal_act = field.free(2000)


class CompetenceEndValues(Part):
    """The end of a mandate."""

    competence = field.free(200)
    until = field.day()


class CancelValues(ReasonValues):
    """A planned succession, and why it is called off."""

    succession = field.uuid()


class InterestValues(Part):
    """What the organisation is bound to."""

    scope = field.word(INTEREST_SCOPES)
    subject = field.free(300)
    kind = field.word(INTEREST_KINDS)


class InterestEndValues(Part):
    """The end of an interest."""

    interest = field.uuid()
    until = field.day()


class AgreementValues(Part):
    """What was agreed."""

    kind = field.word(AGREEMENT_KINDS)
    about = field.free(2000)
    reference = field.free(2000)


class AgreementEndValues(Part):
    """The end of an agreement."""

    agreement = field.uuid()
    until = field.day()


class UntilValues(Part):
    """The first day without it."""

    until = field.day()


class SystemValues(Part):
    """A system and its scopes."""

    system = field.slug()
    scopes = field.several(field.word(SCOPES), least=1)


class EntrustValues(Part):
    """A system and the operator's scopes that it gets, or none."""

    system = field.slug()
    scopes = field.several(field.word(OPERATOR_SCOPES))


class SystemReasonValues(ReasonValues):
    """A system, and why."""

    system = field.slug()


class SystemKeysValues(Part):
    """A system and all its public keys (JWK); without one its certificate is enough."""

    system = field.slug()
    keys = fields.List(fields.Dict(), required=True)


class CertificateValues(Part):
    """A system and its certificate request, PKCS #10 in PEM."""

    system = field.slug()
    csr = fields.String(required=True, validate=validate.Length(min=1, max=16 * 1024))


class CertificateRevocationValues(WhyValues):
    """A certificate by its x5t#S256, or a system for all of its, and perhaps why."""

    thumbprint = field.digest(required=False)
    system = field.slug(required=False)


class KeyValues(Part):
    """A member's public key, its proof, and the word of a valid key before it."""

    jwk = fields.Dict(required=True)
    proof = field.compact()
    countersignature = field.compact(required=False)


class KeyRevocationValues(WhyValues):
    """A member's key, and perhaps why."""

    kid = field.digest()


class StatementValues(Part):
    """What the member itself signed."""

    statement = field.compact()


class InvitationValues(Part):
    """A system, and the SHA-256 of the token that whoever invites keeps."""

    system = field.slug()
    token_sha256 = field.digest()


class InvitationWithdrawalValues(WhyValues):
    """An invitation, and perhaps why."""

    invitation = field.uuid()


class AuditValues(Part):
    """What an auditor may read: all, the events of a member, or those of a member's case."""

    reach = field.word(Reach)
    member = field.slug(required=False)
    case = field.uuid(required=False)
    person = field.free(200, required=False)
    decision_ref = field.free(2000)


class AuditEndValues(ReasonValues):
    """A grant, and why it ends."""

    grant = field.uuid()


class SuccessionValues(Part):
    """A mandate that moves to another office on a day."""

    successor = field.slug()
    competence = field.competence()
    on = field.day()
    read_until = field.day()
    legal_act = field.free(2000)
    consents = Flag(required=True)


class AdminValues(Part):
    """A named administrator, the public key that approves in their name, and its proof."""

    person = field.slug()
    name = field.free(2000)
    jwk = fields.Dict(required=True)
    proof = field.compact()


class AdminReasonValues(ReasonValues):
    """An administrator, and why."""

    person = field.slug()


def _lasting(values: type[Part], *, ends: bool = False) -> type[Part]:
    """The same values with the days of a period, which ``ends`` if so said; ``from`` is no name."""
    days = {"from": field.day(), "until": field.day(required=ends)}
    return type(values.__name__.replace("Values", "PeriodValues"), (values,), days)


VALUES: Mapping[str, type[Part]] = {
    "organisation.apply": ApplicationValues,
    "organisation.approve": ResolutionValues,
    "organisation.decline": ResolutionValues,
    "organisation.admit": EntryValues,
    "organisation.activate": ReasonValues,
    "organisation.suspend": ReasonValues,
    "organisation.reinstate": ReasonValues,
    "organisation.leave": ReasonValues,
    "contact.set": ContactValues,
    "standing.grant": _lasting(SeatValues),
    "standing.end": UntilValues,
    "competence.grant": _lasting(CompetenceValues),
    "competence.end": CompetenceEndValues,
    "succession.cancel": CancelValues,
    "interest.declare": _lasting(InterestValues),
    "interest.end": InterestEndValues,
    "agreement.record": _lasting(AgreementValues),
    "agreement.end": AgreementEndValues,
    "system.register": SystemValues,
    "system.disable": SystemReasonValues,
    "system.enable": SystemReasonValues,
    "system.entrust": EntrustValues,
    "system.key": SystemKeysValues,
    "certificate.issue": CertificateValues,
    "certificate.revoke": CertificateRevocationValues,
    "key.register": KeyValues,
    "key.revoke": KeyRevocationValues,
    "organisation.lock": StatementValues,
    "organisation.unlock": StatementValues,
    "invitation.make": InvitationValues,
    "invitation.withdraw": InvitationWithdrawalValues,
    "audit.grant": _lasting(AuditValues, ends=True),
    "audit.end": AuditEndValues,
    "succession.plan": SuccessionValues,
    "admin.add": AdminValues,
    "admin.disable": AdminReasonValues,
}
"""What the values of each change look like."""


class ChangeApprovalBody(Part):
    """An approval, signed by a person's own key."""

    approval = field.compact()


class ProposalBody(ChangeApprovalBody):
    """A change, and the approval of its proposer."""

    action = field.word(sorted(proposals.PROPOSABLE))
    organisation = field.slug()
    values = fields.Dict(required=True)


class ProposalsQuery(Part):
    """A page of proposals, the newest first: of those that wait, unless all are asked for."""

    state = field.word(("waiting", "all"), required=False)
    after = field.uuid(required=False)
    limit = field.limit()


def _body(action: str) -> Schema:
    """The body of a change: its values, and the approvals that it has."""
    nested = fields.Nested(VALUES[action](), required=True)
    approvals = field.several(field.compact(), least=1)
    name = "".join(part.title() for part in action.split(".")) + "Change"
    made: type[Part] = type(name, (Part,), {"values": nested, "approvals": approvals})
    return made()


def _change(action: str, organisation: str, body: Mapping[str, Any]) -> Change:
    if not SLUG.fullmatch(organisation):
        raise NotFound
    return Change(action, organisation, body["values"])


def _address(action: str) -> Endpoint:
    """Where a change is made, with all the approvals that it needs."""

    def view(call: Call, organisation: str) -> Written:
        change = _change(action, organisation, call.body)
        errand = Errand(call.caller, call.key)
        return administer(call.ports, change, call.body["approvals"], errand)

    view.__name__ = action.replace(".", "_")
    view.__doc__ = f"Make the change `{action}`, signed by as many persons as policy asks for."
    return endpoint(
        f"POST /admin/organisations/<organisation>/{action}",
        action=action,
        scope=SCOPE,
        gives="Changed",
        writes=True,
        body=_body(action),
    )(view)


@endpoint(
    "POST /admin/proposals",
    action="proposal.make",
    scope=SCOPE,
    gives="Proposal",
    writes=True,
    body=ProposalBody(),
)
def propose(call: Call) -> Written:
    """Propose a change: another person than the proposer approves it within 72 hours.

    `values` are those of the address at which the change is made at once.
    """
    body = call.body
    change = _change(body["action"], body["organisation"], body)
    errand = Errand(call.caller, call.key, "propose")
    return proposals.make(call.ports, change, body["approval"], errand)


@endpoint(
    "POST /admin/proposals/<uuid:proposal>/approvals",
    action="proposal.make",
    scope=SCOPE,
    gives="Changed",
    writes=True,
    body=ChangeApprovalBody(),
)
def approve(call: Call, proposal: UUID) -> Written:
    """Approve a proposed change as another person than its proposer, which makes it."""
    errand = Errand(call.caller, call.key, f"approve/{proposal}")
    return proposals.approve(call.ports, proposal, call.body["approval"], errand)


@endpoint(
    "POST /admin/proposals/<uuid:proposal>/withdrawal",
    action="proposal.withdraw",
    scope=SCOPE,
    gives="Changed",
    writes=True,
    body=ChangeApprovalBody(),
)
def withdraw(call: Call, proposal: UUID) -> Written:
    """Withdraw a proposal as its proposer, who signs `proposal.withdraw` of `gateway`.

    Its only value is `proposal`, the id.
    """
    errand = Errand(call.caller, call.key, f"withdraw/{proposal}")
    return proposals.withdraw(call.ports, proposal, call.body["approval"], errand)


@endpoint(
    "GET /admin/proposals",
    action="registry.read",
    scope=SCOPE,
    gives="Proposals",
    query=ProposalsQuery(),
)
def index(call: Call) -> dict[str, Any]:
    """List the proposals that wait for another person, with `state=all` those of before, too."""
    asked = call.query
    after = UUID(asked["after"]) if "after" in asked else None
    waiting = asked.get("state") != "all"
    found = call.ask(proposals.page, after, asked["limit"], waiting=waiting)
    return page("/admin/proposals", found, asked)


@endpoint(
    "GET /admin/proposals/<uuid:proposal>",
    action="registry.read",
    scope=SCOPE,
    gives="ProposalInFull",
)
def show(call: Call, proposal: UUID) -> dict[str, Any]:
    """Read a proposal with its values: what the second person signs."""
    return call.ask(proposals.look_up, proposal)


ENDPOINTS = (
    *(_address(action) for action in CHANGES),
    propose,
    approve,
    withdraw,
    index,
    show,
)
