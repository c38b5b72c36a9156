"""The sentences that the code can say, read from it as `ast`, with places for values."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path

import gateway

ROOT = Path(gateway.__file__).parent
PLACE = "\0"
"""Where a value is not known from the code."""


@cache
def sources() -> Mapping[str, str]:
    """The code by its path within the package."""
    files = sorted(ROOT.rglob("*.py"))
    return {str(one.relative_to(ROOT)): one.read_text(encoding="utf-8") for one in files}


@cache
def tree(file: str) -> ast.Module:
    """A module as `ast`."""
    return ast.parse(sources()[file])


@cache
def constant(name: str) -> ast.expr | None:
    """The text to which a module gives a name; None where none does."""
    written = [file for file, source in sources().items() if f"\n{name} = " in source]
    given = (one.value for file in written for key, one in assigned(tree(file).body) if key == name)
    texts = ast.Constant | ast.JoinedStr | ast.BinOp
    return next((one for one in given if isinstance(one, texts)), None)


def assigned(body: Sequence[ast.AST]) -> Iterator[tuple[str, ast.Assign | ast.AnnAssign]]:
    """Each name with what gives it a value."""
    for one in body:
        match one:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name, one


def texts(node: ast.expr | None, owner: ast.AST | None) -> list[str]:
    """Return all that an expression may say; nothing where it does not tell."""
    found: list[str] = []
    match node:
        case ast.Constant(value=str() as text):
            found = [text]
        case ast.JoinedStr(values=parts):
            found = ["".join(one) for one in product(*(part(one, owner) for one in parts))]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            sides = [texts(left, owner), texts(right, owner)]
            known = [one or [PLACE] for one in sides]
            found = ["".join(one) for one in product(*known)] if any(sides) else []
        case ast.BoolOp(values=values):
            told = [texts(one, owner) for one in values]
            found = [text for one in told for text in one or [PLACE]] if any(told) else []
        case ast.IfExp(body=body, orelse=orelse):
            found = [*texts(body, owner), *texts(orelse, owner)]
        case ast.Call(func=ast.Attribute(value=value, attr="format")):
            found = [one.replace("{}", PLACE) for one in texts(value, owner)]
        case ast.Name(id=name) if owner is not None and name in locals_of(owner):
            found = [text for one in locals_of(owner)[name] for text in texts(one, None)]
        case ast.Name(id=name) | ast.Attribute(attr=name) if name.isupper():
            found = texts(constant(name), None)
    return found


def part(node: ast.expr, owner: ast.AST | None) -> list[str]:
    """Likewise of a part of a text; one that is not known is a place."""
    if not isinstance(node, ast.FormattedValue):
        return texts(node, owner)
    simple = isinstance(node.value, ast.Name | ast.IfExp)
    return (texts(node.value, owner) if simple else []) or [PLACE]


@cache
def locals_of(function: ast.AST) -> Mapping[str, Sequence[ast.expr]]:
    """What a function gives its names, and what it adds to them."""
    found: dict[str, list[ast.expr]] = {}
    for one in ast.walk(function):
        match one:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.setdefault(name, []).append(value)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                for target, value in zip(names, values, strict=True):
                    found.setdefault(ast.unparse(target), []).append(value)
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                known = found.setdefault(name, [])
                known += [ast.BinOp(before, ast.Add(), value) for before in known]
    return found


def nodes(file: str) -> Iterator[tuple[ast.AST, ast.AST | None]]:
    """Each node of a module with the function that it is in."""
    waiting: list[tuple[ast.AST, ast.AST | None]] = [(tree(file), None)]
    while waiting:
        node, owner = waiting.pop()
        yield node, owner
        owner = node if isinstance(node, ast.FunctionDef) else owner
        waiting += [(child, owner) for child in ast.iter_child_nodes(node)]


def numbered(text: str) -> str:
    """A sentence with its places numbered, as the tables of the catalogue have them."""
    first, *others = text.split(PLACE)
    return first + "".join(f"{{{number}}}{one}" for number, one in enumerate(others))
