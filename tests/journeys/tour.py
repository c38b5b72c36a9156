"""A tour of the console: each kind of page as the person comes to it whose work it is.

    python -m tests.journeys.tour docs/screens

writes the pictures of the guides. The gateway is the founding story's, in this process.
"""

import logging
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from werkzeug.serving import make_server

from gateway.cli.demo.environment import free_ports
from gateway.kernel.actors import GATEWAY
from gateway.web.hosted_access import HostedAccess
from gateway.web.hosted_persons import HostedPersons
from tests.authenticator import Authenticator
from tests.casework import accepted, offered, submitted
from tests.console.browsing import Console
from tests.console.test_admission_pages import apply
from tests.exchange.oversight.test_audit import grant
from tests.founded_gateway import ABROAD, ALICE, BENOIT, HOTLINE, OFMIN, Founded, signed_in
from tests.founding import founded
from tests.journeys import browser
from tests.newcomers import NEWCOMER
from tests.registry.test_health import FULL, WELL, keep
from tests.registry.test_passkeys import registration

if TYPE_CHECKING:  # installed for the slow suites alone
    from playwright.sync_api import Browser, Page

Stop: TypeAlias = tuple[str, "Page"]
"""The name of a kind of page, and a browser that shows it."""

PICTURES = (
    "to-do",
    "handoff",
    "check",
    "content",
    "case",
    "offer",
    "organisation",
    "proposal",
    "admission",
    "health",
    "month",
    "event",
)
"""What the guides show."""


@dataclass
class Place:
    """A console that answers on this machine, and what there is to be seen in it."""

    origin: str
    gateway: Founded
    accepted: UUID
    offered: UUID
    keys: dict[tuple[str, str], Authenticator] = field(default_factory=dict)

    def sign_in(self, chromium: "Browser", organisation: str, name: str, **window: Any) -> "Page":
        """A browser of its own in which a person has signed in."""
        page = self.browser_of(chromium, organisation, name, **window)
        page.goto(f"{self.origin}/login")
        page.locator("main button").click()
        page.wait_for_url(f"{self.origin}/")
        return page

    def browser_of(
        self, chromium: "Browser", organisation: str, name: str, **window: Any
    ) -> "Page":
        """A browser of its own with the passkey of a person."""
        page = chromium.new_context(**window).new_page()
        browser.add_authenticator(page, self._key(organisation, name), f"{organisation}/{name}")
        return page

    def _key(self, organisation: str, name: str) -> Authenticator:
        person = (organisation, name)
        if person not in self.keys:
            key = self.keys[person] = Authenticator(origin=self.origin)
            if organisation:
                signed_in(self.gateway.ports, organisation, name, key)
            else:
                proof = registration(self.gateway, name, key)
                self.gateway.administer("admin.add_passkey", GATEWAY, **proof)
        return self.keys[person]


