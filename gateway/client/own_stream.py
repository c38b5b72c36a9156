"""One's own stream of events, each with its receipt, and what is shown held against it."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from gateway.client import evidence_checks
from gateway.client.cases import ClientBase
from gateway.client.documents import require
from gateway.client.errors import EvidenceMismatch, raising
from gateway.client.session import list_of, next_page, spelled
from gateway.client.told_stream import ToldStream
from gateway.evidence.receipt import Receipt, VerifiedReceipt
from gateway.evidence.stream import StreamHead

logger = logging.getLogger(__name__)

Shown = TypeVar("Shown")

_MALFORMED = (ValueError, KeyError, TypeError)
"""Events that contradict each other (`gateway.domain.course.Impossible`), and other JSON."""

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

    def receipt(self, event: UUID | str) -> StreamEvent:
        """The receipt of one event that concerns this organisation, verified."""
        found, confirmed = self._proved(event)
        numbers = confirmed.stream_numbers(self.connection.organisation)
        return StreamEvent(numbers[0] if numbers else 0, UUID(spelled(event)), found, confirmed)

    def _held(
        self,
        show: Callable[[], Shown],
        contradictions: Callable[[ToldStream, Shown, int], Iterator[str]],
    ) -> Shown:
        """What the gateway shows, held against this stream, to which it reads on.

        Where they differ, both are read once more: an event may have come between. Raises
        EvidenceMismatch. Without the scope for the stream nothing is compared, and that is logged.
        """
        told, differs, since = self._exchange.told, "", None
        for _ in range(2):
            shown = show()
            if not self._exchange.may("events.read"):
                logger.warning("Not held against its own events: this system lacks events.read.")
                return shown
            with told.lock:
                told.begin()
                try:
                    for one in self.events(told.last):
                        told.take(one.stream_number, one.confirmed)
                finally:
                    told.keep()
                before, since = told.last if since is None else since, told.last
                with raising(EvidenceMismatch, "what is shown cannot be compared", _MALFORMED):
                    differs = next(contradictions(told, shown, before), "")
            if not differs:
                return shown
        raise EvidenceMismatch(
            f"{differs}: your own events say otherwise. Do not rely on what is shown: telephone "
            "the gateway's administrators; `casegate event list` shows the events"
        )

    def _entry(self, item: Any, place: int) -> StreamEvent:
        well_formed = isinstance(item, dict) and item.get("stream_number") == place
        require(well_formed, f"number {place} of the stream of events is missing")
        found = evidence_checks.read_receipt(item.get("receipt"))
        confirmed = evidence_checks.confirm_event(str(item.get("event")), found, self.connection)
        own = confirmed.stream_numbers(self.connection.organisation)
        require(own == [place], f"number {place} of the stream of events is another event")
        return StreamEvent(place, UUID(confirmed.event["id"]), found, confirmed)
