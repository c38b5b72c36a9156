"""What a verified bundle shows, each fact with its source, and what it does not show.

The steps that led there are in documents, receipts, authority and course beside it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.answers import ANSWERS
from gateway.domain.case import FORCES
from gateway.domain.handoff import OPEN, HandoffState
from gateway.domain.json_values import format_timestamp
from gateway.domain.measure import MeasureKind
from gateway.domain.revision import ChangeKind
from gateway.evidence import sd_jwt, seal
from gateway.evidence.case_events import APPROVED
from gateway.evidence.declarations import MAX_SKEW
from gateway.evidence.handoff_documents import CASE_TYP, OFFER_TYP, RECALL_TYP
from gateway.evidence.handoff_moves import CONSULTED, MOVING, SENT
from gateway.evidence.receipt import VerifiedReceipt
from gateway.verification import confirmations, key_history, order
from gateway.verification.authority import Rights, SuccessionDecision
from gateway.verification.chain import NOTICE, Link, signed_at
from gateway.verification.documents import Documents, members
from gateway.verification.key_history import KeyHistory
from gateway.verification.order import ANNOUNCED, Handed, LoggedMeasure
from gateway.verification.receipts import ERASED, Histories, Receipts
from gateway.verification.report import Conclusion, Fact
from gateway.verification.sources import Source
from gateway.verification.trust import AuthoredDocument
from gateway.verification.two_logs import ORIGINAL

_TOLD = frozenset(
    {"by", "approved_by", "reason_code", "reason", "purpose", "rules", "basis", "groups", "change"}
)
"""The details of an event that a conclusion repeats."""

_ACTS = {CASE_TYP: "case", OFFER_TYP: "offer", RECALL_TYP: "recall"}


@dataclass(frozen=True)
class BundleFacts:
    """The facts of a bundle of which every step has passed."""

    receipts: Receipts
    histories: Histories
    rights: Rights
    handed: Handed
    measures: Sequence[LoggedMeasure]
    succession: SuccessionDecision
    confirmed: Sequence[Fact]
    """What persons and others than the operator confirm, and what they do not."""
    compared: Sequence[Fact] = ()
    """What the logs of two gateways tell together."""
    following: Sequence[Receipts] = ()
    """Those of the log that does not decide."""

    @property
    def documents(self) -> Documents:
        """Return what its parties signed."""
        return self.receipts.documents

    def conclude(self, version: int | None = None) -> Conclusion:
        """All facts, in the order of the log under each heading; the content of the newest version
        that the recipient took, or of the ``version`` that the verifier asks for."""
        acts = sorted(self.documents.acts, key=self._place)
        shown = self._shown(version)
        documents, statuses = self.documents, self.histories.statuses
        logs = [one.log for one in (self.receipts, *self.following)]
        offered = self.receipts.record_of(documents.offered).index
        return Conclusion(
            [
                *(fact for one in acts for fact in self._act(one)),
                *self._counts(acts, shown),
                *self._recorded(),
                *self._recorded_elsewhere(),
                *self.compared,
                *self.rights.mandate.facts(documents.offer, offered),
                *self.histories.facts(logs, documents.parties),
                *self.confirmed,
                *self._reissue_facts(),
                *(one.fact() for one in key_history.newest_status(statuses, documents.authored)),
                *self.rights.keys.facts(),
                *self._claims(),
                *self._dates(acts),
                *self._missing_packages(),
                *self.handed.facts(),
                *self._embargo_facts(),
                *self._recall_facts(),
                *self._stream_facts(),
                *self._limits(acts),
            ],
            sd_jwt.merge_disclosures(shown.case.verified),
        )

    def _source(self, signed: AuthoredDocument) -> Source:
        return self.rights.keys.source(signed)

    def _place(self, signed: AuthoredDocument) -> int:
        """The entry of an act; of a case version that of its offer."""
        offered = (link.offered for link in self.documents.links if link.case is signed)
        return self.receipts.record_of(next(offered, signed)).index

    def _shown(self, version: int | None) -> Link:
        """The package whose content is shown."""
        links = self.documents.links
        if version is not None:
            return next((one for one in links if one.version == version), links[-1])
        agreed = self._agreed()
        return next((one for one in reversed(links) if one.digest in agreed), links[-1])

    def _agreed(self) -> set[str]:
        """The offers that the recipient accepted or acknowledged here."""
        answers = self.documents.answers.values()
        return {one.claims.offer_digest for one in answers if ANSWERS[one.claims.kind].agrees}

    def _act(self, signed: AuthoredDocument) -> list[Fact]:
        """Return what a party did, and whose signature shows it."""
        documents, claims, extra = self.documents, signed.verified.claims, {}
        values: dict[str, Any] = {
            "by": signed.author,
            "kid": signed.kid,
            "digest": signed.document.digest,
            "signed_at": format_timestamp(signed_at(signed)),
        }
        link = next((one for one in documents.links if signed in (one.case, one.offered)), None)
        if link is not None and signed is link.case:
            key, entry = "case", self.receipts.place_of(signed)
        else:
            record = self.receipts.record_of(signed)
            entry, extra = record.index, signed.verified.disclosed
            values |= {"recorded_at": record.event["time"], "handoff": str(documents.offer.handoff)}
            key = str(claims.get("kind", "update" if "updates" in claims else "offer"))
        if link is not None:
            values |= {"case": str(link.case.verified.claims.get("case")), "version": link.version}
        if link is not None and signed is link.offered:
            values |= {"change": str(link.offer.change)} if link.offer.change else {}
            values["to"] = documents.offer.recipient
            values |= {"competence": c} if (c := documents.offer.competence) else {}
            values["purpose"] = claims.get("purpose")
        elif signed is documents.recalled:
            key, values = "recall", {**values, "code": claims["code"], "version": claims["version"]}
        elif link is None:
            about = documents.by_offer.get(str(claims.get("offer_digest")))
            values["version"] = None if about is None else about.version
        if key == "acceptance" and "groups" in extra:
            key = "acceptance.partial"
        if entry is not None:
            values["entry"] = entry
        source = self._source(signed)
        act = Fact(key, values, extra, source)
        if key == "offer" and self._is_covered():
            reissue = documents.links[0].offer.reissue_of
            values["predecessor"] = None if reissue is None else reissue.predecessor
            return [Fact("offer.reissued", values, extra, Source.PARTY)]
        return [act, signature_fact(signed, entry, source, self._stamped_before(entry))]

    def _stamped_before(self, entry: int | None) -> str | None:
        """Before when an entry was in the log, where a time-stamp authority confirms that."""
        runs = (one.values for one in self.confirmed if one.key in ("stamped", "stamped.several"))
        mine = (one for one in runs if one["log"] == self.receipts.log and entry is not None)
        return next((one["before"] for one in mine if one["first"] <= entry <= one["last"]), None)

    def _is_covered(self) -> bool:
        """Tell whether the gateway's own offer rests on one that the originator signed, and on a
        succession that those decided whose keys the verifier brought."""
        before, first = self.documents.before, self.documents.links[0].offered
        if before is None or not self.succession.is_shown or not first.attested:
            return False
        return self._source(before) is Source.PARTY

    def _counts(self, acts: Sequence[AuthoredDocument], shown: Link) -> Iterable[Fact]:
        signed = sum(self._source(one) is Source.PARTY for one in acts)
        yield Fact("documents", {"signed": signed, "all": len(acts)})
        yield Fact("log", {"log": self.receipts.log})
        placed = {"shown": len(shown.case.verified.placed), "version": shown.version}
        yield Fact("elements", placed, given=self._source(shown.offered))
        yield from sealed_facts(shown.case, self._source(shown.case))
        states = set(map(str, self.handed.states.states))
        if self.handed.recall is not None and HandoffState.WITHDRAWN in states:
            states = {*states - {str(HandoffState.WITHDRAWN)}, "recalled"}
        state = {"entry": self.receipts.moving[-1].index, "states": sorted(states)}
        # The parties show it where every move has a document of their own in this file.
        by_digest = {one.document.digest: one for one in self.documents.moved}
        moved = [by_digest.get(one.document) for one in self.receipts.moving]
        sources = {Source.OPERATOR if one is None else self._source(one) for one in moved}
        whole = sources == {Source.PARTY} and not self.histories.unjoined
        yield Fact("state", state, given=Source.PARTY if whole else Source.OPERATOR)

    def _recorded(self) -> Iterable[Fact]:
        """Return what the gateway recorded beside the documents of this file."""
        for one in self.receipts.confirmed:
            values = {"at": one.event["time"], "type": one.type, "entry": one.index}
            extra = {kind: value for kind, value in one.opened.shown if kind in _TOLD}
            if not one.allowed:
                yield Fact("attempt", {**values, "result": one.event["result"]}, extra)
            elif one.document in self.receipts.recorded:
                continue
            elif one.type == CONSULTED and self._is_superseded(one):
                yield Fact("consulted.superseded", values, extra)
            elif one.type == CONSULTED and self.receipts.is_of_this_presentation(one):
                values["elements"] = len(self.documents.case.verified.placed)
                yield Fact("consulted", values, extra)
            elif one.type == CONSULTED:
                yield Fact("consulted.other", values, extra)
            else:
                yield Fact("erased" if one.type == ERASED else "event", values, extra)

    def _recorded_elsewhere(self) -> Iterable[Fact]:
        """Return what the gateway that does not decide recorded beside what it repeats."""
        decided = {one.document for one in self.receipts.moving}
        for log in self.following:
            for one in log.confirmed:
                values = {"at": one.event["time"], "type": one.type, "entry": one.index}
                values["other_log"] = log.log
                sent = one.type == SENT and one.document in decided
                if not one.allowed:
                    yield Fact("attempt", {**values, "result": one.event["result"]})
                elif not (one.type in MOVING or sent or one.details(ORIGINAL)):
                    yield Fact("event", values)
        # How many persons decided at another gateway, as that told the one that took it in.
        for one in (one for log in (self.receipts, *self.following) for one in log.confirmed):
            for count, of in zip(one.details("peer_persons"), one.details(ORIGINAL), strict=False):
                yield Fact("peer.persons", {"count": count, "log": of[0], "entry": one.index})

    def _is_superseded(self, one: VerifiedReceipt) -> bool:
        """Tell whether a consultation was of a package that a later one had replaced by then."""
        digest, links = one.event.get("case_digest"), list(self.documents.links)
        place = next((n for n, o in enumerate(links) if o.offer.case_digest == digest), None)
        if place is None:
            return False
        agreed = [
            self.receipts.record_of(given.signed).index
            for given in self.documents.answers.values()
            if ANSWERS[given.claims.kind].agrees
        ]
        for link in links[place + 1 :]:
            # An addition replaces what was there once it is acknowledged, all else at once.
            since = self.receipts.record_of(link.offered).index
            if link.offer.change is ChangeKind.ADDITION:
                since = min((at for at in agreed if at > since), default=one.index)
            if since < one.index:
                return True
        return False

    def _reissue_facts(self) -> Iterable[Fact]:
        reissue, plan = self.documents.links[0].offer.reissue_of, self.receipts.plan
        if reissue is None:
            return
        values: dict[str, Any] = {
            "handoff": str(reissue.handoff),
            "predecessor": reissue.predecessor,
            "successor": self.documents.offer.recipient,
            "event": str(reissue.event),
        }
        yield Fact("reissued_from", values)
        if plan is not None:
            values |= {"entry": plan.index, "log": plan.checkpoint.origin}
            yield Fact("succession", {**values, "act": plan.subject().get("legal_act")})
        decision = self.succession
        if decision.administrators:
            persons = sorted(decision.administrators)
            yield Fact("succession.decided", {**values, "persons": persons})
        if decision.agreed:
            yield Fact("succession.agreed", values)
        if not decision.is_shown:
            yield Fact("succession.undecided", {"entry": None, **values})
        before = self.documents.before
        if before is None:
            yield Fact("reissued_from.no_original")
            return
        source = self._source(before)
        yield Fact("reissued_from.original", {"by": before.author}, given=source)
        yield signature_fact(before, None, source)

    def _claims(self) -> Iterable[Fact]:
        """Return what the parties say that law or an agreement asks of them: nobody checked it."""
        author, content = self.documents.case.author, self.documents.content
        for one in map(members, content.get("legal_basis") or ()):
            stated = {part: str(one.get(part)) for part in ("regime", "article")}
            yield Fact("legal_basis", {"by": author, **stated})
        for name, one in members(content.get("force")).items():
            stated = members(one)
            if stated.get("force") in FORCES:
                said = {"condition": name, "reference": str(stated.get("reference"))}
                yield Fact(f"condition.{stated['force']}", {"by": author, **said})
        for one in map(members, self.documents.said("reservation")):
            said = {part: str(one.get(part)) for part in ("condition", "legal_basis")}
            yield Fact("reservation", {"by": self.documents.offer.recipient, **said})

    def _dates(self, acts: Iterable[AuthoredDocument]) -> Iterable[Fact]:
        """When each document was signed, as its author says; and when the gateway recorded it,
        where that is another time."""
        recorded = {}
        for one in acts:
            place = self.receipts.place_of(one)
            yield dated_fact(one, place, self.rights.keys)
            if place is None or any(one is link.case for link in self.documents.links):
                continue
            record = self.receipts.record_of(one)
            recorded[place] = record.event["time"]
            if record.time - signed_at(one) > MAX_SKEW:
                signed = format_timestamp(signed_at(one))
                values = {"by": one.author, "signed": signed, "at": record.event["time"]}
                yield Fact("late", {**values, "entry": place})
        yield Fact("times.entries", {"entries": recorded})

    def _missing_packages(self) -> Iterable[Fact]:
        """The moves without their document; the packages that are updated, or answered, here, a
        change announced after the newest one for which no notice stands, and a notice, or a recall,
        that is answered here."""
        receipts, answered = self.receipts, [*self.documents.answers.values()]
        for event in receipts.absent:
            yield Fact("absent", {"type": event.type, "entry": event.index})
        for offer in self.documents.missing_offers:
            yield Fact("package.missing", {"offer": offer})
        known = [receipts.record_of(self.documents.offered).index]
        known += [
            receipts.record_of(one.signed).index
            for one in answered
            if one.claims.kind in (NOTICE, "update_omission")
        ]
        for event in receipts.confirmed:
            if event.type == ANNOUNCED and event.index > max(known):
                yield Fact("package.announced", {"entry": event.index})
        notices = {one.claims.notice_digest for one in answered} - self.documents.answers.keys()
        yield from (Fact("notice.missing", {"notice": o}) for o in sorted(filter(None, notices)))
        shown = {one.document for one in receipts.moving}
        named = {one.claims.recall for one in answered} - shown
        yield from (Fact("recall.unshown", {"recall": o}) for o in sorted(filter(None, named)))
        newest = self.documents.links[-1]
        if newest.offer.updates is not None and newest.digest not in self._agreed():
            entry = receipts.record_of(newest.offered).index
            values = {"by": self.documents.offer.recipient, "version": newest.version}
            yield Fact("version.unanswered", {**values, "entry": entry})

    def _embargo_facts(self) -> Iterable[Fact]:
        """The offers for removal, or consultations, that came while an embargo held: whom it binds
        is not shown."""
        meanwhile = [self.receipts.record_of(link.offered) for link in self.documents.links]
        return [
            Fact("embargo", {"embargo": measure.start.index, "entry": one.index})
            for measure in self.measures
            if measure.kind is MeasureKind.EMBARGO
            for one in meanwhile
            if measure.holds_at(one)
        ]

    def _recall_facts(self) -> Iterable[Fact]:
        """The recall that an event names and the file lacks; and its second person, where that is
        not shown."""
        recalled, recall = self.documents.recalled, self.handed.recall
        if recalled is None:
            return [] if recall is None else [Fact("recall.missing", {"entry": recall.start.index})]
        shown = {part.name for part in recalled.verified.placed}
        approved = any(one.type == APPROVED for one in self.receipts.confirmed)
        if {"by", "approved_by"} <= shown or approved:
            return []
        return [Fact("recall.persons", {"by": recalled.author})]

    def _stream_facts(self) -> Iterable[Fact]:
        """Whom to ask about what the gateway attested: the number in that party's own stream."""
        told: dict[str, Fact] = {}
        for one in (given.signed for given in self.documents.answers.values()):
            if not one.attested:
                continue
            log = next((log for log in self.following if log.of(one)), self.receipts)
            numbers = log.numbers_of(log.record_of(one), one) if log.has(one) else []
            if not numbers:
                told[one.author] = Fact("stream.unproved", {"organisation": one.author})
            else:
                values = {"organisation": one.author, "number": numbers[0]}
                told.setdefault(one.author, Fact("stream", values))
        return told.values()

    def _limits(self, acts: Sequence[AuthoredDocument]) -> Iterable[Fact]:
        """Return what this file does not show, whatever it shows: its maker may leave out the
        latest documents, and the rest still verifies."""
        if not self.handed.states.states.isdisjoint(OPEN):
            yield Fact("later")
        yield Fact("package.later")
        yield Fact("outcomes" if self.handed.lacking is None else "outcomes.later")
        for one in acts:
            shown = one.verified.disclosed
            if one.verified.claims.get("kind") == "outcome" and not {"code", "release"} & {*shown}:
                yield Fact("outcome.code", {"entry": self.receipts.record_of(one).index})
        attested = sorted({one.author for one in acts if one.attested})
        yield from (Fact("requirements", {"organisation": one}) for one in attested)
        yield Fact("withheld", order.count_withheld((self.receipts, *self.following)))
        here = self.histories.here
        dates = sorted({date for one in here if (date := one.event.get("simulated_date"))})
        yield from [Fact("simulated", {"dates": dates})] if dates else []
        yield confirmations.times(self.confirmed)


