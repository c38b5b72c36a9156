"""The commands of changes that need no more than their values, made from the table of changes."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gateway.cli.admin.session import AdminSession, change_registry
from gateway.evidence import base64url, canonical
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import ChangeType
from gateway.kernel.fields import Field, Given, text

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
DAY = click.DateTime(["%Y-%m-%d"])

ORGANISATIONS = {"succession": "PREDECESSOR", "case": "ORIGINATOR"}
"""What the organisation of a change is called on the command line, where it has a part in it."""


def read_json(file: Path) -> Any:
    """What is in a JSON file, for the registry to judge; ClickException for what is not JSON."""
    try:
        return canonical.decode(file.read_bytes())
    except ValueError as error:
        raise click.ClickException(f"{file} is not JSON: {error}") from error


def _text_in(file: Path) -> str:
    return file.read_text(encoding="ascii", errors="replace").strip()


def _digest_of(file: Path) -> str:
    return base64url.encode(hashlib.sha256(file.read_bytes()).digest())


_TYPES: dict[Given, tuple[click.ParamType[Any], Callable[[Any], Any]]] = {
    Given.TEXT: (click.STRING, str),
    Given.DATE: (DAY, lambda day: day.date().isoformat()),
    Given.ID: (click.UUID, str),
    Given.FLAG: (click.BOOL, bool),
    Given.JSON_FILE: (FILE, read_json),
    Given.TEXT_FILE: (FILE, _text_in),
    Given.DIGEST_OF_FILE: (FILE, _digest_of),
}
"""How each kind of value is taken from the command line, and what is signed of it."""


def day(value: Any) -> str | None:
    """A day of the command line as changes of the registry spell it."""
    return None if value is None else value.date().isoformat()


def make_command(action: str, kind: ChangeType) -> click.Command:
    """The command that makes a change, or lets it wait for a second person."""
    noun, _, verb = action.partition(".")

    def run(session: AdminSession, organisation: str = GATEWAY, **given: Any) -> None:
        values = {field.name: _value(field, given[field.name]) for field in kind.fields}
        change_registry(session, action, organisation, values)

    about = ORGANISATIONS.get(noun, "ORGANISATION")
    named: list[click.Parameter] = [click.Argument(["organisation"], metavar=about)]
    persons = "Two persons approve (R10)." if kind.persons == 2 else "One person suffices."
    return click.Command(
        verb.replace("_", "-"),
        callback=click.pass_obj(run),
        params=[*([] if kind.at_gateway else named), *map(_parameter, kind.fields)],
        help="\n\n".join(part for part in (kind.summary, kind.about, persons) if part),
        short_help=kind.summary,
        # A thumbprint may begin with "-", or with "-h": it is no option then.
        context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]}
        if any(one.option.isupper() and one.read is text for one in kind.fields)
        else {},
    )


def _parameter(field: Field) -> click.Parameter:
    kind: click.ParamType[Any] = (
        click.Choice(field.words) if field.words else _TYPES[field.given][0]
    )
    if field.option.isupper():
        return click.Argument(
            [field.name], metavar=field.option, type=kind, required=field.required
        )
    name = field.option or "--" + field.name.replace("_", "-")
    if field.given is Given.FLAG:
        return click.Option([name, field.name], is_flag=True, help=field.about)
    if field.several:
        return click.Option([name, field.name], multiple=True, type=kind, help=field.about)
    default = {} if field.default is None else {"default": field.default, "show_default": True}
    return click.Option(
        [name, field.name],
        type=kind,
        required=field.required and field.default is None,
        metavar="YYYY-MM-DD" if field.given is Given.DATE else None,
        help=field.about,
        **default,
    )


def _value(field: Field, given: Any) -> Any:
    if field.several:
        return sorted(set(given)) or field.default
    if given is None or field.words:
        return given
    return _TYPES[field.given][1](given)
