"""What `casegate case import` does: reports of files become cases, a line each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import click

from gateway.cli import output
from gateway.cli.partner_command import REFUSED, Failure, save_json, sentence
from gateway.cli.steps import known_words
from gateway.client import ClientError, ConfirmedWrite, Gateway, InvalidCase, RequestRefused
from gateway.client.session import LARGEST_BATCH
from gateway.formats.case_draft import Imported
from gateway.formats.mapped_report import MAX_TABLE_BYTES
from gateway.formats.reading import ImportSettings, read_reports
from gateway.formats.report_file import ImportRefused


@dataclass(frozen=True)
class Report:
    """A report and its outcome; ``file`` is the number of its file among ``of`` files. ``known`` is
    what of one's own has an item of it already."""

    place: str
    file: int
    of: int
    imported: Imported | None = None
    why: str = ""
    outcome: str = "refused"
    known: Sequence[Any] = ()

    @property
    def case(self) -> dict[str, Any]:
        """Return its case; empty when it is refused."""
        return self.imported.case if self.imported else {}

    def line(self) -> str:
        """Return the line that people read."""
        told = [self.place, self.case.get("originator_ref", "")]
        if self.outcome == "taken":
            told.append(f"case {output.short(self.case['case'])}")
        if self.outcome == "known":
            told.append("a case of yours has this reference")
        told.append(self.why or "; ".join(map(known_words, self.known)))
        if self.imported and (dropped := self.imported.dropped):
            fields = dict.fromkeys(one.partition(": ")[0].lstrip("/") for one in dropped)
            told.append(f"dropped {', '.join(fields)}")
        return ": ".join(filter(None, told))

    def to_json(self) -> dict[str, Any]:
        """Return what machines read."""
        named = {"file": self.place, "outcome": self.outcome, "why": self.why or None}
        if self.imported is None:
            return named
        named |= {name: self.case[name] for name in ("case", "originator_ref")}
        known = {"known": self.known} if self.known else {}
        return {**named, **known, "dropped": self.imported.dropped, "notes": self.imported.notes}


def read(
    paths: Sequence[Path], settings: ImportSettings, check: Callable[[Mapping[str, Any]], None]
) -> Iterator[Report]:
    """Read the reports of files, and of all files in folders; ``check`` raises InvalidCase."""
    files = list[Path]()
    for path in paths:
        below = (one for one in path.rglob("*") if one.is_file() and not one.name.startswith("."))
        files += sorted(below) if path.is_dir() else [path]
    for number, file in enumerate(files, start=1):
        whole = Report(str(file), number, len(files))
        try:
            with file.open("rb") as opened:
                data = opened.read(MAX_TABLE_BYTES + 1)
            for where, made in read_reports(file.name, data, settings):
                report = replace(whole, place=f"{file}, {where}" if where else str(file))
                if isinstance(made, ImportRefused):
                    yield replace(report, why=str(made))
                    continue
                try:
                    check(made.case)
                except InvalidCase as invalid:
                    faults = (f"{at} {why}" for at, why in invalid.errors)
                    yield replace(report, why="; ".join(faults))
                else:
                    yield replace(report, imported=made, outcome="valid")
        except (ImportRefused, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            yield replace(whole, why=f"{why}")


def send(gateway: Gateway, reports: Iterator[Report], by: str) -> Iterator[Report]:
    """Submit what is valid, many in one request."""
    while several := [*islice(reports, LARGEST_BATCH)]:
        ended = gateway.submit_once_each([one.case for one in several if one.imported], by)
        for one in several:
            match next(ended) if one.imported else one:
                case Report():
                    yield one
                case None:
                    yield replace(one, outcome="known")
                case ConfirmedWrite() as written:
                    yield replace(one, outcome="taken", known=written.result.get("known", ()))
                case RequestRefused() as refused:
                    places = (f"{at or '/'} {why}" for at, why in refused.errors)
                    told = "; ".join([sentence(refused), *places])
                    yield replace(one, outcome="refused", why=told)
                case failure:
                    raise failure


def tell(reports: Iterator[Report]) -> None:
    """Print each outcome as soon as it is known; exit status 1 when one was refused."""
    counts = dict.fromkeys(("taken", "valid", "known", "refused"), 0)
    told: list[dict[str, Any]] = []
    bar = output.progress("Reading files") if output.for_machines() else nullcontext()
    try:
        with bar as progress:
            for one in reports:
                counts[one.outcome] += 1
                if progress is not None:
                    told.append(one.to_json())
                    progress(one.file, one.of)
                    continue
                shade = "red" if one.outcome == "refused" else "green"
                output.say(f"{one.file}/{one.of} {one.line()}", one.outcome.title(), shade)
                for note in one.imported.notes if one.imported else ():
                    output.say(f"  {note}")
    except ClientError as error:
        raise Failure(error, {"reports": told}) from error
    summary = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    sent = "; nothing is sent without --by" if counts["valid"] else ""
    output.reply({"reports": told, **counts}, f"{summary or 'no report found'}{sent}")
    if counts["refused"]:
        raise SystemExit(REFUSED)


def write_one(reports: Sequence[Report], out: Path) -> None:
    """Write the case of one report into a new file."""

    if len(reports) != 1:
        raise click.UsageError(f"--out is for one report, and there are {len(reports)}")
    imported = reports[0].imported
    if imported is None:
        raise click.ClickException(f"the report is refused: {reports[0].why}")
    save_json(out, imported.case)
    found = {"case": imported.case["case"], "file": str(out)}
    output.reply(
        {**found, "dropped": imported.dropped, "notes": imported.notes},
        *(f"  {sentence}" for sentence in (*imported.dropped, *imported.notes)),
        f"case {output.short(imported.case['case'])} is in {out}",
    )
