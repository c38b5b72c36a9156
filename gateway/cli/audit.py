"""`casegate audit search`, `month` and `export`: what an auditor reads of the log, on record."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway import files
from gateway.cli import arguments, output, page
from gateway.cli.audit_copies import audit, warn_of_unconfirmed
from gateway.cli.failure import OutputNotWritten
from gateway.cli.partner_command import partner_command, search_options
from gateway.cli.verify import language_option, page_option
from gateway.client import AuditedEvent, AuditFilters, Gateway, RecordedSearch
from gateway.client.errors import raising
from gateway.domain.audit import CaseId, CaseReference
from gateway.domain.audit_event import ACTION_OF, READABLE_EVENTS, EventResult
from gateway.domain.audit_topics import AuditTopic, count
from gateway.domain.json_values import to_json
from gateway.domain.organisation import NAME
from gateway.evidence import canonical
from gateway.evidence import receipt as receipts
from gateway.text import catalogue
from gateway.text import month as texts
from gateway.text.numbers import pluralise
from gateway.verification import court_file, event_table, listing

# --- `casegate audit search`: events of others, as far as an audit access reaches ---


class _CaseName(click.ParamType[CaseId | CaseReference]):
    """A case as ORIGINATOR/UUID, or by its originator's own reference."""

    name = "case"

    def convert(self, value: Any, param: Any, ctx: Any) -> CaseId | CaseReference:
        """Read both parts."""
        originator, _, case = str(value).partition("/")
        if not NAME.fullmatch(originator) or not case:
            self.fail(f"{value!r} is not of the form ORIGINATOR/UUID or ORIGINATOR/REFERENCE")
        try:
            return CaseId(originator, UUID(case))
        except ValueError:
            return CaseReference(originator, case)


class _Action(click.ParamType[str]):
    """An action, by the policy's word or by the type of its event."""

    name = "action"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The policy's word; a usage error names what is near."""
        action = ACTION_OF.get(value, str(value))
        if action not in READABLE_EVENTS:
            near = get_close_matches(action, READABLE_EVENTS) or sorted(READABLE_EVENTS)
            self.fail(f"'{value}' is no action: as {', '.join(near)}", param, ctx)
        return action


_SEARCHING = (
    *search_options,
    click.option(
        "--case",
        type=_CaseName(),
        metavar="ORIGINATOR/UUID",
        help="Events of one case; or ORIGINATOR/REFERENCE, where the originator told you its own.",
    ),
    click.option("--handoff", type=click.UUID, metavar="UUID", help="Events of one handoff."),
    click.option(
        "--organisation",
        metavar="ID",
        callback=arguments.organisation_name,
        help="Events in which it took part.",
    ),
    click.option("--person", metavar="PSEUDONYM", help="Events that this person asked for."),
    click.option(
        "--action",
        "actions",
        multiple=True,
        type=_Action(),
        metavar="ACTION",
        help="As handoff.offer; or the event's type, as handoff.offered. May be repeated.",
    ),
    click.option("--rule", metavar="RULE", help="Events that this rule decided, as R3.membership."),
    click.option(
        "--result",
        "results",
        multiple=True,
        type=arguments.Words(EventResult),
        help="How they ended. May be repeated.",
    ),
    click.option(
        "--topic",
        "topics",
        multiple=True,
        type=arguments.Words(AuditTopic),
        help="What they are about, as audit month counts it. May be repeated.",
    ),
    click.option(
        "--from",
        "since",
        type=arguments.Moment(days=True),
        help="From this time, or from this day (UTC), on.",
    ),
    click.option(
        "--before",
        "until",
        type=arguments.Moment(days=True),
        help="Before this time, or before this day (UTC).",
    ),
    click.option("--limit", type=arguments.WholeNumber(1), help="Find no more than this many."),
)
"""What a search is asked by."""


def _searched(
    gateway: Gateway,
    by: str,
    reason_code: str,
    reason: str,
    limit: int | None,
    actions: tuple[str, ...],
    results: tuple[str, ...],
    topics: tuple[str, ...],
    case: CaseId | CaseReference | None,
    **filters: Any,
) -> list[RecordedSearch]:
    """The searches of the log that these options ask for."""
    warn_of_unconfirmed(gateway)
    named = case if isinstance(case, CaseReference) else None
    asked = AuditFilters(
        **filters,
        case=case if isinstance(case, CaseId) else None,
        actions=tuple(dict.fromkeys(actions)),
        results=tuple(dict.fromkeys(results)),
        topics=tuple(dict.fromkeys(topics)),
    )
    return gateway.audit(by, reason_code, reason, asked, limit=limit, reference=named)


