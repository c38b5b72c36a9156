"""`casegate handoff`: offering cases, answering offers, opening what was accepted."""

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import click

from gateway.cli import arguments, handoff_view, output, wording
from gateway.cli.case import CONSULT_OPTIONS, FILTER_OPTIONS, WHY_OPTIONS
from gateway.cli.content import show_opened, superseding
from gateway.cli.elements import ElementId
from gateway.cli.failure import OutputNotWritten
from gateway.cli.fields import options_of, values_of
from gateway.cli.page import organisation
from gateway.cli.partner_command import (
    EPILOG,
    Parameter,
    WriteReport,
    addressee,
    by_option,
    elsewhere,
    partner_command,
    print_result,
    receipt_out_option,
    write_command,
)
from gateway.cli.steps import (
    act_words,
    add_steps,
    case_argument,
    handoff_argument,
    measure_lines,
)
from gateway.cli.verify import language_option
from gateway.cli.wording import say, screen_language
from gateway.client import Gateway, RequestRefused
from gateway.client.connection import MAX_FILE_BYTES
from gateway.client.documents import newest_offer
from gateway.client.views import AnswerCommand, SealedReference
from gateway.domain import answers
from gateway.domain.case import GROUPS
from gateway.domain.consultation import RETENTION, SUPERSEDED
from gateway.domain.handoff import WITHOUT_GROUND, HandoffState, RecallAnswer
from gateway.domain.vocabulary import Purpose


@click.group(epilog=EPILOG)
def handoff() -> None:
    """Offer cases, answer offers, consult accepted cases."""


# --- Offering ------------------------------------------------------------------------------------


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
            "sealed to others": _sealed(found["to_reseal"]),
            "not cleared": _uncleared(found),
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
        told.append(f"telephone {_contact(result['telephone'])}, then record it (handoff call)")
    return written, "; ".join([*told, *_left_out(result), *map(elsewhere, result["elsewhere"])])


def _contact(one: Mapping[str, Any]) -> str:
    """Return whom to telephone, as they are to be reached."""
    return output.sanitise(f"{one['name']} ({one['role'].replace('_', ' ')}): {one['address']}")


def _whom_to_call(view: Mapping[str, Any]) -> str | None:
    """Return whom its originator telephones about a danger, as long as it owes the call."""
    if "telephone" in view:
        return _contact(view["telephone"])
    owed = any(one["action"] == "handoff.call" and one["due_at"] for one in view["acts"])
    return say("no_contact") if owed else None


def _left_out(found: Mapping[str, Any]) -> Iterator[str]:
    """Return what an offer or an update does not give of what was asked."""
    if found["withheld_groups"]:
        yield f"policy withholds part of {output.format_value(found['withheld_groups'])}"
    if found["to_reseal"]:
        sealed = output.format_value(_sealed(found["to_reseal"]))
        yield f"sealed to others, so not offered: {sealed}"


def _uncleared(offered: Mapping[str, Any]) -> str:
    """Return what is missing where a case is offered in imminent danger before its clearance."""
    return say("uncleared") if offered["break_glass"] else ""


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


def _sealed(parts: Sequence[SealedReference]) -> list[str]:
    return [
        say(
            "sealed_for",
            group=wording.code("group", one["group"]),
            element=output.short(one["id"]),
            organisation=one["sealed_to"],
        )
        for one in parts
    ]


# --- Looking -------------------------------------------------------------------------------------


