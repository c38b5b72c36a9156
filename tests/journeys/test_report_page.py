"""The page that `casegate verify --report` writes, in a browser."""

from pathlib import Path

import pytest

from tests.journeys import browser
from tests.journeys.harness import casegate
from tests.journeys.npm import installed

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.enable_socket]


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = installed(browser.AXE, tmp_path_factory.mktemp("axe"), "the check by axe-core")
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_report_on_any_screen(
    demonstration: tuple[Path, str], axe: str, tmp_path: Path, language: str, scheme: str
) -> None:
    folder, _ = demonstration
    page = tmp_path / "report.html"
    trust = ("--trust", folder / "point-de-contact" / "connection.toml", "--lang", language)
    casegate("verify", folder / "handoff.bundle.json", *trust, "--report", page, status=18)
    with browser.chromium() as chromium:
        shown = chromium.new_page(color_scheme=scheme, viewport={"width": 360, "height": 640})
        asked = list[str]()
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(page.as_uri())
        assert asked == [page.as_uri()], "nothing is loaded from elsewhere"
        assert not browser.scrolls_sideways(shown)
        assert browser.violations(shown, axe) == []
