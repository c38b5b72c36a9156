"""`casegate admin organisation`, and what else is read of the registry or needs its own files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway.cli.admin.generated import DAY, FILE, day, read_json
from gateway.cli.admin.session import AdminSession, change_registry, looked_at
from gateway.cli.arguments import organisation_id
from gateway.cli.events import proved
from gateway.cli.output import colour, format_value, print_fields, print_json, print_table
from gateway.domain.organisation import Status
from gateway.evidence import receipt as documents
from gateway.exchange import receipts
from gateway.registry import mandates, queries


@click.group()
def organisation() -> None:
    """Take organisations from application to leaving.

    List them, and show all that is recorded of one: with the ids that other commands ask for.
    """


@organisation.command("list")
@click.option("--status", type=click.Choice([str(s) for s in Status]), help="Of this status alone.")
@click.pass_obj
def list_organisations(session: AdminSession, status: str | None) -> None:
    """List the organisations of any status, applicants too.

    Nobody approves a look.
    """
    with looked_at(session) as gateway:
        found = queries.index(gateway.ports, None if status is None else Status(status))
    if session.as_json:
        print_json({"items": found})
        return
    columns = ("organisation", "status", "kind", "name")
    print_table(columns, [[one[column] for column in columns] for one in found])


@organisation.command("show", short_help="Show all that is recorded of an organisation.")
@click.argument("slug", callback=organisation_id)
@click.option("--at", help="What held on this day.", type=DAY, metavar="YYYY-MM-DD")
@click.pass_obj
def show_organisation(session: AdminSession, slug: str, at: Any) -> None:
    """Show all that is recorded of SLUG, but for its contacts; a look that nobody approves.

    With it stand the ids by which interests, agreements, grants, keys and certificates are ended.
    """
    with looked_at(session) as gateway:
        found = queries.report(gateway.ports, slug, None if at is None else at.date())
    if session.as_json:
        print_json(found)
    else:
        _print(found)


def _print(entry: Mapping[str, Any]) -> None:
    """Fields, then a table for each list; the certificates of all systems in one of their own."""
    systems = entry["systems"]
    certificates = [{"system": s["system"], **c} for s in systems for c in s["certificates"]]
    lists = {
        **{name: rows for name, rows in entry.items() if _has_rows(rows)},
        "systems": [{n: v for n, v in one.items() if n != "certificates"} for one in systems],
        "certificates": certificates,
    }
    print_fields({n.replace("_", " "): v for n, v in entry.items() if n not in lists})
    for name, rows in lists.items():
        if rows:
            click.echo(f"\n{name.replace('_', ' ')}")
            headings = tuple(rows[0])
            cells = [["-" if v is None else format_value(v) for v in one.values()] for one in rows]
            print_table([one.replace("_", " ") for one in headings], cells)


def _has_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _read_object(file: Path) -> dict[str, Any]:
    said = read_json(file)
    if not isinstance(said, dict):
        raise click.ClickException(f"{file} is no JSON object")
    return said


@organisation.command("apply", short_help="Record an application.")
@click.argument("slug")
@click.argument("file", type=FILE)
@click.option(
    "--received",
    "received_on",
    required=True,
    help="Day of the application.",
    type=DAY,
    metavar="YYYY-MM-DD",
)
@click.pass_obj
def apply(session: AdminSession, slug: str, file: Path, received_on: Any) -> None:
    """Record the application in FILE under the id SLUG, which is never used again.

    FILE is JSON, as the organisation fills it in: name, kind, public_authority, regimes, country,
    standing, purposes, about, contacts.
    """
    said = {**_read_object(file), "received_on": day(received_on)}
    change_registry(session, "organisation.apply", slug, said)


@click.group()
def contact() -> None:
    """Change whom to reach at a member."""


@contact.command("set", short_help="Put a contact in the place of the last in its role.")
@click.argument("slug")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def set_contact(session: AdminSession, slug: str, file: Path) -> None:
    """Take on the contact in FILE for SLUG: JSON with role, name and address."""
    change_registry(session, "contact.set", slug, _read_object(file))


@click.group()
def mandate() -> None:
    """Grant and end legal mandates; report gaps and overlaps."""


@mandate.command("report")
@click.option("--all", "everything", is_flag=True, help="Also the days on which one office holds.")
@click.pass_obj
def report_competences(session: AdminSession, everything: bool) -> None:
    """Tell on which days several offices hold a competence, or none.

    A look at the registry: nobody has to approve it, and it is no event. On days of several
    holders of a `receive`, and of none, offers to the competence are refused.
    """
    with looked_at(session) as gateway:
        found = mandates.report(gateway.ports)
    if session.as_json:
        print_json(found)
        return
    for one in found["competences"]:
        _print_mandate(one, everything)
    for slug in found["inactive"]:
        click.echo(f"{slug} holds competences and does not take part at present")


def _print_mandate(mandate: Mapping[str, Any], everything: bool) -> None:
    days = [_days(one) for one in mandate["stretches"]]
    if not everything:
        days = [
            *(f"SEVERAL {_days(one)}" for one in mandate["overlaps"]),
            *(f"NOBODY {_days(one)}" for one in mandate["gaps"]),
        ] or [f"one office on every day since {mandate['stretches'][0]['from']}"]
    click.echo(mandate["competence"])
    for line in days:
        click.echo(f"  {line}")


def _days(stretch: Mapping[str, Any]) -> str:
    until = f" until {stretch['until']}" if stretch["until"] else " on"
    holders = ", ".join(stretch["holders"]) or "no office"
    return f"from {stretch['from']}{until}: {holders}"


@click.group()
def system() -> None:
    """Register members' systems."""


@system.command("set-keys", short_help="Change the keys by which a system authenticates.")
@click.argument("slug")
@click.argument("name")
@click.option(
    "--key",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Public key, a JWK with a kid; twice while one takes the place of the other.",
)
@click.option("--certificate-alone", is_flag=True, help="No key: the certificate is enough again.")
@click.pass_obj
def set_keys(
    session: AdminSession, slug: str, name: str, files: tuple[Path, ...], certificate_alone: bool
) -> None:
    """Put these keys in the place of those of the system NAME of SLUG; two persons (R10).

    With keys it must send an assertion (`private_key_jwt`) beside its certificate.
    """
    if bool(files) is certificate_alone:
        raise click.UsageError("Give --key once or twice, or --certificate-alone.")
    values = {"system": name, "keys": [read_json(file) for file in files]}
    change_registry(session, "system.set_keys", slug, values)


@click.command()
@click.argument("event", type=click.UUID)
@click.pass_obj
def receipt(session: AdminSession, event: UUID) -> None:
    """Show what was recorded as EVENT, as the gateway reads it.

    With --json it is the receipt.

    For a change that was made when the log could not be signed, so that it had no receipt yet.
    """
    with looked_at(session) as gateway:
        found = receipts.of_gateway(gateway.ports, event)
        if session.as_json:
            print_json(documents.to_json(found))
            return
        confirmed = documents.verify(found, [gateway.keys.log.key], gateway.config.log_origin)
        click.echo(f"{colour('Verified', 'green')}: event {event}")
        print_fields(proved(confirmed))
