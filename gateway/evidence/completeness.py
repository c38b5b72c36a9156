"""Whether the receipts at hand are all events of one organisation up to a date, and nothing else.

The numbers in the receipts must run from 1 to the last one that the gateway signed for. What the
gateway signed is compared with itself as well: two events under one number, an event after the
last one, two roots of one size are contradictions, and the files that show one are its proof.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

from gateway.evidence import canonical, receipt, stream
from gateway.evidence.event import PARTY
from gateway.evidence.log_copy import VerifiedReplica
from gateway.evidence.receipt import MalformedReceipt, Receipt, VerifiedReceipt
from gateway.evidence.report import (
    Code,
    VerificationFailed,
    VerificationReport,
    pluralise,
    run_steps,
)
from gateway.evidence.stream import StreamHead
from gateway.evidence.trust import TrustAnchors, confirm_receipt
from gateway.ledger.checkpoint import Checkpoint

MAX_RECEIPT_BYTES = 512 * 1024
"""A receipt file's longest, as in `verdict`."""

_NAMED_AT_MOST = 5
_UNCOMPARED = "roots of different sizes were not compared, which takes a copy of the log (--log)"


@dataclass(frozen=True)
class InputFile:
    """One file: its name, for the verdict, and its bytes. A page's receipts are parts, too."""

    name: str
    data: bytes


@dataclass(frozen=True)
class _StreamPosition:
    """Where an event stands: its number in the stream, and its entry in the log."""

    name: str
    event: str
    stream_number: int
    index: int


def verify_stream(
    statements: Sequence[InputFile],
    receipts: Iterable[InputFile],
    trust: TrustAnchors,
    copy: VerifiedReplica | None = None,
) -> VerificationReport:
    """Verify that the receipts are one stream from 1 to the newest statement's number.

    ``statements`` are texts of `stream.issue_head`, of one organisation; ``receipts`` JSON of
    `receipt.to_json`, read one by one. With a whole ``copy`` of the log, all that it signed is
    held against that: without, roots of different sizes cannot be compared.
    """
    proof = _StreamVerification(statements, receipts, trust, copy)
    return run_steps("stream", proof.steps(), proof.conclude)


def of_page(data: bytes) -> tuple[list[InputFile], list[InputFile]]:
    """The statement and the receipts in the JSON that `GET /events` answers; ValueError for else.

    Only the first page of a stream is a whole one; the client writes all pages as one.
    """
    members = canonical.decode(data)
    if not isinstance(members, dict) or not isinstance(members.get("statement"), str):
        raise ValueError("the file has no statement of a stream's end")
    events = members.get("events")
    if not isinstance(events, list) or not all(isinstance(one, dict) for one in events):
        raise ValueError("the file has no list of events")
    parts = [
        InputFile(f"event {number}", canonical.encode(one.get("receipt")))
        for number, one in enumerate(events, start=1)
    ]
    return [InputFile("the statement", members["statement"].encode())], parts


