"""Handoffs: offer a cleared case; read, answer and consult what was offered."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Required, TypedDict, Unpack, cast
from uuid import UUID

from gateway.client import documents
from gateway.client.cases import ConsultedContent, asking, query_of, read_content
from gateway.client.directory import Directory
from gateway.client.documents import AnsweredOffer, require
from gateway.client.errors import InvalidArgument, RequestRefused, raising
from gateway.client.own_stream import Events
from gateway.client.session import (
    ConfirmedWrite,
    Ended,
    NewWrite,
    list_of,
    next_page,
    spelled,
    with_commands,
)
from gateway.domain.answers import KIND_OF_ACTION, AnswerKind
from gateway.domain.handoff import HandoffState
from gateway.domain.mandate import competence_members, read_competence
from gateway.evidence import handoff_documents
from gateway.verification.chain import VerifiedAnswer, VerifiedOffer
from gateway.verification.mandates import days_of

if TYPE_CHECKING:
    from gateway.client.views import (
        AnswerCommand,
        FoundItem,
        HandoffStateWord,
        HandoffSummary,
        HandoffView,
        NoticesView,
        Preview,
        SkippedSource,
        UrgencyWord,
        WorklistRow,
    )


class BoxFilters(TypedDict, total=False):
    """Which handoffs of a box are listed; what is None is not asked for.

    ``reference`` is one's own, of a case or of what one received; offered ``since`` a day, and
    ``until`` another, in UTC.
    """

    urgency: "UrgencyWord | None"
    matter: str | None
    counterpart: str | None
    reference: str | None
    since: date | None
    until: date | None
    overdue: bool
    erase_before: date | None


class Worklist(TypedDict):
    """What waits for a member, and the sources that its gateway did not look at."""

    items: "list[WorklistRow]"
    skipped: "list[SkippedSource]"


class FoundItems(TypedDict):
    """What has an item, among what it was looked for, and the events that recorded the search."""

    items: "list[FoundItem]"
    searched: list[str]
    events: list[str]


class HandoffClient(Events):
    """The handoffs that this member is a party of, held against its own events."""

    def inbox(
        self, state: "HandoffStateWord | None" = None, **filters: Unpack[BoxFilters]
    ) -> "Iterator[HandoffSummary]":
        """The handoffs received, by urgency, then due time.

        All are read first, and held against this member's own events: EvidenceMismatch.
        """
        return cast("Iterator[HandoffSummary]", self._box("in", state, filters))

    def sent(
        self, state: "HandoffStateWord | None" = None, **filters: Unpack[BoxFilters]
    ) -> "Iterator[HandoffSummary]":
        """The handoffs sent, likewise."""
        return cast("Iterator[HandoffSummary]", self._box("out", state, filters))

    def search_items(self, by: str, reason_code: str, reason: str, **item: str) -> "FoundItems":
        """Find one's own cases, and the handoffs by which one holds others', that have an item: a
        ``url``, a ``hash`` or an ``account``.

        Recorded with person and reason, once for each hundred that are found. InvalidArgument
        unless it is one of the three.
        """
        if item.keys() not in ({"url"}, {"hash"}, {"account"}):
            raise InvalidArgument("a search is by one url, hash or account")
        body: dict[str, Any] = {"by": by, "reason_code": reason_code, "reason": reason, **item}
        body["limit"] = 100
        found: FoundItems = {"items": [], "searched": [], "events": []}
        while True:
            written = self._exchange.write("item.search", "/items/searches", body)
            found["items"] += list_of(written.result, "items")
            found["searched"] = list_of(written.result, "searched")
            found["events"].append(str(written.confirmed.event["id"]))
            if written.result.get("next") is None:
                return found
            body["after"] = written.result["next"]

    def worklist(self) -> "Worklist":
        """Return what waits for this member, by urgency, then due time, and what was not looked at;
        read whole and held likewise, unless this system lacks the scope for handoffs. Who is not
        active has no events to hold it against: then nothing about a handoff is shown."""
        if not self._exchange.may("handoffs.read"):
            return self._worklist()
        try:
            return self._held(self._worklist, lambda told, shown: told.in_duties(shown["items"]))
        except RequestRefused as refused:
            if "R2.inactive" not in refused.rules:
                raise
        found = self._worklist()
        found["items"] = [one for one in found["items"] if one["handoff"] is None]
        return found

    def _worklist(self) -> "Worklist":
        found: Worklist = {"items": [], "skipped": []}
        path: str | None = "/worklist"
        while path:
            page = self._exchange.read("worklist.read", path)
            found["items"] += with_commands(list_of(page, "items"))
            found["skipped"] = list_of(page, "skipped")
            path = next_page(page, path)
        return found

    def handoff(self, handoff: UUID | str) -> "HandoffView":
        """A handoff with its offer, conditions and answers, each verified; never content."""
        return cast("HandoffView", self._view(handoff)[0])

    def accept(
        self, view: Mapping[str, Any], by: str, groups: Sequence[str] | None = None
    ) -> ConfirmedWrite:
        """Accept a handoff under the conditions that `handoff` returned in ``view``.

        ``groups`` selects the accepted groups; None accepts all.
        """
        return self._exchange.write(*self._acceptance(view, by, groups))

    def accept_each(self, acceptances: Iterable[Mapping[str, Any]]) -> Iterator[Ended]:
        """Accept several handoffs, many in one request; each is what `accept` takes, by name.

        How each ended, in their order; see `Session.write_each`.
        """
        return self._exchange.write_each(asking(self._acceptance, acceptances))

    def _acceptance(
        self, view: Mapping[str, Any], by: str, groups: Sequence[str] | None = None
    ) -> NewWrite:
        with raising(InvalidArgument, "this is no handoff's view: it lacks", KeyError):
            conditions = view["conditions"]
        named = None if groups is None else list(groups)
        offer = documents.newest_offer(view).digest
        return self.new_answer(
            "accept", view["handoff"], by, offer=offer, conditions=conditions, groups=named
        )

    def answer(
        self,
        command: "AnswerCommand",
        handoff: UUID | str,
        by: str,
        *,
        offer: str | None = None,
        **fields: Any,
    ) -> ConfirmedWrite:
        """Answer a handoff: decline, report_outcome, acknowledge, propose_correction or another.

        Which ``fields`` a command takes says the table in gateway/domain/answers.py; those that
        are None are left out. ``offer`` is the digest of the offer that was read: where a newer one
        is there, the gateway refuses. InvalidArgument for another command or field.
        """
        return self._exchange.write(*self.new_answer(command, handoff, by, offer=offer, **fields))

    def new_answer(
        self,
        command: str,
        handoff: UUID | str,
        by: str,
        *,
        offer: str | None = None,
        **fields: Any,
    ) -> NewWrite:
        """An answer as `answer` takes it, signed, and not sent."""
        kind = KIND_OF_ACTION.get(f"handoff.{command}")
        if kind is None or not kind.path:
            raise InvalidArgument(f"a party does not answer by '{command}'")
        if unknown := fields.keys() - {one.name for one in kind.fields}:
            raise InvalidArgument(f"{command} does not take {', '.join(sorted(unknown))}")
        provided = {name: value for name, value in fields.items() if value is not None}
        asked = {"by": by, **provided}
        name = spelled(handoff)
        document = None
        if self._author is not None:
            about = dict(vars(self._answered(name, kind, offer)))
            heading = self._author.heading(about.pop("audience"))
            document = handoff_documents.issue_answer(
                heading, kind=kind.name, fields=asked, **about
            )
        elif offer is not None:
            asked["offer"] = offer
        path = f"/handoffs/{name}/{kind.path}"
        return NewWrite(kind.action, path, document or asked, name)

    def notices(self, handoff: UUID | str) -> "NoticesView":
        """The correction notices of a handoff, each verified, and what is owed; they are there
        after the erasure of its case, too."""
        return cast("NoticesView", self._notices(spelled(handoff))[0])

    def _notices(self, name: str) -> tuple[dict[str, Any], list[VerifiedAnswer]]:
        path = f"/handoffs/{name}/correction-notices"
        found = self._exchange.read("handoff.read", path)
        return found, documents.check_notices(found, name, self.connection)

    def consult(
        self,
        handoff: UUID | str,
        by: str,
        reason_code: str,
        reason: str,
        package: int | None = None,
    ) -> ConsultedContent:
        """Open the content of an accepted handoff; an event with person and reason.

        It is the newest ``package``; an older one, by its number, needs the reason code
        ``superseded_package``. Of an erased case it is what this member retains, for the reason
        code ``retention``. The presentation is verified, and shows nothing that the signed offer
        does not name.
        """
        asked: dict[str, Any] = {"by": by, "reason_code": reason_code, "reason": reason}
        asked |= {} if package is None else {"package": package}
        try:
            view, chain = self._view(handoff)
        except RequestRefused as refused:
            if refused.slug != "case-erased":
                raise
            return self._consult(handoff, (), asked)
        opened = self._consult(handoff, chain, asked)
        number = opened.package or 1
        return replace(opened, changed=view["packages"][number - 1]) if number > 1 else opened

    def _box(self, box: str, state: str | None, filters: BoxFilters) -> Iterator[dict[str, Any]]:
        path = f"/handoffs{query_of({'box': box, 'state': state, **filters})}"
        # Events tell neither whether an acceptance named groups, nor an originator, of which case.
        told_apart = box == "in" and state != HandoffState.ACCEPTED
        whole = None if any(filters.values()) or not (state is None or told_apart) else box
        return iter(
            self._held(
                lambda: list(self._exchange.items("handoff.read", path)),
                lambda told, shown: told.in_list(shown, whole, state),
            )
        )

    def _view(self, handoff: UUID | str) -> tuple[dict[str, Any], tuple[VerifiedOffer, ...]]:
        """A handoff, and its offers, oldest first; held against this member's own events."""

        def read() -> tuple[dict[str, Any], tuple[VerifiedOffer, ...]]:
            view = self._exchange.read("handoff.read", f"/handoffs/{spelled(handoff)}")
            require(view.get("handoff") == spelled(handoff), "the handoff shown is another one")
            return view, documents.check_view(view, self.connection)

        return self._held(read, lambda told, shown: told.in_view(shown[0]))

    def _answered(self, handoff: str, kind: AnswerKind, offer: str | None) -> AnsweredOffer:
        """Return what an answer is about, verified: a correction notice, or the ``offer`` that was
        read, by default the newest one. Of an erased case no document is left: then the receipts of
        the events of its newest offer and of the recall say it."""
        if kind.on_changes and (notices := self._notices(handoff)[1]):
            return AnsweredOffer.noticed(notices[-1])
        try:
            view, chain = self._view(handoff)
        except RequestRefused as refused:
            if refused.slug != "case-erased" or not kind.outlives_case:
                raise
            found = self._notices(handoff)[0]
            recall = found.get("recall_event") if kind.of_recall else None
            shown = (self._proved(one)[1].event for one in (found["offer_event"], recall) if one)
            proved = documents.proved_offer(UUID(handoff), *shown)
            require(offer in (None, proved.offer_digest), _ANOTHER_OFFER)
            return proved
        read = [one for one in chain if offer in (None, one.digest)]
        require(bool(read), _ANOTHER_OFFER)
        recall = documents.recall_of(view) if kind.of_recall else None
        return AnsweredOffer.offered(read[-1], recall)

    def _consult(
        self,
        handoff: UUID | str,
        chain: Sequence[VerifiedOffer],
        asked: Mapping[str, Any],
    ) -> ConsultedContent:
        path = f"/handoffs/{spelled(handoff)}/consultations"
        written = self._exchange.write("case.consult", path, asked, spelled(handoff))
        if not chain:  # of an erased case: the offers were kept with the copy
            chain = documents.offers_of(written.result.get("documents"), self.connection)
            named = str(chain[0].claims.handoff) == spelled(handoff)
            require(named, "what is shown is not of this handoff")
        number: Any = written.result.get("package")
        shown = isinstance(number, int) and 1 <= number <= len(chain)
        same = asked.get("package") in (None, number)
        require(shown and same, "another package is shown than was asked for")
        return read_content(written, self.connection, chain[number - 1])


