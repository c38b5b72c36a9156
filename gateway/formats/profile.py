"""An import profile: what a report does not say about itself and its importer must decide.

A file of the field carries no marking, legal basis, purpose or term of ours. An operator or a
hotline writes them once, as TOML, with the names of the case JSON; nothing is guessed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.domain import vocabulary
from gateway.domain.case import LONGEST_RETENTION
from gateway.domain.organisation import NO_SLUG, SLUG
from gateway.domain.vocabulary import ONWARD, Fault, among


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


def _text(value: object) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be text"


def _slug(value: object) -> str | None:
    slug = isinstance(value, str) and SLUG.fullmatch(value)
    return None if slug else NO_SLUG


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
    "language": _text,
    "content_warning": among(vocabulary.CONTENT_WARNINGS),
    "source_reliability": among(vocabulary.SourceEvaluation),
    "information_accuracy": among(vocabulary.InformationEvaluation),
}
_NEEDED = ("intake_channel", "urgency", "retention_days", "marking", "legal_basis")

_MARKING: Mapping[str, Fault] = {
    "tlp": among(vocabulary.CASE_TLP),
    "handling": _several(among(vocabulary.Handling)),
    "handling_note": _text,
    "national": among([vocabulary.NationalMarking.NON_PROTEGE]),
    "permitted_actions": among(vocabulary.PERMITTED_ACTIONS),
    "attribution": among(vocabulary.ATTRIBUTIONS),
    "release_to": _several(_slug),
    "onward": among(ONWARD),
    "force": _table,
    "retention_rule": _text,
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
    "article": _text,
    "national_law": _text,
    "art10_condition": _text,
    "source_legal_basis": _table,
    "transfer_tool": _text,
    "necessity_note": _text,
}
_SOURCE_BASIS: Mapping[str, Fault] = {"text": _text, "dated": _day}


def read_profile(mapping: Mapping[str, Any]) -> ImportProfile:
    """Read a profile from parsed TOML; raise ProfileInvalid with every error.

    Settings it does not know are errors: a misspelt marking would otherwise be no marking.
    """
    errors = list(_errors(mapping))
    if errors:
        raise ProfileInvalid(errors)
    settings = dict(mapping)
    settings["matter"] = tuple(mapping.get("matter", ()))
    settings["legal_basis"] = tuple(_dated(basis) for basis in mapping["legal_basis"])
    return ImportProfile(**settings)


def _errors(mapping: Mapping[str, Any]) -> Iterator[str]:
    yield from _faults("", mapping, _SETTINGS, _NEEDED)
    if isinstance(mapping.get("marking"), Mapping):
        yield from _faults("marking.", mapping["marking"], _MARKING, _NEEDED_MARKING)
    listed = mapping.get("legal_basis")
    for index, basis in enumerate(listed if isinstance(listed, list) else ()):
        where = f"legal_basis[{index}]."
        if isinstance(basis, Mapping):
            yield from _faults(where, basis, _BASIS, ("regime", "article"))
        source = basis.get("source_legal_basis") if isinstance(basis, Mapping) else None
        if isinstance(source, Mapping):
            yield from _faults(f"{where}source_legal_basis.", source, _SOURCE_BASIS, _SOURCE_BASIS)


def _faults(
    where: str, table: Mapping[str, Any], checks: Mapping[str, Fault], needed: Iterable[str]
) -> Iterator[str]:
    for name in needed:
        if name not in table:
            yield f"{where}{name} is required"
    for name, value in table.items():
        fault = checks[name](value) if name in checks else "is not a setting of an import profile"
        if fault:
            yield f"{where}{name} {fault}"


def _dated(basis: Mapping[str, Any]) -> dict[str, Any]:
    """A legal basis with its date as the case JSON writes it."""
    source = basis.get("source_legal_basis")
    if source is None:
        return dict(basis)
    return {**basis, "source_legal_basis": {**source, "dated": source["dated"].isoformat()}}
