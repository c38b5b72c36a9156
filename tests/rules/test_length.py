"""A function has at most 40 lines, from its name to its end; a longer one says why it is long."""

from collections.abc import Iterator

import pytest

from tests.rules.code import sources

pytestmark = pytest.mark.xdist_group("code")

LONGEST, MOST = 40, 15


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
