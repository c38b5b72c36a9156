"""An offer, or update, as it is decided: whom it is for, and which parts policy lets through."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from gateway.domain import refusals
from gateway.domain.case import DISCLOSED, ROUTING_FIELDS, Case, CaseState, Element
from gateway.domain.decision import PolicyEntity, Value
from gateway.domain.duty import FOR_ON_DUTY
from gateway.domain.handoff import DEROGATIONS, Addressee, Handoff, is_derogation
from gateway.domain.interest import has_conflict_of_interest
from gateway.domain.json_values import Asked
from gateway.domain.mandate import parse_competence
from gateway.domain.measure import check_persons
from gateway.domain.organisation import GatewayNames, Organisation
from gateway.domain.revision import ChangeKind
from gateway.domain.vocabulary import Purpose, Urgency
from gateway.evidence.sd_jwt import DisclosedValue, VerifiedSdJwt
from gateway.exchange import results
from gateway.exchange.case import cases
from gateway.exchange.handoffs import addressing, police_first
from gateway.exchange.handoffs.crossing import facts_of_crossing
from gateway.exchange.signed_requests import VerifiedRequest
from gateway.exchange.standing.case_version import elements, in_force
from gateway.exchange.standing.conditions import is_released, offered_conditions
from gateway.exchange.standing.disclosure import Reader, select_disclosures
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.request import RequestContext, authorize
from gateway.kernel.values import CaseVersion

_BINDING = frozenset(DISCLOSED) - {"embargo_source"}
"""The conditions that every offer states; policy says who learns who set an embargo."""


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
class UpdateRequest(Asked):
    """What an originator sends in a handoff that is there.

    Without ``digests`` it is what the newest package has, as it is now; ``groups`` add all that is
    in them now. ``digests`` name the parts one by one instead. ``expires_at`` may only shorten.
    ``signed`` is the update itself, where its author signed it; its list is then ``digests``. Of a
    remote member's ``persons`` is how many decided there, and ``present`` stores the version that
    its gateway presented. ``draft``: see `signed_requests.complete`.
    """

    by: str
    groups: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    expires_at: datetime | None = None
    note: str | None = None
    signed: VerifiedRequest | None = None
    draft: str | None = None
    persons: int | None = None
    present: Callable[[RequestContext], object] | None = None


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
    asked = parts_asked(parts, wanted, inputs.items.left_out)
    confirmed, competence = wanted.confirmed, inputs.address.competence
    if confirmed is None:
        confirmed = frozenset(wanted.digests if wanted.by_two_persons else ())
    reader = Reader(inputs.recipient, competence, wanted.purpose, confirmed=confirmed)
    permitted, withheld = select_disclosures(context.ports.policy, asked, inputs.originator, reader)
    _require_worth_offering(asked, frozenset(permitted))
    reseal = to_reseal_of(verified, asked, inputs.recipient.id)
    draft = PreparedOffer(wanted, inputs, version, permitted, withheld, reseal)
    if wanted.signed is None:
        return draft
    relayed = context.caller.through is not None
    return (_as_named if relayed else _check_named)(wanted.signed, draft, parts)


def duty_contact_of(context: RequestContext, urgency: str, recipient: str) -> bool | None:
    """Of what is urgent, whether somebody is reached at the recipient at any hour."""
    return addressing.has_duty_contact(context, recipient) if urgency in FOR_ON_DUTY else None


def breaks_glass(case: Case) -> bool:
    """Tell whether an offer of a case goes before the second person: it is not cleared (R16)."""
    return case.state is not CaseState.CLEARED


def to_reseal_of(
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


def parts_asked(
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


def inputs_of(
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
    names = GatewayNames(ports.issuer, work.organisations.peers())
    return {
        "basis": cases.regimes_of(content),
        "attribution": content.get("attribution", ""),
        "released": is_released(names, content, version.originator, recipient.slug),
        "conflict": has_conflict_of_interest(recipient, day, named, content),
        "third_country": recipient.is_transfer_barred_on(day),
        "addressable": work.organisations.has_system(recipient.slug)
        and recipient.is_attested(ports.now()),
    }


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
