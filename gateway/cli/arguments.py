"""Arguments that several commands take, and how an operator's command fails."""

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from gateway import setting_validators
from gateway.cli.failure import NO_SPACE
from gateway.cli.output import AS_JSON
from gateway.domain.json_values import parse_date, parse_timestamp
from gateway.domain.mandate import read_competence
from gateway.domain.organisation import NAME, NO_NAME, NO_SLUG, SLUG
from gateway.domain.refusals import Correctable, Refusal, ValidationFailed
from gateway.files import PrivateFileError
from gateway.ledger.tiles import ReadFile

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
PLACE = click.Path(exists=True, path_type=Path)
ANY_FILE = click.Path(dir_okay=False, path_type=Path)
ANY_FOLDER = click.Path(file_okay=False, path_type=Path)


def _as_json(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        context.meta[AS_JSON] = True


json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    callback=_as_json,
    help="Print one JSON document.",
)
"""Asks `output.reply`, and all that prints, for machine output."""


def reader(folder: Path) -> ReadFile:
    """Reads the files of a copy by their tlog-tiles paths."""

    def read(path: str) -> bytes:
        try:
            return (folder / path).read_bytes()
        except FileNotFoundError:
            raise LookupError(path) from None
        except OSError as error:
            raise click.UsageError(f"{folder / path} cannot be read: {error.strerror}") from error

    return read


def organisation_id(
    _context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """Check an organisation's id, or another name of its form, before anything is asked."""
    if value is not None and not SLUG.fullmatch(value):
        raise click.BadParameter(f"{value!r} {_NO_SUCH.get(str(parameter.name), NO_SLUG)}")
    return value


def organisation_name(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """Check an organisation's name, which may be a remote member's, before anything is asked."""
    if value is not None and not NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r} {NO_NAME}")
    return value


_NO_SUCH = {
    "person": "must be a person's id, as martin",
    "name": "must be a gateway's name: 2 to 40 of a-z, 0-9 and '-', a letter first",
}
"""What is wrong with the id of something else than an organisation."""


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


class WholeNumber(click.IntRange):
    """A whole number between bounds."""

    name = "whole number"


class CalendarDay(click.ParamType[date]):
    """A day of the calendar."""

    name = "yyyy-mm-dd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read it strictly."""
        try:
            return value if isinstance(value, date) else parse_date(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType[datetime]):
    """A time with its offset; with ``days`` a date is its first moment in UTC."""

    name = "time"

    def __init__(self, *, days: bool = False) -> None:
        """Take times alone, or dates as well."""
        self._days = days

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it strictly."""
        try:
            if isinstance(value, datetime):
                return value
            if self._days and "T" not in str(value):
                return datetime.combine(parse_date(str(value)), datetime.min.time(), UTC)
            return parse_timestamp(str(value))
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class Words(click.Choice[str]):
    """One of some words; where they are many help lists them on several lines."""

    def __init__(self, words: Iterable[str]) -> None:
        """The words, or the class of enumerated words that they are."""
        super().__init__([str(word) for word in words])

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """The words, broken behind a stroke where a line would be too long."""
        lines = ["["]
        for word in self.choices:
            if len(lines[-1]) + len(word) > LONGEST_CHOICE:
                lines.append(" " * 6)
            lines[-1] += f"{word}|"
        return "\n".join(lines)[:-1] + "]"


LONGEST_CHOICE = 48
"""Characters of words on a line of help: with an option's name they leave a line of 70."""


class Competence(click.ParamType[str]):
    """A competence as people write it, by default to receive; its key."""

    name = "[function/]matter/territory"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it; a usage error that shows how one is written."""
        try:
            return read_competence(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


CONNECTION_FILE = "connection.toml"
"""What the connection file of a system's folder is called."""


class ConnectionFile(click.Path):
    """A connection file, or the folder that has it."""

    def __init__(self, *, exists: bool = False) -> None:
        """``exists``: it is there already."""
        super().__init__(exists=exists, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The file."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        return path / CONNECTION_FILE if path.is_dir() else path


class NewFile(click.Path):
    """A file, or a folder, that a command makes: checked before anything is asked or recorded.

    What was found out or recorded would be lost, or look refused, if it could not be kept then.
    """

    def __init__(self, *, folder: bool = False) -> None:
        """``folder``: the command makes a folder."""
        super().__init__(dir_okay=folder, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path; a usage error when something is there, or nothing can be made."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if path.exists() or path.is_symlink():
            self.fail(f"{path} exists. Move it away, or use another name.", param, ctx)
        if not path.parent.is_dir():
            self.fail(f"{path.parent} is not a folder", param, ctx)
        if not os.access(path.parent, os.W_OK | os.X_OK):
            self.fail(f"nothing can be written in {path.parent}", param, ctx)
        return path


def language_of_locale() -> str:
    """The language of the locale: French, or else English."""
    named = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next(filter(None, named), "")
    return "fr" if re.split("[_.@]", locale)[0].lower() == "fr" else "en"


page_option = click.option(
    "--page",
    "file",
    type=NewFile(),
    metavar="FILE.html",
    help="Write it as one page to print; nothing in it is loaded from elsewhere.",
)
csv_option = click.option(
    "--csv", "as_csv", is_flag=True, help="Print comma-separated values (RFC 4180)."
)
out_option = click.option("--out", required=True, type=NewFile(), help="The new file.")


# --- What the operator's commands share ---


def folder_option(kind: click.Path, about: str) -> Callable[[Any], Any]:
    """The option that names the operator's folder."""
    return click.option(
        "--home",
        "folder",
        envvar="CASEGATE_HOME",
        type=kind,
        default=Path(),
        show_default="this folder",
        show_envvar=True,
        help=about,
    )


home_option = folder_option(FOLDER, "The operator's folder, made by `casegate init`.")


def sentence_of(refusal: Refusal) -> str:
    """Why something is refused; for an invalid change, each field and its error."""
    if isinstance(refusal, ValidationFailed):
        return "; ".join(f"{pointer[1:]} {sentence}" for pointer, sentence in refusal.errors)
    return refusal.detail


@contextmanager
def plain_errors() -> Iterator[None]:
    """Report what an operator can correct in one sentence, exit status 1; not defects."""
    try:
        yield
    except Refusal as refusal:
        raise click.ClickException(sentence_of(refusal)) from refusal
    except OSError as error:
        if error.filename is None and error.errno in (*NO_SPACE, errno.EPIPE):
            raise  # the command line itself tells of its output
        if error.filename is None:
            raise click.ClickException(str(error)) from error
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    except (Correctable, PrivateFileError) as error:
        raise click.ClickException(str(error)) from error
