"""A person at a page without a mouse: what they reach by the Tab key, and what they press."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # installed for the slow suites alone
    from playwright.sync_api import Page

MOST_TABS = 150
"""How often Tab is pressed before something counts as out of reach."""

_FOCUS = """selector => { const one = document.activeElement, style = getComputedStyle(one),
  box = one.getBoundingClientRect();
  return {is: one.matches(selector), outlined: style.outlineStyle !== 'none',
    seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth}; }"""

_IS_BEFORE = """selector => { const wanted = document.querySelector(selector);
  return wanted && wanted.compareDocumentPosition(document.activeElement)
    === Node.DOCUMENT_POSITION_FOLLOWING; }"""


def reach(page: "Page", selector: str) -> None:
    """Move to an element by the Tab key alone, the shorter way, and see that the focus is on it
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
        if not page.locator(box).is_checked():
            press(page, box, "Space")
        return
    reach(page, f'[name="{name}"]')
    if field.get_attribute("type") == "radio":
        page.keyboard.press("Space")
    for _ in range(MOST_TABS):
        if page.evaluate("value => document.activeElement.value === value", value):
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"no arrow reaches {value} of {name}")
