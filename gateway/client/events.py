"""Events: an organisation's own stream, audit searches, evidence bundles, and notifications."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from gateway import files
from gateway.client import errors, evidence_checks
from gateway.client.cases import CaseClient, ClientBase, ConsultedContent
from gateway.client.confirmed_log import ConfirmedLog
from gateway.client.connection import PartnerConnection
from gateway.client.directory import Directory, KeyRecord, MandateRecord
from gateway.client.documents import RECALL, UPDATE, is_undelivered, require
from gateway.client.handoffs import HandoffClient
from gateway.client.session import ConfirmedWrite, list_of
from gateway.domain.audit import AuditFilters, CaseReference, CoverageKind
from gateway.domain.audit_event import READABLE_EVENTS
from gateway.domain.audit_topics import EventFacts, count
from gateway.domain.json_values import to_json
from gateway.domain.organisation import OrganisationName
from gateway.domain.revision import ChangeKind
from gateway.evidence import bundle, evidence_file, handoff_documents, sd_jwt, security_event
from gateway.evidence.bundle import Bundle, BundlePackage
from gateway.evidence.event import APPROVALS
from gateway.evidence.evidence_file import ConfirmedCheckpoint
from gateway.evidence.receipt import Receipt, VerifiedReceipt
from gateway.evidence.sd_jwt import read_disclosure
from gateway.evidence.security_event import EventNotification, NotificationError, jti_of
from gateway.evidence.signature import PublicKey
from gateway.ledger import proof
from gateway.ledger.note import VerificationKey
from gateway.text import catalogue
from gateway.verification import gateway_keys, listing
from gateway.verification.chain import VerifiedOffer
from gateway.verification.history import LogHistory
from gateway.verification.trust import read_unverified_claims
from gateway.verification.two_logs import ORIGINAL
from gateway.verification.verifier import verify_bundle

if TYPE_CHECKING:
    from gateway.client.views import NotificationStatus

# --- What an auditor's system asks for: events by filters, each with a receipt that is verified ---


@dataclass(frozen=True)
class AuditedEvent:
    """An event that an auditor was given: its receipt, and what that proves."""

    index: int
    event: UUID
    receipt: Receipt
    confirmed: VerifiedReceipt
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> EventFacts:
        """Return what is shown of it, by which it is counted."""
        fields, parties = self.confirmed.event, self.confirmed.details("party")
        return EventFacts(fields["type"], fields["result"], parties, self.details)

    @property
    def parties(self) -> tuple[str, ...]:
        """The organisations that are shown as parties."""
        shown = self.confirmed.opened.shown
        return tuple(value["organisation"] for kind, value in shown if kind == "party")


@dataclass(frozen=True)
class RecordedSearch:
    """A search as the log has it: its receipt, and what that proves; and the events that it found,
    in the log's order. ``unknown`` are filters that fit nothing that the audit access covers."""

    receipt: Receipt
    confirmed: VerifiedReceipt
    events: tuple[AuditedEvent, ...]
    unknown: tuple[str, ...] = ()