_ANOTHER_OFFER = "the offer that was read is not shown any more"


class UpdateTerms(TypedDict, total=False):
    """What an update gives: without ``digests`` what the newest package has, as it is now.

    ``groups`` add all of a group; ``expires_at`` (an aware time) may only shorten.
    """

    groups: Sequence[str]
    digests: Sequence[str]
    expires_at: datetime | None
    note: str | None


def _update_terms(terms: UpdateTerms) -> dict[str, Any]:
    expires_at = terms.get("expires_at")
    return {
        "groups": list(terms.get("groups", ())) or None,
        "digests": list(terms.get("digests", ())) or None,
        "expires_at": expires_at and expires_at.isoformat(),
        "note": terms.get("note"),
    }


class OfferTerms(UpdateTerms, total=False):
    """What is offered, to whom, for what.

    The recipient is an ``organisation``, or the holder of a ``competence``
    ([function/]matter/territory, by default receive); of several holders both name one. ``groups``
    and ``digests`` select parts of the case and add up; ``expires_at`` (an aware time) ends the
    offer and the use of what was accepted. ``again`` is the reason to offer what the recipient has
    already, ``country_reason`` why items of uncertain hosting country are for this recipient.
    ``derogation``: in imminent danger it goes to a third country without a transfer tool.
    ``approved_by`` is the second person, where two decide: for statements to a provider, and for a
    derogation where others are competent.
    """

    purpose: Required[Sequence[str]]
    organisation: str | None
    competence: str | None
    again: str | None
    country_reason: str | None
    derogation: bool
    approved_by: str | None


