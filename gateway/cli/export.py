"""`casegate export`: all that a member can prove, for a member that leaves or a year's archive."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli import output
from gateway.cli.arguments import ANY_FOLDER
from gateway.cli.partner_command import EPILOG, REFUSED, Failure, partner_command, sentence
from gateway.client import (
    ClientError,
    EvidenceMismatch,
    Gateway,
    OutdatedVersion,
    PeerLogMissing,
    RequestRefused,
)
from gateway.verification.verifier import verify_bundle

_OF_ONE = (RequestRefused, OutdatedVersion, PeerLogMissing, EvidenceMismatch)
"""What keeps one handoff from being exported, and no other."""


@click.group(epilog=EPILOG)
def export() -> None:
    """Export all handoffs that you hold, with their evidence."""


@partner_command(
    export,
    click.option("--out", required=True, type=ANY_FOLDER, help="The folder of the files."),
    click.option("--by", metavar="PSEUDONYM", help="Who consults the content for the files."),
    click.option("--reason", help="Reason, up to 200 characters; with --by, content is included."),
    name="all",
)
def export_all(gateway: Gateway, out: Path, by: str | None, reason: str | None) -> None:
    """Export every handoff received or sent, a file each.

    A file is named by its handoff and how many documents that has: the same command again writes
    what is new, and never over a file. Each is verified before it is written, and those that are
    there are verified again. With --by and --reason each is consulted, which the log records; where
    content cannot be opened the file has none, and the line says why.

    \b
    Example: casegate export all --out archive-2026
    """
    if bool(by) != bool(reason):
        raise click.UsageError("--by and --reason go together")
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    rows = [*gateway.inbox(), *gateway.sent()]
    told: list[dict[str, Any]] = []
    failure: ClientError | None = None
    try:
        with output.progress("Exporting") as tell:
            for number, row in enumerate(rows, start=1):
                told.append({"handoff": row["handoff"]})
                try:
                    told[-1] |= _exported(gateway, row["handoff"], out, by, reason)
                except _OF_ONE as error:
                    told[-1] |= {"outcome": "refused", "why": sentence(error)}
                    failure = failure or (error if isinstance(error, EvidenceMismatch) else None)
                tell(number, len(rows))
    except ClientError as error:
        failure = error
        told.pop()
    if not output.for_machines():
        for one in told:
            _print(one)
    if failure is not None:
        raise Failure(failure, {"handoffs": told})
    refused = sum(one["outcome"] == "refused" for one in told)
    summary = f"{len(rows) - refused} of {len(rows)} handoffs are in {out}"
    output.reply({"handoffs": told}, f"{summary}; casegate verify reads each")
    if refused:
        raise SystemExit(REFUSED)


def _exported(
    gateway: Gateway, handoff: str, out: Path, by: str | None, reason: str | None
) -> Mapping[str, Any]:
    """Write a handoff's file, if it is not there; what was done."""
    name = f"{handoff}-{len(gateway.handoff(handoff)['answers'])}"
    with_content, without = out / f"{name}-content.json", out / f"{name}.json"
    why = None
    if by is not None:
        try:
            return _kept(gateway, with_content, handoff, by, reason)
        except (RequestRefused, OutdatedVersion) as error:
            why = sentence(error)
    return {**_kept(gateway, without, handoff), "without_content": why}


def _kept(
    gateway: Gateway, file: Path, handoff: str, by: str | None = None, reason: str | None = None
) -> dict[str, Any]:
    if file.exists():
        data = file.read_bytes()
        passed = verify_bundle(data, gateway.connection.trust).passed
        if not passed or json.loads(data)["about"]["handoff"] != handoff:
            raise EvidenceMismatch(f"{file} does not verify: move it away, and export it again")
        return {"outcome": "kept", "file": str(file)}
    output.write_new(file, gateway.export(handoff, by, reason))
    return {"outcome": "written", "file": str(file)}


def _print(one: Mapping[str, Any]) -> None:
    refused = one["outcome"] == "refused"
    why = one.get("why") or one.get("without_content")
    about = one["handoff"] if refused else one["file"]
    without = "" if refused or not why else "without content: "
    text = f"{about}: {without}{why}" if why else about
    output.say(text, one["outcome"].title(), "red" if refused else "green")
