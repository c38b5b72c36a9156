"""What a case is after its first handoff, in the words of the members' rules: the oracle of tests.

Written from the rules that members agree on, not from the gateway's code. It knows facts as a
careful clerk would note them, and says from these facts alone who may open what. Of the content it
follows the items: every other group goes the same way.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

ACCEPTED = frozenset({"accepted", "partially_accepted"})
OPEN = ACCEPTED | {"offered"}
MEASURED = frozenset({"rights_request", "evidence", "legal_claim", "imminent_danger"})
"""Reason codes by which what is marked is opened."""

FOR_THE_POLICE = frozenset({"in_proceedings", "imminent_danger"})
"""Reason codes by which an authority opens what is suspended."""

FOR_CHILDREN = frozenset({"investigate", "prosecute", "identify_victim", "protect_child"})
"""The purposes of an authority that may look into what is recalled, until it has answered."""

ORDERED = frozenset({"misdirected", "authority_order"})
"""Recalls after which a case is open in proceedings alone."""

NEXT = {
    "accept": dict.fromkeys(["offered"], "accepted"),
    "accept_partly": dict.fromkeys(["offered"], "partially_accepted"),
    "decline": dict.fromkeys(OPEN, "declined"),
    "redirect": dict.fromkeys(OPEN, "redirected"),
    "withdraw": dict.fromkeys(OPEN, "withdrawn"),
    "close": dict.fromkeys(ACCEPTED, "closed"),
    "outcome": {state: state for state in ACCEPTED},
    "delay": {"offered": "offered"},
}
"""Where an answer leads from each state; from any other it is refused."""

AFTER = {
    "handoff.offered": "offered",
    "handoff.accepted": "accepted",
    "handoff.declined": "declined",
    "handoff.redirected": "redirected",
    "handoff.withdrawn": "withdrawn",
    "handoff.closed": "closed",
    "handoff.reissued": "reissued",
    "handoff.lapsed": "withdrawn",
}
RECALLED = dict.fromkeys(OPEN, "withdrawn")
"""A recall withdraws what is open; what has ended stays as it is."""
"""The state that an event of a handoff says."""


@dataclass
class Organisation:
    """A member: what it is, and whether it takes part today."""

    slug: str
    led: bool = False
    host: bool = False
    seat: bool = True
    status: str = "active"


@dataclass
class Mandate:
    """Who holds a competence from one day until before another one."""

    holder: str
    competence: str
    begin: date = date.min
    end: date = date.max
    read_until: date = date.min
    """Until then its former holder reads what it had accepted."""


@dataclass
class Measure:
    """An embargo, a suspension or a mark on items; none named: on the whole case."""

    id: UUID
    kind: str
    setter: str
    items: frozenset[str]
    until: datetime | None
    ended: bool = False
    handoff: UUID | None = None

    def holds(self, now: datetime) -> bool:
        return not self.ended and (self.until is None or now < self.until)

    def is_on(self, item: str) -> bool:
        return not self.items or item in self.items


@dataclass
class Version:
    """One version of a case: its items by id, and what it was to the version before."""

    number: int
    items: dict[str, str]
    marking: dict[str, Any]
    erase_on: date
    change: str | None
    written: Any


@dataclass
class Case:
    """A case as its originator knows it."""

    id: UUID
    originator: str
    urgency: str
    erase_on: date
    versions: list[Version]
    state: str
    announced: int = 0
    recalled: int = 0
    measures: list[Measure] = field(default_factory=list)

    @property
    def newest(self) -> Version:
        return self.versions[-1]

    def in_force(self, now: datetime) -> Iterator[Measure]:
        return (one for one in self.measures if one.holds(now))

    def to_announce(self) -> bool:
        """Whether a clearance now is news for who holds the case: something was altered."""
        since = (one.change for one in self.versions if one.number > self.announced)
        return bool({"correction", "tightening"} & set(since))


@dataclass
class Package:
    """What one offer or update gave: of which version, which items, and what it was."""

    version: int
    items: frozenset[str]
    change: str | None = None


@dataclass
class Handoff:
    """A case at one recipient. ``held`` is how many of its packages the recipient may open."""

    id: UUID
    case: Case
    recipient: str
    purpose: str
    competence: str | None
    packages: list[Package]
    state: str = "offered"
    held: int = 0
    whole: bool = True
    expires_at: datetime | None = None
    consulted: bool = False
    reserved: bool = False
    recall: str | None = None
    answer: str | None = None
    retained_until: date | None = None
    recalled_version: int = 0
    copy: bool = False
    graced: date | None = None
    offered_at: datetime | None = None
    go_ahead: bool = False

    @property
    def is_held(self) -> bool:
        """Whether its recipient ever accepted: whatever became of it since."""
        return self.held > 0

    @property
    def is_holder(self) -> bool:
        """Whether its recipient has copies: it accepted or looked, and has not erased them."""
        return (self.is_held or self.consulted) and self.answer != "copies_erased"

    @property
    def hears(self) -> bool:
        """Whether its recipient has to hear of what binds the case: it holds it, or may take it."""
        return self.is_holder or self.state in OPEN

    def is_retained(self, day: date) -> bool:
        """Whether its recipient keeps it by a law that it stated."""
        return self.retained_until is not None and day < self.retained_until


@dataclass(frozen=True)
class Opening:
    """A consultation that is asked for: by whom, why, of which package, and when."""

    reader: str
    code: str
    package: int | None
    now: datetime
    day: date


@dataclass
class World:
    """All that is known."""

    members: dict[str, Organisation]
    mandates: list[Mandate]
    cases: list[Case] = field(default_factory=list)
    handoffs: list[Handoff] = field(default_factory=list)

    def of(self, case: Case) -> Iterator[Handoff]:
        return (one for one in self.handoffs if one.case is case)

    def holds_mandate(self, slug: str, competence: str, day: date) -> bool:
        return any(
            (one.holder, one.competence) == (slug, competence) and one.begin <= day < one.end
            for one in self.mandates
        )

    def reads_on(self, handoff: Handoff, day: date) -> bool:
        """Whether the former holder of a mandate reads what it had accepted under it."""
        return (
            handoff.is_held
            and (handoff.state in ACCEPTED | {"closed", "reissued"})
            and any(
                (one.holder, one.competence) == (handoff.recipient, handoff.competence)
                and one.end <= day < one.read_until
                for one in self.mandates
            )
        )

    def waits_for_police(self, case: Case, hours: timedelta, now: datetime) -> bool:
        """Whether a removal by others waits for the police to which the case was offered, for so
        many hours: they have not spoken."""
        return any(
            self.members[one.recipient].led
            and one.state in OPEN | {"withdrawn"}
            and not one.go_ahead
            and one.offered_at is not None
            and now < one.offered_at + hours
            for one in self.of(case)
        )

    def withheld(
        self, handoff: Handoff, item: str, measures: Iterable[Measure], code: str | None
    ) -> bool:
        """Whether a measure keeps an item from a recipient; an offer has no reason code."""
        reader = self.members[handoff.recipient]
        for one in measures:
            if not one.is_on(item):
                continue
            if one.kind == "embargo" and (
                reader.host or (handoff.purpose == "remove" and not reader.led)
            ):
                return True
            if one.kind == "suspension" and not (reader.led and code in FOR_THE_POLICE):
                return True
            if one.kind == "mark" and code not in MEASURED:
                return True
        return False

    def opens(self, handoff: Handoff, asked: Opening) -> tuple[int, frozenset[str]] | None:
        """The number of the package that a consultation shows, and its items.

        None: it is refused.
        """
        rules = (
            self._takes_part,
            self._is_there,
            self._is_opened_by_state,
            self._has_mandate,
            self._leaves_open,
            self._is_in_use,
        )
        number = self._package(handoff, asked)
        if number is None or not all(rule(handoff, asked) for rule in rules):
            return None
        given = handoff.packages[number - 1].items if handoff.whole else frozenset()
        measures = list(handoff.case.in_force(asked.now))
        shown = (one for one in given if not self.withheld(handoff, one, measures, asked.code))
        return number, frozenset(shown)

    @staticmethod
    def _package(handoff: Handoff, asked: Opening) -> int | None:
        """Which package is shown: the newest that is held, or an older one, as what it is."""
        held = handoff.held or len(handoff.packages)
        number = held if asked.package is None else asked.package
        of_older = asked.code in ("superseded_package", *(MEASURED - FOR_THE_POLICE))
        fits = asked.code != "superseded_package" if number == held else of_older
        return number if number <= held and fits else None

    def _takes_part(self, handoff: Handoff, asked: Opening) -> bool:
        member = self.members[asked.reader]
        own = asked.reader == handoff.recipient and member.status == "active"
        return own and (member.led or asked.code != "in_proceedings")

    @staticmethod
    def _is_there(handoff: Handoff, asked: Opening) -> bool:
        case, end = handoff.case, handoff.expires_at
        over = end is not None and asked.now >= end
        return case.state != "erased" and asked.day < case.erase_on and not over

    def _is_opened_by_state(self, handoff: Handoff, asked: Opening) -> bool:
        if handoff.state in ACCEPTED | {"closed"}:
            return True
        if handoff.recall is not None and handoff.state == "withdrawn":
            return handoff.is_held
        if handoff.state == "reissued":
            return self.reads_on(handoff, asked.day)
        # Break-glass: in imminent danger the holder of the mandate looks before it accepts.
        danger = handoff.case.urgency == asked.code == "imminent_danger"
        return handoff.state == "offered" and danger and handoff.competence is not None

    def _has_mandate(self, handoff: Handoff, asked: Opening) -> bool:
        if handoff.competence is None:
            return self.members[asked.reader].seat
        held = self.holds_mandate(asked.reader, handoff.competence, asked.day)
        return held or self.reads_on(handoff, asked.day)

    def _leaves_open(self, handoff: Handoff, asked: Opening) -> bool:
        """Whether a recall leaves a handoff open for a reason; without one, its codes open
        nothing."""
        code, member = asked.code, self.members[asked.reader]
        if handoff.recall is None:
            return code not in ("recall_review", "retention")
        if handoff.answer is None:
            own = member.led and handoff.purpose in FOR_CHILDREN
            looks = code in ("recall_review", "imminent_danger")
            return own and looks and handoff.recall not in ORDERED
        of_answer = "in_proceedings" if handoff.answer == "in_proceedings" else "retention"
        return code == of_answer and self._is_kept_by_answer(handoff, asked)

    def _is_kept_by_answer(self, handoff: Handoff, asked: Opening) -> bool:
        """Whether the final answer to a recall lets its holder open what it keeps."""
        if not handoff.is_retained(asked.day) or handoff.answer == "in_proceedings":
            return handoff.is_retained(asked.day)
        own = self.members[asked.reader].led and handoff.purpose in FOR_CHILDREN
        kept = handoff.answer in ("processing_restricted", "declined")
        return kept and handoff.recall not in ORDERED and (own or handoff.recall != "unlawful")

    def _is_in_use(self, handoff: Handoff, asked: Opening) -> bool:
        """Whether the whole case is not suspended, or is opened in spite of it."""
        held = handoff.case.in_force(asked.now)
        suspended = any(one.kind == "suspension" and not one.items for one in held)
        police = self.members[asked.reader].led and asked.code in FOR_THE_POLICE
        return police or not suspended

    def keeps(self, handoff: Handoff, asked: Opening) -> bool:
        """Whether a consultation opens what was kept of an erased case."""
        recalled = handoff.recall is not None
        return (
            self._takes_part(handoff, asked)
            and handoff.copy
            and handoff.is_retained(asked.day)
            and asked.code == "retention"
            and (not recalled or self._is_kept_by_answer(handoff, asked))
        )
