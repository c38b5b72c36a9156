"""Pages for people at the public address: one frame, one style, no script."""

import hashlib
import re
from base64 import b64encode
from html import escape

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1rem}"
    "h1{font-size:1.6rem}h2{font-size:1.25rem;margin-top:2rem}h3{font-size:1rem}"
    "code,pre{font-family:ui-monospace,monospace;font-size:.9em}"
    "code,td,li{overflow-wrap:anywhere}pre{overflow-x:auto;padding:.5rem;border:1px solid #8886}"
    "table{border-collapse:collapse;width:100%}"
    "td{border-top:1px solid #8886;padding:.25rem .5rem .25rem 0;vertical-align:top}"
    "summary{cursor:pointer;padding:.35rem 0}"
    "summary>code:first-child{font-weight:600;margin-right:.5rem}"
    "details{border-top:1px solid #8886}details[open]{padding-bottom:.5rem}"
    ".skip{position:absolute;left:-99rem}.skip:focus{position:static}"
    ":focus-visible{outline:3px solid #1a73e8;outline-offset:2px}"
)

STYLE_SOURCE = f"'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
"""The style of all pages, as a source of Content-Security-Policy (CSP Level 3 section 2.3.1)."""

_FRAME = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - Casegate</title>
<style>{style}</style></head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<nav><a href="/">Casegate</a> | <a href="/reference">Interface</a> |
<a href="/problems">Problems</a></nav>
<main id="content">
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def framed(title: str, body: str) -> str:
    """A whole page; ``body`` is HTML already."""
    return _FRAME.format(title=escape(title), body=body, style=_STYLE)


def marked(text: str) -> str:
    """A sentence of ours as HTML: what stands between backticks is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