@partner_command(
    handoff,
    click.option(
        "--box",
        type=arguments.Words(["in", "out"]),
        default="in",
        show_default=True,
        help="Handoffs that were received (in) or sent (out).",
    ),
    click.option(
        "--state", type=arguments.Words(HandoffState), help="Only handoffs in this state."
    ),
    *FILTER_OPTIONS,
    click.option("--reference", help="Only those of your own case with this reference."),
    click.option("--overdue", is_flag=True, help="Only handoffs whose recipient is overdue."),
    click.option(
        "--erase-before",
        type=arguments.CalendarDay(),
        help="Only handoffs whose case is erased before this day.",
    ),
    name="list",
)
def list_(gateway: Gateway, box: str, **filters: Any) -> None:
    """List the handoffs received or sent.

    The box "in" has those received, "out" those sent, both by urgency, then due time (UTC). Where
    no answer is owed the state stands in its place, last in its class. An update or a recall that
    is to be answered is marked so; so is what was corrected, and whose package is to come.

    Example: casegate handoff list --box out --overdue
    """
    found = list(gateway.inbox(**filters) if box == "in" else gateway.sent(**filters))
    urgency = ("urgency", lambda one: handoff_view.urgency_word(one["urgency"]))
    party = ("from", "originator") if box == "in" else ("to", "recipient")
    handoff_ = ("handoff", lambda one: output.short(one["handoff"]))
    references = ["reference"] if any(one.get("reference") for one in found) else []
    output.print_items(
        found, urgency, ("due (UTC)", handoff_view.due), handoff_, party, *references
    )


@partner_command(handoff, handoff_argument, screen_language)
def show(gateway: Gateway, handoff: UUID) -> None:
    """Show HANDOFF without its content.

    Parties, conditions and answers are shown once every signature is verified.
    """
    # Long: a line for each field, in the order in which people read them.
    view = gateway.handoff(handoff)
    if output.reply(view):
        return
    names = wording.names_of(gateway)
    state = output.colour(wording.code("state", view["state"]), "cyan")
    click.echo(
        say("handoff_is", handoff=output.sanitise(output.short(view["handoff"])), state=state)
    )
    lines = {
        "id": view["handoff"],
        "reference": view.get("reference"),
        "from": organisation(view["originator"], names),
        "to": organisation(view["recipient"], names),
        "competence": view["competence"],
        "case": handoff_view.case_version(view),
        **handoff_view.matter(view),
        "not_cleared": _uncleared(view),
        "purpose": wording.code("purpose", view["purpose"]),
        "due": view["due_at"],
        "telephone": _whom_to_call(view),
        "late_duties": handoff_view.owed(view, names, late=True),
        "ends": view["expires_at"],
        "erase_on": view["erase_on"],
        "superseded_by": superseding(view["superseded"]) if view.get("superseded") else None,
        **measure_lines(view["measures"]),
        "retention": handoff_view.retention(view["retention"]) if "retention" in view else None,
        "recalled": handoff_view.recalled(gateway, view) if view["recalled"] else None,
        "sent_acts": handoff_view.waiting_acts(view),
        "parts": len(view["permitted_disclosures"]),
        "accepted_groups": handoff_view.groups(view["accepted_groups"]),
        "interest": say("interested") if view.get("interest") else None,
        "to_reseal": _sealed(view.get("to_reseal", ())),
        "taken": view.get("taken_by"),
        "you_may": act_words(view["acts"]),
        "content": handoff_view.closed(view.get("closed")),
        **handoff_view.succession(view),
    }
    output.print_fields(wording.fields(lines))
    handoff_view.print_conditions(view["conditions"])
    if "tightened_by" in view:
        output.say(f"  {say('tightened_offer')}")
    click.echo(output.colour(say("packages"), "cyan"))
    for one in view["packages"]:
        output.say(f"  {handoff_view.package(one)}")
        if one["pointers"]:
            places = output.sanitise(output.with_ends(output.format_value(one["pointers"])))
            output.print_wrapped(places, f"     {say('changes')} ", 13)
    handoff_view.print_arrivals(view["arrivals"])
    click.echo(output.colour(say("history"), "cyan"))
    for answer in view["answers"]:
        output.say(f"  {handoff_view.history(answer, names)}")
    outcomes = [one.get("code") for one in view["answers"] if one["kind"] == "outcome"]
    own = view["originator"] == gateway.connection.organisation
    if own and view["erase_on"] and WITHOUT_GROUND.intersection(outcomes[-1:]):
        output.say(say("without_ground"))
        wording.print_next(output.complete(f"case advance-erasure {output.short(view['case'])}"))


