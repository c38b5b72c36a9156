"""One's own stream of events, each with its receipt; and what is shown, held against it.

Lists and handoffs are read from rows, which whoever has the gateway's database can change; the
stream is in the log, with numbers without a gap. What it told is kept beside the checkpoint, so
that only newer events are read: numbers, types and ids, and no content.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from gateway import files
from gateway.client import evidence_checks
from gateway.client.cases import ClientBase
from gateway.client.connection import PartnerConnection
from gateway.client.documents import require
from gateway.client.errors import EvidenceMismatch, SettingsError, raising
from gateway.client.session import ConfirmedWrite, list_of, next_page, spelled
from gateway.domain.course import Course, Moved, fold
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import HandoffAction, HandoffState
from gateway.evidence import canonical
from gateway.evidence.handoff_moves import CONSULTED, RETURNED, TYPES
from gateway.evidence.receipt import Receipt, VerifiedReceipt
from gateway.verification.stream import StreamHead

logger = logging.getLogger(__name__)

Shown = TypeVar("Shown")
_MALFORMED = (ValueError, KeyError, TypeError)
"""Events that contradict each other (`gateway.domain.course.Impossible`), and other JSON."""

_OFFERED, _ACCEPTED = TYPES[None], TYPES[HandoffAction.ACCEPT]
_RECALLED, _ANSWERED = TYPES[HandoffAction.RECALL], TYPES[HandoffAction.ANSWER_RECALL]
_ERASED, _INTEREST = "case.erased", "interest.declared"
_STEPS = {event: step for step, event in reversed([*TYPES.items()])}
_EVENTS = {str(step or "offer"): event for step, event in TYPES.items()}


@dataclass
class ToldHandoff:
    """What the stream tells of a handoff: this member's ``box``, its moves (number and type of each
    event), the number of the newest event, whether it was opened before an acceptance, and whether
    the recipient's gateway refused the offer."""

    box: str
    moves: list[tuple[int, str]] = field(default_factory=list)
    newest: int = 0
    consulted: bool = False
    returned: int | None = None

    @property
    def types(self) -> list[str]:
        """The events of its moves."""
        return [kind for _, kind in self.moves]

    def course(self, erased: int | None) -> Course:
        """Where its moves lead, whose case was ``erased`` at a number. Raises Impossible."""
        moves = (
            Moved(
                sequence,
                _STEPS[kind],
                readable=False,
                late=at > (erased or at),
                returned=at > (self.returned or at),
            )
            for sequence, (at, kind) in enumerate(self.moves, 1)
        )
        ended = {"erased": erased is not None, "returned": self.returned is not None}
        return fold(moves, consulted=self.consulted, **ended)

    def recalled(self, course: Course) -> bool | None:
        """Tell whether a recall stands on it; None where its events do not tell: whether the copies
        were erased before, or whether it was opened without the originator's hearing of it."""
        if _RECALLED not in self.types:
            return False
        unheard = self.box == "out" and course.recall is None
        answered = _ANSWERED in self.types[: self.types.index(_RECALLED)]
        return None if unheard or answered else course.recall is not None

    def owed(self, course: Course) -> Iterator[DutyKind]:
        """Return what its recipient owes for certain: the answer to an offer, and those to a
        recall."""
        if course.state is HandoffState.OFFERED:
            yield DutyKind.ANSWER
        elif self.recalled(course) and _ANSWERED not in self.types:
            yield DutyKind.RECALL_ANSWER
            if TYPES[HandoffAction.ACKNOWLEDGE_RECALL] not in self.types:
                yield DutyKind.RECALL_ACKNOWLEDGEMENT


