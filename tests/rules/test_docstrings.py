"""The docstring of a function begins with what it does, not with what is asked."""

import ast
from pathlib import Path

GATEWAY = Path(__file__).parents[2] / "gateway"
ASKED = {"What", "Who", "Whether"}


def test_no_docstring_of_a_function_begins_without_a_verb():
    found = [
        f"{file.relative_to(GATEWAY)}: {node.name}"
        for file in sorted(GATEWAY.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and (ast.get_docstring(node) or "").partition(" ")[0] in ASKED
    ]
    assert found == []