@partner_command(handoff, handoff_argument)
def notices(gateway: Gateway, handoff: UUID) -> None:
    """Show the correction notices of HANDOFF.

    It also shows what is owed. Both are there after the erasure of its case, too.
    """
    found = gateway.notices(handoff)
    if output.reply(found):
        return
    output.say(f"Handoff {output.short(found['handoff'])} is {found['state']}")
    late, owed = (handoff_view.owed(found, {}, late=one) for one in (True, False))
    output.print_fields({"OVERDUE": late, "owed": owed})
    handoff_view.print_arrivals(found["arrivals"])
    for notice in found["notices"]:
        output.say(f"  {handoff_view.history(notice, {})}")


# --- Answering -----------------------------------------------------------------------------------


def _answer_command(kind: answers.AnswerKind) -> None:
    """The command that gives one kind of answer, with an option for each of its fields."""
    verb = kind.command.replace("_", "-")

    def command(gateway: Gateway, handoff: UUID, by: str, **options: Any) -> WriteReport:
        if kind.accepts:
            view = gateway.handoff(handoff)
            options |= {"conditions": view["conditions"], "offer": newest_offer(view).digest}
            if not options.pop("yes") and view["state"] == "offered":
                _agree(view)
        elif kind.name == "recall_answer":
            _agree_to_erase(options)
        fields = values_of(kind.fields, options)
        written = gateway.answer(cast(AnswerCommand, kind.command), handoff, by, **fields)
        state = f"handoff {output.short(handoff)} is {written.result['state']}"
        return written, f"{_recorded(kind, fields)}; {state}" if kind.keeps_state else state

    command.__doc__ = kind.about
    declared = (*options_of(kind.fields), *(_ERASED if kind.name == "recall_answer" else ()))
    write_command(handoff, handoff_argument, *declared, name=verb)(command)


def _recorded(kind: answers.AnswerKind, fields: Mapping[str, Any]) -> str:
    """Return what an answer put on record that leaves the handoff in its state: its kind and its
    words."""
    words = [
        str(fields[one.name])
        for one in kind.fields
        if one.type is answers.FieldType.WORD and one.name in fields
    ]
    return " ".join([kind.name.replace("_", " "), *words, "recorded"])


def _agree(view: Mapping[str, Any]) -> None:
    if output.for_machines() or not output.interactive():
        raise click.UsageError(
            "accept the conditions: read them with `handoff show`, then give --yes"
        )
    output.print_fields(wording.fields({"from": view["originator"], **handoff_view.matter(view)}))
    handoff_view.print_conditions(view["conditions"])
    click.confirm("Accept these conditions?", abort=True)


_ERASED = (
    click.option("--no-backups", is_flag=True, help="Erased: there are no backups of them."),
    click.option("--yes", is_flag=True, help="Do not ask: they are erased, and access ends."),
)


def _agree_to_erase(options: dict[str, Any]) -> None:
    no_backups, yes = options.pop("no_backups"), options.pop("yes")
    if options["done"] != RecallAnswer.COPIES_ERASED:
        return
    if no_backups == bool(options["backups_until"]):
        raise click.UsageError(
            "--done copies_erased: say by when your backups are erased, with --backups-until DAY, "
            "or that there are none, with --no-backups"
        )
    if not yes:
        loses = "You state that all your copies are erased. You can consult the case no more."
        output.agree_to_lose(loses, options["done"])


for _kind in answers.PARTIES_ANSWERS:
    _answer_command(_kind)

add_steps(handoff)


# --- Opening and proving -------------------------------------------------------------------------


@partner_command(
    handoff,
    handoff_argument,
    by_option,
    click.option(
        "--package",
        type=arguments.WholeNumber(min=1),
        help="An older package, by its number; its reason code is superseded_package.",
    ),
    click.option(
        "--was",
        is_flag=True,
        help="Beside what was corrected, what it was: a second consultation, of the package "
        "before.",
    ),
    *CONSULT_OPTIONS,
    screen_language,
)
def consult(
    gateway: Gateway, handoff: UUID, package: int | None, was: bool, **options: Any
) -> None:
    """Consult the content of HANDOFF.

    The log records it, with person and reason. You see what the offer names and policy allows
    today. Of an erased case it is what you retain, for the reason code retention. The text of
    statements is hidden without --show-text, sealed elements without --open-sealed. The JSON has
    everything as it was written: addresses in it are live.

    \b
    Example: casegate handoff consult 0198... --by ofmin-1 \\
        --reason-code investigation --reason 'First look'
    """
    by, reason = options["by"], options["reason"]
    opened = gateway.consult(handoff, by, options["reason_code"], reason, package)
    before = None
    if was and opened.changed is not None and opened.package is not None:
        number = opened.package - 1
        before = gateway.consult(handoff, by, SUPERSEDED, reason, number)
    show_opened(gateway, opened, options, before)


