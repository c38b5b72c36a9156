"""`casegate admin organisation`, `contact`, `mandate`, `system`, `event`, `succession`, `log-hold`
and `notification`: what is read of the registry, or needs files of its own.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway.cli import output
from gateway.cli.admin.change_command import PRINTED, change_registry, read_json, read_object
from gateway.cli.admin.nouns import NOUNS
from gateway.cli.admin.registry import registry
from gateway.cli.admin.session import AdminSession, read_only
from gateway.cli.arguments import FILE, CalendarDay, Words, organisation_name, plain_errors
from gateway.cli.directory import approved_by, print_successions
from gateway.cli.receipt import proved
from gateway.domain.json_values import to_json
from gateway.domain.organisation import Status
from gateway.domain.succession import Succession
from gateway.evidence import receipt as documents
from gateway.exchange.lifecycle import succession_execution, successions
from gateway.exchange.oversight import key_use
from gateway.kernel.ports import Ports
from gateway.ledger.note import VerificationKey


@NOUNS["organisation"].command("list")
@click.option("--status", type=Words(Status), help="Only those of this status.")
@click.pass_obj
def list_organisations(session: AdminSession, status: str | None) -> None:
    """List organisations of any status.

    \b
    Example: casegate admin --home gw organisation list \\
        --status applied
    """
    with registry(session, reads=True) as reached:
        found = reached.organisations(status)
    output.print_items(found, "organisation", "status", "kind", "name")


@NOUNS["organisation"].command("show", short_help="Show all that is recorded of an organisation.")
@click.argument("slug", metavar="ORGANISATION", callback=organisation_name)
@click.option("--at", help="What held on this day.", type=CalendarDay())
@click.pass_obj
def show_organisation(session: AdminSession, slug: str, at: date | None) -> None:
    """Show what is recorded of ORGANISATION, but its contacts.

    The ids shown are those by which interests, agreements, rights, keys and certificates end.
    """
    with registry(session, reads=True) as reached:
        entry = reached.organisation(slug, at.isoformat() if at else None)
    if output.reply(entry):
        return
    # Fields, then the application, then a table for each list; of certificates one for all systems.
    systems = entry["systems"]
    certificates = [{"system": s["system"], **c} for s in systems for c in s["certificates"]]
    lists = {
        **{name: rows for name, rows in entry.items() if _has_rows(rows)},
        "systems": [{n: v for n, v in one.items() if n != "certificates"} for one in systems],
        "certificates": certificates,
    }
    if peer := entry["peer"]:
        lists |= {name: rows for name, rows in peer.items() if _has_rows(rows)}
    output.print_members(entry, "application", "peer", *lists)
    if entry["application"]:
        click.echo("\napplication")
        output.print_members(entry["application"])
    if peer:
        click.echo("\npeer gateway")
        output.print_members(peer, *lists)
    for name, rows in lists.items():
        if rows:
            click.echo(f"\n{name.replace('_', ' ')}")
            output.print_columns(rows, tuple(rows[0]))


def _has_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


@NOUNS["organisation"].command("apply", short_help="Record an application.")
@click.argument("slug", metavar="ORGANISATION")
@click.argument("file", type=FILE)
@click.option("--received-on", required=True, help="Day of the application.", type=CalendarDay())
@click.pass_obj
def apply(session: AdminSession, slug: str, file: Path, received_on: date) -> None:
    """Record the application in FILE under the id ORGANISATION.

    The id is never used again. FILE is JSON, as the organisation fills it in;
    docs/administrators.md lists its fields.

    \b
    Example: casegate admin --as martin organisation apply ofmin \\
        application.json --received-on 2026-01-02
    """
    values = {**read_object(file), "received_on": received_on.isoformat()}
    change_registry(session, "organisation.apply", slug, values)


@NOUNS["peer"].command("trust", short_help="Record the keys of a peer gateway.")
@click.argument("slug", metavar="GATEWAY")
@click.argument("file", type=FILE)
@click.pass_obj
def trust_peer(session: AdminSession, slug: str, file: Path) -> None:
    """Record the keys in FILE as those of the peer GATEWAY.

    FILE is JSON, as the other gateway writes it. Two persons approve (R10). Both compare what is
    printed with the other operator, by another channel than the file came by. Once more when a
    key there has changed.

    \b
    Example: casegate admin --as martin --as dubois peer trust fr \\
        pins.json
    """
    values = read_object(file)
    keys = values.get("attestation_keys")
    listed = keys.get("keys", ()) if isinstance(keys, dict) else ()
    kids = [str(one.get("kid")) for one in listed if isinstance(one, dict)]
    compared = {"root certificate": values.get("root_sha256"), "log keys": values.get("log_keys")}
    compared |= {"attestation keys": kids, "witness key": values.get("witness_key")}
    output.print_fields({"address": values.get("issuer"), **compared})
    change_registry(session, "peer.trust", slug, values)


@NOUNS["contact"].command("set", short_help="Set the contact for a role.")
@click.argument("slug", metavar="ORGANISATION")
@click.argument("file", type=FILE)
@click.pass_obj
def set_contact(session: AdminSession, slug: str, file: Path) -> None:
    """Set a contact of ORGANISATION from FILE (JSON: role, name, address).

    Example: casegate admin --as martin contact set ofmin contact.json
    """
    change_registry(session, "contact.set", slug, read_object(file))


@NOUNS["mandate"].command("report")
@click.option("--all", "everything", is_flag=True, help="Also the days with exactly one holder.")
@click.pass_obj
def report_competences(session: AdminSession, everything: bool) -> None:
    """Report days without a holder, or with several.

    Of each competence. With several holders an offer names one of them; with none it is refused.
    Nothing is changed.
    """
    with registry(session, reads=True) as reached:
        found = reached.mandates()
    if output.reply(found):
        return
    for one in found["competences"]:
        days = [_days(each) for each in one["stretches"]]
        if not everything:
            days = [
                *(f"several holders {_days(each)}" for each in one["overlaps"]),
                *(f"no holder {_days(each)}" for each in one["gaps"]),
            ] or [f"one holder on every day since {one['stretches'][0]['from']}"]
        click.echo(one["competence"])
        for line in days:
            click.echo(f"  {line}")
    for slug in found["inactive"]:
        click.echo(f"{slug} holds mandates and is not active")


def _days(stretch: Mapping[str, Any]) -> str:
    until = f" until {stretch['until']}" if stretch["until"] else " on"
    holders = ", ".join(stretch["holders"]) or "none"
    return f"from {stretch['from']}{until}: {holders}"


@NOUNS["system"].command("set-keys", short_help="Change the keys by which a system authenticates.")
@click.argument("slug", metavar="ORGANISATION")
@click.argument("name", metavar="SYSTEM")
@click.option(
    "--key",
    "files",
    multiple=True,
    type=FILE,
    help="Public key, a JWK with a kid; twice while one replaces the other.",
)
@click.option(
    "--certificate-only", is_flag=True, help="Remove the keys: the certificate is enough again."
)
@click.pass_obj
def set_keys(
    session: AdminSession, slug: str, name: str, files: tuple[Path, ...], certificate_only: bool
) -> None:
    """Replace the keys by which SYSTEM of ORGANISATION authenticates.

    Two persons approve (R10). With keys it must send an assertion (`private_key_jwt`) as well as
    its certificate.

    \b
    Example: casegate admin --as martin --as dubois system set-keys \\
        ofmin desk --key client.jwk
    """
    if bool(files) is certificate_only:
        raise click.UsageError("Give --key once or twice, or --certificate-only.")
    values = {"system": name, "keys": [read_json(file) for file in files]}
    change_registry(session, "system.set_keys", slug, values)


@NOUNS["event"].command("show")
@click.argument("event", type=click.UUID)
@click.pass_obj
def show_event(session: AdminSession, event: UUID) -> None:
    """Show what was recorded as EVENT; with --json its receipt.

    EVENT is one of the gateway's own; an auditor searches those of others. Use it for a change that
    had no receipt because the log could not be signed.
    """
    with registry(session, reads=True) as reached:
        found, key = reached.event(event), VerificationKey.parse(reached.addresses()["log_key"])
    confirmed = documents.verify(found, [key], key.name)
    if not output.reply(documents.to_json(found)):
        output.say(f"event {event}", "Verified")
        output.print_fields(proved(confirmed))


@NOUNS["member-key"].command("used", short_help="List what a member's document key signed.")
@click.argument("slug", metavar="ORGANISATION", callback=organisation_name)
@click.argument("kid", metavar="KEY_ID")
@click.pass_obj
def list_key_uses(session: AdminSession, slug: str, kid: str) -> None:
    """List what the key KEY_ID of ORGANISATION signed about handoffs.

    As when it was stolen: whom to tell, and which events prove what it did; `organisation show`
    lists keys. PEER EVENT is that of the log of a remote member's own gateway. What was erased is
    listed where the key may have signed it. It reads the gateway's folder.

    Example: casegate admin --home gw member-key used ofmin@fr k7Zq...
    """
    with read_only(session) as gateway, plain_errors():
        found = key_use.uses_of(gateway.ports, slug, kid)
    told = [to_json(one) for one in found]
    columns = (
        "handoff",
        "counterpart",
        "document",
        "event",
        "peer_event",
        "at",
        "revoked",
        "erased",
    )
    output.print_items(told, *columns)


# --- Successions ---


@NOUNS["succession"].command("list")
@click.pass_obj
def list_successions(session: AdminSession) -> None:
    """List all successions, and what each of them waits for."""
    with registry(session, reads=True) as reached:
        found = reached.successions()
    print_successions(found)


@NOUNS["succession"].command(
    "show", short_help="Show what moved, what stays, and who can read until when."
)
@click.argument("succession", type=click.UUID)
@click.pass_obj
def show_succession(session: AdminSession, succession: UUID) -> None:
    """Show what moved, what stays, and who can read until when."""
    with registry(session, reads=True) as reached:
        found = reached.succession(succession)
    if not output.reply(found):
        _print_report(found)


@NOUNS["succession"].command(
    "apply", short_help="Move the handoffs that are due now, before maintenance does."
)
@click.argument("succession", type=click.UUID, required=False)
@click.pass_obj
def apply_succession(session: AdminSession, succession: UUID | None) -> None:
    """Move the handoffs of SUCCESSION, or of all that are due.

    Maintenance does the same each minute. It can be interrupted and repeated: no handoff moves
    twice. Nothing happens before the day, or before both organisations have approved.
    """
    with read_only(session) as gateway:
        if succession is None:
            named = succession_execution.due_successions(gateway.ports)
        else:
            named = (successions.find(gateway.ports, succession),)
            if named[0].cancelled is not None:
                raise click.ClickException("this succession was cancelled: nothing of it moves")
        applied = [_apply(gateway.ports, one) for one in named]
    if output.reply({"items": applied}):
        return
    for one in applied:
        counts = f"moved {one['moved']}, waiting {one['waiting']}"
        click.echo(f"succession {one['succession']}: {counts}; {one['state']}")
    if not applied:
        click.echo("no succession is due")


def _apply(ports: Ports, succession: Succession) -> dict[str, Any]:
    """Call after call, until one moves nothing more."""
    moved = 0
    while True:
        progress = succession_execution.apply(ports, succession.id)
        moved += progress.moved
        if progress.done or progress.moved == 0:
            break
    state = "finished" if progress.done else f"not finished: it begins on {succession.day}"
    if not progress.done and succession.missing:
        waits = output.format_value(succession.missing)
        state = f"not finished: it waits for the approval of {waits}"
    done = {"succession": str(succession.id), "moved": moved}
    return {**done, "waiting": progress.waiting, "state": state}


def _print_report(found: Mapping[str, Any]) -> None:
    told = {**found, "approved by": output.format_value(approved_by(found))}
    output.print_members(told, "moved", "open", "approvals")
    for name, columns in _HANDOFFS.items():
        rows = []
        for one in found[name]:  # each with what is to be done about it
            sealed = f"; {one['to_reseal']} to reseal" if one.get("to_reseal") else ""
            became = one.get("became") or "new offer needed"
            rows.append({**one, "became": became, "why": f"{one.get('why', '')}{sealed}"})
        if rows:
            click.echo(f"\n{name}")
            output.print_columns(rows, columns)


PRINTED.update({"succession.preview": _print_report})
_READS = "predecessor_reads_until"
_HANDOFFS = {
    "moved": ("handoff", "originator", "became", "state", "at", _READS),
    "open": ("handoff", "originator", "state", "way", _READS, "why"),
}
"""The lists of handoffs that a succession has, and the columns of each."""


# --- `casegate admin log-hold`: what keeps details in the log beyond their term ---


@NOUNS["log-hold"].command("list")
@click.pass_obj
def list_holds(session: AdminSession) -> None:
    """List the log holds in force, and whose review was missed."""
    with registry(session, reads=True) as reached:
        found = reached.log_holds()
    columns = ("log_hold", "member", "case", "reference", "review_on", "review_missed")
    output.print_items(found, *columns)


# --- `casegate admin notification`: members' receivers, and how far each has its notifications ---


@NOUNS["notification"].command("list")
@click.pass_obj
def list_receivers(session: AdminSession) -> None:
    """List receivers, and how many notifications wait."""
    with registry(session, reads=True) as reached:
        found = reached.receivers()
    output.print_items(
        found,
        "organisation",
        ("waiting", lambda one: one["head"] - one["acknowledged"]),
        ("refused", lambda one: len(one["refused"])),
        "failures",
        ("next attempt", "next_attempt_at"),
        ("address", lambda one: one["push_address"] or "collects"),
    )
