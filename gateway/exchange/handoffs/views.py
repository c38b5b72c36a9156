"""Handoffs as one of their parties may see them, one by one and in lists: never content."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from gateway.domain.answers import KIND_OF_MOVE, AnswerAuthor
from gateway.domain.case import ROUTING_FIELDS, case_from_claims
from gateway.domain.duty import DutyKind, HandoffDuty
from gateway.domain.handoff import (
    Handoff,
    HandoffAction,
    HandoffAnswer,
    HandoffPlace,
    HandoffState,
    agreed_at,
    offers_of,
)
from gateway.domain.measure import Measure
from gateway.domain.organisation import OrganisationName
from gateway.domain.refusals import CaseErased
from gateway.domain.revision import compare
from gateway.domain.standing import Closed, Opens
from gateway.domain.succession import ReissuedHandoff
from gateway.domain.vocabulary import Urgency
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange import results, signed_requests
from gateway.exchange.case.cases import reference, sealed_of, view_on_measure
from gateway.exchange.case.measure_events import reads_of
from gateway.exchange.handoffs import addressing, arrivals
from gateway.exchange.handoffs.acts import acts_allowed
from gateway.exchange.handoffs.retention import view_on_retention
from gateway.exchange.standing import access
from gateway.exchange.standing.case_version import group_of, identity, in_force, read_version
from gateway.exchange.standing.differences import entries_of, is_out_of_service
from gateway.exchange.standing.disclosure import PERSONS, answer_as_read
from gateway.exchange.standing.handoff_standing import standing_of
from gateway.kernel.changes import may_read_approvals
from gateway.kernel.ports import Ports
from gateway.kernel.request import ActionRequest, RequestContext, authorize
from gateway.kernel.results import Page, collect_page, shown
from gateway.kernel.transact import read
from gateway.kernel.values import Caller, CaseVersion, HandoffFilter, ListedHandoff

# --- The handoffs that an organisation received or sent, by what is due first ---


@dataclass(frozen=True)
class HandoffPage(Page[results.HandoffSummary]):
    """A page of a box; the first one says how many handoffs wait."""

    waiting: results.WaitingTotals | None = None


@dataclass(frozen=True)
class HandoffQuery:
    """Which handoffs of a box are listed; what is None is not asked for.

    ``reference`` is the caller's own, of its case or of what it received; the id ``ends`` so.
    ``since`` and ``until`` bound when it was offered, the second left out; ``erase_before``: those
    whose case is erased before that day.
    """

    state: HandoffState | None = None
    urgency: Urgency | None = None
    matter: str | None = None
    counterpart: str | None = None
    reference: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    overdue: bool = False
    erase_before: date | None = None
    ends: str | None = None

    def fits(self, handoff: Handoff) -> bool:
        """Tell whether a handoff is wanted, as far as no index says it: a page looks at so many
        rows, and no more."""
        return (
            self.state in (None, handoff.state)
            and (self.matter is None or self.matter in handoff.matter)
            and (self.since is None or self.since <= handoff.offered_at)
            and (self.until is None or handoff.offered_at < self.until)
            and handoff.id.hex.endswith(self.ends or "")
        )


EVERY_HANDOFF = HandoffQuery()
_NO_CASE = UUID(int=0)


def page(
    ports: Ports,
    caller: Caller,
    *,
    box: str,
    after: str | None,
    limit: int,
    wanted: HandoffQuery = EVERY_HANDOFF,
) -> HandoffPage:
    """A page of the handoffs received (``in``) or sent (``out``), by urgency, then due time.

    ``after`` is the cursor of the page before, None for the first page.
    """

    def query(context: RequestContext) -> HandoffPage:
        filters = _filters(context, box, wanted)

        def rows(cursor: str, number: int) -> Sequence[ListedHandoff]:
            place = HandoffPlace.read(cursor) if cursor else None
            listed = context.work.handoffs.listed
            return listed(caller.organisation, box, filters, place, number)

        def view(listed: ListedHandoff) -> results.HandoffSummary | None:
            return in_list(context, listed) if wanted.fits(listed.handoff) else None

        found = collect_page(rows, lambda one: str(one.handoff.place), view, after or "", limit)
        waiting = None if after or wanted.ends else _waiting(context, box)
        return HandoffPage(found.items, found.after, waiting)

    return read(ports, caller, ActionRequest("handoff.read"), query)


def _filters(context: RequestContext, box: str, wanted: HandoffQuery) -> HandoffFilter:
    """Return what indexes are read by. Of one counterpart the state is asked of each row: one
    index is read, and no other."""
    own, case, named = context.caller.organisation, None, None
    if wanted.reference is not None:
        named = reference(context.ports, own, wanted.reference)
    if named is not None and box == "out":
        case = context.work.cases.referred_to(own, named) or _NO_CASE
    return HandoffFilter(
        state=wanted.state if wanted.counterpart is None else None,
        urgency=wanted.urgency,
        overdue_at=context.now if wanted.overdue else None,
        erase_before=wanted.erase_before,
        counterpart=wanted.counterpart,
        case=case,
        ends=wanted.ends,
        reference=named if box == "in" else None,
    )


def _waiting(context: RequestContext, box: str) -> results.WaitingTotals | None:
    """Count those that wait for an answer; None for who declared an interest: the numbers would
    tell of cases that are kept from it (R9)."""
    day = context.today.day
    if any(one.period.holds(day) for one in context.organisation.interests):
        return None
    found = context.work.handoffs.waiting(context.caller.organisation, box, context.now)
    by_urgency = {str(one): found.by_urgency.get(one, 0) for one in Urgency}
    return results.WaitingTotals(**by_urgency, overdue=found.overdue)


def in_list(context: RequestContext, listed: ListedHandoff) -> results.HandoffSummary | None:
    """One handoff of a list; None when it is not listed."""
    found = listed.handoff
    if not access.is_listed(context, found):
        return None
    return summary(context, found, corrected=listed.corrected, own=listed.reference)


def summary(
    context: RequestContext, handoff: Handoff, *, corrected: bool, own: str | None
) -> results.HandoffSummary:
    """Show of a handoff what lists do, and its own view first."""
    return shown(
        results.HandoffSummary,
        handoff,
        handoff=handoff.id,
        recipient=handoff.recipient,
        competence=handoff.address.competence,
        version=handoff.case_version,
        matter=sorted(handoff.matter),
        overdue=handoff.overdue(context.now),
        ended_by="case_erased" if handoff.state is HandoffState.LAPSED else None,
        recalled=handoff.recall is not None,
        corrected=corrected,
        reference=own,
        out_of_service=is_out_of_service(context.ports, context.work, *entries_of(handoff)) or None,
    )


# --- One handoff ---


def look_up(ports: Ports, caller: Caller, handoff: UUID) -> results.HandoffView:
    """A handoff as one of its parties may see it: never content.

    Shown are the routing presentation, the conditions, and each document as the caller may read it.
    """

    return read(
        ports, caller, ActionRequest("handoff.read"), lambda context: _view(context, handoff)
    )


def _view(context: RequestContext, handoff: UUID) -> results.HandoffView:
    # Long: one reading, and a line for each field; nothing is derived twice.
    standing = standing_of(context, handoff, checked=False)
    found, measures, answers = standing.handoff, standing.measures, standing.moves
    entity = access.entity_of(context, found, read_access=standing.read_access)
    authorize(context, entity, standing.barred)
    if standing.gone is not None:
        raise CaseErased(standing.gone)
    versions = access.versions_of(context.work, found, standing.case)
    version, originates = versions.offered, standing.side is AnswerAuthor.ORIGINATOR
    heard = measures if originates or found.hears else ()
    told = [one for one in heard if originates or reads_of(context, one, found)]
    # Its originator seals anew what was redirected, or went to a successor.
    left = found.state in (HandoffState.REDIRECTED, HandoffState.REISSUED)
    seals = left and originates
    kept = standing.retention if standing.is_retained else None
    ended = context.work.successions.moved_from(found.id)
    made = context.work.successions.moved_to(found.id)
    permitted = found.permitted_disclosures
    accepted, opens = found.accepted_groups, standing.opens
    if is_out_of_service(context.ports, context.work, *entries_of(found)):
        opens = Closed.OUT_OF_SERVICE
    reference_of = context.work.handoffs.reference_of
    own = None if originates else reference_of(found.id, standing.organisation)
    return results.HandoffView(
        **vars(summary(context, found, corrected=standing.is_corrected, own=own)),
        assurance=version.assurance_for(standing.organisation),
        routing=_routing(version, permitted),
        permitted_disclosures=sorted(permitted),
        accepted_groups=None if accepted is None else sorted(accepted),
        answers=[shown_answer(context, one, measures) for one in answers],
        packages=_packages(context, answers, version),
        superseded=access.superseded_by(standing.newer, found.case_version)
        if found.is_held
        else None,
        measures=[view_on_measure(context.organisation, one) for one in told],
        retention=None if kept is None else view_on_retention(context, kept, measures),
        interest=standing.barred.get("conflict") is True or None,
        to_reseal=sealed_of(version.said, permitted) if seals else None,
        # Its former recipient has no part in the handoff that follows.
        reissued_as=None
        if ended is None
        else results.SucceededBy(ended.succession, ended.became if originates else None),
        reissue_of=None if made is None else _succeeds(context, made),
        conditions=versions.binding.conditions,
        erase_on=standing.case.erase_on,
        tightened_by=versions.binding.tightened_by,
        duties=_duties(context, standing.duties),
        arrivals=arrivals.show(standing.arrived),
        acts=acts_allowed(context, standing, entity),
        opens=opens if isinstance(opens, Opens) else None,
        closed=opens if isinstance(opens, Closed) and not originates else None,
        groups=sorted({group_of(p) for p in version.said.placed if p.digest in permitted}),
        taken_by=context.work.handoffs.taken_by(found.id, standing.organisation),
        waiting=_waiting_acts(context, found),
        telephone=addressing.whom_to_call(context.work, found)
        if originates
        and any(one.kind is DutyKind.CALL and one.closed_at is None for one in standing.duties)
        else None,
    )


def _waiting_acts(context: RequestContext, handoff: Handoff) -> list[results.WaitingAct]:
    """List the originator's acts of which the gateway that decides the handoff told nothing yet."""
    if not OrganisationName(handoff.recipient).peer:
        return []
    acts = context.work.handoffs.sent(handoff.id)
    still = (one for one in acts if one.ended_at is None)
    return [results.WaitingAct(one.action, one.at, one.event) for one in still]


