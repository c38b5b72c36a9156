"""The site of the documents: the operations as a page, and nothing from another host."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.each import each

ROOT = Path(__file__).parents[2]
SITE = ROOT / "deploy/site"
DESCRIPTION: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_bytes())
outside = runpy.run_path(str(SITE / "resources.py"))["outside"]


@pytest.fixture(scope="module")
def page() -> list[str]:
    """The page of the interface, as lines of Markdown."""
    operations = runpy.run_path(str(SITE / "operations.py"))["operations"]
    text: str = operations(DESCRIPTION)
    return text.splitlines()


def test_every_operation_and_every_schema_has_its_section(page):
    headings = [line.removeprefix("### ") for line in page if line.startswith("### ")]
    assert headings[: -len(DESCRIPTION["components"]["schemas"])]
    operations = {
        f"{method.upper()} {path}" for path, item in DESCRIPTION["paths"].items() for method in item
    }
    assert {*headings} == operations | DESCRIPTION["components"]["schemas"].keys()
    assert len(headings) == len({*headings})


def test_each_row_of_a_table_has_the_cells_of_its_head(page):
    cells = [line.replace("\\|", "").count("|") for line in page if line.startswith("|")]
    assert cells
    assert {*cells} <= {4, 5}


def test_every_page_has_its_place_in_the_menu():
    named = set(re.findall(r'"([\w/.-]+)"', (SITE / "conf.py").read_text("utf-8")))
    files = {*ROOT.glob("docs/**/*.md")} - {*ROOT.glob("docs/adr/[0-9]*.md")}
    pages = {str(file.relative_to(ROOT).with_suffix("")) for file in files}
    assert pages
    assert not pages - named


def test_an_operation_says_where_and_by_what_it_is_called(page):
    at = page.index("### POST /cases")
    assert "`cases.write`" in " ".join(page[at : page.index("| input | in | type | meaning |", at)])


@each(
    "loaded",
    [
        '<script src="https://cdn.example/a.js">',
        '<link rel="stylesheet" href="//fonts.example/css">',
        '<img alt="" src=http://example/a.png>',
        "a { background: url('https://example/a.png') }",
        '@import "https://example/a.css";',
        'fetch("https://example/a.json")',
    ],
)
def test_what_a_page_loads_from_another_host_is_found(loaded):
    assert len(outside(loaded)) == 1


@each(
    "own",
    [
        '<a class="reference external" href="https://semver.org/">SemVer</a>',
        '<script src="_static/a.js"></script>',
        '<svg xmlns="http://www.w3.org/2000/svg">',
        "url(data:image/svg+xml;base64,AAAA)",
    ],
)
def test_a_link_and_what_the_site_brings_along_are_not(own):
    assert outside(own) == []
