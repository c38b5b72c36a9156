"""Two administrators admit an organisation in two browsers, from its application until it is
active, and the log of it verifies offline."""

import json
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.cli.demo.environment import ADMINS, DemoEnvironment
from tests.journeys import tour
from tests.journeys.harness import OFMIN, admin, casegate, check_log
from tests.journeys.test_console import _administrator, _Listener, console

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
APPLICATION = {
    "name": "A new hotline",
    "country": "FR",
    "description": "We answer the phone day and night.",
    "received_on.part_day": "1",
    "received_on.part_month": "1",
    "received_on.part_year": "2026",
    "contacts.0.name": "C. Bernard",
    "contacts.0.address": "head@hotline.example",
}
CHOSEN = {
    "membership": "associate",
    "kind": "hotline",
    "public_authority": "false",
    "purposes": "remove",
}


def test_two_administrators_admit_an_organisation_in_two_browsers_and_the_log_verifies_offline(
    console: tuple[DemoEnvironment, str], chromium: "Browser", tmp_path: Path
) -> None:
    stage, address = console
    one, other = (_administrator(stage, chromium, address, name) for name, _ in ADMINS)
    seen, entry = _Listener(one), f"{address}/admin/organisations/{SLUG}"
    _apply(one, entry)
    one.goto(f"{entry}/admission")
    tour.fill_admission(one, part_month="1")
    _sign(one)
    shown = one.locator("main p.mono").first.inner_text()
    assert one.locator("main tbody tr").count() == 5
    other.goto(f"{entry}/proposals")
    assert other.locator("main ol > li").count() == 5
    _sign_shown(other)
    receipt = _saved(other, tmp_path / "approval.receipt.json")
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
    one.goto(f"{entry}/admission")
    one.locator('[name="organisation.activate.reason"]').fill("conformance passed")
    _sign(one)
    assert seen.silent()
    check_log(stage)
    assert SLUG in admin(stage, "organisation", "list", "--status", "active")
    administrators = tmp_path / "administrators.json"
    admin(stage, "administrator", "list", "--out", administrators)
    assert "webauthn" in administrators.read_text(encoding="utf-8")
    for page in (one, other):
        page.context.close()


def _apply(page: "Page", entry: str) -> None:
    page.goto(f"{entry}/organisation.apply")
    for name, value in CHOSEN.items():
        page.locator(f'[name="{name}"][value="{value}"], select[name="{name}"]').first.evaluate(
            "(field, value) => { if (field.tagName === 'SELECT') field.value = value;"
            " else field.checked = true }",
            value,
        )
    page.locator('[name="contacts.0.role"][value="head"]').check()
    for name, value in APPLICATION.items():
        page.locator(f'[name="{name}"]').fill(value)
    page.locator("main button.main").click()
    page.locator("main button.main").click()
    page.wait_for_url("**/done/*")


def _sign(page: "Page") -> None:
    """Check what a form says, and sign it."""
    page.locator("main button.main").click()
    _sign_shown(page)


def _sign_shown(page: "Page") -> None:
    page.locator("main button.main").click()
    page.wait_for_url("**/admin/signed/*")
    page.locator("main table").wait_for()
    assert not page.get_by_text("Refus").count(), page.locator("main").inner_text()


def _saved(page: "Page", file: Path) -> Path:
    with page.expect_download() as saved:
        page.locator("main tbody a").first.click()
    saved.value.save_as(file)
    return file
