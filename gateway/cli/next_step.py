"""The command that follows: after what was done just now, and for what waits.

For people alone: a program knows what it does next.
"""

import shlex
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource

from gateway.cli.output import program, sanitise

WIDTH = 80
"""Columns: a longer command is printed on several lines, as a shell reads it."""

_NEXT: Sequence[tuple[str, Mapping[str, Any], str]] = (
    ("case.submitted", {"state": "draft"}, "case assess {case}"),
    ("case.submitted", {"state": "cleared"}, "handoff offer {case}"),
    ("case.revised", {"state": "draft"}, "case assess {case}"),
    ("case.revised", {"state": "cleared"}, "case coverage {case}"),
    ("case.assessed", {}, "case clear {case}"),
    ("case.cleared", {"version": 1}, "handoff offer {case}"),
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


def print_next(command: str) -> None:
    """Tell a complete command, in lines that a person copies as they are."""
    lines = textwrap.wrap(
        f"Next: {program()} {sanitise(command)}",
        WIDTH - len(" \\"),
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    click.echo(" \\\n".join(lines))
