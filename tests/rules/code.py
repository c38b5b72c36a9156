"""The gateway's code, read once for all rules about it: their files are of one `xdist_group`."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

GATEWAY = Path(__file__).parents[2] / "gateway"


@dataclass(frozen=True)
class Source:
    """A module: its file below `gateway/`, its text, and what that is."""

    file: str
    text: str
    module: ast.Module
    functions: tuple[ast.FunctionDef, ...]


@cache
def sources() -> tuple[Source, ...]:
    """Every module of the gateway."""
    return tuple(map(_source, sorted(GATEWAY.rglob("*.py"))))


def _source(file: Path) -> Source:
    text = file.read_text(encoding="utf-8")
    module = ast.parse(text)
    functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    return Source(str(file.relative_to(GATEWAY)), text, module, tuple(functions))
