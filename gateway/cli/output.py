"""What people see: plain text, colours on a terminal only, JSON for machines, the next command.

Texts of other organisations are shown, never obeyed: none of their control characters reaches the
terminal. Who prints their addresses defangs them, so that none is a link.
"""

import io
import json
import os
import re
import shlex
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from gateway import files
from gateway.cli.failure import DONE
from gateway.domain.json_values import parse_timestamp


def sanitise(value: Any) -> str:
    """One line of text in which nothing moves the cursor or turns the direction of writing."""
    return "".join(
        c if _shows(c) else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in str(value)
    )


def _shows(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def say(text: Any, word: str = "", shade: str = "green", *, err: bool = False) -> None:
    """Print a line in which nothing moves the cursor; a coloured word and a colon may open it."""
    opening = f"{colour(word, shade)}: " if word else ""
    click.echo(f"{opening}{sanitise(text)}", err=err)


def warn(text: str) -> None:
    """Print a warning, beside what the command answers."""
    say(text, "Warning", "yellow", err=True)


def short(id_: Any) -> str:
    """The last eight digits of an id, by which people name a case or a handoff: the first ones are
    its time, and those of a day have the same."""
    return str(id_)[-8:]


def with_ends(text: str) -> str:
    """A text that holds ids of elements, with their ends alone."""
    return _ID.sub(lambda found: short(found[0]), text)


_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def colour(text: str, colour: str) -> str:
    """Colour a text, unless NO_COLOR is set (no-color.org); `echo` drops it off a terminal."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour)


def program() -> str:
    """The command as the person can type it: with its path where the shell does not find it."""
    typed = sys.argv[0]
    if Path(typed).name == "casegate" and shutil.which("casegate") is None:
        return shlex.quote(typed)
    return "casegate"


def example(*words: str) -> str:
    """A paragraph of help: a command line to copy, where no option stands apart from its value."""
    lines = ["Example: casegate"]
    for word in words:
        if len(lines[-1]) + len(word) >= _EXAMPLE_COLUMNS:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {word}"
    return "\n".join(["\b", *lines])


_EXAMPLE_COLUMNS = 64


AS_JSON = "gateway.cli.as_json"
"""Where the option --json of a command is kept: see `arguments.json_option`."""


def for_machines() -> bool:
    """Tell whether the command line asks for one JSON document."""
    context = click.get_current_context(silent=True)
    return context is not None and AS_JSON in context.meta


def reply(value: Any, *lines: str, word: str = "") -> bool:
    """Print what a command answers: for machines as one JSON document, for people as these lines,
    a coloured ``word`` before the first.

    Returns whether it was for machines, for commands that have more to tell people.
    """
    if for_machines():
        print_json(value)
        return True
    for number, line in enumerate(lines):
        say(line, "" if number else word)
    return False


def finish() -> None:
    """From here on Ctrl-C stops nothing: what was asked for is done; only to tell it is left."""
    click.get_current_context().meta[DONE] = True


def print_json(value: Any) -> None:
    """Print one JSON document, also where a terminal cannot show all characters."""
    click.echo(json.dumps(value, ensure_ascii=True, indent=2))


def print_line(value: Any) -> None:
    """Print one JSON value on one line, at once: a stream of them is JSON Lines."""
    click.echo(json.dumps(value, ensure_ascii=True))


def _columns() -> int | None:
    """How wide the terminal is; None where the output goes elsewhere."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return None


def print_wrapped(text: str, label: str, hanging: int, shade: str | None = None) -> None:
    """Print a label, coloured or not, and a text in lines no wider than the terminal, or 80.

    The other lines begin after ``hanging`` spaces. A word that is wider stays whole. ``shade`` is
    the colour of all of it.
    """
    width = len(click.unstyle(label))
    lines = textwrap.wrap(
        text,
        _columns() or 80,
        initial_indent=" " * width,
        subsequent_indent=" " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    first, *others = lines or [""]
    for line in (label + first[width:], *others):
        click.echo(line if shade is None else colour(line, shade))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their headings, each column as wide as its widest cell.

    Where the terminal is narrower each row is a block, a cell a line.
    """
    cells = [list(headings), *([sanitise(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    columns = _columns()
    if columns is not None and sum(widths) + 2 * len(widths) - 2 > columns:
        for row in cells[1:]:
            print_fields(dict(zip(headings, row, strict=True)))
            click.echo()
        return
    for number, row in enumerate(cells):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(colour(line.rstrip(), "bright_black") if number == 0 else line.rstrip())


Column = str | tuple[str, str | Callable[[Any], Any]]
"""A column: the name of a member, or a heading with a member's name or what makes its cell."""


def print_columns(items: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    """Print a table with a row for each item; what is None or empty is a dash."""
    named = [(one.replace("_", " "), one) if isinstance(one, str) else one for one in columns]

    def cell(item: Mapping[str, Any], of: str | Callable[[Any], Any]) -> str:
        value = item[of] if isinstance(of, str) else of(item)
        return "-" if value in (None, "", []) else format_value(value)

    rows = [[cell(item, of) for _, of in named] for item in items]
    print_table([heading for heading, _ in named], rows)


def print_items(items: Sequence[Mapping[str, Any]], *columns: Column) -> None:
    """Print a list: as a table, or the items as one JSON document."""
    if not reply({"items": items}):
        print_columns(items, columns)


def print_fields(fields: Mapping[str, Any]) -> None:
    """Print names and values below each other, in lines no wider than the terminal; what is None
    or empty is left out."""
    shown = {name: value for name, value in fields.items() if value not in (None, "", [], (), {})}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        print_wrapped(sanitise(format_value(value)), f"  {name.ljust(width)}  ", width + 4)


def print_members(members: Mapping[str, Any], *apart: str) -> None:
    """Print the members of an object, but those ``apart``, their names in words."""
    print_fields({n.replace("_", " "): value for n, value in members.items() if n not in apart})


def format_time(value: str | datetime) -> str:
    """A time as people read it, ``2026-01-02 03:04 UTC``; a text that is none stays as it is."""
    try:
        at = value if isinstance(value, datetime) else parse_timestamp(value)
    except ValueError:
        return str(value)
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def format_value(value: Any) -> str:
    """A value in words: lists by commas, yes and no, times in UTC."""
    match value:
        case str() | datetime():
            return format_time(value)
        case bool():
            return "yes" if value else "no"
        case list() | tuple() | set() | frozenset():
            return ", ".join(format_value(element) for element in value) or "none"
        case dict():
            members = [(n, member) for n, member in value.items() if member is not None]
            return ", ".join(f"{name} {format_value(member)}" for name, member in members)
        case _:
            return str(value)


def read_start(name: str, limit: int) -> bytes:
    """Read no more than so many bytes of a file, or of the standard input ("-"); OSError."""
    with click.open_file(name, "rb") as file:
        return bytes(file.read(limit))


class Input(click.ParamType[bytes]):
    """A file given on the command line, or "-" for the standard input, as its first bytes."""

    name = "file"

    def __init__(self, limit: int) -> None:
        """``limit`` is how many bytes are read at most."""
        self._limit = limit

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Read the file; a usage error when that cannot be done."""
        try:
            return read_start(str(value), self._limit)
        except OSError as error:
            where = Path(str(value)).absolute()
            self.fail(f"{where} cannot be read: {error.strerror}", param, ctx)


def write_new(file: Path, data: bytes) -> None:
    """Write a new file that only its owner can read; a ClickException when that cannot be done."""
    try:
        files.create(file, data)
    except files.PrivateFileError as error:
        raise click.ClickException(str(error)) from error


def interactive() -> bool:
    """Tell whether a person can be asked."""
    return sys.stdin.isatty()


def agree_to_lose(loses: str, named: str) -> None:
    """Let a person type the name of what is lost for good; UsageError where nobody can."""
    if for_machines() or not interactive():
        raise click.UsageError(f"This is for good: {loses} Give --yes to do it.")
    click.echo(f"This is for good. {loses}")
    if click.prompt(f"Type {named} to do it").strip() != named:
        raise click.Abort


@contextmanager
def new_file(file: Path, *, mode: int) -> Iterator[io.FileIO]:
    """A new file, made before what goes into it; it is gone again when nothing was written.

    A ClickException when it cannot be made.
    """
    try:
        descriptor = files.open_new(file, mode)
    except files.PrivateFileError as error:
        raise click.ClickException(str(error)) from error
    with io.FileIO(descriptor, "wb") as opened:
        try:
            yield opened
        except BaseException:
            if opened.tell() == 0:
                file.unlink()
            raise


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on the error stream for long work; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def tell(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        yield tell


# --- The command that follows: after what was done just now, and for what waits ---
#
# For people alone: a program knows what it does next.


WIDTH = 80
"""Columns: a longer command is printed on several lines, as a shell reads it."""

_OFFER = "handoff offer {case} --competence MATTER/TERRITORY --group GROUP"
_NEXT: Sequence[tuple[str, Mapping[str, Any], str]] = (
    ("case.submitted", {"state": "draft"}, "case assess {case}"),
    ("case.submitted", {"state": "cleared"}, _OFFER),
    ("case.revised", {"state": "draft"}, "case assess {case}"),
    ("case.revised", {"state": "cleared"}, "case coverage {case}"),
    ("case.assessed", {}, "case clear {case}"),
    ("case.cleared", {"version": 1}, _OFFER),
    ("case.cleared", {}, "case coverage {case}"),
    ("case.recalled", {"approve_by": None}, "case coverage {case}"),
    ("case.recalled", {}, "case approve-recall {case} {recall}"),
    ("case.recall_approved", {}, "case coverage {case}"),
    ("handoff.offered", {"break_glass": True}, "handoff call {handoff}"),
    ("handoff.accepted", {}, "handoff consult {handoff}"),
    ("handoff.acknowledged", {}, "todo"),
    ("handoff.recall_acknowledged", {}, "handoff answer-recall {handoff}"),
)
"""After which event, where its result has these members, which command follows: the first row that
fits. After what is not here nothing follows, or the other party is next."""


def following(event: Mapping[str, Any], result: Mapping[str, Any]) -> str | None:
    """The command after a write, without the program's name; None where none follows."""
    told = {**event, **result}
    told |= {name: short(told[name]) for name in ("case", "handoff") if name in told}
    for type_, members, command in _NEXT:
        if event["type"] == type_ and all(told.get(n) == v for n, v in members.items()):
            return command.format_map(told)
    return None


def complete(command: str) -> str:
    """A command with the options that it must have, each with what it takes, and with the
    connection that this one was given."""
    here = click.get_current_context()
    context = here.find_root()
    found: click.Command = context.command
    for word in command.split():
        named = found.get_command(context, word) if isinstance(found, click.Group) else None
        found = named or found
    needed = (
        f"{one.opts[-1]} {one.metavar or str(one.name).upper()}"
        for one in found.params
        if isinstance(one, click.Option) and one.required
    )
    given = here.get_parameter_source("connection_file") is ParameterSource.COMMANDLINE
    at = ["-c", shlex.quote(str(here.params["connection_file"]))] if given else []
    return " ".join([command, *needed, *at])


def print_next(command: str, opening: str = "Next:") -> None:
    """Tell a complete command, in lines that a person copies as they are."""
    lines = textwrap.wrap(
        f"{opening} {program()} {sanitise(command)}",
        WIDTH - len(" \\"),
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    click.echo(" \\\n".join(lines))
