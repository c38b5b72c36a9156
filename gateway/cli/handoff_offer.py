"""`casegate handoff preview`, `offer` and `update`: what a recipient is offered."""

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

import click

from gateway.cli import arguments, handoff_view, output
from gateway.cli.elements import ElementId
from gateway.cli.partner_command import (
    EPILOG,
    Parameter,
    WriteReport,
    addressee,
    by_option,
    elsewhere,
    partner_command,
    write_command,
)
from gateway.cli.steps import case_argument, handoff_argument
from gateway.client import Gateway, RequestRefused
from gateway.client.connection import MAX_FILE_BYTES
from gateway.domain.case import GROUPS
from gateway.domain.vocabulary import Purpose


@click.group(epilog=EPILOG)
def handoff() -> None:
    """Offer cases, answer offers, consult accepted cases."""


_UPDATE_OPTIONS: Sequence[Parameter] = (
    click.option(
        "--group",
        "groups",
        multiple=True,
        type=arguments.Words(GROUPS),
        help="A group of elements to offer.",
    ),
    click.option("--digest", "digests", multiple=True, help="One element, by its digest."),
    click.option(
        "--element",
        "elements",
        multiple=True,
        type=ElementId(offered=True),
        metavar="ID",
        help="One element, by the end of its id, as `case consult` shows it.",
    ),
    click.option("--expires-at", type=arguments.Moment(), help="When the offer and its use end."),
    click.option("--note", help="Note to the recipient, up to 300 characters."),
)


_OFFER_OPTIONS: Sequence[Parameter] = (
    click.option(
        "--to",
        "organisation",
        metavar="ORGANISATION",
        callback=arguments.organisation_name,
        help="To this organisation; with --competence, which of several holders.",
    ),
    click.option(
        "--competence",
        type=arguments.Competence(),
        help="To its holder, as csam/FR (receive) or take_down/csam/NL.",
    ),
    click.option(
        "--purpose",
        multiple=True,
        required=True,
        type=arguments.Words(Purpose),
        help="What the recipient may use the case for.",
    ),
    *_UPDATE_OPTIONS,
    click.option(
        "--again",
        metavar="REASON",
        help="Why to offer what the recipient already has in an open or closed handoff.",
    ),
    click.option(
        "--country-reason",
        metavar="REASON",
        help="For removal: why items of uncertain country are for this recipient.",
    ),
    click.option(
        "--derogation",
        is_flag=True,
        help="Imminent danger: to a third country without a transfer tool; your DPO reviews it.",
    ),
    click.option(
        "--approved-by",
        help="The second person: for statements to a provider (--digest), or a derogation.",
    ),
)


def _parts(submitted: bytes) -> dict[str, list[str]]:
    """The digests of a case by group, as its submission told them."""
    try:
        groups = json.loads(submitted)["result"]["groups"]
        return {str(group): [str(digest) for digest in groups[group]] for group in groups}
    except (ValueError, KeyError, TypeError):
        raise click.UsageError("--submitted is not what case submit --json printed") from None


