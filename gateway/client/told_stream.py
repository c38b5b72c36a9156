"""What this member's stream of events tells of its handoffs, and what contradicts it.

Lists and handoffs are read from rows, which whoever has the gateway's database can change; the
stream is in the log, with numbers without a gap. What it told is kept beside the checkpoint, so
that only newer events are read: ids, types and numbers, and no content.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway import files
from gateway.client.errors import SettingsError, raising
from gateway.domain.course import Course, Moved, fold
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import HandoffAction, HandoffState
from gateway.evidence import canonical
from gateway.evidence.handoff_course import CONSULTED, TYPES
from gateway.evidence.receipt import VerifiedReceipt

OFFER = "offer"
"""What stands for the step of the first document, which has none."""

_STEPS = {event: str(step or OFFER) for step, event in reversed([*TYPES.items()])}
_ACCEPTED_PARTLY = {
    str(HandoffAction.ACCEPT_PARTLY): str(HandoffAction.ACCEPT),
    str(HandoffState.PARTIALLY_ACCEPTED): str(HandoffState.ACCEPTED),
}
"""An event does not tell whether an acceptance named groups."""

_RECALL, _ANSWER = str(HandoffAction.RECALL), str(HandoffAction.ANSWER_RECALL)


@dataclass
class ToldHandoff:
    """What the stream tells of a handoff: this member's ``box``, its steps with their numbers,
    whether it was consulted before an acceptance, and the number of the erasure of its case."""

    box: str
    steps: list[tuple[int, str]]
    consulted: bool = False
    erased: int | None = None

    def names(self) -> list[str]:
        """Its steps."""
        return [name for _, name in self.steps]

    def at(self, number: int) -> Course:
        """Where its steps led up to a number of the stream. Raises Impossible."""
        erased = number if self.erased is None else self.erased
        moves = (
            Moved(
                sequence,
                None if name == OFFER else HandoffAction(name),
                readable=False,
                late=at > erased,
            )
            for sequence, (at, name) in enumerate(self.steps, 1)
            if at <= number
        )
        over = self.erased is not None and self.erased <= number
        return fold(moves, consulted=self.consulted, erased=over)

    def since(self, number: int) -> Iterator[Course]:
        """Where it stood at a number of the stream, and at each later one. Raises Impossible."""
        changes = {at for at, _ in self.steps} | {self.erased or 0}
        first = max(number, self.steps[0][0])
        return map(self.at, sorted({first, *(at for at in changes if at > first)}))

    def recalled(self, course: Course) -> bool | None:
        """Whether a recall stands on it; None where its events do not tell: whether its copies were
        erased before, or whether its recipient had opened it without the originator's hearing."""
        before = self.names()[: course.sequence]
        if _RECALL not in before:
            return False
        unheard = self.box == "out" and course.recall is None
        if unheard or _ANSWER in before[: before.index(_RECALL)]:
            return None
        return course.recall is not None

    def owed(self, course: Course) -> set[DutyKind]:
        """What its recipient owes for certain: the answer to an offer, and those to a recall."""
        if course.state is HandoffState.OFFERED:
            return {DutyKind.ANSWER}
        done = self.names()[: course.sequence]
        if not self.recalled(course) or _ANSWER in done:
            return set()
        acknowledged = str(HandoffAction.ACKNOWLEDGE_RECALL) in done
        recall = {DutyKind.RECALL_ANSWER, DutyKind.RECALL_ACKNOWLEDGEMENT}
        return recall - {DutyKind.RECALL_ACKNOWLEDGEMENT} if acknowledged else recall