class Offers(Directory, HandoffClient):
    """Offers of one's own cases, and updates of them."""

    def preview(self, case: UUID | str, by: str, **terms: Unpack[OfferTerms]) -> "Preview":
        """Return what an offer would give, and to whom; nothing is kept. Raises
        InvalidArgument as `offer` does."""
        asked = {"case": spelled(case), "by": by, **_terms_of(terms)}
        found = self._exchange.read("handoff.preview", "/handoffs/preview", asked)
        return cast("Preview", found)

    def offer(
        self,
        case: UUID | str,
        by: str,
        *,
        handoff: UUID | str | None = None,
        parts: Mapping[str, Sequence[str]] | None = None,
        **terms: Unpack[OfferTerms],
    ) -> ConfirmedWrite:
        """Offer a cleared case. The handoff's id is made here unless it is given.

        With a document key the offer is previewed, then signed: it names what policy lets
        through. ``parts`` is the ``groups`` that `submit` returned: with it, EvidenceMismatch
        instead of a signature under parts that were not selected.

        Raises InvalidArgument without organisation and competence, and for one that is none.
        """
        return self._exchange.write(*self._offer(case, by, handoff=handoff, parts=parts, **terms))

    def offer_each(self, offers: Iterable[Mapping[str, Any]]) -> Iterator[Ended]:
        """Offer several cases, many in one request; each is what `offer` takes, by name.

        How each ended, in their order; see `Session.write_each`.
        """
        return self._exchange.write_each(asking(self._offer, offers))

    def _offer(
        self,
        case: UUID | str,
        by: str,
        *,
        handoff: UUID | str | None = None,
        parts: Mapping[str, Sequence[str]] | None = None,
        **terms: Unpack[OfferTerms],
    ) -> NewWrite:
        asked = {"handoff": spelled(handoff or self._ids()), "by": by, **_terms_of(terms)}
        return self.new_offer(case, asked, parts)

    def new_offer(
        self,
        case: UUID | str,
        asked: Mapping[str, Any],
        parts: Mapping[str, Sequence[str]] | None = None,
    ) -> NewWrite:
        """An offer as `offer` makes it of the body of its request, signed, and not sent."""
        name, path = spelled(asked["handoff"]), f"/cases/{spelled(case)}/handoffs"
        if self._author is None:
            return NewWrite("handoff.offer", path, asked, name)
        terms = {member: one for member, one in asked.items() if member != "handoff"}
        asked = {**terms, "case": spelled(case)}
        found = self._exchange.read("handoff.preview", "/handoffs/preview", asked)
        previewed = documents.check_preview(found, asked, parts, self.connection)
        self._require_mandate(previewed.to)
        document = self._author.offer({**asked, "handoff": name}, previewed)
        # What was held back was not asked for any more: the preview said it.
        held = {"withheld_groups": [*previewed.withheld_groups], "elsewhere": found["elsewhere"]}
        return NewWrite("handoff.offer", path, document, name, held)

    def preview_update(
        self, handoff: UUID | str, by: str, **terms: Unpack[UpdateTerms]
    ) -> "Preview":
        """Return what an update would give, and what it would be; nothing is kept."""
        path = f"/handoffs/{spelled(handoff)}/updates/preview"
        # A refusal is an event of its own: nothing was sent.
        found = self._exchange.read("handoff.preview", path, {"by": by, **_update_terms(terms)})
        return cast("Preview", found)

    def update(self, handoff: UUID | str, by: str, **terms: Unpack[UpdateTerms]) -> ConfirmedWrite:
        """Send the case's newer version in a handoff that is there.

        With a document key the update is previewed, then signed: it updates the newest offer,
        which is verified, and repeats its terms.
        """
        asked = {"by": by, **_update_terms(terms)}
        return self._exchange.write(*self.new_update(handoff, asked))

    def new_update(self, handoff: UUID | str, asked: Mapping[str, Any]) -> NewWrite:
        """An update as `update` makes it of the body of its request, signed, and not sent."""
        name = spelled(handoff)
        path = f"/handoffs/{name}/updates"
        if self._author is None:
            return NewWrite("handoff.update", path, asked, name)
        view, chain = self._view(name)
        found = self._exchange.read("handoff.preview", f"{path}/preview", asked)
        previewed = documents.check_update_preview(
            found, str(view["case"]), chain[-1], self.connection
        )
        return NewWrite("handoff.update", path, self._author.offer(asked, previewed), name)

    def _require_mandate(self, to: Mapping[str, Any]) -> None:
        """Nothing is signed for an office whose mandate no event of the log registered for now."""
        if "competence" not in to:
            return
        mandate = self.mandate(str(to["organisation"]), str(to["mandate_event"])).mandate
        documents.require(
            mandate.competence == to["competence"] and mandate.holds(*days_of(self._now())),
            "the event that the preview names did not give this mandate for now",
        )


def _terms_of(terms: OfferTerms) -> dict[str, Any]:
    """The terms as the body of a request has them; TypeError for one that no offer has."""
    if unknown := terms.keys() - OfferTerms.__optional_keys__ - OfferTerms.__required_keys__:
        raise TypeError(f"an offer has no term {', '.join(sorted(unknown))}")
    to: dict[str, Any] = {
        name: value
        for name in ("organisation", "competence")
        if (value := terms.get(name)) is not None
    }
    if not to:
        raise InvalidArgument(
            "an offer is to an organisation, to a competence, or to one of its holders"
        )
    if "competence" in to:
        with raising(InvalidArgument):
            to["competence"] = competence_members(read_competence(to["competence"]))
    expires_at = terms.get("expires_at")
    if expires_at is not None and expires_at.tzinfo is None:
        raise InvalidArgument("the end of an offer is a time with its zone")
    return {
        "to": to,
        **_update_terms(terms),
        "purpose": list(terms["purpose"]),
        **{name: terms.get(name) for name in ("again", "country_reason", "approved_by")},
        "derogation": terms.get("derogation") or None,
    }
