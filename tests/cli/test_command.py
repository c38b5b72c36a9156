"""The command `casegate`: lazy subcommands, help by person, plain words for a lack."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping

import click
from click.testing import CliRunner

from gateway import __version__, cli
from gateway.cli import AUDIENCES, DAILY, OPERATORS, SUBCOMMANDS, Subcommand, main
from tests.each import each


def python(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter, where nothing has been imported yet."""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


@each("name", sorted(SUBCOMMANDS))
def test_the_table_and_the_command_say_the_same(name):
    command = SUBCOMMANDS[name].load()
    assert isinstance(command, click.Command)
    assert command.name == name
    assert (command.help or "").startswith(SUBCOMMANDS[name].about)
    assert SUBCOMMANDS[name].audience in AUDIENCES


def test_help_shows_what_each_person_does_most_days_then_names_all_commands_on_one_page():
    output = CliRunner().invoke(main, ["--help"], terminal_width=80).output
    assert len(output.splitlines()) <= 60
    assert max(map(len, output.splitlines())) <= 80
    assert sum(map(len, DAILY.values())) == 25
    acts, _, names = output.partition("All commands")
    assert re.findall(r"[a-z-]+", names.partition(":")[2]) == sorted(SUBCOMMANDS)
    for person, lines in DAILY.items():
        assert f"\n{person}:\n" in acts
        assert all(
            re.search(rf"^  {act}  +{about[:9]}", acts, re.M) for act, about in lines.items()
        )


@each("act", [act for acts in DAILY.values() for act in acts])
def test_help_says_of_a_daily_act_what_its_command_says(act):
    noun, *verbs = act.split()
    command = SUBCOMMANDS[noun].load()
    for verb in verbs:
        assert isinstance(command, click.Group)
        command = command.commands[verb]
    (said,) = (acts[act] for acts in DAILY.values() if act in acts)
    assert command.short_help == said


def test_help_and_version_load_no_package_of_the_server():
    heavy = ("cedarpy", "flask", "sqlalchemy", "authlib", "marshmallow", "gunicorn", "alembic")
    result = python(
        "import sys\n"
        "from gateway.cli import main\n"
        "for arguments in (['--help'], ['--version']):\n"
        "    main(arguments, standalone_mode=False)\n"
        f"print('loaded:', [m for m in {heavy!r} if m in sys.modules])\n"
    )
    assert result.stderr == ""
    assert result.stdout.endswith("loaded: []\n")


def test_a_subcommand_whose_package_is_missing_says_what_to_install():
    result = python(
        "import sys\n"
        "sys.modules['cedarpy'] = None\n"
        "from gateway.cli import main\n"
        "main(['doctor'])\n"
    )
    assert result.returncode == 2
    assert "needs the package 'cedarpy'" in result.stderr
    assert "pip install '.[server]'" in result.stderr


@each("line", [("casegate ", 1), ("casegate doctor ", 2)])
def test_a_line_is_completed_where_the_server_s_packages_are_missing(line):
    words, place = line
    result = python(
        "import os, sys\n"
        "sys.modules['cedarpy'] = None\n"
        f"os.environ.update(COMP_WORDS={words!r}, COMP_CWORD='{place}')\n"
        "os.environ['_CASEGATE_COMPLETE'] = 'bash_complete'\n"
        "from gateway.cli import main\n"
        "main(prog_name='casegate')\n"
    )
    assert result.stderr == ""
    assert "plain,verify\n" in result.stdout


def test_a_missing_part_of_our_own_is_not_taken_for_a_choice(monkeypatch):
    table: Mapping[str, Subcommand] = {"lost": Subcommand("gateway.cli.lost:lost", OPERATORS, "-")}
    monkeypatch.setattr(cli, "SUBCOMMANDS", table)
    result = CliRunner().invoke(main, ["lost"])
    assert isinstance(result.exception, ModuleNotFoundError)


def test_the_version_is_printed_with_the_products_name():
    result = CliRunner().invoke(main, ["--version"])
    assert result.exit_code == 0
    assert result.output == f"casegate {__version__}\n"


def _connections(command: click.Command, heard: bool, words: str) -> Iterator[tuple[str, bool]]:
    """Each command that takes a connection, and whether CASEGATE_CONNECTION names it."""
    options = [one for one in command.params if "--connection" in one.opts]
    heard = heard or any(one.envvar == "CASEGATE_CONNECTION" for one in options)
    if not isinstance(command, click.Group):
        yield from [(words, heard)] if options else []
        return
    context = click.Context(command, info_name=words)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from _connections(below, heard, f"{words} {name}".strip())


def test_the_environment_names_the_connection_of_every_command_that_takes_one():
    found = dict(_connections(main, False, ""))
    assert found.keys() >= {"verify", "audit mirror", "case list", "admin waiting", "system renew"}
    assert [words for words, heard in found.items() if not heard] == []


def _lists(command: click.Group, words: str) -> list[tuple[str, str]]:
    """What each list of commands below a command says, cut to a terminal of 80 columns."""
    context = click.Context(command, info_name=words)
    names = command.list_commands(context)
    room = 78 - 6 - max(map(len, names))  # click keeps two of 80 columns free
    found = []
    for name in names:
        one = command.get_command(context, name)
        assert one is not None
        found.append((f"{words} {name}", one.get_short_help_str(room)))
        if isinstance(one, click.Group):
            found += _lists(one, f"{words} {name}")
    return found


@each("name", sorted(SUBCOMMANDS))
def test_every_list_of_commands_says_whole_sentences(name):
    command = SUBCOMMANDS[name].load()
    listed = _lists(command, name) if isinstance(command, click.Group) else []
    assert [(words, said) for words, said in listed if not said or said.endswith("...")] == []
