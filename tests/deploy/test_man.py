"""The manual page has every command and option, and troff reads each line as it was meant."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli import SUBCOMMANDS

PROGRAM = Path(__file__).parents[2] / "deploy/man.py"
MACROS = {".TH", ".SH", ".SS", ".B", ".I", ".RI", ".PP", ".TP", ".nf", ".fi"}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page, as the program writes it."""
    file = tmp_path_factory.mktemp("man") / "new/casegate.1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [str(PROGRAM), str(file)])
        runpy.run_path(str(PROGRAM), run_name="__main__")
    return file.read_text("utf-8")


def commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """A command and all below it that help shows, by its whole name."""
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            if not below.hidden:
                yield from commands(f"{path} {name}", below)


def test_every_command_is_a_heading_and_has_its_options(page):
    headings = re.split(r'^\.SS "', page.replace("\\-", "-"), flags=re.MULTILINE)[1:]
    found = {" ".join(one.partition(" [")[0].split()): one for one in headings}
    for name, one in SUBCOMMANDS.items():
        for path, command in commands(f"casegate {name}", one.load()):
            options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
            assert not [p.opts for p in options if p.opts[-1] not in found[path]], path


def test_no_sentence_is_read_as_a_request_or_an_escape(page):
    assert not [
        line
        for line in page.splitlines()
        if line[:1] in {".", "'"} and line.split()[0] not in MACROS
    ]
    assert not re.search(r"\\[^e&(-]", page)


def test_what_help_shows_in_lines_keeps_its_lines(page):
    assert page.count(".nf\n") == page.count(".fi\n")
    assert "\b" not in page
