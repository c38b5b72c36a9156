"""People at work in a browser: from an invitation to an answer that verifies offline."""

import secrets
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway import wiring
from gateway.cli.demo.environment import ADMINS, DemoEnvironment, free_ports
from gateway.evidence import base64url
from gateway.kernel.actors import GATEWAY
from gateway.registry import staff
from tests.authenticator import Authenticator
from tests.founded_gateway import caller
from tests.journeys import browser
from tests.journeys.harness import (
    HOTLINE,
    OFMIN,
    accepted,
    case_content,
    casegate,
    check_log,
    config_of,
    offered,
    running,
)
from tests.journeys.keyboard import press, reach, write
from tests.journeys.test_living_case import corrected

if TYPE_CHECKING:  # installed for the slow suites alone
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.xdist_group("console"),
]

DAY = date(2026, 1, 15)
OFFICER, KEEPER, HEADS = "ofmin-1", "ofmin-2", ("ofmin-2", "ofmin-3")
CHIEFS = ("pdc-1", "pdc-3")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DemoEnvironment, str]]:
    """A gateway with its console, and the address of that."""
    port = free_ports()[0]
    address = f"http://localhost:{port}"
    settings: dict[str, Any] = {"console_url": address, "console_bind": f"127.0.0.1:{port}"}
    settings["simulated_reference_date"] = DAY  # only a demonstration has http://localhost
    with running(tmp_path_factory.mktemp("console"), **settings) as stage:
        yield stage, address


def invited(
    stage: DemoEnvironment, slug: str, person: str, keeper: str, heads: tuple[str, str] = HEADS
) -> str:
    """Invite a person, as who keeps the staff register; the token."""
    token = secrets.token_urlsafe(32)
    digest = base64url.digest(token.encode())
    asked = staff.PasskeyInvitation(keeper, digest, approved_by=heads)
    gateway = wiring.connect(config_of(stage))
    try:
        staff.invite(gateway.ports, caller(slug), secrets.token_urlsafe(), person, asked)
    finally:
        gateway.close()
    return token


def entered(context: "BrowserContext", address: str, token: str) -> "Page":
    """Make a passkey by an invitation, and sign in with it."""
    page = context.new_page()
    browser.add_authenticator(page)
    page.goto(f"{address}/invitation#{token}")
    for _ in range(3):  # who invites; a new key; its signature about itself
        page.locator("main button").click()
    page.locator("main a.button").click()
    page.locator("main button").click()
    page.wait_for_url(f"{address}/")
    return page


@pytest.mark.parametrize("language", ["en", "fr"])
def test_an_officer_is_invited_accepts_and_the_receipt_verifies_offline(
    console: tuple[DemoEnvironment, str],
    chromium: "Browser",
    tmp_path: Path,
    language: str,
) -> None:
    stage, address = console
    handoff = offered(stage)
    context = chromium.new_context(locale=language, viewport={"width": 360, "height": 740})
    page = entered(context, address, invited(stage, OFMIN, OFFICER, KEEPER))
    seen = _Listener(page)
    page.locator(f'main a[href="/handoffs/{handoff}"]').first.click()
    page.locator(f'main a[href="/handoffs/{handoff}/handoff.accept"]').click()
    page.locator("main button.main").click()
    assert page.locator(".summary").is_visible(), "conditions are accepted by hand"
    page.locator('input[name="conditions"]').check()
    page.locator("main button.main").click()
    page.locator("main button.main").click()
    page.wait_for_url(f"{address}/done/*")
    with page.expect_download() as saved:
        page.locator("main a.button").click()
    receipt = tmp_path / "acceptance.receipt.json"
    saved.value.save_as(receipt)
    trust = stage.folder / OFMIN / "connection.toml"
    report = casegate("verify", receipt, "--trust", trust, "--json", status=18)
    (recorded,) = (one for one in report["proved"] if one["fact"] == "recorded")
    assert (recorded["type"], recorded["handoff"]) == ("handoff.accepted", handoff)
    assert recorded["says"]["by"] == [OFFICER]
    page.goto(f"{address}/handoffs/{handoff}")
    assert not page.locator('a[href$="/handoff.accept"]').count()
    page.goto(f"{address}/handoffs/{handoff}/open")
    page.locator("main select").first.select_option(index=1)
    page.locator("main textarea, main input[type=text]").first.fill("to identify the victim")
    page.locator("main button.main").click()
    assert page.locator("h1 .tlp").count() or "hxxps" in page.locator("main").inner_text()
    assert seen.silent()
    _read_without_scripts(chromium, context, address, handoff)
    check_log(stage)
    context.close()


