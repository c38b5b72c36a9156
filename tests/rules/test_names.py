"""A name of a module means one thing: a second binding would hide the first without a word."""

import ast
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.rules.code import sources

pytestmark = pytest.mark.xdist_group("code")


def bound(module: ast.Module) -> Iterator[str]:
    """The names that the statements of a module bind, those inside of `if` and `try` left out."""
    for one in module.body:
        if isinstance(one, ast.FunctionDef | ast.ClassDef):
            decorators = [ast.unparse(decorator) for decorator in one.decorator_list]
            if not any(word.split(".")[-1] == "overload" for word in decorators):
                yield one.name
        elif isinstance(one, ast.Assign | ast.AnnAssign):
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            for target in targets:
                yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))
        elif isinstance(one, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in one.names)


def twice(module: ast.Module) -> list[str]:
    counted = Counter(name for name in bound(module) if name != "_")
    return sorted(name for name, times in counted.items() if times > 1)


def test_a_name_that_is_bound_twice_is_found():
    module = ast.parse("a = b = 1\nc: int = 2\ndef a(): ...\nfrom x import y as c\n")
    assert twice(module) == ["a", "c"]


def test_no_name_of_a_module_is_bound_twice():
    found = {one.file: twice(one.module) for one in sources()}
    assert {name: names for name, names in found.items() if names} == {}
