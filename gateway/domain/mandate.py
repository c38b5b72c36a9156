"""Mandates: who is competent for a matter in a territory, on which days, and by which act; and how
a mandate moves to another organisation (succession).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from itertools import groupby
from uuid import UUID

from gateway.domain import read_only, refusals
from gateway.domain.handoff import OPEN, Handoff, HandoffState

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
        """Whether ``day`` lies in the period."""
        return self.start <= day and (self.end is None or day < self.end)

    def overlaps(self, other: "Period") -> bool:
        """Whether the two periods share a day."""
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
        """Whether it is in force on ``day``; never for a function that left."""
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
            " Name one of them beside the competence."
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
    runs = [(next(run), who) for who, run in groupby(days, partial(_holders, held))]
    ends = [*(start for start, _ in runs[1:]), None]
    return tuple(Segment(Period(day, end), who) for (day, who), end in zip(runs, ends, strict=True))


def _holders(held: Sequence[Mandate], day: date) -> tuple[str, ...]:
    return tuple(sorted({c.organisation for c in held if c.period.holds(day)}))


# --- A succession: on a day a mandate moves from one organisation to another ---
#
# On that day the predecessor is not competent any more. It goes on reading the cases that it had
# accepted until ``read_until``. Once both approved, each open handoff that was addressed to the
# mandate is re-issued to the successor; one that was addressed to the predecessor itself ends
# where it received that matter, and whoever had addressed it decides anew.


_TAKEN_ON = frozenset({HandoffState.ACCEPTED, HandoffState.PARTIALLY_ACCEPTED})


class Disposition(StrEnum):
    """What a succession does to a handoff of the predecessor's.

    One that waits is moved once an organisation takes part again.
    """

    REISSUE = "reissue"
    NEW_OFFER_NEEDED = "new_offer_needed"
    WAIT = "wait"
    STAY = "stay"


@dataclass(frozen=True)
class SuccessionApproval:
    """An organisation's approval: the person of it who gave it, and the event that recorded it.

    ``signed`` is the document by which it did so, without the person; None where it signed none.
    """

    by: str
    event: UUID
    signed: str | None = None


@dataclass(frozen=True)
class Succession:
    """A planned move of one mandate.

    ``id`` is the audit event that planned it. ``competence`` is a key such as receive/csam/FR,
    ``mandate_event`` the event that registered it for the successor. ``permissions``: the legal act
    carries permissions over. ``former_end`` is the end that the predecessor's mandate had before
    the plan: ``day`` if it had already been ended for that day. ``applied`` is the event of its
    end, ``cancelled`` that of its cancellation. ``version`` counts the changes, for
    compare-and-set.
    """

    id: UUID
    predecessor: str
    successor: str
    competence: str
    day: date
    read_until: date
    legal_act: str
    permissions: bool
    mandate_event: UUID
    former_end: date | None = None
    by_predecessor: SuccessionApproval | None = None
    by_successor: SuccessionApproval | None = None
    applied: UUID | None = None
    cancelled: UUID | None = None
    version: int = 1

    def __post_init__(self) -> None:
        """Refuse a succession that could not be carried out."""
        if self.predecessor == self.successor:
            raise ValueError("a mandate moves to another organisation")
        if self.read_until < self.day:
            raise ValueError("read access cannot end before the mandate moves")

    @property
    def organisations(self) -> tuple[str, str]:
        """The predecessor and the successor."""
        return self.predecessor, self.successor

    @property
    def over(self) -> bool:
        """Whether it was carried out or cancelled, or its function left."""
        left = self.competence.partition("/")[0] in read_only.FUNCTIONS
        return left or self.applied is not None or self.cancelled is not None

    @property
    def approvals(self) -> tuple[tuple[str, SuccessionApproval | None], ...]:
        """Each organisation with its approval, the predecessor first."""
        return (self.predecessor, self.by_predecessor), (self.successor, self.by_successor)

    @property
    def missing(self) -> tuple[str, ...]:
        """The organisations that have not approved yet."""
        return tuple(organisation for organisation, approved in self.approvals if approved is None)

    def approve(self, organisation: str, approved: SuccessionApproval) -> "Succession":
        """Record an organisation's approval; WrongState if it cannot approve."""
        if self.cancelled is not None:
            raise refusals.WrongState("This succession was cancelled.")
        if organisation not in self.missing:
            raise refusals.WrongState("Your organisation has already approved this succession.")
        if organisation == self.predecessor:
            return replace(self, by_predecessor=approved, version=self.version + 1)
        return replace(self, by_successor=approved, version=self.version + 1)

    def end(self, event: UUID) -> "Succession":
        """The succession once nothing is left to move."""
        return replace(self, applied=event, version=self.version + 1)

    def cancel(self, event: UUID) -> "Succession":
        """Cancel the succession permanently; WrongState if it is finished."""
        if self.cancelled is not None:
            raise refusals.WrongState("This succession has already been cancelled.")
        if self.applied is not None:
            raise refusals.WrongState(f"this succession was carried out: {self.way_back}")
        return replace(self, cancelled=event, version=self.version + 1)

    @property
    def way_back(self) -> str:
        """How to undo it after it was carried out."""
        return f"plan that the mandate moves back, from {self.successor} to {self.predecessor}"

    def may_apply(self, day: date) -> bool:
        """Whether handoffs may move: the day has come, both approved, and it is not finished."""
        return not self.over and not self.missing and self.day <= day

    def lets_read(self, handoff: Handoff, *, was_taken_on: bool, day: date) -> bool:
        """Whether the predecessor may consult on ``day`` a handoff that it had accepted."""
        if self.cancelled is not None:
            return False
        held = handoff.state in _TAKEN_ON or (
            handoff.state is HandoffState.REISSUED and was_taken_on
        )
        own = handoff.recipient == self.predecessor
        same = handoff.address.competence == self.competence
        return own and same and held and self.day <= day < self.read_until

    def concerns(self, handoff: Handoff) -> bool:
        """Whether a handoff may have to move: it addressed the mandate or the predecessor."""
        own = handoff.recipient == self.predecessor and handoff.state in OPEN
        return own and handoff.address.competence in (None, self.competence)

    def way(self, handoff: Handoff, matters: Collection[str]) -> Disposition:
        """What happens to a handoff; ``matters`` are those of its case.

        An originator that addressed the organisation itself must choose again where that does not
        receive the matter any more; of another function its own handoffs stay.
        """
        if not self.concerns(handoff):
            return Disposition.STAY
        if handoff.address.competence == self.competence:
            return Disposition.REISSUE
        function, matter, _ = self.competence.split("/")
        if function == "receive" and matter in matters:
            return Disposition.NEW_OFFER_NEEDED
        return Disposition.STAY


@dataclass(frozen=True)
class ReissuedHandoff:
    """A handoff that a succession ended: when, by which event, and the handoff it became.

    ``became`` is None where the originator was asked anew. ``taken_on`` tells that the
    predecessor had accepted it before.
    """

    handoff: UUID
    succession: UUID
    became: UUID | None
    taken_on: bool
    event: UUID
    at: datetime
