"""The examples of help: a command without one of its own shows what must be given to it."""

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

import click

from gateway.cli import output
from gateway.cli.arguments import CalendarDay, Moment


def give_examples(command: click.Command, *path: str) -> None:
    """Give each command an example, and a summary that no list of commands cuts short."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            give_examples(below, *path, name)
    elif "Example: " not in (command.help or ""):
        where = ["--home gw"] if path[0] == "admin" else []
        ids, arguments, options = iter(("0198...", "0197...")), [], []
        for one in command.params:
            if isinstance(one, click.Argument) and one.required:
                arguments.append(_sample(one, path) or next(ids))
            elif isinstance(one, click.Option) and (one.required or one.envvar == "CASEGATE_HOME"):
                given = "gw" if one.name == "folder" else _sample(one, path)
                options.append(f"{one.opts[-1]} {given}")
        more = _MORE.get(" ".join(path), ())
        words = [path[0], *where, *path[1:], *arguments, *options, *more]
        command.help = f"{cleandoc(command.help or '')}\n\n{output.example(*words)}"
    command.short_help = (command.help or "").partition("\n\n")[0]


def _sample(one: click.Parameter, path: tuple[str, ...]) -> str | None:
    if isinstance(one.type, click.Choice):
        return str(one.type.choices[0])
    names = (*(f"{word} {one.name}" for word in reversed(path)), one.name, type(one.type))
    return next((_SAMPLES[name] for name in names if name in _SAMPLES), None)


_MORE: Mapping[str, list[str]] = {
    "case recall": ["--reason 'As said by telephone'"],
    "case restrict": ["--until 2026-01-02T03:04:05Z"],
    "handoff answer-recall": ["--no-backups"],
    "handoff recall": ["--reason 'As said by telephone'"],
}
"""What must be given beside what is required of every call."""

_SAMPLES: Mapping[Any, str] = {
    CalendarDay: "2036-01-02",
    Moment: "2026-01-02T03:04:05Z",
    "peer": "fr",
    "answer-proposal by": "pdc-1",
    "approve-recall by": "pdc-2",
    "approved_by": "pdc-2",
    "article": "'CPP 40'",
    "by": "pdc-1",
    "call by": "pdc-1",
    "clear by": "pdc-2",
    "content": "case.json",
    "contents": "case.json",
    "dpo": "pdc-3",
    "function": "'duty officer'",
    "handoff by": "ofmin-1",
    "legal_basis": "'Art. 6(1)(c) GDPR'",
    "notify-correction by": "pdc-1",
    "omit-update by": "pdc-1",
    "organisation": "ofmin",
    "out": "new.json",
    "plain": "contents.json",
    "pointers": "/items/0198...",
    "profile_file": "profile.toml",
    "pseudonym": "pdc-7k3f",
    "reason": "'As said by telephone'",
    "recall by": "pdc-1",
    "review by": "ofmin-2",
    "rules": "R3.membership",
    "slug": "ofmin",
    "target": "/srv/backup/2026-01-02",
    "to": "ofmin",
    "update by": "pdc-1",
    "withdraw by": "pdc-1",
}
"""What a parameter is given: by its name, alone or with the noun or verb of its command, or by its
type."""
