"""`casegate admin organisation`: the life of a member; the lock is with the keys."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from gateway.actions import entries
from gateway.cli.admin.days import DAY, day
from gateway.cli.admin.desk import Desk, change_registry, looked_at
from gateway.cli.admin.json_file import read_object
from gateway.cli.arguments import organisation_id
from gateway.cli.output import print_fields, print_json, print_table, words
from gateway.domain.organisation import KINDS, Status
from gateway.domain.vocabulary import Regime
from gateway.evidence import base64url

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_because = click.option("--reason", required=True, help="Why; it stands in the event.")


@click.group()
def organisation() -> None:
    """Take organisations from application to leaving.

    List them, and show all that is recorded of one: with the ids that other commands ask for.
    """


@organisation.command("list")
@click.option("--status", type=click.Choice([str(s) for s in Status]), help="Of this status alone.")
@click.pass_obj
def list_organisations(desk: Desk, status: str | None) -> None:
    """List the organisations of any status, applicants too.

    Nobody approves a look.
    """
    with looked_at(desk) as gateway:
        found = entries.index(gateway.ports, None if status is None else Status(status))
    if desk.as_json:
        print_json({"items": found})
        return
    columns = ("organisation", "status", "kind", "name")
    print_table(columns, [[one[column] for column in columns] for one in found])


@organisation.command("show", short_help="Show all that is recorded of an organisation.")
@click.argument("slug", callback=organisation_id)
@click.option("--at", help="What held on this day.", **DAY)
@click.pass_obj
def show_organisation(desk: Desk, slug: str, at: Any) -> None:
    """Show all that is recorded of SLUG, but for its contacts; a look that nobody approves.

    With it stand the ids by which interests, agreements, grants, keys and certificates are ended.
    """
    with looked_at(desk) as gateway:
        found = entries.report(gateway.ports, slug, None if at is None else at.date())
    if desk.as_json:
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
            cells = [["-" if v is None else words(v) for v in one.values()] for one in rows]
            print_table([one.replace("_", " ") for one in headings], cells)


def _has_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


@organisation.command("apply", short_help="Record an application.")
@click.argument("slug")
@click.argument("file", type=_FILE)
@click.option("--received", "received_on", required=True, help="Day of the application.", **DAY)
@click.pass_obj
def apply(desk: Desk, slug: str, file: Path, received_on: Any) -> None:
    """Record the application in FILE under the id SLUG, which is never used again.

    FILE is JSON, as the organisation fills it in: name, kind, public_authority, regimes, country,
    standing, purposes, about, contacts.
    """
    said = {**read_object(file), "received_on": day(received_on)}
    change_registry(desk, "organisation.apply", slug, said)


def _resolved(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what the governing body decided, and where it is written."""
    for option in (
        click.option("--document", required=True, type=_FILE, help="It; only its digest is kept."),
        click.option("--decided-on", required=True, help="Day of the decision.", **DAY),
        click.option("--decision", required=True, help="Reference of the body's decision."),
    ):
        command = option(command)
    return command


@organisation.command("approve", short_help="Record that an application was approved.")
@click.argument("slug")
@_resolved
@click.pass_obj
def approve(desk: Desk, slug: str, decision: str, decided_on: Any, document: Path) -> None:
    """Record that the governing body approved the application of SLUG."""
    values = _resolution(decision, decided_on, document)
    change_registry(desk, "organisation.approve", slug, values)


@organisation.command("decline", short_help="Record that an application was declined.")
@click.argument("slug")
@_resolved
@click.pass_obj
def decline(desk: Desk, slug: str, decision: str, decided_on: Any, document: Path) -> None:
    """Record that the governing body declined the application of SLUG: this is final."""
    values = _resolution(decision, decided_on, document)
    change_registry(desk, "organisation.decline", slug, values)


def _resolution(decision: str, decided_on: Any, document: Path) -> dict[str, Any]:
    digest = base64url.encode(hashlib.sha256(document.read_bytes()).digest())
    return {"decision_ref": decision, "decided_on": day(decided_on), "document_sha256": digest}


@organisation.command("admit", short_help="Admit an organisation at once, without application.")
@click.argument("slug")
@click.option("--name", required=True, help="Its name.")
@click.option("--kind", required=True, type=click.Choice(KINDS), help="What it is.")
@click.option("--country", required=True, help="ISO 3166-1 alpha-2, as in FR.")
@click.option("--public-authority", is_flag=True, help="It is an authority under public law.")
@click.option(
    "--regime",
    "regimes",
    multiple=True,
    type=click.Choice([str(r) for r in Regime]),
    default=["gdpr"],
    show_default=True,
    help="Data protection regime; led for competent authorities only.",
)
@click.pass_obj
def admit(
    desk: Desk,
    slug: str,
    name: str,
    kind: str,
    country: str,
    public_authority: bool,
    regimes: tuple[str, ...],
) -> None:
    """Admit an organisation under the id SLUG, which is never used again. It is active at once."""
    values = {
        "name": name,
        "kind": kind,
        "country": country,
        "public_authority": public_authority,
        "regimes": sorted(set(regimes)),
    }
    change_registry(desk, "organisation.admit", slug, values)


@organisation.command("activate", short_help="Let an enrolled organisation take part.")
@click.argument("slug")
@_because
@click.pass_obj
def activate(desk: Desk, slug: str, reason: str) -> None:
    """Let SLUG take part, once one of its systems has passed a conformance run."""
    change_registry(desk, "organisation.activate", slug, {"reason": reason})


@organisation.command("suspend", short_help="Stop an organisation at once.")
@click.argument("slug")
@_because
@click.pass_obj
def suspend(desk: Desk, slug: str, reason: str) -> None:
    """Stop an organisation: its next request is refused, in every worker."""
    change_registry(desk, "organisation.suspend", slug, {"reason": reason})


@organisation.command("reinstate")
@click.argument("slug")
@_because
@click.pass_obj
def reinstate(desk: Desk, slug: str, reason: str) -> None:
    """Let a suspended organisation work again."""
    change_registry(desk, "organisation.reinstate", slug, {"reason": reason})


@organisation.command("leave", short_help="Record that an organisation leaves, for good.")
@click.argument("slug")
@_because
@click.pass_obj
def leave(desk: Desk, slug: str, reason: str) -> None:
    """End the part of SLUG, its seat and its competences, today; what it did stays readable."""
    change_registry(desk, "organisation.leave", slug, {"reason": reason})
