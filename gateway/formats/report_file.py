"""A report as a file that comes in: strict JSON, without files in it (R1); and its profile."""

import json
import re
from base64 import b64decode
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn

from gateway.domain import vocabulary
from gateway.domain.case import LONGEST_RETENTION
from gateway.domain.fields import RELEASED, SHOWN
from gateway.domain.media import Media, find_media_in_link, sniff, sniff_encoded
from gateway.domain.vocabulary import ONWARD, Fault, among

MAX_BYTES = 1 << 20
"""A report without files is a few kilobytes; more is somebody's attachment."""

MAX_DEPTH = 12


class ImportRefused(Exception):
    """The whole file is refused; ``reason`` says why without repeating its content."""

    def __init__(self, reason: str) -> None:
        """``reason`` is one sentence that begins with a JSON pointer where there is one."""
        super().__init__(reason)
        self.reason = reason


def read_report(data: bytes) -> dict[str, Any]:
    """Read one JSON object; numbers with a fraction become Decimal.

    Raises ImportRefused for files that are too large, too deep, not UTF-8 JSON, or that name a
    field twice: readers would differ in which one they believe.
    """
    if len(data) > MAX_BYTES:
        raise ImportRefused(f"the file is larger than {MAX_BYTES} bytes")
    try:
        report = json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=_unique,
            parse_float=_fraction,
            parse_constant=_refuse_constant,
        )
    except RecursionError:
        raise ImportRefused(f"the file is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError:  # also: not UTF-8, and numbers with thousands of digits
        raise ImportRefused("the file is not JSON in UTF-8") from None
    if not isinstance(report, dict):
        raise ImportRefused("the file is not one report")
    return report


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ImportRefused("an object of the file has the same field twice")
    return members


def _fraction(text: str) -> Decimal:
    if len(text) > 20:  # a long exponent would be a number that fills the memory
        raise ImportRefused("a number of the file has more than 20 characters")
    return Decimal(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ImportRefused(f"the file holds {name}, which is no number")


def shown_name(name: str) -> str:
    """A field's name in a pointer; a name that no specification would give is not repeated."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name, re.ASCII) else "(unprintable)"


def refuse_files(report: Mapping[str, Any], judged: frozenset[str]) -> None:
    """Raise ImportRefused for a file hidden in any text or name of the report.

    ``judged`` are the pointers of texts that `refuse_part` has looked at.
    """
    for pointer, text in _texts(report, "", 1):
        fault = None if pointer in judged else find_media_in_link(text)
        if fault:
            raise ImportRefused(f"{pointer}: {fault}; media is never taken (R1)")


def _texts(value: object, pointer: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        raise ImportRefused(f"the file is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield pointer, name
            yield from _texts(member, f"{pointer}/{shown_name(name)}", depth + 1)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _texts(member, f"{pointer}/{index}", depth + 1)


# --- parts that a report carries ---

_TEXT_TYPES = frozenset({"application/json", "application/xml", "message/rfc822"})
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
_BINARY = re.compile(r"[\0-\x08\x0e-\x1a\x1c-\x1f]")
WITH_ARTICLE: Mapping[Media, str] = {
    Media.IMAGE: "an image",
    Media.VIDEO: "a video",
    Media.AUDIO: "audio",
    Media.ARCHIVE: "an archive",
    Media.DOCUMENT: "a document that may hold images",
}


def refuse_part(pointer: str, content_type: object, payload: object) -> None:
    """Raise ImportRefused unless a part, with its payload in base64, is plainly text.

    Whatever cannot be judged is refused: an unknown type, a payload that does not decode, text
    that is not UTF-8.
    """
    if not isinstance(content_type, str) or not isinstance(payload, str):
        raise ImportRefused(f"{pointer}: has no content_type and payload to judge it by")
    declared = content_type.split(";")[0].strip().lower()
    try:
        data = decode_payload(payload)
    except ValueError:
        raise ImportRefused(f"{pointer}: is not base64, so nobody can say what it is") from None
    kind = _declared(declared) or sniff(data) or sniff_encoded(payload)
    if kind:
        raise ImportRefused(f"{pointer}: is {WITH_ARTICLE[kind]}; media is never taken (R1)")
    if not declared.startswith("text/") and declared not in _TEXT_TYPES:
        raise ImportRefused(f"{pointer}: is declared as neither text nor a known kind of file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ImportRefused(f"{pointer}: is declared as text and is not UTF-8") from None
    if _BINARY.search(text):
        raise ImportRefused(f"{pointer}: is declared as text and holds binary data")
    if fault := find_media_in_link(text):  # a file inside, as in mails
        raise ImportRefused(f"{pointer}: {fault}; media is never taken (R1)")


def decode_payload(payload: str) -> bytes:
    """Decode base64 of either alphabet, wrapped or not, padded or not; else ValueError."""
    run = "".join(payload.split()).replace("-", "+").replace("_", "/")
    if not _BASE64.fullmatch(run) or len(run.rstrip("=")) % 4 == 1:
        raise ValueError("the payload is not base64")
    run = run.rstrip("=")
    return b64decode(run + "=" * (-len(run) % 4))


def _declared(content_type: str) -> Media | None:
    top, _, sub = content_type.partition("/")
    if top in ("image", "video", "audio"):
        return Media(top)
    if re.search(r"zip|rar|7z|tar|compress|archive", sub):
        return Media.ARCHIVE
    return Media.DOCUMENT if re.search(r"pdf|msword|office|opendocument|rtf", sub) else None


# --- An import profile: what a report does not say about itself and its importer must decide ---
#
# A file of the field carries no marking, legal basis, purpose or term of ours. An operator or a
# hotline writes them once, as TOML, with the names of the case JSON; nothing is guessed.


@dataclass(frozen=True)
class ImportProfile:
    """What every case gets that is imported under one profile.

    ``marking`` and ``legal_basis`` are as in the case JSON, without ``erase_on``: that is
    ``retention_days`` after the import. ``matter`` is added to what the report says. ``role``
    is the role in which statements and classifications are entered; ``source_reliability`` and
    ``information_accuracy`` go with the sender's assessments; ``content_warning`` with texts
    that nobody has read yet.
    """

    intake_channel: str
    urgency: str
    retention_days: int
    marking: Mapping[str, Any]
    legal_basis: tuple[Mapping[str, Any], ...]
    matter: tuple[str, ...] = ()
    feedback_requested: bool = False
    role: str = "analyst"
    language: str = "en"
    content_warning: str = "strong"
    source_reliability: str = vocabulary.SourceEvaluation.UNKNOWN.value
    information_accuracy: str = vocabulary.InformationEvaluation.NOT_CORROBORATED.value


class ProfileInvalid(Exception):
    """A profile breaks its rules; ``errors`` are sentences that name the setting."""

    def __init__(self, errors: Iterable[str]) -> None:
        """Keep every error, in the order of the profile."""
        self.errors = tuple(errors)
        super().__init__("; ".join(self.errors))


def _several(check: Fault, least: int = 0) -> Fault:
    def fault(value: object) -> str | None:
        if not isinstance(value, list) or len(value) < least:
            return f"must be a list of at least {least}" if least else "must be a list"
        return next((each for each in map(check, value) if each), None)

    return fault


def _flag(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _days(value: object) -> str | None:
    fits = type(value) is int and 1 <= value <= LONGEST_RETENTION.days
    return None if fits else f"must be a number of days, 1 to {LONGEST_RETENTION.days}"


def _day(value: object) -> str | None:
    return None if type(value) is date else "must be a date, without quotation marks"


def _table(value: object) -> str | None:
    return None if isinstance(value, Mapping) else "must be a table"


_SETTINGS: Mapping[str, Fault] = {
    "intake_channel": among(vocabulary.INTAKE_CHANNELS),
    "urgency": among(vocabulary.Urgency),
    "retention_days": _days,
    "marking": _table,
    "legal_basis": _several(_table, least=1),
    "matter": _several(among(vocabulary.Matter)),
    "feedback_requested": _flag,
    "role": among(vocabulary.STAFF_ROLES),
    "language": SHOWN.judge,
    "content_warning": among(vocabulary.CONTENT_WARNINGS),
    "source_reliability": among(vocabulary.SourceEvaluation),
    "information_accuracy": among(vocabulary.InformationEvaluation),
}
_NEEDED = ("intake_channel", "urgency", "retention_days", "marking", "legal_basis")

_MARKING: Mapping[str, Fault] = {
    "tlp": among(vocabulary.CASE_TLP),
    "handling": _several(among(vocabulary.Handling)),
    "handling_note": SHOWN.judge,
    "national": among([vocabulary.NationalMarking.NON_PROTEGE]),
    "permitted_actions": among(vocabulary.PERMITTED_ACTIONS),
    "attribution": among(vocabulary.ATTRIBUTIONS),
    "release_to": _several(RELEASED.judge),
    "onward": among(ONWARD),
    "force": _table,
    "retention_rule": SHOWN.judge,
    "purpose": _several(among(vocabulary.Purpose), least=1),
}
_NEEDED_MARKING = (
    "tlp",
    "handling",
    "permitted_actions",
    "attribution",
    "release_to",
    "onward",
    "purpose",
)

_BASIS: Mapping[str, Fault] = {
    "regime": among(vocabulary.Regime),
    "article": SHOWN.judge,
    "national_law": SHOWN.judge,
    "art9_condition": SHOWN.judge,
    "art10_condition": SHOWN.judge,
    "source_legal_basis": _table,
    "transfer_tool": SHOWN.judge,
    "necessity_note": SHOWN.judge,
}
_SOURCE_BASIS: Mapping[str, Fault] = {"text": SHOWN.judge, "dated": _day}


def read_profile(mapping: Mapping[str, Any]) -> ImportProfile:
    """Read a profile from parsed TOML; raise ProfileInvalid with every error.

    Settings it does not know are errors: a misspelt marking would otherwise be no marking.
    """
    errors = [*_faults("", mapping, _SETTINGS, _NEEDED)]
    if isinstance(mapping.get("marking"), Mapping):
        errors += _faults("marking.", mapping["marking"], _MARKING, _NEEDED_MARKING)
    listed = mapping.get("legal_basis")
    for index, basis in enumerate(listed if isinstance(listed, list) else ()):
        where = f"legal_basis[{index}]."
        if isinstance(basis, Mapping):
            errors += _faults(where, basis, _BASIS, ("regime", "article"))
            if isinstance(source := basis.get("source_legal_basis"), Mapping):
                within = f"{where}source_legal_basis."
                errors += _faults(within, source, _SOURCE_BASIS, _SOURCE_BASIS)
    if errors:
        raise ProfileInvalid(errors)
    settings = dict(mapping)
    settings["matter"] = tuple(mapping.get("matter", ()))
    settings["legal_basis"] = tuple(map(dict, mapping["legal_basis"]))
    for basis in settings["legal_basis"]:
        if source := basis.get("source_legal_basis"):  # its date as the case JSON writes it
            basis["source_legal_basis"] = {**source, "dated": source["dated"].isoformat()}
    return ImportProfile(**settings)


def _faults(
    where: str, table: Mapping[str, Any], checks: Mapping[str, Fault], needed: Iterable[str]
) -> Iterator[str]:
    for name in needed:
        if name not in table:
            yield f"{where}{name} is required"
    for name, value in table.items():
        fault = checks[name](value) if name in checks else "is not a setting"
        if fault:
            yield f"{where}{name} {fault}"


# --- A field mapping: what the fields of a format mean that has no meaning of its own, as CSV ---


@dataclass(frozen=True)
class FieldMapping:
    """What is done with each field of a format.

    ``fields`` has the targets of a field, ``dropped`` why one is left out, with all below it;
    ``values`` what words of a field mean. ``delimiter`` and ``escape`` are those of a CSV file;
    ``offset`` is added to times that have none. ``title`` is what the report is called.
    """

    fields: Mapping[str, str]
    dropped: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    delimiter: str = ","
    escape: str | None = None
    offset: str = ""
    title: str = "Report"

    def targets(self, name: str) -> Sequence[str]:
        """Return what a field becomes; nothing when it is dropped."""
        return self.fields.get(name, "").split()

    def why_dropped(self, name: str) -> tuple[str, str]:
        """The field of the mapping by which one is dropped, and why."""
        for above in (name, *(name[: cut.start()] for cut in re.finditer("/", name))):
            if above in self.dropped:
                return above, self.dropped[above]
        return name, "the mapping does not name it"


def read_mapping(mapping: Mapping[str, Any], targets: Container[str]) -> FieldMapping:
    """Read a mapping from parsed TOML, whose fields become these targets; ProfileInvalid."""
    errors = [*_faults("", mapping, _MAPPING, ("fields",))]
    if not errors:
        named = (word for words in mapping["fields"].values() for word in words.split())
        errors = [f"fields: '{word}' is no target" for word in named if word not in targets]
    if errors:
        raise ProfileInvalid(errors)
    return FieldMapping(**mapping)


def like(form: str, otherwise: str) -> Fault:
    """A text of a form."""
    return lambda text: None if re.fullmatch(form, str(text), re.ASCII) else otherwise


def _words(value: object) -> str | None:
    fits = isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values())
    return None if fits else "must be a table of fields, each with a text"


def _meanings(value: object) -> str | None:
    several = value.values() if isinstance(value, Mapping) else [value]
    return next((fault for fault in map(_words, several) if fault), None)


_MAPPING: Mapping[str, Fault] = {
    "fields": _words,
    "dropped": _words,
    "values": _meanings,
    "delimiter": among(",;|\t"),
    "escape": among("\\"),
    "offset": like(r"Z|[+-]\d\d:\d\d", "must be an offset, as +01:00"),
    "title": SHOWN.judge,
}
