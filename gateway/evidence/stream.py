"""How far one organisation's own stream of events goes: its last number, signed and dated.

Each event has a number in the stream of each of its parties: 1, 2, 3... without a gap. With the
last number, the receipts show that none is missing. The gateway states it with its attestation
key, for one state of the log, whose signed checkpoint is part of the statement: so a later number
in that same state would be a contradiction that anybody can show.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.domain.organisation import organisation_uri, read_organisation_uri
from gateway.evidence import sd_jwt
from gateway.evidence.receipt import NotInLog, UnknownLog
from gateway.evidence.sd_jwt import DocumentError, SdJwt, Signer, UnknownKey, VerifiedSdJwt
from gateway.evidence.trust import TrustAnchors
from gateway.ledger.checkpoint import Checkpoint, open_checkpoint
from gateway.ledger.note import NoteError

HEAD_TYP = "casegate-stream+sd-jwt"

_LATEST = 253402300799
"""The last second of the year 9999: no time that can be written is later."""


@dataclass(frozen=True)
class StreamHead:
    """A verified statement: number ``stream_number`` is the organisation's last under ``checkpoint``.

    ``stream_number`` is 0 for an organisation without events. ``at`` is the gateway's time, in whole
    seconds; ``kid`` the key that signed. ``note`` is the checkpoint as the log signed it.
    """

    organisation: str
    stream_number: int
    checkpoint: Checkpoint
    note: str
    at: datetime
    kid: str


def issue_head(
    *,
    issuer: str,
    organisation: str,
    stream_number: int,
    note: str,
    at: datetime,
    signer: Signer,
    random: Callable[[int], bytes],
) -> SdJwt:
    """State the last number of an organisation (by its id) under the signed checkpoint ``note``.

    ``issuer`` is the gateway's URI, ``at`` an aware time, written as whole seconds.
    """
    claims = {
        "iss": issuer,
        "aud": organisation_uri(issuer, organisation),
        "iat": int(at.replace(microsecond=0).timestamp()),
        "stream_number": stream_number,
        "checkpoint": note,
    }
    return sd_jwt.issue(
        typ=HEAD_TYP, claims=claims, properties=(), arrays=(), signer=signer, random=random
    )


def read_head(text: str, trust: TrustAnchors) -> StreamHead:
    """Verify a statement with the gateway's keys, and its checkpoint with those of the log.

    Raises DocumentError (BadSignature, UnknownKey for what they say), UnknownLog for a log that is
    not among the trusted ones, NotInLog when the log did not sign the checkpoint.
    """
    if not trust.gateway_keys:
        raise UnknownKey("no key was given for what the gateway attests")
    verified = sd_jwt.verify(text, typ=HEAD_TYP, keys=trust.gateway_keys)
    note = verified.claims.get("checkpoint")
    if not isinstance(note, str):
        raise DocumentError("the statement has no checkpoint of the log")
    return StreamHead(
        organisation=_organisation(verified),
        stream_number=_number(verified, "stream_number"),
        checkpoint=_checkpoint(note, trust),
        note=note,
        at=_time(verified),
        kid=str(verified.header["kid"]),
    )


def _organisation(verified: VerifiedSdJwt) -> str:
    """Whose stream it is: an organisation of the gateway that speaks."""
    issuer, audience = verified.claims.get("iss"), verified.claims.get("aud")
    named = read_organisation_uri(audience) if isinstance(audience, str) else None
    if named is None or named[0] != issuer:
        raise DocumentError("the statement is about no organisation of the gateway that signs it")
    return named[1]


def _number(verified: VerifiedSdJwt, name: str) -> int:
    value = verified.claims.get(name)
    if type(value) is not int or value < 0:
        raise DocumentError(f"the statement's {name} is not a number")
    return value


def _time(verified: VerifiedSdJwt) -> datetime:
    at = _number(verified, "iat")
    if at > _LATEST:
        raise DocumentError("the statement's time lies in no year that can be written")
    return datetime.fromtimestamp(at, UTC)


def _checkpoint(note: str, trust: TrustAnchors) -> Checkpoint:
    origin = note.partition("\n")[0]
    if origin not in trust.origins:
        raise UnknownLog(f"the checkpoint is of {ascii(origin)[:200]}, no trusted log")
    try:
        return open_checkpoint(note, trust.log_keys, origin)
    except NoteError as error:
        raise NotInLog(f"the log did not sign the statement's checkpoint: {error}") from None
