"""Measures on a case: an embargo, or a restriction of processing, beside the versions of the case.

A measure binds from its commit on and ends by its time or by an event; no version changes it, but
a cleared version ends a suspension. ``MEASURES`` says of each kind who sets it, for how long and
with how many persons. What it forbids to offer, disclose or open is policy's (R7.embargo,
R13.suspension, R13.mark), and so is who else than its setter ends it. What an embargo hides
meanwhile denies nobody an action, and is decided here: of an outcome all but its arrival, and
consultations by the police (both in `gateway.domain.outcome`), and of its own end the hour
(`Measure.until_for`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from gateway.domain.refusals import SecondPersonRequired, ValidationFailed
from gateway.domain.vocabulary import EMBARGO_REASONS


class MeasureKind(StrEnum):
    """What kind of measure it is."""

    EMBARGO = "embargo"  # no removal and no notice to a host (R7)
    SUSPENSION = "suspension"  # processing stops for some days (GDPR 18, LED 16(3))
    MARK = "mark"  # kept, and opened for few reasons only
    HOLD = "hold"  # an embargo, as a private holder reads it: not set, and kept nowhere


@dataclass(frozen=True)
class Terms:
    """How long a measure holds: at first, by each renewal, and in all (None: without a bound)."""

    longest: timedelta
    renewal: timedelta
    total: timedelta | None = None

    def latest(self, since: datetime, now: datetime, *, renews: bool) -> datetime:
        """Until when one may hold that is set now; the first of its chain was set at ``since``."""
        latest = now + (self.renewal if renews else self.longest)
        return min(latest, since + self.total) if self.total else latest


@dataclass(frozen=True)
class MeasureType:
    """One kind of measure.

    ``action`` is the policy's, ``codes`` are the reasons for it.
    Without ``terms`` it has no end. ``persons`` set it; two renew it. ``whole_case``: it may be on
    the whole case, and not only on some elements.
    """

    action: str
    codes: tuple[str, ...]
    terms: Terms | None
    persons: int = 1
    whole_case: bool = True


EMBARGO_TOTAL = timedelta(days=14)
EMBARGO = Terms(timedelta(hours=72), timedelta(days=7), EMBARGO_TOTAL)
"""The default of the settings `[embargo]`: conventions, no law."""

AGAIN = timedelta(days=14)
"""An embargo that is set again within this time after its end is renewed."""

ONLY_TOLD_THE_DAY = frozenset({"provider", "researcher", "regulator"})
"""Kinds of organisations that learn of an embargo on what they hold only before which day not to
act: an hour would tell more of what is planned."""

MEASURES: Mapping[MeasureKind, MeasureType] = {
    MeasureKind.EMBARGO: MeasureType(
        "case.embargo",
        EMBARGO_REASONS,
        EMBARGO,
    ),
    MeasureKind.SUSPENSION: MeasureType(
        "case.restrict",
        ("accuracy_contested", "unlawful", "objection", "legal_claim"),
        Terms(timedelta(hours=72), timedelta(hours=72)),
    ),
    MeasureKind.MARK: MeasureType(
        "case.restrict",
        ("accuracy_contested", "objection", "kept_as_evidence"),
        None,
        persons=2,
        whole_case=False,
    ),
}
"""Every kind of measure."""

RESTRICTING = frozenset(kind for kind, one in MEASURES.items() if one.action == "case.restrict")
"""The kinds that an originator's gateway tells one that decides about a handoff: an embargo binds
where it is set."""

NOT_TOLD = "not_told"
"""The reason of a restriction of which another gateway said that it binds: it does not say why."""


@dataclass(frozen=True)
class Measure:
    """A measure that was set. ``id`` is the event that set it.

    ``elements`` are ids of elements of the case; none is the whole case. ``since`` is when the
    first of a chain of renewals was set (one that ended shortly before is of the chain).
    ``ended_at`` is when it was ended or renewed. ``handoff`` is the one by which its setter holds
    the case, None where it is the setter's own.
    ``before``: it is on the versions of the case before that number only, for a correction left
    them as evidence.
    """

    id: UUID
    originator: str
    case: UUID
    kind: MeasureKind
    setter: str
    code: str
    elements: tuple[str, ...]
    since: datetime
    until: datetime | None
    ended_at: datetime | None = None
    handoff: UUID | None = None
    before: int | None = None

    def holds(self, now: datetime) -> bool:
        """Tell whether it binds at a moment."""
        return self.ended_at is None and (self.until is None or now < self.until)

    def until_for(self, kind: str) -> datetime | None:
        """Its end as a holder of a kind learns it; who is only told a day, the first one after."""
        if self.kind is not MeasureKind.EMBARGO or kind not in ONLY_TOLD_THE_DAY:
            return self.until
        if self.until is None:
            return None
        begun = self.until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return begun if begun == self.until else begun + timedelta(days=1)

    def kind_for(self, *, private: bool) -> MeasureKind:
        """Return what kind it is for a holder: a private one reads of an embargo that it is to
        wait, and no word of who speaks so."""
        embargo = self.kind is MeasureKind.EMBARGO
        return MeasureKind.HOLD if private and embargo else self.kind

    def overlaps(self, elements: Collection[str]) -> bool:
        """Tell whether it is on one of these elements; none is the whole case."""
        return not self.elements or not elements or not set(self.elements).isdisjoint(elements)

    def is_renewed(self, terms: Terms | None, now: datetime) -> bool:
        """Tell whether another one now goes on with it: it holds, or ended so short a while ago
        that one person could hold the case without an end by ending and setting again."""
        ended = min(filter(None, (self.ended_at, self.until)), default=None)
        pause = (AGAIN if terms.total else terms.renewal) if terms else timedelta(0)
        return ended is None or now < ended + pause


def check_persons(by: str, approved_by: str | None, persons: int) -> None:
    """Refuse what fewer persons decide than have to; SecondPersonRequired."""
    if len({by, approved_by} - {None}) < persons:
        raise SecondPersonRequired(
            "two persons decide this: name another person than 'by' in 'approved_by'"
        )


def check_term(measure: Measure, terms: Terms | None, now: datetime, *, renews: bool) -> None:
    """Refuse a measure that is longer than its kind allows.

    ``terms`` are those of its kind here; ``renews``: it goes on with one of the same mandate.
    Raises ValidationFailed.
    """
    if terms is None:
        if measure.until is not None:
            raise ValidationFailed((("/until", "is left out: two persons end a mark"),))
        return
    latest = terms.latest(measure.since, now, renews=renews)
    if measure.until is None or not now < measure.until <= latest:
        when = f"is a moment from now to {latest:%Y-%m-%dT%H:%M:%SZ}"
        if latest <= now:
            when = (
                f"has no moment left: set another one {AGAIN.days} days after the end of this one"
            )
        raise ValidationFailed((("/until", when),))


def is_suspended(measures: Iterable[Measure]) -> bool:
    """Tell whether one of the measures suspends the whole case."""
    return any(one.kind is MeasureKind.SUSPENSION and not one.elements for one in measures)


def measures_on(element: str, measures: Iterable[Measure], version: int) -> frozenset[str]:
    """The kinds of those measures that are on an element of a version, or on its whole case."""
    return frozenset(
        str(one.kind)
        for one in measures
        if (not one.elements or element in one.elements)
        and (one.before is None or version < one.before)
    )


def marking_errors(
    marking: Mapping[str, Any], before: Mapping[str, Any] | None, by: str, since: date, terms: Terms
) -> Iterator[tuple[str, str]]:
    """Return what is wrong with the embargo in the marking of a case version, by JSON pointer.

    ``before`` is the embargo in the version before, ``by`` who writes this one, ``since`` the civil
    day of the first of its chain. It is bounded as one beside the versions is, and no version
    prolongs it.
    """
    embargo = marking.get("embargo")
    if not embargo:
        return
    if embargo["set_by"] != by:
        yield "/marking/embargo/set_by", f"is {by}: an embargo is set by who writes it"
    until = date.fromisoformat(embargo["until"])
    if before is None and terms.total and until > since + terms.total:
        latest = f"is {since + terms.total} at the latest: an embargo holds {terms.total.days} days"
        yield "/marking/embargo/until", f"{latest} in all, with those of the last {AGAIN.days}"
    if before is not None and until > date.fromisoformat(before["until"]):
        why = "is prolonged by two persons and casegate case embargo, by no version"
        yield "/marking/embargo/until", why