@partner_command(
    audit,
    *_SEARCHING,
    arguments.csv_option,
    page_option,
    language_option,
)
def search(gateway: Gateway, as_csv: bool, page: Path | None, language: str, **asked: Any) -> None:
    """Search events that an audit access of yours covers.

    Never content. The search is an event itself, with who reads, why, by which filters and exactly
    what was shown; each member whose events it finds learns of it once. Every receipt is verified.
    What is withheld lies beyond the coverage, is erased, or is padding.

    \b
    Example: casegate audit search --by auditor-1 \\
        --reason-code lawfulness --reason 'Audit 2026/3' \\
        --result denied --from 2026-03-01
    """
    if output.for_machines() and as_csv:
        raise click.UsageError("choose one of --json and --csv")
    searches = _searched(gateway, **asked)
    shown = [event for one in searches for event in one.events]
    if page is not None:
        evidence = {listing.EVIDENCE: gateway.evidence(searches)}
        output.write_new(page, court_file.page_of(evidence, gateway.connection.trust, language))
    told = {
        "searches": [{"receipt": receipts.to_json(one.receipt)} for one in searches],
        "events": [
            {
                "index": one.index,
                "event": one.confirmed.event,
                "parties": list(one.parties),
                "asked_in": event_table.asked_in(one.confirmed),
                "details": dict(one.details),
                "withheld": one.confirmed.opened.withheld,
                "receipt": receipts.to_json(one.receipt),
            }
            for one in shown
        ],
    }
    if not output.reply(told):
        _print_found(shown, searches[-1].unknown, asked, as_csv=as_csv)


def _print_found(
    shown: Sequence[AuditedEvent],
    unknown: Iterable[str],
    filters: Mapping[str, Any],
    *,
    as_csv: bool,
) -> None:
    """Print events; where there are none, also which of the ``filters`` name what is unknown."""
    if as_csv:
        rows = [event_table.cells(one.confirmed) for one in shown]
        click.echo(event_table.to_csv(rows), nl=False)
        return
    for one in shown:
        cells = event_table.cells(one.confirmed)
        entry, when, kind, result = (cells[name] for name in _FIRST_LINE)
        ended = output.colour(result, "green" if result == EventResult.ALLOWED else "yellow")
        click.echo(f"{entry:>7}  {output.format_time(when)}  {kind}  {ended}")
        for name, cell in cells.items():
            if cell and name not in (*_FIRST_LINE, "case_digest", "id"):
                told = _READ_AS[name](cell) if name in _READ_AS else cell
                output.print_wrapped(f"{name.replace('_', ' ')} {told}", " " * 9, 11)
    click.echo(f"\n{_counted(shown)}")
    for name in unknown if not shown else ():
        click.echo(_UNKNOWN[name].format(filters.get(name)))


_UNKNOWN = {
    "person": "Nobody named {} asked for anything that your audit access covers.",
    "case": "No event that your audit access covers is about a case of that name.",
    "rule": "No rule is named {}, nor decided anything that your audit access covers.",
}
"""Why there are no events: a filter fits nothing, whatever the others."""


def _counted(shown: Sequence[AuditedEvent]) -> str:
    """How many events there are, by result and day, and how many entries between are not shown."""
    if not shown:
        return "No events in what your audit access covers."
    first, last = shown[0].index, shown[-1].index
    beyond = last - first + 1 - len(shown)
    results = Counter(str(one.confirmed.event["result"]) for one in shown)
    days = sorted(str(one.confirmed.event["time"])[:10] for one in shown)
    counted = ", ".join(f"{number} {result}" for result, number in sorted(results.items()))
    return (
        f"{pluralise(len(shown), 'event')} ({counted}), {days[0]} to {days[-1]}, "
        f"entries {first} to {last}.\n"
        f"{beyond} entries between them are not shown (outside the filters or your audit access)."
    )