class Auditing(ClientBase):
    """Reading as an auditor, with audit access."""

    def _covers_all(self, by: str) -> bool:
        """Tell whether audit access of this system, for this person, covers the whole log."""
        grants = list_of(self._exchange.read("whoami.read", "/whoami"), "audit_access")
        return any(
            one.get("coverage") == CoverageKind.ALL and one.get("person") in (None, by)
            for one in grants
            if isinstance(one, dict)
        )

    def audit(
        self,
        by: str,
        reason_code: str,
        reason: str,
        filters: AuditFilters | None = None,
        *,
        limit: int | None = None,
        reference: CaseReference | None = None,
    ) -> list[RecordedSearch]:
        """Search the events of others that an audit access covers; ``reference`` names a case.

        The search is recorded with ``by`` and ``reason``, and each member learns of it once; where
        the gateway ends it at a bound, another one goes on. No more than ``limit`` events are
        found. Every receipt is verified, and all pages together show exactly the details that the
        record names. A search for everything, with access to the whole log, returns one event for
        each entry that it looked at. Raises EvidenceMismatch.
        """
        # Long: what a page must be is held against the page before it.
        asked = {} if filters is None else filters.asked()
        body: dict[str, Any] = {"by": by, "reason_code": reason_code, "reason": reason}
        named = {} if reference is None else {"reference": vars(reference)}
        body |= {"filters": {**asked, **named}, "limit": limit, "next": None}
        everything = not body["filters"] and limit is None and self._covers_all(by)
        found, end, known = list[RecordedSearch](), 0, self._exchange.newest()
        while True:
            written = self._exchange.write("audit.search", "/audit/searches", body)
            looked = _looked_at(written.confirmed)
            require(looked.start == end, f"the search was to begin at entry {end}")
            found.append(self._found(written, asked, looked if everything else ()))
            following, end = written.result.get("next"), looked.stop
            left = limit and limit - sum(len(one.events) for one in found)
            if left == 0:
                return found
            if following is None:
                whole = known is None or known.size <= end
                require(whole, f"the search ended at entry {end}, and the log has more")
                return found
            require(following != body["next"], "a search leads to itself")
            body |= {"next": following, "limit": left}

    def audit_summary(self, search: RecordedSearch) -> Mapping[str, Any]:
        """A search as a whole, with who else confirmed the log, by the gateway's word; its topics
        are counted again from its events. EvidenceMismatch."""
        path = f"/audit/searches/{search.confirmed.event['id']}/summary"
        told = self._exchange.read("audit.read", path)
        topics = search.confirmed.subject().get("filters", {}).get("topics", ())
        counted = count(topics, [one.facts for one in search.events])
        shown = [{**one, "pages": None} for one in list_of(told, "topics")]
        require(
            shown == [{**to_json(one), "pages": None} for one in counted],
            "the topics of this search are not those of its events",
        )
        return cast(Mapping[str, Any], told)

    def unconfirmed(self, language: str = catalogue.ENGLISH) -> list[str]:
        """Say which witnesses and time-stamp authorities of the connection do not confirm the log.

        An alarm, and no reason to stop: a child in danger does not wait for a witness.
        """
        return self._log.unconfirmed(self._now(), self.connection.within, language)

    def send_cosignature(self, witness: VerificationKey, size: int, line: str) -> None:
        """Send this member's line for the checkpoint of so many entries (`Mirror.cosign`).

        The first one of a key is put on record.
        """
        value = line.rstrip("\n").rpartition(" ")[2]
        body = {"witness": str(witness), "size": size, "cosignature": value}
        self._exchange.read("witness.register", "/log/cosignatures", body)

    def evidence(self, searches: Sequence[RecordedSearch]) -> bytes:
        """Return what searches found, as the file that verify reads, all under one checkpoint.

        Paths to it come from the public log where that grew between pages; GatewayUnavailable while
        it cannot be read.
        """
        events = [event.receipt for one in searches for event in one.events]
        records = [one.receipt for one in searches]
        joined, confirmed = self._log.under_one_checkpoint([*events, *records])
        file = listing.to_file(joined[: len(events)], joined[len(events) :], confirmed)
        data = evidence_file.encode(file)
        report = listing.verify_list(data, self.connection.trust, LogHistory())
        require(report.passed, f"the evidence does not verify ({report.sentence})")
        return data

    def _found(
        self, written: ConfirmedWrite, asked: Mapping[str, Any], entries: Iterable[int]
    ) -> RecordedSearch:
        """All pages of a search, held against its record, with these ``entries``;
        EvidenceMismatch."""
        record, told = written.confirmed, written.confirmed.subject()
        filters = told.get("filters")
        if not isinstance(filters, dict) or not filters.items() >= asked.items():
            raise errors.EvidenceMismatch("the record of this search names other filters")
        found = list[AuditedEvent]()
        for number in range(1, int(written.result.get("pages", 0)) + 1):
            path = f"/audit/searches/{record.event['id']}?page={number}"
            page = self._exchange.read("audit.read", path)
            found += [_event(item, self.connection) for item in list_of(page, "events")]
        for before, after in pairwise(found):
            require(before.index < after.index, "the events are not in the log's order")
        for one in found:
            require(one.index < record.index, "an event is later than the search that found it")
            _check_filters(one, filters)
        shown = [read_disclosure(text).digest for one in found for text in one.receipt.disclosures]
        require(
            record.event.get("package_digest") == handoff_documents.package_digest(shown),
            "the record of this search names other details than were shown",
        )
        indexes = {one.index for one in found}
        lacking = next((n for n in entries if n not in indexes), None)
        require(lacking is None, f"entry {lacking} is missing from a search for everything")
        unknown = tuple(map(str, list_of(written.result, "unknown")))
        return RecordedSearch(written.receipt, record, tuple(found), unknown)


