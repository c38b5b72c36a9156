"""The formats that come in, by the ending of a file's name: one table."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from uuid import UUID

from gateway.formats.case_draft import Imported
from gateway.formats.mapped_report import (
    TARGETS,
    MappedReport,
    import_report,
    read_table,
    read_xml,
)
from gateway.formats.report_file import FieldMapping, ImportProfile, ImportRefused, read_mapping
from gateway.formats.xarf import import_xarf


@dataclass(frozen=True)
class ImportSettings:
    """What every file of one import is read with; ``mapping`` says what columns of CSV mean."""

    profile: ImportProfile
    mapping: FieldMapping | None
    new_id: Callable[[], UUID]
    now: datetime

    def report(self, mapping: FieldMapping) -> MappedReport:
        """A report to be read under a mapping."""
        now = self.now.astimezone(UTC)
        return MappedReport(mapping, self.profile, lambda: str(self.new_id()), now)


Read = tuple[str, Imported | ImportRefused]
"""Where in a file a report stands, "" for all of it, and what was made of it."""


def read_reports(name: str, data: bytes, settings: ImportSettings) -> Iterator[Read]:
    """Make cases of a file, one of each report; ``name`` is the file's, with its ending.

    What is refused stands in its place. ImportRefused for the file as a whole.
    """
    stem, _, ending = name.rpartition(".")
    if (read := FORMATS.get(ending.lower())) is None:
        raise ImportRefused(f"it is none of {', '.join(sorted(FORMATS))}")
    yield from read(stem, data, settings)


def _xarf(_stem: str, data: bytes, settings: ImportSettings) -> Iterator[Read]:
    yield "", import_xarf(data, settings.profile, settings.new_id, settings.now)


def _ncmec(stem: str, data: bytes, settings: ImportSettings) -> Iterator[Read]:
    found = read_xml(data)
    root = found[-1][0] if found else ""
    if root not in ("report", "fileDetails"):
        raise ImportRefused("it is no report and no fileDetails of NCMEC's CyberTipline")
    yield "", import_report({0: found}, stem, settings.report(ncmec()))


def _table(stem: str, data: bytes, settings: ImportSettings) -> Iterator[Read]:
    if settings.mapping is None:
        raise ImportRefused("what its columns mean nobody says: give --mapping")
    for rows in read_table(data, settings.mapping).values():
        first = min(rows)
        where = f"row {first}" if len(rows) == 1 else f"{len(rows)} rows from {first}"
        made: Imported | ImportRefused
        try:
            made = import_report(rows, stem, settings.report(settings.mapping))
        except ImportRefused as refused:
            made = refused
        yield where, made


@cache
def ncmec() -> FieldMapping:
    """Return our mapping of NCMEC's CyberTipline."""
    text = (files("gateway.formats") / "ncmec.toml").read_text(encoding="utf-8")
    return read_mapping(tomllib.loads(text), TARGETS)


FORMATS: Mapping[str, Callable[[str, bytes, ImportSettings], Iterator[Read]]] = {
    "json": _xarf,
    "xml": _ncmec,
    "csv": _table,
}
