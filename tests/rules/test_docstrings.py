"""The docstring of a function begins with what it does, not with what is asked."""

import ast

import pytest

from tests.rules.code import sources

pytestmark = pytest.mark.xdist_group("code")

ASKED = {"What", "Who", "Whether"}


def test_no_docstring_of_a_function_begins_without_a_verb():
    found = [
        f"{one.file}: {node.name}"
        for one in sources()
        for node in one.functions
        if (ast.get_docstring(node, clean=False) or "").lstrip().partition(" ")[0] in ASKED
    ]
    assert found == []
