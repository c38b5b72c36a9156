"""`casegate succession`: mandates that move to or from one's own office, and its approval."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway.cli.connection import (
    EPILOG,
    by_option,
    partner,
    save_receipt_option,
    tell_written,
)
from gateway.cli.screen import cold, print_fields, print_json, print_table, words
from gateway.client import Gateway


@click.group(epilog=EPILOG)
def succession() -> None:
    """See which mandates move to or from your office, and approve it."""


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
    return "nothing: applied" if one["applied"] else words(one["waits_for"])


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
    print_fields({**fields, "approved by": words(approved_by(found))})


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
    waits = words(written.result["waits_for"])
    sentence = f"succession {succession} is approved; it waits for {waits}"
    tell_written(written, sentence, as_json=as_json, save=save_receipt)
