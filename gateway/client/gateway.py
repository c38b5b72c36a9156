"""`Gateway`: what a partner's system asks of its gateway, one method for each action of the policy.

Every write has an idempotency key and may be repeated, by the client itself or by `resume`; it
returns only when the log's receipt for it holds.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode
from uuid import UUID

import httpx

from gateway.client import confirmation, documents, sealing
from gateway.client.access import Access
from gateway.client.assertion import Assertions, ClientKey
from gateway.client.auditing import Audited, AuditFilters, audited
from gateway.client.conformance import Runs
from gateway.client.connection import Connection
from gateway.client.documents import Offered, require
from gateway.client.exchange import (
    Exchange,
    Written,
    granted,
    list_of,
    members_of,
    next_page,
    spelled,
)
from gateway.client.export import Export, KeyRecord, Progress
from gateway.client.failures import NotCurrent, Refused, SettingsError, UnexpectedAnswer
from gateway.client.line import Line, Message, clock_difference
from gateway.client.sealing import Plain, Unsealed
from gateway.client.signing import Author, DocumentKey
from gateway.client.spool import Spool, Write
from gateway.domain.case import content_of
from gateway.domain.organisation import SLUG
from gateway.evidence import sd_jwt, statement
from gateway.evidence.base64url import DIGEST
from gateway.evidence.receipt import Confirmed, Receipt
from gateway.evidence.seal import OpeningKey
from gateway.evidence.signature import public_keys
from gateway.evidence.statement import CASE_TYP
from gateway.evidence.stream import StreamHead
from gateway.evidence.trust_mark import TrustMark

AUDIT_PAGE = 100
"""Events of one page of an audit: each page is an event itself."""

ToldEnd = Callable[[str, StreamHead], None]
"""Told the end of a stream: the statement's text, and what it says."""


@dataclass(frozen=True)
class Opened:
    """Content that a consultation opened.

    ``content`` is the case JSON of what is shown, ``presentation`` the signed text behind it,
    ``withheld`` the groups of which something was kept back, ``assurance`` attested or signed.
    """

    content: Mapping[str, Any]
    presentation: str
    author: str
    assurance: str
    withheld: tuple[str, ...]
    written: Written


@dataclass(frozen=True)
class Entry:
    """An event of this organisation's own: its place in the stream, and its receipt."""

    pseq: int
    event: UUID
    receipt: Receipt
    confirmed: Confirmed


@dataclass(frozen=True)
class Resent:
    """A kept write that was sent again, and how it ended: written, or refused and so dropped."""

    write: Write
    written: Written | None = None
    refused: Refused | None = None


