"""A case in the making: what every format that comes in puts into it, and says of what it read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from gateway.domain import item_value, vocabulary
from gateway.domain.case import PERCEPTUAL
from gateway.domain.media import find_media
from gateway.formats.report_file import ImportProfile, ImportRefused

LONGEST_TOLD = 200
"""Characters of one value that is retold in the statement about the report."""

MOST_ITEMS = 600
"""No case has more elements: what is longer is read no further."""

LONGEST_TEXT = 2000
"""Characters of a statement."""


@dataclass(frozen=True)
class Imported:
    """A case made from a file, and how each of the file's fields was used.

    ``mapped`` are pairs of JSON pointers, into the file (of XARF) and into the case. ``dropped``
    and ``notes`` are sentences that begin with a pointer into the file.
    """

    case: dict[str, Any]
    dropped: tuple[str, ...]
    notes: tuple[str, ...]
    mapped: tuple[tuple[str, str], ...]


class CaseDraft:
    """One import: the parts of the case, and how each of the report's fields was used."""

    def __init__(self, profile: ImportProfile, new_id: Callable[[], str], now: datetime) -> None:
        self.profile, self.new_id, self.now = profile, new_id, now
        self.mapped: list[tuple[str, str]] = []
        self.dropped: list[str] = []
        self.notes: list[str] = []
        self.used: set[str] = set()
        self.tlp = str(profile.marking["tlp"])
        self.items: list[dict[str, Any]] = []
        self.statements: list[dict[str, Any]] = []

    def map(self, pointer: str, target: str) -> None:
        """Record that a field went into the case."""
        self.mapped.append((pointer, target))
        self.used.add(pointer.split("/")[1])

    def drop(self, pointer: str, why: str) -> None:
        """Record that a field was left out."""
        self.dropped.append(f"{pointer}: dropped, {why}")
        self.used.add(pointer.split("/")[1])

    def note(self, pointer: str, what: str) -> None:
        """Record what a person should know about a field."""
        self.notes.append(f"{pointer}: {what}")

    def add_item(self, kind: str, value: str) -> dict[str, Any]:
        """Add an item, as it stands in the case; ImportRefused when there are too many."""
        if len(self.items) == MOST_ITEMS:
            raise ImportRefused(f"it has more than {MOST_ITEMS} items: make it several reports")
        item = {"id": self.new_id(), "kind": kind, "value": value}
        self.items.append(item)
        return item

    def last_item(self, name: str = "value") -> str:
        """The pointer to a member of the item that was added last."""
        return f"/items/{len(self.items) - 1}/{name}"

    def add_address(self, pointer: str, text: str) -> dict[str, Any]:
        """Add an address, without the credentials in it; ImportRefused for what is none."""
        url, secret = _without_credentials(text)
        if fault := item_value.url_fault(url):
            raise ImportRefused(f"{pointer}: {fault}")
        item = self.add_item("url", url)
        self.map(pointer, self.last_item())
        if secret:
            self.drop(pointer, "only as to its user name and password: credentials are sealed")
        return item

    def mark_perceptual(self, pointer: str, item: dict[str, Any]) -> None:
        """Raise the marking of an item that has a perceptual hash to what that needs."""
        perceptual = any(one["alg"] in PERCEPTUAL for one in item.get("hash", ()))
        needed = vocabulary.PERCEPTUAL_TLP
        if perceptual and vocabulary.tlp_rank(self.tlp) < vocabulary.tlp_rank(needed):
            item["marking"] = {"tlp": needed}
            self.note(pointer, f"a perceptual hash makes the item {needed}")

    def add_statement(
        self, kind: str, text: str, language: str, content_warning: str, **more: str
    ) -> str:
        """Add a statement; the pointer to its text."""
        made_at = self.now.isoformat(timespec="seconds")
        made = {"id": self.new_id(), "kind": kind, "text": text, "language": language}
        made |= {
            "made_by_role": self.profile.role,
            "made_at": made_at,
            "content_warning": content_warning,
            **more,
        }
        self.statements.append(made)
        return f"/statements/{len(self.statements) - 1}/text"

    def add_text(self, kind: str, pointer: str, text: str, **more: str) -> None:
        """Add a text of the sender's own as a statement."""
        told, profile = checked(pointer, text, LONGEST_TEXT, lines=True), self.profile
        warning = profile.content_warning
        self.map(pointer, self.add_statement(kind, told, profile.language, warning, **more))

    def case_json(
        self, reference: str, matter: list[str], **arrays: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Put the parts together."""
        erase_on = (self.now + timedelta(days=self.profile.retention_days)).date()
        arrays = {"items": self.items, "statements": self.statements, **arrays}
        return {
            "case": self.new_id(),
            "version": 1,
            "originator_ref": reference,
            "received_at": self.now.isoformat(timespec="seconds"),
            "intake_channel": self.profile.intake_channel,
            "reporter": {"anonymous": False, "feedback_requested": self.profile.feedback_requested},
            "matter": list(dict.fromkeys((*matter, *self.profile.matter))),
            "urgency": self.profile.urgency,
            **{name: array for name, array in arrays.items() if array},
            "marking": {
                **_plain(self.profile.marking),
                "tlp": self.tlp,
                "erase_on": erase_on.isoformat(),
            },
            "legal_basis": _plain(self.profile.legal_basis),
        }

    def imported(self, case: dict[str, Any]) -> Imported:
        """Return the case with its report of fields dropped and noted."""
        return Imported(case, tuple(self.dropped), tuple(self.notes), tuple(self.mapped))


def _plain(value: Any) -> Any:
    """A copy of a profile's table as JSON has it."""
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, (list, tuple)) else value


def checked(pointer: str, text: object, longest: int = LONGEST_TOLD, *, lines: bool = False) -> str:
    """A text of the file that goes into the case; ImportRefused if it may not."""
    if not isinstance(text, str) or not text.strip() or len(text) > longest:
        raise ImportRefused(f"{pointer}: must be text of 1 to {longest} characters")
    if item_value.has_unsafe_characters(text, lines=lines):
        raise ImportRefused(f"{pointer}: holds control characters")
    if fault := find_media(text):
        raise ImportRefused(f"{pointer}: {fault}; media is never taken (R1)")
    return text


def _without_credentials(url: str) -> tuple[str, bool]:
    """An address without user name and password, and whether it had any."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, False
    _, at, host = parts.netloc.rpartition("@")
    return (urlunsplit(parts._replace(netloc=host)), True) if at else (url, False)