@contextmanager
def opened(port: int) -> Iterator[Place]:
    """Open a console with a case that was accepted, one that is offered, and an auditor."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    gateway, origin = founded(), f"http://localhost:{port}"
    with tempfile.TemporaryDirectory() as folder:
        console = Console(Path(folder), origin)
        console.show(persons=HostedPersons(gateway.ports, HostedAccess))
        app = console.app
        # The server gives each request a thread of its own, and so a connection to the store.
        app.teardown_request(lambda _: console.sessions.close())
        taken = accepted(gateway)
        waiting = UUID(offered(gateway, submitted(gateway)).result["handoff"])
        submitted(gateway)
        grant(gateway, ABROAD)
        place = Place(origin, gateway, taken, waiting)
        server = make_server("localhost", port, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield place
        finally:
            server.shutdown()
            thread.join()


def walk(chromium: "Browser", place: Place, **window: Any) -> Iterator[Stop]:
    """Open page after page, as the four kinds of persons do; ``window`` as Playwright has it."""
    desks = (_without_session, _officer, _oneself, _analyst, _administrators, _admission, _auditor)
    for desk in desks:
        yield from desk(chromium, place, window)


def _without_session(chromium: "Browser", place: Place, window: dict[str, Any]) -> Iterator[Stop]:
    page = chromium.new_context(**window).new_page()
    for name in ("login", "invitation", "administrator"):
        page.goto(f"{place.origin}/{name}")
        yield name, page
    page.context.close()


def _officer(chromium: "Browser", place: Place, window: dict[str, Any]) -> Iterator[Stop]:
    page = place.sign_in(chromium, OFMIN, "officer-1", **window)
    go = _goer(page, place)
    yield "to-do", page
    for name in ("received", "staff", "waiting", "me", "no-such-page"):
        go(f"/{name}")
        yield name, page
    go(f"/handoffs/{place.offered}")
    yield "handoff", page
    go(f"/handoffs/{place.offered}/handoff.accept")
    yield "form", page
    page.locator("main button.main").click()
    yield "form-with-faults", page
    page.locator('input[name="conditions"]').check()
    page.locator("main button.main").click()
    yield "check", page
    go(f"/handoffs/{place.accepted}")
    yield "accepted", page
    go(f"/handoffs/{place.accepted}/handoff.report_outcome")
    yield "outcome", page
    go(f"/handoffs/{place.accepted}/open")
    yield "reason", page
    page.locator("main select").first.select_option(index=1)
    page.locator("main textarea, main input[type=text]").first.fill("to identify the victim")
    page.locator("main button.main").click()
    yield "content", page
    page.locator('main a[href*="/address/"]').first.click()
    yield "live-address", page
    page.context.close()


def _analyst(chromium: "Browser", place: Place, window: dict[str, Any]) -> Iterator[Stop]:
    page = place.sign_in(chromium, HOTLINE, "analyst-1", **window)
    go = _goer(page, place)
    go("/sent")
    yield "sent", page
    go("/cases/import")
    yield "import", page
    go("/cases")
    yield "cases", page
    case = page.locator('main table a[href^="/cases/"]').first.get_attribute("href")
    go(f"{case}")
    yield "case", page
    acts = page.locator(f'main a[href^="{case}/"]').all()
    for act in sorted({f"{one.get_attribute('href')}" for one in acts}):
        go(act)
        yield act.rpartition("/")[2].replace("handoff.offer", "offer"), page
    page.context.close()


def _administrators(chromium: "Browser", place: Place, window: dict[str, Any]) -> Iterator[Stop]:
    page = place.sign_in(chromium, "", ALICE, **window)
    go = _goer(page, place)
    yield "administrator-to-do", page
    keep(place.gateway, WELL, FULL)
    go("/health")
    page.locator("main summary").click()
    yield "health", page
    go("/admin/organisations")
    yield "organisations", page
    go(f"/admin/organisations/{OFMIN}")
    yield "organisation", page
    go(f"/admin/organisations/{OFMIN}/organisation.amend")
    yield "change", page
    page.locator('[name="name"]').fill("OFMIN, renamed")
    page.locator('[name="reason"]').fill("as its statutes say")
    page.locator("main button.main").click()
    yield "change-check", page
    page.locator("main button.main").click()
    page.wait_for_url(f"{place.origin}/done/*")
    yield "done", page
    other = place.sign_in(chromium, "", BENOIT, **window)
    other.locator('main a[href^="/admin/changes/"]').first.click()
    yield "proposal", other
    other.context.close()
    go("/")
    page.locator('main a[href^="/admin/changes/"]').first.click()
    yield "own-proposal", page
    page.context.close()


def _admission(chromium: "Browser", place: Place, window: dict[str, Any]) -> Iterator[Stop]:
    apply(place.gateway)
    page, path = place.sign_in(chromium, "", ALICE, **window), f"/admin/organisations/{NEWCOMER}"
    _goer(page, place)(f"{path}/admission")
    yield "admission", page
    page.locator("main button.main").click()
    yield "admission-with-faults", page
    fill_admission(page)
    page.locator("main button.main").click()
    yield "check-all", page
    page.locator("main button.main").click()
    page.wait_for_url(f"{place.origin}/admin/signed/*")
    yield "done-all", page
    page.context.close()
    other = place.sign_in(chromium, "", BENOIT, **window)
    go = _goer(other, place)
    for name in ("proposals", "refusal"):
        go(f"{path}/{name}")
        yield f"all-{name}", other
    other.context.close()


DECIDED = {
    "organisation.approve.decision_ref": "board 12",
    "organisation.approve.decided_on.part_day": "1",
    "organisation.approve.decided_on.part_month": "2",
    "organisation.approve.decided_on.part_year": "2026",
    "organisation.approve.document_sha256": "A" * 43,
    "membership.grant.decision_ref": "board 12",
    "membership.grant.from.part_day": "2",
    "membership.grant.from.part_month": "2",
    "membership.grant.from.part_year": "2026",
    "staff.establish.entries": "head,analyst approver,liaison",
    "system.register.system": "desk",
    "invitation.create.system": "desk",
}


def fill_admission(page: "Page", **changes: str) -> None:
    """Write what was decided of an admission into its form; ``changes`` are parts of its days."""
    for one in page.locator("main form > details:not([open]) > summary").all()[::-1]:
        one.click()
    page.locator('[name="membership.grant.membership"][value="associate"]').check()
    for name, value in DECIDED.items():
        page.locator(f'[name="{name}"]').fill(changes.get(name.rpartition(".")[2], value))


def _auditor(chromium: "Browser", place: Place, window: dict[str, Any]) -> Iterator[Stop]:
    page = place.sign_in(chromium, ABROAD, "auditor-1", **window)
    go = _goer(page, place)
    go("/audit/months")
    yield "month-asked", page
    _give_reason(page)
    yield "month", page
    go(f"/audit/handoffs/{place.accepted}")
    yield "handoff-asked", page
    _give_reason(page)
    yield "handoff-in-time", page
    go("/audit")
    yield "audit", page
    _give_reason(page)
    yield "found", page
    page.locator("main table a").last.click()
    yield "event", page
    page.context.close()


def _give_reason(page: "Page") -> None:
    """Say why the log is read, and read it."""
    page.locator('[name="reason_code"]').first.check()
    page.locator('[name="reason"]').first.fill("the yearly review")
    page.locator("main button.main").click()


def _oneself(chromium: "Browser", place: Place, window: dict[str, Any]) -> Iterator[Stop]:
    page = place.sign_in(chromium, OFMIN, "officer-1", **window)
    go = _goer(page, place)
    go("/me")
    page.locator("#f-minutes").select_option("30")
    page.locator("main form:has(#f-minutes) button").click()
    yield "my-access", page
    go("/me/acts")
    yield "my-acts", page
    go("/continue")
    yield "continued", page
    page.context.close()


def _goer(page: "Page", place: Place) -> Callable[[str], None]:
    def go(path: str) -> None:
        page.goto(place.origin + path)

    return go


def main(folder: Path) -> None:
    """Write the pictures of the guides, the top of each page on a small screen."""
    folder.mkdir(exist_ok=True)
    window = {"viewport": {"width": 880, "height": 640}, "locale": "en"}
    with browser.chromium() as chromium, opened(free_ports()[0]) as place:
        for name, page in walk(chromium, place, **window):
            if name in PICTURES:
                page.evaluate("scrollTo(0, 0)")
                page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
