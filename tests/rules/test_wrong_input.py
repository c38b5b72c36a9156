"""Every parameter of every command is given wrong values: each is one sentence that says why.

The command line is read to its end and nothing is run; what the gateway says to what can be read
is told by `tests/cli/test_mistakes.py`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli import main
from gateway.cli.arguments import CalendarDay, Competence, Moment, NewFile
from gateway.cli.elements import ElementId
from gateway.cli.output import Input
from gateway.cli.partner_command import IdOrName
from tests.each import each
from tests.rules.test_help import COMMANDS, enter, example_in, help_of, make_what_is_read, read

POOR = re.compile(
    r"Traceback|Errno|badly formed|invalid literal|NoneType|Expecting|object is not|object at 0x"
    r"|has no attribute|must be in \d|out of range|KeyError|\bNone\b|codec can|<class|integer range"
)
"""What a program says of itself, and not of what was typed."""

WRONG: dict[type, tuple[str, ...]] = {
    click.types.UUIDParameterType: ("x", "0198", "0198c1f2-7a00-7000-8000-00000000000g"),
    IdOrName: ("", " ", "x" * 101),
    ElementId: ("x", "018", "0198c1f2-7a00-7000-8000-00000000000g"),
    CalendarDay: ("2026-13-01", "2026-02-30", "1.2.2026", "tomorrow", "20260102"),
    Moment: (
        "2026-13-01T00:00:00Z",
        "2026-01-02 03:04",
        "2026-01-02T25:00:00Z",
        "2026-01-02T03:04:05",
    ),
    Competence: ("csam", "a/b/c/d", "receive/csam/", "RECEIVE/csam/FR"),
    click.Choice: ("whim", "", "CSAM "),
    click.types.IntParamType: ("many", "1.5", ""),
    click.IntRange: ("-1", "0x10", "1e3"),
    NewFile: ("no/such/folder/file.json", "."),
    Input: ("missing.json", "."),
}


def typed(command: click.Command, words: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The command line with each of its parameters wrong once, and what is wrong."""
    places = iter(positional(words, command))
    for one in command.params:
        place = next(places, None) if isinstance(one, click.Argument) else None
        kinds = [kind for kind in WRONG if isinstance(one.type, kind)]
        for value in WRONG[kinds[0]] if kinds else ():
            if isinstance(one, click.Option):
                flag = one.opts[-1]
                yield f"{flag} {value!r}", [*without(words, flag), flag, value]
            elif place is not None:
                yield f"{one.name} {value!r}", [*words[:place], value, *words[place + 1 :]]


def positional(words: list[str], command: click.Command) -> list[int]:
    """Where the arguments stand: behind the command's name, before its first option."""
    first = words.index(command.name) + 1 if command.name in words else len(words)
    options = (at for at in range(first, len(words)) if words[at].startswith("-"))
    return list(range(first, next(options, len(words))))


def without(words: list[str], flag: str) -> list[str]:
    """The words without an option and its value."""
    if flag not in words:
        return words
    at = words.index(flag)
    return [*words[:at], *words[at + 2 :]]


def command_of(path: str) -> click.Command:
    command: click.Command = main
    for name in path.split():
        assert isinstance(command, click.Group)
        below = command.get_command(click.Context(command), name)
        assert below is not None
        command = below
    return command


def refused(words: list[str]) -> str | None:
    """What is said of a command line, once the files that it names are there; None if nothing."""
    while True:
        try:
            read(words)
        except click.BadParameter as error:
            if "missing" in error.message or not make_what_is_read(error):
                return error.format_message()
        except click.UsageError as error:
            return error.format_message()
        else:
            return None


# A line that ends early leaves what it opened to the end of the process.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@each("path", COMMANDS)
def test_a_wrong_value_is_refused_in_words(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(tmp_path / path.replace(" ", "-"), monkeypatch)
    command, words = command_of(path), example_in(help_of(path.split()))
    wrong = [
        *typed(command, words),
        ("an unknown option", [*words, "--nope"]),
        ("a word too many", [*words, "0198", "too", "many"]),
    ]
    for what, line in wrong:
        said = refused(line)
        assert said or "many" in what, f"{what} is taken"
        assert not POOR.search(said or ""), f"{what}: {said}"
        assert len((said or "three words long").split()) >= 3


def test_some_hundreds_of_values_are_tried() -> None:
    tried = [what for path in COMMANDS for what, _ in typed(command_of(path), [])]
    assert len(tried) >= 300
