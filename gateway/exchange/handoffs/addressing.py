"""Whom an offer is for: the holder of a competence, those of items in other countries (R8), and
whom to address and call where an offer is refused in imminent danger."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from typing import Any
from uuid import UUID

from gateway.domain.handoff import Addressee, Handoff
from gateway.domain.hosting_country import CountryMatch, split_by_country
from gateway.domain.mandate import Mandate, format_competence, parse_competence, resolve_competence
from gateway.domain.organisation import DUTY_CONTACT, REACHED_FIRST, Organisation, OrganisationName
from gateway.domain.refusals import CaseKeysUnavailable
from gateway.domain.vocabulary import Matter, Urgency
from gateway.evidence.sd_jwt import DisclosedValue, VerifiedSdJwt
from gateway.exchange.results import EmergencyContact, ItemElsewhere
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.request import RequestContext

MOST_NAMED = 3
"""Organisations named beside the refusal of an offer about an imminent danger."""


def resolve(context: RequestContext, organisation: str | None, competence: str | None) -> Addressee:
    """The recipient of an offer: the organisation itself, or the holder of the competence on the
    reference date (R11), which is then recorded.

    Raises NoCompetentOrganisation and SeveralCompetentOrganisations.
    """
    named = parse_competence(competence or "")
    if named is None:
        return Addressee(str(organisation))
    function, matter, _ = named
    holders = context.work.organisations.holders(function, matter)
    key = format_competence(*named)
    mandate = resolve_competence(holders, key, context.today.day, organisation)
    return Addressee(mandate.organisation, mandate.key, mandate.registration_event)


def claimed(address: Addressee) -> dict[str, str]:
    """Whom an offer addresses, as its document claims it: an id of its audience."""
    to = {"organisation": OrganisationName(address.organisation).id}
    if address.competence is None:
        return to
    return {
        **to,
        "competence": address.competence,
        "mandate_event": str(address.mandate_event),
    }


# --- R8: items of other countries ---


@dataclass(frozen=True)
class ItemsByCountry:
    """Which of the selected items a removal offer leaves out: those ``elsewhere``, whose digests
    are ``left_out``. ``match`` is what policy compares. For other offers: none."""

    match: CountryMatch = CountryMatch.HERE
    left_out: frozenset[str] = frozenset()
    elsewhere: tuple[ItemElsewhere, ...] = ()
    uncertain: tuple[str, ...] = ()


def items_by_country(
    context: RequestContext,
    verified: VerifiedSdJwt,
    selected: Callable[[DisclosedValue], bool],
    recipient: Organisation,
    day: date,
    *,
    explained: bool,
) -> ItemsByCountry:
    """Split the selected items of a removal offer by country.

    The recipient's are those of the countries for which it holds take_down in a matter of the
    case; with a competence to route, also those that nobody removes. ``explained``: a reason was
    given why those of uncertain country are for it.
    """
    matters = verified.content["matter"]
    own = recipient.competences_on(day)
    removing = list(_holding(context, "take_down", matters, day))
    routing = list(_holding(context, "route", matters, day))
    routes = any(key.startswith(f"route/{matter}/") for key in own for matter in matters)

    def serves(country: str) -> bool:
        keys = {format_competence("take_down", matter, country) for matter in matters}
        return bool(keys & own) or (routes and all(c.territory != country for c in removing))

    placed = [one for one in verified.placed if one.name == "items" and one.in_array]
    digests = {str(one.value["id"]): one.digest for one in placed}
    chosen = {str(one.value["id"]) for one in placed if selected(one)}
    split = split_by_country([one.value for one in placed], chosen, serves)
    return ItemsByCountry(
        split.match(explained=explained),
        frozenset(digests[item] for item, _ in split.elsewhere),
        tuple(_elsewhere(context, *one, removing, routing) for one in split.elsewhere),
        split.uncertain,
    )


def _elsewhere(
    context: RequestContext,
    item: str,
    country: str,
    removing: Sequence[Mandate],
    routing: Sequence[Mandate],
) -> ItemElsewhere:
    there = [one for one in removing if one.territory == country]
    holders = [
        Addressee(one.organisation, one.key)
        for one in there or routing
        if one.organisation != context.caller.organisation
    ]
    return ItemElsewhere(UUID(item), country, not there, holders)


def _holding(
    context: RequestContext, function: str, matters: Sequence[str], day: date
) -> Iterator[Mandate]:
    for matter in matters:
        held = context.work.organisations.holders(function, matter)
        yield from (one for one in held if one.holds(day))


# --- An imminent danger ---


def help_in_danger(
    context: RequestContext, content: Mapping[str, Any], organisation: str | None, key: str | None
) -> dict[str, Any]:
    """Return what the refusal of an offer says in imminent danger: whom to address instead
    of the one that was tried, nearest first, and which numbers to call. Nothing for other cases.

    Public authorities alone are named: no declared interest closes these (R9).
    """
    if content["urgency"] != Urgency.IMMINENT_DANGER:
        return {}
    return {
        "instead": _authorities(context, content["matter"], (organisation, key), lambda _: True),
        "emergency_numbers": numbers_to_call(context.ports, content["matter"]),
    }


def numbers_to_call(ports: Ports, matters: Collection[str]) -> tuple[str, ...]:
    """Return the emergency numbers for a case: those for children where one may be concerned."""
    concerns_child = any(ports.policy.matters[Matter(one)].child != "no" for one in matters)
    return (*ports.emergency_numbers, *(ports.child_numbers if concerns_child else ()))


def authorities_on_duty(
    context: RequestContext, matters: Sequence[str], address: Addressee
) -> list[Addressee]:
    """Public authorities beside the one that is addressed where somebody is reached at any hour."""
    tried = address.organisation, address.competence
    return _authorities(context, matters, tried, lambda slug: has_duty_contact(context, slug))


def has_police(context: RequestContext, matters: Sequence[str]) -> bool:
    """Tell whether a law enforcement authority receives or investigates cases of these matters."""
    return any(
        "led" in context.require(one.organisation).regimes
        for function in ("receive", "investigate")
        for one in _holding(context, function, matters, context.today.day)
    )


def has_duty_contact(context: RequestContext, organisation: str) -> bool:
    """Tell whether somebody is reached at an organisation at any hour."""
    return context.work.organisations.has_contact(organisation, DUTY_CONTACT)


def whom_to_call(work: UnitOfWork, handoff: Handoff) -> EmergencyContact | None:
    """Whom its originator telephones about an imminent danger: the recipient's duty contact, else
    its liaison or head. None also while the keys of contacts are not there: no offer waits for
    them."""
    if handoff.urgency is not Urgency.IMMINENT_DANGER:
        return None
    try:
        found = {one.role: one for one in work.organisations.contacts(handoff.recipient)}
    except CaseKeysUnavailable:
        return None
    one = next((found[role] for role in REACHED_FIRST if role in found), None)
    return None if one is None else EmergencyContact(one.role, one.name, one.address)


def _authorities(
    context: RequestContext,
    matters: Sequence[str],
    tried: tuple[str | None, str | None],
    fits: Callable[[str], bool],
) -> list[Addressee]:
    """Public authorities with a system that receive or investigate, nearest first.

    Not the organisation and competence that were ``tried``.
    """
    asked = parse_competence(tried[1] or "")
    near = asked[2] if asked else context.organisation.country
    found = list[tuple[bool, Addressee]]()
    for function in ("receive", "investigate"):
        for one in _holding(context, function, matters, context.today.day):
            holder = context.require(one.organisation)
            reachable = context.work.organisations.has_system(holder.slug) and fits(holder.slug)
            other = (one.organisation, one.key) != tried
            own = holder.slug == context.caller.organisation
            if holder.public_authority and reachable and other and not own:
                found.append((one.territory != near, Addressee(holder.slug, one.key)))
    found.sort(key=itemgetter(0))  # stable: those of one distance stay in their order
    return [addressee for _, addressee in found[:MOST_NAMED]]
