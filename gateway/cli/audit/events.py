"""`casegate audit events`: events of others, as far as an audit grant reaches."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import click

from gateway.cli.arguments import Moment, organisation_id
from gateway.cli.output import cold, print_json, print_table, words
from gateway.cli.partner_command import EPILOG, by_option, partner
from gateway.client import Audited, AuditFilters, Gateway
from gateway.domain.audit import REASON_CODES
from gateway.domain.facts import EVENTS, Result
from gateway.domain.organisation import SLUG
from gateway.evidence import receipt as receipts


class _CaseName(click.ParamType[tuple[str, UUID]]):
    """A case as ORIGINATOR/UUID."""

    name = "case"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, UUID]:
        """Read both parts."""
        originator, _, case = str(value).partition("/")
        try:
            if not SLUG.fullmatch(originator):
                raise ValueError
            return originator, UUID(case)
        except ValueError:
            self.fail(f"{value!r} is not of the form ORIGINATOR/UUID", param, ctx)


@click.command(epilog=EPILOG)
@by_option
@click.option(
    "--reason-code",
    required=True,
    type=click.Choice(REASON_CODES),
    help="What the log is read for.",
)
@click.option("--reason", required=True, help="Why, in up to 200 characters; it stands in the log.")
@click.option("--case", type=_CaseName(), metavar="ORIGINATOR/UUID", help="Events of one case.")
@click.option("--handoff", type=click.UUID, metavar="UUID", help="Events of one handoff.")
@click.option(
    "--organisation", metavar="ID", callback=organisation_id, help="Events in which it took part."
)
@click.option("--person", metavar="PSEUDONYM", help="Events that this person asked for.")
@click.option(
    "--action", type=click.Choice(sorted(EVENTS)), metavar="ACTION", help="As handoff.offer."
)
@click.option("--rule", metavar="RULE", help="Events that this rule decided, as R3.seat.")
@click.option("--result", type=click.Choice([str(one) for one in Result]), help="How they ended.")
@click.option("--since", type=Moment(), metavar="TIME", help="From this time on.")
@click.option("--until", type=Moment(), metavar="TIME", help="Before this time.")
@click.option("--limit", type=click.IntRange(1), help="Read no more than this many.")
@partner
def events(
    gateway: Gateway,
    as_json: bool,
    by: str,
    reason_code: str,
    reason: str,
    limit: int | None,
    **filters: Any,
) -> None:
    """Read events that an audit grant of yours reaches over.

    Never content. Each page of a hundred, or of --limit, is an event itself, with who read it,
    why, and by which filters. Every receipt is verified. What is withheld lies beyond the grant,
    is erased, or is padding.
    """
    shown = list(gateway.audit(by, reason_code, reason, AuditFilters(**filters), limit))
    if as_json:
        print_json({"events": [_told(one) for one in shown]})
        return
    headings = ("entry", "time", "event", "result", "parties", "by", "rules", "handoff", "id")
    print_table(headings, [_row(one) for one in shown])


def _told(one: Audited) -> Mapping[str, Any]:
    return {
        "index": one.index,
        "event": one.confirmed.event,
        "parties": list(one.parties),
        "details": dict(one.details),
        "withheld": one.confirmed.opened.withheld,
        "receipt": receipts.to_json(one.receipt),
    }


def _row(one: Audited) -> tuple[Any, ...]:
    event, details = one.confirmed.event, one.details
    return (
        one.index,
        event["ts"],
        event["typ"],
        event["result"],
        ",".join(one.parties),
        cold(words(details.get("by", ""))),
        cold(words(details.get("rules", ""))),
        event.get("handoff", ""),
        event["id"],
    )
