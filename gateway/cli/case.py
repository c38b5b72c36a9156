"""`casegate case`: your own cases, from the first version to closing."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway.cli.arguments import (
    FILE,
    CalendarDay,
    NewFile,
    Words,
    json_option,
    organisation_id,
    out_option,
)
from gateway.cli.content import show_opened
from gateway.cli.output import (
    Input,
    format_time,
    print_fields,
    print_items,
    print_table,
    reply,
    say,
    warn,
)
from gateway.cli.partner_command import (
    EPILOG,
    CaseName,
    Failure,
    Parameter,
    WriteReport,
    by_option,
    partner_command,
    receipt_out_option,
    save_json,
    write_command,
)
from gateway.client import ConfirmedWrite, Gateway, InvalidCase
from gateway.client.errors import raising
from gateway.client.gateway import new_id, now
from gateway.domain.case import CaseState, date_errors
from gateway.domain.handoff import RecallCode
from gateway.domain.item_value import identifiers_in
from gateway.domain.json_values import parse_date
from gateway.domain.measure import CONTEST_GROUNDS, MEASURES, MeasureKind
from gateway.domain.retention import DpoAdvice
from gateway.domain.revision import REASONS, ChangeKind
from gateway.evidence import canonical
from gateway.exchange.consultations import REASON_CODES
from gateway.formats.report_file import ImportRefused, ProfileInvalid, read_profile
from gateway.formats.xarf import import_xarf

MAX_CASE_BYTES = 256 * 1024
"""The gateway takes no longer body."""

MAX_REPORT_BYTES = 1024 * 1024
"""The importer refuses what is longer."""

SHORT_RETENTION_DAYS = 30
"""A case that is erased sooner is warned of."""


@click.group(epilog=EPILOG)
def case() -> None:
    """Submit, assess, clear, consult and close your cases."""


case_argument = click.argument("case", type=CaseName())
reason_option = click.option("--reason", help="Reason (optional, up to 200 characters).")

_WHY_OPTIONS: Sequence[Parameter] = (
    click.option(
        "--reason-code", required=True, type=Words(REASON_CODES), help="Why it is opened."
    ),
    click.option(
        "--reason", required=True, help="Reason, up to 200 characters; it is recorded in your log."
    ),
)
CONSULT_OPTIONS: Sequence[Parameter] = (
    *_WHY_OPTIONS,
    click.option("--show-text", is_flag=True, help="Show the text of statements too."),
    click.option(
        "--open-sealed",
        is_flag=True,
        help="Open what is sealed to you, with the keys of encryption_keys.",
    ),
    click.option(
        "--presentation-out", type=NewFile(), help="New file for the signed presentation."
    ),
    receipt_out_option,
)
"""What a consultation takes beside the person who consults."""


_A_CASE = "a case is a JSON object with its id in 'case', as in docs/protocol/examples/case.json"


def _content(_context: click.Context, _parameter: click.Parameter, data: bytes) -> dict[str, Any]:
    if len(data) > MAX_CASE_BYTES:
        raise click.BadParameter(f"a case has at most {MAX_CASE_BYTES} bytes")
    try:
        content = canonical.decode(data)
    except UnicodeDecodeError:
        raise click.BadParameter(f"the file is not a text in UTF-8: {_A_CASE}") from None
    except ValueError as error:
        raise click.BadParameter(f"the file is not JSON ({error}): {_A_CASE}") from None
    if not isinstance(content, dict) or not _is_uuid(content.get("case")):
        raise click.BadParameter(f"the file is not a case: {_A_CASE}")
    return content


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False


content_argument = click.argument(
    "content", metavar="FILE", type=Input(MAX_CASE_BYTES + 1), callback=_content
)


def _contents(_context: click.Context, _parameter: click.Parameter, data: bytes) -> dict[str, Any]:
    with raising(click.BadParameter, "the file is not JSON"):
        contents = canonical.decode(data)
    if not isinstance(contents, dict) or not contents:
        raise click.BadParameter('the file has {"<id of the element>": {"type", "value"}}')
    return contents


contents_option = click.option(
    "--contents",
    "plain",
    required=True,
    type=Input(MAX_CASE_BYTES + 1),
    callback=_contents,
    help="JSON: what is sealed, by the id of its element.",
)


second_assessor_option = click.option(
    "--second-assessor",
    metavar="PSEUDONYM",
    help="Who assessed it too, for a classification by two persons (human_x2).",
)

_CLEARED_OPTIONS: Sequence[Parameter] = (
    click.option("--assessed-by", metavar="PSEUDONYM", help="Who assessed it, in your system."),
    click.option("--cleared-by", metavar="PSEUDONYM", help="Who cleared it, in your system."),
    second_assessor_option,
    click.option(
        "--confirm-match",
        "confirm",
        multiple=True,
        metavar="ID",
        help="Id of an automated match that the analyst confirmed.",
    ),
)


def _clearance(options: dict[str, Any]) -> dict[str, Any] | None:
    """Take what says who assessed and cleared a case out of the options."""
    persons = ("assessed_by", "cleared_by", "second_assessor")
    named = {name: person for name in persons if (person := options.pop(name)) is not None}
    matches = list(options.pop("confirm"))
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

    Example: casegate case check case.json
    """
    try:
        _check(content)
    except InvalidCase as invalid:
        raise Failure(invalid) from invalid
    warnings = [{"pointer": at, "message": why} for at, why in _warn_of_identifiers(content)]
    answer = {"case": content["case"], "errors": [], "warnings": warnings}
    reply(answer, f"case {content['case']}", word="Valid")


