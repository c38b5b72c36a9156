"""Notifications as security event tokens (RFC 8417): signed by the gateway, for one organisation.

A token says that an event happened, which one, and how soon to act: enough to ask for the rest,
and nothing of a case. The same event has the same ``jti`` for a receiver, however often it comes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from gateway.domain.json_values import parse_timestamp
from gateway.domain.organisation import organisation_uri
from gateway.evidence import base64url, canonical
from gateway.evidence.sd_jwt import Signer
from gateway.evidence.signature import PublicKey, is_valid

TYP = "secevent+jwt"
TYPE_URI = "urn:casegate:event:"
"""Before the event's type: the URI by which a token names what happened."""

MAX_CHARACTERS = 8192
SKEW = timedelta(minutes=5)
"""How far ahead the gateway's clock may be."""

_CLAIMS = {"iss", "aud", "iat", "jti", "toe", "events"}


class NotificationError(ValueError):
    """A token is no notification of this gateway for this organisation."""


@dataclass(frozen=True)
class EventNotification:
    """What one organisation hears of an event of its own stream.

    ``type`` is the event's, as ``handoff.offered``; ``result`` how the request ended; ``at`` when.
    ``urgency`` and ``due_at`` are those of the handoff.
    """

    event: UUID
    stream_number: int
    type: str
    result: str
    at: datetime
    handoff: UUID | None = None
    urgency: str | None = None
    due_at: datetime | None = None

    def members(self) -> dict[str, Any]:
        """The members of the token's event; what is None is left out."""
        told = {
            "event": str(self.event),
            "stream_number": self.stream_number,
            "type": self.type,
            "result": self.result,
            "handoff": self.handoff and str(self.handoff),
            "urgency": self.urgency,
            "due_at": self.due_at and self.due_at.astimezone(UTC).isoformat(),
        }
        return {name: value for name, value in told.items() if value is not None}


def jti_of(event: UUID, organisation: str) -> str:
    """The id of an event's token for an organisation."""
    return f"{event}.{organisation}"


def issue(
    told: EventNotification, *, issuer: str, organisation: str, at: datetime, signer: Signer
) -> str:
    """Sign a notification for an organisation, as a compact JWS."""
    claims = {
        "iss": issuer,
        "aud": organisation_uri(issuer, organisation),
        "iat": int(at.timestamp()),
        "jti": jti_of(told.event, organisation),
        "toe": int(told.at.timestamp()),
        "events": {TYPE_URI + told.type: told.members()},
    }
    signed = f"{_header(signer.alg, signer.kid)}.{base64url.encode(canonical.encode(claims))}"
    return f"{signed}.{base64url.encode(signer.sign(signed.encode('ascii')))}"


@lru_cache(maxsize=8)
def _header(alg: str, kid: str) -> str:
    """The first part of every token by one key."""
    return base64url.encode(canonical.encode({"typ": TYP, "alg": alg, "kid": kid}))


def verify(
    text: str, keys: Mapping[str, PublicKey], *, issuer: str, organisation: str, now: datetime
) -> EventNotification:
    """Read a token that the gateway signed by one of ``keys`` for this organisation.

    Raises NotificationError; KeyError for a key id that is not among the keys.
    """
    parts = text.split(".") if len(text) <= MAX_CHARACTERS and text.isascii() else []
    if len(parts) != 3:
        raise NotificationError("the token is not of the form that notifications have")
    try:
        header, claims = (canonical.decode(base64url.decode(part)) for part in parts[:2])
        signature = base64url.decode(parts[2])
    except ValueError as error:
        raise NotificationError("the token cannot be read") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise NotificationError("the token is not of the form that notifications have")
    if header.keys() != {"typ", "alg", "kid"} or header["typ"] != TYP:
        raise NotificationError("the token is of another type")
    key = keys[str(header["kid"])]
    if not is_valid(header["alg"], key, f"{parts[0]}.{parts[1]}".encode("ascii"), signature):
        raise NotificationError("the token's signature is not valid")
    audience = organisation_uri(issuer, organisation)
    if not claims.keys() >= _CLAIMS or (claims["iss"], claims["aud"]) != (issuer, audience):
        raise NotificationError("the token is by another gateway, or for another organisation")
    try:
        if datetime.fromtimestamp(claims["iat"], UTC) > now + SKEW:
            raise NotificationError("the token is from the future: compare the clocks")
        ((uri, members),) = claims["events"].items()
        told = _read(members, datetime.fromtimestamp(claims["toe"], UTC))
    except (TypeError, KeyError, AttributeError, ValueError, OverflowError) as error:
        if isinstance(error, NotificationError):
            raise
        raise NotificationError("the token's event is not of the form that events have") from error
    if uri != TYPE_URI + told.type or claims["jti"] != jti_of(told.event, organisation):
        raise NotificationError("the token names two events")
    return told


def _read(members: Mapping[str, Any], at: datetime) -> EventNotification:
    """Read an event's members; those that are not known here are passed over."""
    number = members["stream_number"]
    if type(number) is not int or number < 1:
        raise ValueError("a stream number counts from 1")
    handoff, due_at = members.get("handoff"), members.get("due_at")
    urgency = members.get("urgency")
    return EventNotification(
        event=UUID(members["event"]),
        stream_number=number,
        type=str(members["type"]),
        result=str(members["result"]),
        at=at,
        handoff=None if handoff is None else UUID(handoff),
        urgency=None if urgency is None else str(urgency),
        due_at=None if due_at is None else parse_timestamp(due_at),
    )
