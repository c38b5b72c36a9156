"""Reports as rows of fields: CSV under a mapping, and NCMEC's CyberTipline XML under ours.

A mapping is a list of what is taken: each field that it does not name is dropped and told, so no
column of persons enters a case because nobody thought of it. Values are text, whatever a
spreadsheet would make of them. XML is read without document types, hence without entities.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.parsers import expat

from gateway.domain import item_value, vocabulary
from gateway.domain.json_values import parse_timestamp
from gateway.domain.media import find_media_in_link
from gateway.domain.vocabulary import Fault, HashAlgorithm, among
from gateway.formats.case_draft import LONGEST_TEXT, CaseDraft, Imported, checked
from gateway.formats.report_file import (
    MAX_BYTES,
    MAX_DEPTH,
    FieldMapping,
    ImportProfile,
    ImportRefused,
    like,
    shown_name,
)

MAX_TABLE_BYTES = 16 * MAX_BYTES
MAX_ROWS = 100_000
MAX_FIELDS = 10_000
"""Elements and attributes of one XML file, and cells of one row."""

Field = tuple[str, str]
"""A column or the path of an element, and its text."""


# --- the case ---


class MappedReport(CaseDraft):
    """One case, made of the rows of a report."""

    def __init__(
        self,
        mapping: FieldMapping,
        profile: ImportProfile,
        new_id: Callable[[], str],
        now: datetime,
    ) -> None:
        super().__init__(profile, new_id, now)
        self.mapping, self.reference, self.received_at = mapping, "", ""
        self.matter: list[str] = []
        self.references: dict[tuple[str, str], dict[str, Any]] = {}
        self.told: list[str] = []
        self.left: dict[str, str] = {}
        self.begin_row()

    def begin_row(self) -> None:
        """Forget the item of the row before."""
        self.item: dict[str, Any] | None = None
        self.hosting: dict[str, Any] = {}
        self.event: list[Any] = []
        self.hash_type = ""

    def add_row(self, row: Sequence[Field], number: int = 0) -> None:
        """Take what the mapping names in a row, and note what is left out."""
        self.begin_row()
        for name, raw in row:
            at = f"/{number}/{self.shown(name)}" if number else f"/{name}"
            text = raw.strip()
            if not text:
                self.event = self.event if number else []  # an element ends, and so does an address
                continue
            targets = self.mapping.targets(name)
            meant = self.mapping.values.get(name, {}).get(text, text)
            for target in targets:
                value = text if target == "told" else meant
                fault = TARGETS[target](self, at, value) if value else None
                if fault:
                    self.drop(at, fault)
            if not targets:
                above, why = self.mapping.why_dropped(name)
                self.left[self.shown(above)] = why
        if self.hosting and self.item is not None:
            self.add_hosting(self.item)

    def shown(self, name: str) -> str:
        """Return a field's name for a sentence: one that no mapping names may be anything."""
        known = name in self.mapping.fields or name in self.mapping.dropped
        return name if known else "/".join(map(shown_name, name.replace(" ", "_").split("/")))

    def add_hosting(self, item: dict[str, Any]) -> None:
        """Hosting needs a country."""
        if "country" not in self.hosting:
            self.drop("/hosting", "it needs a country")
            return
        seen = self.received_at or self.now.isoformat(timespec="seconds")
        item["hosting"] = [{**self.hosting, "observed_at": seen, "method": "reported"}]

    def case(self, name: str) -> dict[str, Any]:
        """The case; ``name`` is its reference where no field is one."""
        for pointer, why in self.left.items():
            self.drop(f"/{pointer}", why)
        if not (self.items or self.told or self.statements):
            raise ImportRefused("nothing in it is taken")
        if not self.reference:
            if any("reference" in words.split() for words in self.mapping.fields.values()):
                raise ImportRefused("no reference: its field is empty")
            self.reference = checked("the file's name", name, 100)
            self.notes.append(
                "the file's name is the reference, and stays: rename a file that names a person"
            )
        text = f"{self.mapping.title}."
        for one in dict.fromkeys(self.told):
            if len(text) + len(one) >= LONGEST_TEXT:
                self.add_statement("fact", text, "en", "none")
                text = "It says further:"
            text += f" {one}"
        self.add_statement("fact", text, "en", "none")
        case = self.case_json(self.reference, self.matter, references=[*self.references.values()])
        if self.received_at:
            case["received_at"] = self.received_at
        if not case["matter"]:
            raise ImportRefused("no matter: name it in the profile, or map a field to it")
        return case


Target = Callable[[MappedReport, str, str], str | None]
"""Puts a value into the case: refuses it, or says why it is dropped, or is None."""


