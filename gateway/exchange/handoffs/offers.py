"""Offering a case: to whom, which parts policy lets through, and the signed offer of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from gateway.domain import refusals
from gateway.domain.audit_event import EventDetail
from gateway.domain.case import DISCLOSED, ROUTING_FIELDS, Case, CaseState, Element
from gateway.domain.decision import PolicyEntity, Value
from gateway.domain.duty import FOR_ON_DUTY
from gateway.domain.handoff import (
    DEROGATIONS,
    TAKEN_UP,
    Addressee,
    Handoff,
    HandoffAnswer,
    is_derogation,
)
from gateway.domain.interest import has_conflict_of_interest
from gateway.domain.json_values import Asked
from gateway.domain.mandate import parse_competence
from gateway.domain.measure import check_persons
from gateway.domain.moves import made_of
from gateway.domain.organisation import Organisation
from gateway.domain.revision import ChangeKind
from gateway.domain.staff import ROLES_OF, NamedPerson, second_person
from gateway.domain.vocabulary import Purpose, Urgency
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.sd_jwt import DisclosedValue, SdJwt, VerifiedSdJwt
from gateway.exchange import results
from gateway.exchange.case import cases
from gateway.exchange.case.versions import spend_texts
from gateway.exchange.handoffs import addressing, police_first
from gateway.exchange.handoffs.crossing import facts_of_crossing
from gateway.exchange.handoffs.sending import is_remote, keep_sent
from gateway.exchange.signed_requests import (
    CONFIRMED,
    VerifiedRequest,
    assurance,
    check_signed,
    complete,
    digest_of,
    heading_of,
    require_not_older,
)
from gateway.exchange.standing import duties
from gateway.exchange.standing.case_version import elements, in_force, read_version
from gateway.exchange.standing.conditions import is_released, offered_conditions
from gateway.exchange.standing.differences import check_case
from gateway.exchange.standing.disclosure import Reader, select_disclosures
from gateway.exchange.standing.item_index import index_package
from gateway.kernel import events
from gateway.kernel.authentication import require_caller
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.request import ActionRequest, RequestContext, authorize, deny_as_not_found
from gateway.kernel.transact import Write, read
from gateway.kernel.values import Caller, CaseVersion, LoggedEvent

PREVIEWS_PER_MINUTE = 60
"""Of one organisation: more than a person looks at, less than a map takes."""

_BINDING = frozenset(DISCLOSED) - {"embargo_source"}
"""The conditions that every offer states; policy says who learns who set an embargo."""

PREVIEWED = "signed"
"""A preview is what one signs an offer of, so it is decided as if it were that offer."""

NOT_ADDRESSABLE = (
    "This organisation cannot be offered this case now. Choose another recipient, or reach it by"
    " another channel; the directory shows who can be addressed."
)
"""The one answer for no system, a suspension and a conflict of interest (R9)."""


@dataclass(frozen=True)
class OfferRequest(Asked):
    """What an originator offers: to whom, which parts, for what.

    ``competence`` is a key such as receive/csam/FR; beside it ``organisation`` names one of
    several holders. ``groups`` and ``digests`` select disclosures and add up. ``expires_at`` ends
    the offer and the use of what was accepted. ``handoff`` is the id that the originator gave it.
    ``signed`` is the offer itself, where its author signed it; its list is then ``digests``.
    ``again`` is the reason to offer what the recipient has already, ``country_reason`` why items of
    uncertain country are for this recipient (R8). ``derogation``: without a transfer tool it goes
    to a third country all the same, because of an imminent danger (R15). ``approved_by`` is the
    second person, for a derogation where others are competent, and for statements to a provider;
    ``persons`` is how many decided at another gateway, by its word. ``confirmed`` are, in an
    update, the digests of what was given before. ``draft``: see `signed_requests.complete`.
    """

    handoff: UUID
    by: str
    purpose: tuple[str, ...]
    organisation: str | None = None
    competence: str | None = None
    groups: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    expires_at: datetime | None = None
    note: str | None = None
    again: str | None = None
    country_reason: str | None = None
    derogation: bool = False
    approved_by: str | None = None
    persons: int | None = None
    confirmed: frozenset[str] | None = None
    signed: VerifiedRequest | None = None
    draft: str | None = None

    @property
    def by_two_persons(self) -> bool:
        """Tell whether a second person decided it, too."""
        return self.approved_by is not None or (self.persons or 0) > 1


@dataclass(frozen=True)
class SelectionInputs:
    """All that the choice of disclosures depends on.

    ``held_until``: a removal waits until then for the police.
    """

    case: Case
    originator: PolicyEntity
    recipient: PolicyEntity
    address: Addressee
    assurance: str
    items: addressing.ItemsByCountry
    transfer_tool: str | None
    held_until: datetime | None = None


@dataclass(frozen=True)
class PreparedOffer:
    """An offer as read and decided, before it is signed; of an update, in which handoff it is the
    next package, and what it is to the one before."""

    terms: OfferRequest
    inputs: SelectionInputs
    version: CaseVersion
    permitted_disclosures: tuple[str, ...]
    withheld_groups: tuple[str, ...]
    to_reseal: Sequence[results.SealedReference]
    duty_contact: bool | None
    on_duty: Sequence[Addressee]
    updated: Handoff | None = None
    change: ChangeKind | None = None

    @property
    def updates(self) -> str | None:
        """The digest of the offer that it updates."""
        return None if self.updated is None else self.updated.offer_digest

    @property
    def conditions(self) -> dict[str, Any]:
        """The conditions of use under which it is made."""
        permitted, tool = self.permitted_disclosures, self.inputs.transfer_tool
        return offered_conditions(self.version, permitted, self.terms.purpose, tool)


def preview(ports: Ports, caller: Caller, case: UUID, offer: OfferRequest) -> results.Preview:
    """Show what an offer would give, of which version, and to whom; nothing is kept.

    ``routing`` is the version's own document with nothing of content: who signs an offer takes
    the digest from there. Raises TooManyPreviews beyond PREVIEWS_PER_MINUTE: asked often enough,
    previews would map what policy lets through to whom.
    """
    request = ActionRequest(
        "handoff.offer", offer.by, persons=_second(offer), refused_as="handoff.preview"
    )
    return preview_package(
        ports, caller, request, lambda context: _draft(context, case, offer, PREVIEWED)
    )


def preview_package(
    ports: Ports,
    caller: Caller,
    request: ActionRequest,
    draft_of: Callable[[RequestContext], PreparedOffer],
) -> results.Preview:
    """Show what an offer, or update, would give, as its author may read it; TooManyPreviews."""
    with ports.begin(TransactionMode.WRITE) as work:
        require_caller(ports, work, caller)
        window = f"previews/{ports.now():%Y%m%dT%H%M}"
        if not work.budgets.consume(caller.organisation, window, PREVIEWS_PER_MINUTE):
            raise refusals.TooManyPreviews(
                "too many previews in this minute: wait, or make the offer"
            )
        work.commit()
    draft = read(ports, caller, request, draft_of)
    content = draft.version.said.content
    danger = content["urgency"] == Urgency.IMMINENT_DANGER and not draft.updated
    numbers = addressing.numbers_to_call(ports, content["matter"]) if danger else None
    routing = frozenset(p.digest for p in draft.version.said.placed if p.name in ROUTING_FIELDS)
    return results.Preview(
        case=draft.inputs.case.id,
        version=draft.version.version,
        case_digest=draft.version.digest,
        to=draft.inputs.address,
        routing=sd_jwt.parse_stored(draft.version.document).present(routing).compact(),
        permitted_disclosures=draft.permitted_disclosures,
        withheld_groups=draft.withheld_groups,
        to_reseal=draft.to_reseal,
        elsewhere=draft.inputs.items.elsewhere,
        conditions=results.Conditions(draft.conditions),
        break_glass=breaks_glass(draft.inputs.case),
        duty_contact=draft.duty_contact,
        on_duty=draft.on_duty or None,
        emergency_numbers=numbers,
        updates=draft.updates,
        change=draft.change and str(draft.change),
    )


def offer(key: str, case: UUID, wanted: OfferRequest) -> Write:
    """The write that offers a case to one recipient, once it is cleared; in imminent danger before
    that (R16).

    Raises ValidationFailed, NoCompetentOrganisation, SeveralCompetentOrganisations, NotAddressable,
    WrongState (not cleared, or ``expires_at`` is past), AlreadyOffered, NothingToOffer,
    AlreadyExists (handoff id), InvalidDocument (a signed offer of something else than policy lets
    through now), and the policy's denials.
    """
    asked = {"case": str(case), **wanted.asked()}
    signed = digest_of(wanted.signed)
    request = ActionRequest(
        "handoff.offer", wanted.by, key, asked, _second(wanted), document=signed
    )

    def act(context: RequestContext) -> results.OfferResult:
        draft = _draft(context, case, wanted, assurance(wanted.signed, context.caller))
        check_signed(context, wanted.signed, draft.inputs.address.organisation)
        return _make(context, draft, wanted)

    return Write(request, act, lambda context, logged: _offered_again(context, logged, wanted))


def _second(wanted: OfferRequest) -> tuple[NamedPerson, ...]:
    return second_person("/approved_by", wanted.approved_by, ROLES_OF["handoff.offer"])


def _draft(context: RequestContext, case: UUID, wanted: OfferRequest, word: str) -> PreparedOffer:
    own = context.work.cases.with_course(context.caller.organisation, case)
    found, version, steps = own or deny_as_not_found()
    check_case(context, found, version, steps)
    return select_parts(context, wanted, version, _inputs(context, found, version, wanted, word))


def _require_worth_offering(asked: Mapping[str, Element], permitted: frozenset[str]) -> None:
    """Require that content reaches the recipient, and each condition of use with it."""
    if all(asked[digest].name in ROUTING_FIELDS for digest in permitted):
        raise refusals.NothingToOffer(
            "policy lets nothing of what you selected reach this recipient"
        )
    if any(asked[digest].name in _BINDING for digest in asked.keys() - permitted):
        raise refusals.NothingToOffer(
            "policy withholds a condition of use: nothing is offered without it"
        )


def select_parts(
    context: RequestContext,
    wanted: OfferRequest,
    version: CaseVersion,
    inputs: SelectionInputs,
) -> PreparedOffer:
    """Decide an offer, or an update: what policy lets through of what is wanted."""
    check_persons(wanted.by, wanted.approved_by, 1 if wanted.approved_by is None else 2)
    authorize_offer(context, version, wanted, inputs)
    verified = version.said
    if wanted.signed is not None and wanted.signed.verified.claims["case_digest"] != version.digest:
        raise refusals.InvalidDocument("the offer is of another version than the current one")
    measures = in_force(context.work, inputs.case, context.now)
    parts = elements(verified, context.organisation, measures)
    if set(wanted.digests) - parts.keys():
        raise refusals.ValidationFailed(
            (("/digests", "a digest does not belong to the case's current version"),)
        )
    asked = _selected(parts, wanted, inputs.items.left_out)
    permitted_disclosures, withheld_groups = select_disclosures(
        context.ports.policy, asked, inputs.originator, _reader(wanted, inputs)
    )
    _require_worth_offering(asked, frozenset(permitted_disclosures))
    reseal = _to_reseal(verified, asked, inputs.recipient.id)
    reached = _duty_contact(context, verified.content["urgency"], inputs.address.organisation)
    others = addressing.authorities_on_duty(context, verified.content["matter"], inputs.address)
    draft = PreparedOffer(
        wanted,
        inputs,
        version,
        permitted_disclosures,
        withheld_groups,
        reseal,
        reached,
        others if reached is False else (),
    )
    if wanted.signed is None:
        return draft
    relayed = context.caller.through is not None
    return (_as_named if relayed else _check_named)(wanted.signed, draft, parts)


def _reader(wanted: OfferRequest, inputs: SelectionInputs) -> Reader:
    confirmed = wanted.confirmed
    if confirmed is None:
        confirmed = frozenset(wanted.digests if wanted.by_two_persons else ())
    competence = inputs.address.competence
    return Reader(inputs.recipient, competence, wanted.purpose, confirmed=confirmed)


def _duty_contact(context: RequestContext, urgency: str, recipient: str) -> bool | None:
    """Of what is urgent, whether somebody is reached at the recipient at any hour."""
    return addressing.has_duty_contact(context, recipient) if urgency in FOR_ON_DUTY else None


def breaks_glass(case: Case) -> bool:
    """Tell whether an offer of a case goes before the second person: it is not cleared (R16)."""
    return case.state is not CaseState.CLEARED


def _to_reseal(
    verified: VerifiedSdJwt, asked: Mapping[str, Element], recipient: str
) -> list[results.SealedReference]:
    """List what was asked for and cannot be given: sealed to another than this recipient (R17)."""
    sealed = cases.sealed_of(verified, asked.keys())
    return [part for part in sealed if part.sealed_to != recipient]


def _check_named(
    signed: VerifiedRequest, draft: PreparedOffer, _: Mapping[str, Element]
) -> PreparedOffer:
    """A signed offer names whom it reaches, and exactly what policy lets through.

    The handoff's list and package are those of the document that its originator signed.
    """
    claims = signed.verified.claims
    if claims["to"] != addressing.claimed(draft.inputs.address):
        raise refusals.InvalidDocument(
            "the offer names another organisation, or another event, than holds the competence: "
            "preview it, and sign the 'to' that the preview shows"
        )
    if sorted(claims["disclosures"]) != sorted(draft.permitted_disclosures):
        raise refusals.InvalidDocument(
            "the offer does not name exactly the parts that policy lets this recipient have, those "
            "of the routing and the conditions of use among them: preview it, and sign the list "
            "that the preview shows"
        )
    if claims.get("transfer_tool") != draft.inputs.transfer_tool:
        raise refusals.InvalidDocument(
            "the offer does not name the transfer tool by which the case goes to this recipient: "
            "preview it, and sign the 'transfer_tool' of the conditions"
        )
    return draft


def _as_named(
    signed: VerifiedRequest, draft: PreparedOffer, parts: Mapping[str, Element]
) -> PreparedOffer:
    """Take the offer of a remote member as its document has it: of what that names policy here may
    withhold more at each consultation, but nothing that says where the case belongs, and how it
    may be used."""
    claims = signed.verified.claims
    if claims["to"] != addressing.claimed(draft.inputs.address):
        raise refusals.InvalidDocument("the offer names another organisation, or mandate event")
    named = tuple(sorted(claims["disclosures"]))
    kept_back = set(named) - set(draft.permitted_disclosures)
    if any(parts[one].name in _ALWAYS for one in kept_back):
        raise refusals.NothingToOffer("policy here withholds what says where the case belongs")
    inputs = replace(draft.inputs, transfer_tool=claims.get("transfer_tool"))
    return replace(draft, inputs=inputs, permitted_disclosures=named)


_ALWAYS = frozenset(ROUTING_FIELDS) - {"embargo_source"}
"""What no policy withholds from who is offered a case by a remote member."""


def _selected(
    parts: Mapping[str, Element], wanted: OfferRequest, left_out: Collection[str]
) -> dict[str, Element]:
    """The parts that were asked for, and those that say where a case belongs, and how it may be
    used."""
    return {
        digest: part
        for digest, part in parts.items()
        if (part.group in wanted.groups or digest in wanted.digests or part.name in ROUTING_FIELDS)
        and digest not in left_out
    }


def _inputs(
    context: RequestContext,
    case: Case,
    version: CaseVersion,
    wanted: OfferRequest,
    word: str,
) -> SelectionInputs:
    """Raises what `resolve` raises, and ValidationFailed."""
    content = version.said.content
    context.help |= addressing.help_in_danger(
        context, content, wanted.organisation, wanted.competence
    )
    address = addressing.resolve(context, wanted.organisation, wanted.competence)
    recipient = context.see(address.organisation)
    if recipient is None:
        raise refusals.ValidationFailed((("/to", "no organisation of this gateway has that id"),))
    if recipient.slug == context.caller.organisation:
        raise refusals.ValidationFailed(
            (("/to", "a case is offered to another organisation than its own"),)
        )
    items = by_country(context, version, wanted, recipient, context.today.day)
    listed = {"elsewhere": items.elsewhere, "uncertain": items.uncertain}
    context.help |= {name: found for name, found in listed.items() if found}
    tool = tool_of(context, version, wanted, recipient)
    held_until = None
    if Purpose.REMOVE in wanted.purpose and "led" not in recipient.regimes:
        held_until = police_first.hold(context, case, recipient.slug, content["matter"])
    entities = context.entity(), context.entity(recipient)
    return SelectionInputs(case, *entities, address, word, items, tool, held_until)


def tool_of(
    context: RequestContext,
    version: CaseVersion,
    wanted: OfferRequest,
    recipient: Organisation,
) -> str | None:
    """Name what lets an offer go to a third country: a tool, or in imminent danger the derogation
    that its originator states."""
    barred = recipient.is_transfer_barred_on(context.today.day)
    if barred and wanted.derogation and states_danger(version):
        return DEROGATIONS["led" if "led" in cases.regimes_of(version.said.content) else "gdpr"]
    return recipient.transfer_tool_on(context.today.day)


def by_country(
    context: RequestContext,
    version: CaseVersion,
    wanted: OfferRequest,
    recipient: Organisation,
    day: date,
) -> addressing.ItemsByCountry:
    """The items of a removal offer by country (R8); a notice to a platform has them all."""
    if Purpose.REMOVE not in wanted.purpose or recipient.kind == "provider":
        return addressing.ItemsByCountry()

    def selected(item: DisclosedValue) -> bool:
        return "items" in wanted.groups or item.digest in wanted.digests

    explained = wanted.country_reason is not None
    return addressing.items_by_country(
        context, version.said, selected, recipient, day, explained=explained
    )


def authorize_offer(
    context: RequestContext,
    version: CaseVersion,
    wanted: OfferRequest,
    inputs: SelectionInputs,
) -> None:
    """Ask whether the case may be offered to this recipient; an update asks the same."""
    # Long: a line for each fact that policy decides by.
    case = inputs.case
    # Also of what is refused: the case is the caller's own, and so is the handoff of an update.
    context.about = replace(EventSubject.of_version(version), handoff=context.about.handoff)
    uncleared = breaks_glass(case)
    if uncleared and not states_danger(version):
        raise refusals.WrongState(
            f"a case is offered once it is cleared; this one is {case.state}. Only in imminent "
            "danger may it be offered before, where it says why it is urgent (urgency_reason)"
        )
    reader = context.require(inputs.address.organisation)
    measures, day = in_force(context.work, case, context.now), context.today.day
    resource = cases.entity_on(version, case.state, day, inputs.originator, measures)
    authorize(
        context,
        resource,
        {
            **facts_of_offer(context.ports, context.work, version, reader, day),
            **facts_of_crossing(
                context, version.said.content, context.organisation, reader, wanted.purpose
            ),
            "recipient": inputs.recipient,
            "competence": inputs.address.competence or "",
            "purpose": frozenset(wanted.purpose),
            "assurance": inputs.assurance,
            "derogation": is_derogation(inputs.transfer_tool),
            "competent_within": bool(context.help.get("instead")),
            "two_persons": wanted.by_two_persons,
            "country": str(inputs.items.match),
            "break_glass": uncleared,
            "police_first": inputs.held_until is not None,
            "recalled": any(
                one.covers(version.version, reader.slug)
                for one in context.work.cases.recalls(case.originator, case.id)
            ),
        },
        "handoff.offer",
        hidden=refusals.NotAddressable(NOT_ADDRESSABLE),
    )
    competence = parse_competence(wanted.competence or "")
    if competence is not None and competence[1] not in version.said.content["matter"]:
        raise refusals.ValidationFailed(
            (("/to/competence/matter", "the case is not about that matter"),)
        )
    if uncleared:
        _authorize_break_glass(context, version, resource, inputs, wanted)
    if wanted.expires_at is not None and wanted.expires_at <= context.now:
        raise refusals.WrongState("the offer would end before it begins: give a later 'expires_at'")


def facts_of_offer(
    ports: Ports,
    work: UnitOfWork,
    version: CaseVersion,
    recipient: Organisation,
    day: date,
) -> dict[str, Value]:
    """Collect what policy reads of a case version and a recipient wherever the one is offered to
    the other, also by the gateway, to a successor."""
    content, named = version.said.content, f"{version.originator}/{version.case}"
    return {
        "basis": cases.regimes_of(content),
        "attribution": content.get("attribution", ""),
        "released": is_released(ports.names(work), content, version.originator, recipient.slug),
        "conflict": has_conflict_of_interest(recipient, day, named, content),
        "third_country": recipient.is_transfer_barred_on(day),
        "addressable": work.organisations.has_system(recipient.slug)
        and recipient.is_attested(ports.now()),
    }


def _refuse_repeated(
    context: RequestContext, case: Case, recipient: str, wanted: OfferRequest
) -> None:
    """Refuse what the recipient has already, unless a reason is given."""
    if wanted.again is not None or not case.offered:
        return
    for one in context.work.handoffs.sent_of(case.originator, case.id):
        same = (one.recipient, one.case_digest) == (recipient, case.digest)
        if same and one.state in TAKEN_UP:
            raise refusals.AlreadyOffered(
                "This recipient already has this version, in a handoff that is open or closed."
                " To offer it again, give the reason in 'again'."
            )


def states_danger(version: CaseVersion) -> bool:
    """Tell whether a case is about an imminent danger, and says which."""
    content = version.said.content
    return content["urgency"] == Urgency.IMMINENT_DANGER and "urgency_reason" in content


def _authorize_break_glass(
    context: RequestContext,
    version: CaseVersion,
    resource: PolicyEntity,
    inputs: SelectionInputs,
    wanted: OfferRequest,
) -> None:
    """A case that is not cleared is offered in imminent danger, and in nothing else (R16)."""
    rules, content = context.rules, version.said.content
    facts: dict[str, Value] = {
        "urgency": content["urgency"],
        "urgency_reason": content["urgency_reason"],
        "explained": content["urgency_reason"] != "other" or bool(content.get("statements")),
        "recipient": inputs.recipient,
        "competence": inputs.address.competence or "",
        "purpose": frozenset(wanted.purpose),
    }
    authorize(context, resource, facts, "handoff.break_glass")
    context.rules = (*rules, *context.rules)


def take(
    context: RequestContext, case: Case, version: CaseVersion, wanted: OfferRequest
) -> results.OfferResult:
    """Make the offer of a remote member, of a version that its gateway presented; Forbidden beyond
    what its gateway may offer in a day."""
    gateway, day = str(context.caller.through), context.today.day
    peer = context.require(gateway).peer
    agreement = peer and peer.agreement_on(day)
    most, window = agreement.offers_a_day if agreement else 0, f"offers/{day.isoformat()}"
    if agreement and not context.work.budgets.consume(gateway, window, most):
        why = "your gateway made as many offers today as was agreed: make it on another day"
        raise refusals.Forbidden(why, ("R23.agreement",))
    inputs = _inputs(context, case, version, wanted, assurance(wanted.signed, context.caller))
    return _make(context, select_parts(context, wanted, version, inputs), wanted)


def _make(
    context: RequestContext, draft: PreparedOffer, wanted: OfferRequest
) -> results.OfferResult:
    """Store an offer that was decided, and record it."""
    inputs, version = draft.inputs, draft.version
    found = inputs.case
    require_not_older(wanted.signed, handoff_documents.read_time(version.said.claims))
    _refuse_repeated(context, found, inputs.address.organisation, wanted)
    signed = document_of(context, draft)
    handoff = Handoff(
        id=wanted.handoff,
        originator=context.caller.organisation,
        case=found.id,
        address=inputs.address,
        purpose=wanted.purpose,
        offered_at=context.now,
        due_at=None,  # that of the duty which follows
        break_glass=breaks_glass(found),
        **package_fields(context, draft, signed),
    )
    made = handoff, None, signed.compact(), context.now, context.event
    answer = made_of(*made, confirmed=inputs.assurance == CONFIRMED)
    due = duties.store_offer(context.ports, context.work, handoff, answer)
    index_package(context.ports, context.work, handoff, draft.version)
    if handoff.break_glass:
        duties.owe_clearance(context.ports, context.work, handoff, answer)
    if Purpose.REMOVE in handoff.purpose:
        context.work.cases.end_held_removal(found.originator, found.id, handoff.recipient)
    record_offer(context, handoff, wanted, signed, due=due)
    if is_remote(handoff.recipient):
        action = "handoff.offer"
        keep_sent(context, handoff, action, signed, context.event, stored=False)
    given = draft.permitted_disclosures, draft.withheld_groups, draft.to_reseal
    return _offered(context, handoff, answer, (*given, inputs.items.elsewhere))


def package_fields(
    context: RequestContext, draft: PreparedOffer, document: SdJwt
) -> dict[str, Any]:
    """Collect what a handoff says of its newest package, which an offer, or update, made. Its
    matters are those of the case, where the recipient may know them."""
    tool, end = draft.inputs.transfer_tool, draft.terms.expires_at
    permitted = frozenset(draft.permitted_disclosures)
    made = package_of(context.ports, draft.version, permitted, draft.conditions, document.digest)
    return {**made, "expires_at": end, "transfer_tool": tool}


def package_of(
    ports: Ports,
    version: CaseVersion,
    permitted: frozenset[str],
    conditions: Mapping[str, Any],
    offer_digest: str,
) -> dict[str, Any]:
    """Likewise, as far as it follows from the version of the case."""
    content = version.said.content
    shown = {one.name for one in version.said.placed if one.digest in permitted}
    return {
        "case_version": version.version,
        "case_digest": version.digest,
        "permitted_disclosures": permitted,
        "package_digest": handoff_documents.package_digest(permitted),
        "offer_digest": offer_digest,
        "conditions_digest": cases.conditions_digest(ports, version.digest, conditions),
        "urgency": Urgency(content["urgency"]),
        "matter": frozenset(content["matter"] if "matter" in shown else ()),
    }


def _offered_again(
    context: RequestContext, logged: LoggedEvent, wanted: OfferRequest
) -> results.OfferResult:
    answer = context.work.handoffs.answer_of(logged.event.id)
    handoff = answer and context.work.handoffs.get(answer.handoff)
    if not answer or not handoff:
        deny_as_not_found()
    claims = handoff_documents.read_offer(sd_jwt.read_stored(answer.document))
    version = read_version(context.work, claims.case_digest)
    day = context.ports.reference_date(handoff.offered_at).day
    items = by_country(context, version, wanted, context.require(handoff.recipient), day)
    asked = _selected(elements(version.said, context.organisation), wanted, items.left_out)
    permitted = tuple(sorted(claims.disclosures))
    withheld_groups = {part.group for digest, part in asked.items() if digest not in permitted}
    reseal = _to_reseal(version.said, asked, handoff.recipient)
    chosen = permitted, tuple(withheld_groups), reseal, items.elsewhere
    # Whatever was answered, updated or delayed since: a retry gets what the offer said.
    urgency = Urgency(version.said.content["urgency"])
    offered = replace(handoff, urgency=urgency, case_version=version.version)
    return _offered(context, offered, answer, chosen)


def record_offer(
    context: RequestContext,
    handoff: Handoff,
    wanted: OfferRequest,
    signed: SdJwt,
    *,
    due: datetime | None = None,
) -> None:
    """Record the offer, which says when its answer is ``due``, or the update that made a handoff's
    newest package; the offer is number 1 of the handoff's documents."""
    context.about = EventSubject.of_handoff(handoff)
    broken = handoff.break_glass and handoff.package == 1
    reasons = "; ".join(one for one in (wanted.again, wanted.country_reason) if one)
    spend_texts(context, handoff, [wanted.note or "", reasons])
    parties = events.parties_of(handoff)
    own = ("due", due.isoformat()) if due else ("sequence", str(handoff.sequence))
    second, originator = wanted.approved_by, frozenset({handoff.originator})
    given = addressing.whom_to_call(context.work, handoff)
    context.record(
        parties,
        events.shared("purpose", handoff.purpose, parties),
        *((events.shared("reason_code", "break_glass", parties),) if broken else ()),
        *events.reason(reasons, *parties),
        *((EventDetail("approved_by", second, originator),) if second is not None else ()),
        *((events.shared("contact", given.role, parties),) if given else ()),
        events.shared(*own, parties),
        package_digest=handoff.package_digest,
        document_sha256=signed.digest,
    )


