"""How a command fails: one sentence on the error stream, or one JSON value on the output.

For machines it is one line ``{"error": {"kind", "message", ...}}``, whatever went wrong, with what
was done before it beside ``error``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import click


class Failed(click.ClickException):
    """A failure that has more to tell machines than its sentence."""

    def __init__(
        self,
        message: str,
        told: Mapping[str, Any],
        done: Mapping[str, Any] | None = None,
        *,
        exit_code: int = click.ClickException.exit_code,
    ) -> None:
        """``told`` are members of ``error``, its kind among them; ``done`` those beside it."""
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc] # the class declares it, click reads this
        self.told, self.done = dict(told), dict(done or {})


class NotKept(click.ClickException):
    """What was asked for is done and told, but a file could not be written."""

    exit_code = 6


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for machine output, also one that cannot be read further."""
    ended = arguments.index("--") if "--" in arguments else len(arguments)
    return "--json" in arguments[:ended]


def print_failure(error: click.ClickException) -> None:
    """Tell machines what went wrong."""
    from gateway.cli.screen import print_line  # noqa: PLC0415 - most commands do not fail

    if isinstance(error, Failed):
        print_line({**error.done, "error": {"message": error.message, **error.told}})
        return
    kind = "UsageError" if isinstance(error, click.UsageError) else "Error"
    print_line({"error": {"kind": kind, "message": error.format_message()}})