def _add_item(kind: str) -> Target:
    def add(report: MappedReport, at: str, text: str) -> None:
        value = text.lower() if kind == "host" else text
        if fault := item_value.FAULTS[kind](value):
            raise ImportRefused(f"{at}: {fault}")
        report.item = report.add_item(kind, value)

    return add


def _add_url(report: MappedReport, at: str, text: str) -> None:
    report.item = report.add_address(at, text)
    if not any(one.get("is_source") for one in report.items):
        report.item["is_source"] = True


def _add_event(part: int) -> Target:
    """An address, its port or its moment, which make one item together."""

    def add(report: MappedReport, at: str, text: str) -> str | None:
        if part == 0:
            report.event = [text, None, None, report.add_item("ip_event", text)]
        elif not report.event:
            return "it stands before its IP address"
        else:
            if part == 1 and not re.fullmatch(r"\d{1,5}", text, re.ASCII):
                raise ImportRefused(f"{at}: must be a port")
            report.event[part] = int(text) if part == 1 else text
        item = report.event[3]
        value = item_value.ip_event(*report.event[:3])
        if fault := item_value.FAULTS["ip_event"](value):
            raise ImportRefused(f"{at}: {fault}")
        item["value"] = value
        return None

    return add


def _add_hash(algorithm: str = "") -> Target:
    """A hash of the row's item; without one it is an item itself."""

    def add(report: MappedReport, at: str, text: str) -> str | None:
        kind = algorithm or re.sub("[^a-z0-9]", "", report.hash_type.lower())
        if kind not in tuple(HashAlgorithm):
            return "it is no hash that the case has a name for"
        digits = text if kind == HashAlgorithm.PHOTODNA else text.lower()
        if fault := item_value.hash_fault(kind, digits):
            raise ImportRefused(f"{at}: {fault}")
        report.hash_type = ""
        if report.item is None or report.item["kind"] not in ("url", "hash"):
            report.item = report.add_item("hash", digits)
            if item_value.FAULTS["hash"](digits) is None and kind != HashAlgorithm.PDQ:
                return None
        report.item.setdefault("hash", []).append({"alg": kind, "value": digits})
        report.mark_perceptual(at, report.item)
        return None

    return add


def _set(
    name: str, fault_of: Fault, read: Callable[[str], Any] = str, *, hosting: bool = False
) -> Target:
    """A member of the row's item, or of its hosting."""

    def put(report: MappedReport, at: str, text: str) -> str | None:
        if report.item is None:
            return "there is no item that it could be about"
        if fault := fault_of(text):
            return f"it {fault}"
        (report.hosting if hosting else report.item)[name] = read(text)
        return None

    return put


def _short(text: str) -> str | None:
    try:
        checked("", text)
    except ImportRefused:
        return "must be plain text of up to 200 characters"
    return None


def _add_reference(scheme: str) -> Target:
    def add(report: MappedReport, at: str, text: str) -> str | None:
        if fault := item_value.reference_fault(text):
            return f"it {fault}"
        named = {"id": report.new_id(), "scheme": scheme, "value": text}
        report.references.setdefault((scheme, text), named)
        return None

    return add


def _set_reference(report: MappedReport, at: str, text: str) -> None:
    report.reference = checked(at, text, 100)


def _set_received(report: MappedReport, at: str, text: str) -> str | None:
    moment = text.replace(" ", "T", 1)
    if not re.search(r"(Z|[+-]\d\d:\d\d)$", moment):
        moment += report.mapping.offset
    try:
        parse_timestamp(moment)
    except ValueError:
        return "it is no time with its offset"
    report.received_at = moment
    return None


def _add_matter(report: MappedReport, at: str, text: str) -> str | None:
    if among(vocabulary.Matter)(text):
        return "it is no matter that the case has a word for"
    report.matter.append(text)
    return None


def _set_hash_type(report: MappedReport, _at: str, text: str) -> None:
    report.hash_type = text


