"""`casegate audit`: what an auditor proves offline, copies, and reads under a grant."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import click

from gateway.cli.arguments import Moment, json_option, organisation_id
from gateway.cli.output import (
    cold,
    format_value,
    print_json,
    print_line,
    print_table,
    progress,
    sanitise,
)
from gateway.cli.partner_command import EPILOG, Failure, by_option, now, partner
from gateway.cli.verify import FOLDER, STREAM_CODES, exit_with_report, trust_options
from gateway.client import AuditedEvent, AuditFilters, ClientError, Gateway, GatewayUnavailable
from gateway.client.mirror import Mirror, MirrorProgress, PublicLog
from gateway.domain.audit import REASON_CODES
from gateway.domain.audit_event import EVENT_TYPES, EventResult
from gateway.domain.organisation import SLUG
from gateway.evidence import log_copy, stream
from gateway.evidence import receipt as receipts
from gateway.evidence.log_copy import VerifiedReplica
from gateway.evidence.receipt import MAX_BYTES as MAX_RECEIPT_BYTES
from gateway.evidence.report import VerificationReport
from gateway.evidence.sd_jwt import MAX_TEXT
from gateway.evidence.stream import InputFile
from gateway.evidence.trust import TrustAnchors
from gateway.ledger.replica import ReadFile


@click.group()
def audit() -> None:
    """Check event streams, copy and check logs, search events."""


def reader(folder: Path) -> ReadFile:
    """Reads the files of a copy by their tlog-tiles paths."""

    def read(path: str) -> bytes:
        try:
            return (folder / path).read_bytes()
        except FileNotFoundError:
            raise LookupError(path) from None
        except OSError as error:
            raise click.UsageError(f"{folder / path} cannot be read: {error.strerror}") from error

    return read


# --- `casegate audit complete`: whether an organisation's receipts are all its events, offline ---


MAX_PAGE_BYTES = 256 * 1024 * 1024
"""A stream in one file is read as a whole; a longer one is kept in a folder."""


@audit.command(epilog=f"{STREAM_CODES} {FOLDER}")
@click.argument("stream", metavar="DIR|FILE", type=click.Path(exists=True, path_type=Path))
@trust_options(members=False)
@click.option(
    "--log",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A copy of the log, with which all that was signed is compared.",
)
@json_option
@click.pass_context
def complete(
    context: click.Context, stream: Path, trust: TrustAnchors, folder: Path | None, as_json: bool
) -> None:
    """Prove that receipts are all of an organisation's events.

    DIR holds what `casegate events --save DIR` kept, or what a party handed over: receipts
    (*.json) and the gateway's statements of the stream's end (*.sd-jwt), all that you have. FILE
    is what `casegate events --json` printed.
    """
    copy = None
    if folder is not None:
        verdict, copy = log_copy.open_copy(reader(folder), trust)
        if copy is None:
            exit_with_report(context, verdict, as_json)
    try:
        read = _verify_folder if stream.is_dir() else _verify_file
        verdict = read(stream, trust, copy)
    except OSError as error:
        raise click.UsageError(f"{error.filename} cannot be read: {error.strerror}") from error
    exit_with_report(context, verdict, as_json)


def _verify_folder(
    folder: Path, trust: TrustAnchors, copy: VerifiedReplica | None
) -> VerificationReport:
    statements = list(_parts(folder, "*.sd-jwt", MAX_TEXT))
    return stream.verify_stream(
        statements, _parts(folder, "*.json", MAX_RECEIPT_BYTES), trust, copy
    )


def _parts(folder: Path, form: str, longest: int) -> Iterator[InputFile]:
    for file in sorted(folder.glob(form)):
        yield InputFile(file.name, _start(file, longest))


def _verify_file(
    file: Path, trust: TrustAnchors, copy: VerifiedReplica | None
) -> VerificationReport:
    try:
        statements, receipts = stream.of_page(_start(file, MAX_PAGE_BYTES))
    except ValueError as error:
        raise click.UsageError(f"{file} is not a stream of events: {error}") from error
    return stream.verify_stream(statements, receipts, trust, copy)


def _start(file: Path, longest: int) -> bytes:
    with file.open("rb") as opened:
        return opened.read(longest + 1)


# --- `casegate audit fsck`: whether a copy of a log is whole, offline ---


@audit.command(epilog=f"{STREAM_CODES} {FOLDER}")
@click.argument(
    "folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@trust_options(documents=False, members=False)
@json_option
@click.pass_context
def fsck(context: click.Context, folder: Path, trust: TrustAnchors, as_json: bool) -> None:
    """Check the copy in DIR, from entries to the signed root.

    DIR is what `casegate audit mirror` made, or any copy of a log with its files as C2SP
    tlog-tiles names them. The verdict names the first bad index.
    """

    with progress("entries") as tell:
        verdict = log_copy.check(reader(folder), trust, tell)
    exit_with_report(context, verdict, as_json)


# --- `casegate audit mirror`: a copy of a gateway's public log that goes on where it stopped ---


def open_log(url: str, ca: Path | None) -> PublicLog:
    """The public log at an address; nothing is sent yet."""
    return PublicLog(url, ca, now)


@audit.command(epilog=f"{EPILOG} {FOLDER}")
@click.argument("url")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@trust_options(documents=False, members=False)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The gateway's root certificate (PEM). Left out, the system's authorities count.",
)
@click.option(
    "--follow",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="Go on until Ctrl-C, looking for more after so many seconds; JSON is then a line a step.",
)
@json_option
def mirror(
    url: str, folder: Path, trust: TrustAnchors, ca: Path | None, follow: int | None, as_json: bool
) -> None:
    """Copy the public log at URL into DIR, and verify each step.

    DIR only grows, and lies as the log's own files do (C2SP tlog-tiles), so that any web server
    can serve it on. What does not continue what DIR has is not kept: the proof is.
    """
    try:
        with open_log(url, ca) as log:
            copy = Mirror(log.fetch, folder, trust)
            _tell(_step(copy), folder, as_json)
            if follow is not None:
                with suppress(KeyboardInterrupt):  # the ordinary way to end it
                    _follow(copy, folder, follow, as_json)
    except ClientError as error:
        raise Failure(error) from error


def _step(copy: Mirror) -> MirrorProgress:
    with progress("entries") as tell:
        return copy.step(tell)


def _follow(copy: Mirror, folder: Path, seconds: int, as_json: bool) -> NoReturn:
    """Look for more until stopped; report once that the log does not answer."""
    away = False
    while True:
        time.sleep(seconds)
        try:
            step = _step(copy)
        except GatewayUnavailable as error:
            if not away:
                click.echo(f"{sanitise(error)}: this goes on every {seconds} s", err=True)
            away = True
        else:
            away = False
            _tell(step, folder, as_json)


def _tell(step: MirrorProgress, folder: Path, as_json: bool) -> None:
    before = step.before.size if step.before else 0
    if as_json:
        print_line(_progress_json(step, before))
    elif step.before == step.after:
        click.echo(f"{folder} has all {step.after.size} entries of {step.after.origin}")
    else:
        click.echo(
            f"{folder} has {step.after.size} entries of {step.after.origin}, {before} before: "
            f"one history, {step.fetched} files fetched"
        )


def _progress_json(step: MirrorProgress, before: int) -> dict[str, Any]:
    return {
        "log": step.after.origin,
        "before": before,
        "size": step.after.size,
        "fetched": step.fetched,
    }


# --- `casegate audit events`: events of others, as far as an audit grant reaches ---


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


@audit.command(epilog=EPILOG)
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
    "--action", type=click.Choice(sorted(EVENT_TYPES)), metavar="ACTION", help="As handoff.offer."
)
@click.option("--rule", metavar="RULE", help="Events that this rule decided, as R3.membership.")
@click.option(
    "--result", type=click.Choice([str(one) for one in EventResult]), help="How they ended."
)
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
        print_json({"events": [_event_json(one) for one in shown]})
        return
    headings = ("entry", "time", "event", "result", "parties", "by", "rules", "handoff", "id")
    print_table(headings, [_event_row(one) for one in shown])


def _event_json(one: AuditedEvent) -> Mapping[str, Any]:
    return {
        "index": one.index,
        "event": one.confirmed.event,
        "parties": list(one.parties),
        "details": dict(one.details),
        "withheld": one.confirmed.opened.withheld,
        "receipt": receipts.to_json(one.receipt),
    }


def _event_row(one: AuditedEvent) -> tuple[Any, ...]:
    event, details = one.confirmed.event, one.details
    return (
        one.index,
        event["ts"],
        event["typ"],
        event["result"],
        ",".join(one.parties),
        cold(format_value(details.get("by", ""))),
        cold(format_value(details.get("rules", ""))),
        event.get("handoff", ""),
        event["id"],
    )
