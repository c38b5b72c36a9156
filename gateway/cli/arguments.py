"""Kinds of arguments that several commands take, each read and checked in one way."""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from gateway import setting_validators
from gateway.domain.organisation import SLUG
from gateway.domain.timestamp import parse_timestamp

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def organisation_id(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """Check an organisation's id, or another name of its form, before anything is asked."""
    if value is not None and not SLUG.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} is not a valid id. Use 2 to 40 of a-z, 0-9 and '-', starting with a letter."
        )
    return value


def gateway_address(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """A gateway's public address, as it stands in documents: another spelling is another one."""
    if not value:
        return value
    try:
        return setting_validators.origin(value.removesuffix("/"))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} {error}") from error


class Moment(click.ParamType[datetime]):
    """A time with its offset."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it strictly."""
        try:
            return value if isinstance(value, datetime) else parse_timestamp(str(value))
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class NewFile(click.Path):
    """A file that a command makes: checked before anything is asked or recorded.

    What was found out or recorded would be lost, or look refused, if it could not be kept then.
    """

    def __init__(self) -> None:
        """A path, of no folder."""
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path; a usage error when a file is there, or none can be made."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if path.exists() or path.is_symlink():
            self.fail(f"{path} exists. Move it away, or use another name.", param, ctx)
        if not path.parent.is_dir():
            self.fail(f"{path.parent} is not a folder", param, ctx)
        if not os.access(path.parent, os.W_OK | os.X_OK):
            self.fail(f"nothing can be written in {path.parent}", param, ctx)
        return path
