"""What a verified bundle proves, what is the operator's word, and what it does not show.

The steps that led there are in documents, receipts, authority and course beside it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.answers import ANSWERS
from gateway.domain.case import FORCES
from gateway.domain.handoff import OPEN
from gateway.domain.json_values import format_timestamp
from gateway.domain.measure import MeasureKind
from gateway.domain.revision import ChangeKind
from gateway.evidence import seal
from gateway.evidence.handoff_course import CONSULTED
from gateway.evidence.receipt import VerifiedReceipt
from gateway.verification import course, key_history
from gateway.verification.authority import Rights
from gateway.verification.chain import NOTICE, Link, signed_at
from gateway.verification.course import ANNOUNCED, Handed, LoggedMeasure
from gateway.verification.documents import Documents, members
from gateway.verification.recalls import APPROVED
from gateway.verification.receipts import ERASED, Histories, Receipts
from gateway.verification.report import Code, Conclusion, Fact
from gateway.verification.trust import AuthoredDocument

_TOLD = frozenset(
    {"by", "approved_by", "reason_code", "reason", "purpose", "rules", "basis", "groups", "change"}
)
"""The details of an event that a conclusion repeats."""


@dataclass(frozen=True)
class BundleFacts:
    """The facts of a bundle of which every step has passed."""

    receipts: Receipts
    histories: Histories
    rights: Rights
    handed: Handed
    measures: Sequence[LoggedMeasure]

    @property
    def documents(self) -> Documents:
        """What its parties signed."""
        return self.receipts.documents

    def conclude(self) -> Conclusion:
        """What the file proves, what is the operator's word, and what it does not show."""
        acts = sorted(self.documents.acts, key=self._place)
        proved = [fact for one in acts if not one.attested for fact in self._act(one)]
        word = [fact for one in acts if one.attested for fact in self._act(one)]
        not_proved = [
            *(Fact("absent", {"type": e.type, "entry": e.index}) for e in self.receipts.absent),
            *self._missing_packages(),
            *(
                [Fact("gaps", {"number": self.handed.states.gaps})]
                if self.handed.states.gaps
                else []
            ),
            *([Fact("lacking", {"number": self.handed.lacking})] if self.handed.lacking else []),
        ]
        missing = bool(not_proved)
        proved += [
            Fact("documents", {"signed": sum(not one.attested for one in acts), "all": len(acts)}),
            Fact("log", {"log": self.receipts.log}),
            Fact("elements", {"shown": len(self.documents.case.verified.placed)}),
            *(sealed_facts(self.documents.case)),
        ]
        state = {
            "entry": self.receipts.moving[-1].index,
            "states": sorted(map(str, self.handed.states.states)),
        }
        moved = proved if self._moves_are_signed() else word
        moved.append(Fact("state", state))
        word += [fact for one in self.receipts.confirmed for fact in self._recorded_fact(one)]
        dates = sorted({d for one in self.histories.here if (d := one.event.get("simulated_date"))})
        for found, lacking in (self._mandate_facts(), self._history_facts()):
            proved += found
            not_proved += lacking
        stated, lacking = self._reissue_facts()
        word += stated
        not_proved += lacking
        documents = self.documents.authored
        word += [
            one.fact() for one in key_history.newest_status(self.histories.statuses, documents)
        ]
        proved += self.rights.keys.proved()
        not_proved += self.rights.keys.not_proved()
        not_proved += self._claims()
        not_proved += self._embargo_facts()
        not_proved += self._recall_facts()
        not_proved += self._stream_facts()
        # A party may leave out the latest documents, and the rest still verifies.
        not_proved += [] if self.handed.states.states.isdisjoint(OPEN) else [Fact("later")]
        not_proved += [] if missing else [Fact("package.later")]
        if self.handed.lacking == 0:
            word.append(Fact("numbered"))
        later = Fact("outcomes" if self.handed.lacking is None else "outcomes.later")
        not_proved += [later, Fact("withheld", course.count_withheld(self.receipts))]
        not_proved += [Fact("simulated", {"dates": dates})] if dates else []
        word.append(Fact("times"))
        only_word = any(one.attested and not self._is_covered(one) for one in self.documents.moved)
        code = Code.SIMULATED if dates else Code.VERIFIED
        if missing or only_word:  # worse than a demonstration
            code = Code.INCOMPLETE if missing else Code.ATTESTED
        return Conclusion(proved, word, not_proved, code, self.documents.content)

    def _place(self, signed: AuthoredDocument) -> int:
        """The entry of an act; of a case version that of its offer."""
        offered = (link.offered for link in self.documents.links if link.case is signed)
        return self.receipts.record_of(next(offered, signed)).index

    def _moves_are_signed(self) -> bool:
        """Whether the parties' own documents, in this file, show every move."""
        signed = {one.document.digest for one in self.documents.moved if not one.attested}
        return all(one.document in signed for one in self.receipts.moving)

    def _is_covered(self, signed: AuthoredDocument) -> bool:
        """Whether the gateway's own act rests on an offer that the originator signed."""
        if signed is self.documents.links[0].offered:
            return self.documents.before is not None and not self.documents.before.attested
        return self.documents.is_gateways_own(signed)

    def _act(self, signed: AuthoredDocument) -> list[Fact]:
        """What a party did, and whose signature shows it."""
        claims, extra = signed.verified.claims, {}
        values: dict[str, Any] = {
            "by": signed.author,
            "kid": signed.kid,
            "digest": signed.document.digest,
            "signed_at": format_timestamp(signed_at(signed)),
            "at": format_timestamp(signed_at(signed)),
        }
        if any(signed is one.case for one in self.documents.links):
            key, entry = "case", self.receipts.place_of(signed)
        else:
            record = self.receipts.record_of(signed)
            entry, values["at"] = record.index, record.event["time"]
            extra = signed.verified.disclosed
            values["handoff"] = str(self.documents.offer.handoff)
            key = str(claims.get("kind", "update" if "updates" in claims else "offer"))
        link = next(
            (one for one in self.documents.links if signed in (one.case, one.offered)), None
        )
        if link is not None:
            case = link.case.verified.claims
            values |= {"case": str(case.get("case")), "version": case.get("version", 1)}
        if link is not None and signed is link.offered:
            values |= {"change": str(link.offer.change)} if link.offer.change else {}
            values["to"] = self.documents.offer.recipient
            values |= (
                {"competence": self.documents.offer.competence}
                if self.documents.offer.competence
                else {}
            )
            values["purpose"] = claims.get("purpose")
        elif signed is self.documents.recalled:
            key, values = "recall", {**values, "code": claims["code"], "version": claims["version"]}
        elif key == "acceptance" and "groups" in extra:
            key = "acceptance.partial"
        if entry is not None:
            values["entry"] = entry
        return [Fact(key, values, extra), signature_fact(signed, entry)]

    def _recorded_fact(self, one: VerifiedReceipt) -> list[Fact]:
        """What the gateway recorded beside the documents of this file."""
        values = {"at": one.event["time"], "type": one.type, "entry": one.index}
        extra = {kind: value for kind, value in one.opened.shown if kind in _TOLD}
        if not one.allowed:
            return [Fact("attempt", {**values, "result": one.event["result"]}, extra)]
        if one.document in self.receipts.recorded:
            return []
        if one.type == CONSULTED and self._is_superseded(one):
            return [Fact("consulted.superseded", values, extra)]
        if one.type == CONSULTED:
            if self.receipts.is_of_this_presentation(one):
                values["elements"] = len(self.documents.case.verified.placed)
                return [Fact("consulted", values, extra)]
            return [Fact("consulted.other", values, extra)]
        return [Fact("erased" if one.type == ERASED else "event", values, extra)]

    def _is_superseded(self, one: VerifiedReceipt) -> bool:
        """Whether a consultation was of a package that a later one had replaced by then."""
        digest, links = one.event.get("case_digest"), list(self.documents.links)
        place = next((n for n, o in enumerate(links) if o.offer.case_digest == digest), None)
        if place is None:
            return False
        since = (self._replaced_at(link) for link in links[place + 1 :])
        return any(index is not None and index < one.index for index in since)

    def _replaced_at(self, link: Link) -> int | None:
        """The entry from which a package replaced the one before it: that of its update, for an
        addition that of the acknowledgement; None where that is not shown."""
        update = self.receipts.record_of(link.offered).index
        if link.offer.change is not ChangeKind.ADDITION:
            return update
        agreed = (
            self.receipts.record_of(one.signed).index
            for one in self.documents.answers.values()
            if ANSWERS[one.claims.kind].agrees
        )
        return min((index for index in agreed if index > update), default=None)

    def _missing_packages(self) -> list[Fact]:
        """The packages that are updated, or answered, here, a change announced after the newest one
        for which no notice stands, and a notice, or a recall, that is answered here."""
        found = [Fact("package.missing", {"offer": one}) for one in self.documents.missing_offers]
        known = [self.receipts.record_of(self.documents.offered).index]
        known += [
            self.receipts.record_of(one.signed).index
            for one in self.documents.answers.values()
            if one.claims.kind in (NOTICE, "update_omission")
        ]
        told = [one for one in self.receipts.confirmed if one.type == ANNOUNCED]
        found += [
            Fact("package.announced", {"entry": one.index})
            for one in told
            if one.index > max(known)
        ]
        answers = [one.claims for one in self.documents.answers.values()]
        named = {one.notice_digest for one in answers} - self.documents.answers.keys()
        found += [Fact("notice.missing", {"notice": one}) for one in sorted(filter(None, named))]
        shown = {one.document for one in self.receipts.moving}
        named = {one.recall for one in answers} - shown
        return found + [
            Fact("recall.unshown", {"recall": one}) for one in sorted(filter(None, named))
        ]

    def _embargo_facts(self) -> list[Fact]:
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

    def _recall_facts(self) -> list[Fact]:
        """The recall that an event names and the file lacks; and its second person, where that is
        not shown."""
        recalled, recall = self.documents.recalled, self.handed.recall
        if recalled is None:
            return [] if recall is None else [Fact("recall.missing", {"entry": recall.start.index})]
        shown = {part.name for part in recalled.verified.placed}
        if {"by", "approved_by"} <= shown or any(
            one.type == APPROVED for one in self.receipts.confirmed
        ):
            return []
        return [Fact("recall.persons", {"by": recalled.author})]

    def _mandate_facts(self) -> tuple[list[Fact], list[Fact]]:
        if self.documents.offer.competence is None:
            return [], []
        registered = self.rights.mandate.registered
        if registered is not None:
            offered = self.receipts.record_of(self.documents.offered).index
            ends = [one.fact(offered) for one in self.rights.mandate.ends]
            return [registered.fact(), *ends], [] if ends else [Fact("mandate.ended")]
        values = {
            "organisation": self.documents.offer.recipient,
            "competence": self.documents.offer.competence,
            "event": self.documents.offer.mandate_event,
        }
        return [], [Fact("mandate.unproved", values)]

    def _reissue_facts(self) -> tuple[list[Fact], list[Fact]]:
        reissue = self.documents.links[0].offer.reissue_of
        if reissue is None:
            return [], []
        values = {
            "handoff": str(reissue.handoff),
            "predecessor": reissue.predecessor,
            "successor": self.documents.offer.recipient,
            "event": str(reissue.event),
        }
        found = [Fact("reissued_from", values)]
        if self.receipts.plan is not None:
            act = self.receipts.plan.subject().get("legal_act")
            origin = self.receipts.plan.checkpoint.origin
            found.append(
                Fact("succession", {"act": act, "entry": self.receipts.plan.index, "log": origin})
            )
        if self.documents.before is None:
            return found, [Fact("reissued_from.no_original")]
        found.append(Fact("reissued_from.original", {"by": self.documents.before.author}))
        return [*found, signature_fact(self.documents.before, None)], []

    def _claims(self) -> list[Fact]:
        """What the parties say that law or an agreement asks of them: nobody checked it."""
        found = []
        for one in map(members, self.documents.content.get("legal_basis") or ()):
            stated = {part: str(one.get(part)) for part in ("regime", "article")}
            found.append(Fact("legal_basis", {"by": self.documents.case.author, **stated}))
        for name, one in members(self.documents.content.get("force")).items():
            stated = members(one)
            if stated.get("force") in FORCES:
                said = {"condition": name, "reference": str(stated.get("reference"))}
                found.append(
                    Fact(f"condition.{stated['force']}", {"by": self.documents.case.author, **said})
                )
        for one in map(members, self.documents.said("reservation")):
            said = {part: str(one.get(part)) for part in ("condition", "legal_basis")}
            found.append(Fact("reservation", {"by": self.documents.offer.recipient, **said}))
        return found

    def _history_facts(self) -> tuple[list[Fact], list[Fact]]:
        values = {"log": self.receipts.log}
        if self.histories.known.is_shown(self.receipts.log):
            return [Fact("one_history", values)], []
        return [], [Fact("one_history.unproved", values)]

    def _stream_facts(self) -> list[Fact]:
        """Whom to ask about what the gateway attested: the number in that party's own stream."""
        told: dict[str, Fact] = {}
        for one in (given.signed for given in self.documents.answers.values()):
            if not one.attested:
                continue
            numbers = self.receipts.record_of(one).stream_numbers(one.author)
            if not numbers:
                told[one.author] = Fact("stream.unproved", {"organisation": one.author})
            else:
                values = {"organisation": one.author, "number": numbers[0]}
                told.setdefault(one.author, Fact("stream", values))
        return list(told.values())


def signature_fact(signed: AuthoredDocument, entry: int | None) -> Fact:
    """Whose signature a document has, and the entry that records it."""
    values: dict[str, Any] = {"by": signed.author, "kid": signed.kid}
    if signed.attested:
        values["issuer"] = signed.gateway
    logged = "" if entry is None else ".logged"
    if entry is not None:
        values["entry"] = entry
    return Fact(f"{'attested' if signed.attested else 'signed'}{logged}", values)


def sealed_facts(case: AuthoredDocument) -> list[Fact]:
    """How many sealed elements of a case are for whom."""
    counted = Counter(part.sealed_to for part in seal.shown(case.verified))
    return [
        Fact("sealed", {"organisation": organisation, "number": number})
        for organisation, number in sorted(counted.items())
    ]
