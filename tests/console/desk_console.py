"""A console at a member, over the product's client and the real app without sockets."""

from pathlib import Path
from typing import Any

from gateway.client.desk_access import DeskPersons
from gateway.console.access import Person
from gateway.console.entry import EntryCodes
from tests.authenticator import Authenticator
from tests.client.client_fixture import MemberClient
from tests.console.browsing import Browser, Console

ADDRESS = "http://casegate-0123456789abcdef.localhost:4711"


class DeskConsole(Console):
    """It acts for one person of a member, by its client."""

    def __init__(self, folder: Path, gateway: MemberClient, name: str, *check: Any) -> None:
        super().__init__(folder, ADDRESS)
        self.person = Person(gateway.connection.organisation, name)
        self.codes = EntryCodes(lambda: self.now)
        persons: Any = DeskPersons(gateway, lambda: self.now, *check)
        self.show(persons=persons, enter=self.codes.enter, new_id=gateway._ids)

    def browser(self, person: Person | None = None) -> Browser:
        """A browser, whose device nobody asks."""
        return Browser(self, Authenticator(), person or self.person)

    def signed_in(self, name: str = "") -> Browser:
        """The person, or another one of the member, who came by the printed address."""
        person = self.person._replace(name=name or self.person.name)
        browser = self.browser(person)
        browser.send(browser.get("/login"), "/login", token=self.codes.draw(person))
        return browser
