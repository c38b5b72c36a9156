"""How a command fails: one sentence on the error stream, or one JSON value on the output."""

import errno
import json
from collections.abc import Mapping
from typing import Any

import click

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""Why an output takes no more."""

DONE = "gateway.cli.done"
"""Where it is kept that what was asked for is done, and told."""


class CommandFailed(click.ClickException):
    """A failure that has more to tell machines than its sentence."""

    def __init__(
        self,
        message: str,
        members: Mapping[str, Any],
        done: Mapping[str, Any] | None = None,
        *,
        exit_code: int = click.ClickException.exit_code,
    ) -> None:
        """``members`` are members of ``error``, its kind among them; ``done`` those beside it."""
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc] # the class declares it, click reads this
        self.members, self.done = dict(members), dict(done or {})


class Interrupted(CommandFailed):
    """Ctrl-C, before anything was done."""

    def __init__(self) -> None:
        """Make it, with the exit status that shells give (128 and the signal's number)."""
        super().__init__("interrupted", {"kind": "interrupted"}, exit_code=130)


class OutputNotWritten(click.ClickException):
    """What was asked for is done and members, but a file could not be written."""

    exit_code = 6


def _print_line(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=True))


def print_failure(error: click.ClickException) -> None:
    """Tell machines what went wrong."""
    if isinstance(error, CommandFailed):
        _print_line({**error.done, "error": {"message": error.message, **error.members}})
        return
    kind = "usage-error" if isinstance(error, click.UsageError) else "error"
    _print_line({"error": {"kind": kind, "message": error.format_message()}})


def without_server(command: str, missing: ModuleNotFoundError) -> click.UsageError:
    """The failure of a command that needs a package of the server's part."""
    return click.UsageError(
        f"'{command}' needs the package '{missing.name}', which comes with the server's"
        " part: pip install '.[server]' in a copy of the repository"
    )