class _StreamVerification:
    """The reading of one stream, a method for each step."""

    head: StreamHead

    def __init__(
        self,
        statements: Sequence[InputFile],
        receipts: Iterable[InputFile],
        trust: TrustAnchors,
        copy: VerifiedReplica | None,
    ) -> None:
        self._statements, self._receipts, self._trust = statements, receipts, trust
        self._copy = copy
        self._heads: list[StreamHead] = []
        self._confirmed: list[tuple[str, VerifiedReceipt]] = []
        self._places: list[_StreamPosition] = []
        self._uncompared = False

    def steps(self) -> Sequence[tuple[str, Callable[[], str]]]:
        return (
            ("The gateway states the end of one stream", self.read_statements),
            ("The log holds the event of every receipt", self.read_receipts),
            ("Every receipt gives its number in this stream", self.place),
            ("No number is given to two events", self.compare_numbers),
            ("The numbers follow the log, up to its end", self.compare_order),
            ("The log shows one history", self.compare_roots),
            ("No number is missing, and none comes later", self.count_numbers),
        )

    def read_statements(self) -> str:
        for part in self._statements:
            self._heads.append(_named(part, lambda p: stream.read_head(_text(p), self._trust)))
        if not self._heads:
            raise VerificationFailed(Code.INCOMPLETE, "there is no statement of the stream's end")
        self._heads.sort(key=lambda head: head.checkpoint.size)
        self.head = self._heads[-1]
        if len({(head.organisation, head.checkpoint.origin) for head in self._heads}) > 1:
            raise VerificationFailed(Code.MISMATCH, "the statements are of several streams or logs")
        for before, after in pairwise(self._heads):
            same = before.checkpoint.size == after.checkpoint.size
            if before.stream_number > after.stream_number or (
                same and before.stream_number != after.stream_number
            ):
                first, second = _entries(before.checkpoint), _entries(after.checkpoint)
                raise VerificationFailed(
                    Code.CONTRADICTION,
                    f"the gateway signed the number {before.stream_number} as the last of {first}, "
                    f"and {after.stream_number} of {second}",
                )
        more = f"; the newest of {len(self._heads)} statements" if len(self._heads) > 1 else ""
        return f"{_end(self.head)}, key {self.head.kid}{more}"

    def read_receipts(self) -> str:
        for part in self._receipts:
            confirmed = _named(part, lambda p: confirm_receipt(_receipt(p), self._trust))
            if confirmed.event["log"] != self.head.checkpoint.origin:
                raise VerificationFailed(
                    Code.MISMATCH, f"{part.name} is of another log than the statement"
                )
            self._confirmed.append((part.name, confirmed))
        return pluralise(len(self._confirmed), "receipt")

    def place(self) -> str:
        for name, confirmed in self._confirmed:
            numbers = {
                value["stream_number"]
                for kind, value in confirmed.opened.shown
                if kind == PARTY and value["organisation"] == self.head.organisation
            }
            event = str(confirmed.event["id"])
            if not numbers:
                raise VerificationFailed(
                    Code.MISMATCH,
                    f"{name} (event {event}) does not say that {self.head.organisation} is a party",
                )
            self._places += [
                _StreamPosition(name, event, stream_number, confirmed.index)
                for stream_number in numbers
            ]
        return f"{self.head.organisation} is a party of every event"

    def compare_numbers(self) -> str:
        by_number, by_event = defaultdict(set), defaultdict(set)
        for place in self._places:
            by_number[place.stream_number].add((place.index, place.event))
            by_event[place.index, place.event].add(place.stream_number)
        for stream_number, events in sorted(by_number.items()):
            if len(events) > 1:
                raise VerificationFailed(
                    Code.CONTRADICTION,
                    f"the number {stream_number} was given to {len(events)} events (entries "
                    f"{_listed(index for index, _ in sorted(events))})",
                )
        for (index, event), numbers in sorted(by_event.items()):
            if len(numbers) > 1:
                raise VerificationFailed(
                    Code.CONTRADICTION,
                    f"the event {event} (entry {index}) has the numbers {_listed(sorted(numbers))}",
                )
        self._places = sorted(
            {p.stream_number: p for p in self._places}.values(), key=lambda p: p.stream_number
        )
        twice = len(self._confirmed) - len(self._places)
        return f"{pluralise(twice, 'receipt')} of events shown before" if twice else ""

    def count_numbers(self) -> str:
        there = {place.stream_number for place in self._places}
        # The stated end may be any number: what is missing is counted, and not made.
        missing = self.head.stream_number - sum(
            stream_number <= self.head.stream_number for stream_number in there
        )
        if missing:
            absent = (
                stream_number
                for stream_number in range(1, self.head.stream_number + 1)
                if stream_number not in there
            )
            raise VerificationFailed(
                Code.INCOMPLETE,
                f"{missing} of {pluralise(self.head.stream_number, 'event')} are missing, "
                f"number {_listed(absent)}",
            )
        last = max(there, default=0)
        if last > self.head.stream_number:
            raise VerificationFailed(
                Code.INCOMPLETE,
                f"the stream goes on after the statement, to number {last} at least: get a newer "
                "statement",
            )
        return f"1 to {last}" if last else "the stream has no events yet"

    def compare_order(self) -> str:
        size = self.head.checkpoint.size
        for place in self._places:
            inside, counted = place.index < size, place.stream_number <= self.head.stream_number
            if inside is not counted:
                self._refuse_end(place)
        for before, after in pairwise(self._places):
            if before.index >= after.index:
                raise VerificationFailed(
                    Code.CONTRADICTION,
                    f"number {after.stream_number} (entry {after.index}) stands in the log before number "
                    f"{before.stream_number} (entry {before.index})",
                )
        return f"the statement is about the entries before number {size}"

    def _refuse_end(self, place: _StreamPosition) -> None:
        raise VerificationFailed(
            Code.CONTRADICTION,
            f"the gateway signed that {self.head.stream_number} is the last number among "
            f"{_entries(self.head.checkpoint)}, but entry {place.index} is number {place.stream_number} "
            f"({place.name})",
        )

    def compare_roots(self) -> str:
        roots: dict[int, bytes] = {}
        stated = [head.checkpoint for head in self._heads]
        for checkpoint in (*stated, *(one.checkpoint for _, one in self._confirmed)):
            if roots.setdefault(checkpoint.size, checkpoint.root) != checkpoint.root:
                raise VerificationFailed(
                    Code.CONTRADICTION,
                    f"the log signed two roots for {_entries(checkpoint)}: it is forked",
                )
        shown = f"one root for each of {pluralise(len(roots), 'size')} shown"
        if self._copy is not None:
            return f"{shown}; {self._compare_copy(self._copy, roots)}"
        self._uncompared = len(roots) > 1
        return f"{shown}; {_UNCOMPARED}" if self._uncompared else shown

    def _compare_copy(self, copy: VerifiedReplica, roots: Mapping[int, bytes]) -> str:
        if copy.checkpoint.origin != self.head.checkpoint.origin:
            raise VerificationFailed(Code.MISMATCH, "the copy is of another log")
        inside = {size: root for size, root in roots.items() if size <= copy.checkpoint.size}
        for size, root in sorted(inside.items()):
            if copy.root(size) != root:
                raise VerificationFailed(
                    Code.CONTRADICTION,
                    f"the log signed another root for {size} entries than the copy has, whose "
                    "checkpoint it signed as well: it is forked",
                )
        later = len(roots) - len(inside)
        more = f", {later} beyond it" if later else ""
        return f"{len(inside)} of them are those of the copy{more}"

    def conclude(self) -> str:
        head = self.head
        events = (
            f"these are all {pluralise(head.stream_number, 'event')} of {head.organisation}, none missing, "
            f"none twice"
            if head.stream_number
            else f"{head.organisation} has no event"
        )
        return (
            f"Complete: {events} in the log {head.checkpoint.origin} up to {_moment(head)} "
            f"({_entries(head.checkpoint)}). What came later this does not show. That number "
            f"{head.stream_number} is the last is the gateway's signed word: an event of "
            f"{head.organisation} in those entries that is not here would prove it false."
            f"{self._one_history()}"
        )

    def _one_history(self) -> str:
        if not self._uncompared:
            return ""
        return f" Whether all of it is of one history is not shown: {_UNCOMPARED}."


