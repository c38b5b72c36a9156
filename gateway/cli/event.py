"""`casegate event`: the events of one's own organisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway.cli import arguments, output
from gateway.cli.partner_command import (
    EPILOG,
    IdOrName,
    Parameter,
    partner_command,
    save_json,
    search_options,
)
from gateway.client import Gateway, StreamEvent
from gateway.client.errors import raising
from gateway.domain.audit_event import ACTION_OF, told_as
from gateway.domain.json_values import parse_timestamp
from gateway.evidence import receipt as receipts
from gateway.verification.stream import StreamHead


@click.group(epilog=EPILOG)
def event() -> None:
    """List all events that concern your organisation."""


@dataclass(frozen=True)
class EventFilter:
    """For what events are looked; what is None is not asked for."""

    case: UUID | None = None
    handoff: UUID | None = None
    person: str | None = None
    types: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None

    def fits(self, entry: StreamEvent) -> bool:
        """Tell whether an event is looked for, by what of it its own side reads."""
        event, shown = entry.confirmed.event, dict(entry.confirmed.opened.shown)
        named = [shown.get(kind) or () for kind in _PERSONS]
        persons = [p for one in named for p in ([one] if isinstance(one, str) else one)]
        day = parse_timestamp(event["time"]).astimezone(UTC).date()
        return (
            (self.case is None or str(shown.get("case", "")).endswith(f"/{self.case}"))
            and self.handoff in (None, event.get("handoff") and UUID(event["handoff"]))
            and (self.person is None or self.person in persons)
            and (not self.types or event["type"] in self.types)
            and (self.since is None or self.since <= day)
            and (self.until is None or day <= self.until)
        )

    def asked(self) -> dict[str, Any]:
        """It as the record of a search has it."""
        named: dict[str, Any] = {"case": self.case, "handoff": self.handoff, "person": self.person}
        named |= {"from": self.since, "to": self.until}
        said: dict[str, Any] = {n: str(value) for n, value in named.items() if value is not None}
        return said | ({"types": list(self.types)} if self.types else {})


_PERSONS = ("by", "assessors", "cleared_by", "approved_by")


_FILTERS: Sequence[Parameter] = (
    click.option("--case", type=IdOrName("case"), help="Only of this case of yours."),
    click.option("--handoff", type=IdOrName("handoff"), help="Only of this handoff."),
    click.option("--person", metavar="PSEUDONYM", help="Only what this person did or approved."),
    click.option(
        "--type",
        "types",
        multiple=True,
        type=arguments.Words(sorted(ACTION_OF)),
        metavar="TYPE",
        help="Only of this type, as case.consulted.",
    ),
    click.option("--from", "since", type=arguments.CalendarDay(), help="Only from this day (UTC)."),
    click.option("--to", "until", type=arguments.CalendarDay(), help="Only up to this day (UTC)."),
)


@partner_command(
    event,
    click.option(
        "--after", type=arguments.WholeNumber(0), default=0, help="Begin after this number."
    ),
    click.option("--limit", type=arguments.WholeNumber(1), help="Show no more than this many."),
    *_FILTERS,
    click.option(
        "--out-dir",
        "save",
        type=arguments.ANY_FOLDER,
        metavar="DIR",
        help="Keep the receipts that DIR lacks, and the statement of the end, for casegate audit.",
    ),
    name="list",
)
def list_events(
    gateway: Gateway, after: int, limit: int | None, save: Path | None, **filters: Any
) -> None:
    """List your organisation's events, oldest first.

    Each receipt is verified, and no number of your organisation's stream may be missing; what does
    not fit is left out here, after that. The gateway signs which is the last.

    Example: casegate event list --out-dir receipts
    """
    wanted = EventFilter(**filters)
    if save is not None:
        if after or limit or wanted != EventFilter():
            raise click.UsageError("a folder keeps the whole stream: leave out what cuts it down")
        _save(gateway, save)
        return
    _tell(gateway, wanted, after, limit)


@partner_command(
    event,
    *search_options,
    *_FILTERS,
)
def search(gateway: Gateway, by: str, reason_code: str, reason: str, **filters: Any) -> None:
    """Search your organisation's events, on record.

    For its data protection officer or head: what one person did, who opened a case. Your log
    records who searched, why and for what, before anything is read. All your events are read and
    verified, so that none that fits is left out.

    \b
    Example: casegate event search --by pdc-dpo-1 --person pdc-1 \\
        --reason-code self_monitoring --reason 'Yearly check'
    """
    wanted = EventFilter(**filters)
    gateway.record_search(by, reason_code, reason, wanted.asked())
    _tell(gateway, wanted)


def _tell(gateway: Gateway, wanted: EventFilter, after: int = 0, limit: int | None = None) -> None:
    ends: list[tuple[str, StreamHead]] = []

    def note(text: str, end: StreamHead) -> None:
        ends.append((text, end))
        if end.stream_number < after:
            raise click.UsageError(
                f"your stream ends with the number {end.stream_number}: give --after at most that"
            )

    found = list(islice(filter(wanted.fits, gateway.events(after, note)), limit))
    text, end = ends[-1]
    events = [
        {
            "stream_number": entry.stream_number,
            "event": str(entry.event),
            "receipt": receipts.to_json(entry.receipt),
        }
        for entry in found
    ]
    if output.reply({"events": events, "head": end.stream_number, "signed_head": text}):
        return
    rows = []
    for entry in found:
        event = entry.confirmed.event
        by = next((value for kind, value in entry.confirmed.opened.shown if kind == "by"), "")
        kind = told_as(event["type"], event["result"])
        shown = (output.format_time(event["time"]), kind, event["result"], by)
        handoff = output.short(event.get("handoff", ""))
        rows.append((entry.stream_number, *shown, event["id"], handoff))
    output.print_table(("number", "time", "event", "result", "by", "id", "handoff"), rows)


def _save(gateway: Gateway, folder: Path) -> None:
    """Go on where the folder ends: an interrupted run leaves a beginning, never a gap."""
    with raising(click.ClickException, f"{folder} cannot be made", OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = 0
    while (folder / _name(before + 1)).exists():
        before += 1
    ends: dict[str, StreamHead] = {}
    saved = 0
    with output.progress("events") as tell:
        for entry in gateway.events(before, ends.__setitem__):
            save_json(folder / _name(entry.stream_number), receipts.to_json(entry.receipt))
            saved += 1
            tell(entry.stream_number, max(end.stream_number for end in ends.values()))
    text, end = list(ends.items())[-1]
    # Every statement is kept that says something new: two may contradict each other.
    file = folder / f"end-{end.checkpoint.size:012}.sd-jwt"
    if not file.exists():
        output.write_new(file, f"{text}\n".encode())
    output.reply(
        {"folder": str(folder), "saved": saved, "head": end.stream_number},
        f"{folder} holds events 1 to {end.stream_number}, {saved} of them new, and the statement.",
        f"Prove it complete: casegate audit check-stream {folder} --trust KEYS",
    )


def _name(stream_number: int) -> str:
    return f"{stream_number:09}.json"
