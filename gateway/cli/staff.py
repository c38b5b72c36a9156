"""`casegate staff`: the register of who acts for this organisation, by pseudonym and role."""

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway.cli.arguments import FILE, CalendarDay, Words, organisation_id
from gateway.cli.output import print_items
from gateway.cli.partner_command import EPILOG, WriteReport, partner_command, write_command
from gateway.client import Gateway
from gateway.client.errors import raising
from gateway.domain.staff import RegisterRole

COLUMNS = ("roles", "from", "until")
"""Of a file of persons; ``roles`` are separated by spaces, empty days are left out."""


@click.group(epilog=EPILOG)
def staff() -> None:
    """Keep your staff register: who may be named by --by.

    It holds pseudonyms and roles, never names: note yourself whose each pseudonym is, where your
    organisation keeps such things. The gateway's administrators enter your first persons.
    """


def _read(file: Path) -> list[dict[str, Any]]:
    """The persons of a CSV file, one a line below its headings."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = csv.DictReader(text, strict=True)
        with raising(click.UsageError, f"{file} is not a CSV file", (csv.Error, UnicodeError)):
            if "roles" not in (rows.fieldnames or ()) or set(rows.fieldnames or ()) - {*COLUMNS}:
                raise click.UsageError(f"The headings of {file} are: {','.join(COLUMNS)}.")
            return [_entry(row, f"{file}, line {rows.line_num}") for row in rows]


def _entry(row: dict[str, Any], place: str) -> dict[str, Any]:
    if None in row:
        raise click.UsageError(f"{place} has more cells than headings.")
    entry = {name: text.strip() for name, text in row.items() if text and text.strip()}
    return {**entry, "roles": entry.get("roles", "").split()}


@write_command(
    staff,
    click.option(
        "--role",
        "roles",
        multiple=True,
        type=Words(RegisterRole),
        help="A role of the person; repeat it for each.",
    ),
    click.option("--from", "start", type=CalendarDay(), help="First day; else today."),
    click.option("--until", type=CalendarDay(), help="First day without it."),
    click.option(
        "--file",
        type=FILE,
        help="Several persons: CSV with the headings roles,from,until; roles separated by spaces.",
    ),
    click.option(
        "--approved-by",
        multiple=True,
        metavar="PSEUDONYM",
        help="Give it twice for an approver or head: two others in force as approver or head.",
    ),
    click.option("--temporary", is_flag=True, help="Holds at once, and for 24 hours only."),
)
def add(
    gateway: Gateway,
    by: str,
    roles: tuple[str, ...],
    start: date | None,
    until: date | None,
    file: Path | None,
    approved_by: tuple[str, ...],
    temporary: bool,
) -> WriteReport:
    """Enter persons; the gateway draws their pseudonyms.

    The gateway draws pseudonyms, and prints them in the order of the file. A head, liaison or duty
    person can add somebody for a night with --temporary.

    Example: casegate staff add --by pdc-1 --role analyst
    """
    if bool(roles) is bool(file) or (file and (start or until)):
        raise click.UsageError("Give --role with its days, or --file.")
    days = {name: day.isoformat() for name, day in (("from", start), ("until", until)) if day}
    entries = [{"roles": [*roles], **days}] if file is None else _read(file)
    written = gateway.add_staff(entries, by, approved_by=approved_by, temporary=temporary)
    return written, "; ".join(_lines(written.result["entries"]))


def _lines(entries: list[dict[str, Any]]) -> Iterator[str]:
    for one in entries:
        yield f"{one['pseudonym']} is {', '.join(one['roles'])}"


@partner_command(staff, name="list")
def list_(gateway: Gateway) -> None:
    """List your register, with the entries that ended.

    Example: casegate staff list
    """
    found = list(gateway.staff())
    until = ("until", lambda one: one["ends_at"] or one["until"])
    print_items(found, "pseudonym", "roles", "from", until, "in_force")


@write_command(
    staff,
    click.argument("pseudonym"),
    click.option(
        "--approved-by",
        multiple=True,
        metavar="PSEUDONYM",
        help="Give it twice to end an approver or head: two others who stay.",
    ),
)
def end(gateway: Gateway, by: str, pseudonym: str, approved_by: tuple[str, ...]) -> WriteReport:
    """End the entry of PSEUDONYM at once; it is never used again.

    Example: casegate staff end pdc-7k3f --by pdc-1
    """
    written = gateway.end_staff(pseudonym, by, approved_by=approved_by)
    return written, f"{pseudonym} is not in force any more"


@write_command(
    staff,
    click.argument("pseudonym"),
    click.argument("originator", callback=organisation_id),
    click.argument("case", type=click.UUID),
)
def recuse(gateway: Gateway, by: str, pseudonym: str, originator: str, case: UUID) -> WriteReport:
    """Keep PSEUDONYM away from the CASE of ORIGINATOR, for good.

    For somebody whom an interest binds: no request about the case may name them.

    Example: casegate staff recuse pdc-7k3f ofmin 0198... --by pdc-1
    """
    written = gateway.recuse_staff(pseudonym, by, originator, case)
    return written, f"{pseudonym} keeps away from case {case}"
