"""`casegate event`: the events of one's own organisation."""

from itertools import islice
from pathlib import Path
from typing import Any

import click

from gateway.cli import arguments, output
from gateway.cli.partner_command import EPILOG, partner, save_json
from gateway.client import Gateway, StreamEvent
from gateway.client.errors import raising
from gateway.domain.audit_event import told_as
from gateway.evidence import receipt as receipts
from gateway.verification.stream import StreamHead


@click.group(epilog=EPILOG)
def event() -> None:
    """List all events that concern your organisation."""


@event.command("list", epilog=EPILOG)
@click.option("--after", type=arguments.WholeNumber(0), default=0, help="Begin after this number.")
@click.option("--limit", type=arguments.WholeNumber(1), help="Show no more than this many.")
@click.option(
    "--out-dir",
    "save",
    type=arguments.ANY_FOLDER,
    metavar="DIR",
    help="Keep the receipts that DIR lacks, and the statement of the end, for casegate audit.",
)
@partner
def list_events(gateway: Gateway, after: int, limit: int | None, save: Path | None) -> None:
    """List your organisation's events, oldest first.

    Each receipt is verified, and no number of your organisation's stream may be missing. The
    gateway signs which is the last.

    Example: casegate event list --out-dir receipts
    """
    if save is not None:
        if after or limit:
            raise click.UsageError("a folder keeps the whole stream: leave out --after and --limit")
        _save(gateway, save)
        return
    ends: list[tuple[str, StreamHead]] = []

    def note(text: str, end: StreamHead) -> None:
        ends.append((text, end))
        if end.stream_number < after:
            raise click.UsageError(
                f"your stream ends with the number {end.stream_number}: give --after at most that"
            )

    found = list(islice(gateway.events(after, note), limit))
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
    rows = [_entry_row(entry) for entry in found]
    output.print_table(("number", "time", "event", "result", "by", "id", "handoff"), rows)


def _save(gateway: Gateway, folder: Path) -> None:
    """Go on where the folder ends: an interrupted run leaves a beginning, never a gap."""
    with raising(click.ClickException, f"{folder} cannot be made", OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = _kept(folder)
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


def _kept(folder: Path) -> int:
    """The last number up to which no file is missing."""
    last = 0
    while (folder / _name(last + 1)).exists():
        last += 1
    return last


def _entry_row(entry: StreamEvent) -> tuple[Any, ...]:
    event = entry.confirmed.event
    by = next((value for kind, value in entry.confirmed.opened.shown if kind == "by"), "")
    kind = told_as(event["type"], event["result"])
    shown = (output.format_time(event["time"]), kind, event["result"])
    return (entry.stream_number, *shown, by, event["id"], output.short(event.get("handoff", "")))