def _check(content: Mapping[str, Any]) -> None:
    """Raise InvalidCase for a case that the gateway would refuse by its document alone."""
    from gateway.web.partners.case_document import (  # noqa: PLC0415 - long to load
        CaseInvalid,
        load_case,
    )

    try:
        load_case(content)
        errors = tuple(date_errors(content, now(), now().date(), None))
    except CaseInvalid as invalid:
        errors = invalid.errors
    if errors:
        raise InvalidCase("the case is not valid; nothing was sent", errors)


@write_command(case, content_argument, *_CLEARED_OPTIONS)
def submit(gateway: Gateway, content: dict[str, Any], by: str, **options: Any) -> WriteReport:
    """Submit the first version of a case.

    FILE holds its JSON; "-" reads the standard input. A case that your own system has assessed
    and cleared names both persons.

    Example: casegate case submit case.json --by pdc-1
    """
    _check(content)
    _warn_of_erasure(content)
    _warn_of_identifiers(content)
    return _done(gateway.submit(content, by, _clearance(options)))


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
    _check(content)
    _warn_of_erasure(content)
    _warn_of_identifiers(content)
    clearance = _clearance(options)
    options["pointers"] = [*options["pointers"]] or None
    change = {name: value for name, value in options.items() if value is not None}
    return _done(gateway.revise(content, by, change, clearance))


@write_command(
    case,
    case_argument,
    click.option(
        "--confirm-match",
        "confirmed_matches",
        multiple=True,
        metavar="ID",
        help="Id of an automated match that the analyst confirms (R18).",
    ),
    second_assessor_option,
    reason_option,
)
def assess(gateway: Gateway, **options: Any) -> WriteReport:
    """Record the analyst's assessment of CASE.

    Each automated match must be confirmed by its id (--confirm-match). A classification by two
    persons names the other analyst, too.

    Example: casegate case assess 0198... --by pdc-1
    """
    return _done(gateway.assess(**options))


@write_command(case, case_argument, reason_option)
def clear(gateway: Gateway, **options: Any) -> WriteReport:
    """Clear CASE for sharing.

    The person must not be the one who assessed it.

    Example: casegate case clear 0198... --by pdc-2
    """
    return _done(gateway.clear(**options))


@write_command(case, case_argument, reason_option)
def close(gateway: Gateway, **options: Any) -> WriteReport:
    """Close CASE.

    None of its handoffs can be open.

    \b
    Example: casegate case close 0198... --by pdc-2 \\
        --reason 'All items are gone'
    """
    return _done(gateway.close_case(**options))


_WHERE_OPTIONS: Sequence[Parameter] = (
    click.option("--case", type=CaseName(), help="Your own case."),
    click.option("--handoff", type=click.UUID, help="The handoff by which you hold the case."),
)
_approved_option = click.option(
    "--approved-by", metavar="PSEUDONYM", help="The second person, where two decide."
)
_elements_option = click.option(
    "--element",
    "elements",
    multiple=True,
    type=click.UUID,
    metavar="ID",
    callback=lambda _context, _parameter, given: [*map(str, given)] or None,
    help="Only this element; without it the whole case.",
)


def _until(*, required: bool = False, without: str = "") -> Parameter:
    return click.option(
        "--until",
        required=required,
        metavar="TIME",
        help=f"When it ends, as 2026-01-02T03:04:05Z{without}.",
    )