class ToldStream:
    """What the stream told up to its number ``last``. Threads use it under its ``lock``."""

    def __init__(self, organisation: str, log: str, checkpoint_file: Path | None) -> None:
        """Nothing is read before `begin`. It is kept where the checkpoint is, if that is kept."""
        self._own, self._log, self._checkpoint = organisation, log, checkpoint_file
        self.lock = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self.last, self._kept = 0, -1
        self._handoffs: dict[str, ToldHandoff] = {}
        self._erased: dict[str, int] = {}
        self.interested = False

    @property
    def _file(self) -> Path | None:
        return self._checkpoint and self._checkpoint.with_name(f"{self._checkpoint.name}.stream")

    def begin(self) -> None:
        """Go on from what is kept; from the beginning where that, or the checkpoint, is gone."""
        if self._kept >= 0 or not (self._checkpoint and self._checkpoint.exists() and self._file):
            return
        try:
            kept: Any = canonical.decode(self._file.read_bytes())
            if kept["of"] != [self._log, self._own]:
                return
            self._handoffs = {
                name: ToldHandoff(**{**one, "steps": [(at, step) for at, step in one["steps"]]})
                for name, one in kept["handoffs"].items()
            }
            self._erased, self.interested = kept["erased"], kept["interested"]
            self.last = self._kept = int(kept["last"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._forget()

    def keep(self) -> None:
        """Keep what it told, where that is more than is kept."""
        if self._file is None or self._kept == self.last:
            return
        told = {
            "of": [self._log, self._own],
            "last": self.last,
            "handoffs": {name: asdict(one) for name, one in self._handoffs.items()},
            "erased": self._erased,
            "interested": self.interested,
        }
        with raising(SettingsError, f"{self._file} cannot be written", OSError):
            files.replace(self._file, json.dumps(told).encode())
        self._kept = self.last

    def take(self, number: int, confirmed: VerifiedReceipt) -> None:
        """Take in the next event of the stream, whose receipt was verified."""
        event, self.last = confirmed.event, number
        if not confirmed.allowed:
            return
        name, step = event.get("handoff"), _STEPS.get(confirmed.type)
        told = self._handoffs.get(str(name))
        if confirmed.type == "interest.declared":
            self.interested = True
        elif confirmed.type == "case.erased" and name is None:
            self._erased[str(confirmed.subject().get("case"))] = number
        elif step is not None and told is None:
            roles = {one["role"] for one in confirmed.details("party")}
            box = "out" if "originator" in roles else "in"
            self._handoffs[str(name)] = ToldHandoff(box, [(number, step)])
        elif told is None:
            return
        elif step is not None:
            told.steps.append((number, step))
        elif confirmed.type == "case.erased":
            told.erased = number
        elif confirmed.type == CONSULTED and str(HandoffAction.ACCEPT) not in told.names():
            told.consulted = True

    # --- What is shown, held against it: sentences that name a handoff and what differs. What is
    # --- shown was read after the number ``since``, and events may have come while it was read.
    # --- Each raises Impossible for events that contradict each other.

    def of_list(
        self, items: Iterable[Mapping[str, Any]], since: int, whole: str | None, state: str | None
    ) -> Iterator[str]:
        """What a list says otherwise, or leaves out of a ``whole`` box, or of what is in a
        ``state``."""
        listed = set()
        for item in items:
            listed.add(item["handoff"])
            yield from self.of_item(item, since)
        for name, one in self._expected(whole or "", since):
            states = {course.state for course in one.since(since)}
            if name not in listed and (state is None or states == {state}):
                yield f"handoff {name} is left out, which is {' or '.join(sorted(states))}"

    def of_item(self, item: Mapping[str, Any], since: int) -> Iterator[str]:
        """What one handoff is shown as otherwise."""
        name, told = item["handoff"], self._handoffs.get(str(item["handoff"]))
        if told is None or self._own != item["originator" if told.box == "out" else "recipient"]:
            yield f"handoff {name} is shown, of which no event tells"
            return
        if told.box == "out":
            told.erased = self._erased.get(str(item["case"]))
        state, package, recalled = item["state"], item["package"], item["recalled"]
        told_as = ""
        for course in told.since(since):
            stands = told.recalled(course)
            same = (_whole(course.state), course.package) == (_whole(state), package)
            if same and stands in (None, recalled):
                return
            told_as = _words(_whole(course.state), course.package, stands is True)
        yield f"handoff {name} is shown as {_words(state, package, recalled)}, not {told_as}"

    def of_duties(self, duties: Iterable[Mapping[str, Any]], since: int) -> Iterator[str]:
        """What is owed, and left out."""
        shown = {(one["handoff"], one["kind"]) for one in duties}
        for name, one in self._expected("in", since):
            for kind in set.intersection(*map(one.owed, one.since(since))):
                if (name, kind) not in shown:
                    yield f"handoff {name} asks for its {kind.replace('_', ' ')}, which is left out"

    def of_view(self, view: Mapping[str, Any], since: int) -> Iterator[str]:
        """What a handoff with its documents says otherwise."""
        told = self._handoffs.get(view["handoff"])
        shown = [_whole(one["kind"]) for one in view["answers"]]
        steps = [] if told is None else told.steps
        least = sum(at <= since for at, _ in steps)
        if len(shown) < least or shown != [name for _, name in steps[: len(shown)]]:
            yield f"handoff {view['handoff']} is shown with other answers than your events name"
        else:
            yield from self.of_item(view, since)

    def _expected(self, box: str, since: int) -> Sequence[tuple[str, ToldHandoff]]:
        """The handoffs of a box that have to be shown. To who declared an interest not all are."""
        if self.interested and box == "in":
            return ()
        handoffs = self._handoffs.items()
        return [(n, one) for n, one in handoffs if one.box == box and one.steps[0][0] <= since]


def _whole(word: str) -> str:
    return _ACCEPTED_PARTLY.get(word, str(word))


def _words(state: str, package: int, recalled: bool) -> str:
    return f"{state} (package {package}{', recalled' if recalled else ''})".replace("_", " ")
