"""Every command's help fits its page and has an example, which the command itself can read."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from gateway.changes import CHANGES
from gateway.cli import main
from gateway.cli.admin import change_command
from gateway.cli.admin.nouns import RENAMED
from gateway.kernel.actors import GATEWAY
from gateway.kernel.fields import Given, read_fields
from tests.casework import case_content
from tests.each import each

LONGEST_LINE = 70

ID = "0198c1f2-7a00-7000-8000-000000000001"

FILES = {
    "case.json": json.dumps(case_content(ID)),
    "contents.json": json.dumps({ID: {"type": "item", "value": {}}}),
    "shown.json": "{}",
}
"""Files that an example names and that are read with the command line: anything else is empty."""

FOLDERS = ("gw", "mirror", "trust", "receipts", "proof", "root")


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from leaves(below, (*path, name))
    else:
        yield path


COMMANDS = [" ".join(path) for path in leaves(main)]


def help_of(path: list[str]) -> str:
    """What `--help` of a command prints on a wide terminal."""
    command: click.Command = main
    context = click.Context(main, info_name="casegate", **main.context_settings)
    for name in path:
        assert isinstance(command, click.Group)
        below = command.get_command(context, name)
        assert below is not None
        command = below
        context = click.Context(command, info_name=name, parent=context, **command.context_settings)
    return command.get_help(context)


def example_in(help_text: str) -> list[str]:
    """The words of the example, as a shell reads them: ids are written out."""
    found = re.search(r"^  Example: (.*?)(?:\n\n|\Z)", help_text, re.DOTALL | re.MULTILINE)
    assert found, "no example"
    line = found[1].replace("\\\n", " ").replace("\n", " ")
    words = shlex.split(line.partition(" > ")[0].replace("0198...", ID).replace("0197...", ID))
    assert words[0] == "casegate"
    return words[1:]


def read(words: list[str]) -> str:
    """Read a command line to its end, and run nothing; which command it is."""
    context = main.make_context("casegate", list(words), **main.context_settings)
    while isinstance(context.command, click.Group):
        given = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, given)
        assert name is not None
        assert command is not None
        context = command.make_context(name, rest, parent=context)
    context.close()
    return context.command_path.removeprefix("casegate ")


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a new folder that has what examples name."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in FOLDERS:
        Path(name).mkdir()
    for name, text in FILES.items():
        Path(name).write_text(text)


def make_what_is_read(error: click.BadParameter) -> bool:
    """Make a file that an example names and the command did not find."""
    missing = re.search(
        r"([\w./-]+)'?(?: does not exist|: No such file| cannot be read: No)", error.message
    )
    if missing is None:
        return False
    Path(missing[1]).parent.mkdir(exist_ok=True)
    Path(missing[1]).touch()
    return True


@each("path", COMMANDS)
def test_help_has_an_example_that_its_command_reads(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(tmp_path / path.replace(" ", "-"), monkeypatch)
    words = example_in(help_of(path.split()))
    while True:
        try:
            assert read(words) == path
            return
        except click.BadParameter as error:
            if not make_what_is_read(error):
                raise


@each("name", main.list_commands(click.Context(main)))
def test_no_list_of_commands_cuts_a_summary_short(name: str) -> None:
    loaded = main.get_command(click.Context(main), name)
    groups = [loaded, *getattr(loaded, "commands", {}).values()]
    for group in groups:
        if isinstance(group, click.Group):
            listed = group.get_help(click.Context(group)).partition("\nCommands:\n")[2]
            assert listed
            assert "..." not in listed


@each("path", COMMANDS)
def test_help_fits_its_page(path: str) -> None:
    lines = help_of(path.split()).split("\n")
    assert [line for line in lines if len(line) > LONGEST_LINE] == []


OF_THEIR_OWN = {
    "organisation.apply", "contact.set", "system.set_keys", "invitation.create", "peer.trust",
}  # fmt: skip
"""Changes whose commands are written out: they take files as members fill them in."""


@each("action", sorted(CHANGES.keys() - OF_THEIR_OWN))
def test_the_command_of_a_change_submits_what_its_example_gives(
    action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read of a change, and what it does, is tested by `tests/registry`."""
    enter(tmp_path / action, monkeypatch)
    submitted: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        change_command, "change_registry", lambda _, *change: submitted.append(change)
    )
    noun, _, verb = action.replace("_", "-").partition(".")
    words = example_in(help_of(["admin", RENAMED.get(noun, noun), verb]))
    for file in filter(re.compile(r"\w+\.(json|jwt|pdf)").fullmatch, words):
        Path(file).write_text("{}")
    kind = CHANGES[action]
    result = CliRunner().invoke(main, [*words, *(["--yes"] if kind.loses else [])])
    assert result.exit_code == 0, result.output
    ((asked, organisation, values),) = submitted
    assert (asked, organisation) == (action, GATEWAY if kind.at_gateway else "ofmin")
    of_files = {one.name for one in kind.fields if one.given in (Given.JSON_FILE, Given.TEXT_FILE)}
    assert all(
        values[one.name] is not None for one in kind.fields if one.required and one.name in of_files
    )
    read_fields(
        [one for one in kind.fields if one.name not in of_files],
        {n: value for n, value in values.items() if value is not None and n not in of_files},
    )
