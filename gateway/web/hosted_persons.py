"""Who may sign in at the console, asked in the gateway's own process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.console.access import Access, Person, PersonInvitation
from gateway.domain.refusals import InvalidInvitation
from gateway.domain.staff import REGISTER_PASSKEY, StaffInvitation
from gateway.evidence import base64url
from gateway.evidence.declarations import change_digest
from gateway.evidence.passkey import Passkey
from gateway.kernel.actors import GATEWAY
from gateway.kernel.approvals import draft_approval
from gateway.kernel.authentication import NotAuthenticated, authenticate_person, passkeys_of
from gateway.kernel.ports import Ports
from gateway.kernel.transact import RecordedRefusal
from gateway.kernel.values import Caller, PersonCredentials
from gateway.registry import staff


@dataclass(frozen=True)
class HostedPersons:
    """The persons of the staff registers, and the administrators.

    ``endpoints`` makes the access of one of them: it is given, so that the chain of imports does
    not grow."""

    ports: Ports
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
        """The open invitation of a token; None, too, while its organisation does not take part, so
        that nobody's device makes a passkey that is refused."""
        found = staff.open_invitation(self.ports, token)
        if found is None:
            return None
        invited, by = found
        person = _invited(invited)
        try:
            authenticate_person(self.ports, person.organisation, _shown(person, token))
        except NotAuthenticated:
            return None
        return PersonInvitation(person, by, invited.expires_at)

    def registration(self, person: Person, jwk: Mapping[str, Any], /) -> str:
        """Draft what a new passkey of a person signs about itself."""
        organisation = person.organisation or GATEWAY
        if person.organisation:
            action, values = REGISTER_PASSKEY, staff.proved(person.name, jwk)
        else:
            action, values = "admin.add_passkey", {"person": person.name, "jwk": dict(jwk)}
        signer = PersonCredentials("", str(jwk["kid"]), person.name)
        change = change_digest(action, organisation, values)
        return draft_approval(self.ports, signer, organisation, (action, change))

    def register(self, token: str, jwk: Mapping[str, Any], statement: str, key: str, /) -> None:
        """Register a passkey and use up its invitation. Raises Refusal."""
        found = staff.open_invitation(self.ports, token)
        if found is None:
            raise InvalidInvitation(_NONE)
        person = _invited(found[0])
        try:
            caller = authenticate_person(self.ports, person.organisation, _shown(person, token))
            made = staff.NewPasskey(person.name, token, jwk, statement)
            staff.register_passkey(self.ports, caller, key, person.name, made)
        except NotAuthenticated:
            raise InvalidInvitation(_NONE) from None
        except RecordedRefusal as refused:
            raise refused.refusal from refused


_NONE = "no open invitation has this token"


def _invited(one: StaffInvitation) -> Person:
    return Person(one.organisation, one.pseudonym)


def _shown(person: Person, token: str) -> PersonCredentials:
    """Return what an invited person shows: their token alone."""
    return PersonCredentials("", "", person.name, base64url.digest(token.encode()))
