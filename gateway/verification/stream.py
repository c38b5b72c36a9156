"""A stream: the gateway's signed last number, and proof that no event is missing.

Each event has a number in the stream of each of its parties: 1, 2, 3... without a gap. The
gateway signs the last number with its attestation key, for one signed checkpoint of the log.
Receipts with all numbers up to that one are all events of the organisation. Two events under
one number, an event after the last one, or two roots of one size are contradictions, which the
files prove.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, pairwise
from typing import Any

from gateway.domain.json_values import format_timestamp
from gateway.evidence import canonical, receipt
from gateway.evidence.dated_statement import HEAD_TYP
from gateway.evidence.receipt import VerifiedReceipt
from gateway.ledger.note import Checkpoint
from gateway.text.numbers import pluralise
from gateway.verification import history, report
from gateway.verification.account import account_of_search
from gateway.verification.dated_statement import read_dated
from gateway.verification.history import LogHistory, SignedTree
from gateway.verification.log_copy import VerifiedCopy
from gateway.verification.trust import TrustAnchors, confirm_receipt


@dataclass(frozen=True)
class StreamHead:
    """A verified stream head: ``stream_number`` is the organisation's last under ``checkpoint``.

    It is 0 for an organisation without events. ``at`` is the gateway's time, in whole seconds;
    ``kid`` the key that signed. ``note`` is the checkpoint as the log signed it.
    """

    organisation: str
    stream_number: int
    checkpoint: Checkpoint
    note: str
    at: datetime
    kid: str


def read_head(text: str, trust: TrustAnchors) -> StreamHead:
    """Verify a stream head; raises what `read_dated` raises."""
    dated = read_dated(text, HEAD_TYP, trust)
    number = dated.number("stream_number")
    return StreamHead(dated.organisation, number, dated.checkpoint, dated.note, dated.at, dated.kid)


_NAMED_AT_MOST = 5
_UNCOMPARED = "comparing roots of different sizes needs a copy of the log (--log)"


@dataclass(frozen=True)
class _StreamPosition:
    """An event's number in the stream, and its entry in the log."""

    name: str
    event: str
    stream_number: int
    index: int


def verify_stream(
    statements: Sequence[report.InputFile],
    receipts: Iterable[report.InputFile],
    trust: TrustAnchors,
    copy: VerifiedCopy | None = None,
) -> report.VerificationReport:
    """Verify that the receipts are one stream from 1 to the newest stream head's number.

    ``statements`` are texts of `issue_dated`, of one organisation; ``receipts`` JSON of
    `receipt.to_json`, read one by one. Roots of different sizes are compared only with a verified
    ``copy`` of the log.
    """
    proof = StreamVerification(statements, receipts, trust, copy)
    return report.run_steps("stream", proof.steps(), proof.conclude)


def of_page(data: bytes) -> tuple[list[report.InputFile], list[report.InputFile]]:
    """The stream head and the receipts in the JSON of `GET /events`; ValueError for other JSON.

    A stream can have several pages; the client writes all of them as one.
    """
    members = canonical.decode(data)
    if not isinstance(members, dict) or not isinstance(members.get("signed_head"), str):
        raise ValueError("the file has no stream head")
    return [
        report.InputFile("the signed head", members["signed_head"].encode())
    ], account_of_search(data)