_ITEMS: Mapping[str, Target] = {
    "url": _add_url,
    "host": _add_item("host"),
    "account": _add_item("account"),
    "onion": _add_item("onion"),
    "ip": _add_event(0),
}
_ABOUT: Mapping[str, Target] = {
    "ip_port": _add_event(1),
    "ip_at": _add_event(2),
    "hash_type": _set_hash_type,
    "hash": _add_hash(),
    **{str(one): _add_hash(str(one)) for one in HashAlgorithm if one != HashAlgorithm.TMK_PDQF},
    "country": _set("country", like("[A-Z]{2}", "must be two capitals"), hosting=True),
    "host_ip": _set("ip", item_value.FAULTS["ip_event"], hosting=True),
    "isp": _set("isp", _short, hosting=True),
    "org": _set("org", _short, hosting=True),
    "registrar": _set("registrar", _short, hosting=True),
    "as_number": _set("as_number", like("[1-9][0-9]{0,8}", "must be a number"), int, hosting=True),
    "site_type": _set("site_type", among(vocabulary.SITE_TYPES)),
    "commerciality": _set("commerciality", among(vocabulary.COMMERCIALITY)),
    "content_type": _set("content_type", among(vocabulary.CONTENT_TYPES)),
    "reference": _set_reference,
    **{f"reference.{one}": _add_reference(one) for one in vocabulary.REFERENCE_SCHEMES},
    "received_at": _set_received,
    "matter": _add_matter,
    "told": lambda report, at, text: report.told.append(
        f"{at.rpartition('/')[2]}: {checked(at, text)}."
    ),
    "text": lambda report, at, text: report.add_text("fact", at, text),
    "note": lambda report, at, _: report.note(
        at, "not carried: a person reads it in the report now"
    ),
}
TARGETS: Mapping[str, Target] = {**_ITEMS, **_ABOUT}
"""What a field can become. Of a row the items come first, for the others are about them."""


# --- the files ---


def import_report(rows: Mapping[int, Sequence[Field]], name: str, report: MappedReport) -> Imported:
    """Make a case of the rows of one report, by their numbers; ImportRefused."""
    for number, row in rows.items():
        for column, text in row:
            if fault := find_media_in_link(text) or find_media_in_link(column):
                raise ImportRefused(f"/{report.shown(column)}: {fault}; media is never taken (R1)")
        report.add_row(row, number)
    return report.imported(report.case(name))


def read_table(data: bytes, mapping: FieldMapping) -> dict[str, dict[int, list[Field]]]:
    """The rows of a CSV file by the reference of their report, each with its number.

    Without a field for the reference all are one report, under an empty one. ImportRefused.
    """
    if len(data) > MAX_TABLE_BYTES:
        raise ImportRefused(f"the file is larger than {MAX_TABLE_BYTES} bytes")
    found: dict[str, dict[int, list[Field]]] = {}
    try:
        text = io.StringIO(data.decode("utf-8-sig"), newline="")
        apart, escape = mapping.delimiter, mapping.escape
        lines = csv.reader(text, delimiter=apart, escapechar=escape, strict=True)
        heading = [one.strip() for one in next(lines, [])]
        if len({*heading}) < len(heading) or not {*heading} & mapping.fields.keys():
            raise ImportRefused("the first line names a column twice, or none of the mapping")
        first = [name for name in heading if {*mapping.targets(name)} & _ITEMS.keys()]
        order = [*first, *(name for name in heading if name not in first)]
        for number, line in enumerate(lines, start=2):
            if number > MAX_ROWS:
                raise ImportRefused(f"the file has more than {MAX_ROWS} rows")
            if not line:
                continue
            if len(line) != len(heading):
                raise ImportRefused(f"row {number}: has not as many cells as the first line")
            cells = dict(zip(heading, line, strict=True))
            named = (cells[name] for name in heading if "reference" in mapping.targets(name))
            rows = found.setdefault(next(named, "").strip(), {})
            rows[number] = [(name, cells[name]) for name in order]
    except UnicodeDecodeError:
        raise ImportRefused("the file is not a table in UTF-8") from None
    except csv.Error as error:
        raise ImportRefused(f"the file is not a table ({error})") from None
    return found


def read_xml(data: bytes) -> list[Field]:
    """The texts and attributes of an XML file by their paths, in order; ImportRefused."""
    if len(data) > MAX_BYTES:
        raise ImportRefused(f"the file is larger than {MAX_BYTES} bytes")
    found: list[Field] = []
    path: list[str] = []
    texts: list[str] = []

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        path.append(name)
        texts.append("")
        if len(path) > MAX_DEPTH or len(found) > MAX_FIELDS:
            raise ImportRefused(f"more than {MAX_DEPTH} levels, or {MAX_FIELDS} fields")
        found.extend((f"{'/'.join(path)}@{one}", text) for one, text in attributes.items())

    def end(_name: str) -> None:
        found.append(("/".join(path), texts.pop()))
        path.pop()

    def add(text: str) -> None:
        texts[-1] += text

    def refuse(*_: object) -> None:
        raise ImportRefused("the file declares a document type or an entity: neither is read")

    # Any other encoding that the file declares is not believed.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler = add
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ImportRefused(
            f"the file is not XML in UTF-8 ({expat.ErrorString(error.code)})"
        ) from None
    return found
