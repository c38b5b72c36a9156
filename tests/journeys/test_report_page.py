"""The page that `casegate verify --report` writes, in a browser."""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.journeys import browser
from tests.journeys.harness import casegate

if TYPE_CHECKING:  # installed for the slow suites alone
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.xdist_group("demo"),
]


@pytest.mark.parametrize("shown_in", [*product(["en", "fr"], ["light", "dark"])], ids="-".join)
def test_everybody_can_read_the_report_on_any_screen(
    demonstration: tuple[Path, str],
    chromium: "Browser",
    axe: str,
    tmp_path: Path,
    shown_in: tuple[str, str],
) -> None:
    (folder, _), (language, scheme) = demonstration, shown_in
    page = tmp_path / "report.html"
    trust = ("--trust", folder / "point-de-contact" / "connection.toml", "--lang", language)
    casegate("verify", folder / "handoff.bundle.json", *trust, "--report", page, status=18)
    shown = chromium.new_page(color_scheme=scheme, viewport={"width": 360, "height": 640})
    asked = list[str]()
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(page.as_uri())
    assert asked == [page.as_uri()], "nothing is loaded from elsewhere"
    assert not browser.scrolls_sideways(shown)
    assert browser.violations(shown, axe) == []
    shown.close()
