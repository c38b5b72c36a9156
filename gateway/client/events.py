"""This organisation's own events, complete and in order, each with a receipt that is verified."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from gateway.client import evidence_checks
from gateway.client.connection import PartnerConnection
from gateway.client.documents import require
from gateway.client.member import ClientBase
from gateway.client.session import ConfirmedWrite, list_of, next_page, spelled
from gateway.domain.audit_event import EVENT_TYPES
from gateway.evidence import handoff_documents
from gateway.evidence.receipt import Receipt, VerifiedReceipt
from gateway.evidence.sd_jwt import read_disclosure
from gateway.evidence.stream import StreamHead

ToldEnd = Callable[[str, StreamHead], None]
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

    def events(self, after: int = 0, told_end: ToldEnd | None = None) -> Iterator[StreamEvent]:
        """This organisation's own events after a place in its stream, each receipt verified.

        ``told_end`` is given the gateway's verified statement of where the stream ends, once for
        each page, before its entries. Raises ReceiptMismatch when one is missing between
        ``after`` and that end.
        """
        path: str | None = f"/events?after={int(after)}"
        while path:
            before = self._exchange.newest()
            page = self._exchange.read("events.read", path)
            end = evidence_checks.confirm_end(page, self.connection)
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

    def receipt(self, event: UUID | str) -> StreamEvent:
        """The receipt of one event that concerns this organisation, verified."""
        before = self._exchange.newest()
        members = self._exchange.read("receipt.read", f"/receipts/{spelled(event)}")
        found = evidence_checks.read_receipt(members)
        confirmed = evidence_checks.confirm_event(spelled(event), found, self.connection)
        self._exchange.observe(found, before)
        place = evidence_checks.own_place(confirmed, self.connection) or 0
        return StreamEvent(place, UUID(spelled(event)), found, confirmed)

    def _entry(self, item: Any, place: int) -> StreamEvent:
        well_formed = isinstance(item, dict) and item.get("stream_number") == place
        require(well_formed, f"number {place} of the stream of events is missing")
        found = evidence_checks.read_receipt(item.get("receipt"))
        confirmed = evidence_checks.confirm_event(str(item.get("event")), found, self.connection)
        own = evidence_checks.own_place(confirmed, self.connection)
        require(own == place, f"number {place} of the stream of events is another event")
        return StreamEvent(place, UUID(confirmed.event["id"]), found, confirmed)


# --- What an auditor's system asks for: events by filters, each with a receipt that is verified ---


AUDIT_PAGE = 100
"""Events of one page of an audit: each page is an event itself."""


@dataclass(frozen=True)
class AuditFilters:
    """What events must fit; None asks nothing.

    ``case`` is (originator, id); ``action`` a word of the policy, as handoff.offer; ``since`` and
    ``until`` are aware times, half-open.
    """

    organisation: str | None = None
    person: str | None = None
    rule: str | None = None
    case: tuple[str, UUID] | None = None
    handoff: UUID | None = None
    action: str | None = None
    result: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def asked(self) -> dict[str, Any]:
        """The filters as the gateway takes them."""
        case = self.case and {"originator": self.case[0], "case": str(self.case[1])}
        told = {
            "organisation": self.organisation,
            "person": self.person,
            "rule": self.rule,
            "case": case,
            "handoff": self.handoff and str(self.handoff),
            "action": self.action,
            "result": self.result,
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
        }
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True)
class AuditedEvent:
    """An event that an auditor was given: its receipt, and what that proves."""

    index: int
    event: UUID
    receipt: Receipt
    confirmed: VerifiedReceipt
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parties(self) -> tuple[str, ...]:
        """The organisations that are shown as parties."""
        shown = self.confirmed.opened.shown
        return tuple(value["organisation"] for kind, value in shown if kind == "party")


class Auditing(ClientBase):
    """Reading as an auditor, under a grant."""

    def audit(
        self,
        by: str,
        reason_code: str,
        reason: str,
        filters: AuditFilters | None = None,
        limit: int | None = None,
    ) -> Iterator[AuditedEvent]:
        """Events of others that an audit grant reaches over, page by page as they are iterated.

        Each page is a read of its own, recorded with ``by`` and ``reason``; with a ``limit`` no
        more than that many events are asked for. Every receipt is verified, and holds exactly the
        details that the record of its page names.
        """
        asked = {} if filters is None else filters.asked()
        page: Any = None
        left = limit
        while left is None or left > 0:
            size = AUDIT_PAGE if left is None else min(left, AUDIT_PAGE)
            body: dict[str, Any] = {"by": by, "reason_code": reason_code, "reason": reason}
            body |= {"filters": asked, "page": page, "limit": size}
            written = self._exchange.write("audit.search", "/audit/searches", body)
            found = audited(written, asked, self.connection)
            require(len(found) <= size, "there are more events than were requested")
            yield from found
            left = None if left is None else left - len(found)
            following = written.result.get("next")
            if following is None:
                return
            require(following != page, "a page of events leads to itself")
            page = following


def audited(
    written: ConfirmedWrite, asked: Mapping[str, Any], connection: PartnerConnection
) -> list[AuditedEvent]:
    """The events of one page, each verified and in the log's order.

    The record of the read names exactly the details that were shown (``package``), and every
    event fits what can be seen of the filters. Raises ReceiptMismatch.
    """
    found = [_event(item, connection) for item in list_of(written.result, "events")]
    for before, after in pairwise(found):
        require(before.index < after.index, "the events are not in the log's order")
    for one in found:
        require(one.index < written.confirmed.index, "an event is later than its own reading")
        _check_filters(one, asked)
    shown = [read_disclosure(text).digest for one in found for text in one.receipt.disclosures]
    require(
        written.confirmed.event.get("package") == handoff_documents.package_digest(shown),
        "the record of this reading names other details than were shown",
    )
    return found


def _event(item: Any, connection: PartnerConnection) -> AuditedEvent:
    require(isinstance(item, dict), "an event has not the expected form")
    receipt = evidence_checks.read_receipt(item.get("receipt"))
    confirmed = evidence_checks.confirm(receipt, connection)
    same = (item.get("event"), item.get("index")) == (confirmed.event["id"], confirmed.index)
    require(same, "the receipt is of another event")
    details = {kind: value for kind, value in confirmed.opened.shown if kind != "party"}
    return AuditedEvent(confirmed.index, UUID(confirmed.event["id"]), receipt, confirmed, details)


def _check_filters(one: AuditedEvent, asked: Mapping[str, Any]) -> None:
    event = one.confirmed.event
    wanted = {
        "handoff": asked.get("handoff"),
        "result": asked.get("result"),
        "typ": EVENT_TYPES[asked["action"]][0] if "action" in asked else None,
    }
    fits = all(value is None or event.get(name) == value for name, value in wanted.items())
    sealed = (
        (asked.get("organisation"), one.parties),
        (asked.get("person"), _words(one.details.get("by"))),
        (asked.get("rule"), _words(one.details.get("rules"))),
    )
    fits = fits and all(value is None or value in words for value, words in sealed)
    require(fits, "an event was not requested")


def _words(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else (str(value),)
