"""What the gateway signed about an organisation under a checkpoint: where its stream ends, or that
a key was not revoked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.domain.organisation import read_organisation_uri
from gateway.evidence import sd_jwt
from gateway.evidence.receipt import NotInLog, UnknownLog
from gateway.evidence.sd_jwt import DocumentError, UnknownKey
from gateway.ledger.note import Checkpoint, NoteError, open_checkpoint
from gateway.verification.trust import TrustAnchors

_LATEST = 253402300799
"""The last second of the year 9999, which is the last one that `datetime` has."""


@dataclass(frozen=True)
class DatedStatement:
    """What the gateway signed about an organisation under a checkpoint of the log."""

    organisation: str
    checkpoint: Checkpoint
    note: str
    at: datetime
    kid: str
    claims: Mapping[str, Any]

    def number(self, name: str) -> int:
        """A claim that is a number, from 0 on; DocumentError otherwise."""
        return _number(self.claims, name)


def read_dated(text: str, typ: str, trust: TrustAnchors) -> DatedStatement:
    """Verify a statement with the gateway's keys, and its checkpoint with those of the log.

    Raises DocumentError (BadSignature, UnknownKey), UnknownLog for a log that is not trusted,
    NotInLog when the log did not sign the checkpoint.
    """
    issuer = sd_jwt.read_unverified(text).claims.get("iss")
    anchors = trust.of_gateway(str(issuer))
    if not anchors.gateway_keys:
        raise UnknownKey("no key was provided for what the gateway attests")
    verified = sd_jwt.verify(text, typ=typ, keys=anchors.gateway_keys)
    note = verified.claims.get("checkpoint")
    if not isinstance(note, str):
        raise DocumentError("the statement has no checkpoint of the log")
    at = _number(verified.claims, "iat")
    if at > _LATEST:
        raise DocumentError("the time of the statement is after the year 9999")
    audience, origin = verified.claims.get("aud"), note.partition("\n")[0]
    named = read_organisation_uri(audience) if isinstance(audience, str) else None
    if named is None or named[0] != verified.claims.get("iss"):
        raise DocumentError("the statement names no organisation of the gateway that signed it")
    if origin not in anchors.origins:
        raise UnknownLog(f"the log of the checkpoint is not trusted: {ascii(origin)[:200]}")
    try:
        checkpoint = open_checkpoint(note, anchors.log_keys, origin)
    except NoteError as error:
        raise NotInLog(f"the log did not sign the checkpoint: {error}") from None
    return DatedStatement(
        organisation=named[1],
        checkpoint=checkpoint,
        note=note,
        at=datetime.fromtimestamp(at, UTC),
        kid=str(verified.header["kid"]),
        claims=verified.claims,
    )


def _number(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int or value < 0:
        raise DocumentError(f"{name} of the statement is not a number")
    return value
