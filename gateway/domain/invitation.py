"""Invitations: the right to enrol one system once, given by two persons as a file with a token."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from gateway.domain.refusals import InvitationUnusable

LIFE = timedelta(hours=72)
"""How long an invitation may be used, and an interrupted enrolment be taken up again."""

TOKEN_BYTES = 32

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""A token: 256 random bits in base64url. The gateway stores only its SHA-256."""


@dataclass(frozen=True)
class Invitation:
    """The right to a first certificate for one system, and to the first document key.

    ``id`` is the event that made it; ``token_sha256`` is base64url. Once used, ``key`` tells for
    which key (SHA-256 over its SubjectPublicKeyInfo, base64url) and ``request`` which certificate
    request came of it.
    """

    id: UUID
    organisation: str
    system: str
    token_sha256: str
    approved_by: tuple[str, ...]
    expires_at: datetime
    key: str | None = None
    request: UUID | None = None
    withdrawn_at: datetime | None = None

    def use(self, key: str, request: UUID, now: datetime) -> "Invitation":
        """The invitation once used for a key; InvitationUnusable when it cannot be used so.

        For the key that it was used for already it stays as it is: who was interrupted goes on.
        """
        if self.withdrawn_at is not None:
            raise InvitationUnusable("the invitation was withdrawn: ask the administrators")
        if now >= self.expires_at:
            raise InvitationUnusable("the invitation has expired: ask for a new one")
        if self.key is None:
            return replace(self, key=key, request=request)
        if self.key != key:
            raise InvitationUnusable(
                "the invitation was used before, for another key: if it was you in another folder, "
                "use that one; if it was not, tell the administrators at once"
            )
        return self

    def withdraw(self, now: datetime, *, served: bool) -> "Invitation":
        """The invitation once withdrawn; InvitationUnusable when there is nothing to withdraw.

        ``served`` tells whether a certificate came of it already.
        """
        if self.withdrawn_at is not None:
            raise InvitationUnusable("the invitation was withdrawn before")
        if served:
            raise InvitationUnusable(
                "the invitation was used: revoke the certificate that came of it"
            )
        return replace(self, withdrawn_at=now)
