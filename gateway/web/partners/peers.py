"""What a peer gateway reads of the members here."""

from hashlib import sha256

from flask import Response, request

from gateway.exchange.relay.taking_in import understood
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
    `If-None-Match` the answer is 304 as long as neither they nor the `events` from which something
    follows here changed.
    """
    found = remote_members.list_shown(call.ports, call.caller, call.query["size"])
    events = understood()
    version = sha256(" ".join(events).encode()).hexdigest()[:8]
    tag = found.tag and f"{found.tag}-{version}"
    if tag is not None and request.if_none_match.contains(tag):
        return Response(status=304)
    headers = {} if tag is None else {"ETag": f'"{tag}"'}
    return json_response({"members": found.members(), "events": events}, headers=headers)
