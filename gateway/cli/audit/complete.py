"""`casegate audit complete`: whether an organisation's receipts are all its events, offline."""

from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli.arguments import json_option
from gateway.cli.audit.copies import reader
from gateway.cli.verify import FOLDER, STREAM_CODES, end_with, trusting
from gateway.evidence import completeness, log_copy
from gateway.evidence.completeness import MAX_RECEIPT_BYTES, Part
from gateway.evidence.log_copy import LogCopy
from gateway.evidence.sd_jwt import MAX_TEXT
from gateway.evidence.steps import Verdict
from gateway.evidence.trust import Trust

MAX_PAGE_BYTES = 256 * 1024 * 1024
"""A stream in one file is read as a whole; a longer one is kept in a folder."""


@click.command(epilog=f"{STREAM_CODES} {FOLDER}")
@click.argument("stream", metavar="DIR|FILE", type=click.Path(exists=True, path_type=Path))
@trusting(members=False)
@click.option(
    "--log",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A copy of the log, with which all that was signed is compared.",
)
@json_option
@click.pass_context
def complete(
    context: click.Context, stream: Path, trust: Trust, folder: Path | None, as_json: bool
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
            end_with(context, verdict, as_json)
    try:
        read = _folder if stream.is_dir() else _file
        verdict = read(stream, trust, copy)
    except OSError as error:
        raise click.UsageError(f"{error.filename} cannot be read: {error.strerror}") from error
    end_with(context, verdict, as_json)


def _folder(folder: Path, trust: Trust, copy: LogCopy | None) -> Verdict:
    statements = list(_parts(folder, "*.sd-jwt", MAX_TEXT))
    return completeness.prove(statements, _parts(folder, "*.json", MAX_RECEIPT_BYTES), trust, copy)


def _parts(folder: Path, form: str, longest: int) -> Iterator[Part]:
    for file in sorted(folder.glob(form)):
        yield Part(file.name, _start(file, longest))


def _file(file: Path, trust: Trust, copy: LogCopy | None) -> Verdict:
    try:
        statements, receipts = completeness.of_page(_start(file, MAX_PAGE_BYTES))
    except ValueError as error:
        raise click.UsageError(f"{file} is no stream of events: {error}") from error
    return completeness.prove(statements, receipts, trust, copy)


def _start(file: Path, longest: int) -> bytes:
    with file.open("rb") as opened:
        return opened.read(longest + 1)
