"""Who may sign in at the console, asked in the gateway's own process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.console.access import Access, Person, PersonInvitation
from gateway.domain.refusals import InvalidInvitation
from gateway.evidence.passkey import Passkey
from gateway.kernel.actors import GATEWAY
from gateway.kernel.authentication import NotAuthenticated, authenticate_person, passkeys_of
from gateway.kernel.ports import Ports
from gateway.kernel.values import Caller, PersonCredentials


@dataclass(frozen=True)
class HostedPersons:
    """The persons of the staff registers, and the administrators; ``origin`` is the console's.
    ``endpoints`` makes the access of one of them."""

    ports: Ports
    origin: str
    endpoints: Callable[[Ports, Caller, Person], Access]

    def passkeys(self, person: Person, /) -> Mapping[str, Passkey]:
        """The passkeys of a person who may sign in now; none for anybody else."""
        if person.organisation == GATEWAY:  # an administrator has one name here, without it
            return {}
        return passkeys_of(self.ports, person.organisation or GATEWAY, person.name)

    def access(self, person: Person, session: str, kid: str, /) -> Access | None:
        """The endpoints for a person; None once they may not sign in, or not with this passkey."""
        credentials = PersonCredentials(session, kid, person.name)
        try:
            caller = authenticate_person(self.ports, person.organisation or GATEWAY, credentials)
        except NotAuthenticated:
            return None
        return self.endpoints(self.ports, caller, person)

    def invitation(self, token: str, /) -> PersonInvitation | None:
        """The open invitation of a token: none is made yet."""
        return None

    def registration(self, token: str, jwk: Mapping[str, Any], /) -> str:
        """InvalidInvitation: none is made yet."""
        raise InvalidInvitation("no invitation has this token")

    def register(self, token: str, jwk: Mapping[str, Any], statement: str, key: str, /) -> None:
        """InvalidInvitation: none is made yet."""
        raise InvalidInvitation("no invitation has this token")
