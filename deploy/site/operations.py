"""The operations of an OpenAPI description as Markdown: one section each, no viewer needed."""

from collections import defaultdict
from typing import Any

Description = dict[str, Any]


def operations(description: Description) -> str:
    """All operations by their first tag, then all schemas, in the description's order."""
    by_tag = defaultdict(list)
    for path, item in description["paths"].items():
        for method, operation in item.items():
            by_tag[operation["tags"][0]].append(_operation(method, path, operation))
    parts = [f"\n## {tag}\n" + "".join(told) for tag, told in by_tag.items()]
    schemas = description["components"]["schemas"].items()
    return "".join(parts) + "\n## Schemas\n" + "".join(_schema(*one) for one in schemas)


def _operation(method: str, path: str, operation: Description) -> str:
    lines = [f"\n### {method.upper()} {path}\n", operation.get("summary", "")]
    if operation.get("description"):
        lines.append("\n" + operation["description"])
    lines.append(f"\n{_caller(operation)}.")
    rows = [
        (f"`{one['name']}`", one["in"], _type(one.get("schema", {})), one.get("description", ""))
        for one in operation.get("parameters", [])
        if "name" in one
    ]
    rows += [
        ("body", media, _type(content.get("schema", {})), "")
        for media, content in operation.get("requestBody", {}).get("content", {}).items()
    ]
    lines.append(_table(("input", "in", "type", "meaning"), rows))
    answers = [
        (status, one.get("description", ""), _bodies(one))
        for status, one in sorted(operation["responses"].items())
    ]
    lines.append(_table(("status", "meaning", "body"), answers))
    return "\n".join(lines) + "\n"


def _caller(operation: Description) -> str:
    """On which address, and by which means, an operation is called."""
    address = "the public address" if "servers" in operation else "the partners' address"
    needed = [
        f"{scheme} with the scope `{scopes[0]}`" if scopes else scheme
        for one in operation["security"]
        for scheme, scopes in one.items()
    ]
    return f"Called on {address}" + (f"; needs: {', '.join(needed)}" if needed else "")


def _bodies(answer: Description) -> str:
    bodies = (_type(one.get("schema", {})) for one in answer.get("content", {}).values())
    return ", ".join(dict.fromkeys(bodies)) or ("[Problem](#problem)" if "$ref" in answer else "")


def _schema(name: str, schema: Description) -> str:
    required = schema.get("required", [])
    rows = [
        (f"`{key}`", _type(one), "yes" if key in required else "", one.get("description", ""))
        for key, one in schema.get("properties", {}).items()
    ]
    about = schema.get("description", "")
    shown = _table(("member", "type", "required", "meaning"), rows) or f"\n{_type(schema)}\n"
    return f"\n### {name}\n\n{about}\n{shown}"


def _type(schema: Description) -> str:
    """A schema in a few words; another one by its link."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    for many in ("oneOf", "anyOf", "allOf"):
        if many in schema:
            return " or ".join(map(_type, schema[many]))
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"array of {_type(schema.get('items', {}))}"
    kinds = " or ".join(kind) if isinstance(kind, list) else kind
    return f"{kinds} ({schema['format']})" if "format" in schema else kinds


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [head, ("---",) * len(head), *rows]
    return "\n" + "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