def _looked_at(record: VerifiedReceipt) -> range:
    """Return the entries that a search looked at, by its record; EvidenceMismatch."""
    told = record.subject()
    after, before = told.get("after"), told.get("before")
    if type(after) is not int or type(before) is not int:
        raise errors.EvidenceMismatch("the record of this search does not tell where it looked")
    return range(after + 1, before)


def _event(item: Any, connection: PartnerConnection) -> AuditedEvent:
    require(isinstance(item, dict), "an event has not the expected form")
    receipt = evidence_checks.read_receipt(item.get("receipt"))
    confirmed = evidence_checks.confirm(receipt, connection)
    same = (item.get("event"), item.get("index")) == (confirmed.event["id"], confirmed.index)
    require(same, "the receipt is of another event")
    details = {kind: value for kind, value in confirmed.opened.shown if kind != "party"}
    return AuditedEvent(confirmed.index, UUID(confirmed.event["id"]), receipt, confirmed, details)


def _check_filters(one: AuditedEvent, asked: Mapping[str, Any]) -> None:
    event, case = one.confirmed.event, asked.get("case")
    types = [READABLE_EVENTS[action][0] for action in asked.get("actions", ())]
    fits = all(
        not words or event.get(name) in words
        for name, words in (
            ("handoff", _words(asked.get("handoff"))),
            ("result", asked.get("results")),
            ("type", types),
        )
    )
    topics = asked.get("topics")
    fits = fits and (not topics or not one.facts.topics().isdisjoint(topics))
    named = case and f"{case['originator']}/{case['case']}"
    sealed = (
        (asked.get("organisation"), one.parties),
        (asked.get("person"), _words(one.details.get("by"))),
        (asked.get("rule"), _words(one.details.get("rules"))),
        (named, _words(one.details.get("case", named))),
    )
    fits = fits and all(value is None or value in words for value, words in sealed)
    require(fits, "an event was not requested")


