"""Each kind of page of the console, looked at by axe-core as its persons' windows are."""

from typing import TYPE_CHECKING, Any

import pytest

from gateway.cli.demo.environment import free_ports
from tests.founded_gateway import OFMIN
from tests.journeys import browser, tour
from tests.journeys.keyboard import press, reach

if TYPE_CHECKING:  # installed for the slow suites alone
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.xdist_group("tour"),
]

WINDOWS = {
    "a telephone, or 400 per cent, in English": ("en", {"viewport": {"width": 320, "height": 640}}),
    "a dark screen, in French": ("fr", {"color_scheme": "dark"}),
    "forced colours on a tablet": (
        "en",
        {"forced_colors": "active", "viewport": {"width": 768, "height": 1024}},
    ),
}


@pytest.mark.parametrize("shown", WINDOWS)
def test_no_page_breaks_a_rule_scrolls_sideways_or_is_reported_by_its_policy(
    chromium: "Browser", axe: str, shown: str
) -> None:
    language, window = WINDOWS[shown]
    # Forced colours are those of the person, which axe-core does not see.
    ignored = ["color-contrast"] if "forced_colors" in window else []
    found = list[tuple[str, Any]]()
    seen = list[str]()
    with tour.opened(free_ports()[0]) as place:
        for name, page in tour.walk(chromium, place, locale=language, **window):
            seen.append(name)
            assert page.locator("html").get_attribute("lang") == language, name
            found += [(name, one) for one in browser.violations(page, axe, ignored)]
            found += [(name, "scrolls sideways")] * browser.scrolls_sideways(page)
            found += [(name, one) for one in page.evaluate(POLICY_REPORTS)]
    assert found == []
    assert set(tour.PICTURES) <= set(seen)


def test_an_officer_signs_in_accepts_and_reads_by_the_keyboard_alone(chromium: "Browser") -> None:
    with tour.opened(free_ports()[0]) as place:
        _find_the_button_again_after_a_failure(chromium, place)
        page = place.browser_of(chromium, OFMIN, "officer-1")
        page.goto(place.origin)
        press(page, "main button")
        page.wait_for_url(f"{place.origin}/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
        handoff = f"/handoffs/{place.offered}"
        press(page, f'main a[href="{handoff}"]')
        press(page, f'main a[href="{handoff}/handoff.accept"]')
        press(page, "main button.main")
        press(page, ".summary a")
        press(page, 'input[name="conditions"]', "Space")
        press(page, "main button.main")
        press(page, "main button.main")
        page.wait_for_url(f"{place.origin}/done/*")
        press(page, f'main a[href="{handoff}"]')
        press(page, f'main a[href="{handoff}/open"]')
        press(page, "main select", "ArrowDown")
        press(page, "main textarea, main input[type=text]", "a")
        press(page, "main button.main")
        assert page.locator("h1 .tlp").is_visible()
        page.context.close()


def _find_the_button_again_after_a_failure(chromium: "Browser", place: tour.Place) -> None:
    """A device without a passkey for this console says so, and the focus is where it was."""
    page = chromium.new_context().new_page()
    browser.add_authenticator(page)
    page.goto(place.origin)
    reach(page, "main button")
    page.keyboard.press("Enter")
    page.locator("main [role=status]:not(:empty)").wait_for()
    assert page.evaluate("document.activeElement.matches('main button')")
    page.context.close()


POLICY_REPORTS = """new Promise(done => {
  const seen = new ReportingObserver(all => done(all.map(one => `${one.body}`)), {buffered: true});
  seen.observe(); setTimeout(() => done([]), 50); })"""
"""A program that tells what a page's policy was broken by so far."""
