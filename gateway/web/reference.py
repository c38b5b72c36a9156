"""The OpenAPI description as one page: plain HTML, no script, no style, nothing from elsewhere."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any


def reference(described: Mapping[str, Any]) -> str:
    """The body of the page: each operation folded, then each schema as a table of its fields."""
    parts = [f"<p>{escape(described['info']['description'])}</p>", "<h2>Operations</h2>"]
    for path, item in sorted(described["paths"].items()):
        for method, operation in item.items():
            parts += _operation(f"{method.upper()} {path}", operation)
    parts.append("<h2>Schemas</h2>")
    for name, schema in sorted(described["components"]["schemas"].items()):
        parts += _schema(name, schema)
    return "\n".join(parts)


def _operation(address: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f'<details id="{operation["operationId"]}"><summary><code>{escape(address)}</code>'
    yield f"{escape(operation['summary'])}</summary>"
    yield f"<p>{escape(operation.get('description', ''))}</p>"
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
            yield f"<li>Answers {status}: {escape(answer.get('description', ''))}</li>"
    yield "</ul></details>"


def _contents(label: str, body: Mapping[str, Any]) -> Iterator[str]:
    for media, content in body.get("content", {}).items():
        yield f"<li>{label}: {escape(media)}, {_type(content['schema'])}"
        if "example" in content:
            shown = json.dumps(content["example"], indent=1, ensure_ascii=False)
            yield f"<pre>{escape(shown)}</pre>"
        yield "</li>"


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{name}">{name}</h3>\n<p>{escape(schema.get("description", ""))}</p>\n<table>'
    for field, one in schema.get("properties", {}).items():
        needed = "" if field in schema.get("required", ()) else " (optional)"
        about = escape(one.get("description", ""))
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
