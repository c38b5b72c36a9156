"""Notifications as an organisation collects them (RFC 8936), and how far it has them."""

from typing import Any
from uuid import UUID

from flask import request
from marshmallow import fields

from gateway.domain.notification import LONGEST_DESCRIPTION
from gateway.exchange import notifications
from gateway.exchange.notifications import MOST, ReceiverError
from gateway.exchange.results import NotificationStatus
from gateway.kernel.transact import WriteResult
from gateway.web.context import WAIT_FOR
from gateway.web.endpoint import Call, endpoint, writes
from gateway.web.partners import schema_fields as field
from gateway.web.partners.schema_fields import MESSAGES, PersonBody, StrictSchema


class SetErrorBody(StrictSchema):
    """Why a notification is refused: a code of RFC 8935, and words for people."""

    err = field.error_code()
    description = field.free(LONGEST_DESCRIPTION, lines=False, blank=True, required=False)


class PollBody(StrictSchema):
    """What is acknowledged and refused, and how much is wanted, by the names of RFC 8936."""

    maxEvents = field.whole(0, MOST, required=False)  # noqa: N815 - the standard's names
    returnImmediately = field.boolean(required=False)  # noqa: N815
    ack = field.several(field.jti(), required=False)
    setErrs = fields.Dict(  # noqa: N815
        keys=field.jti(), values=field.part(SetErrorBody), error_messages=MESSAGES
    )


@endpoint(
    "POST /notifications",
    "notification.poll",
    "events.read",
    "NotificationSets",
    body=PollBody(),
)
def notifications_poll(call: Call) -> dict[str, Any]:
    """Get the next notifications, and acknowledge or refuse earlier ones (RFC 8936).

    They are signed (RFC 8417), in the order of one's own stream, and name events, never what a
    case says. Without `returnImmediately` the answer waits up to 30 seconds for the first one.
    """
    body = call.body
    most = body.get("maxEvents", MOST)
    refused = {
        jti: ReceiverError(one["err"], one.get("description", ""))
        for jti, one in body.get("setErrs", {}).items()
    }
    found = notifications.poll(call.ports, call.caller, most, body.get("ack", ()), refused)
    wait_for = request.environ.get(WAIT_FOR)
    if wait_for and most and not found.sets and not body.get("returnImmediately", False):
        wait_for(call.caller.organisation, found.acknowledged)
    return {"sets": found.sets, "moreAvailable": found.more}


@endpoint("GET /notifications", "notification.poll", "events.read", "NotificationStatus")
def notifications_show(call: Call) -> NotificationStatus:
    """Read how far one's notifications were acknowledged, and which ones were refused."""
    return notifications.status(call.ports, call.caller)


@writes(
    "POST /notifications/<uuid:event>/replay",
    "notification.replay",
    "events.read",
    "ReplayedNotification",
    body=PersonBody(),
)
def notifications_replay(call: Call, event: UUID) -> WriteResult:
    """Have a refused notification sent again, before those that follow."""
    return notifications.replay(call.ports, call.caller, call.key, event, call.body["by"])
