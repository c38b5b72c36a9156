"""`casegate handoff`: looking at handoffs, answering them, opening and proving accepted ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import click

from gateway.cli import arguments, handoff_view, output, page, wording
from gateway.cli.case import CONSULT_OPTIONS, FILTER_OPTIONS, WHY_OPTIONS, open_sealed_option
from gateway.cli.content import show_opened, superseding
from gateway.cli.failure import OutputNotWritten
from gateway.cli.fields import options_of, values_of
from gateway.cli.handoff_offer import handoff
from gateway.cli.partner_command import (
    WriteReport,
    by_option,
    partner_command,
    print_result,
    receipt_out_option,
    write_command,
)
from gateway.cli.sheet import Sheet
from gateway.cli.steps import act_words, add_steps, handoff_argument, measure_lines
from gateway.cli.verify import language_option
from gateway.cli.wording import say, screen_language
from gateway.client import Gateway
from gateway.client.documents import newest_offer
from gateway.client.views import AnswerCommand
from gateway.domain import answers
from gateway.domain.consultation import RETENTION, SUPERSEDED
from gateway.domain.handoff import WITHOUT_GROUND, HandoffState, RecallAnswer

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
        "from": page.organisation(view["originator"], names),
        "to": page.organisation(view["recipient"], names),
        "competence": view["competence"],
        "case": handoff_view.case_version(view),
        **handoff_view.matter(view),
        "not_cleared": handoff_view.uncleared(view),
        "purpose": wording.code("purpose", view["purpose"]),
        "due": view["due_at"],
        "telephone": handoff_view.whom_to_call(view),
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
        "to_reseal": handoff_view.sealed(view.get("to_reseal", ())),
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
        if not kind.keeps_state:
            return written, state
        told = [one.name for one in kind.fields if one.type is answers.FieldType.WORD]
        recorded = [kind.name.replace("_", " "), *(str(fields[n]) for n in told if n in fields)]
        return written, f"{' '.join(recorded)} recorded; {state}"

    command.__doc__ = kind.about
    declared = (*options_of(kind.fields), *(_ERASED if kind.name == "recall_answer" else ()))
    write_command(handoff, handoff_argument, *declared, name=verb)(command)


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
    open_sealed_option,
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
