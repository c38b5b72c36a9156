"""A console over the founding story's gateway: what its pages show is what the gateway answers."""

from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

from gateway.console.access import Access, Person
from gateway.console.context import LANGUAGE_COOKIE
from gateway.evidence.declarations import jwk_of_approval_key
from gateway.web.hosted_access import HostedAccess
from gateway.web.hosted_persons import HostedPersons
from tests.console.browsing import Browser, Console
from tests.founded_gateway import OFMIN, Founded, signed_in


class HostedConsole(Console):
    """It acts for persons of the story's organisations."""

    def __init__(self, folder: Path, gateway: Founded) -> None:
        self.gateway = gateway
        super().__init__(folder)
        self.register.access = self._access
        self._persons = HostedPersons(gateway.ports, HostedAccess)
        self._registered = set[str]()

    def _access(self, person: Person, session: str, kid: str) -> Access | None:
        keys = self.register.keys[person]
        kid = kid or [*keys][-1]
        if kid not in self._registered:
            jwk = jwk_of_approval_key(kid, keys[kid])
            signed_in(self.gateway.ports, *person, SimpleNamespace(jwk=jwk), session)
            self._registered.add(kid)
        return self._persons.access(person, session, kid)

    def _new_id(self) -> UUID:
        return self.gateway.new_id()

    def signed_in(
        self, organisation: str = OFMIN, name: str = "officer-1", lang: str = ""
    ) -> Browser:
        """A person who has signed in, and reads one language."""
        browser = self.browser(Person(organisation, name))
        browser.sign_in()
        if lang:
            browser.client.set_cookie(LANGUAGE_COOKIE, lang, domain="console.example", secure=True)
        return browser