def _where(options: dict[str, Any]) -> dict[str, UUID | str]:
    """Take --case or --handoff out of the options; UsageError unless one is given."""
    given = {name: options.pop(name) for name in ("case", "handoff")}
    where = {name: value for name, value in given.items() if value}
    if len(where) != 1:
        raise click.UsageError("give either --case or --handoff")
    return where


@write_command(
    case,
    *_WHERE_OPTIONS,
    click.option(
        "--code", required=True, type=Words(MEASURES[MeasureKind.EMBARGO].codes), help="Why."
    ),
    _elements_option,
    _until(without="; without it, as long as it may hold"),
    _approved_option,
    click.option("--authority", help="The authority that ordered it (claimed, not checked)."),
    click.option("--reference", help="Its reference."),
    click.option(
        "--preservation-reference", help="Of your preservation request: the embargo itself is none."
    ),
)
def embargo(gateway: Gateway, **options: Any) -> WriteReport:
    """Set or renew an embargo: no removal, no notice to a host.

    Only authorities with law enforcement powers can, for 72 hours at first. The same elements
    again are a renewal: it takes a second person.

    Example: casegate case embargo --handoff 0198... --code operation
    --until 2026-01-04T08:00:00Z --by ofmin-1
    """
    written, said = _measured(gateway.embargo(_where(options), **options))
    return written, f"{said}. {_REACH}"


@write_command(
    case,
    case_argument,
    click.option(
        "--kind",
        required=True,
        type=Words([str(MeasureKind.SUSPENSION), str(MeasureKind.MARK)]),
        help="suspension: nothing is consulted or offered. mark: kept, for few reasons.",
    ),
    click.option(
        "--code", required=True, metavar="CODE", help="Why: accuracy_contested, objection..."
    ),
    _elements_option,
    _until(),
    _approved_option,
)
def restrict(gateway: Gateway, **options: Any) -> WriteReport:
    """Restrict the processing of CASE, or of elements.

    A suspension holds for up to 72 hours; a cleared version ends it. A mark has no end: two
    persons set it, and two end it.

    Example: casegate case restrict 0198... --kind suspension --code accuracy_contested
    --until 2026-01-04T08:00:00Z --by pdc-1
    """
    return _measured(gateway.restrict(**options))


_measure_argument = click.argument("measure", type=click.UUID)


@write_command(case, _measure_argument, *_WHERE_OPTIONS, _approved_option, reason_option)
def end_measure(gateway: Gateway, **options: Any) -> WriteReport:
    """End a MEASURE, by the id that `case show` has.

    One that you set, or your predecessor in the mandate. In imminent danger also one that you
    contested and whose setter did not answer in time: say why by --reason.

    Example: casegate case end-measure 0198... --handoff 0197... --by ofmin-1
    """
    return _measured(gateway.end_measure(_where(options), **options))


@write_command(
    case,
    _measure_argument,
    *_WHERE_OPTIONS,
    click.option(
        "--ground",
        required=True,
        type=Words(CONTEST_GROUNDS),
        help="Why. In imminent danger its setter has an hour, else a day.",
    ),
    reason_option,
)
def contest_embargo(gateway: Gateway, **options: Any) -> WriteReport:
    """Contest the embargo MEASURE of another organisation.

    Its setter has to end or confirm it. It holds until then.

    Example: casegate case contest-embargo 0198... --case 0197... --ground too_long --by pdc-1
    """
    written = gateway.contest_embargo(_where(options), **options)
    due = format_time(written.result["due_at"])
    return written, f"its setter answers by {due}; the embargo holds until then"


@write_command(case, _measure_argument, *_WHERE_OPTIONS, reason_option)
def confirm_embargo(gateway: Gateway, **options: Any) -> WriteReport:
    """Confirm your embargo MEASURE, which was contested.

    Example: casegate case confirm-embargo 0198... --handoff 0197... --by ofmin-1
    """
    return _measured(gateway.confirm_embargo(_where(options), **options))


