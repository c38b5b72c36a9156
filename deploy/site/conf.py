"""The documents as a site: the same files as in the repository, by reader; `make docs` builds it.

The pages are CommonMark with tables: MyST reads them so, Python-Markdown does not (ADR 0062).
"""

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pygments.lexers.special import TextLexer
from sphinx.util import logging

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))

from operations import operations  # noqa: E402 - beside this file
from resources import outside  # noqa: E402

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project, author = "Casegate", "The Casegate authors"
html_title = "Casegate"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = [
    "*.md",
    "docs/**.md",
    "certs/README.md",
    "policies/README.md",
    "deploy/haproxy/README.md",
    "deploy/site/interface.md",
]
exclude_patterns = [".*", "build", "demo*", "gateway", "tests", "bench", "requirements"]
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["casegate.css"]
html_copy_source = html_show_sphinx = False
html_domain_indices = html_use_index = False
myst_heading_anchors = 4
nitpicky = True

READERS = {
    "Start": [
        "docs/README",
        "docs/glossary",
        "docs/life-of-a-case",
        "docs/working-in-a-browser",
        "docs/desk",
        "docs/accessibility",
        "CHANGELOG",
    ],
    "Partners": [
        "docs/partners",
        "docs/without-our-package",
        "docs/updates",
        "docs/recalls",
        "docs/recipients",
        "docs/search",
        "docs/two-gateways",
        "docs/sealing",
        "docs/staff",
        "docs/case",
        "docs/import",
        "docs/paper",
        "docs/protocol/batches",
        "docs/examples/README",
        "deploy/site/interface",
    ],
    "Administrators": ["docs/administrators", "docs/admission", "docs/audit-events"],
    "Auditors and courts": ["docs/auditors", "docs/audit-searches", "docs/confirmations"],
    "Data protection officers and counsel": ["docs/data-protection"],
    "Authors of verifiers": [
        "docs/protocol/documents",
        "docs/protocol/checkpoint",
        "docs/protocol/notifications",
        "docs/protocol/relay",
    ],
    "Operators": [
        "docs/operators",
        "docs/console",
        "docs/peers",
        "docs/settings",
        "docs/monitoring",
        "docs/health",
        "docs/keys",
        "docs/postgresql",
        "certs/README",
        "deploy/haproxy/README",
        "docs/performance",
    ],
    "Security reviewers": [
        "docs/threat-model",
        "docs/security-flow",
        "policies/README",
        "SECURITY",
    ],
    "Developers": ["docs/architecture", "CONTRIBUTING", "docs/adr/README"],
}
"""The pages of each reader, in the order of the menu; a page that is in none fails the build."""


FIRST = (
    '<!doctype html><html lang="en"><title>Casegate</title>'
    '<meta http-equiv="refresh" content="0; url=README.html"><a href="README.html">Casegate</a>\n'
)
"""What stands at the site's address."""

logger = logging.getLogger(__name__)


def contents() -> str:
    """The menu, as the directives that the first page carries without showing them."""
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:caption: {reader}\n\n" + "\n".join(pages) + "\n```\n"
        for reader, pages in READERS.items()
    )


def decisions() -> str:
    """The records of decisions, below their list."""
    names = sorted(file.stem for file in (ROOT / "docs/adr").glob("[0-9]*.md"))
    return "\n```{toctree}\n:hidden:\n\n" + "\n".join(names) + "\n```\n"


def read(_app: "Sphinx", page: str, source: list[str]) -> None:
    """What the site adds to a page: the menu, the operations.

    A folder has no page to link to, and MyST has a form of its own for an anchor.
    """
    folder = (ROOT / page).parent
    source[0] = re.sub(
        r"\[([^]\n]+)\]\(([^)#:]+)\)",
        lambda link: link[1] if (folder / link[2]).is_dir() else link[0],
        source[0],
    )
    source[0] = re.sub(r'^<a id="([\w-]+)"></a>', r"(\1)=\n\n", source[0], flags=re.MULTILINE)
    if page == root_doc:
        source[0] += contents()
    elif page == "docs/adr/README":
        source[0] += decisions()
    elif page == "deploy/site/interface":
        source[0] += operations(json.loads((ROOT / "docs/openapi.json").read_bytes()))


def finish(app: "Sphinx", failure: Exception | None) -> None:
    """Lead the site's address to its first page; fail where a page would ask another host."""
    if failure is not None:
        return
    site = Path(app.outdir)
    (site / "index.html").write_text(FIRST, encoding="utf-8")
    for file in site.rglob("*"):
        if file.suffix in {".html", ".css", ".js", ".svg"}:
            for address in outside(file.read_text("utf-8")):
                logger.warning("%s loads %s", file.relative_to(site), address)


def setup(app: "Sphinx") -> None:
    """Connect what is above."""
    app.add_lexer("mermaid", TextLexer)  # drawn by nothing that works offline: shown as text
    app.connect("source-read", read)
    app.connect("build-finished", finish)