def notices(ports: Ports, caller: Caller, handoff: UUID) -> results.NoticesView:
    """The correction notices of a handoff, those after the erasure of its case, too; and the events
    of its newest offer and of its recall."""

    def query(context: RequestContext) -> results.NoticesView:
        found = access.authorized(context, handoff)
        made = context.work.handoffs.answers(handoff, documents=False)
        recalls = [one.event for one in made if one.move is HandoffAction.RECALL]
        given, owed = context.work.handoffs.notices(handoff), context.work.duties.of(handoff)
        case = context.work.cases.get(found.originator, found.case)
        measures = in_force(context.work, case, context.now) if case else ()
        waiting = [one for one in owed if one.arrived and one.closed_at is None]
        return results.NoticesView(
            handoff=found.id,
            state=found.state,
            case=found.case,
            offer_event=offers_of(made)[-1].event,
            recall_event=recalls[-1] if found.recall is not None else None,
            notices=[shown_answer(context, one, measures) for one in given],
            duties=_duties(context, owed),
            arrivals=arrivals.show(
                one for one in waiting if one.organisation == context.caller.organisation
            ),
        )

    return read(ports, caller, ActionRequest("handoff.read"), query)


def _duties(context: RequestContext, duties: Sequence[HandoffDuty]) -> list[results.DutyView]:
    """List what is owed, as the caller may know it: of the other party's, what is shared."""
    own = context.caller.organisation
    return [
        results.DutyView(
            one.kind,
            one.organisation,
            one.due_at,
            one.closed_at,
            overdue=(one.closed_at or context.now) >= one.due_at,
        )
        for one in duties
        if one.arrived is None and (one.terms.shared or one.organisation == own)
    ]


