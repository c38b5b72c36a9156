"""Write the manual page of `casegate`, in the format of man(7), from the commands' own help.

``python deploy/man.py FILE``
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import click

from gateway.cli import AUDIENCES, SUBCOMMANDS, main

HEAD = """\
.TH CASEGATE 1 "" "Casegate" "User Commands"
.SH NAME
casegate \\- share cases between organisations that protect children
.SH SYNOPSIS
.B casegate
.I COMMAND
.RI [ OPTIONS ] " " [ ARGUMENTS ]
.SH DESCRIPTION
"""


def page() -> str:
    """The whole page: each command under its audience, each with its options."""
    parts = [HEAD, _paragraphs(main.help or "")]
    for audience in AUDIENCES:
        parts.append(f'.SH "{_text(audience.upper())}"\n')
        for name, one in sorted(SUBCOMMANDS.items()):
            if one.audience == audience:
                parts += _command(f"casegate {name}", one.load())
    return "".join(parts)


def _command(path: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f'.SS "{_text(path)} {_text(usage)}"\n{_paragraphs(command.help or "")}'
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            yield f".TP\n.B {_text(record[0])}\n{_text(record[1])}\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _command(f"{path} {name}", below)
    else:
        yield _paragraphs(command.epilog or "")


def _paragraphs(text: str) -> str:
    """Paragraphs of a help text; what stands after a backspace mark keeps its lines."""
    made = []
    for block in re.split(r"\n\s*\n", text.replace("\f", "").strip()):
        kept = block.lstrip().startswith("\b")
        lines = [_text(line) for line in dedent(block.replace("\b", "")).strip().splitlines()]
        body = "\n".join(lines if kept else [" ".join(map(str.strip, lines))])
        made.append(f".nf\n{body}\n.fi\n" if kept else f".PP\n{body}\n")
    return "".join(made) if text else ""


def _text(text: str) -> str:
    """Text in which troff sees no request, escape or hyphenation."""
    text = " ".join(text.split("\n")).replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page(), encoding="utf-8")