@partner_command(handoff, handoff_argument, by_option, *CONSULT_OPTIONS[1:], hidden=True)
def consult_retained(gateway: Gateway, handoff: UUID, **options: Any) -> None:
    """Consult what you retain of HANDOFF.

    For one release the former name of `handoff consult`.

    \b
    Example: casegate handoff consult-retained 0198... \\
        --by ofmin-1 --reason 'File 4711'
    """
    opened = gateway.consult(handoff, options["by"], RETENTION, options["reason"])
    show_opened(gateway, opened, options)


@partner_command(
    handoff,
    handoff_argument,
    by_option,
    *WHY_OPTIONS,
    click.option("--show-text", is_flag=True, help="Unfold statements that are hard to read."),
    click.option(
        "--open-sealed",
        is_flag=True,
        help="Open what is sealed to you, with the keys of encryption_keys.",
    ),
    arguments.page_option,
    language_option,
    receipt_out_option,
)
def sheet(gateway: Gateway, handoff: UUID, file: Path | None, **options: Any) -> None:
    """Print the case of HANDOFF for a prosecutor.

    It is a consultation, which the log records. Organisations stand by their names, codes in words,
    addresses as they were reported. What was withheld is named. Statements that are hard to read
    are folded, and sealed elements closed, until you ask for them.

    \b
    Example: casegate handoff sheet 0198... --by ofmin-1 \\
        --reason-code investigation --reason 'File 4711' \\
        --lang fr --page file-4711.html
    """
    from gateway.cli import page  # noqa: PLC0415
    from gateway.cli.sheet import Sheet  # noqa: PLC0415

    names = {one["organisation"]: one["name"] for one in gateway.organisations()}
    opened = gateway.consult(handoff, options["by"], options["reason_code"], options["reason"])
    written = Sheet(
        opened,
        recipient=gateway.connection.organisation,
        names=names,
        language=options["language"],
        full=options["show_text"],
        unsealed=gateway.unseal(opened) if options["open_sealed"] else None,
    )
    text = page.render(written.title, written.blocks(), written.language, written.label)
    if file is None and not output.for_machines():
        page.show(written.title, written.blocks())
        click.echo()
    print_result(
        opened.written,
        "sheet of the case made",
        save=options["receipt_out"],
        more={"page": text},
        presentation=None if file is None else (file, text.encode()),
    )


@partner_command(
    handoff,
    handoff_argument,
    click.option("--by", metavar="PSEUDONYM", help="Who consults the content for the file."),
    click.option("--reason", help="Reason, up to 200 characters."),
    click.option(
        "--without-content", is_flag=True, help="Only routing fields, without a consultation."
    ),
    arguments.out_option,
)
def export(
    gateway: Gateway,
    handoff: UUID,
    by: str | None,
    reason: str | None,
    without_content: bool,
    out: Path,
) -> None:
    """Export HANDOFF with its evidence.

    The file is for casegate verify. With content it is a consultation, which the log records. The
    file is verified before it is written.

    \b
    Example: casegate handoff export 0198... --by ofmin-1 \\
        --reason 'For the file' --out handoff.json
    """
    if without_content == bool(by or reason) or bool(by) != bool(reason):
        raise click.UsageError("give --by and --reason, or else --without-content")
    with output.progress("Collecting receipts") as tell:
        data = gateway.export(handoff, by, reason, progress=tell)
    try:
        output.write_new(out, data)
    except click.ClickException as error:
        raise OutputNotWritten(error.message) from error
    output.reply(
        {"file": str(out), "bytes": len(data)},
        f"{out} holds the handoff; casegate verify reads it",
        word="Done",
    )
