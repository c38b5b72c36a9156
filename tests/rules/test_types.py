"""All of the gateway is held to strict types; what is let off says what for and why."""

import re
import tomllib
from pathlib import Path

TOP = Path(__file__).parents[2]

REASONED = re.compile(r"# type: ignore\[[a-z-]+\] # \w")


def test_every_package_is_checked_strictly():
    rules = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert (rules["packages"], rules["strict"]) == (["gateway"], True)
    assert all(one.keys() == {"module", "ignore_missing_imports"} for one in rules["overrides"])


def test_what_is_not_checked_says_what_for_and_why():
    lines = [
        f"{file.relative_to(TOP)}: {line.strip()}"
        for file in sorted((TOP / "gateway").rglob("*.py"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if "type: ignore" in line
    ]
    assert lines
    assert not [line for line in lines if not REASONED.search(line)]
