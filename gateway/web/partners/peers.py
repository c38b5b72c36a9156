"""What a peer gateway reads of the members here."""

from flask import Response, request

from gateway.registry import remote_members
from gateway.schemas import schema_fields as field
from gateway.schemas.schema_fields import StrictSchema
from gateway.web.endpoint import Call, endpoint
from gateway.web.responses import json_response


class MembersQuery(StrictSchema):
    """How long the log is of which the caller cosigned a checkpoint."""

    size = field.Number(1, 2**53 - 1, 2**53 - 1)


@endpoint("GET /relay/members", "relay.members", "relay", "ShownMembers", query=MembersQuery())
def relay_list_members(call: Call) -> Response:
    """List the members that show themselves to the calling peer gateway, with what proves it.

    Each has its attestation, good for a day, and the receipts by which its keys and mandates were
    registered and ended, which end in the checkpoint of the `size` that the caller cosigned. With
    `If-None-Match` the answer is 304 while nothing of them changed.
    """
    found = remote_members.list_shown(call.ports, call.caller, call.query["size"])
    if found.tag is not None and request.if_none_match.contains(found.tag):
        return Response(status=304)
    headers = {} if found.tag is None else {"ETag": f'"{found.tag}"'}
    return json_response({"members": found.members()}, headers=headers)
