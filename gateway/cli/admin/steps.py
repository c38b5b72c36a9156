"""The step of a ceremony: named by the person who takes it, so that none is taken by mistake."""

import click

from gateway.cli.output import interactive


def require_meant(due: str, named: str | None, *, as_json: bool) -> None:
    """End unless the step that comes next is the one that is meant.

    ``named`` was given as --step; without it a person is asked, and a script refused. A command
    that is repeated after some trouble takes no further step so.
    """
    if named is None:
        if as_json or not interactive():
            raise click.UsageError(f"say which step you mean: --step {due} is the one that is next")
        click.confirm(f"The next step is '{due}'. Take it?", abort=True)
    elif named != due:
        raise click.ClickException(
            f"nothing was done: the next step is '{due}', so '{named}' was taken before, or is to "
            "come"
        )
