"""`casegate search`: one's own cases and handoffs by an item."""

from collections.abc import Sequence
from typing import Any

import click

from gateway.cli import output
from gateway.cli.case import WHY_OPTIONS
from gateway.cli.partner_command import EPILOG, Parameter, by_option, partner
from gateway.client import Gateway

ITEM_OPTIONS: Sequence[Parameter] = (
    click.option("--url", help="An address, also as reports write it: hxxps://host[.]example/a."),
    click.option("--hash", help="A hash, in hexadecimal digits or base64."),
    click.option("--account", help="The name of an account."),
)
"""By what something is found."""


def item_of(options: dict[str, Any]) -> dict[str, str]:
    """Take the one item that is looked for out of the options."""
    named = {n: value for n in ("url", "hash", "account") if (value := options.pop(n)) is not None}
    if len(named) != 1:
        raise click.UsageError("give one of --url, --hash and --account")
    return named


def warn_of_scopes(searched: Sequence[str]) -> None:
    """Say how far a search went where the system's scopes end before its organisation's rights."""
    if {*searched} != {"cases", "handoffs"}:
        output.warn(
            f"this system's scopes let it search {' and '.join(searched) or 'nothing'} only"
        )


@click.command(epilog=EPILOG)
@by_option
@partner
def search(gateway: Gateway, by: str, **options: Any) -> None:
    """Find your cases and handoffs by an item.

    Your own cases in their newest version, and what you accepted of others and may still open. Two
    spellings of one address are one: capitals of the host, the usual port, http or https and what
    follows a # make no difference. Your log records who searched and why, and not the item. In
    cases of hate speech and terrorist content no account is found.

    \b
    Example: casegate search --by pdc-1 --reason-code assessment \\
        --reason 'New report' --url https://host.example/a
    """
    asked = item_of(options)
    found = gateway.search_items(by, options["reason_code"], options["reason"], **asked)
    if output.reply(found):
        return
    rows = [
        (
            "handoff" if one.get("handoff") else "case",
            output.short(one.get("handoff") or one["case"]),
            one.get("reference") or "-",
            one["state"],
            one["since"][:10],
            ", ".join(one["counterparts"]),
        )
        for one in found["items"]
    ]
    output.print_table(("", "id", "reference", "state", "since", "with"), rows)
    warn_of_scopes(found["searched"])


for _option in reversed((*WHY_OPTIONS, *ITEM_OPTIONS)):
    search = _option(search)
