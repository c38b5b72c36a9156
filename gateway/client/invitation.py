"""The invitation file: where a gateway is, by what to know it, and a token that enrols once.

It goes from the administrators to one member, on a way that nobody else reads: whoever has it
first is the member's system.
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from gateway.client.failures import SettingsError
from gateway.client.line import ADDRESS
from gateway.domain.invitation import TOKEN
from gateway.domain.organisation import SLUG
from gateway.ledger.note import ED25519, NoteError, VerificationKey

FORMAT = "casegate-invitation/1"

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class InvitationFile:
    """What an invitation file says.

    ``issuer`` and ``partners`` are the two addresses, ``root_sha256`` the fingerprint of the root
    certificate (hex, over its DER), ``log_key`` the log's verifier key.
    """

    gateway: str
    issuer: str
    partners: str
    root_sha256: str
    log_key: str
    organisation: str
    system: str
    invitation: str
    token: str
    ends_at: str

    @property
    def client_id(self) -> str:
        """The system's name at the gateway."""
        return f"{self.organisation}.{self.system}"

    def ended(self, now: datetime) -> bool:
        """Whether its time is over, by the clock here."""
        return now >= datetime.fromisoformat(self.ends_at)

    def __repr__(self) -> str:
        """Whose it is, without the token."""
        return f"InvitationFile({self.client_id} at {self.issuer})"

    def render(self) -> bytes:
        """Write it."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n").encode()

    @classmethod
    def read(cls, data: bytes) -> "InvitationFile":
        """Read one; SettingsError when it is none, or was not copied whole."""
        try:
            members: Any = json.loads(data)
            if members.pop("format") != FORMAT or not _is_text(members):
                raise ValueError
            made = cls(**members)
            if not made.fits():
                raise ValueError
        except (ValueError, TypeError, KeyError, AttributeError, NoteError):
            raise SettingsError(
                "this is no invitation of a gateway, or it was not copied whole: ask for it again"
            ) from None
        return made

    def fits(self) -> bool:
        """Whether each field has its form; ValueError or NoteError for some that have not."""
        return (
            all(SLUG.fullmatch(name) for name in (self.gateway, self.organisation, self.system))
            and all(ADDRESS.fullmatch(address) for address in (self.issuer, self.partners))
            and _DIGEST.fullmatch(self.root_sha256) is not None
            and TOKEN.fullmatch(self.token) is not None
            and datetime.fromisoformat(self.ends_at).tzinfo is not None
            and VerificationKey.parse(self.log_key).kind == ED25519
        )


def _is_text(members: dict[str, Any]) -> bool:
    return all(isinstance(value, str) and value.isprintable() for value in members.values())
