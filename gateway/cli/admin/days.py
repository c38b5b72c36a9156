"""Days on the command line: a period is half-open, from its first day to the first without it."""

from typing import Any

import click

DAY: dict[str, Any] = {"type": click.DateTime(["%Y-%m-%d"]), "metavar": "YYYY-MM-DD"}
"""What every option for a day has."""

from_day = click.option("--from", "start", required=True, help="First day.", **DAY)
until_day = click.option("--until", help="First day without it; open by default.", **DAY)
end_day = click.option("--until", required=True, help="First day without it.", **DAY)


def day(value: Any) -> str | None:
    """A day as changes of the registry spell it."""
    return None if value is None else value.date().isoformat()
