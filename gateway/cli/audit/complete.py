"""`casegate audit complete`: whether an organisation's receipts are all its events, offline."""

from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli.trust import FOLDER, STREAM_CODES, end_with, json_option, trusting
from gateway.evidence import completeness
from gateway.evidence.completeness import MAX_RECEIPT_BYTES, Part
from gateway.evidence.sd_jwt import MAX_TEXT
from gateway.evidence.steps import Verdict
from gateway.evidence.trust import Trust

MAX_PAGE_BYTES = 256 * 1024 * 1024
"""A stream in one file is read as a whole; a longer one is kept in a folder."""


@click.command(epilog=f"{STREAM_CODES} {FOLDER}")
@click.argument("stream", metavar="DIR|FILE", type=click.Path(exists=True, path_type=Path))
@trusting(members=False)
@json_option
@click.pass_context
def complete(context: click.Context, stream: Path, trust: Trust, as_json: bool) -> None:
    """Prove that receipts are all events of an organisation up to a date.

    DIR holds what `casegate events --save DIR` kept, or what a party handed over: receipts
    (*.json) and the gateway's statements of the stream's end (*.sd-jwt), all that you have. FILE
    is what `casegate events --json` printed.
    """
    try:
        verdict = _folder(stream, trust) if stream.is_dir() else _file(stream, trust)
    except OSError as error:
        raise click.UsageError(f"{error.filename} cannot be read: {error.strerror}") from error
    end_with(context, verdict, as_json)


def _folder(folder: Path, trust: Trust) -> Verdict:
    statements = list(_parts(folder, "*.sd-jwt", MAX_TEXT))
    return completeness.prove(statements, _parts(folder, "*.json", MAX_RECEIPT_BYTES), trust)


def _parts(folder: Path, form: str, longest: int) -> Iterator[Part]:
    for file in sorted(folder.glob(form)):
        yield Part(file.name, _start(file, longest))


def _file(file: Path, trust: Trust) -> Verdict:
    try:
        statements, receipts = completeness.of_page(_start(file, MAX_PAGE_BYTES))
    except ValueError as error:
        raise click.UsageError(f"{file} is no stream of events: {error}") from error
    return completeness.prove(statements, receipts, trust)


def _start(file: Path, longest: int) -> bytes:
    with file.open("rb") as opened:
        return opened.read(longest + 1)
