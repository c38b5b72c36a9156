"""A report as a file that comes in: strict JSON, without files in it (R1); and its profile."""

import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, NoReturn

from gateway.domain import vocabulary
from gateway.domain.case import LONGEST_RETENTION
from gateway.domain.fields import (
    SHOWN,
    FieldForm,
    StrictSchema,
    Text,
    boolean,
    members,
    part,
    parts,
    several,
    slug,
    whole,
    word,
    words,
    wrong,
)
from gateway.domain.media import Media, find_media_in_link, sniff, sniff_encoded
from gateway.domain.vocabulary import ONWARD

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
_WITH_ARTICLE: Mapping[Media, str] = {
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
        raise ImportRefused(f"{pointer}: is {_WITH_ARTICLE[kind]}; media is never taken (R1)")
    if not declared.startswith("text/") and declared not in _TEXT_TYPES:
        raise ImportRefused(f"{pointer}: is declared as neither text nor a known kind of file")
    _refuse_hidden(pointer, data)


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


def _refuse_hidden(pointer: str, data: bytes) -> None:
    """Refuse a text part that is no text, or carries a file inside, as mails do."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ImportRefused(f"{pointer}: is declared as text and is not UTF-8") from None
    if _BINARY.search(text):
        raise ImportRefused(f"{pointer}: is declared as text and holds binary data")
    fault = find_media_in_link(text)
    if fault:
        raise ImportRefused(f"{pointer}: {fault}; media is never taken (R1)")


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


_text = partial(Text, SHOWN)


class _Day(FieldForm):
    """A day as TOML has it; the case JSON writes it as text."""

    def read(self, value: Any) -> str:
        if type(value) is not date:
            raise wrong(value, "must be a date, without quotation marks")
        return value.isoformat()


class ProfileMarking(StrictSchema):
    """The marking of the case JSON, without its days and an embargo."""

    tlp = word(vocabulary.CASE_TLP)
    handling = words(vocabulary.Handling)
    handling_note = _text(required=False)
    national = word([vocabulary.NationalMarking.NON_PROTEGE], required=False)
    permitted_actions = word(vocabulary.PERMITTED_ACTIONS)
    attribution = word(vocabulary.ATTRIBUTIONS)
    release_to = several(slug())
    onward = word(ONWARD)
    force = members(required=False)
    retention_rule = _text(required=False)
    purpose = words(vocabulary.Purpose, least=1)


class ProfileSourceBasis(StrictSchema):
    """What let the source collect the content, and when that was so."""

    text = _text()
    dated = _Day({})


class ProfileBasis(StrictSchema):
    """A legal basis of the case JSON."""

    regime = word(vocabulary.Regime)
    article = _text()
    national_law = _text(required=False)
    art10_condition = _text(required=False)
    source_legal_basis = part(ProfileSourceBasis, required=False)
    transfer_tool = _text(required=False)
    necessity_note = _text(required=False)


class ProfileSettings(StrictSchema):
    """The settings of a profile."""

    intake_channel = word(vocabulary.INTAKE_CHANNELS)
    urgency = word(vocabulary.Urgency)
    retention_days = whole(1, LONGEST_RETENTION.days)
    marking = part(ProfileMarking)
    legal_basis = parts(ProfileBasis, least=1, required=True)
    matter = words(vocabulary.Matter, required=False)
    feedback_requested = boolean(required=False)
    role = word(vocabulary.STAFF_ROLES, required=False)
    language = _text(required=False)
    content_warning = word(vocabulary.CONTENT_WARNINGS, required=False)
    source_reliability = word(vocabulary.SourceEvaluation, required=False)
    information_accuracy = word(vocabulary.InformationEvaluation, required=False)


def read_profile(mapping: Mapping[str, Any]) -> ImportProfile:
    """Read a profile from parsed TOML; raise ValidationFailed with every error.

    Settings it does not know are errors: a misspelt marking would otherwise be no marking.
    """
    settings = ProfileSettings().read(mapping)
    lists = {name: tuple(settings.get(name, ())) for name in ("matter", "legal_basis")}
    return ImportProfile(**{**settings, **lists})
