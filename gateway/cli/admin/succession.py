"""`casegate admin succession`: a mandate moves to another office, with its open handoffs."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import click

from gateway.cli.admin.generated import DAY
from gateway.cli.admin.session import AdminSession, change_registry, looked_at
from gateway.cli.directory import approved_by, print_list
from gateway.cli.output import format_value, print_fields, print_json, print_table
from gateway.domain.organisation import parse_competence
from gateway.domain.succession import Succession
from gateway.exchange import succession_execution, successions
from gateway.kernel.ports import Ports

_competence = click.option(
    "--competence", required=True, metavar="KEY", help="The mandate, as receive/csam/FR."
)
_on = click.option(
    "--effective-on",
    "on",
    required=True,
    help="First day of the successor's mandate.",
    type=DAY,
    metavar="YYYY-MM-DD",
)
_read_until = click.option(
    "--read-until",
    required=True,
    help="First day on which the predecessor opens none of it any more.",
    type=DAY,
    metavar="YYYY-MM-DD",
)


@click.group()
def succession() -> None:
    """Move a mandate, and its open handoffs, to another office."""


@succession.command("preview", short_help="Tell what a succession would do; nothing is kept.")
@click.argument("predecessor")
@click.argument("successor")
@_competence
@_on
@_read_until
@click.pass_obj
def preview_succession(
    session: AdminSession,
    predecessor: str,
    successor: str,
    competence: str,
    on: Any,
    read_until: Any,
) -> None:
    """Tell which open handoffs would move, stay or have to be offered anew. Nothing is changed."""
    if parse_competence(competence) is None:
        raise click.UsageError("a competence is function/matter/territory, as receive/csam/FR")
    try:
        planned = Succession(
            id=succession_execution.UNPLANNED,
            predecessor=predecessor,
            successor=successor,
            competence=competence,
            day=on.date(),
            read_until=read_until.date(),
            legal_act="",
            consents=False,
            mandate_event=succession_execution.UNPLANNED,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with looked_at(session) as gateway:
        found = successions.preview(gateway.ports, planned)
    _show(found, session.as_json)


@succession.command("cancel", short_help="Call a plan off before anything has moved.")
@click.argument("succession", type=click.UUID)
@click.option("--reason", required=True, help="Why; both offices read it.")
@click.pass_obj
def cancel_succession(session: AdminSession, succession: UUID, reason: str) -> None:
    """Call SUCCESSION off, for good: two persons are needed (R10).

    The successor gives back what the plan gave it, and the predecessor holds the mandate as
    before; once its day has come, from today on. Refused when a handoff has moved.
    """
    with looked_at(session) as gateway:
        planned = successions.find(gateway.ports, succession)
    values = {"succession": str(succession), "reason": reason}
    change_registry(session, "succession.cancel", planned.predecessor, values)


@succession.command("list")
@click.pass_obj
def list_successions(session: AdminSession) -> None:
    """List all successions, and what each of them waits for."""
    with looked_at(session) as gateway:
        found = successions.list_all(gateway.ports)
    if session.as_json:
        print_json({"items": found})
        return
    print_list(found)


@succession.command("show", short_help="Report what moved, what stayed, who reads until when.")
@click.argument("succession", type=click.UUID)
@click.pass_obj
def show_succession(session: AdminSession, succession: UUID) -> None:
    """Report what moved, what is to move, what stays, and who reads until when."""
    with looked_at(session) as gateway:
        found = successions.report(gateway.ports, succession)
    _show(found, session.as_json)


@succession.command("apply", short_help="Move now what is due; maintenance does so by itself.")
@click.argument("succession", type=click.UUID, required=False)
@click.pass_obj
def apply_succession(session: AdminSession, succession: UUID | None) -> None:
    """Move the handoffs of SUCCESSION, or of all that are due.

    Maintenance does the same each minute. It may be stopped and begun again: no handoff moves
    twice. Nothing happens before the day, or before both offices approved.
    """
    with looked_at(session) as gateway:
        if succession is None:
            named = succession_execution.due_successions(gateway.ports)
        else:
            named = (_not_cancelled(gateway.ports, succession),)
        told = [_apply(gateway.ports, one) for one in named]
    if session.as_json:
        print_json({"items": told})
        return
    for one in told:
        counts = f"moved {one['moved']}, waiting {one['waiting']}"
        click.echo(f"succession {one['succession']}: {counts}; {one['state']}")
    if not told:
        click.echo("no succession is due")


def _not_cancelled(ports: Ports, succession: UUID) -> Succession:
    found = successions.find(ports, succession)
    if found.cancelled is not None:
        raise click.ClickException("this succession was cancelled: nothing of it moves")
    return found


def _apply(ports: Ports, succession: Succession) -> dict[str, Any]:
    """Call after call, until one moves nothing more."""
    moved = 0
    while True:
        progress = succession_execution.apply(ports, succession.id)
        moved += progress.moved
        if progress.done or progress.moved == 0:
            break
    return {
        "succession": str(succession.id),
        "moved": moved,
        "waiting": progress.waiting,
        "state": "at its end" if progress.done else _unfinished(succession),
    }


def _unfinished(succession: Succession) -> str:
    """What a succession that is not at its end waits for, as far as its plan tells."""
    if succession.missing:
        return f"not at its end: it waits for the approval of {format_value(succession.missing)}"
    return f"not at its end: it begins on {succession.day}, and ends when nothing waits"


def _show(found: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    lists = ("moved", "open", "approvals")
    fields = {n.replace("_", " "): v for n, v in found.items() if n not in lists}
    print_fields({**fields, "approved by": format_value(approved_by(found))})
    if found["moved"]:
        click.echo("\nmoved")
        headings = ("handoff", "originator", "became", "state", "at", "predecessor reads until")
        print_table(headings, [_moved(one) for one in found["moved"]])
    if found["open"]:
        click.echo("\nopen")
        headings = ("handoff", "originator", "state", "way", "predecessor reads until", "why")
        print_table(headings, [_open(one) for one in found["open"]])


def _moved(one: Mapping[str, Any]) -> tuple[Any, ...]:
    became = one["became"] or "asked anew"
    return (
        one["handoff"],
        one["originator"],
        became,
        one["state"] or "",
        one["at"],
        one["predecessor_reads_until"],
    )


def _open(one: Mapping[str, Any]) -> tuple[Any, ...]:
    sealed = f"; {one['to_seal_anew']} to seal anew" if one["to_seal_anew"] else ""
    return (
        one["handoff"],
        one["originator"],
        one["state"],
        one["way"],
        one["predecessor_reads_until"] or "",
        one["why"] + sealed,
    )
