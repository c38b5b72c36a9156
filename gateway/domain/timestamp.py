"""Moments and days as text, read strictly (RFC 3339 with an offset; full dates), and written."""

import re
from datetime import UTC, date, datetime

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def parse_timestamp(text: str) -> datetime:
    """Read ``2026-01-02T03:04:05Z``; raise ValueError unless it is one real moment.

    The offset is demanded, for a time without one is no moment; ``-00:00`` says that the offset
    is not known (RFC 3339 section 4.3) and is refused too. So is a moment outside the years 1 to
    9999 of UTC: it could be written, and then never be read again in UTC.
    """
    if not _MOMENT.fullmatch(text) or text.endswith("-00:00"):
        raise ValueError("not a time with its offset, as 2026-01-02T03:04:05Z")
    moment = datetime.fromisoformat(text)
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("not a time of the calendar in UTC") from None
    return moment


def format_timestamp(moment: datetime) -> str:
    """Write a moment of UTC as ``2026-01-02T03:04:05Z``."""
    return moment.isoformat().replace("+00:00", "Z")


def parse_date(text: str) -> date:
    """Read ``2026-01-02``; raise ValueError unless it is a day of the calendar."""
    if not _DAY.fullmatch(text):
        raise ValueError("not a date, as 2026-01-02")
    return date.fromisoformat(text)