class ToldStream:
    """What the stream of an organisation told up to the number ``last``. Threads share it under its
    ``lock``; each contradiction has the number of the handoff's newest event, and words."""

    def __init__(self, organisation: str, log: str, checkpoint_file: Path | None) -> None:
        """Nothing is read before `begin`; it is kept beside the checkpoint, if that is kept."""
        self._own, self._of, self._checkpoint = organisation, [log, organisation], checkpoint_file
        self.lock, self.last, self.interested = threading.RLock(), 0, False
        self._kept = list[list[Any]]()
        self._handoffs: dict[str, ToldHandoff] = {}
        self._erased: dict[tuple[str, str], int] = {}
        # Own cases by their id, of others a handoff: each chooses the ids of its own.

    @property
    def _file(self) -> Path | None:
        return self._checkpoint and self._checkpoint.with_name(f"{self._checkpoint.name}.stream")

    def begin(self) -> None:
        """Go on from what is kept; from the beginning where that, or the checkpoint, is gone."""
        if self.last or self._file is None or not (self._checkpoint and self._checkpoint.exists()):
            return
        with suppress(OSError, *_MALFORMED):
            of, last, kept = canonical.decode(self._file.read_bytes())
            if of == self._of and type(last) is int:
                for one in kept:
                    self._note(*one)
                self.last = last

    def keep(self) -> None:
        """Keep what it told."""
        if self._file is not None:
            told = json.dumps([self._of, self.last, self._kept])
            with raising(SettingsError, f"{self._file} cannot be written", OSError):
                files.replace(self._file, told.encode())

    def take(self, number: int, confirmed: VerifiedReceipt) -> None:
        """Take in the next event of the stream, whose receipt was verified."""
        self.last = number
        if confirmed.allowed:
            about = confirmed.event.get("handoff") or confirmed.subject().get("case")
            roles = {one["role"] for one in confirmed.details("party")}
            box = "out" if "originator" in roles else "in"
            self._note(number, confirmed.type, str(about), box)

    def _note(self, number: int, kind: str, about: str, box: str) -> None:
        """Note an event of a handoff, or the erasure of an own case, by its id."""
        if kind == _OFFERED:
            self._handoffs[about] = ToldHandoff(box)
        told = self._handoffs.get(about)
        if kind == _ERASED:
            self._erased[box, about] = number
        elif kind == RETURNED and told is not None:
            told.returned = number
        elif kind == _INTEREST:
            self.interested = True
        elif told and kind in _STEPS:
            told.moves.append((number, kind))
        elif told and kind == CONSULTED:
            told.consulted |= _ACCEPTED not in told.types
        else:
            return
        if told:
            told.newest = number
        self._kept.append([number, kind, about, box])

    def in_list(
        self, items: Iterable[Mapping[str, Any]], whole: str | None, state: str | None
    ) -> Iterator[tuple[int, str]]:
        """Return what a list says otherwise, or leaves out of a ``whole`` box, or of what is in a
        state there."""
        listed = set()
        for item in items:
            listed.add(item["handoff"])
            yield from self.in_item(item)
        for name, told in self._expected(whole):
            stands = told.course(self._erased.get(("in", name))).state
            if name not in listed and state in (None, stands):
                yield told.newest, f"handoff {name}, which is {stands}, is left out"

    def in_item(self, item: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
        """Return what one handoff is shown as otherwise."""
        name, told = item["handoff"], self._handoffs.get(item["handoff"])
        if told is None or self._own != item["originator" if told.box == "out" else "recipient"]:
            yield 0, f"handoff {name} is shown, of which no event tells"
            return
        erased = self._erased.get((told.box, name if told.box == "in" else item["case"]))
        course = told.course(erased)
        recalled, shown = told.recalled(course), item["recalled"]
        # The event of an acceptance does not tell whether it named groups.
        state = str(item["state"]).removeprefix("partially_")
        if (state, item["package"]) != (course.state, course.package) or (
            recalled not in (None, shown)
        ):
            yield (
                max(told.newest, erased or 0),
                (
                    f"handoff {name} is shown as {_words(state, item['package'], shown)}, not "
                    f"{_words(course.state, course.package, recalled)}"
                ),
            )

    def in_duties(self, duties: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, str]]:
        """Return what is owed, and left out."""
        shown = {(one["handoff"], one["kind"]) for one in duties}
        for name, told in self._expected("in"):
            for kind in told.owed(told.course(self._erased.get(("in", name)))):
                if (name, kind) not in shown:
                    owed = kind.replace("_", " ")
                    yield told.newest, f"handoff {name} asks for its {owed}, which is left out"

    def in_view(self, view: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
        """Return what a handoff with its documents says otherwise."""
        told = self._handoffs.get(view["handoff"])
        if told and [_EVENTS[one["kind"]] for one in view["answers"]] != told.types:
            yield told.newest, f"handoff {view['handoff']} is shown with other answers"
        yield from self.in_item(view)

    def _expected(self, box: str | None) -> Iterator[tuple[str, ToldHandoff]]:
        """The handoffs of a box that have to be shown: to who declared an interest not all are."""
        if not (self.interested and box == "in"):
            yield from (one for one in self._handoffs.items() if one[1].box == box)


def _words(state: str, package: int, recalled: bool | None) -> str:
    return f"{state} (package {package}{', recalled' if recalled else ''})"


OnEnd = Callable[[str, StreamHead], None]
"""Told the end of a stream: the statement's text, and what it says."""


@dataclass(frozen=True)
class StreamEvent:
    """An event of this organisation's own: its place in the stream, and its receipt."""

    stream_number: int
    event: UUID
    receipt: Receipt
    confirmed: VerifiedReceipt


class Events(ClientBase):
    """The stream of events that concern this organisation."""

    def __init__(self, connection: PartnerConnection, *base: Any, **more: Any) -> None:
        """Nothing is read yet."""
        super().__init__(connection, *base, **more)
        log, file = connection.log_key.name, connection.checkpoint_file
        self._told = ToldStream(connection.organisation, log, file)

    def events(self, after: int = 0, on_end: OnEnd | None = None) -> Iterator[StreamEvent]:
        """This organisation's own events after a place in its stream, each receipt verified.

        ``on_end`` is given the gateway's verified statement of where the stream ends, once for
        each page, before its entries. Raises EvidenceMismatch when one is missing between
        ``after`` and that end.
        """
        path: str | None = f"/events?after={int(after)}"
        while path:
            before = self._exchange.newest()
            page = self._exchange.read("events.read", path)
            end = evidence_checks.confirm_end(page, self.connection)
            self._exchange.observe_head(end, before)
            if on_end:
                on_end(page["signed_head"], end)
            for item in list_of(page, "events"):
                after = after + 1
                entry = self._entry(item, after)
                self._exchange.observe(entry.confirmed, before)
                yield entry
            path = next_page(page, path)
            last = end.stream_number
            require(
                last >= after,
                f"the stream of events went back: its last number is {last}, and {after} was known",
            )
            require(bool(path) or last == after, "the end of the stream of events is missing")

    def record_search(
        self, by: str, reason_code: str, reason: str, filters: Mapping[str, Any]
    ) -> ConfirmedWrite:
        """Put on record that one's own events are searched, by whom, why and for what: a ``case``,
        a ``handoff``, a ``person``, ``types``, days ``from`` and ``to``."""
        asked = {"by": by, "reason_code": reason_code, "reason": reason, "filters": filters}
        return self._write("events.search", "/events/searches", **asked)

    def receipt(self, event: UUID | str) -> StreamEvent:
        """The receipt of one event that concerns this organisation, verified."""
        found, confirmed = self._proved(event)
        numbers = confirmed.stream_numbers(self.connection.organisation)
        return StreamEvent(numbers[0] if numbers else 0, UUID(spelled(event)), found, confirmed)

    def _held(
        self,
        show: Callable[[], Shown],
        contradictions: Callable[[ToldStream, Shown], Iterable[tuple[int, str]]],
    ) -> Shown:
        """Return what the gateway shows, held against this stream, to which it reads on.

        Where they differ, both are read a second time: an event may have come between. A difference
        counts unless its handoff has an event since then. Raises EvidenceMismatch. A system
        without the scope for events believes what it is shown, which is logged.
        """
        told, since = self._told, -1
        while True:
            shown = show()
            if not self._exchange.may("events.read"):
                logger.warning("Not held against its own events: this system lacks events.read.")
                return shown
            with told.lock:
                told.begin()
                known = told.last
                try:
                    for one in self.events(known):
                        told.take(one.stream_number, one.confirmed)
                finally:
                    if told.last > known:
                        told.keep()
                with raising(EvidenceMismatch, "what is shown cannot be compared", _MALFORMED):
                    said = list(contradictions(told, shown))
                if refused := [what for at, what in said if at <= since]:
                    raise EvidenceMismatch(
                        f"{refused[0]}: your own events say otherwise. Do not rely on what is "
                        "shown: telephone the gateway's administrators; `casegate event list` "
                        "shows the events"
                    )
                if not said or since >= 0:
                    return shown
                since = told.last

    def _entry(self, item: Any, place: int) -> StreamEvent:
        well_formed = isinstance(item, dict) and item.get("stream_number") == place
        require(well_formed, f"number {place} of the stream of events is missing")
        found = evidence_checks.read_receipt(item.get("receipt"))
        confirmed = evidence_checks.confirm_event(str(item.get("event")), found, self.connection)
        own = confirmed.stream_numbers(self.connection.organisation)
        require(own == [place], f"number {place} of the stream of events is another event")
        return StreamEvent(place, UUID(confirmed.event["id"]), found, confirmed)
