"""An office's approval of a succession, signed by the office itself.

In clear stands what was planned, so that it approves nothing else; the person is a disclosure,
which is not kept with it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.evidence import sd_jwt
from gateway.evidence.sd_jwt import SdJwt, Signer

SUCCESSION_TYP = "casegate-succession+sd-jwt"

PLANNED = (
    "succession",
    "predecessor",
    "successor",
    "competence",
    "on",
    "read_until",
    "legal_act",
    "consents_carry_over",
)
"""What is approved: the fields of a succession as its two offices read it."""


def planned(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The plan in a succession as it is shown; what is missing is None."""
    return {name: shown.get(name) for name in PLANNED}


def issue(
    *,
    issuer: str,
    audience: str,
    at: datetime,
    jti: UUID,
    shown: Mapping[str, Any],
    by: str,
    signer: Signer,
    random: Callable[[int], bytes],
) -> SdJwt:
    """Sign an approval of the succession as it is ``shown``; ``issuer`` is the office's URI."""
    heading = {"iss": issuer, "aud": audience, "iat": int(at.timestamp()), "jti": str(jti)}
    return sd_jwt.issue(
        typ=SUCCESSION_TYP,
        claims={**heading, **planned(shown)},
        properties=[("by", by)],
        arrays=(),
        signer=signer,
        random=random,
    )
