"""An office's approval of a succession, signed by the office itself.

In clear stands what was planned, so that it approves nothing else; the person is a disclosure,
which is not kept with it.
"""

from collections.abc import Mapping
from typing import Any

from gateway.evidence.heading import Heading
from gateway.evidence.sd_jwt import SdJwt

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


def issue(heading: Heading, *, shown: Mapping[str, Any], by: str) -> SdJwt:
    """Sign an approval of the succession as it is ``shown``; the heading's author is the office."""
    return heading.sign(SUCCESSION_TYP, planned(shown), {"by": by})
