"""A person at a page without a mouse: what they reach by the tabulator, and what they press."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # installed for the slow suites alone
    from playwright.sync_api import Page

MOST_TABS = 150
"""As often as the tabulator is pressed before something counts as not to be reached."""

_FOCUS = """selector => { const one = document.activeElement, style = getComputedStyle(one),
  box = one.getBoundingClientRect();
  return {is: one.matches(selector), outlined: style.outlineStyle !== 'none',
    seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth}; }"""

_IS_BEFORE = """selector => { const wanted = document.querySelector(selector);
  return wanted && wanted.compareDocumentPosition(document.activeElement)
    === Node.DOCUMENT_POSITION_FOLLOWING; }"""


def reach(page: "Page", selector: str) -> None:
    """Move to an element by the tabulator alone, the shorter way, and see that the focus is on it
    and is shown."""
    key = "Shift+Tab" if page.evaluate(_IS_BEFORE, selector) else "Tab"
    for _ in range(MOST_TABS):
        page.keyboard.press(key)
        focus = page.evaluate(_FOCUS, selector)
        if focus["is"]:
            assert focus["outlined"], f"{selector} does not show that it has the focus"
            assert focus["seen"], f"{selector} has the focus outside of the window"
            return
    raise AssertionError(f"the keyboard does not reach {selector} of {page.url}")


def press(page: "Page", selector: str, key: str = "Enter") -> None:
    """Press a key on an element; Enter opens another page."""
    reach(page, selector)
    if key != "Enter":
        page.keyboard.press(key)
        return
    with page.expect_navigation():
        page.keyboard.press(key)


def write(page: "Page", name: str, text: str) -> None:
    """Write into a field."""
    reach(page, f'[name="{name}"]')
    page.keyboard.type(text)


def choose(page: "Page", name: str, value: str) -> None:
    """Choose a value of a field: Space ticks a box, an arrow goes on in radios and in a list."""
    field = page.locator(f'[name="{name}"]').first
    if field.get_attribute("type") == "checkbox":
        box = f'[name="{name}"][value="{value}"]'
        return None if page.locator(box).is_checked() else press(page, box, "Space")
    reach(page, f'[name="{name}"]')
    page.keyboard.press("Space") if field.get_attribute("type") == "radio" else None
    for _ in range(MOST_TABS):
        if page.evaluate("value => document.activeElement.value === value", value):
            return None
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"no arrow reaches {value} of {name}")
