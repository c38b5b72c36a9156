"""A function has at most 40 lines, from its name to its end; a longer one says why it is long."""

import ast
from collections.abc import Iterator
from pathlib import Path

GATEWAY = Path(__file__).parents[2] / "gateway"
LONGEST, MOST = 40, 15


def _long_functions() -> Iterator[tuple[str, str]]:
    for file in sorted(GATEWAY.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= LONGEST:
                lines = text.splitlines()[node.lineno - 1 : node.end_lineno]
                yield f"{file.relative_to(GATEWAY)}: {node.name}", "\n".join(lines)


def test_few_functions_are_long_and_each_says_why():
    found = dict(_long_functions())
    assert len(found) <= MOST, sorted(found)
    assert [name for name, text in found.items() if "# Long: " not in text] == []
