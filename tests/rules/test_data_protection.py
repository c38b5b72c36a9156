"""The page for data protection officers names every table, and every setting that stands for a
decision, with the default that the page of settings tells."""

import re
from pathlib import Path

from gateway import config
from gateway.domain.audit_event import EVENT_TYPES
from gateway.store.tables import metadata

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "data-protection.md").read_text(encoding="utf-8")
DECIDING = ("retention", "due", "embargo", "policy")
"""Sections of the settings that stand for what people decide."""

_SETTING = re.compile(r"^\| (`\[\w+\] \w+`) \| (\S+) \|", re.MULTILINE)


def between(page: str, mark: str) -> str:
    return page.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->", maxsplit=1)[0]


def named(text: str) -> list[str]:
    """The words in backticks of the first cell of each row."""
    rows = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return [word for row in rows for word in re.findall(r"`(\w+)`", row)]


def test_every_table_of_the_schema_is_on_the_page_once():
    assert sorted(named(between(PAGE, "tables"))) == sorted(metadata.tables)


def test_every_setting_that_stands_for_a_decision_is_on_the_page_and_no_other():
    listed = [name for name, _ in _SETTING.findall(between(PAGE, "settings"))]
    expected = [f"`{one.name}`" for one in config.SETTINGS if one.section in DECIDING]
    assert sorted(listed) == sorted(expected)


def test_the_defaults_are_those_of_the_page_of_settings():
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    told = dict(_SETTING.findall(between(page, "settings")))
    assert {name: told[name] for name, _ in _SETTING.findall(between(PAGE, "settings"))} == dict(
        _SETTING.findall(between(PAGE, "settings"))
    )


def test_every_event_that_the_page_names_exists():
    table = PAGE.split("## Never decided by software")[1].split("## ")[0]
    recording = [row.rsplit("|", 2)[1] for row in table.splitlines() if row.startswith("| ")]
    events = {word for cell in recording for word in re.findall(r"`(\w+\.\w+)`", cell)}
    assert events
    assert events <= {event for event, *_ in EVENT_TYPES.values()}
