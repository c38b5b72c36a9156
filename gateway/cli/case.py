"""`casegate case`: your own cases, from the first version to closing."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click

from gateway.cli import case_import, output
from gateway.cli.arguments import (
    FILE,
    PLACE,
    CalendarDay,
    NewFile,
    Words,
    json_option,
    organisation_id,
    out_option,
)
from gateway.cli.case_file import (
    CaseFile,
    check_content,
    check_each,
    content_argument,
    contents_option,
    warn_of_content,
    warn_of_erasure,
)
from gateway.cli.content import show_opened
from gateway.cli.elements import ElementId, ElementPointer
from gateway.cli.handoff_view import OUT
from gateway.cli.partner_command import (
    EPILOG,
    Failure,
    Parameter,
    WriteReport,
    by_option,
    connected,
    connection_option,
    partner_command,
    print_result,
    print_results,
    receipt_out_option,
    save_json,
    write_command,
)
from gateway.cli.steps import (
    act_words,
    add_steps,
    case_argument,
    measure_lines,
    state_of,
    submitted_words,
)
from gateway.cli.wording import screen_language
from gateway.client import ConfirmedWrite, Gateway, InvalidCase
from gateway.client.gateway import new_id, now
from gateway.client.views import Owed
from gateway.domain.case import CaseState
from gateway.domain.consultation import REASON_CODES
from gateway.domain.handoff import RecallAnswer
from gateway.domain.revision import REASONS, ChangeKind
from gateway.domain.standing import Closed
from gateway.domain.vocabulary import Matter, Urgency
from gateway.formats.mapped_report import TARGETS
from gateway.formats.reading import ImportSettings
from gateway.formats.report_file import ProfileInvalid, read_mapping, read_profile


@click.group(epilog=EPILOG)
def case() -> None:
    """Submit, assess, clear, consult and close your cases."""


WHY_OPTIONS: Sequence[Parameter] = (
    click.option(
        "--reason-code", required=True, type=Words(REASON_CODES), help="Why it is opened."
    ),
    click.option(
        "--reason", required=True, help="Reason, up to 200 characters; it is recorded in your log."
    ),
)
open_sealed_option = click.option(
    "--open-sealed",
    is_flag=True,
    help="Open what is sealed to you, with the keys of encryption_keys.",
)
CONSULT_OPTIONS: Sequence[Parameter] = (
    *WHY_OPTIONS,
    click.option("--show-text", is_flag=True, help="Show the text of statements too."),
    open_sealed_option,
    click.option(
        "--presentation-out", type=NewFile(), help="New file for the signed presentation."
    ),
    receipt_out_option,
)
"""What a consultation takes beside the person who consults."""


FILTER_OPTIONS: Sequence[Parameter] = (
    click.option("--urgency", type=Words(Urgency), help="Only of this urgency."),
    click.option("--matter", type=Words(Matter), help="Only of this matter."),
    click.option("--with", "counterpart", metavar="ORGANISATION", help="Only with this one."),
    click.option("--from", "since", type=CalendarDay(), help="Only from this day on (UTC)."),
    click.option("--to", "until", type=CalendarDay(), help="Only up to this day (UTC)."),
)
"""What a list of cases or handoffs can be cut down to."""


_CLEARED_OPTIONS: Sequence[Parameter] = (
    click.option("--assessed-by", metavar="PSEUDONYM", help="Who assessed it, in your system."),
    click.option("--cleared-by", metavar="PSEUDONYM", help="Who cleared it, in your system."),
    click.option(
        "--second-assessor",
        metavar="PSEUDONYM",
        help="Who assessed it too, for a classification by two persons (human_x2).",
    ),
    click.option(
        "--confirm-match",
        "confirm",
        multiple=True,
        type=ElementId(),
        metavar="ID",
        help="Id of an automated match that the analyst confirmed.",
    ),
)


def _clearance(options: dict[str, Any]) -> dict[str, Any] | None:
    """Take what says who assessed and cleared a case out of the options."""
    persons = ("assessed_by", "cleared_by", "second_assessor")
    named = {name: person for name in persons if (person := options.pop(name)) is not None}
    matches = [str(one) for one in options.pop("confirm")]
    if not (named or matches):
        return None
    if not {"assessed_by", "cleared_by"} <= named.keys():
        raise click.UsageError(
            "--assessed-by and --cleared-by go together; --confirm-match and --second-assessor "
            "need both"
        )
    return {**named, "confirmed_matches": matches}


@case.command(epilog="Exit status: 0 a valid case, 2 not one; every error is listed.")
@content_argument
@json_option
def check(content: dict[str, Any]) -> None:
    """Check a case before you submit it, offline.

    All errors come at once, by JSON pointer. What only the gateway knows is left: the versions
    before, keys of seals, and what your organisation may write.
    """
    try:
        check_content(content)
    except InvalidCase as invalid:
        raise Failure(invalid) from invalid
    warnings = [{"pointer": at, "message": why} for at, why in warn_of_content(content)]
    answer = {"case": content["case"], "errors": [], "warnings": warnings}
    output.reply(answer, f"case {output.short(content['case'])}", word="Valid")


@partner_command(
    case,
    by_option,
    click.argument("contents", metavar="FILE...", nargs=-1, required=True, type=CaseFile()),
    *_CLEARED_OPTIONS,
    receipt_out_option,
)
def submit(
    gateway: Gateway,
    contents: Sequence[dict[str, Any]],
    by: str,
    receipt_out: Path | None,
    **options: Any,
) -> None:
    """Submit the first version of one or more cases.

    FILE holds its JSON; "-" reads the standard input. A case that your own system has assessed
    and cleared names both persons. Of several files each is a case: all are checked, then sent,
    and what the gateway refuses does not stop the others.
    """
    if len(contents) > 1 and (options["confirm"] or receipt_out is not None):
        raise click.UsageError("--confirm-match and --receipt-out are for one case: give one FILE")
    clearance = _clearance(options)
    check_each(contents)
    for content in contents:
        warn_of_erasure(content)
        warn_of_content(content)
    if len(contents) == 1:
        written = gateway.submit(contents[0], by, clearance)
        print_result(written, submitted_words(written.result), save=receipt_out)
        return
    asked = [{"content": one, "by": by, "clearance": clearance} for one in contents]
    names = [f"case {output.short(one['case'])}" for one in contents]
    print_results(names, gateway.submit_each(asked), submitted_words)


@write_command(
    case,
    content_argument,
    click.option(
        "--change", "kind", required=True, type=Words(ChangeKind), help="What the version changes."
    ),
    click.option("--reason-code", required=True, type=Words(REASONS), help="Why it is made."),
    click.option("--reason", required=True, help="Reason, up to 300 characters."),
    click.option(
        "--pointer",
        "pointers",
        multiple=True,
        metavar="PLACE",
        type=ElementPointer(),
        help="A place that a correction corrects: /urgency, /marking/tlp or /items/ID.",
    ),
    click.option(
        "--approved-by",
        metavar="PSEUDONYM",
        help="The second person, where a draft loosens what was cleared (R10).",
    ),
    *_CLEARED_OPTIONS,
)
def revise(gateway: Gateway, content: dict[str, Any], by: str, **options: Any) -> WriteReport:
    """Submit the next version of a case.

    FILE holds its JSON, and names the previous version in 'previous'. A correction alters or
    drops anything, or loosens a marking; a tightening only raises markings; an addition only adds.
    The gateway compares the versions and refuses a milder word; its answer lists the places that a
    correction has to name.

    \b
    Example: casegate case revise case.json --by pdc-1 \\
        --change correction --reason-code inaccurate \\
        --reason 'Wrong host' --pointer /urgency
    """
    check_content(content)
    warn_of_erasure(content)
    warn_of_content(content)
    clearance = _clearance(options)
    options["pointers"] = [*options["pointers"]] or None
    change = {name: value for name, value in options.items() if value is not None}
    return _done(gateway.revise(content, by, change, clearance))


def _done(written: ConfirmedWrite) -> WriteReport:
    return written, state_of(written.result)


add_steps(case)


@partner_command(case, case_argument, by_option, *CONSULT_OPTIONS, screen_language)
def consult(gateway: Gateway, case: UUID, **options: Any) -> None:
    """Consult the content of your own CASE.

    The log records it, with person and reason. The text of statements is hidden without
    --show-text. The JSON has everything as it was written: addresses in it are live.

    \b
    Example: casegate case consult 0198... --by pdc-1 \\
        --reason-code assessment --reason 'Second look'
    """
    opened = gateway.consult_case(case, options["by"], options["reason_code"], options["reason"])
    show_opened(gateway, opened, options)


@partner_command(
    case,
    content_argument,
    contents_option,
    click.option(
        "--to",
        required=True,
        metavar="ORGANISATION",
        callback=organisation_id,
        help="The only organisation that can open it.",
    ),
    out_option,
)
def seal(
    gateway: Gateway,
    content: dict[str, Any],
    plain: dict[str, Any],
    to: str,
    out: Path,
) -> None:
    """Seal elements of a case before you submit it.

    FILE holds the JSON of the case; the new one in OUT has the sealed elements in place of those
    with the same ids, or behind them. Their content is not in it: keep it yourself. The key is
    one that you keep in organisation_keys.
    """
    sealed = gateway.seal(content, plain, to)
    save_json(out, sealed)
    output.reply(
        {"case": sealed["case"], "file": str(out), "sealed": sorted(plain)},
        f"{len(plain)} sealed to {to}; the case is in {out}",
        word="Done",
    )


@write_command(
    case,
    case_argument,
    contents_option,
    click.option(
        "--from",
        "before",
        required=True,
        metavar="ORGANISATION",
        callback=organisation_id,
        help="It opens them now.",
    ),
    click.option(
        "--to",
        required=True,
        metavar="ORGANISATION",
        callback=organisation_id,
        help="The only organisation that can open them afterwards.",
    ),
    *WHY_OPTIONS,
    *_CLEARED_OPTIONS,
)
def reseal(gateway: Gateway, **options: Any) -> WriteReport:
    """Seal elements of CASE to another, in a new version.

    Use it after a redirection: `handoff show` names the elements. Give their content again, because
    only the previous recipient can open them. Your case is consulted for it, which is an event.

    \b
    Example: casegate case reseal 0198... --by pdc-1 \\
        --contents contents.json --from ocrvp --to ofmin \\
        --reason-code evidence --reason 'Redirected to OFMIN'
    """
    return _done(gateway.reseal(clearance=_clearance(options), **options))


@partner_command(
    case,
    click.option("--reference", help="Only the case with this reference of yours."),
    click.option("--state", type=Words(CaseState), help="Only cases in this state."),
    *FILTER_OPTIONS,
    name="list",
)
def list_(gateway: Gateway, **filters: Any) -> None:
    """List your cases by age, without content.

    A case has the day on which its first version was submitted.

    Example: casegate case list --with ofmin --from 2026-03-01
    """
    found = list(gateway.cases(**filters))
    case_ = ("case", lambda one: output.short(one["case"]))
    state = ("state", lambda one: OUT if one.get("out_of_service") else one["state"])
    output.print_items(found, state, "version", case_, ("reference", "originator_ref"), "matter")


@partner_command(case, case_argument)
def show(gateway: Gateway, case: UUID) -> None:
    """Show the state of CASE, without content."""
    found = gateway.case(case)
    if output.reply(found):
        return
    output.say(f"Case {output.short(found['case'])}")
    apart = ("case", "measures", "acts", "out_of_service")
    output.print_fields(
        {
            "id": found["case"],
            **{name: value for name, value in found.items() if name not in apart},
            **measure_lines(found.get("measures") or ()),
            "out of service": Closed.OUT_OF_SERVICE if found.get("out_of_service") else None,
            "you may": act_words(found.get("acts") or ()),
        }
    )


@partner_command(case, case_argument)
def coverage(gateway: Gateway, case: UUID) -> None:
    """Show the holders of CASE and what is owed.

    After a correction each holder is sent an update, acknowledges it, and tells what it did with
    its own copy.
    """
    found = gateway.coverage(case)
    if output.reply(found):
        return
    case_ = output.short(found["case"])
    output.say(f"Case {case_}, version {found['version']}, {found['state']}")
    rows = []  # one for each thing that is owed about a handoff
    for line in found["handoffs"]:
        state = line["state"].replace("_", " ")
        if line["left_out"]:
            state += f", left out: {line['left_out']['reason']}"
        elif line["announced_only"]:
            state += ", announced only"
        if line["left"]:
            state += ", left" if line["answered"] else ", left, unanswered"
        place = (output.short(line["handoff"]), line["recipient"], state, line["version"])
        for owed in line["owed"] or [_NOTHING]:
            what = owed["what"].replace("_", " ") + (" (LATE)" if owed["late"] else "")
            rows.append((*place, what, owed["by"], owed["due"], _declared(line)))
    columns = ("handoff", "recipient", "state", "version", "owed", "by", "due", "answered")
    output.print_table(columns, rows)


_NOTHING: Owed = {"what": "nothing", "by": "-", "due": "-", "event": "-", "late": False}


def _declared(line: Mapping[str, Any]) -> str:
    """Return what a holder last said: of its copies it declares, and nothing shows that it is
    so."""
    recall, said = line["recall"], line["answered"] or "-"
    if recall is None or recall["answer"] is None:
        stopped = said == "acknowledge_recall"
        return "declared stopped" if stopped else said.replace("_", " ")
    if recall["answer"] == RecallAnswer.COPIES_ERASED:
        backups = recall["backups_until"]
        return "declared erased" + (f", backups until {backups}" if backups else "")
    until = f" until {recall['until']}" if recall["until"] else ""
    why = recall["answer"].removeprefix("kept_").replace("_", " ")
    return f"declared kept{until} ({why})"


@case.command("import", epilog=EPILOG)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=PLACE)
@click.option(
    "--profile",
    "profile_file",
    required=True,
    type=FILE,
    help="TOML: the marking, legal basis, purpose and retention that such reports get.",
)
@click.option(
    "--mapping", "mapping_file", type=FILE, help="TOML: what the columns of CSV files mean."
)
@click.option("--by", metavar="PSEUDONYM", help="Who brings them: each is submitted as a draft.")
@click.option("--out", type=NewFile(), help="Write the case of one report; nothing is sent.")
@connection_option
@json_option
def import_reports(
    paths: Sequence[Path],
    profile_file: Path,
    mapping_file: Path | None,
    by: str | None,
    out: Path | None,
    connection_file: Path,
) -> None:
    """Create cases from reports: XARF, NCMEC's XML, CSV.

    PATH is a file or a folder. Each report is a line: taken, known from before, or refused and
    why, with the fields that were dropped. A report that contains an image, video, sound or
    archive is refused as a whole. Without --by nothing is sent. The same command again goes on
    where it ended: a reference is taken once.

    \b
    Example: casegate case import inbox --profile profile.toml \\
        --mapping scart.toml --by pdc-1
    """
    if by and out:
        raise click.UsageError("give --by, which sends, or --out, which writes one case")
    profile = _settings(profile_file, read_profile)
    mapping = (
        _settings(mapping_file, partial(read_mapping, targets=TARGETS)) if mapping_file else None
    )
    reports = case_import.read(
        paths, ImportSettings(profile, mapping, new_id, now()), check_content
    )
    if out is not None:
        case_import.write_one([*reports], out)
    elif by is None:
        case_import.tell(reports)
    else:
        with connected(connection_file) as gateway:
            case_import.tell(case_import.send(gateway, reports, by))


_S = TypeVar("_S")


def _settings(file: Path, read: Callable[[Mapping[str, Any]], _S]) -> _S:
    """The settings of an import, of a file in TOML."""
    try:
        return read(tomllib.loads(file.read_text(encoding="utf-8")))
    except (ProfileInvalid, ValueError) as error:
        kind = "import profile" if read is read_profile else "mapping"
        raise click.ClickException(f"{file} is no {kind}: {error}") from error
