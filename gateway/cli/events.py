"""`casegate event list`: your organisation's own events, in the order of its own counter."""

from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway.cli.arguments import NewFile
from gateway.cli.output import (
    cold,
    colour,
    format_value,
    print_fields,
    print_json,
    print_table,
    progress,
    write_new,
)
from gateway.cli.partner_command import EPILOG, partner, save_json
from gateway.client import Gateway, StreamEvent
from gateway.evidence import receipt as receipts
from gateway.evidence.receipt import VerifiedReceipt
from gateway.evidence.stream import StreamHead


@click.group(epilog=EPILOG)
def event() -> None:
    """List all events that concern your organisation."""


@event.command("list", epilog=EPILOG)
@click.option("--after", type=click.IntRange(0), default=0, help="Begin after this number.")
@click.option("--limit", type=click.IntRange(1), help="Show no more than this many.")
@click.option(
    "--out-dir",
    "save",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the receipts that DIR lacks, and the statement of the end, for casegate audit.",
)
@partner
def list_events(
    gateway: Gateway, as_json: bool, after: int, limit: int | None, save: Path | None
) -> None:
    """List your organisation's events, oldest first.

    Each receipt is verified, and each place in your organisation's counter must be there. The
    gateway signs which is the last.
    """
    if save is not None:
        if after or limit:
            raise click.UsageError("a folder keeps the whole stream: leave out --after and --limit")
        _save(gateway, save, as_json)
        return
    ends: list[tuple[str, StreamHead]] = []
    found = list(islice(gateway.events(after, lambda text, end: ends.append((text, end))), limit))
    if as_json:
        text, end = ends[-1]
        told = [_told(entry) for entry in found]
        print_json({"events": told, "head": end.stream_number, "statement": text})
        return
    rows = [_row(entry) for entry in found]
    print_table(("number", "time", "event", "result", "by", "id", "handoff"), rows)


def _save(gateway: Gateway, folder: Path, as_json: bool) -> None:
    """Go on where the folder ends: an interrupted run leaves a beginning, never a gap."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be made: {error.strerror}") from error
    before = _kept(folder)
    ends: dict[str, StreamHead] = {}
    saved = 0
    with progress("events") as tell:
        for entry in gateway.events(before, ends.__setitem__):
            save_json(folder / _name(entry.stream_number), receipts.to_json(entry.receipt))
            saved += 1
            tell(entry.stream_number, max(end.stream_number for end in ends.values()))
    text, end = list(ends.items())[-1]
    _keep_statement(folder, text, end)
    if as_json:
        print_json({"folder": str(folder), "saved": saved, "head": end.stream_number})
        return
    click.echo(
        f"{folder} holds events 1 to {end.stream_number}, {saved} of them new, and the statement."
    )
    click.echo(f"Prove it complete: casegate audit check-stream {folder} --trust KEYS")


def _name(stream_number: int) -> str:
    return f"{stream_number:09}.json"


def _kept(folder: Path) -> int:
    """The last number up to which no file is missing."""
    last = 0
    while (folder / _name(last + 1)).exists():
        last += 1
    return last


def _keep_statement(folder: Path, text: str, end: StreamHead) -> None:
    """Every statement is kept that says something new: two may contradict each other."""
    file = folder / f"end-{end.checkpoint.size:012}.sd-jwt"
    if not file.exists():
        write_new(file, f"{text}\n".encode())


def _told(entry: StreamEvent) -> dict[str, Any]:
    receipt = receipts.to_json(entry.receipt)
    return {"stream_number": entry.stream_number, "event": str(entry.event), "receipt": receipt}


def _row(entry: StreamEvent) -> tuple[Any, ...]:
    event = entry.confirmed.event
    by = next((value for kind, value in entry.confirmed.opened.shown if kind == "by"), "")
    handoff = event.get("handoff", "")
    return entry.stream_number, event["ts"], event["typ"], event["result"], by, event["id"], handoff


# --- `casegate receipt`: the log's receipts for events that concern your organisation ---


@click.group(epilog=EPILOG)
def receipt() -> None:
    """Show, verify and save receipts."""


@receipt.command(epilog=EPILOG)
@click.argument("event", type=click.UUID)
@partner
def show(gateway: Gateway, as_json: bool, event: UUID) -> None:
    """Verify the receipt of EVENT and show it."""
    entry = gateway.receipt(event)
    if as_json:
        print_json(receipts.to_json(entry.receipt))
        return
    click.echo(f"{colour('Verified', 'green')}: event {entry.event}")
    print_fields(proved(entry.confirmed))


def proved(confirmed: VerifiedReceipt) -> dict[str, str]:
    """What a receipt that was verified says, in words."""
    clear = {n: str(v) for n, v in confirmed.event.items() if n not in ("v", "id", "sd")}
    shown = {
        f"{kind} (sealed)": cold(format_value(value)) for kind, value in confirmed.opened.shown
    }
    withheld = confirmed.opened.withheld
    return {
        **clear,
        **shown,
        "sealed and not shown": f"{withheld} (for others, erased, or padding)",
        "entry": f"{confirmed.index} of {confirmed.checkpoint.size}",
    }


@receipt.command(epilog=EPILOG)
@click.argument("event", type=click.UUID)
@click.option(
    "--out",
    required=True,
    type=NewFile(),
    metavar="FILE",
    help="The new file.",
)
@partner
def save(gateway: Gateway, as_json: bool, event: UUID, out: Path) -> None:
    """Verify the receipt of EVENT and keep it.

    The file is for casegate verify.
    """
    entry = gateway.receipt(event)
    save_json(out, receipts.to_json(entry.receipt))
    if as_json:
        print_json({"file": str(out), "event": str(entry.event)})
    else:
        click.echo(f"{colour('Done', 'green')}: {out} holds the receipt of event {entry.event}")
