"""Retention: a holder keeps a case beyond its day of erasure, on a legal basis of its own (R14).

A day of erasure is the originator's, and destroys nothing that another holds by law. The legal
basis is a claim of the holder: the gateway records it, and judges only whether such an organisation
may make it. A retention is reviewed within three years; a missed review is recorded, and destroys
nothing. Its days are civil days: it holds before ``until``, and not on that day.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from gateway.domain.mandate import Period

LONGEST_REVIEW = timedelta(days=1096)
"""Three years: by then a retention is reviewed (LED Art. 5)."""

GRACE_DAYS = 30
"""How long the copy of an authority under led that stated no retention waits for one, unless the
operator sets another."""

AFTER_LEAVING = timedelta(days=30)
"""How long the retentions of an organisation go on that left."""

LONGEST_BASIS = 200
"""Characters of a legal basis: an article, and no narrative."""


class RetentionGround(StrEnum):
    """By which act a holder keeps a case."""

    STATED = "stated"  # its answer
    REGISTERED = "standing"  # its registered term for a purpose, applied by the acceptance
    IN_PROCEEDINGS = "in_proceedings"  # the last three are final answers to a recall (R13)
    PROCESSING_RESTRICTED = "processing_restricted"
    DECLINED = "declined"


class RetentionEnd(StrEnum):
    """Why a holder keeps a case no more."""

    UNTIL = "until"  # the day that it stated
    COPIES_ERASED = "copies_erased"  # it confirmed that its copies are erased
    NONE_STATED = "none_stated"  # the days of grace are over
    LEFT = "left"  # it left the gateway
    KEY_LOST = "key_lost"  # nobody can read the copy any more


class DpoAdvice(StrEnum):
    """What the data protection officer advised."""

    FAVOURABLE = "favourable"
    UNFAVOURABLE = "unfavourable"


@dataclass(frozen=True)
class Retention:
    """What one holder keeps of a case by one handoff. ``id`` is the event that set it.

    ``legal_basis`` is a claim. ``until`` is the first day after it, None without
    an end; ``review_on`` the last day for its review. ``ended_at`` is when it ended, or another one
    replaced it. What else the holder stated (authority, reference) its signed answer alone says.
    """

    id: UUID
    originator: str
    case: UUID
    handoff: UUID
    holder: str
    ground: RetentionGround
    legal_basis: str | None
    until: date | None
    review_on: date
    since: datetime
    ended_at: datetime | None = None

    def holds(self, day: date) -> bool:
        """Tell whether it lets its holder keep the case on a civil day."""
        return self.ended_at is None and (self.until is None or day < self.until)


def retention_errors(
    day: date, until: date | None, review_on: date | None
) -> Iterator[tuple[str, str]]:
    """Return what is wrong with the days of a retention that is set on ``day``, by JSON pointer."""
    if until is not None and until <= day:
        yield "/until", "is a day after today: the first one on which you keep the case no more"
    if review_on is not None and not day < review_on <= day + LONGEST_REVIEW:
        yield "/review_on", f"is a day within three years: {day + LONGEST_REVIEW} at the latest"


@dataclass(frozen=True)
class StandingRetention:
    """For how long an organisation under led keeps what it accepts for a purpose, by which act.

    It keeps it ``years`` from its acceptance, None without an end, and reviews that after
    ``review_years``. ``id`` is the audit event that registered it.
    """

    id: UUID
    purpose: str
    legal_act: str
    years: int | None
    review_years: int
    period: Period


def registered_retention(
    terms: Iterable[StandingRetention], purpose: Collection[str], day: date
) -> StandingRetention | None:
    """The one that an organisation applies to what it accepts on a day: of several the longest."""
    found = [one for one in terms if one.purpose in purpose and one.period.holds(day)]
    return max(found, key=lambda one: one.years or _WITHOUT_END, default=None)


_WITHOUT_END = 1000


def in_years(day: date, years: int) -> date:
    """The same day some years later; of 29 February the day after."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def review_day(day: date, until: date | None, review_on: date | None) -> date:
    """The day of the review: as it was stated, or the latest that may be."""
    return review_on or min(day + LONGEST_REVIEW, until or date.max)
