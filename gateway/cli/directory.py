"""`casegate directory`: who takes part, with which seat, and competent for what."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway.cli.arguments import NewFile, organisation_id
from gateway.cli.output import cold, format_value, print_fields, print_json, print_table, sanitise
from gateway.cli.partner_command import (
    EPILOG,
    by_option,
    partner,
    print_result,
    save_json,
    save_receipt_option,
)
from gateway.client import Gateway
from gateway.domain.organisation import KINDS
from gateway.evidence import key_history
from gateway.evidence import receipt as receipts
from gateway.evidence.key_history import KeyRegistration, verify_registration
from gateway.evidence.receipt import Receipt
from gateway.evidence.signature import jwk_of
from gateway.evidence.trust import TrustAnchors


@click.command(epilog=EPILOG)
@click.argument("organisation", required=False, callback=organisation_id)
@click.option(
    "--save-keys",
    type=NewFile(),
    metavar="FILE",
    help="Keep its document keys, and where each came from, in a new file for organisation_keys.",
)
@click.option(
    "--status",
    is_flag=True,
    help="Print the gateway's signed statement that it takes part, once verified.",
)
@click.option("--kind", type=click.Choice(KINDS), help="List those of one kind.")
@click.option("--competence", metavar="KEY", help="List who holds it today, as receive/csam/FR.")
@partner
def directory(
    gateway: Gateway,
    as_json: bool,
    organisation: str | None,
    save_keys: Path | None,
    status: bool,
    kind: str | None,
    competence: str | None,
) -> None:
    """List members and show their memberships, mandates and keys.

    With each stand its seat, and the matters that it is competent to receive. An ORGANISATION is
    shown, or else its status, or its keys are kept.
    """
    if organisation is None:
        if status or save_keys is not None:
            raise click.UsageError("say whose: casegate directory ORGANISATION")
        _list(gateway, kind, competence, as_json)
        return
    if kind is not None or competence is not None:
        raise click.UsageError("--kind and --competence are for the list: leave ORGANISATION out")
    if status and save_keys is not None:
        raise click.UsageError("--status and --save-keys are two commands: give one of them")
    if status:
        _show_status(gateway, organisation, as_json)
    elif save_keys is not None:
        _save_keys(gateway, organisation, save_keys, as_json)
    else:
        _show(gateway, organisation, as_json)


def _list(gateway: Gateway, kind: str | None, competence: str | None, as_json: bool) -> None:
    found = list(gateway.organisations(kind, competence))
    if as_json:
        print_json({"items": found})
        return
    print_table(
        ("id", "name", "kind", "country", "seat", "competent for"), [_row(one) for one in found]
    )


def _show_status(gateway: Gateway, organisation: str, as_json: bool) -> None:
    """The statement alone on the output, to be kept as a file; what it says beside it."""
    text, mark = gateway.status(organisation)
    if as_json:
        print_json({"statement": text, "says": mark.describe(), "until": mark.ends.isoformat()})
        return
    click.echo(text)
    click.echo(f"Verified: {sanitise(mark.describe())}.", err=True)


def _save_keys(gateway: Gateway, organisation: str, file: Path, as_json: bool) -> None:
    """A JWK set with a receipt for each key: trust it once you compared the ids with its owner."""
    held = gateway.organisation(organisation)["document_keys"]
    if not held:
        raise click.ClickException(f"{organisation} has registered no document key")
    records = [gateway.key_record(organisation, str(one["kid"])) for one in held]
    found = [one.registration for one in records]
    ends = [end for one in records for end in one.revocations]
    origins = _traced(found, organisation, gateway.connection.trust)
    keys = [{**jwk_of(one.key), "kid": one.kid} for one in origins]
    kept = {
        "keys": keys,
        "registrations": [receipts.to_json(one) for one in found],
        "revocations": [receipts.to_json(one) for one in ends],
    }
    save_json(file, kept)
    revoked = [key_history.verify_revocation(end, gateway.connection.trust) for end in ends]
    if as_json:
        ended = {one.kid: one.describe() for one in revoked}
        told = [
            {"kid": one.kid, "origin": one.describe(), "revocation": ended.get(one.kid)}
            for one in origins
        ]
        print_json({"organisation": organisation, "file": str(file), "keys": told})
        return
    for sentence in (*(one.describe() for one in origins), *(one.describe() for one in revoked)):
        click.echo(sentence)
    click.echo(f"kept in {file}; compare the ids with {organisation} out of band")


def _traced(
    found: Sequence[Receipt], organisation: str, trust: TrustAnchors
) -> list[KeyRegistration]:
    """The keys' origins, the word of each checked with those before it."""
    keys = {one.kid: one.key for one in (verify_registration(receipt, trust) for receipt in found)}
    known = replace(trust, organisations={organisation: keys})
    return [verify_registration(receipt, known) for receipt in found]


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    seat = one["standing"] or "none"
    mandates = ", ".join(mandate["competence"] for mandate in one["competences"])
    state = seat if one["active"] else "not active"
    return one["organisation"], one["name"], one["kind"], one["country"], state, mandates