class Gateway:
    """A partner's system at its gateway. Use it in a ``with`` block; threads may share it.

    ``conformance`` are its conformance runs.

    Every method that asks something raises Refused for a "no", and the other ClientErrors; after
    any but Refused a write may have been done: `resume` it, do not ask anew.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Callable[[], datetime],
        ids: Callable[[], UUID],
        store_before_send: Path | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
        document_key: DocumentKey | None = None,
        encryption_keys: Mapping[str, OpeningKey] | None = None,
        client_key: ClientKey | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Nothing is sent yet; SettingsError when a file of the connection cannot be used.

        ``clock`` gives aware times, ``ids`` UUIDv7s. ``store_before_send`` is a folder that keeps
        each write until it is answered (consultations not: nobody would be there to read).
        ``transport`` stands in for sockets and TLS in tests. With a ``document_key``, which the
        gateway must have registered, all documents are signed here, with ``random`` salts.
        ``encryption_keys`` open what others sealed to this member, by key id. With a
        ``client_key``, registered too, the system authenticates by an assertion beside its
        certificate (RFC 7523).
        """
        self._opening = dict(encryption_keys or {})
        if document_key is not None and document_key.kid in self._opening:
            raise SettingsError("one key signs documents or opens seals, never both: make two")
        self.connection = connection = _trusting(connection, document_key)
        self._author = document_key and Author(
            connection.issuer, connection.organisation, document_key, clock, ids, random
        )
        self._now, self._ids = clock, ids
        self._line = Line(connection, clock, sleep, transport)
        self._exchange = Exchange(
            connection,
            Access(
                self._line,
                connection.client_id,
                clock,
                client_key
                and Assertions(connection.issuer, connection.client_id, client_key, clock, ids),
            ),
            ids,
            Spool(store_before_send) if store_before_send else None,
        )
        self.conformance = Runs(self._exchange, self._author, connection.organisation)

    def __enter__(self) -> Self:
        """Begin; the first request connects."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._line.hang_up()

    # --- who is there ---

    def greet(self) -> float | None:
        """Ask the gateway who it is, without a token; how far its clock is ahead, in seconds.

        None when the answer has no time. Raises UnexpectedAnswer when the protected resource is
        not the one of the connection file (RFC 9728 3.3).
        """
        reply = self._line.send(Message("GET", "/.well-known/oauth-protected-resource"))
        told = members_of(granted(reply))
        servers = told.get("authorization_servers")
        if told.get("resource") != self.connection.partners or servers != [self.connection.issuer]:
            raise UnexpectedAnswer(
                "the gateway there is not the one of the connection file: check its addresses"
            )
        return clock_difference(reply, self._now())

    def whoami(self) -> dict[str, Any]:
        """This system as the gateway sees it: organisation, scopes, certificates, legal date."""
        return self._exchange.read("whoami.read", "/whoami")

    def organisations(
        self, kind: str | None = None, competence: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """The directory, page by page as it is iterated; of one kind, or holding a competence.

        ``competence`` is a key such as receive/csam/FR.
        """
        wanted = {"kind": kind, "competence": competence}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        path = f"/organisations?{query}" if query else "/organisations"
        return self._exchange.items("directory.read", path)

    def organisation(self, slug: str) -> dict[str, Any]:
        """One organisation of the directory; ValueError for what is no organisation id."""
        if not SLUG.fullmatch(slug):
            raise ValueError("an organisation id is [a-z][a-z0-9-]{1,39}")
        return self._exchange.read("directory.read", f"/organisations/{slug}")

    def status(self, slug: str) -> tuple[str, TrustMark]:
        """The gateway's signed statement that an organisation takes part, and what it says.

        Verified, and good now; ReceiptMismatch when it is not.
        """
        if not SLUG.fullmatch(slug):
            raise ValueError("an organisation id is [a-z][a-z0-9-]{1,39}")
        found = self._exchange.read("directory.read", f"/organisations/{slug}/status")
        text = str(found.get("statement"))
        return text, documents.check_status(text, slug, self._now(), self.connection)

    def registration(self, organisation: str, kid: str) -> Receipt:
        """The receipt of the event that registered a member's document key; see `key_record`."""
        return self.key_record(organisation, kid).registration

    def key_record(self, organisation: str, kid: str) -> KeyRecord:
        """The events that registered a member's document key, and that revoked it.

        Verified to the end (`gateway.evidence.origin`, `gateway.evidence.revocation`);
        ReceiptMismatch when they do not hold.
        """
        if not SLUG.fullmatch(organisation) or not DIGEST.fullmatch(kid):
            raise ValueError("not an organisation id, or not the id of a document key")
        before = self._exchange.newest()
        path = f"/organisations/{organisation}/keys/{kid}"
        answer = self._exchange.read("directory.read", path)
        found = confirmation.read_receipt(answer.get("receipt"))
        ends = tuple(confirmation.read_receipt(one) for one in answer.get("revocations", ()))
        confirmation.confirm_key(found, organisation, kid, self.connection)
        for one in ends:
            confirmation.confirm_revocation(one, organisation, kid, self.connection)
        for one in (found, *ends):
            self._exchange.observe(one, before)
        return KeyRecord(found, ends)

    # --- one's own cases ---

    def submit(
        self,
        content: Mapping[str, Any],
        by: str,
        clearance: Mapping[str, Any] | None = None,
    ) -> Written:
        """Hand in a case (its JSON, version 1); ``clearance`` names who assessed and cleared it."""
        asked = {"by": by, "content": content, "clearance": clearance}
        return self._hand_in("/cases", asked)

    def revise(
        self,
        content: Mapping[str, Any],
        by: str,
        clearance: Mapping[str, Any] | None = None,
    ) -> Written:
        """Hand in the next version of a case, which names the one before it in ``prev``."""
        asked = {"by": by, "content": content, "clearance": clearance}
        return self._hand_in(f"/cases/{spelled(content['case'])}/versions", asked)

    def assess(
        self, case: UUID | str, by: str, confirms: Sequence[str] = (), reason: str | None = None
    ) -> Written:
        """A person stands for the classification, and for each match of a machine (R18)."""
        asked = {"by": by, "confirms": list(confirms), "reason": reason}
        return self._write("case.assess", f"/cases/{spelled(case)}/assessment", asked)

    def clear(self, case: UUID | str, by: str, reason: str | None = None) -> Written:
        """Another person releases the case for sharing."""
        asked = {"by": by, "reason": reason}
        return self._write("case.clear", f"/cases/{spelled(case)}/clearance", asked)

    def close_case(self, case: UUID | str, by: str, reason: str | None = None) -> Written:
        """End the work on a case; none of its handoffs may be open."""
        asked = {"by": by, "reason": reason}
        return self._write("case.close", f"/cases/{spelled(case)}/closure", asked)

    def cases(self) -> Iterator[dict[str, Any]]:
        """One's own cases by id, routing fields only, page by page as they are iterated."""
        return self._exchange.items("case.read", "/cases")

    def case(self, case: UUID | str) -> dict[str, Any]:
        """The routing fields of one's own case."""
        return self._exchange.read("case.read", f"/cases/{spelled(case)}")

    def consult_case(self, case: UUID | str, by: str, reason_code: str, reason: str) -> Opened:
        """Open the content of one's own case; an event with person and reason."""
        asked = {"by": by, "reason_code": reason_code, "reason": reason}
        written = self._write("case.consult", f"/cases/{spelled(case)}/consultations", asked)
        opened = self._opened(written)
        require(opened.content.get("case") == spelled(case), "the case opened is another one")
        require(opened.author == self.connection.organisation, "the case opened is not our own")
        return opened

    # --- sealing ---

    def seal(self, content: Mapping[str, Any], plain: Plain, to: str) -> dict[str, Any]:
        """A case (JSON) in which elements are sealed to the organisation ``to``; nothing is sent.

        ``plain`` has, by the id of each element, its ``type`` and ``value`` (`domain.sealed`). A
        sealed element takes the place of the one of its id, or stands last in its array. Raises
        NotSealed: no key of ``to`` that counts and that the connection keeps, or content that its
        type, R1 or its length forbids.
        """
        key = sealing.key_for(self.organisation(to), self.connection)
        return sealing.seal_elements(content, plain, to, key, self.connection)

    def reseal(
        self,
        case: UUID | str,
        by: str,
        plain: Plain,
        *,
        before: str,
        to: str,
        reason_code: str,
        reason: str,
        clearance: Mapping[str, Any] | None = None,
    ) -> Written:
        """Seal to ``to`` what was sealed to ``before``, in a new version of one's own case.

        This is what a redirection asks of the originator. ``plain`` has the content of exactly
        those elements again (NotSealed names them when it does not): their seals open for
        ``before`` alone. The case is opened for it, a consultation with person and reason.
        """
        key = sealing.key_for(self.organisation(to), self.connection)
        opened = self.consult_case(case, by, reason_code, reason)
        sealing.to_reseal(opened.content, before, plain)
        sealed = sealing.seal_elements(opened.content, plain, to, key, self.connection)
        prev = sd_jwt.parse(opened.presentation).digest
        following = {**sealed, "version": sealed["version"] + 1, "prev": prev}
        return self.revise(following, by, clearance)

    def unseal(self, opened: Opened) -> tuple[Unsealed, ...]:
        """Open what is sealed in the content that a consultation opened: that is its record."""
        return sealing.unseal(opened.content, opened.author, self._opening, self.connection)

    # --- offering ---

    def preview(
        self,
        case: UUID | str,
        by: str,
        *,
        purpose: Sequence[str],
        organisation: str | None = None,
        competence: tuple[str, str] | None = None,
        groups: Sequence[str] = (),
        digests: Sequence[str] = (),
        until: datetime | None = None,
        note: str | None = None,
    ) -> dict[str, Any]:
        """What an offer would give, and to whom; nothing is kept. Arguments as for `offer`."""
        asked = _offer(
            by=by,
            purpose=purpose,
            organisation=organisation,
            competence=competence,
            groups=groups,
            digests=digests,
            until=until,
            note=note,
        )
        asked = {"case": spelled(case), **asked}
        return self._exchange.read("handoff.offer", "/handoffs/preview", asked)

    def offer(
        self,
        case: UUID | str,
        by: str,
        *,
        purpose: Sequence[str],
        organisation: str | None = None,
        competence: tuple[str, str] | None = None,
        groups: Sequence[str] = (),
        digests: Sequence[str] = (),
        until: datetime | None = None,
        note: str | None = None,
        handoff: UUID | str | None = None,
        parts: Mapping[str, Sequence[str]] | None = None,
    ) -> Written:
        """Offer a cleared case to an organisation, or to a competence (matter, territory).

        ``groups`` and ``digests`` select its parts and add up; ``until`` (an aware time) ends the
        offer. The handoff's id is made here unless given. ValueError unless there is exactly one
        of organisation and competence.

        With a document key the offer is previewed, then signed: it names what policy lets
        through. ``parts`` is the ``groups`` that `submit` returned: with it, ReceiptMismatch
        instead of a signature under parts that were not selected.
        """
        name = spelled(handoff or self._ids())
        asked = _offer(
            by=by,
            purpose=purpose,
            organisation=organisation,
            competence=competence,
            groups=groups,
            digests=digests,
            until=until,
            note=note,
        )
        path = f"/cases/{spelled(case)}/handoffs"
        if self._author is None:
            return self._write("handoff.offer", path, {"handoff": name, **asked}, name)
        asked = {"case": spelled(case), **asked}
        found = self._exchange.read("handoff.offer", "/handoffs/preview", asked)
        previewed = documents.check_preview(found, asked, parts, self.connection)
        document = self._author.offer({"handoff": name, **asked}, previewed)
        written = self._exchange.write("handoff.offer", path, document, name)
        # What was held back was not asked for any more: the preview said it.
        return replace(written, result={**written.result, "withheld": list(previewed.withheld)})

    # --- handoffs ---

    def inbox(self, state: str | None = None) -> Iterator[dict[str, Any]]:
        """The handoffs received, oldest first, page by page as they are iterated."""
        return self._box("in", state)

    def outbox(self, state: str | None = None) -> Iterator[dict[str, Any]]:
        """The handoffs sent, oldest first, page by page as they are iterated."""
        return self._box("out", state)

    def handoff(self, handoff: UUID | str) -> dict[str, Any]:
        """A handoff with its offer, conditions and answers, each verified; never content."""
        return self._view(handoff)[0]

    def accept(
        self, view: Mapping[str, Any], by: str, groups: Sequence[str] | None = None
    ) -> Written:
        """Take a case on under the conditions that `handoff` returned in ``view``.

        ``groups`` are the parts taken on, when not all are.
        """
        asked = {"by": by, "conditions": view["conditions"], "groups": _listed(groups)}
        return self._answer("handoff.accept", view["handoff"], "acceptance", asked)

    def refuse(self, handoff: UUID | str, by: str, reason: str) -> Written:
        """Decline a case, or give it back."""
        return self._answer("handoff.refuse", handoff, "refusal", {"by": by, "reason": reason})

    def redirect(self, handoff: UUID | str, by: str, reason: str, to: str | None = None) -> Written:
        """Send the originator to another office."""
        asked = {"by": by, "reason": reason, "to": to}
        return self._answer("handoff.redirect", handoff, "redirection", asked)

    def outcome(
        self,
        handoff: UUID | str,
        by: str,
        code: str,
        *,
        items: Sequence[str] | None = None,
        note: str | None = None,
        evidence_ref: str | None = None,
        reason: str | None = None,
    ) -> Written:
        """Tell what came of the case; further outcomes may follow."""
        asked = {
            "by": by,
            "code": code,
            "items": _listed(items),
            "note": note,
            "evidence_ref": evidence_ref,
            "reason": reason,
        }
        return self._answer("handoff.outcome", handoff, "outcomes", asked)

    def withdraw(self, handoff: UUID | str, by: str, reason: str) -> Written:
        """Take an offer back."""
        return self._answer("handoff.withdraw", handoff, "withdrawal", {"by": by, "reason": reason})

    def close(self, handoff: UUID | str, by: str, reason: str | None = None) -> Written:
        """End the work on a handoff that was received."""
        return self._answer("handoff.close", handoff, "closure", {"by": by, "reason": reason})

    def consult(self, handoff: UUID | str, by: str, reason_code: str, reason: str) -> Opened:
        """Open the content of an accepted handoff; an event with person and reason.

        The presentation is verified, and shows nothing that the signed offer does not name.
        """
        return self._consult(handoff, self._view(handoff)[1], by, reason_code, reason)

    # --- successions ---

    def successions(self) -> list[dict[str, Any]]:
        """The successions in which this office gives or takes a mandate, oldest first."""
        found = self._exchange.read("succession.read", "/successions")
        return [one for one in list_of(found, "items") if isinstance(one, dict)]

    def succession(self, succession: UUID | str) -> dict[str, Any]:
        """One of them: which mandate, from whom to whom, when, and whose approval it waits for."""
        return self._exchange.read("succession.read", f"/successions/{spelled(succession)}")

    def approve_succession(self, succession: UUID | str, by: str) -> Written:
        """Approve it for one's own office; nothing is re-issued before both have.

        With a document key what is shown of it is signed.
        """
        path = f"/successions/{spelled(succession)}/approval"
        if self._author is None:
            return self._write("succession.approve", path, {"by": by})
        shown = self.succession(succession)
        same = shown.get("succession") == spelled(succession)
        require(same, "the succession shown is another one")
        return self._exchange.write("succession.approve", path, self._author.approval(shown, by))

    # --- evidence ---

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

    def audit(
        self,
        by: str,
        reason_code: str,
        reason: str,
        filters: AuditFilters | None = None,
        limit: int | None = None,
    ) -> Iterator[Audited]:
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
            body = {"by": by, "reason_code": reason_code, "reason": reason}
            body |= {"filters": asked, "page": page, "limit": size}
            written = self._write("audit.read", "/audit/searches", body)
            found = audited(written, asked, self.connection)
            require(len(found) <= size, "more events were told than were asked for")
            yield from found
            left = None if left is None else left - len(found)
            following = written.result.get("next")
            if following is None:
                return
            require(following != page, "a page of events leads to itself")
            page = following

    def export(
        self,
        handoff: UUID | str,
        by: str | None = None,
        reason: str | None = None,
        *,
        progress: Progress | None = None,
    ) -> bytes:
        """All that this organisation can prove about a handoff, as the file that verify reads.

        With ``by`` and ``reason`` the content is in it, by a consultation of reason code
        ``export``; without, only the routing fields are. The file is verified before it is
        returned; ReceiptMismatch when it fails, NotCurrent when an originator's case has gone on.
        """
        view, offered = self._view(handoff)
        export = Export(
            view,
            offered,
            self.connection.trust,
            receipt=lambda event: self.receipt(event).receipt,
            key_record=self.key_record,
        )
        if by is None or reason is None:
            return export.file(export.routing(), (), progress)
        opened = self._export_content(view, offered, by, reason)
        case = export.content(opened.presentation)
        return export.file(case, (opened.written.receipt,), progress)

    def resume(self) -> Iterator[Resent]:
        """Send again what was kept before sending and never answered, oldest first.

        Stops with the first ClientError other than a refusal, which names the write as
        ``unanswered``; what is left is kept. `set_aside` takes one out of the way.
        """
        for write in self._exchange.waiting():
            try:
                yield Resent(write, written=self._exchange.send(write))
            except Refused as refused:
                yield Resent(write, refused=refused)

    def set_aside(self, key: str) -> Write:
        """Leave a kept write out of `resume` for good; its file stays, as evidence.

        For one that no answer confirms: what came of it is for people to find out. LookupError
        when no write waits under this key.
        """
        return self._exchange.set_aside(key)

    # --- how ---

    def _write(
        self, action: str, path: str, asked: Mapping[str, Any], handoff: str | None = None
    ) -> Written:
        return self._exchange.write(action, path, asked, handoff)

    def _answer(
        self, action: str, handoff: UUID | str, noun: str, asked: Mapping[str, Any]
    ) -> Written:
        path, name = f"/handoffs/{spelled(handoff)}/{noun}", spelled(handoff)
        if self._author is None:
            return self._write(action, path, asked, name)
        offered = self._view(handoff)[1]
        return self._exchange.write(action, path, self._author.answer(action, offered, asked), name)

    def _hand_in(self, path: str, asked: Mapping[str, Any]) -> Written:
        own = asked if self._author is None else self._author.case(asked)
        return self._exchange.write("case.submit", path, own)

    def _view(self, handoff: UUID | str) -> tuple[dict[str, Any], Offered]:
        view = self._exchange.read("handoff.read", f"/handoffs/{spelled(handoff)}")
        require(view.get("handoff") == spelled(handoff), "the handoff shown is another one")
        return view, documents.check_view(view, self.connection)

    def _consult(
        self, handoff: UUID | str, offered: Offered, by: str, reason_code: str, reason: str
    ) -> Opened:
        asked = {"by": by, "reason_code": reason_code, "reason": reason}
        path = f"/handoffs/{spelled(handoff)}/consultations"
        return self._opened(self._write("case.consult", path, asked, spelled(handoff)), offered)

    def _opened(self, written: Written, offered: Offered | None = None) -> Opened:
        """A consultation's content, once presentation, receipt and offer fit together."""
        result, event = written.result, written.confirmed.event
        case = documents.open_ours(result.get("presentation"), CASE_TYP, self.connection)
        if offered is not None:
            documents.check_presentation(case, offered.offer)
        package = statement.package(documents.shown_digests(case))
        require(event.get("package") == package, "the receipt is for another set of parts")
        require(
            event.get("case_digest") == case.document.digest,
            "the receipt is for another version of the case",
        )
        return Opened(
            content=content_of(sd_jwt.unfold(case.verified)),
            presentation=case.document.compact(),
            author=case.author,
            assurance="attested" if case.attested else "signed",
            withheld=tuple(str(group) for group in list_of(result, "withheld")),
            written=written,
        )

    def _export_content(
        self, view: Mapping[str, Any], offered: Offered, by: str, reason: str
    ) -> Opened:
        if offered.offer.author != self.connection.organisation:
            return self._consult(view["handoff"], offered, by, "export", reason)
        if self.case(view["case"])["digest"] != offered.offer.case_digest:
            raise NotCurrent(
                "the case has a newer version than the one that was offered, and only the newest "
                "can be opened: export the handoff without content"
            )
        return self.consult_case(view["case"], by, "export", reason)

    def _box(self, box: str, state: str | None) -> Iterator[dict[str, Any]]:
        wanted = f"&state={quote(state)}" if state else ""
        return self._exchange.items("handoff.read", f"/handoffs?box={box}{wanted}")

    def _entry(self, item: Any, place: int) -> Entry:
        well_formed = isinstance(item, dict) and item.get("pseq") == place
        require(well_formed, f"number {place} of the stream of events is missing")
        found = confirmation.read_receipt(item.get("receipt"))
        confirmed = confirmation.confirm_event(str(item.get("event")), found, self.connection)
        own = confirmation.own_place(confirmed, self.connection)
        require(own == place, f"number {place} of the stream of events is another event")
        return Entry(place, UUID(confirmed.event["id"]), found, confirmed)