class StreamVerification:
    """One stream; a method for each step."""

    head: StreamHead

    def __init__(
        self,
        statements: Sequence[report.InputFile],
        receipts: Iterable[report.InputFile],
        trust: TrustAnchors,
        copy: VerifiedCopy | None,
    ) -> None:
        self._statements, self._receipts, self._trust = statements, receipts, trust
        self._copy = copy
        self._heads: list[StreamHead] = []
        self._confirmed: list[tuple[str, VerifiedReceipt]] = []
        self._places: list[_StreamPosition] = []
        self._uncompared = False

    def steps(self) -> Sequence[tuple[str, Callable[[], str]]]:
        return (
            ("The gateway signed the last number of one stream", self.read_statements),
            ("The log contains the event of every receipt", self.read_receipts),
            ("Every receipt has a number in this stream", self.place),
            ("Every number belongs to one event", self.compare_numbers),
            ("The numbers are in the order of the log", self.compare_order),
            ("The log has one history", self.compare_roots),
            ("No number is missing, and none is later than the last", self.count_numbers),
        )

    def read_statements(self) -> str:
        for part in self._statements:
            self._heads.append(_named(part, lambda p: read_head(_part_text(p), self._trust)))
        if not self._heads:
            raise report.Incomplete("the stream head is missing")
        self._heads.sort(key=lambda head: head.checkpoint.size)
        self.head = self._heads[-1]
        if len({(head.organisation, head.checkpoint.origin) for head in self._heads}) > 1:
            raise report.Mismatch("the stream heads are of several streams or logs")
        for before, after in pairwise(self._heads):
            same = before.checkpoint.size == after.checkpoint.size
            if before.stream_number > after.stream_number or (
                same and before.stream_number != after.stream_number
            ):
                first, second = (pluralise(one.checkpoint.size, "entry") for one in (before, after))
                raise report.VerificationFailed(
                    report.Code.CONTRADICTION,
                    f"the gateway signed {before.stream_number} as the last number among {first}, "
                    f"and {after.stream_number} among {second}",
                )
        more = f"; the newest of {len(self._heads)} stream heads" if len(self._heads) > 1 else ""
        end, size = self.head, pluralise(self.head.checkpoint.size, "entry")
        return (
            f"number {end.stream_number} is the last of {end.organisation} at "
            f"{format_timestamp(end.at)}, with {size} in the log {end.checkpoint.origin}, "
            f"key {end.kid}{more}"
        )

    def read_receipts(self) -> str:
        for part in self._receipts:
            confirmed = _named(part, lambda p: confirm_receipt(receipt.parse(p.data), self._trust))
            if confirmed.event["log"] != self.head.checkpoint.origin:
                raise report.Mismatch(f"{part.name} is of another log than the statement")
            self._confirmed.append((part.name, confirmed))
        return pluralise(len(self._confirmed), "receipt")

    def place(self) -> str:
        for name, confirmed in self._confirmed:
            numbers = {*confirmed.stream_numbers(self.head.organisation)}
            event = str(confirmed.event["id"])
            if not numbers:
                raise report.Mismatch(
                    f"{name} (event {event}) does not name {self.head.organisation} as a party"
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
                raise report.VerificationFailed(
                    report.Code.CONTRADICTION,
                    f"the number {stream_number} belongs to {len(events)} events (entries "
                    f"{_listed(index for index, _ in sorted(events))})",
                )
        for (index, event), numbers in sorted(by_event.items()):
            if len(numbers) > 1:
                raise report.VerificationFailed(
                    report.Code.CONTRADICTION,
                    f"the event {event} (entry {index}) has the numbers {_listed(sorted(numbers))}",
                )
        self._places = sorted(
            {p.stream_number: p for p in self._places}.values(), key=lambda p: p.stream_number
        )
        twice = len(self._confirmed) - len(self._places)
        return f"{pluralise(twice, 'repeated receipt')}" if twice else ""

    def count_numbers(self) -> str:
        there = {place.stream_number for place in self._places}
        # The signed number may be huge: count what is missing without building a list of it.
        missing = self.head.stream_number - sum(
            stream_number <= self.head.stream_number for stream_number in there
        )
        if missing:
            absent = (
                stream_number
                for stream_number in range(1, self.head.stream_number + 1)
                if stream_number not in there
            )
            raise report.Incomplete(
                f"missing: number {_listed(absent)} ({missing} of {self.head.stream_number})"
            )
        last = max(there, default=0)
        if last > self.head.stream_number:
            raise report.Incomplete(
                f"the stream continues after the stream head, to number {last} at least: get a "
                "newer stream head"
            )
        return f"1 to {last}" if last else "the stream has no events yet"

    def compare_order(self) -> str:
        size = self.head.checkpoint.size
        for place in self._places:
            inside, counted = place.index < size, place.stream_number <= self.head.stream_number
            if inside is not counted:
                raise report.VerificationFailed(
                    report.Code.CONTRADICTION,
                    f"the gateway signed that {self.head.stream_number} is the last number among "
                    f"{pluralise(size, 'entry')}, but entry {place.index} is number "
                    f"{place.stream_number} ({place.name})",
                )
        for before, after in pairwise(self._places):
            if before.index >= after.index:
                raise report.VerificationFailed(
                    report.Code.CONTRADICTION,
                    f"number {after.stream_number} (entry {after.index}) comes before number "
                    f"{before.stream_number} (entry {before.index}) in the log",
                )
        return f"the stream head covers the entries before entry {size}"

    def compare_roots(self) -> str:
        found = [SignedTree(head.checkpoint, head.note) for head in self._heads]
        found += [history.of_receipt(confirmed) for _, confirmed in self._confirmed]
        known = LogHistory(found)
        roots = {one.checkpoint.size: one.checkpoint.root for one in found}
        shown = f"one root for each of {pluralise(len(roots), 'size')} shown"
        if (copy := self._copy) is None:
            self._uncompared = not known.is_shown(self.head.checkpoint.origin)
            return f"{shown}; {_UNCOMPARED}" if self._uncompared else shown
        if copy.checkpoint.origin != self.head.checkpoint.origin:
            raise report.Mismatch("the copy of the log is of another log")
        inside = {size: root for size, root in roots.items() if size <= copy.checkpoint.size}
        for size, root in sorted(inside.items()):
            if copy.root(size) != root:
                raise report.VerificationFailed(
                    report.Code.CONTRADICTION,
                    f"the log signed another root for {size} entries than the copy has, whose "
                    "checkpoint it signed as well: it is forked",
                )
        later = len(roots) - len(inside)
        more = f", {later} beyond it" if later else ""
        return f"{shown}; {len(inside)} of {len(roots)} roots are those of the copy{more}"

    def confirmed(self) -> list[VerifiedReceipt]:
        """The events, in the order of the log."""
        found = {one.index: one for _, one in self._confirmed}
        return [found[index] for index in sorted(found)]

    def conclude(self) -> report.Conclusion:
        """Return what follows from steps that all passed."""
        head = self.head
        values = {
            "organisation": head.organisation,
            "number": head.stream_number,
            "log": head.checkpoint.origin,
            "size": head.checkpoint.size,
            "at": format_timestamp(head.at),
        }
        return report.Conclusion(
            [
                report.Fact("stream.complete", values),
                report.Fact("stream.last", values),
                report.Fact("times"),
                report.Fact("stream.later"),
                *([report.Fact("stream.fork")] if self._uncompared else []),
            ]
        )


def _named(part: report.InputFile, read: Callable[[report.InputFile], Any]) -> Any:
    """Read a part; an error keeps its class, and its message begins with the part's name."""
    try:
        return read(part)
    except ValueError as error:
        error.args = (f"{part.name}: {error}",)
        raise


def _part_text(part: report.InputFile) -> str:
    return part.data.decode("ascii", errors="replace").removesuffix("\n")


def _listed(numbers: Iterable[int]) -> str:
    first = list(islice(numbers, _NAMED_AT_MOST + 1))
    listed = ", ".join(str(number) for number in first[:_NAMED_AT_MOST])
    return f"{listed} and more" if len(first) > _NAMED_AT_MOST else listed
