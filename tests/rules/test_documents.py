"""The documents list what the code has: every event, every setting."""

import re
from pathlib import Path

from gateway import config
from gateway.domain.facts import EVENTS

ROOT = Path(__file__).parents[2]


def test_every_event_of_the_code_is_in_the_list_of_audit_events_and_no_other() -> None:
    rows = re.findall(
        r"^\| `([a-z.]+)` \| ([a-z.]+) \| ([a-z_]+) \|",
        (ROOT / "docs/audit-events.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    listed = {action: (event, operation) for event, action, operation in rows}
    assert len(rows) == len(listed)
    assert listed == {action: (typ, str(op)) for action, (typ, op) in EVENTS.items()}


def test_every_setting_is_in_the_readme_and_no_other() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("<!-- settings -->")[1].split("<!-- /settings -->")[0]
    listed = re.findall(r"^\| `\[(\w+)\] (\w+)` \|", table, re.MULTILINE)
    assert listed == [(setting.section, setting.key) for setting in config.settings()]


def test_the_readme_has_at_most_200_lines() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200