def _show(gateway: Gateway, organisation: str, as_json: bool) -> None:
    found = gateway.organisation(organisation)
    if as_json:
        print_json(found)
        return
    click.echo(f"{sanitise(found['organisation'])} ({sanitise(found['name'])})")
    print_fields({n: v for n, v in found.items() if n not in ("organisation", "name")})


# --- `casegate succession`: mandates that move to or from one's own office, and its approval ---


@click.group(epilog=EPILOG)
def succession() -> None:
    """List and approve successions of your organisation's mandates."""


@succession.command("list", epilog=EPILOG)
@partner
def list_successions(gateway: Gateway, as_json: bool) -> None:
    """List the mandates that move to or from your office, oldest first."""
    found = gateway.successions()
    if as_json:
        print_json({"items": found})
        return
    print_list(found)


def print_list(found: Sequence[Mapping[str, Any]]) -> None:
    """Print a line for each succession, with what it waits for."""
    columns = ("succession", "competence", "predecessor", "successor", "on")
    rows = [(*(one[column] for column in columns), _waits(one)) for one in found]
    print_table(("id", "competence", "from", "to", "on", "waits for"), rows)


def _waits(one: Mapping[str, Any]) -> str:
    if one["cancelled"]:
        return "nothing: cancelled"
    return "nothing: applied" if one["applied"] else format_value(one["waits_for"])


@succession.command(epilog=EPILOG)
@click.argument("succession", type=click.UUID)
@partner
def show(gateway: Gateway, as_json: bool, succession: UUID) -> None:
    """Show which mandate moves, when, and who has to approve it."""
    found = gateway.succession(succession)
    if as_json:
        print_json(found)
        return
    fields = {n.replace("_", " "): _cold(v) for n, v in found.items() if n != "approvals"}
    print_fields({**fields, "approved by": format_value(approved_by(found))})


def approved_by(shown: Mapping[str, Any]) -> list[str]:
    """The offices that approved, and which of them signed their approval themselves."""
    return [
        f"{one['office']} (signed)" if one["statement"] else str(one["office"])
        for one in shown["approvals"]
    ]


def _cold(value: Any) -> Any:
    return cold(value) if isinstance(value, str) else value


@succession.command(epilog=EPILOG)
@click.argument("succession", type=click.UUID)
@by_option
@save_receipt_option
@partner
def approve(
    gateway: Gateway, as_json: bool, succession: UUID, by: str, save_receipt: Path | None
) -> None:
    """Approve SUCCESSION for your office.

    Once both offices did, each open handoff of the mandate is re-issued to the successor from the
    day of the succession on. A connection with a document key signs the plan that it is shown.
    """
    written = gateway.approve_succession(succession, by)
    waits = format_value(written.result["waits_for"])
    sentence = f"succession {succession} is approved; it waits for {waits}"
    print_result(written, sentence, as_json=as_json, save=save_receipt)
