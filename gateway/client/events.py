"""This organisation's own events, complete and in order, each with a receipt that is verified."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.client import confirmation
from gateway.client.documents import require
from gateway.client.exchange import list_of, next_page, spelled
from gateway.client.member import Member
from gateway.evidence.receipt import Confirmed, Receipt
from gateway.evidence.stream import StreamHead

ToldEnd = Callable[[str, StreamHead], None]
"""Told the end of a stream: the statement's text, and what it says."""


@dataclass(frozen=True)
class Entry:
    """An event of this organisation's own: its place in the stream, and its receipt."""

    pseq: int
    event: UUID
    receipt: Receipt
    confirmed: Confirmed


class Events(Member):
    """The stream of events that concern this organisation."""

    def events(self, after: int = 0, told_end: ToldEnd | None = None) -> Iterator[Entry]:
        """This organisation's own events after a place in its stream, each receipt verified.

        ``told_end`` is given the gateway's verified statement of where the stream ends, once for
        each page, before its entries. Raises ReceiptMismatch when one is missing between
        ``after`` and that end.
        """
        path: str | None = f"/events?after={int(after)}"
        while path:
            before = self._exchange.newest()
            page = self._exchange.read("events.read", path)
            end = confirmation.confirm_end(page, self.connection)
            self._exchange.observe_note(end.note, before)
            if told_end:
                told_end(page["statement"], end)
            for item in list_of(page, "events"):
                after = after + 1
                entry = self._entry(item, after)
                self._exchange.observe(entry.receipt, before)
                yield entry
            path = next_page(page, path)
            require(
                bool(path) or page.get("head") == after,
                "the end of the stream of events is missing",
            )

    def receipt(self, event: UUID | str) -> Entry:
        """The receipt of one event that concerns this organisation, verified."""
        before = self._exchange.newest()
        members = self._exchange.read("receipt.read", f"/receipts/{spelled(event)}")
        found = confirmation.read_receipt(members)
        confirmed = confirmation.confirm_event(spelled(event), found, self.connection)
        self._exchange.observe(found, before)
        place = confirmation.own_place(confirmed, self.connection) or 0
        return Entry(place, UUID(spelled(event)), found, confirmed)

    def _entry(self, item: Any, place: int) -> Entry:
        well_formed = isinstance(item, dict) and item.get("pseq") == place
        require(well_formed, f"number {place} of the stream of events is missing")
        found = confirmation.read_receipt(item.get("receipt"))
        confirmed = confirmation.confirm_event(str(item.get("event")), found, self.connection)
        own = confirmation.own_place(confirmed, self.connection)
        require(own == place, f"number {place} of the stream of events is another event")
        return Entry(place, UUID(confirmed.event["id"]), found, confirmed)
