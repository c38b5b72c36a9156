"""How modules import each other, in functions as well, but for types alone."""

from functools import cache
from graphlib import TopologicalSorter

from grimp import build_graph

LONGEST = 28
"""Modules on the longest way from an import to an import."""


def _imports() -> dict[str, set[str]]:
    graph = build_graph("gateway", exclude_type_checking_imports=True)
    return {
        one: {found for found in graph.find_modules_directly_imported_by(one) if found != one}
        for one in graph.modules
    }


def test_no_modules_import_each_other_in_a_circle():
    TopologicalSorter(_imports()).prepare()


def test_the_longest_chain_of_imports_does_not_grow():
    imports = _imports()

    @cache
    def chain(module: str) -> tuple[str, ...]:
        return (module, *max(map(chain, imports[module]), key=len, default=()))

    longest = max(map(chain, imports), key=len)
    assert len(longest) <= LONGEST, " > ".join(longest)