def _words(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (str(value),)


Progress = Callable[[int, int], None]
"""Told how many parts of how many are done."""


class Exports(CaseClient, Directory, HandoffClient):
    """What this organisation can prove about its handoffs."""

    def export(
        self,
        handoff: UUID | str,
        by: str | None = None,
        reason: str | None = None,
        *,
        progress: Progress | None = None,
    ) -> bytes:
        """All that this organisation can prove about a handoff, as the file that verify reads.

        With ``by`` and ``reason`` it includes the content, by a consultation of reason code
        ``export``; without, only the routing fields. It is verified first; EvidenceMismatch when
        that fails, OutdatedVersion when the originator's case has a newer version, PeerLogMissing
        without what the log of the other gateway proves.
        """
        view, chain = self._view(handoff)
        if by is None or reason is None:
            return self._file(view, chain, str(view["routing"]), (), progress)
        opened = self._export_content(view, chain, by, reason)
        # No more of it than the offer names.
        case = sd_jwt.parse(opened.presentation).present(chain[-1].claims.disclosures).compact()
        return self._file(view, chain, case, (opened.written.receipt,), progress)

    def _export_content(
        self, view: Mapping[str, Any], chain: Sequence[VerifiedOffer], by: str, reason: str
    ) -> ConsultedContent:
        if chain[-1].claims.author != self.connection.organisation:
            newest = view["packages"][-1]
            if newest["change"] == ChangeKind.ADDITION and newest["acknowledged"] is None:
                raise errors.OutdatedVersion(
                    "the newest package opens once it is acknowledged: acknowledge it, or export "
                    "the handoff without content"
                )
            asked = {"by": by, "reason_code": "export", "reason": reason}
            return self._consult(view["handoff"], chain, asked)
        if self.case(view["case"])["digest"] != chain[-1].claims.case_digest:
            raise errors.OutdatedVersion(
                "the case has a newer version than the one that was offered, and only the newest "
                "can be opened: export the handoff without content"
            )
        return self.consult_case(view["case"], by, "export", reason)

    def _file(
        self,
        view: Mapping[str, Any],
        chain: Sequence[VerifiedOffer],
        case: str,
        consultations: Sequence[Receipt],
        progress: Progress | None,
    ) -> bytes:
        """The file, verified; EvidenceMismatch when it fails."""
        # Long: a line for each member of a bundle.
        theirs = list(self._peer_receipts(view))
        events = [str(answer["event"]) for answer in view["answers"]]
        if not theirs and OrganisationName(str(view["recipient"])).peer:
            raise errors.PeerLogMissing(_NOT_TAKEN_IN.format_map({**view, "event": events[0]}))
        events += [one for one in self._repeated(theirs) if one not in events]
        receipts = []
        for number, event in enumerate(events, start=1):
            receipts.append(self.receipt(event).receipt)
            if progress:
                progress(number, len(events))
        shown = [
            (answer["kind"], str(answer["document"]))
            for answer in view["answers"]
            if not is_undelivered(answer)
        ]
        offers = [text for kind, text in shown if kind in ("offer", UPDATE)]
        answers = [text for kind, text in shown if kind not in ("offer", UPDATE, RECALL)]
        recall = next((text for kind, text in shown if kind == RECALL), None)
        cases = [*(str(one["routing"]) for one in view["packages"][:-1]), case]
        offered, reissue = chain[0].claims, view.get("reissue_of", {})
        before, approved = reissue.get("offer"), tuple(reissue.get("approvals", ()))
        documents = [*cases, *offers, *answers, *filter(None, (before, recall)), *approved]
        keys = list(self._key_records(documents))
        # What registered the mandate, and planned the succession, where they are shown.
        mandate = self._mandate(offered.recipient, offered.mandate_event)
        plan = self._mandate(offered.recipient, reissue.get("succession"))
        whole = Bundle(
            tuple(map(BundlePackage, cases, offers)),
            tuple(answers),
            (*receipts, *consultations, *(one.receipt for one in theirs), *self._confirming(view)),
            registrations=tuple(one.registration for one in keys),
            revocations=tuple(end for one in keys for end in one.revocations),
            predecessor_offer=before,
            succession=plan.registration if plan else None,
            mandate=mandate.registration if mandate else None,
            locks=tuple(dict.fromkeys(lock for one in keys for lock in one.locks)),
            key_statuses=tuple(one.status for one in keys if one.status is not None),
            mandate_ends=mandate.ends if mandate else (),
            recall=recall,
            succession_approvals=approved,
            own_keys=self._own_keys(documents),
        )
        data = bundle.encode(whole, self._under_one_checkpoint)
        report = verify_bundle(data, self.connection.trust)
        require(report.passed, f"the bundle does not verify ({report.sentence})")
        return data

    def _confirming(self, view: Mapping[str, Any]) -> Iterator[Receipt]:
        """Read what one's own persons signed of the case and of its recall, where that is of a
        version in the file: the events of both are none of the handoff's moves. Nothing else of
        them is shown."""
        if view["originator"] != self.connection.organisation:
            return
        with suppress(errors.RequestRefused):
            versions = [one["case_digest"] for one in view["packages"]]
            listed = self.coverage(view["case"])["handoffs"]
            recalls = (one["recall"] for one in listed if one["handoff"] == view["handoff"])
            recalled = [one["recall"] for one in recalls if one is not None]
            for event in (self.case(view["case"])["event"], *recalled):
                found, confirmed = self._proved(event)
                of_version = confirmed.event.get("case_digest") in versions
                if of_version and confirmed.details(APPROVALS):
                    told = {read_disclosure(one).name: one for one in found.disclosures}
                    yield replace(found, disclosures=(told["by"], told[APPROVALS]))

    def _peer_receipts(self, view: Mapping[str, Any]) -> Iterator[VerifiedReceipt]:
        """Read what the other gateway recorded of a handoff between two, held against its log."""
        parties = (str(view["originator"]), str(view["recipient"]))
        other = next((one for one in parties if OrganisationName(one).peer), None)
        if other is None:
            return
        path = f"/handoffs/{view['handoff']}/peer-receipts"
        for one in list_of(self._exchange.read("handoff.read", path), "receipts"):
            found = evidence_checks.read_receipt(one)
            confirmed = evidence_checks.confirm_of(other, found, self.connection)
            named = confirmed.event.get("handoff") == view["handoff"]
            require(named, "a receipt of the other gateway is of another handoff")
            yield confirmed

    def _repeated(self, theirs: Iterable[VerifiedReceipt]) -> Iterator[str]:
        """Name the events of one's own gateway that the other one repeats."""
        for one in theirs:
            for log, event in map(tuple, one.details(ORIGINAL)):
                if log == self.connection.log_key.name:
                    yield str(event)

    def _under_one_checkpoint(self, given: Sequence[Receipt]) -> bundle.Joined:
        """The receipts of each log under one checkpoint of it."""
        by_log: dict[str, list[Receipt]] = {}
        for one in given:
            note = proof.parse(one.proof).checkpoint_note
            by_log.setdefault(note.partition("\n")[0], []).append(one)
        made: list[Receipt] = []
        confirmed: list[ConfirmedCheckpoint] = []
        for origin, of in by_log.items():
            if origin == self.connection.log_key.name:
                receipts, others = self._log.under_one_checkpoint(of)
            else:
                receipts, others = self._under_one_of_peer(origin, of)
            made += receipts
            confirmed += others
        return made, confirmed

    def _under_one_of_peer(self, origin: str, given: Sequence[Receipt]) -> bundle.Joined:
        """The receipts of a peer gateway's log, which this computer reads too; PeerLogMissing says
        what lets it."""
        trust = self.connection.trust
        peer = trust.of_log(origin)
        believed = replace(peer, witnesses=trust.witnesses, authorities=trust.authorities)
        tile = self._peer_tile and self._peer_tile(peer.issuer)
        log = ConfirmedLog(believed, tile, lambda: None, lambda *_: None)
        try:
            return log.under_one_checkpoint(given)
        except (errors.GatewayUnavailable, errors.TlsNotTrusted) as error:
            root = self.connection.ca.with_name("peers") / f"{peer.alias}.pem"
            raise errors.PeerLogMissing(
                f"the public log of {peer.alias} is not read ({Exception.__str__(error)}): let "
                f"this computer reach {peer.issuer}, where that certificate is of its own "
                f"authority put its root, which your gateway's operator has, into {root}, and "
                "export again"
            ) from None

    def _own_keys(self, texts: Sequence[str]) -> tuple[Receipt, ...]:
        """Return what published the keys by which the gateway attested these documents, and those
        of its log; nothing of a gateway of an earlier version."""
        used = {str(read_unverified_claims(sd_jwt.parse(text)).header["kid"]) for text in texts}
        found: list[tuple[VerifiedReceipt, Any]] = []
        with suppress(errors.RequestRefused):
            data = self._exchange.key_events()
            found += gateway_keys.read_each(data, self.connection.trust)
        newest = max((told.checkpoint.size for told, _ in found), default=0)
        return tuple(
            told.receipt
            for told, key in found
            if told.checkpoint.size == newest
            and (key["purpose"] == gateway_keys.LOG or key["key"] in used)
        )

    def _mandate(self, organisation: str, event: str | None) -> MandateRecord | None:
        """Return what registered a mandate, or planned its succession; None where that is not
        shown."""
        with suppress(errors.RequestRefused):
            return None if event is None else self.mandate(organisation, event)
        return None

    def _key_records(self, texts: Sequence[str]) -> Iterator[KeyRecord]:
        """Where the members' own keys came from that signed these documents, each once."""
        bare = [read_unverified_claims(sd_jwt.parse(text)) for text in texts]
        own = [one for one in bare if "attested_for" not in one.claims]
        here, trust = self.connection.issuer, self.connection.trust
        at = (handoff_documents.author_at(one.claims) for one in own)
        names = [trust.name_at(*author, here) for author in at]
        used = {(name, str(one.header["kid"])) for name, one in zip(names, own, strict=True)}
        for organisation, kid in sorted(used):
            # Not shown to this system, or erased: then a key file vouches for the key, and
            # `casegate verify` says so.
            with suppress(errors.RequestRefused):
                yield self.key_record(organisation, kid)


_NOT_TAKEN_IN = (
    "the gateway of {recipient} has not taken the offer in, so its log proves nothing of it: "
    "casegate handoff show {handoff} says what waits; export again once it is taken in. What your "
    "own gateway's log proves: casegate receipt save {event} --out FILE"
)

# --- Notifications: what happened in this organisation's own stream, signed by the gateway ---


REMEMBERED = 1000
"""Notifications that are known when they come again; the gateway repeats none but the newest."""

MOST = 100

_LINE = 37
"""Characters of one id, with the end of its line."""


@dataclass(frozen=True)
class NotificationPage:
    """Notifications in the order of the stream; ``more`` of them wait."""

    notifications: Sequence[EventNotification]
    more: bool


class SeenNotifications:
    """The newest notifications that were worked on: here, and in a file if one is given.

    A notification is remembered before it is acknowledged. So a stop between the two repeats none,
    and a stop in the midst of the work repeats the one that was worked on.
    """

    def __init__(self, file: Path | None = None) -> None:
        """SettingsError when the file is not one of these, or cannot be read."""
        self._file, self._seen = file, deque[UUID](maxlen=REMEMBERED)  # the oldest first
        try:
            if file is not None and file.exists():
                with file.open("rb") as opened:
                    text = opened.read(REMEMBERED * _LINE).decode("ascii")
                self._seen.extend(map(UUID, text.split()))
        except OSError as error:
            raise errors.SettingsError(f"{file} cannot be read: {error.strerror}") from error
        except ValueError:
            raise errors.SettingsError(
                f"{file} has no list of notifications: move it away; some may come twice"
            ) from None

    def __contains__(self, event: UUID) -> bool:
        """Tell whether the notification of an event was worked on."""
        return event in self._seen

    def add(self, event: UUID) -> None:
        """Remember one; SettingsError when the file cannot be written."""
        self._seen.append(event)
        if self._file is None:
            return
        with errors.raising(errors.SettingsError, f"{self._file} cannot be written", OSError):
            files.replace(self._file, "".join(f"{one}\n" for one in self._seen).encode())


class NotificationClient(ClientBase):
    """This organisation's notifications. Each is verified before anything is made of it."""

    _notification_keys: Mapping[str, PublicKey] | None = None

    def notifications(self) -> Generator[EventNotification]:
        """Each notification once it is there, without end.

        One is acknowledged when the next is asked for, or the iterator is closed: what was not
        worked on comes again, at the next start too. A repetition is passed over here, after a
        restart too where the connection has a ``notifications_file``. Raises SettingsError.
        """
        seen = SeenNotifications(self.connection.notifications_file)
        handled: list[EventNotification] = []
        try:
            while True:
                page = self.poll_notifications(wait=True, acknowledge=handled)
                handled = []
                for one in page.notifications:
                    if one.event not in seen:
                        yield one
                        seen.add(one.event)
                    handled.append(one)
        finally:
            if handled:
                with suppress(errors.ClientError):  # they come again
                    self.poll_notifications(most=0, acknowledge=handled)

    def poll_notifications(
        self,
        *,
        wait: bool = False,
        most: int = MOST,
        acknowledge: Sequence[EventNotification] = (),
        refuse: Mapping[EventNotification, tuple[str, str]] | None = None,
    ) -> NotificationPage:
        """Get the next notifications, at most 100; the first is waited for, if told so.

        Those before are acknowledged, or refused with a code of RFC 8935 and a description. Raises
        EvidenceMismatch for one that the gateway did not sign for this organisation.
        """
        organisation = self.connection.organisation
        asked = {
            "maxEvents": most,
            "returnImmediately": not wait,
            "ack": [jti_of(one.event, organisation) for one in acknowledge],
            "setErrs": {
                jti_of(one.event, organisation): {"err": error, "description": description}
                for one, (error, description) in (refuse or {}).items()
            },
        }
        page = self._exchange.read("notification.poll", "/notifications", asked)
        sets, more = page.get("sets"), page.get("moreAvailable", False)
        if not isinstance(sets, dict) or not isinstance(more, bool):
            raise errors.UnexpectedAnswer("the gateway's answer has no notifications")
        found = [self._verified(str(text)) for text in sets.values()]
        if [jti_of(one.event, organisation) for one in found] != [*sets]:
            raise errors.EvidenceMismatch("a notification has another id than the gateway says")
        return NotificationPage(found, more)

    def notification_status(self) -> "NotificationStatus":
        """How far this organisation's notifications were acknowledged, and which were refused."""
        found = self._exchange.read("notification.poll", "/notifications")
        return cast("NotificationStatus", found)

    def _verified(self, text: str) -> EventNotification:
        """Read a token; the gateway's keys are asked for where one is not known yet."""
        if self._notification_keys is None:
            self._notification_keys = self._exchange.keys("/keys/notification")
        try:
            try:
                return self._read(text)
            except KeyError:
                self._notification_keys = self._exchange.keys("/keys/notification")
                return self._read(text)
        except (NotificationError, KeyError) as error:
            reason = "its key is not the gateway's" if isinstance(error, KeyError) else error
            raise errors.EvidenceMismatch(f"a notification does not verify: {reason}") from error

    def _read(self, text: str) -> EventNotification:
        return security_event.verify(
            text,
            self._notification_keys or {},
            issuer=self.connection.issuer,
            organisation=self.connection.organisation,
            now=self._now(),
        )
