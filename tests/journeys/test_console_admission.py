"""Two administrators admit an organisation in two browsers, without a mouse, from its application
until its persons sign in, and the log of it verifies offline."""

import json
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from gateway.cli.demo.environment import ADMINS, DemoEnvironment
from tests.journeys import tour
from tests.journeys.harness import OFMIN, admin, casegate, check_log
from tests.journeys.keyboard import choose, press, write
from tests.journeys.test_console import _administrator, _Listener, _saved, console, entered

if TYPE_CHECKING:  # installed for the slow suites alone
    from playwright.sync_api import Browser, Page

__all__ = ["console"]

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.xdist_group("console"),
]

SLUG = "hotline-new"
WRITTEN = {
    "name": "A new hotline",
    "country": "FR",
    "description": "We answer the phone day and night.",
    "received_on.part_day": "1",
    "received_on.part_month": "1",
    "received_on.part_year": "2026",
}
JANUARY = {
    "organisation.approve.decided_on.part_month": "1",
    "membership.grant.from.part_month": "1",
}
CHOSEN = {
    "kind": "hotline",
    "public_authority": "false",
    "membership": "associate",
    "purposes": "remove",
}


def test_two_administrators_admit_an_organisation_by_the_keyboard_alone_and_its_persons_sign_in(
    console: tuple[DemoEnvironment, str], chromium: "Browser", tmp_path: Path
) -> None:
    stage, address = console
    one, other = (_administrator(stage, chromium, address, name) for name, _ in ADMINS)
    seen, entry = _Listener(one), f"/admin/organisations/{SLUG}"
    _apply(one)
    press(one, f'main a[href="{entry}"]')
    press(one, f'main a[href="{entry}/admission"]')
    _decide(one)
    _sign(one)
    *invitations, shown = one.locator("main p.mono").all_inner_texts()
    assert one.locator("main tbody tr").count() == 5
    press(other, 'nav a[href="/admin/changes"]')
    press(other, 'main a[href^="/admin/changes/"]')
    press(other, f'main a[href="{entry}/proposals"]')
    assert other.locator("main ol > li").count() == 5
    _sign_shown(other)
    receipt = _saved(other, "main tbody a", tmp_path)
    trust = stage.folder / OFMIN / "connection.toml"
    casegate("verify", receipt, "--trust", trust, status=18)
    invitation = tmp_path / "invitation.json"
    invitation.write_text(unescape(shown), encoding="utf-8")
    invitation.chmod(0o600)
    admin(stage, "invitation", "complete", invitation)
    told = json.loads(invitation.read_text(encoding="utf-8"))
    home = tmp_path / SLUG
    casegate("enrol", invitation, "--out", home, "--root-sha256", told["root_sha256"])
    by = casegate("staff", "list", "--connection", home / "connection.toml", "--json")["items"]
    person = next(one["pseudonym"] for one in by if "analyst" in one["roles"])
    casegate("conformance", "run", "--connection", home / "connection.toml", "--by", person)
    press(one, 'nav a[href="/"]')
    press(one, f'main a[href="{entry}/organisation.activate"]')
    write(one, "reason", "conformance passed")
    press(one, "main button.main")
    press(one, "main button.main")
    one.wait_for_url("**/done/*")
    for link in invitations:
        entered(chromium.new_context(), address, urlsplit(link).fragment).context.close()
    assert len(invitations) == 2
    assert seen.silent()
    check_log(stage)
    assert SLUG in admin(stage, "organisation", "list", "--status", "active")
    administrators = tmp_path / "administrators.json"
    admin(stage, "administrator", "list", "--out", administrators)
    assert "webauthn" in administrators.read_text(encoding="utf-8")
    for page in (one, other):
        page.context.close()


def _apply(page: "Page") -> None:
    """Record an application that names two persons."""
    press(page, 'nav a[href="/admin/organisations"]')
    write(page, "id", SLUG)
    press(page, 'form[action="/admin/apply"] button')
    for name, value in CHOSEN.items():
        choose(page, name, value)
    for name, value in WRITTEN.items():
        write(page, name, value)
    for number, role in enumerate(("head", "duty")):
        if number:
            press(page, f"summary:has(~ * [name='contacts.{number}.role'])", "Space")
        choose(page, f"contacts.{number}.role", role)
        write(page, f"contacts.{number}.name", f"C. Bernard {number}")
        write(page, f"contacts.{number}.address", f"{role}@hotline.example")
    press(page, "main button.main")
    press(page, "main button.main")
    page.wait_for_url("**/done/*")


def _decide(page: "Page") -> None:
    """Open each part of an admission and write what was decided of it."""
    opened = set[str]()
    for name, value in {**tour.DECIDED, **JANUARY}.items():
        part = name.partition(".")[0]
        if part not in opened:
            opened.add(part)
            press(page, f"summary:has(~ * [name^='{part}.'])", "Space")
        write(page, name, value)
    choose(page, "membership.grant.membership", "associate")
    choose(page, "invite", "yes")


def _sign(page: "Page") -> None:
    """Check what a form says, and sign it."""
    press(page, "main button.main")
    _sign_shown(page)


def _sign_shown(page: "Page") -> None:
    press(page, "main button.main")
    page.wait_for_url("**/admin/signed/*")
    page.locator("main table").wait_for()
    assert not page.get_by_text("Refus").count(), page.locator("main").inner_text()
