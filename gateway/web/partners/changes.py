"""Changes by the operator's systems: each is one request, signed by persons; policy says the rest.

A change with the approvals that it needs is made; one that lacks a second person waits for them.
What the values of each change are, and mean, stands in the table of changes.
"""

from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields

from gateway.changes import CHANGES
from gateway.domain.refusals import InvalidApproval, InvitationUnusable, ValidationFailed
from gateway.kernel import changes
from gateway.kernel.changes import Bearer, Change
from gateway.kernel.fields import read_fields, schema_of
from gateway.kernel.transact import WriteResult
from gateway.web.endpoint import CONTENT, Call, endpoint, writes
from gateway.web.partners import schema_fields as field
from gateway.web.partners.schema_fields import StrictSchema
from gateway.web.responses import json_response, page

SCOPE = "admin"

VALUES: list[dict[str, Any]] = [
    {"properties": {"action": {"const": action}, "values": schema_of(kind.fields)}}
    for action, kind in CHANGES.items()
]
"""What a change of each action carries, as JSON Schema."""


class ChangeBody(StrictSchema):
    """A change, and the approvals of it; the first is the proposer's."""

    action = field.word(sorted(CHANGES))
    organisation = field.slug()
    values = fields.Dict(required=True)
    approvals = field.several(field.compact(), least=1)


class ChangeApprovalBody(StrictSchema):
    """An approval, signed by a person's own key."""

    approval = field.compact()


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
    refusals=(*CONTENT, InvalidApproval, InvitationUnusable),
)
def changes_submit(call: Call) -> WriteResult | Response:
    """Make a change, or let it wait for the second person whom policy asks for.

    Each approval signs exactly this change. 202 says that it waits, for 72 hours: another person
    than the proposer approves it then.
    """
    body = call.body
    change = Change(body["action"], body["organisation"], body["values"])
    try:
        read_fields(CHANGES[change.action].fields, change.values)
    except ValidationFailed as invalid:
        raise ValidationFailed(
            [(f"/values{place}", why) for place, why in invalid.errors]
        ) from None
    done = changes.submit(call.ports, CHANGES, change, body["approvals"], _bearer(call))
    return json_response(done, 202) if "proposal" in done.result else done


@writes(
    "POST /admin/changes/<uuid:proposal>/approvals",
    "proposal.create",
    SCOPE,
    "Changed",
    body=ChangeApprovalBody(),
    refusals=(*CONTENT, InvalidApproval, InvitationUnusable),
)
def changes_approve(call: Call, proposal: UUID) -> WriteResult:
    """Approve a change that waits, as another person than its proposer, which makes it."""
    approval = call.body["approval"]
    return changes.approve(call.ports, CHANGES, proposal, approval, _bearer(call))


@writes(
    "POST /admin/changes/<uuid:proposal>/withdrawal",
    "proposal.withdraw",
    SCOPE,
    "Changed",
    body=ChangeApprovalBody(),
    refusals=(InvalidApproval,),
)
def changes_withdraw(call: Call, proposal: UUID) -> WriteResult:
    """Withdraw a change that waits, as its proposer, who signs `proposal.withdraw` of `gateway`.

    Its only value is `proposal`, the id.
    """
    return changes.withdraw(call.ports, proposal, call.body["approval"], _bearer(call))


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


def _bearer(call: Call) -> Bearer:
    return Bearer(call.caller, call.key)