def _offer(
    *,
    by: str,
    purpose: Sequence[str],
    organisation: str | None,
    competence: tuple[str, str] | None,
    groups: Sequence[str],
    digests: Sequence[str],
    until: datetime | None,
    note: str | None,
) -> dict[str, Any]:
    if (organisation is None) == (competence is None):
        raise ValueError("an offer is to an organisation or to a competence, one of the two")
    if until is not None and until.tzinfo is None:
        raise ValueError("the end of an offer is a time with its zone")
    to: dict[str, Any] = {"organisation": organisation}
    if competence is not None:
        to = {"competence": {"matter": competence[0], "territory": competence[1]}}
    return {
        "by": by,
        "to": to,
        "groups": list(groups) or None,
        "digests": list(digests) or None,
        "purpose": list(purpose),
        "until": until and until.isoformat(),
        "note": note,
    }


def _listed(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)


def _trusting(connection: Connection, key: DocumentKey | None) -> Connection:
    """The connection, believing one's own key too."""
    if key is None:
        return connection
    known = connection.trust.organisations
    own = {**known.get(connection.organisation, {}), **public_keys({"keys": [key.public_jwk()]})}
    organisations = {**known, connection.organisation: own}
    return replace(connection, trust=replace(connection.trust, organisations=organisations))
