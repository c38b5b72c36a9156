"""`casegate directory`: who takes part, with which seat, and competent for what."""

from typing import Any

import click

from gateway.cli.connection import EPILOG, partner
from gateway.cli.screen import plain, print_fields, print_json, print_table
from gateway.client import Gateway
from gateway.domain.organisation import SLUG


@click.command(epilog=EPILOG)
@click.argument("organisation", required=False)
@partner
def directory(gateway: Gateway, as_json: bool, organisation: str | None) -> None:
    """List the organisations that take part, or show one.

    With each stand its seat, and the matters that it is competent to receive.
    """
    if organisation is not None:
        _show(gateway, organisation, as_json)
        return
    found = list(gateway.organisations())
    if as_json:
        print_json({"items": found})
        return
    print_table(
        ("id", "name", "kind", "country", "seat", "competent for"), [_row(one) for one in found]
    )


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    seat = one["standing"] or "none"
    mandates = ", ".join(mandate["competence"] for mandate in one["competences"])
    state = seat if one["active"] else "not active"
    return one["organisation"], one["name"], one["kind"], one["country"], state, mandates


def _show(gateway: Gateway, organisation: str, as_json: bool) -> None:
    if not SLUG.fullmatch(organisation):
        raise click.UsageError("an organisation id is 2 to 40 of a-z, 0-9 and '-'")
    found = gateway.organisation(organisation)
    if as_json:
        print_json(found)
        return
    click.echo(f"{plain(found['organisation'])} ({plain(found['name'])})")
    print_fields({n: v for n, v in found.items() if n not in ("organisation", "name")})
