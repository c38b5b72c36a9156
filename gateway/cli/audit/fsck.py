"""`casegate audit fsck`: whether a copy of a log is whole, offline."""

from pathlib import Path

import click

from gateway.cli.arguments import json_option
from gateway.cli.audit.copies import reader
from gateway.cli.output import progress
from gateway.cli.verify import FOLDER, STREAM_CODES, end_with, trusting
from gateway.evidence import log_copy
from gateway.evidence.trust import Trust


@click.command(epilog=f"{STREAM_CODES} {FOLDER}")
@click.argument(
    "folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@trusting(documents=False, members=False)
@json_option
@click.pass_context
def fsck(context: click.Context, folder: Path, trust: Trust, as_json: bool) -> None:
    """Check the copy in DIR, from entries to the signed root.

    DIR is what `casegate audit mirror` made, or any copy of a log with its files as C2SP
    tlog-tiles names them. The verdict names the first bad index.
    """

    with progress("entries") as tell:
        verdict = log_copy.check(reader(folder), trust, tell)
    end_with(context, verdict, as_json)
