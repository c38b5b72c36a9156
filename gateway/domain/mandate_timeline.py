"""Mandates over time: for each competence, the days with several holders and those with none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import groupby

from gateway.domain.organisation import Mandate, Period


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
        """Where several organisations hold it: an offer to a `receive` is refused on these days."""
        return tuple(s for s in self.stretches if len(s.holders) > 1)

    @property
    def gaps(self) -> tuple[Segment, ...]:
        """Where nobody holds it any more, or again only later."""
        return tuple(s for s in self.stretches if not s.holders)


def timelines(competences: Iterable[Mandate]) -> tuple[CompetenceTimeline, ...]:
    """Every competence that was ever held, in order of its key."""
    by_key: dict[str, list[Mandate]] = {}
    for competence in competences:
        by_key.setdefault(competence.key, []).append(competence)
    return tuple(CompetenceTimeline(key, _stretches(by_key[key])) for key in sorted(by_key))


def overlapping(competence: Mandate, others: Iterable[Mandate]) -> tuple[Mandate, ...]:
    """The competences of other organisations that share key and a day with this one."""
    return tuple(
        other
        for other in others
        if other.organisation != competence.organisation
        and other.key == competence.key
        and other.period.overlaps(competence.period)
    )


def _stretches(held: Sequence[Mandate]) -> tuple[Segment, ...]:
    """The line of days, cut wherever the holders change; its last stretch is open."""
    days = sorted({day for c in held for day in (c.period.start, c.period.end) if day is not None})
    runs = [(next(run), who) for who, run in groupby(days, partial(_holders, held))]
    ends = [*(start for start, _ in runs[1:]), None]
    return tuple(Segment(Period(day, end), who) for (day, who), end in zip(runs, ends, strict=True))


def _holders(held: Sequence[Mandate], day: date) -> tuple[str, ...]:
    return tuple(sorted({c.organisation for c in held if c.period.holds(day)}))