def test_an_update_is_signed_in_a_browser_and_a_bundle_says_who_confirmed_it(
    console: tuple[DemoEnvironment, str], chromium: "Browser", tmp_path: Path
) -> None:
    stage, address = console
    content = case_content()
    handoff = accepted(stage, content)
    corrected(stage, content["case"], "The account uploaded it once.")
    context = chromium.new_context(locale="fr", viewport={"width": 360, "height": 740})
    page = entered(context, address, invited(stage, HOTLINE, "pdc-2", "pdc-1", CHIEFS))
    seen = _Listener(page)
    page.goto(f"{address}/handoffs/{handoff}")
    page.locator(f'main a[href="/handoffs/{handoff}/handoff.update"]').first.click()
    page.locator("main button.main").click()
    assert "Version" in page.locator("main").inner_text()
    page.locator("main button.main").click()
    page.wait_for_url(f"{address}/done/*")
    page.goto(f"{address}/handoffs/{handoff}")
    confirmed = "Attesté par la passerelle et confirmé par une clé d’accès"
    assert confirmed in page.locator("main").inner_text()
    connection = stage.folder / HOTLINE / "connection.toml"
    keys, bundle = tmp_path / "keys", tmp_path / "bundle.json"
    keys.mkdir()
    casegate("staff", "list", "--out", keys / "persons.json", "--connection", connection)
    with stage.client(HOTLINE) as hotline:
        bundle.write_bytes(hotline.export(handoff))
    trust = ("--trust", connection, "--trust", keys)
    report = casegate("verify", bundle, *trust, "--json", status=17)
    (told,) = (one for one in report["proved"] if one["fact"] == "recorded.confirmed")
    assert (told["persons"], told["type"]) == ([f"{HOTLINE}/pdc-2"], "handoff.updated")
    with stage.client(OFMIN) as office:
        assert {one["assurance"] for one in office.handoff(handoff)["answers"]} == {"attested"}
    assert seen.silent()
    check_log(stage)
    context.close()


def test_two_administrators_change_an_entry_in_two_browsers_and_the_receipt_verifies_offline(
    console: tuple[DemoEnvironment, str], chromium: "Browser", tmp_path: Path
) -> None:
    stage, address = console
    one, other = (_administrator(stage, chromium, address, name) for name, _ in ADMINS)
    seen = _Listener(one)
    one.goto(f"{address}/admin/organisations/{OFMIN}/organisation.amend")
    one.locator('[name="name"]').fill("OFMIN, renamed")
    one.locator('[name="reason"]').fill("as its statutes say")
    one.locator("main button.main").click()
    one.locator("main button.main").click()
    one.wait_for_url(f"{address}/done/*")
    other.goto(address)
    other.locator('main a[href^="/admin/changes/"]').first.click()
    assert "OFMIN, renamed" in other.locator("main").inner_text()
    other.locator("main button.main").click()
    other.locator("main button.main").click()
    other.wait_for_url(f"{address}/done/*")
    with other.expect_download() as saved:
        other.locator("main a.button").click()
    receipt = tmp_path / "change.receipt.json"
    saved.value.save_as(receipt)
    trust = stage.folder / OFMIN / "connection.toml"
    casegate("verify", receipt, "--trust", trust, status=18)
    assert seen.silent()
    check_log(stage)
    for page in (one, other):
        page.context.close()


