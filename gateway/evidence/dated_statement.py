"""What the gateway signs of an organisation under a checkpoint of its log.

The head of a stream names the last number in it, a key status a key that is not revoked.
"""

from collections.abc import Callable
from datetime import datetime

from gateway.domain.organisation import organisation_uri
from gateway.evidence import sd_jwt
from gateway.evidence.sd_jwt import SdJwt, Signer

HEAD_TYP = "casegate-stream+sd-jwt"
KEY_STATUS_TYP = "casegate-key-status+sd-jwt"


def issue_dated(
    typ: str,
    *,
    issuer: str,
    organisation: str,
    note: str,
    at: datetime,
    signer: Signer,
    random: Callable[[int], bytes],
    **said: str | int,
) -> SdJwt:
    """Sign what is ``said`` of an organisation (by its id) under the signed checkpoint ``note``.

    A stream head says ``stream_number``, the last one of its stream; a key status ``kid``, a key
    that is not revoked. ``issuer`` is the gateway's URI, ``at`` an aware time, written as whole
    seconds.
    """
    claims = {
        "iss": issuer,
        "aud": organisation_uri(issuer, organisation),
        "iat": int(at.replace(microsecond=0).timestamp()),
        **said,
        "checkpoint": note,
    }
    return sd_jwt.issue(
        typ=typ, claims=claims, properties=(), arrays=(), signer=signer, random=random
    )
