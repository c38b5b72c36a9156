"""Mandates: who is competent for a matter in a territory, on which days, and by which act; and how
a mandate moves to another organisation (succession).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from uuid import UUID

from gateway.domain import read_only, refusals

FUNCTIONS = ("receive", "investigate", "take_down", "protect", "route")
"""What a mandate allows an organisation to do in a matter: receive reports, investigate, have
items removed, protect children, and find a recipient for what is nobody's."""


@dataclass(frozen=True)
class Period:
    """A half-open span of days in the gateway's civil time zone: ``start <= day < end``."""

    start: date
    end: date | None = None

    def __post_init__(self) -> None:
        """Refuse a period that holds no day."""
        if self.end is not None and self.end <= self.start:
            raise ValueError("a period ends after it starts")

    def holds(self, day: date) -> bool:
        """Tell whether ``day`` lies in the period."""
        return self.start <= day and (self.end is None or day < self.end)

    def overlaps(self, other: "Period") -> bool:
        """Tell whether the two periods share a day."""
        return (self.end is None or other.start < self.end) and (
            other.end is None or self.start < other.end
        )


@dataclass(frozen=True)
class Mandate:
    """A legal mandate: what an organisation does in a matter and territory, and by which act.

    ``registration_event`` is the audit event that registered it: the answer to "who says so?".
    """

    id: UUID
    organisation: str
    function: str
    matter: str
    territory: str
    legal_act: str
    period: Period
    registration_event: UUID

    def __post_init__(self) -> None:
        """Refuse a competence whose key could be read as another one's."""
        if any(not part or "/" in part for part in (self.function, self.matter, self.territory)):
            raise ValueError("function, matter and territory are words without '/'")

    @property
    def key(self) -> str:
        """The name that policies compare: ``receive/csam/FR``."""
        return format_competence(self.function, self.matter, self.territory)

    def holds(self, day: date) -> bool:
        """Tell whether it is in force on ``day``; never for a function that left."""
        return self.function not in read_only.FUNCTIONS and self.period.holds(day)


def format_competence(function: str, matter: str, territory: str) -> str:
    """Spell a competence as one string, for the policy engine has no string building."""
    return f"{function}/{matter}/{territory}"


def parse_competence(key: str) -> tuple[str, str, str] | None:
    """The function, matter and territory of a competence's key; None when it is none."""
    parts = key.split("/")
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 and all(parts) else None


def competence_members(key: str) -> dict[str, str]:
    """A competence's key as the members of JSON: function, matter, territory."""
    return dict(zip(("function", "matter", "territory"), key.split("/"), strict=True))


def read_competence(text: str) -> str:
    """The key of a competence as people write it, ``[FUNCTION/]MATTER/TERRITORY``.

    Without a function it is ``receive``. ValueError for what names no competence.
    """
    key = text if text.count("/") > 1 else f"receive/{text}"
    named = parse_competence(key)
    if named is None or named[0] not in FUNCTIONS:
        raise ValueError("a competence is [FUNCTION/]MATTER/TERRITORY, as take_down/csam/NL")
    return key


def resolve_competence(
    mandates: Iterable[Mandate], key: str, day: date, organisation: str | None = None
) -> Mandate:
    """Find who holds a competence on a day: its only holder, or ``organisation`` among several.

    Raises NoCompetentOrganisation or SeveralCompetentOrganisations, which name the holders: a
    case is never sent on a guess (R11).
    """
    found = {c.organisation: c for c in mandates if c.key == key and c.holds(day)}
    names, on = ", ".join(sorted(found)), day.isoformat()
    if not found:
        raise refusals.NoCompetentOrganisation(
            f"No organisation holds the mandate {key} on {on}."
            " Check function, matter and territory, or name a recipient."
        )
    if organisation is not None:
        if organisation not in found:
            raise refusals.NoCompetentOrganisation(
                f"{organisation} has no mandate {key} on {on}. Its holders: {names}."
            )
        return found[organisation]
    if len(found) > 1:
        raise refusals.SeveralCompetentOrganisations(
            f"Several organisations hold the mandate {key} on {on}: {names}."
            " Name one of them beside the competence (--to); the note may say who has it as well."
        )
    return next(iter(found.values()))


@dataclass(frozen=True)
class Segment:
    """Days without a change: who holds the competence on each of them, in order of id."""

    period: Period
    holders: tuple[str, ...]


@dataclass(frozen=True)
class CompetenceTimeline:
    """One competence from its first day on, stretch by stretch, without a day left out."""

    competence: str
    stretches: tuple[Segment, ...]

    @property
    def overlaps(self) -> tuple[Segment, ...]:
        """Where several organisations hold it: on these days an offer names one of them."""
        return tuple(s for s in self.stretches if len(s.holders) > 1)

    @property
    def gaps(self) -> tuple[Segment, ...]:
        """Where nobody holds it any more, or again only later."""
        return tuple(s for s in self.stretches if not s.holders)


def timelines(mandates: Iterable[Mandate]) -> tuple[CompetenceTimeline, ...]:
    """Every competence that was ever held, in order of its key."""
    by_key: dict[str, list[Mandate]] = {}
    for mandate in mandates:
        by_key.setdefault(mandate.key, []).append(mandate)
    return tuple(CompetenceTimeline(key, _stretches(by_key[key])) for key in sorted(by_key))


def overlapping(mandate: Mandate, others: Iterable[Mandate]) -> tuple[Mandate, ...]:
    """The mandates of other organisations that share key and a day with this one."""
    return tuple(
        other
        for other in others
        if other.organisation != mandate.organisation
        and other.key == mandate.key
        and other.period.overlaps(mandate.period)
    )


def _stretches(held: Sequence[Mandate]) -> tuple[Segment, ...]:
    """The line of days, cut wherever the holders change; its last stretch is open."""
    days = sorted({day for c in held for day in (c.period.start, c.period.end) if day is not None})

    def holders(day: date) -> tuple[str, ...]:
        return tuple(sorted({c.organisation for c in held if c.period.holds(day)}))

    runs = [(next(run), who) for who, run in groupby(days, holders)]
    ends = [*(start for start, _ in runs[1:]), None]
    return tuple(Segment(Period(day, end), who) for (day, who), end in zip(runs, ends, strict=True))
