"""How long the log names persons and their reasons: its terms, and what suspends them.

The log itself has no end: its entries commit to details, and go on verifying without them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from gateway.domain.audit_event import EventResult, Operation

LED_YEARS, GDPR_YEARS = 3, 1
"""Years that details of persons are kept, by the regime of the organisation that acted."""

LONGEST_GDPR_YEARS = 3
"""With a reason: longer is not foreseen for who acts under the GDPR alone."""

LONGEST_REVIEW = timedelta(days=366)
"""How far ahead the review of a log hold may lie."""

LOG_HOLD = "log hold"
"""What an entry of the registry is called that is a log hold."""

_PERSONAL = frozenset(
    {
        "by",
        "roles",
        "approvals",
        "assessors",
        "cleared_by",
        "approved_by",
        "reason_code",
        "reason",
    }
)
_NAMING = frozenset(
    {
        "staff.added",
        "staff.ended",
        "staff.recused",
        "audit.search",
        "proposal.created",
        "proposal.withdrawn",
        "case.erasure_advanced",
    }
)
"""Events whose subject can name persons: entries of a register, whom an auditor searched for, what
a change would have said, who decided an earlier erasure."""

_MADE_AGAIN = frozenset({str(Operation.REGISTRY_CHANGE), str(Operation.KEY_EVENT)})


def personal_kinds(
    event_type: str, operation: str, result: str, *, by_gateway: bool
) -> frozenset[str]:
    """The kinds of details of an event that end with the term of who acted.

    Of what administrators changed in the registry none: the registry is what those events say, and
    who approved each, as long as there is a gateway. What was refused may repeat anything.
    """
    if result != EventResult.ALLOWED or event_type in _NAMING:
        return _PERSONAL | {"subject"}
    if by_gateway and operation in _MADE_AGAIN:
        return frozenset()
    return _PERSONAL


@dataclass(frozen=True)
class LogTerms:
    """For how many years details of persons stay in the log; ``reason`` for longer than usual.

    ValueError for a longer term without a reason.
    """

    led_years: int = LED_YEARS
    gdpr_years: int = GDPR_YEARS
    reason: str | None = None

    def __post_init__(self) -> None:
        """Require the reason."""
        longer = self.led_years > LED_YEARS or self.gdpr_years > GDPR_YEARS
        if longer and not self.reason:
            raise ValueError("a longer term than the usual one needs its reason")

    def years(self, regimes: Collection[str]) -> int:
        """The term of an organisation that acts under these regimes."""
        return self.led_years if "led" in regimes else self.gdpr_years

    def passed(self, regimes: Collection[str], now: datetime) -> datetime:
        """The moment before which the term of an event is over."""
        year = now.year - self.years(regimes)
        try:
            return now.replace(year=year)
        except ValueError:  # 29 February
            return now.replace(year=year, day=28)


@dataclass(frozen=True)
class LogHold:
    """Proceedings or an inquiry that suspend the terms: of all, an organisation, or one case.

    ``id`` is the event that set it. A hold on a case names its originator as the organisation, and
    keeps what anybody did with it. A review that was missed ends nothing.
    """

    id: UUID
    organisation: str | None
    case: UUID | None
    reference: str
    review_on: date
    ended_at: datetime | None = None

    @property
    def whole(self) -> bool:
        """Whether it keeps all that the organisation did, or everybody."""
        return self.case is None

    def keeps_all_of(self, organisation: str) -> bool:
        """Whether nothing that an organisation did may be erased."""
        return self.whole and self.organisation in (None, organisation)

    def is_review_missed(self, today: date) -> bool:
        """Whether it should have been looked at again by now."""
        return self.ended_at is None and today > self.review_on


@dataclass(frozen=True)
class ErasedDetails:
    """What one step erased: how many details of how many entries, the first and the last of them.

    ``more`` tells that events whose term is over are left.
    """

    first: int
    last: int
    entries: int
    details: int
    more: bool
