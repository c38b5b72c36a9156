"""Write gateway/client/views.py, the typed dictionaries of what a partner reads: one command.

``python -m tests.rules.client_views``. They follow from the classes from which the interface is
described; a test compares.
"""

import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from uuid import UUID

from gateway.domain.answers import ANSWERS, AnswerAuthor
from gateway.domain.steps import STEPS
from gateway.exchange import results as exchange
from gateway.exchange.oversight import results as oversight
from gateway.registry import results as registry

FILE = Path(__file__).parents[2] / "gateway" / "client" / "views.py"

READ = (
    exchange.CaseSummary,
    exchange.CaseCoverage,
    exchange.FoundItem,
    exchange.HandoffSummary,
    exchange.HandoffView,
    exchange.WorklistRow,
    exchange.SkippedSource,
    exchange.NoticesView,
    exchange.Preview,
    exchange.SuccessionView,
    oversight.NotificationStatus,
    registry.ListedOrganisation,
    registry.StaffMember,
    registry.Whoami,
)
"""What the client's reads answer; what these hold follows."""

HEAD = '''"""What a partner reads, as typed dictionaries: a type checker finds a wrong name or word.

Written by ``python -m tests.rules.client_views`` after the classes of the interface. An answer may
have more members than these: a newer gateway adds some. Ids, days and times are text.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

'''


def render() -> str:
    """The module, as it is committed."""
    made = "\n\n".join([*_words(), *_classes()])
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(FILE), "-"],
        input=f"{HEAD}{made}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return formatted.stdout


def _words() -> Iterator[str]:
    parties = (one for one in ANSWERS.values() if one.author is not AnswerAuthor.GATEWAY)
    commands = dict.fromkeys(one.command for one in parties)
    yield f'AnswerCommand = {_literal(commands)}\n"""How a party answers: see `Gateway.answer`."""'
    yield f'StepAction = {_literal(STEPS)}\n"""The steps on a case: see `Gateway.step`."""'
    for kind in dict.fromkeys(_enums(READ)):
        yield f"{kind.__name__}Word = {_literal(kind)}"


def _literal(words: Any) -> str:
    return f"Literal[{', '.join(repr(str(one)) for one in words)}]"


def _classes() -> Iterator[str]:
    for kind in _held(READ):
        hints = get_type_hints(kind, include_extras=True)
        base = kind.__bases__[0]
        known = {one.name for one in fields(base)} if base is not object else set()
        members = {
            one.name.rstrip("_"): _member(hints[one.name], one.default)
            for one in fields(kind)
            if one.name not in known
        }
        if "from" in members:
            listed = ", ".join(f"{name!r}: {hint}" for name, hint in members.items())
            yield f"{kind.__name__} = TypedDict({kind.__name__!r}, {{{listed}}})"
        else:
            body = "\n".join(f"    {name}: {hint}" for name, hint in members.items())
            above = base.__name__ if known else "TypedDict"
            about = " ".join((kind.__doc__ or "").replace("``", "").split()).partition(". ")[0]
            told = textwrap.fill(f'"""{about.rstrip(".")}."""', 96).replace("\n", "\n    ")
            yield f"class {kind.__name__}({above}):\n    {told}\n\n{body}"


def _member(hint: Any, default: Any) -> str:
    if default is None:
        return f"NotRequired[{_type(get_args(hint)[0])}]"
    return _type(hint)


def _type(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        made = _type(inner[0])
    elif NoneType in inner:
        made = f"{_type(inner[0])} | None"
    elif origin is Mapping:
        made = f"Mapping[str, {_type(inner[1])}]"
    elif origin in (Sequence, tuple, frozenset):
        made = f"Sequence[{_type(inner[0])}]"
    elif _is_words(hint):
        made = f"{hint.__name__}Word"
    elif hint in (UUID, date, datetime) or (isinstance(hint, type) and issubclass(hint, str)):
        made = "str"
    elif hint in (int, bool) or hasattr(hint, "__dataclass_fields__"):
        made = str(hint.__name__)
    else:
        made = "Any"
    return made


def _held(kinds: Sequence[Any]) -> list[Any]:
    """The classes, each behind those that it holds."""
    found: dict[Any, None] = {}

    def add(hint: Any) -> None:
        for inner in get_args(hint):
            add(inner)
        if hasattr(hint, "__dataclass_fields__") and hint not in found:
            for one in (*hint.__bases__, *get_type_hints(hint).values()):
                add(one)
            found[hint] = None

    for kind in kinds:
        add(kind)
    return list(found)


def _is_words(hint: Any) -> bool:
    """Whether it is a list of words, and not of sentences."""
    words = isinstance(hint, type) and issubclass(hint, StrEnum)
    return words and all(" " not in str(one) for one in hint)


def _enums(kinds: Sequence[Any]) -> Iterator[type[StrEnum]]:
    def of(hint: Any) -> Iterator[type[StrEnum]]:
        for inner in get_args(hint):
            yield from of(inner)
        if _is_words(hint):
            yield hint

    for kind in _held(kinds):
        for hint in get_type_hints(kind).values():
            yield from of(hint)


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
