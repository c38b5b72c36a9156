"""A function has at most 40 lines, from its name to its end; a longer one says why it is long. Few
are there for one caller of their own module."""

import ast
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.rules.code import sources

pytestmark = pytest.mark.xdist_group("code")

LONGEST, MOST = 40, 15
USED_ONCE = 0.164
"""Of all functions, those with a private name that their module uses once: rows of tables, rules of
the domain, steps of what would else be too long."""


def _long_functions() -> Iterator[tuple[str, str]]:
    for one in sources():
        for node in one.functions:
            if node.end_lineno - node.lineno >= LONGEST:
                lines = one.text.splitlines()[node.lineno - 1 : node.end_lineno]
                yield f"{one.file}: {node.name}", "\n".join(lines)


def test_few_functions_are_long_and_each_says_why():
    found = dict(_long_functions())
    assert len(found) <= MOST, sorted(found)
    assert [name for name, text in found.items() if "# Long: " not in text] == []


def test_few_functions_are_there_for_one_caller():
    every, once = 0, 0
    for one in sources():
        every += len(one.functions)
        used = Counter(
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(one.module)
            if isinstance(node, ast.Name | ast.Attribute)
        )
        private = (f.name for f in one.functions if f.name[0] == "_" and f.name[:2] != "__")
        once += sum(used[name] == 1 for name in private)
    assert once <= USED_ONCE * every, f"{once} of {every}: say what one caller asks where it asks"