def _in_words(text: str) -> str:
    """The members of a JSON object, but not the signed documents in it; other text as it is."""
    try:
        members = canonical.decode(text.encode())
    except ValueError:
        return text
    if not isinstance(members, dict):
        return text
    told = {n: "signed" if str(v).startswith("eyJ") else v for n, v in members.items()}
    return output.sanitise(output.format_value(told))


_FIRST_LINE = ("entry", "time", "event", "result")
_READ_AS: Mapping[str, Callable[[str], str]] = {"due": output.format_time, "subject": _in_words}
"""The cells of an event that people read otherwise than a table has them."""


# --- `casegate audit month`: what an auditor looks at first ---


@partner_command(
    audit,
    *search_options,
    click.option(
        "--month",
        "first",
        required=True,
        type=click.DateTime(["%Y-%m"]),
        metavar="YYYY-MM",
        help="The month (UTC).",
    ),
    language_option,
)
def month(
    gateway: Gateway, by: str, reason_code: str, reason: str, first: datetime, language: str
) -> None:
    """Count what happened in a month, by six topics.

    What was consulted and why, what was refused, what is overdue, break-glass with late reviews,
    changes of members, and the log: its size, and who confirmed it. It is a search, and as such one
    event. Every receipt is verified, and the counts are made again from them.

    \b
    Example: casegate audit month --by auditor-1 \\
        --reason-code lawfulness --reason 'Audit 2026/3' --month 2026-03
    """
    warn_of_unconfirmed(gateway)
    since = first.replace(tzinfo=UTC)
    until = (since + timedelta(days=31)).replace(day=1)
    asked = AuditFilters(topics=tuple(AuditTopic), since=since, until=until)
    searches = gateway.audit(by, reason_code, reason, asked)
    summary = [gateway.audit_summary(one) for one in searches][-1]
    counted = count(AuditTopic, [event.facts for one in searches for event in one.events])
    told = {**summary, "topics": to_json(counted)}
    if output.reply({**told, "searches": [str(one.confirmed.event["id"]) for one in searches]}):
        return
    columns = [catalogue.phrase("screens", key, language) for key in texts.COLUMNS]
    blocks = []
    for one in told["topics"]:
        rows = texts.rows(one["counts"], language)
        beside = texts.about_log(told, language) if one["topic"] == AuditTopic.LOG else []
        lines = [texts.counted(one, language), *beside]
        heading = texts.name(one["topic"], language)
        blocks.append(page.Block(heading, lines=lines, rows=rows, columns=columns if rows else ()))
    page.show(texts.title(since, until, language), blocks)


# --- `casegate audit export`: what an auditor hands on ---


@partner_command(
    audit,
    *_SEARCHING,
    click.option(
        "--out",
        required=True,
        type=arguments.NewFile(folder=True),
        metavar="FOLDER",
        help="The new folder.",
    ),
    click.option("--zip", "as_zip", is_flag=True, help="Write it as one file, FOLDER.zip."),
    language_option,
)
def export(gateway: Gateway, out: Path, as_zip: bool, language: str, **asked: Any) -> None:
    """Search as audit search does, and write what a court gets.

    The folder has the evidence (evidence.json), a table (events.csv), a page to print (report.html)
    and the log's checkpoint. `casegate verify FOLDER` checks it without a network.

    \b
    Example: casegate audit export --by auditor-1 \\
        --reason-code criminal_proceedings --reason 'Order 12/345' \\
        --case point-de-contact/0198... --out order-12-345 --lang fr
    """
    zipped = out.with_name(f"{out.name}.zip")
    if as_zip and zipped.exists():
        raise click.UsageError(f"{zipped} exists. Move it away, or use another name.")
    searches = _searched(gateway, **asked)
    events = [event.confirmed for one in searches for event in one.events]
    data, trust = gateway.evidence(searches), gateway.connection.trust
    parts = court_file.parts_of(data, events, trust, language, out.name)
    with raising(OutputNotWritten, causes=files.PrivateFileError):
        if as_zip:
            files.create(zipped, court_file.archive(out.name, parts))
        else:
            files.create_folder(out, parts)
    made = zipped if as_zip else out
    output.reply(
        {"out": str(made), "events": len(events)},
        f"{made} holds {pluralise(len(events), 'event')} and what proves them",
        "Whoever has the keys checks it: "
        + ("unpack it, then " if as_zip else "")
        + f"casegate verify {out.name} --trust KEYS",
        word="Done",
    )