def _routing(version: CaseVersion, permitted: Collection[str]) -> str:
    """A version's own document with what says where it belongs, and nothing of content."""
    shown = frozenset(
        p.digest
        for p in version.said.placed
        if p.name in ROUTING_FIELDS and not p.in_array and p.digest in permitted
    )
    return sd_jwt.parse_stored(version.document).present(shown).compact()


def _packages(
    context: RequestContext,
    answers: Sequence[HandoffAnswer],
    newest: CaseVersion,
) -> list[results.PackageView]:
    """The chain of packages, oldest first; a later acknowledgement answers all before it."""
    found: list[results.PackageView] = []
    before: _PackageContent | None = None
    for number, offer in enumerate(offers_of(answers), start=1):
        claims = handoff_documents.read_offer(sd_jwt.read_stored(offer.document))
        version = read_version(context.work, claims.case_digest, newest)
        given, pointers = _PackageContent(version, claims.disclosures), tuple[str, ...]()
        if before:
            was, is_ = (case_from_claims(one.version.said.content) for one in (before, given))
            pointers = compare(was, is_).places((*before.parts(), *given.parts()))
        found.append(
            results.PackageView(
                number=number,
                change=claims.change and str(claims.change),
                reason_codes=_reason_codes(context, before, given) if before else (),
                pointers=pointers,
                at=offer.at,
                version=version.version,
                case_digest=version.digest,
                acknowledged=agreed_at(answers, offer.sequence),
                routing=_routing(version, claims.disclosures),
            )
        )
        before = given
    return found