def test_an_auditor_reads_by_the_keyboard_alone_and_the_file_for_the_court_verifies_offline(
    console: tuple[DemoEnvironment, str], chromium: "Browser", tmp_path: Path
) -> None:
    stage, address = console
    handoff = offered(stage)
    term = {"from": "2026-01-01", "until": "2026-02-01", "decision_ref": "board 2026-01"}
    stage.administer("audit_access.grant", OFMIN, {"coverage": "all", **term})
    context = chromium.new_context(locale="fr", viewport={"width": 360, "height": 740})
    page = entered(context, address, invited(stage, OFMIN, OFFICER, KEEPER))
    seen = _Listener(page)
    press(page, 'nav a[href="/me"]')
    press(page, 'main a[href="/audit"]')
    press(page, 'main a[href="/audit/months"]')
    _give_reason(page)
    page.wait_for_url(f"{address}/audit/searches/*/month")
    assert page.locator("main section").count() == 6
    file = _saved(page, "main a[href$='file.zip']", tmp_path)
    with zipfile.ZipFile(file) as zipped:
        zipped.extractall(tmp_path)
    trust = stage.folder / OFMIN / "connection.toml"
    report = casegate("verify", tmp_path / file.stem, "--trust", trust, "--json", status=18)
    assert "searched" in {one["fact"] for one in report["proved"]}
    press(page, "main a[href*='topic=members']")
    press(page, "main table a")
    page.locator("main h3").nth(2).wait_for()  # the report of the gateway's own check
    page.goto(f"{address}/audit/handoffs/{handoff}")
    _give_reason(page)
    press(page, "main table a")
    press(page, "main a[href^='/audit/cases/']")
    _give_reason(page)
    press(page, "main table a")
    casegate("verify", _saved(page, "main a.button", tmp_path), "--trust", trust, status=18)
    assert seen.silent()
    check_log(stage)
    context.close()


def _give_reason(page: "Page") -> None:
    press(page, "[name=reason_code]", "Space")
    if not page.locator("[name=reason]").input_value():
        write(page, "reason", "yearly check")
    press(page, "main button.main")


def _saved(page: "Page", selector: str, folder: Path) -> Path:
    """Return what a link saves."""
    reach(page, selector)
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    file = folder / saved.value.suggested_filename
    saved.value.save_as(file)
    return file


def _administrator(stage: DemoEnvironment, chromium: "Browser", address: str, name: str) -> "Page":
    """An administrator who registered a passkey, and signed in with it."""
    key, issuer = Authenticator(origin=address), config_of(stage).issuer
    values = {"person": name, "jwk": key.jwk}
    about = ("admin.add_passkey", GATEWAY, values)
    proof = key.approve(issuer, name, about, wiring.now(), wiring.new_id())
    stage.administer("admin.add_passkey", GATEWAY, {**values, "proof": proof})
    page = chromium.new_context(locale="fr").new_page()
    browser.add_authenticator(page, key, f"/{name}")
    page.goto(f"{address}/login")
    page.locator("main button").click()
    page.wait_for_url(f"{address}/")
    return page


def _read_without_scripts(
    chromium: "Browser", signed_in: "BrowserContext", address: str, handoff: str
) -> None:
    context = chromium.new_context(
        java_script_enabled=False, storage_state=signed_in.storage_state()
    )
    page = context.new_page()
    for path in ("/", "/received", f"/handoffs/{handoff}", "/me"):
        answer = page.goto(address + path)
        assert answer is not None
        assert answer.status == 200, path
        assert page.locator("main h1").count() == 1
    context.close()


class _Listener:
    """Keeps what the browser says of a page's policy and script."""

    def __init__(self, page: "Page") -> None:
        self.said = list[str]()
        page.on("console", lambda message: self.said.append(message.text))

    def silent(self) -> bool:
        """Tell whether the browser complained of nothing but of a form that was not accepted."""
        return [one for one in self.said if "422" not in one] == []
