"""Pages for people at the public address, and the OpenAPI description as one of them."""

import hashlib
import json
import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

# --- Pages for people at the public address: one frame, one style, no script ---


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


# --- The OpenAPI description as one page: plain HTML, each operation folded ---


def reference(described: Mapping[str, Any]) -> str:
    """The body of the page: the operations by their tag, then each schema as a table of fields."""
    by_tag = defaultdict[str, list[str]](list)
    for path, item in described["paths"].items():
        for method, operation in item.items():
            by_tag[operation["tags"][0]] += _operation(f"{method.upper()} {path}", operation)
    parts = [f"<p>{marked(described['info']['description'])}</p>", "<ul>"]
    parts += [f'<li><a href="#of-{tag}">{tag}</a></li>' for tag in by_tag]
    parts.append('<li><a href="#schemas">schemas</a></li></ul>')
    for tag, operations in by_tag.items():
        parts += [f'<h2 id="of-{tag}">{tag}</h2>', *operations]
    parts.append('<h2 id="schemas">schemas</h2>')
    for name, schema in sorted(described["components"]["schemas"].items()):
        parts += _schema(name, schema)
    return "\n".join(parts)


def _operation(address: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f'<details id="{operation["operationId"]}"><summary><code>{escape(address)}</code>'
    yield f"{marked(operation['summary'])}</summary>"
    yield f"<p>{marked(operation.get('description', ''))}</p>"
    yield "<ul>"
    for way in operation["security"]:
        named = (f"{kind} {' '.join(scopes)}".strip() for kind, scopes in way.items())
        yield f"<li>Needs: {escape(', '.join(named))}</li>"
    for one in operation["parameters"]:
        name = f"<code>{escape(one['name'])}</code>"
        yield f"<li>In the {one['in']}: {name}, {_type(one['schema'])}</li>"
    yield from _contents("Takes", operation.get("requestBody", {}))
    for status, answer in operation["responses"].items():
        yield from _contents(f"Answers {status}", answer)
        if status >= "400":
            yield f"<li>Answers {status}: {marked(answer.get('description', ''))}</li>"
    yield "</ul></details>"


def _contents(label: str, body: Mapping[str, Any]) -> Iterator[str]:
    for media, content in body.get("content", {}).items():
        yield f"<li>{label}: {escape(media)}, {_type(content['schema'])}"
        if "example" in content:
            shown = json.dumps(content["example"], indent=1, ensure_ascii=False)
            yield f"<pre>{escape(shown)}</pre>"
        yield "</li>"


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{name}">{name}</h3>\n<p>{marked(schema.get("description", ""))}</p>'
    if "properties" not in schema:
        yield f"<p>{_type(schema)}</p>"
        return
    yield "<table>"
    for field, one in schema.get("properties", {}).items():
        needed = "" if field in schema.get("required", ()) else " (optional)"
        about = marked(one.get("description", ""))
        yield f"<tr><td><code>{field}</code>{needed}</td><td>{_type(one)}</td><td>{about}</td></tr>"
    yield "</table>"


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words, with links to those that it names."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{name}">{name}</a>'
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(map(_type, schema[several]))
    if "const" in schema or "enum" in schema:
        return escape(", ".join(map(str, schema.get("enum", [schema.get("const")]))))
    if "items" in schema:
        return f"array of {_type(schema['items'])}"
    kinds = schema.get("type", "object")
    words = kinds if isinstance(kinds, str) else " or ".join(kinds)
    return escape(f"{words} ({schema['format']})" if "format" in schema else words)