class _PackageContent(NamedTuple):
    """A package: its version of the case, and the digests of what is given of it."""

    version: CaseVersion
    disclosures: Collection[str]

    def parts(self) -> Iterator[tuple[str, str]]:
        """List what is given, as what it is in every version."""
        return (identity(p) for p in self.version.said.placed if p.digest in self.disclosures)


def _reason_codes(
    context: RequestContext, before: _PackageContent, now: _PackageContent
) -> list[str]:
    """Why the versions between two packages were made, oldest first; words stay their author's."""
    codes: list[str] = []
    version = now.version
    while version.digest != before.version.digest:
        codes.insert(0, str(version.reason_code))
        previous = version.said.content["previous"]
        if previous != before.version.digest and context.work.cases.version(previous) is None:
            break  # of a remote member's case not every version comes
        version = read_version(context.work, previous, before.version)
    return list(dict.fromkeys(codes))


def _succeeds(context: RequestContext, made: ReissuedHandoff) -> results.Succeeds:
    """Of which handoff a succession made this one, and what its organisations signed of that."""
    *_, offer = offers_of(context.work.handoffs.answers(made.handoff))
    document = sd_jwt.parse_stored(offer.document).present(())
    plan = context.work.successions.get(made.succession)
    given = () if plan is None else [one for _, one in plan.approvals if one is not None]
    signed = [one.signed for one in given if one.signed is not None]
    if not may_read_approvals(context, context.organisation, "succession.approve", concerned=True):
        signed = []
    return results.Succeeds(made.succession, made.handoff, document.compact(), signed)


def shown_answer(
    context: RequestContext,
    answer: HandoffAnswer,
    measures: Sequence[Measure],
) -> results.AnswerView:
    """An answer as the caller may read it: of the other party's, not the persons, nor that one of
    them signed it with a passkey."""
    author, reader = answer.author, context.caller.organisation
    shown = results.AnswerView(
        sequence=answer.sequence,
        kind=str(answer.move or "offer"),
        state=answer.state,
        author=author,
        at=answer.at,
        event=answer.event,
        document=answer.document,
        assurance=_assurance(answer.document, confirmed=author == reader and answer.confirmed),
    )
    if author == reader:
        return shown
    # A remote one may come without its document.
    document = sd_jwt.parse_stored(answer.document) if answer.document else None
    disclosed = () if document is None else document.disclosures
    readable: Mapping[str, Any] = {
        d.name: d.value for d in disclosed if d.name and d.name not in PERSONS
    }
    seen = None
    kind = KIND_OF_MOVE.get(answer.move) if answer.move else None  # none of an offer, or an update
    if kind is not None:
        seen, readable = answer_as_read(
            context, kind, readable, measures, author=author, reader=reader, shown=answer.shown
        )
    if document is None:
        return replace(shown, code=seen)
    digests = [d.digest for d in disclosed if d.name in readable]
    return replace(shown, document=document.present(digests).compact(), code=seen)


def _assurance(document: str, *, confirmed: bool) -> str | None:
    """Tell by whose signature a document is, where it was not erased."""
    if not document or confirmed:
        return signed_requests.CONFIRMED if confirmed else None
    attested = "attested_for" in sd_jwt.stored_claims(document)[1]
    return "attested" if attested else "signed"