def signature_fact(
    signed: AuthoredDocument, entry: int | None, source: Source, before: str | None = None
) -> Fact:
    """Whose signature a document has, the entry that records it, and before when it was there."""
    values: dict[str, Any] = {"by": signed.author, "kid": signed.kid}
    if signed.attested:
        values["issuer"] = signed.gateway
    logged = "" if entry is None else ".logged"
    if entry is not None:
        values["entry"] = entry
    how = {Source.PARTY: "signed", Source.VOUCHED: "vouched"}.get(source, "attested")
    if how == "signed" and before is not None:
        return Fact("signed.stamped", {**values, "before": before})
    return Fact(f"{how}{logged}", values)


def dated_fact(signed: AuthoredDocument, entry: int | None, keys: KeyHistory) -> Fact:
    """The date that an author gives; it may be older than its key."""
    claims = signed.verified.claims
    act = "update" if "updates" in claims else _ACTS.get(str(signed.verified.header.get("typ")))
    values = {"by": signed.author, "document": act or claims["kind"], "entry": entry}
    values |= {"at": format_timestamp(signed_at(signed)), "digest": signed.document.digest}
    registered = keys.registered_at(signed)
    logged = "" if entry is None else ".logged"
    if registered is None or registered - signed_at(signed) <= MAX_SKEW:
        return Fact(f"dated{logged}", values)
    values["registered"] = format_timestamp(registered)
    return Fact(f"dated.before_key{logged}", values)


def sealed_facts(case: AuthoredDocument, source: Source) -> list[Fact]:
    """How many sealed elements of a case are for whom."""
    counted = Counter(part.sealed_to for part in seal.shown(case.verified))
    return [
        Fact("sealed", {"organisation": organisation, "number": number}, given=source)
        for organisation, number in sorted(counted.items())
    ]
