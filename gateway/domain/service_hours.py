"""When an organisation is at work, and when a term ends that runs on its days of service.

A term counts whole days of service, from midnight to midnight where the organisation is; on other
days it stands still. What would end at night ends when the organisation opens next.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

MOST_HOLIDAYS = 40
"""Days without service that are listed at most: weekdays without service need no list."""

MOST_HOURS = 21
"""Spans of a week: three for each day."""

_TIME = "([01][0-9]|2[0-3]):([0-5][0-9])"
SPAN = rf"({'|'.join(WEEKDAYS)}) {_TIME}-(?:{_TIME}|24:00)"
"""The form of a span of service."""

_SPAN = re.compile(SPAN, re.ASCII)
_DAY = timedelta(days=1)
_MIDNIGHT = 24 * 60


@dataclass(frozen=True)
class ServiceHours:
    """A week of service in one time zone, and the ``holidays`` on which there is none.

    ``hours`` are spans as ``mon 09:00-17:00``, half-open; ``24:00`` is the end of a day.
    """

    time_zone: str
    hours: tuple[str, ...]
    holidays: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a week without service, and spans that overlap or are none."""
        spans = sorted(map(_read_span, self.hours))
        if not 0 < len(spans) <= MOST_HOURS or len(self.holidays) > MOST_HOLIDAYS:
            raise ValueError("service hours have spans of a week, and few holidays")
        for one, following in pairwise(spans):
            if following[:2] < (one[0], one[2]):
                raise ValueError("two spans of service overlap")
        ZoneInfo(self.time_zone)

    def end_of(self, since: datetime, term: timedelta) -> datetime:
        """When a term ends that begins at ``since`` (aware): in a span of service, in UTC.

        Never before ``since + term``.
        """
        at, left = since.astimezone(UTC), term
        day = since.astimezone(self._zone).date()
        while True:
            midnight = self._moment(day + _DAY, 0)
            if self._spans(day):
                if left < midnight - at:
                    return self._next_open(at + left, day)
                left -= midnight - at
            at, day = midnight, day + _DAY

    def _next_open(self, moment: datetime, day: date) -> datetime:
        """The first moment of service from ``moment`` on, which lies on ``day``."""
        while True:
            for begins, ends in self._spans(day):
                opens, closes = self._moment(day, begins), self._moment(day, ends)
                if max(moment, opens) < closes:
                    return max(moment, opens)
            day += _DAY

    def _spans(self, day: date) -> list[tuple[int, int]]:
        """The spans of a day, in minutes from its midnight."""
        if day in self.holidays:
            return []
        return [s[1:] for s in sorted(map(_read_span, self.hours)) if s[0] == day.weekday()]

    def _moment(self, day: date, minutes: int) -> datetime:
        if minutes == _MIDNIGHT:
            day, minutes = day + _DAY, 0
        local = datetime.combine(day, time(minutes // 60, minutes % 60), self._zone)
        return local.astimezone(UTC)

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def _read_span(text: str) -> tuple[int, int, int]:
    """The weekday of a span (Monday is 0), and its two minutes of the day."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError("a span of service is as mon 09:00-17:00")
    begins = int(found[2]) * 60 + int(found[3])
    ends = _MIDNIGHT if found[4] is None else int(found[4]) * 60 + int(found[5])
    if ends <= begins:
        raise ValueError("a span of service ends after it begins")
    return WEEKDAYS.index(found[1]), begins, ends