def document_of(context: RequestContext, draft: PreparedOffer) -> SdJwt:
    """An offer, or update, as its originator signed it, or as the gateway attests it."""
    wanted = draft.terms
    if wanted.signed is not None:
        return wanted.signed.document
    to = addressing.claimed(draft.inputs.address)
    if wanted.draft:
        binds = {
            "handoff": str(wanted.handoff),
            "to": dict(to),
            "disclosures": sorted(set(draft.permitted_disclosures)),
            "case_digest": draft.version.digest,
            "updates": draft.updates,
            "change": draft.change,
        }
        return complete(context, wanted.draft, binds)
    home = context.names.home(draft.inputs.address.organisation)
    return handoff_documents.issue_offer(
        heading_of(context, wanted.draft, home),
        handoff=wanted.handoff,
        to=to,
        case_digest=draft.version.digest,
        disclosures=draft.permitted_disclosures,
        purpose=wanted.purpose,
        expires_at=wanted.expires_at,
        by=wanted.by,
        note=wanted.note,
        again=wanted.again,
        country_reason=wanted.country_reason,
        approved_by=wanted.approved_by,
        transfer_tool=draft.inputs.transfer_tool,
        updates=draft.updates,
        change=draft.change,
    )


def _offered(
    context: RequestContext,
    handoff: Handoff,
    answer: HandoffAnswer,
    chosen: tuple[
        Sequence[str],
        Sequence[str],
        Sequence[results.SealedReference],
        Sequence[results.ItemElsewhere],
    ],
) -> results.OfferResult:
    permitted_disclosures, withheld_groups, to_reseal, elsewhere = chosen
    return results.OfferResult(
        handoff=handoff.id,
        state=answer.state,
        case=handoff.case,
        version=handoff.case_version,
        to=handoff.address,
        due_at=duties.answer_due_at(context.ports, context.work, handoff),
        offer=answer.document,
        permitted_disclosures=sorted(permitted_disclosures),
        withheld_groups=sorted(withheld_groups),
        to_reseal=to_reseal,
        elsewhere=elsewhere,
        break_glass=handoff.break_glass,
        duty_contact=_duty_contact(context, handoff.urgency, handoff.recipient),
        telephone=addressing.whom_to_call(context.work, handoff),
    )