def _with_elements(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with the digests of the elements among those that are given."""
    options["digests"] = (*options["digests"], *options.pop("elements", ()))
    return options


def _wanted(options: dict[str, Any]) -> dict[str, Any]:
    options = _with_elements(options)
    if options["organisation"] is None and options["competence"] is None:
        raise click.UsageError("give --to, --competence, or both")
    if not options["groups"] and not options["digests"]:
        raise click.UsageError(
            "say what is offered: --group, --element or --digest, as often as needed"
        )
    return options


@partner_command(handoff, case_argument, by_option, *_OFFER_OPTIONS)
def preview(gateway: Gateway, case: UUID, by: str, **options: Any) -> None:
    """Show what an offer of CASE would disclose.

    Nothing is stored or sent.

    \b
    Example: casegate handoff preview 0198... --by pdc-2 \\
        --purpose investigate --group items --competence csam/FR
    """
    found = gateway.preview(case, by, **_wanted(options))
    if output.reply(found):
        return
    output.say(f"Case {output.short(found['case'])}, version {found['version']}")
    output.print_fields(
        {
            "to": addressee(found["to"]),
            "would give": f"{len(found['permitted_disclosures'])} parts",
            "would withhold part of": found["withheld_groups"],
            "sealed to others": handoff_view.sealed(found["to_reseal"]),
            "not cleared": handoff_view.uncleared(found),
            "not on duty": _off_duty(found),
        }
    )
    _warn_of_danger(found)
    for item in found["elsewhere"]:
        output.say(f"  {elsewhere(item)}")
    handoff_view.print_conditions(found["conditions"])


@write_command(
    handoff,
    case_argument,
    *_OFFER_OPTIONS,
    click.option(
        "--submitted",
        type=output.Input(MAX_FILE_BYTES),
        help="What case submit --json printed: no part is signed that is not of your groups.",
    ),
)
def offer(
    gateway: Gateway, case: UUID, by: str, submitted: bytes | None, **options: Any
) -> WriteReport:
    """Offer CASE to one recipient.

    The recipient is an organisation (--to), the holder of a competence (--competence), or one of
    several holders (both). With a document key in the connection file the offer is signed here.

    For removal (--purpose remove --competence take_down/csam/NL) the recipient gets the items
    hosted in its country; the answer lists the others with their holders.

    An offer is not an emergency call: in imminent danger telephone first, then say so (handoff
    call).

    \b
    Example: casegate handoff offer 0198... --by pdc-2 \\
        --purpose investigate --group items --competence csam/FR
    """
    try:
        _warn_of_danger(gateway.preview(case, by, **_wanted(options)))
    except RequestRefused as refused:
        if refused.status != HTTPStatus.TOO_MANY_REQUESTS:  # a script offers more than it previews
            raise
    parts = None if submitted is None else _parts(submitted)
    written = gateway.offer(case, by, **_wanted(options), parts=parts)
    result = written.result
    told = [
        f"handoff {output.short(result['handoff'])} offered to {addressee(result['to'])}: "
        f"{len(result['permitted_disclosures'])} parts, due {output.format_time(result['due_at'])}"
    ]
    if result["break_glass"]:
        told.append("the case is not cleared: a second person must clear it now")
    if _off_duty(result):
        told.append(f"not on duty: {_off_duty(result)}")
    if "telephone" in result:
        told.append(
            f"telephone {handoff_view.contact(result['telephone'])}, then record it (handoff call)"
        )
    return written, "; ".join([*told, *_left_out(result), *map(elsewhere, result["elsewhere"])])


def _left_out(found: Mapping[str, Any]) -> Iterator[str]:
    """Return what an offer or an update does not give of what was asked."""
    if found["withheld_groups"]:
        yield f"policy withholds part of {output.format_value(found['withheld_groups'])}"
    if found["to_reseal"]:
        sealed = output.format_value(handoff_view.sealed(found["to_reseal"]))
        yield f"sealed to others, so not offered: {sealed}"


def _off_duty(offered: Mapping[str, Any]) -> str:
    """Return what to do where nobody is on duty at the recipient of what is urgent."""
    if offered.get("duty_contact") is not False:
        return ""
    others = " or ".join(output.format_value(one) for one in offered.get("on_duty", ()))
    return "telephone the recipient" + (f"; on duty: {others}" if others else "")


def _warn_of_danger(found: Mapping[str, Any]) -> None:
    """Say before an offer about an imminent danger that it is no emergency call."""
    if "emergency_numbers" in found:
        called = " or ".join(
            ["its duty contact", *map(output.sanitise, found["emergency_numbers"])]
        )
        click.echo(
            f"AN OFFER IS NOT AN EMERGENCY CALL: telephone {called}, then record it (casegate "
            "handoff call).",
            err=True,
        )


@write_command(handoff, handoff_argument, *_UPDATE_OPTIONS)
def update(gateway: Gateway, handoff: UUID, by: str, **options: Any) -> WriteReport:
    """Send the newer version of a case in HANDOFF.

    It gives what the newest package gave, as it is now; --group adds all of a group, --digest
    names the elements one by one instead. The end may only be shortened.
    """
    try:
        found = gateway.preview_update(handoff, by, **_with_elements(options))
    except RequestRefused as refused:
        if refused.rules:
            click.echo(
                "A holder that policy lets have nothing is left out by name and reason: casegate "
                "handoff omit-update.",
                err=True,
            )
        raise
    written = gateway.update(handoff, by, **options)
    result = written.result
    told = [
        f"handoff {output.short(result['handoff'])} has package {result['package']}, a "
        f"{result['change']}: "
        f"version {result['version']}, {len(result['permitted_disclosures'])} parts"
    ]
    if result["acknowledge_by"]:
        told.append(f"to be acknowledged by {output.format_time(result['acknowledge_by'])}")
    return written, "; ".join([*told, *_left_out(found)])