def _named(part: InputFile, read: Callable[[InputFile], Any]) -> Any:
    """Read a part; what is wrong with it is told with its name, in the same kind of error."""
    try:
        return read(part)
    except ValueError as error:
        error.args = (f"{part.name}: {error}",)
        raise


def _text(part: InputFile) -> str:
    return part.data.decode("ascii", errors="replace").removesuffix("\n")


def _receipt(part: InputFile) -> Receipt:
    if len(part.data) > MAX_RECEIPT_BYTES:
        raise MalformedReceipt(f"a receipt is not longer than {MAX_RECEIPT_BYTES} bytes")
    try:
        members = canonical.decode(part.data)
    except ValueError as error:
        raise MalformedReceipt(f"not JSON as we write it: {error}") from None
    return receipt.from_json(members)


def _listed(numbers: Iterable[int]) -> str:
    known = list(islice(numbers, _NAMED_AT_MOST + 1))
    told = ", ".join(str(number) for number in known[:_NAMED_AT_MOST])
    return f"{told} and more" if len(known) > _NAMED_AT_MOST else told


def _entries(checkpoint: Checkpoint) -> str:
    return "1 entry" if checkpoint.size == 1 else f"{checkpoint.size} entries"


def _moment(head: StreamHead) -> str:
    return head.at.isoformat().replace("+00:00", "Z")


def _end(head: StreamHead) -> str:
    return (
        f"number {head.stream_number} is the last of {head.organisation} at {_moment(head)}, with "
        f"{_entries(head.checkpoint)} in the log {head.checkpoint.origin}"
    )
