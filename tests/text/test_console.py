"""The pages of the console have each of their texts, and no other."""

import re
from pathlib import Path

from gateway import console
from gateway.console import app, wording
from gateway.text import catalogue

TEXTS = catalogue._TABLES["console"]
FILES = [
    file for kind in ("py", "html") for file in Path(console.__file__).parent.rglob(f"*.{kind}")
]


def test_no_text_of_the_console_is_without_use_and_none_is_missing() -> None:
    written = "".join(file.read_text(encoding="utf-8") for file in FILES)
    used = {one for one in re.findall(r"['\"](\w+)['\"]", written) if one in TEXTS}
    for status in app._EXPLAINED:
        used |= {f"problem_{status}", f"problem_{status}_title"}
    used |= {f"{when}_{unit}" for when in ("in", "late") for unit, *_ in wording._UNITS}
    used |= {f"{one}_here" for one in re.findall(r"say_here\('(\w+)'", written)}
    asked = set(re.findall(r"say\(['\"](\w+)['\"]", written))
    assert asked - TEXTS.keys() == set()
    assert TEXTS.keys() - used == set()