def measure_lines(measures: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The measures in force on a case, for people; of an own embargo how far it reaches."""
    held = list(measures)
    own = any(one["kind"] == MeasureKind.EMBARGO and "setter" in one for one in held)
    return {"measures": [_measure(one) for one in held], "reach": _REACH if own else None}


def _measure(one: Mapping[str, Any]) -> str:
    if one["kind"] == MeasureKind.EMBARGO:
        return f"embargo {one['measure']}: do not act before {format_time(one['until'])}"
    return f"{one['kind']} {one['measure']} {_duration(one)}"


def _duration(measure: Mapping[str, Any]) -> str:
    ends = measure["until"]
    return f"until {format_time(ends)}" if ends else "until two persons end it"


_REACH = (
    "It binds this case only: it reaches neither the same items in another member's case nor "
    "anybody who heard of them elsewhere. It is no preservation order."
)


recall_options: Sequence[Parameter] = (
    click.option(
        "--code",
        required=True,
        type=Words(RecallCode),
        help="Why. misdirected: one person may begin.",
    ),
    click.option(
        "--reason",
        help="Reason, up to 300 characters; its holders read it. Left out of an erased case.",
    ),
    _approved_option,
)


@write_command(case, case_argument, *recall_options)
def recall(gateway: Gateway, case: UUID, **options: Any) -> WriteReport:
    """Recall CASE from all who have it.

    They stop its use at once, and answer whether their copies are erased. Open handoffs are
    withdrawn. A later version may be offered in a new handoff.

    Example: casegate case recall 0198... --code unlawful --reason "court order 12/26" --by pdc-1
    --approved-by pdc-2
    """
    return recalled(gateway.recall({"case": case}, **options))


@write_command(
    case,
    case_argument,
    click.option(
        "--on", "erase_on", type=CalendarDay(), required=True, help="The new day of its erasure."
    ),
    click.option("--approved-by", required=True, metavar="PSEUDONYM", help="The second person."),
    click.option("--dpo", required=True, metavar="PSEUDONYM", help="The DPO who advised."),
    click.option(
        "--advice",
        required=True,
        type=Words(DpoAdvice),
        help="What the DPO advised; it is recorded, and decides nothing.",
    ),
    click.option("--reason", required=True, help="Reason, up to 200 characters."),
)
def advance_erasure(
    gateway: Gateway, case: UUID, by: str, erase_on: date, **options: Any
) -> WriteReport:
    """Bring the erasure of CASE forward.

    To tomorrow at the earliest, by two persons. No version puts it off again. What a recipient
    keeps by law stays with it.

    \b
    Example: casegate case advance-erasure 0198... --on 2036-01-02 \\
        --by pdc-1 --approved-by pdc-2 --dpo pdc-3 \\
        --advice favourable --reason 'Nothing was found'
    """
    written = gateway.advance_erasure(case, by, erase_on=erase_on.isoformat(), **options)
    return written, f"case {written.result['case']} is erased on {written.result['erase_on']}"


@write_command(
    case,
    case_argument,
    click.argument("recall", type=click.UUID),
    reason_option,
)
def approve_recall(gateway: Gateway, recall: UUID, **options: Any) -> WriteReport:
    """Approve the RECALL of CASE as the second person.

    Of what was misdirected one person may begin; the second follows within 24 hours.

    Example: casegate case approve-recall 0198... 0197... --by pdc-2
    """
    return gateway.approve_recall(recall=recall, **options), f"recall {recall} is approved"


def recalled(written: ConfirmedWrite) -> WriteReport:
    """What a recall touched, in a sentence."""
    result = written.result
    held = [one["recipient"] for one in result["handoffs"] if one["held"]]
    sentence = (
        f"recall {result['recall']} covers version {result['version']} of case {result['case']}: "
        f"{len(held)} answer it ({', '.join(held) or 'nobody holds the case'}), "
        f"{len(result['handoffs']) - len(held)} offers withdrawn"
    )
    if result["approve_by"]:
        sentence += f"; a second person must approve it by {format_time(result['approve_by'])}"
    return written, sentence


def _measured(written: ConfirmedWrite) -> WriteReport:
    result = written.result
    if result["ended_at"]:
        return written, f"{result['kind']} {result['measure']} has ended"
    return written, f"{result['kind']} {result['measure']} holds {_duration(result)}"


def _warn_of_erasure(content: Mapping[str, Any]) -> None:
    """Say that a day of erasure is near: what it destroys, it destroys for every recipient."""
    try:
        left = (parse_date(content["marking"]["erase_on"]) - now().date()).days
    except (LookupError, TypeError, ValueError):
        return  # the gateway says what is wrong with it
    if 0 < left < SHORT_RETENTION_DAYS:
        warn(f"in {left} days the case is erased for every recipient.")


def _identifiers(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where free text of a valid case holds what belongs in an item, by JSON pointer."""
    texts = {
        f"/statements/{number}/text": one.get("text", "")
        for number, one in enumerate(content.get("statements", ()))
    }
    texts["/marking/handling_note"] = content["marking"].get("handling_note", "")
    for pointer, text in texts.items():
        if found := identifiers_in(text):
            told = "put it into an item (an address is of the kind url), or leave it out"
            yield pointer, f"holds {' and '.join(found)}: {told}"


def _warn_of_identifiers(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Warn of such texts before they are sent; each pointer with its warning."""
    found = list(_identifiers(content))
    for pointer, why in found:
        warn(f"{pointer} {why}")
    return found


def _done(written: ConfirmedWrite) -> WriteReport:
    result = written.result
    state = f"case {result['case']}, version {result['version']}, is {result['state']}"
    return written, f"{state}; digest {result['digest']}"


@partner_command(case, case_argument, by_option, *CONSULT_OPTIONS)
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

    \b
    Example: casegate case seal case.json --contents contents.json \\
        --to ofmin --out sealed.json
    """
    sealed = gateway.seal(content, plain, to)
    save_json(out, sealed)
    reply(
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
    *_WHY_OPTIONS,
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
    click.option("--state", type=Words(CaseState), help="Only cases in this state."),
    name="list",
)
def list_(gateway: Gateway, state: str | None) -> None:
    """List your cases by age, without content.

    Example: casegate case list
    """
    found = list(gateway.cases(state))
    print_items(found, "state", "version", "case", ("reference", "originator_ref"), "matter")


@partner_command(case, case_argument)
def show(gateway: Gateway, case: UUID) -> None:
    """Show the state of CASE, without content.

    Example: casegate case show 0198...
    """
    found = gateway.case(case)
    if reply(found):
        return
    say(f"Case {found['case']}")
    apart = ("case", "measures")
    print_fields(
        {
            **{name: value for name, value in found.items() if name not in apart},
            **measure_lines(found.get("measures") or ()),
        }
    )


@partner_command(case, case_argument)
def coverage(gateway: Gateway, case: UUID) -> None:
    """Show the holders of CASE and what is owed.

    After a correction each holder is sent an update, acknowledges it, and tells what it did with
    its own copy.

    Example: casegate case coverage 0198...
    """
    found = gateway.coverage(case)
    if reply(found):
        return
    say(f"Case {found['case']}, version {found['version']}, {found['state']}")
    columns = ("handoff", "recipient", "state", "version", "owed", "by", "due", "answered")
    print_table(columns, [row for one in found["handoffs"] for row in _rows(one)])


_NOTHING = {"what": "nothing", "by": "-", "due": "-", "late": False}


def _rows(line: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """A row for each thing that is owed about a handoff."""
    state = line["state"].replace("_", " ")
    if line["left_out"]:
        state += f", left out: {line['left_out']['reason']}"
    elif line["announced_only"]:
        state += ", announced only"
    place = (line["handoff"], line["recipient"], state, line["version"])
    for owed in line["owed"] or [_NOTHING]:
        what = owed["what"].replace("_", " ") + (" (LATE)" if owed["late"] else "")
        yield (*place, what, owed["by"], owed["due"], line["answered"] or "-")


@case.command("import")
@click.argument("report", metavar="REPORT", type=click.File("rb"))
@click.option(
    "--profile",
    "profile_file",
    required=True,
    type=FILE,
    help="TOML: the marking, legal basis, purpose and retention that such reports get.",
)
@click.option(
    "--out",
    required=True,
    type=NewFile(),
    help="The case JSON to write: check it, complete it, then use 'submit'.",
)
@json_option
def import_report(report: Any, profile_file: Path, out: Path) -> None:
    """Create a case file from a report (XARF 4), offline.

    It reads content/csam and content/csem.
    The output says how each field of the report was used. A report that contains an image, video,
    sound or archive is refused as a whole.

    \b
    Example: casegate case import report.json --profile profile.toml \\
        --out new.json
    """
    try:
        profile = read_profile(tomllib.loads(profile_file.read_text(encoding="utf-8")))
        imported = import_xarf(report.read(MAX_REPORT_BYTES + 1), profile, new_id, now())
    except ImportRefused as refused:
        raise click.ClickException(f"the report is refused: {refused}") from refused
    except (ProfileInvalid, ValueError) as error:
        raise click.ClickException(f"{profile_file} is no import profile: {error}") from error
    save_json(out, imported.case)
    found = {"case": imported.case["case"], "file": str(out)}
    reply(
        {**found, "dropped": imported.dropped, "notes": imported.notes},
        *(f"  {sentence}" for sentence in (*imported.dropped, *imported.notes)),
        f"case {imported.case['case']} is in {out}",
    )
